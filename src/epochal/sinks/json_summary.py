"""Statistics of a metric while it streams by."""

from __future__ import annotations

import math
from typing import Any


class MetricSummary:
    """Count, extremes with where they were, mean and standard deviation of one metric.

    Non-finite values are counted by kind and excluded from everything but ``last`` and the first
    and last step.  Mean and deviation are Welford's, in float64; ``std`` is the sample's (n - 1).

    Example:
        >>> summary = MetricSummary()
        >>> for step, value in enumerate([3.0, 1.0, math.nan, 2.0]):
        ...     summary.add(value, step, None)
        >>> found = summary.to_dict("minimize")
        >>> found["count"], found["mean"], found["std"], found["nan_count"], found["best"]
        (3, 2.0, 1.0, 1, {'value': 1.0, 'step': 1, 'epoch': None})
    """

    __slots__ = ("count", "first_step", "inf_count", "last", "last_step", "m2", "max", "mean",
                 "min", "nan_count")  # fmt: skip

    def __init__(self) -> None:
        self.count = self.nan_count = self.inf_count = 0
        self.mean = self.m2 = 0.0
        # value, step, epoch
        self.min: tuple[float, float, float | None] | None = None
        self.max: tuple[float, float, float | None] | None = None
        self.last = math.nan
        self.first_step: float | None = None
        self.last_step: float | None = None

    def add(self, value: float, step: float, epoch: float | None) -> None:
        """Take the next value."""
        self.last, self.last_step = value, step
        if self.first_step is None:
            self.first_step = step
        if not math.isfinite(value):
            if math.isnan(value):
                self.nan_count += 1
            else:
                self.inf_count += 1
            return
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.m2 += delta * (value - self.mean)
        if self.min is None or value < self.min[0]:
            self.min = (value, step, epoch)
        if self.max is None or value > self.max[0]:
            self.max = (value, step, epoch)

    def to_dict(self, goal: str | None) -> dict[str, Any]:
        """Return what the summary file says of the metric; ``best`` only if there is a goal."""
        found: dict[str, Any] = {
            "count": self.count,
            "last": self.last,
            "min": self.min and self.min[0],
            "max": self.max and self.max[0],
            "mean": self.mean if self.count else None,
            "std": math.sqrt(self.m2 / (self.count - 1)) if self.count > 1 else None,
            "first_step": self.first_step,
            "last_step": self.last_step,
            "nan_count": self.nan_count,
            "inf_count": self.inf_count,
        }
        best = {"minimize": self.min, "maximize": self.max}.get(goal or "")
        if best:
            found["goal"] = goal
            found["best"] = dict(zip(("value", "step", "epoch"), best, strict=True))
        return found

    def state(self) -> list[Any]:
        """Return everything known, in the order of ``__slots__``."""
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def restored(cls, state: list[Any]) -> MetricSummary:
        """Return what ``state`` described, also after JSON made its non-finite numbers texts."""
        summary = cls()
        for name, value in zip(cls.__slots__, state, strict=True):
            setattr(summary, name, _loose(value))
        return summary


def _loose(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_loose, value))
    return float(value) if isinstance(value, str) else value
