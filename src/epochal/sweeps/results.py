"""The settings of a sweep compared by a metric: one row each, with how many trials it rests on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from epochal.core.errors import MetricNotFoundError, SettingError, did_you_mean
from epochal.core.goals import lower_is_better
from epochal.sweeps.trials import PRUNED, Found, find, latest, none_found

if TYPE_CHECKING:
    import pyarrow as pa

STATISTICS = ("value", "last", "min", "max", "mean", "best")
GOALS = ("minimize", "maximize")


@dataclass(frozen=True)
class Row:
    """A setting and what came out.

    Attributes:
        label: what the setting is called.
        setting: keys of the config to values.
        values: one number for each trial that counts, in the order of the trials.
        seeds: their seeds; None where the sweep gave none.
        best: the best value of any of these trials at any step; NaN without a goal.
        failed: trials that ended with an exception.
        unfinished: trials that have not begun, still run, were interrupted or killed.
        pruned: trials that an optimizer ended early.
        missing: finished trials without a finite value of the metric.
        runs: ids of the runs of the trials that count.
        variant: id of the config without the seed.
    """

    label: str
    setting: Mapping[str, Any]
    values: Sequence[float] = ()
    seeds: Sequence[int | None] = ()
    best: float = math.nan
    failed: int = 0
    unfinished: int = 0
    pruned: int = 0
    missing: int = 0
    runs: Sequence[str] = field(default=(), repr=False)
    variant: str = field(default="", repr=False)

    @property
    def n(self) -> int:
        """How many trials the statistics rest on: finished ones with a finite value."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Their mean, NaN if there is none."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def std(self) -> float:
        """Their standard deviation (n - 1), NaN for fewer than two."""
        return statistics.stdev(self.values) if self.n > 1 else math.nan

    @property
    def min(self) -> float:
        """The smallest, NaN if there is none."""
        return min(self.values, default=math.nan)

    @property
    def max(self) -> float:
        """The largest, NaN if there is none."""
        return max(self.values, default=math.nan)

    @property
    def left_out(self) -> str:
        """Which trials do not count, in words; "" if all do.

        Example:
            >>> Row("lr=0.1", {}, values=(1.0,), failed=2, pruned=1).left_out
            '2 failed, 1 pruned'
        """
        kinds = ("failed", "unfinished", "pruned", "missing")
        counts = {kind: getattr(self, kind) for kind in kinds}
        return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


@dataclass(frozen=True)
class Difference:
    """A setting against the baseline.

    Attributes:
        label: the setting.
        n: how many trials of it count.
        mean: their mean.
        difference: from the baseline: the mean over the pairs of trials with the same seed, so
            that a seed that failed on one side counts on neither; the difference of the means
            where there is no pair; NaN where one side has no trial.
        percent: the same, of the absolute mean of the baseline; NaN where that is 0.
        pairs: how many seeds count on both sides.
    """

    label: str
    n: int
    mean: float
    difference: float
    percent: float
    pairs: int


