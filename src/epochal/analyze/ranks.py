"""Which methods differ over tasks: all of a critical-difference diagram (Demšar 2006).

Scores have the shape (n_tasks, n_methods), or are given as method -> shape (n_tasks,): one number
for each method on each task, such as the mean over its seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from epochal.analyze.corrections import correct
from epochal.analyze.outcome import TestResult, smallest_p
from epochal.analyze.post_hoc import (
    Pair,
    bonferroni_dunn,
    critical_difference,
    critical_value,
    nemenyi,
    pairwise_wilcoxon,
)
from epochal.analyze.rank_sums import (
    TIES,
    Ranks,
    Scores,
    average_ranks,
    friedman,
    friedman_of,
    iman_davenport,
    iman_davenport_of,
)
from epochal.analyze.samples import one_of, share
from epochal.analyze.score_tables import named_columns
from epochal.core.errors import EvidenceError

__all__ = [
    "Pair",
    "RankComparison",
    "Ranks",
    "average_ranks",
    "bonferroni_dunn",
    "cliques",
    "compare_ranks",
    "critical_difference",
    "critical_value",
    "friedman",
    "iman_davenport",
    "nemenyi",
    "pairwise_wilcoxon",
]

POST_HOC = ("nemenyi", "bonferroni_dunn", "wilcoxon")


@dataclass(frozen=True)
class RankComparison:
    """What a critical-difference diagram shows.

    Attributes:
        ranks: of the methods.
        friedman: whether the methods differ at all; iman_davenport: the same by the F distribution.
        pairs: which of them differ.
        critical_difference: of mean ranks; None where pairs are tested without ranks.
        cliques: names of methods, best first, among which no difference was found.
        level: 1 - alpha.
        method: in words, with the rule of ties.
        guards: what a reader must know, such as a test that so few tasks cannot satisfy.
    """

    ranks: Ranks
    friedman: TestResult
    iman_davenport: TestResult
    pairs: tuple[Pair, ...]
    critical_difference: float | None
    cliques: tuple[tuple[str, ...], ...]
    level: float
    method: str
    guards: tuple[str, ...] = ()


def cliques(
    names: tuple[str, ...], mean_ranks: npt.ArrayLike, differ: npt.ArrayLike
) -> tuple[tuple[str, ...], ...]:
    """Return groups of neighbors in rank among which no two differ: the bars of a diagram.

    Groups inside others are left out, and so are single methods.  Two methods that do not differ
    may stand in no common group if one between them differs from either.

    Args:
        names: of the methods, k of them.
        mean_ranks: shape (k,).
        differ: shape (k, k), whether two methods differ.

    Returns:
        Names in each group, best first; groups by their best.

    Raises:
        EvidenceError: shapes that do not fit.

    Example:
        >>> far = [[False, False, True], [False, False, False], [True, False, False]]
        >>> cliques(("a", "b", "c"), [1.0, 2.0, 3.0], far)
        (('a', 'b'), ('b', 'c'))
    """
    different, means = np.asarray(differ, dtype=bool), np.asarray(mean_ranks, dtype=np.float64)
    k = len(names)
    if different.shape != (k, k) or means.shape != (k,):
        message = f"mean_ranks has the shape {means.shape} and differ {different.shape}"
        raise EvidenceError(f"{message}: {k} names need ({k},) and ({k}, {k})")
    order = np.argsort(means, kind="stable")
    found: list[tuple[str, ...]] = []
    covered = 0
    for first in range(k):
        last = first
        while last + 1 < k and not different[order[last + 1], order[first : last + 1]].any():
            last += 1
        if last > first and last + 1 > covered:
            found.append(tuple(names[i] for i in order[first : last + 1]))
            covered = last + 1
    return tuple(found)


def compare_ranks(
    scores: Scores,
    *,
    goal: str = "maximize",
    level: float = 0.95,
    test: str = "nemenyi",
    control: str | None = None,
    correction: str = "holm",
    tie_correction: bool = True,
) -> RankComparison:
    """Return ranks, Friedman's test, and which methods differ: a critical-difference diagram.

    Mean ranks of two methods depend on which others take part; `test="wilcoxon"` does not have
    that weakness (Benavoli et al. 2016), but needs scores that are comparable between tasks.

    Args:
        scores: shape (n_tasks, n_methods), at least (2, 2), or method -> shape (n_tasks,).
        goal: "maximize" if larger is better, else "minimize".
        level: 1 - alpha.
        test: "nemenyi" (all pairs by mean ranks), "bonferroni_dunn" (all against a control) or
            "wilcoxon" (all pairs by signed ranks, corrected).
        control: name of the method to compare with; for "bonferroni_dunn" only.
        correction: for "wilcoxon" only; see `correct`.
        tie_correction: of Friedman's test.

    Raises:
        EvidenceError: too few tasks or methods, NaN, methods that are equal on every task, an
            unknown word, or a control missing where it is needed.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = compare_ranks({"a": [9, 8, 9, 7], "b": [5, 6, 4, 5], "c": [1, 2, 3, 1]})
        >>> result.cliques, round(result.critical_difference, 3)
        ((('a', 'b'), ('b', 'c')), 1.657)
    """
    names, array = named_columns(scores, infinite=test != "wilcoxon")
    ranks = average_ranks(dict(zip(names, array.T, strict=True)), goal=goal)
    n, alpha = len(array), 1 - share(level, "level")
    one_of(test, POST_HOC, "test")
    if (control is None) == (test == "bonferroni_dunn"):
        word = "needs" if control is None else "takes no"
        raise EvidenceError(f"test={test!r} {word} control, the method to compare with")
    overall = friedman_of(ranks, tie_correction)
    gap = None if test == "wilcoxon" else critical_difference(len(names), n, level=level, test=test)
    if test == "wilcoxon":
        pairs = pairwise_wilcoxon(names, array, ranks.mean, correction=correction)
        least = correct([smallest_p("wilcoxon", n), *[1.0] * (len(pairs) - 1)], correction)[0]
        reach = bool(least <= alpha)
    else:
        pairs = (
            nemenyi(names, ranks.mean, n)
            if control is None
            else bonferroni_dunn(names, ranks.mean, n, control)
        )
        reach = gap is None or gap <= len(names) - 1
    return RankComparison(
        ranks, overall, iman_davenport_of(ranks, tie_correction), pairs, gap,
        _groups(ranks, pairs, control, alpha), level,
        f"{pairs[0].method}; {overall.method}; {TIES}",
        _guards(overall, n, alpha, reach=reach),
    )  # fmt: skip


def _groups(
    ranks: Ranks, pairs: tuple[Pair, ...], control: str | None, alpha: float
) -> tuple[tuple[str, ...], ...]:
    """Return names of methods among which, or from a control, no difference was found."""
    names = ranks.names
    different = {(pair.a, pair.b) for pair in pairs if pair.p_corrected <= alpha}
    if control is None:
        grid = [[(a, b) in different or (b, a) in different for b in names] for a in names]
        return cliques(names, ranks.mean, grid)
    best_first = [names[i] for i in np.argsort(ranks.mean, kind="stable")]
    alike = tuple(name for name in best_first if (name, control) not in different)
    return (alike,) if len(alike) > 1 else ()


def _guards(overall: TestResult, n: int, alpha: float, *, reach: bool) -> tuple[str, ...]:
    """Return what a reader must know of so few tasks and of the test of all methods."""
    guards = []
    if not reach:
        guards.append(f"no pair can reach {alpha:.3g} with {n:,} tasks, whatever the scores are")
    if overall.p > alpha:
        message = f"the Friedman test finds no difference at all (p = {overall.p:.3g})"
        guards.append(f"{message}: differences of pairs mean little")
    return tuple(guards)
