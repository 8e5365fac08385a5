"""Which methods differ, after a Friedman test: by mean ranks or pair by pair."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from epochal.analyze.corrections import correct
from epochal.analyze.nonparametric import wilcoxon
from epochal.analyze.samples import Array, differences, one_of, share, whole
from epochal.core.errors import EvidenceError, did_you_mean
from epochal.core.optional import require

RANK_TESTS = ("nemenyi", "bonferroni_dunn")


@dataclass(frozen=True)
class Pair:
    """What a test says of two methods.

    Attributes:
        a, b: names of the methods.
        difference: mean rank of a minus that of b; negative: a is better.
        statistic: z of the mean ranks, or T of the signed ranks.
        p: of this pair alone.
        p_corrected: for the number of pairs.
        method: in words.
    """

    a: str
    b: str
    difference: float
    statistic: float
    p: float
    p_corrected: float
    method: str


def critical_value(k: int, *, level: float = 0.95, test: str = "nemenyi") -> float:
    """Return q, the difference of mean ranks, in standard errors, that k methods need.

    For Nemenyi, all pairs: a quantile of the studentized range over √2.  For Bonferroni-Dunn, all
    against one: z at 1 - alpha / (2·(k-1)).

    Args:
        k: number of methods, at least 2.
        level: 1 - alpha.
        test: "nemenyi" or "bonferroni_dunn".

    Raises:
        EvidenceError: fewer than two methods, a level outside (0, 1), or an unknown test.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(critical_value(4), 3), round(critical_value(4, test="bonferroni_dunn"), 3)
        (2.569, 2.394)
    """
    count = whole(k, "k", least=2)
    alpha = 1 - share(level, "level")
    if one_of(test, RANK_TESTS, "test") == "bonferroni_dunn":
        special = require("scipy.special", extra="paper", why="a Bonferroni-Dunn test")
        return -float(special.ndtri(alpha / (2 * (count - 1))))
    stats = require("scipy.stats", extra="paper", why="a Nemenyi test")
    return float(stats.studentized_range.isf(alpha, count, np.inf)) / math.sqrt(2)


def critical_difference(k: int, n: int, *, level: float = 0.95, test: str = "nemenyi") -> float:
    """Return CD, the difference of mean ranks from which methods differ, q·√(k(k+1) / 6n).

    Args:
        k: number of methods, at least 2.
        n: number of tasks.
        level: 1 - alpha.
        test: "nemenyi" (all pairs) or "bonferroni_dunn" (all against one).

    Raises:
        EvidenceError: numbers that are too small, a level outside (0, 1), or an unknown test.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> round(critical_difference(4, 14), 2), round(critical_difference(4, 14, level=0.9), 2)
        (1.25, 1.12)
    """
    return critical_value(k, level=level, test=test) * rank_error(k, n)


def rank_error(k: int, n: int) -> float:
    """Return the standard error of a difference of two mean ranks, √(k(k+1) / 6n).

    Example:
        >>> rank_error(2, 1)
        1.0
    """
    whole(k, "k", least=2)
    return math.sqrt(k * (k + 1) / (6 * whole(n, "n")))


def nemenyi(names: tuple[str, ...], mean_ranks: Array, n: int) -> tuple[Pair, ...]:
    """Test all pairs of methods by their mean ranks over n tasks.

    p_corrected is by the studentized range: all pairs at once.

    Raises:
        EvidenceError: fewer than two methods, or no task.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> pair = nemenyi(("a", "b"), np.array([1.2, 1.8]), 20)[0]
        >>> round(pair.p_corrected, 4)
        0.0073
    """
    stats = require("scipy.stats", extra="paper", why="a Nemenyi test")
    k, error = len(names), rank_error(len(names), n)
    pairs = []
    for i, j in itertools.combinations(range(k), 2):
        gap = float(mean_ranks[i] - mean_ranks[j])
        z = gap / error
        together = float(stats.studentized_range.sf(abs(z) * math.sqrt(2), k, np.inf))
        p = min(1.0, max(0.0, together))
        pairs.append(Pair(names[i], names[j], gap, z, _two_sided(z), p, "Nemenyi test"))
    return tuple(pairs)


def bonferroni_dunn(
    names: tuple[str, ...], mean_ranks: Array, n: int, control: str
) -> tuple[Pair, ...]:
    """Test every method against one by their mean ranks over n tasks.

    Args:
        names: of the methods, k of them.
        mean_ranks: shape (k,).
        n: number of tasks.
        control: the one.

    Raises:
        EvidenceError: the control is none of the methods, fewer than two methods, or no task.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> ranks = np.array([3.143, 2.0, 2.893, 1.964])
        >>> pairs = bonferroni_dunn(("C4.5", "+m", "+cf", "both"), ranks, 14, "C4.5")
        >>> [round(-pair.statistic, 3) for pair in pairs]
        [2.342, 0.512, 2.416]
    """
    if control not in names:
        hint = did_you_mean(control, names)
        raise EvidenceError(f"control={control!r} is none of {', '.join(names)}{hint}")
    error, one = rank_error(len(names), n), names.index(control)
    pairs = []
    for i, name in enumerate(names):
        if i == one:
            continue
        gap = float(mean_ranks[i] - mean_ranks[one])
        p = _two_sided(gap / error)
        corrected = min(1.0, p * (len(names) - 1))
        pairs.append(Pair(name, control, gap, gap / error, p, corrected, "Bonferroni-Dunn test"))
    return tuple(pairs)


def pairwise_wilcoxon(
    names: tuple[str, ...],
    scores: Array,
    mean_ranks: Array,
    *,
    correction: str = "holm",
    zero_method: str = "zsplit",
) -> tuple[Pair, ...]:
    """Test all pairs of methods by Wilcoxon's signed ranks of their scores, corrected.

    Other than with mean ranks, what it says of two methods does not depend on the others, but for
    the correction (Benavoli et al. 2016).

    Args:
        names: of the methods, k of them.
        scores: shape (n_tasks, k).
        mean_ranks: shape (k,).
        correction: "holm" or another of `correct`.
        zero_method: how tasks without a difference count; see `wilcoxon`.

    Raises:
        EvidenceError: an unknown word, or scores that are not finite.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> table = np.array([[0.1, 0.2], [0.2, 0.4], [0.3, 0.6], [0.1, 0.5], [0.2, 0.7]])
        >>> pairwise_wilcoxon(("a", "b"), table, np.array([2.0, 1.0]))[0].p
        0.0625
    """
    found = []
    for i, j in itertools.combinations(range(len(names)), 2):
        found.append((i, j, *_signed_ranks(scores[:, i], scores[:, j], zero_method)))
    corrected = correct([p for *_, p in found], correction)
    method = f"Wilcoxon signed-rank test ({zero_method}), {correction} correction"
    return tuple(
        Pair(
            names[i], names[j], float(mean_ranks[i] - mean_ranks[j]), statistic, p, float(after),
            method,
        )
        for (i, j, statistic, p), after in zip(found, corrected, strict=True)
    )  # fmt: skip


def _signed_ranks(x: Array, y: Array, zero_method: str) -> tuple[float, float]:
    """Return T and p of pairs; without any difference, what is expected and 1."""
    if not differences(x, y).any():
        return x.size * (x.size + 1) / 4, 1.0
    result = wilcoxon(x, y, zero_method=zero_method)
    return result.statistic, result.p


def _two_sided(z: float) -> float:
    """Return the two-sided p of z."""
    special = require("scipy.special", extra="paper", why="a test of mean ranks")
    return min(1.0, 2 * float(special.ndtr(-abs(z))))
