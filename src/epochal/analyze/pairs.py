"""Two groups side by side: which runs are pairs, which test applies, and what it cannot show."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from epochal.analyze import significance
from epochal.analyze.equivalence import tost
from epochal.analyze.estimates import Estimate
from epochal.analyze.groups import Group, seed_key
from epochal.analyze.outcome import PAIRED, TestResult, smallest_p
from epochal.analyze.parametric import mean_difference
from epochal.analyze.samples import Array, Rng, alpha_of, deviation, differences, mean, one_of
from epochal.core.errors import EvidenceError

UNPAIRED_TESTS = ("welch", "student", "mann_whitney", "permutation")
PAIRED_TESTS = ("paired_t", "wilcoxon", "paired_permutation")
TESTS = {
    "welch": "Welch t", "student": "Student t", "mann_whitney": "Mann-Whitney U",
    "permutation": "permutation test", "paired_t": "paired t", "wilcoxon": "Wilcoxon",
    "paired_permutation": "paired permutation test",
}  # fmt: skip
"""Tests that compare two groups, and what a sentence calls them."""

PAIRING_ROLES = ("data", "split", "init", "order", "shuffle", "fold")
"""Of seeds by role, those that make two runs alike where they are equal."""

_RANDOM = ("permutation", "paired_permutation")


@dataclass(frozen=True)
class Pair:
    """Two groups before p is corrected.

    Attributes:
        a, b: the groups.
        x, y: their numbers; of pairs in the same order.
        paired: whether they are pairs.
        test: the name of the test, one of `TESTS`.
        difference: mean of x minus mean of y with its t interval.
        result: of the test; None where it says nothing.
        equivalence: of the two one-sided tests; None without a margin.
        guards: what stands against it, in sentences.
    """

    a: Group
    b: Group
    x: Array
    y: Array
    paired: bool
    test: str
    difference: Estimate
    result: TestResult | None
    equivalence: TestResult | None
    guards: tuple[str, ...]


def pair(
    a: Group, b: Group, *, test: str | None = None, paired: bool | None = None,
    margin: float | None = None, level: float = 0.95, rng: Rng = 0,
) -> Pair:  # fmt: skip
    """Test two groups against each other.

    Args:
        a: a group with at least one run that counts.
        b: another one.
        test: one of `TESTS`; None: Welch's t-test, or the paired one where seeds pair the runs.
        paired: whether runs with the same seed are pairs; None: if every run has a seed, both
            sides have the same ones, and these stand for the data, the split or the
            initialization (a seed without a role stands for all of them).
        margin: the largest difference that does not matter.
        level: 1 - alpha, and that of the interval.
        rng: for tests by random relabeling.

    Raises:
        EvidenceError: the test is unknown or does not fit `paired`, or there are no pairs.
    """
    if test is not None:
        one_of(test, tuple(TESTS), "test")
        if paired is not None and paired != (test in PAIRED_TESTS):
            fitting = PAIRED_TESTS if paired else UNPAIRED_TESTS
            message = f"test={test!r} does not fit paired={paired}: use {', '.join(fitting)}"
            raise EvidenceError(message)
        paired = test in PAIRED_TESTS
    places, guards = _pairing(a, b, paired)
    x, y = a.scores, b.scores
    if places is not None:
        x, y = x[places[0]], y[places[1]]
    is_paired = places is not None
    name = test or ("paired_t" if is_paired else "welch")
    difference = _difference(x, y, is_paired, name, level)
    result, why_not = _tested(x, y, name, level, rng)
    equivalence = None
    if margin is not None and min(x.size, y.size) > 1 and _spread(x, y, is_paired):
        equivalence = tost(x, y, margin, paired=is_paired, level=level)
    found = (*guards, *([why_not] if why_not else []))
    return Pair(a, b, x, y, is_paired, name, difference, result, equivalence, found)


def _pairing(
    a: Group,
    b: Group,
    paired: bool | None,  # noqa: FBT001
) -> tuple[tuple[list[int], list[int]] | None, list[str]]:
    """Return the places of the pairs in both groups, None if there are none; and remarks."""
    if paired is False:
        same = _places(a, b) is not None
        remark = "both sides have the same seeds, but are not paired"
        return None, [remark] if same else []
    found = _places(a, b, partly=paired is True)
    if found is None and paired:
        message = (
            f"{a.name} and {b.name} have no runs with the same seed to pair: give a seed to every"
            " run (init(seed=...)), or use paired=False"
        )
        raise EvidenceError(message)
    remarks = []
    if found is not None:
        alone = a.n + b.n - 2 * len(found[0])
        if alone:
            runs = "1 run" if alone == 1 else f"{alone} runs"
            verb = "is" if alone == 1 else "are"
            remarks.append(f"{runs} without a partner of the same seed {verb} not in the test")
    return found, remarks


def _places(a: Group, b: Group, *, partly: bool = False) -> tuple[list[int], list[int]] | None:
    """Return the places of runs with equal seeds; all must have a partner unless `partly`."""
    for roles in _shared_roles(a, b):
        first, second = _by_seed(a, roles), _by_seed(b, roles)
        if first is None or second is None:
            continue
        common = [seed for seed in first if seed in second]
        if common and (partly or len(common) == len(first) == len(second)):
            return [first[seed] for seed in common], [second[seed] for seed in common]
    return None


def _shared_roles(a: Group, b: Group) -> list[tuple[str, ...]]:
    """Return the roles by which the seeds of two groups may be compared, all together first."""
    seeds = [seed_key(seed) for seed in (*a.seeds, *b.seeds)]
    if not seeds or None in seeds:
        return []
    shared = set.intersection(*({role for role, _ in seed} for seed in seeds))
    if "seed" in shared:
        others = tuple(sorted(shared - {"seed"}))
        return [("seed", *others)]
    roles = tuple(role for role in PAIRING_ROLES if role in shared)
    return [roles, *((role,) for role in roles if len(roles) > 1)] if roles else []


def _by_seed(group: Group, roles: Sequence[str]) -> dict[Any, int] | None:
    """Return the place of the run with each seed; None if one stands twice."""
    found = {}
    for place, seed in enumerate(group.seeds):
        known = dict(seed_key(seed))
        found[tuple(known[role] for role in roles)] = place
    return found if len(found) == group.n else None


def _difference(x: Array, y: Array, paired: bool, test: str, level: float) -> Estimate:  # noqa: FBT001
    """Return the difference of the means with its t interval: paired, Student's or Welch's."""
    value = mean(differences(x, y)) if paired else mean_difference(x, y)
    name = "paired_t" if paired else "student" if test == "student" else "welch"
    n = int(x.size if paired else x.size + y.size)
    if min(x.size, y.size) < 2 or not _spread(x, y, paired):
        return Estimate(value, math.nan, math.nan, level, "no interval", n)
    result = getattr(significance, name)(x, y, level=level)
    return Estimate(value, result.low, result.high, level, f"{TESTS[name]} interval", n)


def _tested(x: Array, y: Array, name: str, level: float, rng: Rng) -> tuple[TestResult | None, str]:
    """Return what a test says, or None and why it cannot say anything."""
    alpha, words = alpha_of(level), TESTS[name]
    if min(x.size, y.size) < 2:
        return None, ""  # the verdict says it
    pairs = name in PAIRED_TESTS
    least = smallest_p(name, int(x.size), None if name in PAIRED else int(y.size))
    sizes = f"{x.size} pairs" if pairs else f"{x.size} against {y.size}"
    if least >= alpha:
        return None, _unreachable(words, alpha, sizes, least)
    parametric = name in ("welch", "student", "paired_t")
    if not _spread(x, y, pairs) and (parametric or not np.any(x[:1] != y[:1])):
        return None, _no_spread(x, y, pairs, words)
    run: Callable[..., TestResult] = getattr(significance, name)
    options = {"rng": rng} if name in _RANDOM else {"level": level} if parametric else {}
    result = run(x, y, **options)
    if not result.can_reach(alpha):  # pairs without a difference do not count
        return None, _unreachable(words, alpha, sizes, result.smallest_p)
    return result, ""


def _unreachable(words: str, alpha: float, sizes: str, least: float) -> str:
    shown = f"{least:.2f}" if least >= 0.01 else f"{least:.2g}"
    return f"{words} cannot reach {alpha:.2g} with {sizes}: its smallest p is {shown}"


def _spread(x: Array, y: Array, paired: bool) -> bool:  # noqa: FBT001
    """Return whether anything varies, more than by rounding, so that there is noise to compare."""
    if paired:
        return bool(deviation(differences(x, y)) > 0)
    return any(deviation(v) > 4 * np.spacing(np.abs(v).max()) for v in (x, y))


def _no_spread(x: Array, y: Array, paired: bool, words: str) -> str:  # noqa: FBT001
    if paired and (deviation(x) > 0):
        what = f"all pairs differ by {mean(differences(x, y)):g}"
    elif math.isclose(x[0], y[0], rel_tol=1e-14):
        what = f"all runs of both sides have the same value {x[0]:g}"
    else:
        what = f"all runs of one side have {x[0]:g} and all of the other {y[0]:g}"
    return f"{what}, and {words} needs some spread: look whether the seed changes anything"
