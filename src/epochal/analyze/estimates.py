"""Estimates with intervals: of a mean, a trimmed mean, a share, any statistic, one new run."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import Array, Rng, deviation, generator, mean, one_of, sample, share
from epochal.analyze.samples import whole as whole_number
from epochal.core.errors import EvidenceError
from epochal.core.optional import require

BOOTSTRAPS = ("bca", "percentile")
CELLS_AT_A_TIME = 4_000_000  # 32 MB of resampled values


@dataclass(frozen=True)
class Estimate:
    """A number with an interval and what it rests on.

    Attributes:
        value: the estimate.
        low, high: ends of the interval; NaN where n is too small for one.
        level: share of such intervals that hold the true value, such as 0.95.
        method: of the interval, in words.
        n: how many values it rests on.

    Example:
        >>> print(Estimate(3.27837, 3.27751, 3.27923, 0.95, "t interval", 13))
        3.2784 ± 0.0009 (95 % t interval, n=13)
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int

    @property
    def error(self) -> float:
        """Half the width of the interval; NaN where there is none."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        from epochal.markup.rounding import plain, rounded

        if math.isnan(self.low) or math.isnan(self.high):
            return f"{plain(self.value)} (no interval, n={self.n})"
        about = f"({100 * self.level:g} % {self.method}, n={self.n})"
        error = self.error
        if abs(self.high + self.low - 2 * self.value) <= 0.02 * error:
            return f"{rounded(self.value, error)} {about}"
        value, low, high = (
            number.value + (f"e{number.exponent}" if number.exponent else "")
            for number in (rounded(end, error) for end in (self.value, self.low, self.high))
        )
        return f"{value} [{low}, {high}] {about}"


def t_quantile(level: float, df: float) -> float:
    """Return the half width, in standard errors, of a two-sided t interval.

    Args:
        level: between 0 and 1.
        df: degrees of freedom, above 0.

    Raises:
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(t_quantile(0.95, 4), 4)
        2.7764
    """
    special = require("scipy.special", extra="paper", why="a t interval")
    return -float(special.stdtrit(df, (1 - level) / 2))


def std(values: npt.ArrayLike) -> float:
    """Return the standard deviation of a sample (n - 1): the spread of single runs.

    Args:
        values: shape (n,), n at least 2.

    Raises:
        EvidenceError: fewer than two values, or NaN or infinity among them.

    Example:
        >>> std([1.0, 2.0, 3.0])
        1.0
    """
    return deviation(sample(values, least=2))


def standard_error(values: npt.ArrayLike) -> float:
    """Return the standard error of the mean, std / √n: the error of the mean, not of a run.

    Args:
        values: shape (n,), n at least 2.

    Raises:
        EvidenceError: fewer than two values, or NaN or infinity among them.

    Example:
        >>> standard_error([1.0, 2.0, 3.0, 4.0, 5.0]) == std([1, 2, 3, 4, 5]) / 5**0.5
        True
    """
    array = sample(values, least=2)
    return deviation(array) / math.sqrt(array.size)


def mean_interval(values: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Return the mean with Student's t interval: the default for a few seeds.

    mean ± t(n-1, (1+level)/2) · std / √n (Student 1908).  Of 95 % intervals over 3 to 20 seeds it
    holds the true mean in 95 % of the cases, also when the seeds are mildly skewed; a bootstrap or
    ± 1.96 standard errors do not.

    Args:
        values: shape (n,).  Of one value there is no interval: its ends are NaN.
        level: between 0 and 1.

    Raises:
        EvidenceError: no value, NaN or infinity among them, or a level outside (0, 1).
        MissingExtraError: SciPy is not installed.

    Example:
        >>> estimate = mean_interval([3.2791, 3.2773, 3.2783, 3.2775, 3.2781])
        >>> round(estimate.low, 5), round(estimate.high, 5), estimate.n
        (3.27718, 3.27894, 5)
    """
    array = sample(values)
    share(level, "level")
    center = mean(array)
    half = math.nan
    if array.size > 1:
        half = t_quantile(level, array.size - 1) * deviation(array) / math.sqrt(array.size)
    return Estimate(center, center - half, center + half, level, "t interval", int(array.size))


