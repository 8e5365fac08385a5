"""The outcome of a test, and the smallest p that it could have had."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from epochal.analyze.samples import ALTERNATIVES, one_of, whole
from epochal.core.errors import EvidenceError

PARAMETRIC = ("welch", "student", "one_sample", "paired_t", "known_sigma")
UNPAIRED = ("mann_whitney", "permutation")
PAIRED = ("wilcoxon", "paired_permutation", "mcnemar")


@dataclass(frozen=True)
class TestResult:
    """What a test says of a difference, always the first sample minus the second.

    Attributes:
        statistic: t, z, U, T, a difference of means or a count, as the test has it.
        p: how often a difference this large comes without a cause.
        method: in words.
        n: values of each sample; one number for pairs and for one sample.
        df: degrees of freedom, None for tests that have none.
        alternative: "two-sided", "less" (the first is smaller) or "greater".
        low, high: interval of the difference of means; NaN where the test has none.
        smallest_p: what the test could reach at best with so many values; 0 without a bound.

    Example:
        >>> result = TestResult(0.0, 0.1, "Mann-Whitney U test", (3, 3), smallest_p=0.1)
        >>> result.can_reach(0.05)
        False
    """

    __test__: ClassVar[bool] = False  # pytest takes every class called Test... for a test

    statistic: float
    p: float
    method: str
    n: tuple[int, ...]
    df: float | None = None
    alternative: str = "two-sided"
    low: float = math.nan
    high: float = math.nan
    smallest_p: float = 0.0

    def can_reach(self, alpha: float) -> bool:
        """Return whether p could be below alpha at all with so many values."""
        return self.smallest_p < alpha

    def __str__(self) -> str:
        from epochal.markup.rounding import p_value, plain

        df = "" if self.df is None else f", df {plain(self.df)}"
        n = " and ".join(f"{n:,}" for n in self.n)
        p = p_value(self.p)
        equal = "" if p.startswith(("<", ">")) else "= "
        side = "" if self.alternative == "two-sided" else f", one-sided ({self.alternative})"
        return f"{self.method}{side}: p {equal}{p} ({plain(self.statistic)}{df}, n={n})"


def smallest_p(
    method: str, n_x: int, n_y: int | None = None, *, alternative: str = "two-sided"
) -> float:
    """Return the smallest p that a test can reach with so many values, whatever they are.

    1 / C(n_x + n_y, n_x) for tests that relabel two samples, 1 / 2**n for tests that flip n pairs;
    twice that for two sides.  With equal values among them it may be larger.

    Args:
        method: name of the function, such as "mann_whitney".
        n_x: values of the first sample, or pairs.
        n_y: values of the second sample; not needed for pairs.
        alternative: "two-sided", "less" or "greater".

    Raises:
        EvidenceError: an unknown method, or n_y missing for two samples.

    Example:
        >>> smallest_p("mann_whitney", 3, 3), smallest_p("wilcoxon", 5), smallest_p("welch", 2, 2)
        (0.1, 0.0625, 0.0)
    """
    one_of(method, (*PARAMETRIC, *UNPAIRED, *PAIRED), "method")
    one_of(alternative, ALTERNATIVES, "alternative")
    first = whole(n_x, "n_x", least=0)
    sides = 2 if alternative == "two-sided" else 1
    if method in PARAMETRIC:
        return 0.0
    if method in PAIRED:
        return min(1.0, math.ldexp(sides, -first))
    if n_y is None:
        raise EvidenceError(f"smallest_p of {method} needs n_y, the number of values in y")
    return min(1.0, sides / math.comb(first + whole(n_y, "n_y"), first))
