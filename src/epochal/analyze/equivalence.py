"""Equivalence: showing that two means do not differ by more than a margin; regressions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy.typing as npt

from epochal.analyze.corrections import correct
from epochal.analyze.estimates import Estimate
from epochal.analyze.nonparametric import permutation
from epochal.analyze.outcome import TestResult
from epochal.analyze.parametric import mean_difference, pairs, student, t_test, unpaired, welch
from epochal.analyze.samples import (
    GOALS,
    Rng,
    alpha_of,
    generator,
    mean,
    one_of,
    positive,
    sample,
    share,
)
from epochal.core.errors import EvidenceError

Word = Literal["better", "worse", "equivalent", "undecided"]


def tost(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    margin: float,
    *,
    paired: bool = False,
    level: float = 0.95,
) -> TestResult:
    """Test that two means differ by less than a margin (two one-sided tests, Schuirmann 1987).

    p is the larger one of "the difference is above -margin" and "it is below +margin", by Welch or
    by the paired t-test.  It is below 1 - level exactly if the interval of the difference at level
    2·level - 1 (90 % for 0.95) lies within ± margin; that interval is `low`, `high`.

    Args:
        x: shape (n_x,), n_x at least 2.
        y: shape (n_y,), n_y at least 2.
        margin: the largest difference that does not matter, above 0; fix it before you look.
        paired: whether x and y are pairs.
        level: 1 - alpha, above 0.5.

    Raises:
        EvidenceError: too few values, NaN or infinity, no spread, a margin that is not above 0.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> result = tost([3.1, 3.2, 3.3, 3.2], [3.2, 3.1, 3.2, 3.3], margin=0.3)
        >>> round(result.p, 4), round(result.high, 3)
        (0.001, 0.112)
    """
    size = positive(margin, "margin")
    if share(level, "level") <= 0.5:
        raise EvidenceError(f"level={level} must be above 0.5, such as 0.95")
    contrast = pairs(x, y) if paired else unpaired(x, y)
    sides = [
        t_test(contrast._replace(difference=contrast.difference + size), "greater"),
        t_test(contrast._replace(difference=contrast.difference - size), "less"),
    ]
    worst = max(sides, key=lambda side: side.p)
    usual = t_test(contrast, level=2 * level - 1)
    name = f"equivalence within ± {size:g} (two one-sided tests, {contrast.method})"
    return replace(usual, statistic=worst.statistic, p=worst.p, method=name)


@dataclass(frozen=True)
class Regression:
    """What new runs say about a change, against a pinned set of baseline runs.

    Attributes:
        word: "worse" or "better": significant and larger than the margin; "equivalent": shown to
            lie within the margin; else "undecided".
        difference: new - baseline, with its interval.
        percent: the difference in percent of the baseline's mean; NaN if that is 0.
        p: of the difference, corrected if several metrics were tested.
        p_equivalent: of a difference beyond the margin; NaN for one new run.
        margin: the largest difference that does not matter.
        goal: "minimize" or "maximize".
        n: (new runs, baseline runs).

    Example:
        >>> result = regression([5.0, 5.2, 5.1], [4.0, 4.1, 4.2], margin=0.2)
        >>> result.word, result.passed
        ('worse', False)
    """

    word: Word
    difference: Estimate
    percent: float
    p: float
    p_equivalent: float
    margin: float
    goal: str
    n: tuple[int, int]

    @property
    def passed(self) -> bool:
        """Whether the change may pass: it is shown to be better or equivalent."""
        return self.word in ("better", "equivalent")

    def __str__(self) -> str:
        from epochal.markup.rounding import p_value, percent, plain

        new, old = self.n
        size = f" ({percent(self.percent)})" if math.isfinite(self.percent) else ""
        same = self.word == "equivalent"
        p = p_value(self.p_equivalent if same else self.p)
        equal = "" if p.startswith(("<", ">")) else "= "
        return (
            f"{self.word}: {plain(self.difference.value)}{size},"
            f" p {'of equivalence ' if same else ''}{equal}{p}, margin"
            f" {plain(self.margin)} (n={new:,} new, {old:,} baseline)"
        )


def regression(
    new: npt.ArrayLike,
    baseline: npt.ArrayLike,
    margin: float,
    *,
    goal: str = "minimize",
    test: str = "welch",
    level: float = 0.95,
    rng: Rng = 0,
) -> Regression:
    """Return whether a change made a metric worse, better, or neither by more than a margin.

    A claim of worse or better needs p < 1 - level and a difference beyond the margin; "equivalent"
    needs the equivalence test.  One new run is judged by the prediction interval of the baseline;
    it cannot show equivalence.

    Args:
        new: shape (n_new,), runs with the change.
        baseline: shape (n_baseline,), at least 2 runs without.
        margin: the largest difference that does not matter, above 0.
        goal: "minimize" if smaller is better, else "maximize".
        test: of the difference: "welch" or "permutation".
        level: 1 - alpha.
        rng: seed or generator, for "permutation".

    Raises:
        EvidenceError: too few values, NaN or infinity, no spread, or an argument outside its range.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> print(regression([79.5, 79.7, 79.8], [80.6, 80.7, 80.7], margin=0.1))
        better: -1 (-1.24 %), p = 0.003, margin 0.1 (n=3 new, 3 baseline)
    """
    first = sample(new, name="new")
    second = sample(baseline, least=2, name="baseline")
    size, alpha = positive(margin, "margin"), alpha_of(share(level, "level"))
    one_of(goal, GOALS, "goal")
    one_of(test, ("welch", "permutation"), "test")
    n = int(first.size), int(second.size)
    if n[0] == 1:
        usual, p_equivalent = student(first, second, level=level), math.nan
        words = "prediction interval"
    else:
        usual = welch(first, second, level=level)
        p_equivalent = tost(first, second, size, level=level).p
        words = "Welch t interval"
    p = usual.p
    if test == "permutation" and n[0] > 1:
        p = permutation(first, second, rng=rng).p
    gap, base = mean_difference(first, second), mean(second)
    estimate = Estimate(gap, usual.low, usual.high, level, words, sum(n))
    percent = 100 * gap / abs(base) if base else math.nan
    result = Regression("undecided", estimate, percent, p, p_equivalent, size, goal, n)
    return replace(result, word=_word(result, alpha))


def regressions(
    new: Mapping[str, npt.ArrayLike],
    baseline: Mapping[str, npt.ArrayLike],
    margins: Mapping[str, float],
    *,
    goals: Mapping[str, str] | None = None,
    correction: str = "holm",
    test: str = "welch",
    level: float = 0.95,
    rng: Rng = 0,
) -> dict[str, Regression]:
    """Return `regression` of several metrics, their p-values corrected for the number of metrics.

    Args:
        new: metric to values, shape (n_new,).
        baseline: metric to values, shape (n_baseline,).
        margins: metric to its margin; these metrics are tested, in this order.
        goals: metric to "minimize" or "maximize"; "minimize" where nothing is said.
        correction: as `correct` takes it; applied to both p-values.
        test: of the difference: "welch" or "permutation".
        level: 1 - alpha.
        rng: seed or generator, for "permutation".

    Raises:
        EvidenceError: a metric has no values, or as `regression`.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> found = regressions(
        ...     {"loss": [1.0, 1.1, 1.2]}, {"loss": [1.0, 1.2, 1.1]}, margins={"loss": 0.5}
        ... )
        >>> found["loss"].word
        'equivalent'
    """
    for metric in margins:
        if metric not in new or metric not in baseline:
            side = "baseline" if metric in new else "new"
            raise EvidenceError(f"{side} has no values of {metric!r}: leave its margin out")
    random = generator(rng)
    raw = {
        metric: regression(
            new[metric], baseline[metric], margin, goal=(goals or {}).get(metric, "minimize"),
            test=test, level=level, rng=random,
        )
        for metric, margin in margins.items()
    }  # fmt: skip
    different = correct([result.p for result in raw.values()], correction).tolist()
    several = {metric: result for metric, result in raw.items() if result.n[0] > 1}
    equal = correct([result.p_equivalent for result in several.values()], correction).tolist()
    within = dict(zip(several, equal, strict=True))
    corrected = {
        metric: replace(result, p=p, p_equivalent=within.get(metric, math.nan))
        for (metric, result), p in zip(raw.items(), different, strict=True)
    }
    return {
        metric: replace(result, word=_word(result, alpha_of(level)))
        for metric, result in corrected.items()
    }


def _word(result: Regression, alpha: float) -> Word:
    """Return what p-values, difference and margin allow to say."""
    gap = result.difference.value
    if result.p < alpha and abs(gap) > result.margin:
        return "better" if (gap < 0) == (result.goal == "minimize") else "worse"
    return "equivalent" if result.p_equivalent < alpha else "undecided"
