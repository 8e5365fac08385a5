"""The runs of a sweep as they are found in a folder of runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from epochal.core.errors import RunFolderError, RunNotFoundError, did_you_mean
from epochal.sweeps.plan import MARK

if TYPE_CHECKING:
    from epochal.read.metrics import MetricInfo

PRUNED = "pruned"
"""The tag of a run that an optimizer ended early because it promised nothing."""


class Found(NamedTuple):
    """A run of a sweep.

    Attributes:
        id, created_s: of the run.
        state: as of the run, or "pruned".
        mark: what its summary says of the trial.
        metric: the metric that was asked for, None if the run has none of that name.
    """

    id: str
    created_s: float
    state: str
    mark: Mapping[str, Any]
    metric: MetricInfo | None


def find(dir: str, name: str, project: str | None, metric: str | None = None) -> list[Found]:
    """Return the runs of a sweep, newest first; none if there is no such folder or sweep."""
    from epochal.read.project import open as open_project

    try:
        opened = open_project(dir, project)
    except RunFolderError:
        return []
    with contextlib.closing(opened):
        runs = opened.runs()
        groups = runs.values("group")
        views = [run for run, group in zip(runs, groups, strict=True) if group == name]
        return [
            _found(view, mark, metric)
            for view in views
            if isinstance(mark := view.summary.get(MARK), dict)
            and {"trial", "variant"} <= set(mark)
        ]


def none_found(dir: str, name: str, project: str | None) -> RunNotFoundError:
    """Return the error that says that there is no sweep of a name."""
    from epochal.read.project import open as open_project

    known: list[str] = []
    with contextlib.suppress(RunFolderError), contextlib.closing(open_project(dir, project)) as p:
        known = [group for group in p.runs().values("group") if group]
    return RunNotFoundError(f"there is no sweep {name!r} in {dir}{did_you_mean(name, set(known))}")


def latest(found: list[Found]) -> dict[str, Found]:
    """Return one run for each trial: its newest finished one, else its newest one."""
    chosen: dict[str, Found] = {}
    for run in sorted(found, key=lambda each: each.created_s):
        before = chosen.get(run.mark["trial"])
        if before is None or run.state == "finished" or before.state != "finished":
            chosen[run.mark["trial"]] = run
    return chosen


def _found(view: Any, mark: Mapping[str, Any], metric: str | None) -> Found:
    state = PRUNED if view.state == "finished" and PRUNED in view.tags else view.state
    info = view.metrics.get(metric) if metric is not None else None
    return Found(view.id, view.created_s, state, mark, info)
