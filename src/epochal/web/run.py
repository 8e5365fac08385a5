"""What is told of one run: ``/api/run/ID`` and its texts."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from epochal.store import folder
from epochal.web import query
from epochal.web.answers import getting
from epochal.web.integers import exact
from epochal.web.runs import ordinals

if TYPE_CHECKING:
    from epochal.read.view import RunView
    from epochal.web.state import State

_STARTED = ("argv", "cwd")

TEXT_CHARS = 4 << 20
"""Of more text under one key only the latest is sent."""


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def run(request: Request) -> Any:
        run_id = request.path_params["id"]
        view, place = state.view(run_id), state.known(run_id).place
        ordinal = ordinals(state.runs(place.slug)).get(place.dir)
        return {**about(view, state.root, place.slug), "ordinal": ordinal}

    def texts(request: Request) -> Any:
        view = state.view(request.path_params["id"])
        key = query.text(request, "key")
        return logged_texts(view, key) if key else {"keys": text_keys(view)}

    return [getting("/api/run/{id}", run), getting("/api/run/{id}/texts", texts)]


def about(view: RunView, root: str, slug: str) -> dict[str, Any]:
    """Return everything about a run but its points, media, texts, console and files.

    Args:
        view: the run.
        root: the folder of all runs.
        slug: of its project.
    """
    environment = view.environment
    git = {**(environment.pop("git", None) or {}), **view.git}
    diff = git.pop("diff", None) or {}
    # Where the environment was not looked into, what the start itself said is known.
    started = folder.describe(view.dir)
    environment = {**{key: started[key] for key in _STARTED if key in started}, **environment}
    annotations = [asdict(each) for each in view.annotations]  # before what is said of damage
    return {
        "id": view.id, "name": view.name, "project": view.project, "group": view.group,
        "slug": slug,
        "folder": os.path.relpath(view.dir, root),
        "state": view.state, "error": view.error, "tags": view.tags, "notes": view.notes,
        "seed": exact(view.seed), "created_s": view.created_s, "duration_s": view.duration_s,
        "steps": view.steps, "host": view.host, "config": exact(view.config),
        "command": shlex.join(map(str, environment.get("argv") or ())), "environment": environment,
        "git": {
            **git, "diff": str(diff.get("text", "")), "diff_truncated": bool(diff.get("truncated")),
        },
        **_results(view),
        "sessions": [asdict(each) for each in view.sessions], "ranks": view.ranks,
        "fork": view.fork, "missing_parent": view.missing_parent,
        "alerts": view.alerts, "problems": view.problems, "refused": view.refused,
        "lost": view.lost, "damage": view.damage,
        "annotations": annotations,
    }  # fmt: skip


def _results(view: RunView) -> dict[str, Any]:
    """Return the statistics of all metrics, and what the training said itself."""
    from epochal.read.metrics import MetricSummary  # NumPy: not before the first byte

    metrics = view.metrics
    said: Mapping[str, Any] = view.summary
    return {
        "metrics": list(metrics),
        "summary": {
            name: {
                **exact(each.summary.to_dict()), "unit": each.definition.unit,
                "goal": each.definition.goal, "x": each.definition.x,
                "range": each.definition.range, "rule": each.definition.summary,
            }
            for name, each in metrics.items()
        },
        "user_summary": exact(
            {name: each for name, each in said.items() if not isinstance(each, MetricSummary)}
        ),
    }  # fmt: skip


def text_keys(view: RunView) -> list[dict[str, Any]]:
    """Return the keys under which texts were logged, with their counts and steps."""
    found = []
    for key in view.text_keys():
        steps = [each.step for each in view.texts(key)]
        known = sorted({step for step in steps if step is not None})
        found.append({"key": key, "type": "text", "count": len(steps), "steps": known})
    return found


def logged_texts(view: RunView, key: str) -> dict[str, Any]:
    """Return the texts of a key in order, the latest ones if they are very many.

    Args:
        view: the run.
        key: under which they were logged; none under an unknown one.
    """
    found = view.texts(key)
    room, first = TEXT_CHARS, len(found)
    while first and room >= len(found[first - 1].text):
        first -= 1
        room -= len(found[first].text)
    return {
        "key": key, "total": len(found), "left_out": first,
        "items": [asdict(each) for each in found[first:]],
    }  # fmt: skip