class SweepResults:
    """The settings of a sweep, compared by one metric; made by :func:`read`.

    Attributes:
        name: of the sweep.
        metric: its name.
        statistic: which number of a run counts.
        goal: "minimize", "maximize", or None if nobody said.
        rows: one for each setting: best mean first if there is a goal, else as they were planned.
    """

    def __init__(
        self, name: str, metric: str, statistic: str, goal: str | None, rows: Sequence[Row]
    ) -> None:
        self.name, self.metric, self.statistic, self.goal = name, metric, statistic, goal
        self.rows = sorted(rows, key=self._rank) if goal else list(rows)

    def best(self) -> Row:
        """Return the setting with the best mean; look at ``n`` before you believe it.

        Raises:
            SettingError: there is no goal.
            MetricNotFoundError: no finished trial has a finite value.
        """
        if self.goal is None:
            message = f"what is best for {self.metric!r}? Give goal='minimize' or 'maximize'"
            raise SettingError(message)
        if not any(row.n for row in self.rows):
            message = f"no finished trial of {self.name!r} has a finite value of {self.metric!r}"
            raise MetricNotFoundError(message)
        return self.rows[0]

    def against(self, baseline: str = "baseline") -> list[Difference]:
        """Return every other setting as a difference from one of them.

        A difference says nothing of chance: that takes several seeds and a test.

        Raises:
            SettingError: there is no setting of that label.
        """
        labels = [row.label for row in self.rows]
        if baseline not in labels:
            message = f"there is no setting {baseline!r}{did_you_mean(baseline, labels)}"
            raise SettingError(message)
        base = self.rows[labels.index(baseline)]
        return [_difference(row, base) for row in self.rows if row is not base]

    def table(self) -> pa.Table:
        """Return the rows as an Arrow table: label, a column for each key, and the statistics."""
        import pyarrow as pa

        from epochal.read.runs import arrow_array

        keys = dict.fromkeys(key for row in self.rows for key in row.setting)
        columns: dict[str, list[Any]] = {"label": [row.label for row in self.rows]}
        columns |= {key: [row.setting.get(key) for row in self.rows] for key in keys}
        for name in ("n", "mean", "std", "min", "max", "best",
                     "failed", "unfinished", "pruned", "missing"):  # fmt: skip
            columns[name] = [getattr(row, name) for row in self.rows]
        return pa.Table.from_arrays([arrow_array(c) for c in columns.values()], list(columns))

    def to_markdown(self, baseline: str | None = None) -> str:
        """Return the rows as a table in Markdown.

        Args:
            baseline: the label of a setting that the others are compared with in further columns.

        Raises:
            SettingError: there is no setting of that label.
        """
        columns, rows = self._cells(baseline)
        lines = [columns, ["---", *["---:"] * (len(columns) - 2), "---"], *rows]
        return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
                         for line in lines)  # fmt: skip

    def log(self, run: Any, baseline: str | None = None, step: float | None = None) -> None:
        """Record the rows in a run as a table, ``sweep/<name>``."""
        from epochal.media import Table

        columns, rows = self._cells(baseline)
        run.log({f"sweep/{self.name}": Table(columns, rows, caption=self.metric)}, step=step)

    def __str__(self) -> str:
        """Return the table in Markdown."""
        return self.to_markdown()

    def _cells(self, baseline: str | None) -> tuple[list[str], list[list[str]]]:
        names = ["n", "mean", "std", "min", "max", "best"]
        against = {d.label: d for d in self.against(baseline)} if baseline is not None else {}
        extra = ["difference", "%", "pairs"] if baseline is not None else []
        rows = []
        for row in self.rows:
            cells = [row.label, *(_shown(getattr(row, name)) for name in names)]
            if baseline is not None:
                found = against.get(row.label)
                numbers = (found.difference, found.percent, found.pairs) if found else ()
                cells += [_shown(number) for number in numbers] or ["", "", ""]
            rows.append([*cells, row.left_out])
        return [f"{self.metric} ({self.statistic})", *names, *extra, "left out"], rows

    def _rank(self, row: Row) -> tuple[bool, float]:
        return (not row.n, 0.0 if not row.n else row.mean * (1 if self.goal == GOALS[0] else -1))


