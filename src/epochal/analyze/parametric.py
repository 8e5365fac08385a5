"""Tests of means by Student's t, and by z where the spread is known."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy.typing as npt

from epochal.analyze.outcome import TestResult
from epochal.analyze.samples import (
    ALTERNATIVES,
    Array,
    deviation,
    differences,
    mean,
    one_of,
    positive,
    sample,
    share,
    whole,
)
from epochal.core.errors import EvidenceError
from epochal.core.optional import require


class Contrast(NamedTuple):
    """A difference and its standard error.

    Attributes:
        difference: of the first sample to the second, or to a target.
        error: its standard error, above 0.
        df: degrees of freedom; infinite for a known spread.
        n: values of each sample.
        method: of the test, in words.
    """

    difference: float
    error: float
    df: float
    n: tuple[int, ...]
    method: str


def welch(
    x: npt.ArrayLike, y: npt.ArrayLike, *, alternative: str = "two-sided", level: float = 0.95
) -> TestResult:
    """Test the difference of two means without assuming equal spread: the default (Welch 1947).

    t = (x̄ - ȳ) / √(s²x/nx + s²y/ny), degrees of freedom after Satterthwaite.

    Args:
        x: shape (n_x,), n_x at least 2.
        y: shape (n_y,), n_y at least 2.
        alternative: "two-sided", "less" (x is smaller) or "greater".
        level: of the interval of the difference; one-sided for a one-sided alternative.

    Raises:
        EvidenceError: too few values, NaN or infinity, or no spread on either side.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = welch([3.1, 3.2, 3.3], [3.5, 3.6, 3.8])
        >>> round(result.statistic, 3), round(result.p, 4)
        (-4.111, 0.0199)
    """
    return t_test(unpaired(x, y), alternative, level)


def student(
    x: npt.ArrayLike, y: npt.ArrayLike, *, alternative: str = "two-sided", level: float = 0.95
) -> TestResult:
    """Test the difference of two means, assuming equal spread (Student's pooled t-test).

    One side may be a single value: then it asks whether one new run fits the others.

    Args:
        x: shape (n_x,).
        y: shape (n_y,), n_x + n_y at least 3.
        alternative: "two-sided", "less" (x is smaller) or "greater".
        level: of the interval of the difference.

    Raises:
        EvidenceError: too few values, NaN or infinity, or no spread on either side.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(student([3.1, 3.2, 3.3], [3.5, 3.6, 3.8]).p, 4)
        0.0147
    """
    first, second = sample(x, name="x"), sample(y, name="y")
    df = int(first.size + second.size - 2)
    if df < 1:
        raise EvidenceError(
            "student needs three values in all, x and y have one each: run more seeds"
        )
    error = pooled(first, second) * math.sqrt(1 / first.size + 1 / second.size)
    need_spread(error, first, second)
    n = int(first.size), int(second.size)
    gap = mean_difference(first, second)
    return t_test(Contrast(gap, error, df, n, "Student's t-test"), alternative, level)


def one_sample(
    values: npt.ArrayLike, target: float, alternative: str = "two-sided", *, level: float = 0.95
) -> TestResult:
    """Test a mean against a fixed target, such as "reaches 3.28 or less" with "less".

    Args:
        values: shape (n,), n at least 2.
        target: a number that was fixed before.
        alternative: "two-sided", "less" (the mean is below the target) or "greater".
        level: of the interval of mean - target.

    Raises:
        EvidenceError: too few values, NaN or infinity, or no spread.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(one_sample([2.9165, 2.9166], 2.92, "less").p, 4)
        0.0046
    """
    array = sample(values, least=2)
    goal = float(sample([target], name="target")[0])
    error = deviation(array) / math.sqrt(array.size)
    need_spread(error, array)
    n = int(array.size)
    contrast = Contrast(mean(array - goal), error, n - 1, (n,), "one-sample t-test")
    return t_test(contrast, alternative, level)


def paired_t(
    x: npt.ArrayLike, y: npt.ArrayLike, *, alternative: str = "two-sided", level: float = 0.95
) -> TestResult:
    """Test the mean difference of pairs that share a source of variation, such as the data split.

    Args:
        x: shape (n,), n at least 2.
        y: shape (n,), in the same order.
        alternative: "two-sided", "less" (x is smaller) or "greater".
        level: of the interval of the mean difference.

    Raises:
        EvidenceError: too few pairs, not as many x as y, NaN or infinity, or differences that are
            all equal.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(paired_t([1.0, 2.0, 3.1], [0.9, 1.7, 2.9]).p, 4)
        0.0742
    """
    return t_test(pairs(x, y), alternative, level)


def known_sigma(
    difference: float,
    sigma: float,
    n_x: int,
    n_y: int | None = None,
    *,
    alternative: str = "two-sided",
    level: float = 0.95,
) -> TestResult:
    """Test a difference when the spread of single runs is known from many earlier ones (z-test).

    z = difference / (sigma·√(1/n_x + 1/n_y)).  A rule "accept if difference·√n ≥ c" is
    z ≥ c / sigma.

    Args:
        difference: of two means, or of a mean and a fixed target.
        sigma: standard deviation of single runs, above 0.
        n_x: values behind the first mean; one is enough.
        n_y: values behind the second; None for a fixed target.
        alternative: "two-sided", "less" or "greater".
        level: of the interval of the difference.

    Raises:
        EvidenceError: a number that is not finite, or not above zero where it must be.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(known_sigma(3.276 - 3.28, 0.0013, n_x=1, alternative="less").p, 4)
        0.001
    """
    gap = float(sample([difference], name="difference")[0])
    n = (whole(n_x, "n_x"),) if n_y is None else (whole(n_x, "n_x"), whole(n_y, "n_y"))
    error = positive(sigma, "sigma") * math.sqrt(sum(1 / count for count in n))
    contrast = Contrast(gap, error, math.inf, n, "z-test with known spread")
    return t_test(contrast, alternative, level)


def unpaired(x: npt.ArrayLike, y: npt.ArrayLike) -> Contrast:
    """Return the difference of two means with Welch's error and degrees of freedom.

    Raises:
        EvidenceError: fewer than two values, NaN or infinity, or no spread on either side.

    Example:
        >>> round(unpaired([1.0, 3.0], [2.0, 4.0]).df, 6)
        2.0
    """
    first, second = sample(x, least=2, name="x"), sample(y, least=2, name="y")
    parts = deviation(first) / math.sqrt(first.size), deviation(second) / math.sqrt(second.size)
    error = math.hypot(*parts)
    need_spread(error, first, second)
    shares = [(part / error) ** 2 for part in parts]
    df = 1 / (shares[0] ** 2 / (first.size - 1) + shares[1] ** 2 / (second.size - 1))
    n = int(first.size), int(second.size)
    return Contrast(mean_difference(first, second), error, df, n, "Welch's t-test")


def pairs(x: npt.ArrayLike, y: npt.ArrayLike) -> Contrast:
    """Return the mean difference of pairs with its error.

    Raises:
        EvidenceError: fewer than two pairs, not as many x as y, NaN or infinity, or differences
            that are all equal.

    Example:
        >>> pairs([1.0, 3.0], [0.0, 1.0])[:3]
        (1.5, 0.5, 1)
    """
    gaps = differences(x, y, least=2)
    error = deviation(gaps) / math.sqrt(gaps.size)
    need_spread(error, gaps)
    n = int(gaps.size)
    return Contrast(mean(gaps), error, n - 1, (n,), "paired t-test")


def t_test(contrast: Contrast, alternative: str = "two-sided", level: float = 0.95) -> TestResult:
    """Return the test of a difference against zero; infinite df: normal distribution.

    SciPy's tests are the same formulas; they divide by zero where values do not differ, and take
    no summary numbers.

    Args:
        contrast: the difference.
        alternative: "two-sided", "less" or "greater".
        level: of the interval.

    Raises:
        EvidenceError: an unknown alternative, or a level outside (0, 1).
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(t_test(Contrast(-1.0, 0.5, 4, (5,), "t-test")).p, 4)
        0.1161
    """
    difference, error, df, n, method = contrast
    one_of(alternative, ALTERNATIVES, "alternative")
    share(level, "level")
    special = require("scipy.special", extra="paper", why="a t-test")

    def below(value: float) -> float:
        return float(special.ndtr(value) if df == math.inf else special.stdtr(df, value))

    def width(tail: float) -> float:
        quantile = special.ndtri(tail) if df == math.inf else special.stdtrit(df, tail)
        return -float(quantile) * error

    statistic = difference / error
    low, high = -math.inf, math.inf
    if alternative == "two-sided":
        p = min(1.0, 2 * below(-abs(statistic)))
        low, high = difference - width((1 - level) / 2), difference + width((1 - level) / 2)
    elif alternative == "less":
        p, high = below(statistic), difference + width(1 - level)
    else:
        p, low = below(-statistic), difference - width(1 - level)
    return TestResult(
        statistic, p, method, n, None if df == math.inf else float(df), alternative, low, high
    )


def mean_difference(x: Array, y: Array) -> float:
    """Return mean(x) - mean(y), exact to rounding also on a large offset.

    Example:
        >>> import numpy as np
        >>> mean_difference(np.array([1e9 + 0.5]), np.array([1e9]))
        0.5
    """
    return mean(x - y[0]) - mean(y - y[0])


def pooled(x: Array, y: Array) -> float:
    """Return the pooled standard deviation of two samples; three values in all are needed.

    Example:
        >>> import numpy as np
        >>> pooled(np.array([1.0, 3.0]), np.array([5.0]))
        1.4142135623730951
    """
    parts = [deviation(values) * math.sqrt(values.size - 1) for values in (x, y) if values.size > 1]
    return math.hypot(*parts) / math.sqrt(x.size + y.size - 2)


def need_spread(error: float, *samples: Array) -> None:
    """Raise EvidenceError if values do not differ, so that nothing measures their noise.

    Example:
        >>> need_spread(0.5)
    """
    if error > 0:
        return
    words = " and ".join(f"all {values.size:,} are {values[0]:g}" for values in samples)
    message = f"no spread to test against: {words}; look whether the seed reaches the training"
    raise EvidenceError(message)
