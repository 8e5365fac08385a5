"""Scores of several methods on several tasks, given as numbers or taken from runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epochal.analyze import replicates as keys
from epochal.analyze.groups import Group, find_groups, seed_key
from epochal.analyze.score_tables import table
from epochal.core.errors import EvidenceError
from epochal.present.figures.standings import left_out
from epochal.present.figures.words import count
from epochal.present.panel import Array
from epochal.present.sources import runs_of
from epochal.read.view import RunView


@dataclass(frozen=True, eq=False)
class TaskScores:
    """Scores by method.

    Attributes:
        scores: method → shape (n_runs, n_tasks); the same tasks in the same order for all.
        tasks: their names; empty if they have none.
        goal: "maximize" or "minimize".
        metric: what the scores are.
        runs: they are from.
        notes: what a reader must know.
    """

    scores: Mapping[str, Array]
    tasks: tuple[str, ...] = ()
    goal: str = "maximize"
    metric: str = "score"
    runs: tuple[RunView, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def shape(self) -> tuple[list[int], int]:
        """Numbers of runs of the methods, and the number of tasks."""
        shapes = [each.shape for each in self.scores.values()]
        return [each[0] for each in shapes], shapes[0][1]


def task_scores(
    given: Any, *, metric: str | None = None, task: str | None = None, by: Any = None,
    statistic: str | None = None, goal: str | None = None,
) -> TaskScores:  # fmt: skip
    """Return scores from numbers or from runs.

    Args:
        given: method → shape (n_runs, n_tasks), or shape (n_tasks,) for one run of each task; or
            runs, as figures take them.
        metric: of runs: its name.
        task: of runs: the config key that says which task it is.
        by: of runs: config keys that tell methods apart; default: all that differ.
        statistic: of runs: which number of a run counts.
        goal: "maximize" or "minimize"; default: of runs as the metric is defined, else "maximize".

    Raises:
        EvidenceError: shapes that do not fit, NaN, or runs that do not make a full table.
    """
    if isinstance(given, Mapping):
        return _of_numbers(given, goal)
    if isinstance(given, np.ndarray):
        raise EvidenceError("an array does not say which methods it is of: give {name: scores}")
    if metric is None or task is None:
        missing = "metric" if metric is None else "task"
        message = (
            f"scores of runs need {missing}=: the metric, and the config key that says which task a"
            " run is of, such as task='config.env'"
        )
        raise EvidenceError(message)
    return _of_runs(runs_of(given), metric, task, by, statistic, goal)


def _of_numbers(given: Mapping[Any, Any], goal: str | None) -> TaskScores:
    found: dict[str, Array] = {}
    for name, scores in given.items():
        array = np.asarray(scores)
        rows = array[None] if array.ndim == 1 else array
        found[str(name)] = table(rows, name=f"the scores of {name}", infinite=True)
    widths = {name: array.shape[1] for name, array in found.items()}
    if not found or len(found) < len(given):
        raise EvidenceError("give the scores of at least one method, each under a name of its own")
    if len(set(widths.values())) > 1:
        words = ", ".join(f"{name} {width:,}" for name, width in widths.items())
        raise EvidenceError(f"the methods have different numbers of tasks: {words}")
    return TaskScores(found, goal=goal or "maximize")


def _of_runs(
    views: Sequence[RunView], metric: str, task: str, by: Any, statistic: str | None,
    goal: str | None,
) -> TaskScores:  # fmt: skip
    wanted = None if by is None else [*([by] if isinstance(by, str) else by), task]
    groups = find_groups(views, by=wanted, metric=metric, statistic=statistic, goal=goal)
    path = task.removeprefix("config.")
    cells: dict[str, dict[str, Group]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for group in groups:
        if path not in group.setting:
            raise EvidenceError(f"the runs do not differ in {path!r}: give another task=")
        own = {key: value for key, value in group.setting.items() if key != path}
        settings.setdefault(keys.canonical(own), own)
        cells.setdefault(keys.canonical(own), {})[str(group.setting[path])] = group
    tasks = tuple(dict.fromkeys(name for row in cells.values() for name in row))
    names = [name for name, _ in keys.names(list(settings.values()))]
    notes = left_out(groups)
    notes += [f"left out: {each.name} ({each.reason})" for each in groups.left_out]
    scores = {}
    for name, key in zip(names, settings, strict=True):
        scores[name], more = _table(name, cells[key], tasks)
        notes += more
    return TaskScores(
        scores, tasks, groups.goal, metric, tuple(run for g in groups for run in g.runs),
        tuple(notes),
    )  # fmt: skip


def _table(name: str, row: Mapping[str, Group], tasks: Sequence[str]) -> tuple[Array, list[str]]:
    """Return a method's scores, shape (n_runs, n_tasks), as many runs as every task has."""
    missing = [task for task in tasks if task not in row or not row[task].n]
    if missing:
        message = (
            f"{name} has no run that counts of {count(len(missing), 'task')}"
            f" ({', '.join(missing[:6])}): every method needs every task; run it, or leave the"
            " task or method out"
        )
        raise EvidenceError(message)
    fewest = min(row[task].n for task in tasks)
    columns = [_by_seed(row[task])[:fewest] for task in tasks]
    unused = sum(row[task].n - fewest for task in tasks)
    notes = []
    if unused:
        notes.append(f"{name}: {count(unused, 'run')} not used, as each task needs the same number:"
                     f" n = {fewest}, those with the lowest seeds")  # fmt: skip
    return np.array(columns, np.float64).T, notes


def _by_seed(group: Group) -> list[float]:
    """Return the scores of a group in the order of the seeds, where all have one."""
    members = list(group.members)
    if all(member.seed is not None for member in members):
        members.sort(
            key=lambda member: str([(k, str(v).zfill(20)) for k, v in seed_key(member.seed)])
        )
    return [member.score for member in members]
