"""Power: how many seeds show a difference, and which difference so many seeds can show."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from epochal.analyze.parametric import mean_difference
from epochal.analyze.samples import (
    Array,
    deviation,
    differences,
    mean,
    positive,
    sample,
    share,
    whole,
)
from epochal.core.errors import EvidenceError
from epochal.core.optional import require

MANY = 1e6
"""Above so many seeds the normal distribution is exact enough."""


def power(d: float, n: float, *, level: float = 0.95, paired: bool = False) -> float:
    """Return how often a two-sided t-test finds a difference of d standard deviations.

    By the noncentral t distribution, with noncentrality d·√(n/2), or d·√n for pairs.

    Args:
        d: true difference / standard deviation of single runs (of the differences, for pairs).
        n: seeds per group, or pairs; at least 2, need not be whole.
        level: 1 - alpha of the test.
        paired: whether the seeds are paired.

    Raises:
        EvidenceError: n below 2, d not finite, or a level outside (0, 1).
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(power(1.0, 5), 3), round(power(2.0, 5), 3)
        (0.286, 0.791)
    """
    size = abs(float(sample([d], name="d")[0]))
    if not 2 <= n < math.inf:
        raise EvidenceError(f"n={n!r} must be 2 or more: of one seed there is no spread")
    share(level, "level")
    stats = require("scipy.stats", extra="paper", why="statistical power")
    df = n - 1 if paired else 2 * n - 2
    shift = size * math.sqrt(n if paired else n / 2)
    bound = float(stats.t.isf((1 - level) / 2, df))
    found = float(stats.nct.sf(bound, df, shift))
    wrong_way = float(stats.nct.cdf(-bound, df, shift))
    if math.isnan(wrong_way):  # SciPy's series does not converge where there is next to nothing
        wrong_way = 0.0
    return min(1.0, found + wrong_way)


def sample_size(
    d: float, power: float = 0.8, *, level: float = 0.95, paired: bool = False
) -> float:
    """Return the number of seeds per group at which a t-test has a power, not rounded.

    Args:
        d: true difference / standard deviation of single runs; its sign does not count.
        power: how often the difference shall be found.
        level: 1 - alpha of the test.
        paired: whether the seeds are paired; then d is of the differences, the result pairs.

    Returns:
        At least 2.0, because a t-test needs two.

    Raises:
        EvidenceError: d is 0 or not finite, or power or level are outside (0, 1).
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(sample_size(1.0), 2)
        16.71
    """
    size = positive(abs(d), "d")
    share(power, "power")
    share(level, "level")
    special = require("scipy.special", extra="paper", why="statistical power")
    z = -float(special.ndtri((1 - level) / 2))
    normal = (1 if paired else 2) * ((z + float(special.ndtri(power))) / size) ** 2
    if normal > MANY:
        return normal + z * z / (2 if paired else 4)

    def missing(n: float) -> float:
        return _power(size, n, level, paired) - power

    if missing(2.0) >= 0:
        return 2.0
    high = normal + 2.0
    while missing(high) < 0:
        high *= 2
    return _root(missing, 2.0, high)


def seeds_needed(d: float, power: float = 0.8, *, level: float = 0.95, paired: bool = False) -> int:
    """Return the smallest number of seeds per group with which a t-test has a power.

    Args:
        d: true difference / standard deviation of single runs; its sign does not count.
        power: how often the difference shall be found.
        level: 1 - alpha of the test.
        paired: whether the seeds are paired; then d is of the differences, the result pairs.

    Raises:
        EvidenceError: d is 0 or not finite, or power or level are outside (0, 1).
        MissingExtraError: SciPy is not installed.

    Example:
        >>> seeds_needed(1.0), seeds_needed(2.0)
        (17, 6)
    """
    exact = sample_size(d, power, level=level, paired=paired)
    return math.ceil(exact - 1e-9)  # the root is found to rounding only


def seeds_range(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    difference: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
    confidence: float = 0.8,
    paired: bool = False,
) -> tuple[int, int]:
    """Return about how many seeds per group in all would show a difference, as a range.

    A few pilot seeds know the standard deviation s badly: with df degrees of freedom the true one
    lies between s·√(df/χ²) for the two quantiles of χ²(df) that leave out (1 - confidence)/2 each.
    Both ends give a number of seeds.  Of two settings s² is the mean of both variances, whatever
    the number of pilot runs, since there will be as many seeds of each; df is Satterthwaite's.

    Args:
        x: shape (n_x,), pilot runs.
        y: shape (n_y,), pilot runs of the other setting.
        difference: the difference of means that matters; None: the one observed, which is itself
            uncertain.
        power: how often the difference shall be found.
        level: 1 - alpha of the test.
        confidence: how surely the true standard deviation lies in the range.
        paired: whether x and y are pairs.

    Returns:
        (low, high): seeds per group, or pairs, the pilot runs included.

    Raises:
        EvidenceError: too few values, no spread, or a difference of 0, which no number of seeds
            shows.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> seeds_range([1.0, 1.2, 1.1], [1.2, 1.4, 1.3])
        (4, 16)
    """
    if paired:
        gaps = differences(x, y, least=2)
        gap, std, df = mean(gaps), deviation(gaps), float(gaps.size - 1)
    else:
        first, second = sample(x, least=2, name="x"), sample(y, least=2, name="y")
        gap, (std, df) = mean_difference(first, second), _spread_of_both(first, second)
    wanted = gap if difference is None else float(sample([difference], name="difference")[0])
    if wanted == 0:
        raise EvidenceError(
            "no number of seeds shows a difference of 0: give the difference wanted"
        )
    if std == 0:
        raise EvidenceError("the runs do not differ, so that nothing says how many more would help")
    tail = (1 - share(confidence, "confidence")) / 2
    special = require("scipy.special", extra="paper", why="statistical power")
    scales = [math.sqrt(df / float(special.chdtri(df, share_))) for share_ in (tail, 1 - tail)]
    low, high = (
        seeds_needed(wanted / (std * scale), power, level=level, paired=paired) for scale in scales
    )
    return low, high


def detectable_difference(
    std: float, n: int, *, power: float = 0.8, level: float = 0.95, paired: bool = False
) -> float:
    """Return the smallest true difference that so many seeds find with a power.

    Say this of an undecided comparison, not the "observed power": that only repeats p.

    Args:
        std: standard deviation of single runs (of the differences, for pairs), above 0.
        n: seeds per group, or pairs; at least 2.
        power: how often the difference shall be found.
        level: 1 - alpha of the test.
        paired: whether the seeds are paired.

    Raises:
        EvidenceError: an argument outside its range, or a power not above alpha.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(detectable_difference(0.002, 13), 5)
        0.00229
    """
    positive(std, "std")
    count = whole(n, "n", least=2)
    if share(power, "power") <= 1 - share(level, "level"):
        message = f"power={power} is not above alpha={1 - level:g}: no difference at all reaches it"
        raise EvidenceError(message)

    def missing(d: float) -> float:
        return _power(d, count, level, paired) - power

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(std) * _root(missing, 0.0, high)


def noether(gamma: float, *, alpha: float = 0.05, beta: float = 0.05) -> int:
    """Return the pairs of runs that show P(A better than B) above one half, if it is gamma.

    ⌈((z(1 - alpha) + z(1 - beta)) / (√6·(gamma - ½)))²⌉, one-sided (Noether 1987); 29 for the
    gamma = 0.75 of Bouthillier et al. (2021).

    Args:
        gamma: the probability that matters, above 0.5, at most 1.
        alpha: how often a difference is claimed where there is none.
        beta: how often it is missed where it is.

    Raises:
        EvidenceError: an argument outside its range.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> noether(0.75)
        29
    """
    if not 0.5 < float(gamma) <= 1:
        raise EvidenceError(f"gamma={gamma!r} must lie above 0.5 and at most at 1, such as 0.75")
    special = require("scipy.special", extra="paper", why="statistical power")
    z = -sum(float(special.ndtri(share(*pair))) for pair in ((alpha, "alpha"), (beta, "beta")))
    return math.ceil((z / (math.sqrt(6) * (gamma - 0.5))) ** 2)


def _spread_of_both(x: Array, y: Array) -> tuple[float, float]:
    """Return the root of the mean of two variances with its degrees of freedom."""
    parts = deviation(x), deviation(y)
    both = math.hypot(*parts)
    if both == 0:
        return 0.0, 1.0
    shares = [
        (part / both) ** 4 / (values.size - 1) for part, values in zip(parts, (x, y), strict=True)
    ]
    return both / math.sqrt(2), 1 / sum(shares)


def _power(d: float, n: float, level: float, paired: bool) -> float:  # noqa: FBT001
    """Return `power`, for functions that have an argument of that name."""
    return power(d, n, level=level, paired=paired)


def _root(function: Any, low: float, high: float) -> float:
    """Return where a rising function is zero."""
    optimize = require("scipy.optimize", extra="paper", why="statistical power")
    return float(optimize.brentq(function, low, high, xtol=1e-12, rtol=1e-12))