def prediction_interval(values: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Return the mean with the interval in which one further run lies.

    mean ± t(n-1, (1+level)/2) · std · √(1 + 1/n).

    Args:
        values: shape (n,), runs that went before; n at least 2.
        level: share of further runs that lie within.

    Raises:
        EvidenceError: fewer than two values, NaN or infinity, or a level outside (0, 1).
        MissingExtraError: SciPy is not installed.

    Example:
        >>> estimate = prediction_interval([1.0, 2.0, 3.0, 4.0, 5.0])
        >>> round(estimate.low, 3), round(estimate.high, 3)
        (-1.809, 7.809)
    """
    array = sample(values, least=2)
    share(level, "level")
    center, n = mean(array), int(array.size)
    half = t_quantile(level, n - 1) * deviation(array) * math.sqrt(1 + 1 / n)
    method = "prediction interval of one run"
    return Estimate(center, center - half, center + half, level, method, n)


def trimmed_mean(values: npt.ArrayLike, drop: int, level: float = 0.95) -> Estimate:
    """Return the mean without the lowest and the highest values, and how many were dropped.

    The interval is Yuen's (1974): h = n - 2·drop values remain, and it is
    mean ± t(h-1, (1+level)/2) · s_w · √((n-1) / (h·(h-1))), where s_w is the standard deviation of
    all n values after the dropped ones are set to the nearest that remain.

    Args:
        values: shape (n,).  Infinite ones are allowed if they are dropped.
        drop: how many to leave out on each side.
        level: between 0 and 1.

    Raises:
        EvidenceError: no value remains, an infinite one does, or NaN is among them.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> trimmed_mean([1.0, 2.0, 3.0, 100.0, 2.0], drop=1).value
        2.3333333333333335
    """
    drop = whole_number(drop, "drop", least=0)
    share(level, "level")
    array = np.sort(sample(values, least=2 * drop + 1, infinite=True))
    n = int(array.size)
    kept = sample(array[drop : n - drop], name="what remains of values")
    center, half, h = mean(kept), math.nan, int(kept.size)
    if h > 1:
        spread = deviation(np.clip(array, kept[0], kept[-1])) * math.sqrt((n - 1) / (h - 1) / h)
        half = t_quantile(level, h - 1) * spread
    method = f"t interval of the mean without the {drop} lowest and {drop} highest"
    return Estimate(center, center - half, center + half, level, method, n)


def olympic_mean(values: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Return the mean without the lowest and the highest value, as benchmarks of time do.

    Args:
        values: shape (n,), n at least 3.
        level: between 0 and 1.

    Raises:
        EvidenceError: as `trimmed_mean`.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> olympic_mean([10.0, 11.0, 12.0, 13.0, 99.0]).value
        12.0
    """
    return trimmed_mean(values, 1, level)


def iqm(values: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Return the interquartile mean: without the lowest and the highest ⌊n/4⌋ values.

    Args:
        values: shape (n,).
        level: between 0 and 1.

    Raises:
        EvidenceError: as `trimmed_mean`.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> iqm([0.0, 1.0, 2.0, 3.0, 50.0]).value
        2.0
    """
    return trimmed_mean(values, int(sample(values, infinite=True).size) // 4, level)


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Estimate:
    """Return a share with Wilson's score interval, such as the accuracy on n test examples.

    It measures the noise of the test set, not that of the seed (Wilson 1927).

    Args:
        successes: how many of the n.
        n: at least 1.
        level: between 0 and 1.

    Raises:
        EvidenceError: more successes than n, or numbers that are not whole.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> estimate = wilson_interval(9, 10)
        >>> round(estimate.low, 4), round(estimate.high, 4)
        (0.5958, 0.9821)
    """
    n = whole_number(n, "n")
    hits = whole_number(successes, "successes", least=0)
    if hits > n:
        raise EvidenceError(f"successes={hits:,} are more than n={n:,}")
    special = require("scipy.special", extra="paper", why="a Wilson interval")
    z = -float(special.ndtri((1 - share(level, "level")) / 2))
    observed = hits / n
    center = (observed + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(observed * (1 - observed) / n + (z / (2 * n)) ** 2)
    low = 0.0 if hits == 0 else max(0.0, center - half)
    high = 1.0 if hits == n else min(1.0, center + half)
    return Estimate(observed, low, high, level, "Wilson interval", n)


def bootstrap_interval(
    values: npt.ArrayLike,
    statistic: Callable[..., Any] = np.mean,
    *,
    method: str = "bca",
    resamples: int = 9999,
    level: float = 0.95,
    rng: Rng = 0,
) -> Estimate:
    """Return a statistic with its bootstrap interval (Efron and Tibshirani 1993).

    For medians, ratios and aggregates over many values.  Not for the mean of 3 to 10 seeds: there
    it is too narrow (`mean_interval` is not).  BCa may be undefined, as for a statistic that hardly
    varies, a median or a minimum; then the percentile interval is given and `method` says so.

    Args:
        values: shape (n,).  Of one value there is no interval: its ends are NaN.
        statistic: from an array to a number; with a keyword `axis` it is called for many resamples
            at a time.
        method: "bca" (bias-corrected and accelerated) or "percentile".
        resamples: how many; 2,000 at least for something that is published.
        level: between 0 and 1.
        rng: seed or generator; the same seed gives the same interval, to the bit.

    Raises:
        EvidenceError: no value, NaN or infinity among them, an unknown method, or a statistic that
            is no finite number on the values or on a resample.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> estimate = bootstrap_interval([0.1, 0.4, 0.2, 0.9, 0.3, 0.5], np.median, rng=0)
        >>> estimate.value, estimate.method
        (0.35, 'BCa bootstrap interval')
    """
    array = sample(values)
    one_of(method, BOOTSTRAPS, "method")
    share(level, "level")
    whole_number(resamples, "resamples")
    n = int(array.size)
    # Without one value subtracted, equal values and large offsets would be told apart by rounding.
    value = mean(array) if statistic is np.mean else float(statistic(array))
    if not math.isfinite(value):
        raise EvidenceError(f"the statistic of the values is {value}: a finite number is needed")
    if n == 1:
        return Estimate(value, math.nan, math.nan, level, "no interval of one value", n)
    name = "BCa" if method == "bca" else "percentile"
    words = f"{name} bootstrap interval"
    if (array == array[0]).all():  # every resample is the same
        return Estimate(value, value, value, level, words, n)
    low, high, draws = _bootstrap(array, statistic, method, resamples, level, generator(rng))
    if bad := int((~np.isfinite(draws)).sum()):
        message = f"the statistic is no finite number on {bad:,} of {resamples:,} resamples"
        raise EvidenceError(f"{message}: choose one that is defined when values repeat")
    if not low <= high:  # NaN too
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
        words = "percentile bootstrap interval (BCa is undefined here)"
    return Estimate(value, low, high, level, words, n)


def _bootstrap(
    values: Array,
    statistic: Callable[..., Any],
    method: str,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[float, float, Array]:
    """Return SciPy's interval, NaN where BCa is undefined, and the statistic of each resample."""
    stats = require("scipy.stats", extra="paper", why="a bootstrap interval")
    try:
        vectorized = "axis" in inspect.signature(statistic).parameters
    except (TypeError, ValueError):  # a builtin such as `max` says nothing of its arguments
        vectorized = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is looked at by the caller
        result = stats.bootstrap(
            (values,), statistic, n_resamples=resamples, method=method, confidence_level=level,
            vectorized=vectorized, batch=max(1, CELLS_AT_A_TIME // values.size), rng=rng,
        )  # fmt: skip
    interval = result.confidence_interval
    return float(interval.low), float(interval.high), np.asarray(result.bootstrap_distribution)
