"""What has changed since a tab asked the last time: ``/api/changes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from epochal.web.answers import getting
from epochal.web.known import Known
from epochal.web.watcher import MOST_CHANGED

if TYPE_CHECKING:
    from epochal.web.state import State


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def changes(request: Request) -> dict[str, Any]:
        project = request.query_params.get("project")
        watcher = state.watcher
        watcher.look()
        name, _, number = request.query_params.get("cursor", "").partition("-")
        mine = name == watcher.name and number.isdecimal() and len(number) < 20
        found = watcher.since(int(number) if mine else -1, project)
        full = found.unknown or not mine or len(found.changed) > MOST_CHANGED
        return {
            "cursor": f"{watcher.name}-{found.version}",
            "running": watcher.running(project),
            "changed": {} if full else _told(found.changed),
            "gone": [] if full else found.gone,
            "full": full,
        }

    return [getting("/api/changes", changes)]


def _told(changed: dict[str, Known]) -> dict[str, Any]:
    return {
        run_id: {**known.facts._asdict(), "version": known.version}
        for run_id, known in changed.items()
        if known.facts is not None
    }
