"""The application: our own few routes and Gradio's page, behind the guard of the dashboard."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

import epochal
from epochal.control.gate import Files, Gate
from epochal.control.panel import Panel
from epochal.core.optional import require
from epochal.web import answers, login
from epochal.web.answers import RefusedError
from epochal.web.security import RIGHT, Guard, Policy

STATIC = os.path.join(os.path.dirname(__file__), "static")
LOGIN_FILES = {"login.js": "text/javascript", "login.css": "text/css"}
PAGE_FILES = {"control.js": "text/javascript", "control.css": "text/css"}


def build(panel: Panel, guard: Policy) -> Starlette:
    """Return the application of a panel.

    Call :func:`epochal.control.silence.silence` before.

    Args:
        panel: what it shows.
        guard: whom it answers.

    Raises:
        MissingExtraError: Gradio is not installed.
    """
    files = Files(*(f"/panel/{name}?v={_digest(name)}" for name in PAGE_FILES))
    app = Starlette(
        routes=[*_routes(panel, guard), Mount("/", Gate(_gradio(panel), files))],
        middleware=[Middleware(Guard, policy=guard, login_page=lambda: _login_page(401))],
        exception_handlers=answers.handlers(panel.places.root),
    )
    app.router.redirect_slashes = False
    return app


def _gradio(panel: Panel) -> Any:
    """Return Gradio's application."""
    gradio = require("gradio", extra="control", why="epochal control")
    from epochal.control import page

    theme = gradio.themes.Default(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"],
        text_size=gradio.themes.sizes.text_sm, spacing_size=gradio.themes.sizes.spacing_sm,
        radius_size=gradio.themes.sizes.radius_sm,
    )  # fmt: skip
    holder = Starlette()
    gradio.mount_gradio_app(
        holder, page.build(panel), path="/", theme=theme, footer_links=[], run_history=False,
        ssr_mode=False, pwa=False, mcp_server=False, enable_monitoring=False, show_error=False,
        allowed_paths=[], blocked_paths=["/"], max_file_size=1,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )  # fmt: skip
    return holder


def _routes(panel: Panel, guard: Policy) -> list[Any]:
    def health(request: Request) -> dict[str, Any]:
        known = request.scope.get(RIGHT) == "write"
        return {"ok": True, "version": epochal.__version__, "in": known}

    def own_file(request: Request) -> Response:
        return _file(request.path_params["file"], PAGE_FILES)

    def login_file(request: Request) -> Response:
        return _file(os.path.basename(request.scope["path"]), LOGIN_FILES)

    def figure(request: Request) -> Response:
        found = panel.figures.picture(request.path_params["token"], request.path_params["file"])
        if found is None:
            raise RefusedError(404, "this figure is not kept any more: draw it again")
        return _download(found.body, found.media_type, found.name)

    def document(request: Request) -> Response:
        found = panel.document(request.path_params["token"])
        if found is None:
            raise RefusedError(404, "this file is not kept any more: make it again")
        name, text = found
        return _download(text.encode(), "application/json", name)

    return [
        answers.getting("/health", health),
        Route("/login", lambda _request: _login_page(200), methods=["GET"]),
        *(route for route in login.routes(guard) if route.path in ("/api/login", "/api/logout")),
        *(Route(f"/static/{name}", login_file, methods=["GET"]) for name in LOGIN_FILES),
        Route("/panel/{file}", own_file, methods=["GET"]),
        Route("/panel/figure/{token}/{file}", figure, methods=["GET"]),
        Route("/panel/document/{token}", document, methods=["GET"]),
    ]


def _file(name: str, known: dict[str, str]) -> Response:
    if name not in known:
        raise RefusedError(404, "there is no such file")
    with open(os.path.join(STATIC, name), "rb") as file:
        return Response(file.read(), media_type=known[name])


def _login_page(status: int) -> Response:
    with open(os.path.join(STATIC, "login.html"), "rb") as file:
        body = file.read()
    csp = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    headers = {"content-security-policy": f"{csp} base-uri 'none'; frame-ancestors 'none'"}
    return Response(body, status, headers, media_type="text/html")


def _download(body: bytes, media_type: str, name: str) -> Response:
    """Return bytes to show, or with a name to save; the name is a slug and an ending."""
    headers = {"content-security-policy": "default-src 'none'; sandbox"}
    if name:
        headers["content-disposition"] = f'attachment; filename="{name}"'
    return Response(body, 200, headers, media_type=media_type)


def _digest(name: str) -> str:
    with open(os.path.join(STATIC, name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:16]
