"""Statistics of one metric's values that can be joined: what sealing stores, what reading adds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from epochal.store.columns import Array

_NAN = float("nan")


@dataclass
class Stats:
    """Count, moments, extremes and ends of a series.

    Attributes:
        count: all points.
        finite: points that are neither NaN nor infinite; the moments are of these.
        mean, m2: mean and sum of squared deviations.
        min, max: smallest and largest finite value, NaN if there is none.
        min_step, max_step, min_seq, max_seq: where they were (first place).
        first, last: the ends in the order of logging; first_seq, last_step, last_seq: where.
        nan, inf: how many were NaN, how many infinite; first_bad_step: where the first was.
        step_low, step_high: the range of steps, to know whether a resume hides some.
    """

    count: int = 0
    finite: int = 0
    mean: float = 0.0
    m2: float = 0.0
    min: float = _NAN
    max: float = _NAN
    min_step: float = _NAN
    max_step: float = _NAN
    first: float = _NAN
    last: float = _NAN
    last_step: float = _NAN
    last_seq: int = -1
    nan: int = 0
    inf: int = 0
    first_bad_step: float | None = None
    step_low: float = _NAN
    step_high: float = _NAN
    first_seq: int = -1
    min_seq: int = -1
    max_seq: int = -1
    first_bad_seq: int = -1

    @property
    def std(self) -> float:
        """Sample standard deviation (ddof=1) of the finite values; NaN for fewer than two."""
        return math.sqrt(self.m2 / (self.finite - 1)) if self.finite > 1 else _NAN

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form (NaN as Python's json writes it)."""
        return asdict(self)


def of(values: Array, steps: Array, seq: Array) -> Stats:
    """Return the statistics of points in logging order, arrays of shape (n_points,)."""
    if not len(values):
        return Stats()
    good = np.isfinite(values)
    stats = Stats(
        count=len(values), first=float(values[0]), last=float(values[-1]),
        last_step=_number(steps[-1]), first_seq=int(seq[0]), last_seq=int(seq[-1]),
        step_low=_number(steps.min()), step_high=_number(steps.max()),
    )  # fmt: skip
    if good.all():
        finite, where, when = values, steps, seq
    else:
        finite, where, when = values[good], steps[good], seq[good]
        stats.nan = int(np.isnan(values).sum())
        stats.inf = len(values) - len(finite) - stats.nan
        bad = int((~good).argmax())
        stats.first_bad_step, stats.first_bad_seq = _number(steps[bad]), int(seq[bad])
    stats.finite = len(finite)
    if len(finite):
        low, high = int(finite.argmin()), int(finite.argmax())
        stats.min, stats.min_step = float(finite[low]), _number(where[low])
        stats.max, stats.max_step = float(finite[high]), _number(where[high])
        stats.min_seq, stats.max_seq = int(when[low]), int(when[high])
        with np.errstate(over="ignore", invalid="ignore"):  # beyond 1e154 squares are infinite
            stats.mean = float(finite.mean())
            stats.m2 = float(np.square(finite - stats.mean).sum())
    return stats


def join(a: Stats, b: Stats) -> Stats:
    """Return the statistics of two parts of a series, ``b`` logged after ``a``.

    The moments follow Chan, Golub and LeVeque (1983), "Algorithms for computing the sample
    variance".
    """
    if not a.count or not b.count:
        return a if a.count else b
    out = Stats(count=a.count + b.count, finite=a.finite + b.finite)
    out.first, out.first_seq = a.first, a.first_seq
    out.last, out.last_step, out.last_seq = b.last, b.last_step, b.last_seq
    out.nan, out.inf = a.nan + b.nan, a.inf + b.inf
    bad = a if a.first_bad_step is not None else b
    out.first_bad_step, out.first_bad_seq = bad.first_bad_step, bad.first_bad_seq
    out.step_low, out.step_high = min(a.step_low, b.step_low), max(a.step_high, b.step_high)
    low = a if not (b.min < a.min or math.isnan(a.min)) else b
    high = a if not (b.max > a.max or math.isnan(a.max)) else b
    out.min, out.min_step, out.min_seq = low.min, low.min_step, low.min_seq
    out.max, out.max_step, out.max_seq = high.max, high.max_step, high.max_seq
    _join_moments(out, a, b)
    return out


def _join_moments(out: Stats, a: Stats, b: Stats) -> None:
    if not a.finite or not b.finite:
        only = a if a.finite else b
        out.mean, out.m2 = only.mean, only.m2
        return
    delta = b.mean - a.mean
    out.mean = a.mean + delta * b.finite / out.finite
    out.m2 = a.m2 + b.m2 + delta * delta * a.finite * b.finite / out.finite


def join_by_seq(a: Stats, b: Stats) -> Stats:
    """Join statistics of one session whose points may interleave: places follow the sequence."""
    if not a.count or not b.count:
        return a if a.count else b
    early, late = (a, b) if a.first_seq <= b.first_seq else (b, a)
    out = join(early, late)
    if early.last_seq > late.last_seq:
        out.last, out.last_step, out.last_seq = early.last, early.last_step, early.last_seq
    if late.min == early.min and late.min_seq < early.min_seq:
        out.min_step, out.min_seq = late.min_step, late.min_seq
    if late.max == early.max and late.max_seq < early.max_seq:
        out.max_step, out.max_seq = late.max_step, late.max_seq
    if 0 <= late.first_bad_seq < early.first_bad_seq:
        out.first_bad_step, out.first_bad_seq = late.first_bad_step, late.first_bad_seq
    return out


def _number(value: Any) -> float:
    number: float = value.item()
    return number
