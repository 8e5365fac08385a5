"""What goes wrong on a training curve: NaN, spikes, divergence, a plateau, stalls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import Array, one_of, positive, share, whole
from epochal.analyze.series import curve, minimized, window_sums
from epochal.analyze.spike_search import SharedSpike, Spike, shared_spikes, spikes, stalls
from epochal.core.errors import EvidenceError
from epochal.core.optional import require

__all__ = [
    "Divergence",
    "NonFinite",
    "Plateau",
    "SharedSpike",
    "Spike",
    "divergence",
    "non_finite",
    "plateau",
    "shared_spikes",
    "spikes",
    "stalls",
]

PLATEAU_RULES = ("slope", "patience")


@dataclass(frozen=True)
class NonFinite:
    """Values of a curve that are NaN or infinite.

    Attributes:
        first_step: of x, where the first one is; None if there is none.
        count: how many; nan and inf: of which kind.
        to_the_end: whether no finite value follows the first one: the run never came back.

    Example:
        >>> bool(NonFinite(None, 0, 0, 0, False))
        False
    """

    first_step: float | None
    count: int
    nan: int
    inf: int
    to_the_end: bool

    def __bool__(self) -> bool:
        return self.count > 0


@dataclass(frozen=True)
class Divergence:
    """Where a run began to diverge.

    Attributes:
        step: of x, the first of the values that are too large.
        value: of y there, which may be NaN or infinite.
        mean: of the values before it.
        definition: in words.
    """

    step: float
    value: float
    mean: float
    definition: str


@dataclass(frozen=True)
class Plateau:
    """A run that ends without improving.

    Attributes:
        since: of x, the first step of the stretch without improvement.
        value: "slope": median of the stretch; "patience": the best value, reached at `since`.
        slope, low, high: Theil-Sen slope per unit of x with its interval; NaN for "patience".
        definition: in words.
    """

    since: float
    value: float
    slope: float
    low: float
    high: float
    definition: str


def non_finite(x: npt.ArrayLike, y: npt.ArrayLike) -> NonFinite:
    """Return where a curve first is NaN or infinite, and how often it is.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).

    Raises:
        EvidenceError: x falls or is not finite, or lengths differ.

    Example:
        >>> found = non_finite([0, 10, 20, 30], [2.0, float("nan"), float("inf"), float("nan")])
        >>> found.first_step, found.count, found.to_the_end
        (10.0, 3, True)
    """
    steps, values = curve(x, y, least=0)
    bad = ~np.isfinite(values)
    if not bad.any():
        return NonFinite(None, 0, 0, 0, to_the_end=False)
    first, nan = int(bad.argmax()), int(np.isnan(values).sum())
    count = int(bad.sum())
    return NonFinite(float(steps[first]), count, nan, count - nan, bool(bad[first:].all()))


def divergence(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    factor: float = 2.0,
    patience: int = 4,
    window: int | None = None,
    goal: str = "minimize",
) -> Divergence | None:
    """Return where a metric left its running mean and stayed away, or None.

    The first of `patience` values in a row that are each beyond `factor` times the mean of the
    finite values in the `window` before it (for a mean m: y > m + (factor - 1) · |m|, so that
    negative losses work too).  NaN and infinity count as beyond.  The rule of llm-foundry's
    ``KillLossSpike``, which tolerates 4 values and stops at the fifth: ``patience=5`` here.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        factor: above 1.
        patience: how many values in a row.
        window: points before; None: 5 % of all, at least 100, but at most a quarter of them.
        goal: "minimize" (divergence is upward, as of a loss) or "maximize" (downward).

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, or an option is out of its range.

    Example:
        >>> losses = [2.0] * 40 + [5.0, 7.0, 9.0, 20.0, 50.0]
        >>> divergence(range(45), losses).step
        40.0
    """
    steps, values = curve(x, y, least=0)
    if not math.isfinite(factor) or factor <= 1:
        raise EvidenceError(f"factor={factor!r} must be a finite number above 1")
    row, height = whole(patience, "patience"), minimized(values, goal)
    size = _default_window(values.size) if window is None else whole(window, "window")
    definition = f"{row:,} values in a row beyond {factor:g} times the mean of the {size:,} before"
    if values.size < size + row:
        return None
    finite = np.isfinite(height)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        counts = window_sums(finite.astype(np.float64), size)[:-1]
        mean = window_sums(np.where(finite, height, 0.0), size)[:-1] / counts
        beyond = (counts > 0) & ~(height[size:] <= mean + (factor - 1) * np.abs(mean))
    together = window_sums(beyond.astype(np.float64), row) == row
    if not together.any():
        return None
    at = int(together.argmax())
    before = float(mean[at]) if goal == "minimize" else -float(mean[at])
    return Divergence(float(steps[size + at]), float(values[size + at]), before, definition)


def plateau(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    rule: str = "slope",
    *,
    window: int = 50,
    patience: int = 10,
    min_delta: float = 1e-4,
    level: float = 0.95,
    goal: str = "minimize",
) -> Plateau | None:
    """Return the stretch without improvement in which a run ends, or None if it still improves.

    "slope": the interval of the Theil-Sen slope (Sen 1968) of the last `window` finite values does
    not lie on the side of improvement: it holds 0, or the run gets worse.  "patience": none of the
    last `patience` finite values or more is better than the best before by a share of `min_delta`,
    as PyTorch's ``ReduceLROnPlateau`` counts it.  NaN and infinity are left out.

    Args:
        x: shape (n_points,); steps, never falling.
        y: shape (n_points,).
        rule: "slope" or "patience".
        window: values of the slope, 5 to 2,000; its cost grows with the square.
        patience: values without a new best.
        min_delta: share of the best value that counts as better.
        level: of the interval of the slope, above 0.5.
        goal: "minimize" or "maximize".

    Raises:
        EvidenceError: x falls or is not finite, lengths differ, or an option is out of its range.
        MissingExtraError: SciPy is not installed ("slope" only).

    Example:
        >>> flat = plateau(range(8), [5, 3, 2, 1, 1, 1, 1, 1], "patience", patience=3)
        >>> flat.since, flat.value
        (3.0, 1.0)
    """
    steps, values = curve(x, y, least=0)
    one_of(rule, PLATEAU_RULES, "rule")
    size, row = whole(window, "window", least=5), whole(patience, "patience")
    if size > 2000:
        raise EvidenceError(f"window={size:,} is more than 2,000 points: thin the curve first")
    least, confidence = positive(min_delta, "min_delta"), share(level, "level")
    if confidence <= 0.5:
        raise EvidenceError(f"level={level!r} must be above 0.5, such as 0.95")
    finite = np.isfinite(values)
    steps, height = steps[finite], minimized(values, goal)[finite]
    sign = 1.0 if goal == "minimize" else -1.0
    if rule == "patience":
        return _no_new_best(steps, height, row, least, sign)
    return _no_slope(steps[-size:], height[-size:], size, confidence, sign)


def _default_window(points: int) -> int:
    """Return the window of divergence for so many points."""
    return max(1, min(max(100, points // 20), points // 4))


def _no_new_best(
    steps: Array, height: Array, patience: int, min_delta: float, sign: float
) -> Plateau | None:
    """Return the stretch since the last value that was better by enough."""
    if height.size <= patience:
        return None
    lowest = np.minimum.accumulate(height)
    lower = np.flatnonzero(np.diff(lowest) < 0) + 1
    best, at = float(height[0]), 0
    for i, value in zip(lower.tolist(), height[lower].tolist(), strict=True):
        if value < best - min_delta * abs(best):
            best, at = value, i
    if height.size - 1 - at < patience:
        return None
    definition = f"no value better by {100 * min_delta:.10g} % in {patience:,} or more"
    return Plateau(float(steps[at]), sign * best, math.nan, math.nan, math.nan, definition)


def _no_slope(
    steps: Array, height: Array, window: int, level: float, sign: float
) -> Plateau | None:
    """Return the stretch if the interval of its slope does not lie on the side of improvement."""
    if height.size < window:
        return None
    if steps[-1] == steps[0]:
        raise EvidenceError(f"the last {window:,} values stand at one step: they have no slope")
    stats = require("scipy.stats", extra="paper", why="the slope of a plateau")
    # Through the origin of the window: steps near 10**9 would lose digits.
    fit = stats.theilslopes(height, steps - steps[0], alpha=level)
    if not fit.high_slope >= 0:
        return None
    low, high = sorted((sign * float(fit.low_slope), sign * float(fit.high_slope)))
    definition = (
        f"{100 * level:.10g} % interval of the Theil-Sen slope of the last {window:,} values"
        f" {'holds 0' if fit.low_slope <= 0 else 'shows that the run gets worse'}"
    )
    middle = sign * float(np.median(height))
    return Plateau(float(steps[0]), middle, sign * float(fit.slope), low, high, definition)
