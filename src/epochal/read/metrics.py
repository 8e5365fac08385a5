"""What readers say of a metric: its definition and its summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from epochal.store.columns import Array
from epochal.store.statistics import Stats

RULES = ("last", "best", "min", "max", "mean")
GOALS = ("minimize", "maximize")


@dataclass(frozen=True, slots=True)
class Definition:
    """What ``run.define`` said of a metric; None: nothing.

    Attributes:
        unit: such as "nats".
        goal: "minimize" or "maximize".
        range: (low, high), each may be None.
        x: what to draw it against.
        summary: "last", "best", "min", "max" or "mean".
    """

    unit: str | None = None
    goal: str | None = None
    range: tuple[float | None, float | None] | None = None
    x: str | None = None
    summary: str | None = None

    def updated(self, given: Mapping[str, Any]) -> Definition:
        """Return it with what was given anew; unknown or wrong fields are left out."""
        new: dict[str, Any] = {
            name: given[name] for name in ("unit", "x") if isinstance(given.get(name), str)
        }
        if given.get("goal") in GOALS:
            new["goal"] = given["goal"]
        if given.get("summary") in RULES:
            new["summary"] = given["summary"]
        limits = given.get("range")
        if isinstance(limits, list | tuple) and len(limits) == 2:
            new["range"] = tuple(limits)
        return replace(self, **new)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are not None."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def resolve(definitions: Mapping[str, Definition], metric: str) -> Definition:
    """Return what is defined for a metric: longer beginnings count more, its exact name most.

    Example:
        >>> known = {"val/*": Definition(goal="minimize"), "val/acc": Definition(unit="%")}
        >>> resolve(known, "val/acc").to_dict()
        {'unit': '%', 'goal': 'minimize'}
    """
    result = Definition()
    globs = [name for name in definitions if name.endswith("*") and metric.startswith(name[:-1])]
    for name in [*sorted(globs, key=len), *([metric] if metric in definitions else [])]:
        result = result.updated(definitions[name].to_dict())
    return result


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """Statistics of a metric's visible points.

    Attributes:
        value: what the definition's summary rule says; "last" by default, and for "best" without
            a goal.
        first, last: ends in the order of logging; last_step: where.
        min, max: smallest and largest finite value, NaN if there is none; min_step, max_step: where
            (first place).
        mean, std: of the finite values; std with n - 1, NaN for fewer than two.
        count: all points; nan, inf: how many of them were NaN or infinite.
        first_bad_step: step of the first NaN or infinite value, None if there was none.
        best, best_step: min or max by the defined goal; None without a goal.
        out_of_range: points outside the defined range (NaN is not counted), None without a range.
    """

    value: float
    first: float
    last: float
    last_step: float
    min: float
    min_step: float
    max: float
    max_step: float
    mean: float
    std: float
    count: int
    nan: int
    inf: int
    first_bad_step: float | None = None
    best: float | None = None
    best_step: float | None = None
    out_of_range: int | None = None

    @classmethod
    def of(cls, stats: Stats, definition: Definition) -> MetricSummary:
        """Return the summary of statistics."""
        summary = cls(
            value=stats.last, first=stats.first, last=stats.last, last_step=stats.last_step,
            min=stats.min, min_step=stats.min_step, max=stats.max, max_step=stats.max_step,
            mean=stats.mean if stats.finite else math.nan, std=stats.std, count=stats.count,
            nan=stats.nan, inf=stats.inf, first_bad_step=stats.first_bad_step,
        )  # fmt: skip
        return _ruled(summary, definition)

    def with_exact(self, values: Array, definition: Definition) -> MetricSummary:
        """Return it with the exact integers of a metric that has some beyond 2**53."""
        numbers = values.tolist()
        finite = [v for v in numbers if isinstance(v, int) or math.isfinite(v)] or [math.nan]
        exact = replace(
            self, first=numbers[0], last=numbers[-1], min=min(finite), max=max(finite),
        )  # fmt: skip
        return _ruled(exact, definition)

    def with_range(self, out_of_range: int | None) -> MetricSummary:
        """Return it with the number of points outside the range."""
        return replace(self, out_of_range=out_of_range)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return {name: getattr(self, name) for name in self.__slots__}


def _ruled(summary: MetricSummary, definition: Definition) -> MetricSummary:
    """Return a summary with best and value as its definition says."""
    best = best_step = None
    known = summary.min == summary.min
    if definition.goal and known:
        low = definition.goal == "minimize"
        best = summary.min if low else summary.max
        best_step = summary.min_step if low else summary.max_step
    rule = definition.summary or "last"
    values = {"last": summary.last, "min": summary.min, "max": summary.max, "mean": summary.mean}
    value = best if rule == "best" and best is not None else values.get(rule, summary.last)
    return replace(summary, best=best, best_step=best_step, value=value)


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric of a run: name, number of visible points, definition and summary."""

    name: str
    count: int
    definition: Definition
    summary: MetricSummary
