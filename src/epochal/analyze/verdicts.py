"""Verdicts: what two groups show, in one word and in one sentence."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from epochal.analyze.effects import hedges_g, probability_better
from epochal.analyze.estimates import Estimate
from epochal.analyze.outcome import smallest_p
from epochal.analyze.pairs import TESTS, Pair
from epochal.analyze.planning import seeds_range
from epochal.analyze.samples import Array, alpha_of, differences, mean
from epochal.core.errors import EvidenceError
from epochal.markup.rounding import grouped, p_value, plain, rounded

POWER = 0.8
"""How often the seeds that are said to be needed show a difference."""

MANY = 1000
"""More seeds than these are called "more than 1,000"."""

CORRECTIONS = {
    "none": "without correction", "holm": "after Holm", "bonferroni": "after Bonferroni",
    "benjamini_hochberg": "after Benjamini-Hochberg", "bh": "after Benjamini-Hochberg",
    "benjamini_yekutieli": "after Benjamini-Yekutieli", "by": "after Benjamini-Yekutieli",
}  # fmt: skip

_CONTRARY = "the means and the ranks point in opposite directions: look at the single runs"
_OPPOSITE = {"better": "worse", "worse": "better"}


@dataclass(frozen=True)
class Verdict:
    """What one group shows against another; `str` says it in a sentence.

    Attributes:
        a, b: names of the groups.
        word: of a: "better", "worse", "equivalent" (only with a margin) or "undecided".
        difference: mean of a minus mean of b, with the interval of this pair alone.
        percent: the difference in percent of the absolute mean of b; NaN where that is 0.
        p: of the test; NaN where it says nothing.
        p_corrected: for all comparisons made together.
        test: its name, such as "welch".
        effect: Hedges' g, a minus b; NaN for one run against one.
        probability: that a run of a beats one of b, ties counted half.
        paired: whether runs of the same seed were taken as pairs.
        guards: what stands against it, in sentences.
        metric, goal: what was compared, and which way is better.
        means: of a and b.
        n: runs of a and b in the test; where they are paired, both are the number of pairs.
        level: 1 - alpha, and that of the interval.
        margin: the largest difference that does not matter, in units of the metric; or None.
        correction: its name.
        comparisons: how many p-values were corrected together.
        p_equivalent: corrected p of the test of equivalence; NaN without a margin.
        scores: the numbers of a and b; of pairs in the same order.
    """

    a: str
    b: str
    word: str
    difference: Estimate
    percent: float
    p: float
    p_corrected: float
    test: str
    effect: float
    probability: float
    paired: bool
    guards: tuple[str, ...]
    metric: str
    goal: str
    means: tuple[float, float]
    n: tuple[int, int]
    level: float
    margin: float | None = None
    correction: str = "holm"
    comparisons: int = 1
    p_equivalent: float = math.nan
    scores: tuple[Array, Array] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def seeds_needed(self) -> tuple[int, int] | None:
        """About how many seeds a side are needed to decide it, those that there are included.

        A range, for a power of 0.8 if the true difference is the one observed.  None where it is
        decided, or where nothing can be said.
        """
        return _seeds_needed(self) if self.word == "undecided" else None

    def flipped(self) -> Verdict:
        """Return the same of b against a."""
        d = self.difference
        base = abs(self.means[0])
        return replace(
            self, a=self.b, b=self.a, word=_OPPOSITE.get(self.word, self.word),
            difference=replace(d, value=-d.value, low=-d.high, high=-d.low),
            percent=-100 * d.value / base if base else math.nan, effect=-self.effect,
            probability=1 - self.probability, means=self.means[::-1], n=self.n[::-1],
            scores=self.scores and self.scores[::-1],
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form; NaN where there is no number."""
        d = self.difference
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "scores"}
        interval = {"value": d.value, "low": d.low, "high": d.high, "level": d.level,
                    "method": d.method, "n": d.n}  # fmt: skip
        needed = list(self.seeds_needed) if self.seeds_needed else None
        return named | {
            "difference": interval, "seeds_needed": needed, "guards": list(self.guards),
            "means": list(self.means), "n": list(self.n), "sentence": str(self),
        }  # fmt: skip

    def __str__(self) -> str:
        """Return the verdict as a sentence that can be pasted."""
        if self.word in _OPPOSITE:
            return self._decided()
        if self.word == "equivalent":
            return self._equivalent()
        return self._undecided()

    def _decided(self) -> str:
        one, other, size, low, high = self._numbers(sign=math.copysign(1, self.difference.value))
        way = "lower" if self.difference.value < 0 else "higher"
        interval = f"{100 * self.level:g} % interval {low} to {high}, "
        interval = "" if math.isnan(self.difference.low) else interval
        return (
            f"{self.a} is {self.word} than {self.b}: {self.metric} {one} against {other}, {way} by"
            f" {size} ({interval}{TESTS[self.test]}, {self._p()}, {self._n()})."
        )

    def _equivalent(self) -> str:
        one, other, size, low, high = self._numbers()
        test = "paired t-tests" if self.paired else "Welch t-tests"
        return (
            f"{self.a} and {self.b} are equivalent within {plain(self.margin or 0)}: {self.metric}"
            f" {one} against {other}, difference {size} ({100 * self.level:g} % interval {low} to"
            f" {high}, two one-sided {test}, {self._p(self.p_equivalent)}, {self._n()})."
        )

    def _undecided(self) -> str:
        one, other, size, low, high = self._numbers()
        head = f"{self.a} and {self.b}: undecided."
        if min(self.n) < 2:
            return (
                f"{head} {self.metric} is {one} against {other}, but one run alone says nothing of"
                f" chance ({self._n()}): run more seeds."
            )
        interval = f" ({100 * self.level:g} % interval {low} to {high})"
        between = "" if math.isnan(self.difference.low) else interval
        said = f"{head} The difference in {self.metric} is {size}{between}"
        if math.isnan(self.p):
            why = self.guards[-1] if self.guards else "no test applies"
            return f"{said}, {self._n()}; {why}."
        text = f"{said}, {self._p()}, {self._n()}"
        return f"{text}; {self._seeds()}." if self.seeds_needed else f"{text}."

    def _seeds(self) -> str:
        assert self.seeds_needed is not None
        low, high = self.seeds_needed
        each = "pairs of runs" if self.paired else "seeds each"
        if low > MANY:
            count = f"more than {MANY:,}"
        elif high > MANY:
            count = f"about {low:,} to more than {MANY:,}"
        else:
            count = f"about {low:,} to {high:,}" if low < high else f"about {low:,}"
        what = "a difference of this size"
        if self.margin is not None and abs(self.difference.value) < self.margin:
            what = f"that it is within {plain(self.margin)}"
        return f"in all {count} {each} are needed to show {what} (power {POWER:g})"

    def _p(self, p: float | None = None) -> str:
        """Return "p = 0.012 after Holm over 3 comparisons"."""
        text = p_value(self.p_corrected if p is None else p)
        text = f"p {text}" if text.startswith(("<", ">")) else f"p = {text}"
        if self.comparisons == 1:
            return text
        return f"{text} {CORRECTIONS[self.correction]} over {self.comparisons:,} comparisons"

    def _n(self) -> str:
        one, other = self.n
        pairs = f"n = {one} pair{'s' * (one != 1)}"
        return pairs if self.paired else f"n = {one} and {other}"

    def _numbers(self, sign: float = 1.0) -> tuple[str, str, str, str, str]:
        """Return both means, the difference and its ends, with the digits the interval warrants."""
        d = self.difference
        ends = sorted((sign * d.low, sign * d.high))
        shown = (*self.means, sign * d.value, *ends)
        error = (d.high - d.low) / 2
        if not 0 < error < math.inf:
            return tuple(plain(value, 5) for value in shown)  # type: ignore[return-value]
        return tuple(_with_exponent(value, error) for value in shown)  # type: ignore[return-value]


