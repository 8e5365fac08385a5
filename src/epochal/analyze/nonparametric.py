"""Tests without a bell curve: by ranks, by relabeling, and by counts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from epochal.analyze.outcome import TestResult, smallest_p
from epochal.analyze.parametric import mean_difference
from epochal.analyze.samples import (
    ALTERNATIVES,
    Array,
    Rng,
    differences,
    generator,
    mean,
    one_of,
    sample,
    whole,
)
from epochal.core.errors import EvidenceError
from epochal.core.optional import require

EXACT = 100_000
"""Up to so many relabelings a permutation test looks at all of them."""

EXACT_WITH_TIES = 20_000
"""The same for Mann-Whitney with equal values."""

CELLS_AT_A_TIME = 4_000_000  # 32 MB of relabeled values


def mann_whitney(
    x: npt.ArrayLike, y: npt.ArrayLike, *, alternative: str = "two-sided"
) -> TestResult:
    """Test whether values of x tend to be larger or smaller than those of y, by ranks.

    U = Σ[x > y] + ½·Σ[x = y].  Exact if the smaller sample has at most 8 values and none are equal
    (SciPy's rule), and if some are and there are at most 20,000 relabelings; else the normal
    approximation with corrections for ties and continuity.

    Args:
        x: shape (n_x,); infinite values are allowed, such as a time to a target never reached.
        y: shape (n_y,).
        alternative: "two-sided", "less" (x tends to be smaller) or "greater".

    Raises:
        EvidenceError: no values or NaN.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = mann_whitney([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
        >>> result.statistic, round(result.p, 3), round(result.smallest_p, 3)
        (0.0, 0.1, 0.1)
    """
    first = sample(x, name="x", infinite=True)
    second = sample(y, name="y", infinite=True)
    one_of(alternative, ALTERNATIVES, "alternative")
    n = int(first.size), int(second.size)
    both = np.concatenate([first, second])
    levels, both = np.unique(both, return_inverse=True)  # ranks are all that counts, infinities too
    name = "Mann-Whitney U test"
    least = smallest_p("mann_whitney", *n, alternative=alternative)
    if levels.size == 1:
        return TestResult(n[0] * n[1] / 2, 1.0, name, n, None, alternative, smallest_p=least)
    stats = require("scipy.stats", extra="paper", why="the Mann-Whitney test")
    if levels.size < sum(n) and math.comb(sum(n), n[0]) <= EXACT_WITH_TIES:
        statistic, p = _exact_with_ties(stats.rankdata(both), n, alternative)
    else:
        result = stats.mannwhitneyu(both[: n[0]], both[n[0] :], alternative=alternative)
        statistic, p = float(result.statistic), float(result.pvalue)
    return TestResult(statistic, p, name, n, None, alternative, smallest_p=least)


def wilcoxon(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    zero_method: str = "wilcox",
    alternative: str = "two-sided",
) -> TestResult:
    """Test pairs by the signed ranks of their differences (Wilcoxon 1945).

    Exact up to 50 pairs if no differences are equal or zero, up to 13 pairs if some are; else the
    normal approximation (SciPy's rules).

    Args:
        x: shape (n,).
        y: shape (n,), in the same order.
        zero_method: pairs without a difference are dropped ("wilcox"), ranked and then dropped
            ("pratt"), or counted half for each side ("zsplit", as Demšar 2006 does).
        alternative: "two-sided", "less" (x is smaller) or "greater".

    Raises:
        EvidenceError: no pairs, not as many x as y, NaN or infinity, or pairs that are all equal.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0], [0.5, 1.4, 2.3, 3.2, 4.1]).p
        0.0625
    """
    gaps = differences(x, y)
    one_of(zero_method, ("wilcox", "pratt", "zsplit"), "zero_method")
    one_of(alternative, ALTERNATIVES, "alternative")
    left = int(np.count_nonzero(gaps))
    if left == 0:
        message = (
            f"all {gaps.size} pairs are equal: there is no difference whose rank could be taken"
        )
        raise EvidenceError(message)
    stats = require("scipy.stats", extra="paper", why="the Wilcoxon test")
    result = stats.wilcoxon(gaps, zero_method=zero_method, alternative=alternative)
    least = smallest_p("wilcoxon", left, alternative=alternative)
    name = "Wilcoxon signed-rank test"
    return TestResult(
        float(result.statistic), float(result.pvalue), name, (int(np.size(x)),), None, alternative,
        smallest_p=least,
    )  # fmt: skip


def permutation(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    alternative: str = "two-sided",
    resamples: int = 20_000,
    rng: Rng = 0,
) -> TestResult:
    """Test the difference of two means by relabeling the values (Fisher, Pitman).

    Exact over all C(n_x + n_y, n_x) relabelings if these are at most 100,000; else random ones,
    p = (b + 1) / (B + 1) for each side, so that p is never 0.

    Args:
        x: shape (n_x,), n_x at least 2.
        y: shape (n_y,), n_y at least 2.
        alternative: "two-sided", "less" (x is smaller) or "greater".
        resamples: B, how many random relabelings.
        rng: seed or generator; not used where the test is exact.

    Raises:
        EvidenceError: too few values, NaN or infinity.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> permutation([1.0, 2.0, 3.0], [4.0, 5.0, 7.0]).p
        0.1
    """
    first, second = sample(x, least=2, name="x"), sample(y, least=2, name="y")
    n = int(first.size), int(second.size)
    offset = first[0]  # a common offset changes nothing but the rounding
    data = first - offset, second - offset
    relabelings = math.comb(sum(n), n[0])
    p, least = _relabel(
        data, "independent", relabelings, alternative, whole(resamples, "resamples"),
        generator(rng), _rounding(first, second),
    )  # fmt: skip
    method = f"permutation test ({_how_many(relabelings, resamples)})"
    gap = mean_difference(first, second)
    return TestResult(gap, p, method, n, None, alternative, smallest_p=least)


def paired_permutation(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    alternative: str = "two-sided",
    resamples: int = 20_000,
    rng: Rng = 0,
) -> TestResult:
    """Test the mean difference of pairs by flipping their signs.

    Exact over all 2**n flips if these are at most 100,000 (n = 16); else random ones,
    p = (b + 1) / (B + 1) for each side.

    Args:
        x: shape (n,), n at least 2.
        y: shape (n,), in the same order.
        alternative: "two-sided", "less" (x is smaller) or "greater".
        resamples: B, how many random flips.
        rng: seed or generator; not used where the test is exact.

    Raises:
        EvidenceError: too few pairs, not as many x as y, NaN or infinity.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> paired_permutation([1.0, 2.0, 3.0, 4.0], [0.5, 1.4, 2.3, 3.2]).p
        0.125
    """
    gaps = differences(x, y, least=2)
    relabelings = 2 ** int(gaps.size)
    p, least = _relabel(
        (gaps, np.zeros_like(gaps)), "samples", relabelings, alternative,
        whole(resamples, "resamples"), generator(rng), _rounding(np.asarray(x), np.asarray(y)),
    )  # fmt: skip
    method = f"paired permutation test ({_how_many(relabelings, resamples)})"
    return TestResult(mean(gaps), p, method, (int(gaps.size),), None, alternative, smallest_p=least)


def mcnemar(x: npt.ArrayLike, y: npt.ArrayLike, *, alternative: str = "two-sided") -> TestResult:
    """Test two models on one test set by the examples that only one of them gets right.

    The exact (binomial) form of McNemar (1947): b, of the b + c examples where they differ, against
    one half.

    Args:
        x: shape (n_examples,): 1 or True where the first model is right, else 0.
        y: the same of the second model.
        alternative: "two-sided", "less" (x is right less often) or "greater".

    Raises:
        EvidenceError: not as many x as y, or values other than 0 and 1.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1, 0])
        >>> result.statistic, result.p
        (5.0, 0.0625)
    """
    first, second = sample(x, name="x"), sample(y, name="y")
    one_of(alternative, ALTERNATIVES, "alternative")
    if first.size != second.size:
        message = (
            f"x has {first.size:,} examples and y {second.size:,}: both need the same test set"
        )
        raise EvidenceError(message)
    if not np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
        raise EvidenceError("x and y must be 1 where the model is right and 0 where it is wrong")
    b, c = int((first > second).sum()), int((first < second).sum())
    special = require("scipy.special", extra="paper", why="McNemar's test")
    less, greater = (float(special.bdtr(count, b + c, 0.5)) for count in (b, c))
    p = {"less": less, "greater": greater}.get(alternative, min(1.0, 2 * min(less, greater)))
    least = smallest_p("mcnemar", b + c, alternative=alternative)
    name, n = "McNemar's exact test", (int(first.size),)
    return TestResult(float(b), p, name, n, None, alternative, smallest_p=least)


def _exact_with_ties(ranks: Array, n: tuple[int, int], alternative: str) -> tuple[float, float]:
    """Return U and p over all relabelings of ranks, those of x first."""
    first, second = ranks[: n[0]], ranks[n[0] :]
    few = min(first, second, key=len)
    every = itertools.combinations(ranks.tolist(), few.size)
    sums = np.fromiter(map(math.fsum, every), np.float64)
    less, greater = float((sums <= few.sum()).mean()), float((sums >= few.sum()).mean())
    if few is second:
        less, greater = greater, less
    p = {"less": less, "greater": greater}.get(alternative, min(1.0, 2 * min(less, greater)))
    return float(first.sum()) - n[0] * (n[0] + 1) / 2, p


def _relabel(
    data: tuple[Array, Array],
    kind: str,
    relabelings: int,
    alternative: str,
    resamples: int,
    rng: np.random.Generator,
    rounding: float,
) -> tuple[float, float]:
    """Return p of the difference of means under relabeling, and the smallest it could be."""
    one_of(alternative, ALTERNATIVES, "alternative")
    stats = require("scipy.stats", extra="paper", why="a permutation test")
    observed = float(np.mean(data[0]) - np.mean(data[1]))
    # Sums of the same numbers in another order differ by rounding; they count as equal.
    near = max(rounding, 1e-12 * float(max(np.abs(data[0]).max(), np.abs(data[1]).max())))

    def statistic(x: Array, y: Array, axis: int) -> Array:
        gap = np.mean(x, axis=axis) - np.mean(y, axis=axis)
        return np.where(np.abs(gap - observed) <= near, observed, gap)

    exact = relabelings <= max(EXACT, resamples)
    size = data[0].size + data[1].size
    result = stats.permutation_test(
        data, statistic, permutation_type=kind, vectorized=True, alternative=alternative,
        n_resamples=math.inf if exact else resamples, batch=max(1, CELLS_AT_A_TIME // size),
        rng=rng,
    )  # fmt: skip
    sides = 2 if alternative == "two-sided" else 1
    least = sides / relabelings if exact else sides / (resamples + 1)
    return float(result.pvalue), min(1.0, least)


def _rounding(x: Array, y: Array) -> float:
    """Return how far rounding may move a mean of differences of such values."""
    return 4 * float(np.spacing(float(max(np.abs(x).max(), np.abs(y).max()))))


def _how_many(relabelings: int, resamples: int) -> str:
    """Return in words how many relabelings a test looked at."""
    exact = relabelings <= max(EXACT, resamples)
    return f"all {relabelings:,} relabelings" if exact else f"{resamples:,} random relabelings"