def read(
    dir: str, name: str, metric: str, *, goal: str | None = None, statistic: str = "value",
    project: str | None = None, planned: Sequence[Mapping[str, Any]] = (),
) -> SweepResults:  # fmt: skip
    """Compare the settings of a sweep by a metric.

    Each trial counts once: by its newest finished run, else by its newest run.  Only finished
    trials with a finite value enter the statistics; the others are counted, not left unsaid.

    Args:
        dir: folder of the runs.
        name: of the sweep, or of Optuna's study.
        metric: such as "val/loss".
        goal: "minimize" or "maximize"; default: what the runs define, else by the metric's name.
        statistic: which number of a run counts: "value" (what the metric's definition says, else
            the last), "last", "min", "max", "mean", or "best" (by the goal).
        project: only this project.
        planned: trials that may have no run yet, as their marks would be.

    Raises:
        RunNotFoundError: there is no run of that sweep.
        SettingError: goal or statistic is not known, or "best" has no goal.
    """
    if statistic not in STATISTICS:
        message = f"statistic={statistic!r} is not one of {', '.join(STATISTICS)}"
        raise SettingError(message)
    if goal not in (None, *GOALS):
        raise SettingError(f"goal={goal!r} is neither 'minimize' nor 'maximize'")
    found = find(dir, name, project, metric)
    if not found and not planned:
        raise none_found(dir, name, project)
    goal = goal or _goal(metric, found)
    if statistic == "best" and goal is None:
        raise SettingError(f"what is best for {metric!r}? Give goal='minimize' or 'maximize'")
    trials = latest(found)
    marks = sorted([*planned, *(run.mark for run in trials.values())], key=lambda m: m["number"])
    variants: dict[str, list[Mapping[str, Any]]] = {}
    for mark in {mark["trial"]: mark for mark in marks}.values():
        variants.setdefault(mark["variant"], []).append(mark)
    rows = [_row(group, trials, statistic, goal) for group in variants.values()]
    return SweepResults(name, metric, statistic, goal, _distinct(rows))


def _row(
    marks: Sequence[Mapping[str, Any]], trials: Mapping[str, Found], statistic: str,
    goal: str | None,
) -> Row:  # fmt: skip
    counts = {"failed": 0, "unfinished": 0, PRUNED: 0, "missing": 0}
    values, best, runs, seeds = [], [], [], []
    for mark in marks:
        run = trials.get(mark["trial"])
        if run is None or run.state != "finished":
            kind = run.state if run and run.state in ("failed", PRUNED) else "unfinished"
            counts[kind] += 1
            continue
        value, reached = _value(run, statistic, goal)
        if not math.isfinite(value):
            counts["missing"] += 1
            continue
        values.append(value)
        best.append(reached)
        runs.append(run.id)
        seeds.append(mark.get("seed"))
    of_all = (min if goal == GOALS[0] else max)(best, default=math.nan) if goal else math.nan
    first = marks[0]
    return Row(
        first["label"], first.get("setting") or {}, values, seeds, of_all, **counts, runs=runs,
        variant=first["variant"],
    )  # fmt: skip


def _value(run: Found, statistic: str, goal: str | None) -> tuple[float, float]:
    """Return the number of a run that counts, and the best that it reached."""
    if run.metric is None:
        return math.nan, math.nan
    summary = run.metric.summary
    best = summary.min if goal == GOALS[0] else summary.max
    return float(best if statistic == "best" else getattr(summary, statistic)), float(best)


def _goal(metric: str, found: Sequence[Found]) -> str | None:
    defined = {run.metric.definition.goal for run in found if run.metric} - {None}
    if len(defined) == 1:
        return defined.pop()
    return GOALS[0] if not defined and lower_is_better(metric) else None


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """Return rows with different labels: of settings tried in two configs each has an id."""
    labels = [row.label for row in rows]
    return [
        replace(row, label=f"{row.label} [{row.variant[:6]}]")
        if labels.count(row.label) > 1
        else row
        for row in rows
    ]


def _difference(row: Row, base: Row) -> Difference:
    of_base = {s: v for s, v in zip(base.seeds, base.values, strict=True) if s is not None}
    pairs = [(v, of_base[s]) for s, v in zip(row.seeds, row.values, strict=True) if s in of_base]
    mean, base_mean = row.mean, base.mean
    if pairs:
        mean, base_mean = (statistics.fmean(side) for side in zip(*pairs, strict=True))
    difference = mean - base_mean
    percent = 100 * difference / abs(base_mean) if base_mean else math.nan
    return Difference(row.label, row.n, row.mean, difference, percent, len(pairs))


def _shown(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if math.isnan(value) else f"{value:.4g}"
