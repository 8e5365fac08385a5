"""The application: one table of routes behind one guard."""

from __future__ import annotations

import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import epochal
from epochal.web import (
    annotate,
    answers,
    changes,
    charts,
    compare,
    console,
    files,
    login,
    media,
    pages,
    paper,
    run,
    runs,
    series,
)
from epochal.web.security import RIGHT, Guard, Policy
from epochal.web.state import State

MODULES = (
    pages, runs, changes, annotate, charts, series, run, media, console, files, compare, paper,
)  # fmt: skip
"""Each has ``routes(state)``."""


def table(state: State, policy: Policy) -> list[Route]:
    """Return every route that the server has."""
    routes = [*_routes(state), *login.routes(policy)]
    for module in MODULES:
        routes += module.routes(state)
    return routes


def build(state: State, policy: Policy) -> Starlette:
    """Return the application."""

    def login_page() -> Any:
        return pages.login_page(state.assets)

    app = Starlette(
        routes=table(state, policy),
        middleware=[Middleware(Guard, policy=policy, login_page=login_page)],
        exception_handlers=answers.handlers(state.root),
    )
    app.router.redirect_slashes = False
    return app


def _routes(state: State) -> list[Route]:
    async def health(request: Request) -> Response:  # it needs no thread, and waits for none
        return answers.json_answer(request, {"ok": True, "version": epochal.__version__})

    def about(request: Request) -> dict[str, Any]:
        return {
            "version": epochal.__version__,
            "root": os.path.basename(state.root),
            "write": request.scope.get(RIGHT) == "write",
            "control": state.control,
            "assets": not state.assets.missing,
        }

    return [Route("/health", health, methods=["GET"]), answers.getting("/api/about", about)]
