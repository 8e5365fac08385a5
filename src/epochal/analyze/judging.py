"""From groups to verdicts: who is compared with whom, corrected over all comparisons made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from epochal.analyze import guards
from epochal.analyze.comparison import Comparison
from epochal.analyze.corrections import METHODS, correct
from epochal.analyze.groups import Group, Groups
from epochal.analyze.outcome import TestResult
from epochal.analyze.pairs import Pair, pair
from epochal.analyze.samples import Rng, generator, one_of, positive, share
from epochal.analyze.verdicts import Verdict, verdict
from epochal.core.errors import EvidenceError, did_you_mean


@dataclass(frozen=True)
class Plan:
    """How groups are compared.

    Attributes:
        test: one of `epochal.analyze.pairs.TESTS`; None: Welch's or the paired t-test.
        paired: whether runs of the same seed are pairs; None: where that is real.
        correction: "holm", "bonferroni", "benjamini_hochberg", "benjamini_yekutieli" or "none".
        margin: the largest difference that does not matter: a number in units of the metric, or
            text such as "1 %", of the baseline's absolute mean, without a baseline of the mean over
            all groups; a mapping: of each metric.
        level: 1 - alpha, and that of all intervals.
        baseline: name of a group that all others are compared with; None: every pair.
        rng: for tests by random relabeling.

    Raises:
        EvidenceError: a level outside (0, 1) or an unknown correction.
    """

    test: str | None = None
    paired: bool | None = None
    correction: str = "holm"
    margin: float | str | Mapping[str, float | str] | None = None
    level: float = 0.95
    baseline: str | None = None
    rng: Rng = 0

    def __post_init__(self) -> None:
        one_of(self.correction, tuple(METHODS), "correction")
        share(self.level, "level")


def judge(groups: Groups, plan: Plan | None = None) -> Comparison:
    """Compare groups by one metric.

    Args:
        groups: from `find_groups`, or of plain numbers.
        plan: how; default: Welch's test of every pair, corrected by Holm.

    Raises:
        EvidenceError: the groups cannot answer what the plan asks.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> new, old = Group.of("new", [2.30, 2.31, 2.29]), Group.of("old", [2.47, 2.45, 2.50])
        >>> print(judge(Groups((new, old), "loss")).verdicts[0].word)
        better
    """
    return judge_all([groups], plan)[0]


def judge_all(families: Sequence[Groups], plan: Plan | None = None) -> list[Comparison]:
    """Compare groups by several metrics; p is corrected over all of them together.

    Args:
        families: groups for each metric.
        plan: how.

    Raises:
        EvidenceError, MissingExtraError: as `judge`.
    """
    how = plan or Plan()
    leveled = [_leveled(groups, how.level) for groups in families]
    margins = [_margin(groups, how) for groups in leveled]
    asked = _verdicts(leveled, margins, how, how.baseline)
    every = asked if how.baseline is None else _verdicts(leveled, margins, how, None)
    metrics = [groups.metric for groups in leveled]
    tested = sum(not math.isnan(v.p) for verdicts in asked for v in verdicts)
    made = []
    for groups, margin, verdicts, all_pairs in zip(leveled, margins, asked, every, strict=True):
        best = _best(groups)
        found = [
            *guards.of_groups(groups),
            *guards.of_family(metrics, how.correction, tested, 1, how.level),
            *guards.of_pairs(verdicts),
        ]  # fmt: skip
        made.append(Comparison(
            groups.metric, groups.statistic, groups.goal, groups.by, {g.name: g for g in groups},
            tuple(verdicts), tuple(found), best, _not_worse(best, groups, all_pairs), how.level,
            how.correction, margin, how.baseline, ignored=groups.ignored,
        ))  # fmt: skip
    return made


def _verdicts(
    families: Sequence[Groups], margins: Sequence[float | None], plan: Plan, baseline: str | None
) -> list[list[Verdict]]:
    """Return the verdicts of each family, corrected over all families."""
    rng = generator(plan.rng)
    pairs: list[list[Pair]] = []
    for groups, margin in zip(families, margins, strict=True):
        pairs.append([
            pair(a, b, test=plan.test, paired=plan.paired, margin=margin, level=plan.level, rng=rng)
            for a, b in _whom(groups, baseline)
        ])  # fmt: skip
    flat = list(itertools.chain.from_iterable(pairs))
    differ, tested = _corrected([each.result for each in flat], plan.correction)
    same, shown = _corrected([each.equivalence for each in flat], plan.correction)
    corrected = zip(flat, differ, same, strict=True)
    return [
        [
            verdict(
                one, groups.metric, groups.goal, p, p_same, level=plan.level, margin=margin,
                correction=plan.correction, comparisons=max(1, tested, shown),
            )
            for one, p, p_same in itertools.islice(corrected, len(own))
        ]
        for groups, margin, own in zip(families, margins, pairs, strict=True)
    ]  # fmt: skip


def _corrected(results: Iterable[TestResult | None], method: str) -> tuple[list[float], int]:
    """Return corrected p-values, NaN where there is no result, and how many there are."""
    p = [math.nan if result is None else float(result.p) for result in results]
    places = [i for i, value in enumerate(p) if not math.isnan(value)]
    for i, value in zip(places, correct([p[i] for i in places], method).tolist(), strict=True):
        p[i] = value
    return p, len(places)


def _whom(groups: Groups, baseline: str | None) -> list[tuple[Group, Group]]:
    """Return who is compared with whom: the better mean first, or all with the baseline."""
    counting = [group for group in groups if group.n]
    if baseline is not None:
        base = _baseline(groups, baseline)
        return [(group, base) for group in counting if group is not base]
    ranked = sorted(counting, key=lambda group: _rank(group, groups.goal))
    return list(itertools.combinations(ranked, 2))


def _baseline(groups: Groups, name: str) -> Group:
    found = [group for group in groups if name in (group.name, group.label)]
    if not found:
        known = [group.name for group in groups]
        near = did_you_mean(name, known) or f": they are {', '.join(known[:8])}"
        raise EvidenceError(f"there is no group {name!r} to be the baseline{near}")
    if not found[0].n:
        raise EvidenceError(
            f"no run of the baseline {name!r} counts: look at why they are left out"
        )
    return found[0]


def _rank(group: Group, goal: str) -> float:
    return group.estimate.value if goal == "minimize" else -group.estimate.value


def _best(groups: Groups) -> str:
    counting = [group for group in groups if group.n]
    return min(counting, key=lambda group: _rank(group, groups.goal)).name if counting else ""


def _not_worse(best: str, groups: Groups, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    worse = {v.b for v in verdicts if v.a == best and v.word == "better"}
    return tuple(group.name for group in groups if group.n and group.name not in worse)


def _leveled(groups: Groups, level: float) -> Groups:
    return replace(groups, groups=tuple(replace(group, level=level) for group in groups))


def _margin(groups: Groups, plan: Plan) -> float | None:
    """Return the margin in units of the metric."""
    given = plan.margin
    if isinstance(given, Mapping):
        given = given.get(groups.metric)
    if given is None:
        return None
    if not isinstance(given, str):
        return positive(given, "margin")
    try:
        percent = float(given.strip().removesuffix("%").strip())
    except ValueError:
        percent = math.nan
    if not given.strip().endswith("%") or not 0 < percent < math.inf:
        message = f"margin={given!r} is neither a number above 0 nor a percentage such as '1 %'"
        raise EvidenceError(message)
    if plan.baseline is not None:
        mean = _baseline(groups, plan.baseline).estimate.value
    else:
        means = [group.estimate.value for group in groups if group.n]
        mean = math.fsum(means) / len(means)
    if not mean:
        raise EvidenceError(f"margin={given!r} of a mean of 0 is 0: give it in units of the metric")
    return abs(mean) * percent / 100
