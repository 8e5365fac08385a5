"""Ranks of methods over tasks, and Friedman's test (Demšar 2006).

Scores have the shape (n_tasks, n_methods), or are given as method -> shape (n_tasks,): one number
for each method on each task, such as the mean over its seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from epochal.analyze.outcome import TestResult
from epochal.analyze.samples import GOALS, Array, one_of
from epochal.analyze.score_tables import named_columns
from epochal.core.errors import EvidenceError
from epochal.core.optional import require

Scores: TypeAlias = Mapping[str, npt.ArrayLike] | npt.ArrayLike
TIES = "methods with equal scores on a task share the mean of their ranks"


@dataclass(frozen=True)
class Ranks:
    """Ranks of methods, 1 being the best.

    Attributes:
        names: of the methods, k of them.
        ranks: shape (n_tasks, k).
        mean: shape (k,).
        tied_tasks: how many tasks have methods with equal scores.
        goal: "maximize" or "minimize".
        tie_rule: in words.
    """

    names: tuple[str, ...]
    ranks: Array
    mean: Array
    tied_tasks: int
    goal: str
    tie_rule: str = TIES


def average_ranks(scores: Scores, *, goal: str = "maximize") -> Ranks:
    """Return the rank of each method on each task and its mean; equal scores share their ranks.

    Args:
        scores: shape (n_tasks, n_methods), or method -> shape (n_tasks,); infinite values are
            allowed.
        goal: "maximize" if larger is better, else "minimize".

    Raises:
        EvidenceError: scores of another shape, fewer than two methods, NaN, or an unknown goal.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> average_ranks({"a": [0.9, 0.8], "b": [0.7, 0.8]}).mean.tolist()
        [1.25, 1.75]
    """
    names, array = named_columns(scores, infinite=True)
    if len(names) < 2:
        raise EvidenceError(f"scores has one method, {names[0]!r}: ranks need at least two")
    stats = require("scipy.stats", extra="paper", why="ranking")
    sign = -1.0 if one_of(goal, GOALS, "goal") == "maximize" else 1.0
    ranks = np.asarray(stats.rankdata(sign * array, axis=1))
    tied = int(sum(np.unique(row).size < row.size for row in array))
    return Ranks(names, ranks, ranks.mean(axis=0), tied, goal)


def friedman(scores: Scores, *, tie_correction: bool = True) -> TestResult:
    """Test whether methods differ over tasks at all (Friedman 1937).

    χ² = 12n / (k(k+1)) · [Σ R² - k(k+1)²/4], R being the mean ranks of k methods over n tasks.
    With the tie correction it is divided by 1 - Σ(t³ - t) / (n·(k³ - k)), t being the sizes of
    groups of equal scores; Demšar's published example is without.  The χ² distribution is rough
    below 10 tasks or 5 methods: `iman_davenport` is better.

    Args:
        scores: shape (n_tasks, n_methods), at least (2, 2), or method -> shape (n_tasks,).
        tie_correction: whether to correct; `method` says which.

    Raises:
        EvidenceError: too few tasks or methods, NaN, or methods that are equal on every task.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = friedman({"a": [9, 8, 9, 7], "b": [5, 6, 4, 5], "c": [1, 2, 3, 1]})
        >>> round(result.statistic, 4), round(result.p, 4)
        (8.0, 0.0183)
    """
    return friedman_of(average_ranks(scores), tie_correction)


def iman_davenport(scores: Scores, *, tie_correction: bool = True) -> TestResult:
    """Test whether methods differ over tasks, by Friedman's χ² as an F (Iman and Davenport 1980).

    F = (n-1)·χ² / (n·(k-1) - χ²), with k-1 and (k-1)·(n-1) degrees of freedom, which `method`
    names; `df` is None since it holds one number.  Where all tasks have the same order F is
    infinite and p exact: how often that comes by chance, (k!)^(1-n) without ties.

    Args:
        scores: as for `friedman`.
        tie_correction: of χ².

    Raises:
        EvidenceError: as `friedman`.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = iman_davenport({"a": [9, 8, 9, 4], "b": [5, 6, 4, 5], "c": [1, 2, 3, 1]})
        >>> round(result.statistic, 2), round(result.p, 4)
        (13.0, 0.0066)
    """
    return iman_davenport_of(average_ranks(scores), tie_correction)


def friedman_of(ranks: Ranks, tie_correction: bool) -> TestResult:  # noqa: FBT001
    """Return Friedman's test of ranks that are known.

    Example:
        >>> friedman_of(average_ranks({"a": [2, 3], "b": [1, 1]}), True).statistic
        2.0
    """
    n, k = ranks.ranks.shape
    if n < 2:
        raise EvidenceError("scores has one task: Friedman's test needs at least two")
    chi = 12 * n / (k * (k + 1)) * float(((ranks.mean - (k + 1) / 2) ** 2).sum())
    if tie_correction:
        sizes = [np.unique(row, return_counts=True)[1] for row in ranks.ranks]
        tied = sum(int((size**3 - size).sum()) for size in sizes)
        left = n * (k**3 - k) - tied
        if left == 0:
            raise EvidenceError("all methods are equal on every task: there are no ranks to test")
        chi *= n * (k**3 - k) / left
    special = require("scipy.special", extra="paper", why="Friedman's test")
    method = f"Friedman test {'with' if tie_correction else 'without'} tie correction"
    return TestResult(chi, float(special.chdtrc(k - 1, chi)), method, (n,), float(k - 1))


def iman_davenport_of(ranks: Ranks, tie_correction: bool) -> TestResult:  # noqa: FBT001
    """Return Iman and Davenport's test of ranks that are known.

    Example:
        >>> iman_davenport_of(average_ranks({"a": [2, 3], "b": [1, 1]}), True).statistic
        inf
    """
    chi = friedman_of(ranks, tie_correction).statistic
    n, k = ranks.ranks.shape
    rest = n * (k - 1) - chi
    near = 1e-12 * n * (k - 1)  # all tasks have the same order, but for rounding
    f = math.inf if rest <= near else (n - 1) * chi / rest
    special = require("scipy.special", extra="paper", why="Iman and Davenport's test")
    df = k - 1, (k - 1) * (n - 1)
    p = _all_alike(ranks) if f == math.inf else float(special.fdtrc(*df, f))
    ties = f"{'with' if tie_correction else 'without'} tie correction"
    return TestResult(f, p, f"Iman-Davenport F test {ties} (df {df[0]} and {df[1]})", (n,))


def _all_alike(ranks: Ranks) -> float:
    """Return how often all tasks have the order of the first by chance."""
    n, k = ranks.ranks.shape
    sizes = np.unique(ranks.ranks[0], return_counts=True)[1].tolist()
    orders = math.lgamma(k + 1) - sum(math.lgamma(size + 1) for size in sizes)
    return math.exp((1 - n) * orders)