def _with_exponent(value: float, error: float) -> str:
    found = rounded(value, error)
    text = grouped(found.value)
    text = text.removeprefix("-") if not float(found.value) else text
    return f"{text}e{found.exponent}" if found.exponent else text


def verdict(  # noqa: PLR0913 - what was tested, and how
    pair: Pair, metric: str, goal: str, p_corrected: float, p_equivalent: float, *,
    level: float = 0.95, margin: float | None = None, correction: str = "holm",
    comparisons: int = 1,
) -> Verdict:  # fmt: skip
    """Return the verdict on two groups.

    "better" and "worse" need a corrected p below alpha, and with a margin a difference beyond it;
    "equivalent" needs a margin and a corrected p of equivalence below alpha; anything else is
    "undecided".

    Args:
        pair: the two groups, tested.
        metric: what was compared.
        goal: "minimize" or "maximize".
        p_corrected: p of the difference; NaN: none.
        p_equivalent: p of equivalence; NaN: none.
        level: 1 - alpha.
        margin: the largest difference that does not matter.
        correction: name of the correction.
        comparisons: how many p-values were corrected together.
    """
    gap, alpha = pair.difference.value, alpha_of(level)
    word = "undecided"
    contrary = _ranks(pair) * gap < 0
    if p_corrected < alpha and abs(gap) > (margin or 0) and not contrary:
        word = "better" if (gap < 0) == (goal == "minimize") else "worse"
    elif p_equivalent < alpha:
        word = "equivalent"
    means = mean(pair.x), mean(pair.y)
    both = pair.x.size + pair.y.size
    found = Verdict(
        pair.a.name, pair.b.name, word, pair.difference,
        100 * gap / abs(means[1]) if means[1] else math.nan,
        math.nan if pair.result is None else pair.result.p, p_corrected, pair.test,
        hedges_g(pair.x, pair.y) if both > 2 else math.nan,
        probability_better(pair.x, pair.y, goal), pair.paired, pair.guards, metric, goal,
        means, (int(pair.x.size), int(pair.y.size)), level, margin, correction, comparisons,
        p_equivalent, (pair.x, pair.y),
    )  # fmt: skip
    remarks = [_CONTRARY] if contrary else _remarks(pair, found)
    return replace(found, guards=(*pair.guards, *remarks))


