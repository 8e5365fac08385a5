"""One number of each run, the one that is compared, and why a run has none."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from epochal.analyze.samples import GOALS, one_of
from epochal.core.errors import EvidenceError, did_you_mean
from epochal.core.goals import lower_is_better
from epochal.markup.rounding import plain
from epochal.read.metrics import MetricInfo, MetricSummary
from epochal.read.view import RunView

STATISTICS = ("last", "min", "max", "mean", "best", "last 10 %")
GIVEN = "given"
"""The statistic of a number that the training put into ``run.summary`` itself."""

PRUNED = "pruned"
"""Tag of a run that an optimizer of hyperparameters ended early."""

_STATES = {
    "failed": "failed with an exception", "interrupted": "was interrupted", "killed": "was killed",
    "running": "is still running", "lost": "is out of contact", "unknown": "has an unknown state",
}  # fmt: skip
_LAST_SHARE = re.compile(r"last (\d{1,3}(?:\.\d+)?) ?%")


class Score(NamedTuple):
    """What a run has to say of a metric.

    Attributes:
        value: the number; NaN if there is none that counts.
        why_not: why it does not count, "" if it does.
        last_step: where the metric was logged last; NaN for a number from ``run.summary``.
        bad_points: how many NaN and infinite values were logged on the way.
    """

    value: float
    why_not: str = ""
    last_step: float = math.nan
    bad_points: int = 0


class Reading(NamedTuple):
    """What a run recorded of one metric: its points' statistics, else a number of its summary."""

    run: RunView
    info: MetricInfo | None
    given: float | None

    @property
    def exists(self) -> bool:
        """Whether there is anything of the metric."""
        return self.info is not None or self.given is not None


def read(run: RunView, metric: str) -> Reading:
    """Return what a run recorded of a metric; no point is read for it."""
    given = run.summary.get(metric)
    return Reading(run, run.metrics.get(metric), given if _number(given) else None)


def known_metrics(runs: Iterable[RunView]) -> list[str]:
    """Return the names of all metrics and summary numbers of runs."""
    names: dict[str, None] = {}
    for run in runs:
        names.update(dict.fromkeys(run.metrics))
        names.update(dict.fromkeys(k for k, value in run.summary.items() if _number(value)))
    return list(names)


def statistic_of(readings: Iterable[Reading], metric: str, statistic: str | None) -> str:
    """Return which number of a run counts: the one asked for, else the defined one, else "last".

    Raises:
        EvidenceError: it is unknown, or the runs define different ones.
    """
    if statistic is not None:
        share = _LAST_SHARE.fullmatch(statistic)
        if statistic not in STATISTICS and not (share and 0 < float(share[1]) <= 100):
            known = ", ".join(map(repr, STATISTICS))
            hint = did_you_mean(statistic, STATISTICS)
            raise EvidenceError(f"statistic={statistic!r} is none of {known}{hint}")
        return statistic
    infos = [reading.info for reading in readings if reading.info is not None]
    if not infos:
        return GIVEN
    rules = {info.definition.summary for info in infos} - {None}
    if len(rules) > 1:
        found = " and ".join(sorted(map(str, rules)))
        raise EvidenceError(f"runs define {found} as the summary of {metric!r}: give statistic=")
    return next(iter(rules), None) or "last"


def goal_of(readings: Iterable[Reading], metric: str, goal: str | None) -> str:
    """Return which way is better: as asked, as the runs define it, or by the metric's name.

    Raises:
        EvidenceError: it is neither "minimize" nor "maximize", or nobody says what is better.
    """
    if goal is not None:
        return one_of(goal, GOALS, "goal")
    defined = {reading.info.definition.goal for reading in readings if reading.info} - {None}
    if len(defined) > 1:
        raise EvidenceError(f"runs define different goals for {metric!r}: give goal=")
    if defined:
        return str(defined.pop())
    if lower_is_better(metric):
        return "minimize"
    message = (
        f"what is better for {metric!r}? Give goal='minimize' or 'maximize', or define it in the"
        f" training: run.define({metric!r}, goal=...)"
    )
    raise EvidenceError(message)


def score(reading: Reading, metric: str, statistic: str, goal: str) -> Score:
    """Return a run's number of a metric, or why it has none that counts.

    A run whose last value is NaN or infinite diverged: the smallest value that it reached before
    is no result, so that it has none, whatever the statistic.

    Args:
        reading: of the run.
        metric: its name.
        statistic: one of `STATISTICS`, another share such as "last 5 %", or "given".
        goal: "minimize" or "maximize", for "best".

    Raises:
        DamageError: points were asked for and a sealed file is damaged.
    """
    run, state = reading.run, reading.run.state
    if state != "finished":
        return Score(math.nan, _STATES.get(state, state))
    if PRUNED in run.tags and "sweep" in run.summary:
        return Score(math.nan, "was pruned by the optimizer")
    if statistic == GIVEN or reading.info is None:
        value = reading.given if statistic == GIVEN else None
        if value is None:
            return Score(math.nan, f"has no {metric}")
        bad = "" if math.isfinite(value) else f"has {plain(value)} as {metric}"
        return Score(float(value), bad)
    summary = reading.info.summary
    if not math.isfinite(summary.last):
        since = summary.first_bad_step
        where = "" if since is None else f", first at step {since:,g}"
        return Score(math.nan, f"diverged: {metric} ends at {plain(summary.last)}{where}")
    value = _statistic(run, metric, summary, statistic, goal)
    return Score(value, "", float(summary.last_step), summary.nan + summary.inf)


def _statistic(
    run: RunView, metric: str, summary: MetricSummary, statistic: str, goal: str
) -> float:
    if statistic == "best":
        statistic = "min" if goal == "minimize" else "max"
    if share := _LAST_SHARE.fullmatch(statistic):
        values = run.series(metric).values
        kept = np.asarray(values[-max(1, math.ceil(len(values) * float(share[1]) / 100)) :], float)
        return float(kept[np.isfinite(kept)].mean())  # the last one is finite
    return float(getattr(summary, statistic))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
