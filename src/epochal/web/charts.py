"""The charts that people have made of a project: ``/api/charts``.

They lie in ``.dashboard/charts.json`` of the project's folder, so they go where the runs go.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from epochal.core.atomic import write_atomically
from epochal.core.errors import RunFolderError, RunNotFoundError
from epochal.core.problems import logger
from epochal.core.system import open_plain
from epochal.web.answers import RefusedError, getting, is_number, posting, to_json

if TYPE_CHECKING:
    from epochal.web.state import State

FOLDER, FILE = ".dashboard", "charts.json"
MOST_BYTES, MOST_CHARTS, MOST_METRICS, LONGEST = 200_000, 200, 100, 512
KINDS = ("line", "scatter", "bar")


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def read(request: Request) -> dict[str, Any]:
        folder = _folder(state, request)
        return {"charts": saved(folder) if _is_shown(state, folder) else []}

    def write(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        folder = _folder(state, request)
        if not _is_shown(state, folder):
            message = "only one run is shown: charts are saved with a project's folder"
            raise RefusedError(409, message)
        charts = checked(body.get("charts"))
        with state.writing:
            save(folder, charts)
        return {"charts": charts}

    return [getting("/api/charts", read), posting("/api/charts", write)]


def saved(project: str) -> list[dict[str, Any]]:
    """Return the charts of a project's folder; none if the file is absent or cannot be used."""
    path = os.path.join(project, FOLDER, FILE)
    try:
        _check_folder(project)
        with open_plain(path) as file:
            body = json.loads(file.read(MOST_BYTES + 1))
        return checked(body["charts"])
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError, RefusedError) as error:
        logger.warning("%s is not used: %s", path, error)  # whatever it is, it is no chart
        return []


def save(project: str, charts: list[dict[str, Any]]) -> None:
    """Replace the charts of a project.

    Raises:
        RefusedError: they are too large.
        RunFolderError: the folder cannot be written.
    """
    body = to_json({"format": 1, "charts": charts})
    if len(body) > MOST_BYTES:
        raise RefusedError(413, f"saved charts have at most {MOST_BYTES:,} bytes in all")
    folder = os.path.join(project, FOLDER)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)  # not the project's folder, which may be gone
        _check_folder(project)
        write_atomically(os.path.join(folder, FILE), body)
    except OSError as error:
        message = f"cannot write to {folder}: {error.strerror or error}"
        raise RunFolderError(message) from error


def checked(charts: Any) -> list[dict[str, Any]]:
    """Return charts with what belongs to them and nothing else.

    Raises:
        RefusedError: they are none.
    """
    if not isinstance(charts, list) or len(charts) > MOST_CHARTS:
        raise RefusedError(400, f"charts is a list of at most {MOST_CHARTS} charts")
    return [_chart(each) for each in charts]


def _chart(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise RefusedError(400, "a chart is an object")
    metrics, smoothing = given.get("metrics"), given.get("smoothing", 0)
    if not isinstance(metrics, list) or not 1 <= len(metrics) <= MOST_METRICS:
        raise RefusedError(400, f"a chart has 1 to {MOST_METRICS} metrics")
    if not is_number(smoothing) or not 0 <= smoothing < math.inf:
        raise RefusedError(400, "smoothing is a half-life in steps, 0 for none")
    kind = given.get("kind", "line")
    if kind not in KINDS:
        raise RefusedError(400, f"kind is one of {', '.join(KINDS)}")
    group = given.get("group")
    return {
        "title": _text(given.get("title", ""), "title"),
        "metrics": [_text(each, "a metric") for each in metrics],
        "x": _text(given.get("x", "step"), "x"),
        "log": given.get("log") is True,
        "smoothing": smoothing,
        "group": None if group is None else _text(group, "group"),
        "kind": kind,
    }


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise RefusedError(400, f"{name} is text of at most {LONGEST} characters")
    return value


def _folder(state: State, request: Request) -> str:
    slug = request.query_params.get("project", "")
    state.watcher.look()
    folder = state.folders.folder_of(slug)
    if folder is None:
        raise RunNotFoundError(f"there is no project {slug[:80]!r}")
    return folder


def _is_shown(state: State, project: str) -> bool:
    """Say whether a project is below the folder that is served; not if that is a run's."""
    return os.path.commonpath([project, state.root]) == state.root


def _check_folder(project: str) -> None:
    """Refuse a link in place of the folder: it would lead out of the project."""
    if not stat.S_ISDIR(os.lstat(os.path.join(project, FOLDER)).st_mode):
        raise OSError(f"{FOLDER} is no folder")
