"""``write``: chosen runs as one HTML file that opens from disk and asks nobody for anything.

The file holds the dashboard's own modules and what the server answers about the runs, recorded
once.  What has no place in it: media, console, files, the code's differences, verdicts and papers.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from starlette.applications import Starlette

import epochal
from epochal.core.atomic import write_atomically
from epochal.core.errors import RunNotFoundError, SettingError
from epochal.core.names import slug
from epochal.read.project import Project
from epochal.store import folder
from epochal.store.catalog_file import database_path
from epochal.web import answers, charts, compare, run, runs, series
from epochal.web.asking import Asked
from epochal.web.export_frames import Container
from epochal.web.export_page import document
from epochal.web.export_summary import Summary
from epochal.web.state import State

POINTS = 400
RUNS_AT_ONCE = 50
AXES = ("", "step")
"""x-axes of saved charts that the file has; the first is that of the page."""
LEFT_OUT = ("cwd", "argv")


class Exported(NamedTuple):
    """What was written: runs, metrics, and the file's size in bytes."""

    runs: int
    metrics: int
    bytes: int


def write(
    path: str | os.PathLike[str], run_dirs: Sequence[str], *, filter: str | None = None,
    points: int = POINTS, mean_only: bool = False, title: str = "",
) -> Exported:  # fmt: skip
    """Write runs into one HTML file.

    Args:
        path: the file; one that is there is replaced.
        run_dirs: the runs' folders.
        filter: only runs that pass, see :mod:`epochal.read.filters`.
        points: buckets of each series; each has its mean, minimum and maximum.
        mean_only: leave minimum and maximum out, which takes a third of the room.
        title: of the page, in the window's title and on top of it; default: Epochal.

    Raises:
        RunNotFoundError: no runs are given, or none passes.
        SettingError: too many pass, or the file cannot be one.
        FilterError: the filter is not valid.
        RunFolderError: the dashboard's files are missing in this installation.
        DamageError: a run's files are damaged.
        OSError: the file cannot be written.
    """
    _check_target(path)
    with tempfile.TemporaryDirectory(prefix="epochal-export-") as temporary:
        root = os.path.join(temporary, "runs")
        _link(run_dirs, root)
        state = State(root)
        try:
            count = _choose(state.project, filter)
            content, table, kept = _content(state, points, title, mean_only=mean_only)
        finally:
            state.close()
            _forget_index(root)
    names = sorted({str(each["name"]) for each in table})
    summary = Summary(table, kept)
    page = document(title or f"Epochal: {', '.join(names)}", content, summary)
    write_atomically(path, page, private=False)
    return Exported(count, len(summary.metrics), len(page))


def _check_target(path: str | os.PathLike[str]) -> None:
    """Refuse what only fails, or does harm, when everything has been read."""
    above = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(above):
        raise SettingError(f"there is no folder {above}: make it first")
    if os.path.lexists(path) and not os.path.isfile(path):  # a device would be replaced
        raise SettingError(f"{os.fspath(path)} is no file: name one to write or replace")


def _link(run_dirs: Iterable[str], root: str) -> None:
    """Make a folder of runs of links to folders that may lie anywhere, whatever their names."""
    os.makedirs(root)
    for run_dir in run_dirs:
        about = folder.describe(run_dir)
        below = os.path.join(root, slug(str(about["project"])))
        os.makedirs(below, exist_ok=True)
        link = os.path.join(below, f"run-00000000-000000-{about['id']}")
        if not os.path.lexists(link):  # else it is a copy of a run that is there already
            os.symlink(os.path.abspath(run_dir), link)