def _ranks(pair: Pair) -> float:
    """Return a number with the sign that a test by ranks sees in a minus b; 0 for other tests."""
    if pair.test == "mann_whitney":
        return probability_better(pair.x, pair.y) - 0.5
    if pair.test != "wilcoxon":
        return 0.0
    gaps = differences(pair.x, pair.y)
    ranks = np.argsort(np.argsort(np.abs(gaps))) + 1.0
    return float((np.sign(gaps) * ranks).sum())


def _remarks(pair: Pair, verdict: Verdict) -> Sequence[str]:
    """Return what a reader could take wrongly, in sentences."""
    d, alpha = verdict.difference, alpha_of(verdict.level)
    made = f"{verdict.comparisons:,} comparisons"
    if verdict.word != "undecided" or pair.result is None:
        return ()
    family_wise = verdict.correction in ("holm", "bonferroni")
    if family_wise and pair.result.smallest_p * verdict.comparisons >= alpha:
        return (f"{TESTS[verdict.test]} cannot reach {alpha:.2g} with these n over {made}",)
    if verdict.p < alpha <= verdict.p_corrected:
        alone = f"alone p would be {p_value(verdict.p)}"
        return (f"{alone}, but {made} were made: of many, some are small by chance",)
    if verdict.p_corrected < alpha:
        margin = plain(verdict.margin or 0)
        return (f"there is a difference, but it may lie within the margin of {margin} or beyond",)
    if verdict.comparisons == 1 and not d.low <= 0 <= d.high:
        return (f"the t interval leaves 0 out, {TESTS[verdict.test]} does not exclude it",)
    return ()


def _seeds_needed(verdict: Verdict) -> tuple[int, int] | None:
    """Return about how many seeds a side are needed; None where nothing can be said."""
    gap, least = abs(verdict.difference.value), min(verdict.n) + 1
    if verdict.scores is None or least < 3 or math.isnan(verdict.p):
        return None
    alpha, power = alpha_of(verdict.level), POWER
    if verdict.correction != "none":
        alpha /= verdict.comparisons
    if verdict.margin is not None and gap < verdict.margin:
        near, far = verdict.margin - gap, verdict.margin + gap
        if far < 1.5 * near:  # either of two one-sided tests may fail
            power = (1 + POWER) / 2
        gap, alpha = near, 2 * alpha
    elif verdict.p_corrected < alpha_of(verdict.level):
        return None
    else:
        while smallest_p(verdict.test, least, least) >= alpha:
            least += 1
    with contextlib.suppress(EvidenceError):  # no spread, no difference, or one lost in rounding
        low, high = seeds_range(
            *verdict.scores, difference=gap, power=power, level=1 - alpha, paired=verdict.paired
        )
        return max(low, least), max(high, least)
    return None