def _forget_index(root: str) -> None:
    """Delete the index of a folder that is no longer there."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(database_path(root) + suffix)


def _choose(project: Project, expression: str | None) -> int:
    """Remove the links to runs that do not pass; return how many are left."""
    every = project.runs()
    kept = {run.dir for run in (project.runs(expression) if expression else every)}
    if not kept:
        reason = f"none of {len(every):,} runs passes the filter" if every else "there are no runs"
        raise RunNotFoundError(f"{reason}: nothing is exported")
    if len(kept) > series.MOST_RUNS:
        raise SettingError(
            f"{len(kept):,} runs are too many for one file: choose {series.MOST_RUNS:,} at most,"
            " such as with a filter"
        )
    for each in every:
        if each.dir not in kept:
            os.unlink(each.dir)
    return len(kept)


def _content(
    state: State, points: int, title: str, *, mean_only: bool
) -> tuple[bytes, list[dict[str, Any]], dict[str, Any]]:  # fmt: skip
    """Return the container, what the server says of each project, and its recorded answers."""
    # No second answer brings the curves for which there was no time in the first.
    routes = [*runs.routes(state, curves_s=math.inf),
              *(route for module in (run, series, compare)
                for route in module.routes(state))]  # fmt: skip
    asked = Asked(Starlette(routes=routes, exception_handlers=answers.handlers(state.root)))
    while (listed := asked.get("/api/projects"))["indexing"]:
        time.sleep(0.05)
    kept: dict[str, Any] = {"/api/projects": {**listed, "indexing": None}}
    kept["/api/about"] = _about(title)
    frames = Container(mean_only=mean_only)
    tables, shown = {}, []
    for project in listed["projects"]:
        name = project["slug"]
        table = asked.get("/api/runs", project=name)
        tables[name] = table
        shown.append({**project, "runs": table})
        folder_of_it = os.path.join(state.root, name)
        kept[f"/api/charts?project={name}"] = {"charts": _saved_charts(folder_of_it)}
        metrics = [each["name"] for each in table["metrics"]]
        for run_id in table["id"]:
            kept[f"/api/run/{run_id}"] = _without(asked.get(f"/api/run/{run_id}"))
            for first in range(0, len(metrics), series.MOST_METRICS):
                some = metrics[first : first + series.MOST_METRICS]
                frames.add(_series(asked, run_id, some, points))
    ids = [run_id for table in tables.values() for run_id in table["id"]]
    more = {"answers": kept, "runs": tables, "diff": _differences(asked, ids)}
    return frames.body(more), shown, kept


def _saved_charts(links: str) -> list[dict[str, Any]]:
    """Return the charts saved beside the runs that a project's folder has links to."""
    with os.scandir(links) as entries:
        folders = {os.path.dirname(os.readlink(each)) for each in entries}
    found: list[dict[str, Any]] = []
    for path in sorted(folders):
        found += [each for each in charts.saved(path) if each["x"] in AXES and each not in found]
    return found


def _series(asked: Asked, run_id: str, metrics: Sequence[str], points: int) -> bytes:
    """Return the series of one run, by itself: a short one is as fine as a long one beside it."""
    body = {
        "runs": [run_id], "metrics": metrics, "x": "step", "range": None, "width": points,
        "lead": 0, "counts": True,
    }  # fmt: skip
    return asked.post("/api/series", body)


def _about(title: str) -> dict[str, Any]:
    return {
        "title": title, "version": epochal.__version__, "root": "", "write": False, "control": None,
        "assets": True, "exported_s": time.time(),
    }  # fmt: skip


def _without(about: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a run without its code's differences and places of this machine."""
    git = {key: value for key, value in (about.get("git") or {}).items() if key != "diff"}
    environment = {k: v for k, v in (about.get("environment") or {}).items() if k not in LEFT_OUT}
    return {**about, "git": git, "environment": environment, "folder": "", "command": ""}


def _differences(asked: Asked, ids: Sequence[str]) -> dict[str, Any]:
    """Return the values of everything that runs can differ in, for all runs."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    places = {run_id: place for place, run_id in enumerate(ids)}
    for first in range(0, len(ids), RUNS_AT_ONCE):
        some = list(ids[first : first + RUNS_AT_ONCE])
        if len(some) == 1:
            some.append(ids[0])  # a difference needs two
        if len(set(some)) == 1:
            break
        found = asked.get("/api/diff", runs=",".join(some))
        for row in found["rows"]:
            key = (row["kind"], *map(str, row["path"]))
            mine = rows.setdefault(key, {**row, "values": [None] * len(ids)})
            for run_id, value in zip(some, row["values"], strict=True):
                mine["values"][places[run_id]] = value
    told = ("path", "kind", "values", "rule")
    kept = ({k: row[k] for k in told if k in row} for row in rows.values())
    return {"runs": list(ids), "rows": list(kept)}
