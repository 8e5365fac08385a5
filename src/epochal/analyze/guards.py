"""Guards: what a careful reviewer would object to, said before they ask."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from epochal.analyze import replicates as keys
from epochal.analyze.groups import Group, Groups
from epochal.analyze.members import UNRECORDED, LeftOut, Member, Seed
from epochal.analyze.samples import alpha_of, deviation
from epochal.analyze.verdicts import Verdict
from epochal.core.names import printable

FEW = 3
"""Below so many runs the spread is hardly known."""

NAMED = 5


def of_groups(groups: Groups) -> list[str]:
    """Return what stands against comparing these groups, in sentences; the gravest first."""
    found: list[str] = []
    for group in groups:
        found += _left_out(group)
    found += [
        *_sizes(groups), *_selection(groups), *_mixed(groups), *_confounded(groups),
        *_code(groups), *_holes(groups), *_lengths(groups), *_recovered(groups), *_damaged(groups),
        *_equal(groups), *_seedless(groups), *_reruns(groups), *_outside(groups),
        *_single(groups),
    ]  # fmt: skip
    return found


def of_pairs(verdicts: Sequence[Verdict]) -> list[str]:
    """Return what stands against single verdicts; what several pairs share is said once."""
    pairs: dict[str, list[str]] = {}
    for each in verdicts:
        for text in each.guards:
            pairs.setdefault(text, []).append(f"{each.a} and {each.b}")
    found = []
    for text, names in pairs.items():
        whom = names if len(names) <= FEW else [f"{len(names):,} of {len(verdicts):,} pairs"]
        found += [f"{name}: {text}" for name in whom]
    return found


def of_family(
    metrics: Sequence[str], correction: str, tested: int, looks: int | None, level: float = 0.95
) -> list[str]:
    """Return what stands against p-values made together, and against looking again.

    Args:
        metrics: all that were compared on these groups.
        correction: its name.
        tested: how many p-values there are.
        looks: how often the data have been looked at, None: not counted.
        level: 1 - alpha.
    """
    found = []
    if correction == "none" and tested > 1:
        over = f" of {len(metrics)} metrics" if len(metrics) > 1 else ""
        by_chance, alpha = 1 - level**tested, alpha_of(level)
        found.append(
            f"{tested} comparisons{over} are not corrected: with no true difference at all, one of"
            f" them is below {alpha:g} in up to {100 * by_chance:.0f} % of the cases"
        )
    if looks is None:
        found.append("looks at the data are not counted: the cache folder cannot be written")
    elif looks > 1:
        found.append(
            f"this is look {looks} at this comparison, each at other runs: p is too small if more"
            " runs were made until it was small"
        )
    return found


def several_metrics(metric: str, others: Iterable[str]) -> list[str]:
    """Return that other metrics were compared in other calls, so that nothing corrects for them."""
    names = sorted({*others} - {metric})
    if not names:
        return []
    verb = "was" if len(names) == 1 else "were"
    message = (
        f"{_named(names)} {verb} compared on the same groups too, in another call: give all metrics"
        " in one call to correct over them"
    )
    return [message]


def _left_out(group: Group) -> Iterator[str]:
    lost = [each for each in group.left_out if not each.replaced]
    if not lost:
        return
    total = group.n + len(lost)
    if not group.n:
        yield f"{group.name}: none of its {_count(total, 'run')} counts ({_reasons(lost)})"
        return
    yield (
        f"{group.name}: {len(lost)} of {_count(total, 'run')} left out ({_reasons(lost)}): the"
        " others may look better than the setting is"
    )


def _sizes(groups: Groups) -> Iterator[str]:
    few = [f"{g.name} {g.n}" for g in groups if 0 < g.n < FEW]
    if few:
        yield f"too few runs to know the spread: n = {_named(few)}"
    sizes = [g.n for g in groups if g.n]
    if len(set(sizes)) > 1:
        yield f"n differs: {_named([f'{g.name} {g.n}' for g in groups if g.n], 12)}"


def _selection(groups: Groups) -> Iterator[str]:
    extreme = "min" if groups.goal == "minimize" else "max"
    if groups.statistic in ("best", extreme):
        yield (
            f"each run is represented by its {groups.statistic} {groups.metric}, chosen on the"
            " tested metric itself: it is better than a new measurement would be, most so where it"
            " was measured often"
        )


def _mixed(groups: Groups) -> Iterator[str]:
    for group in groups:
        for key, values in group.mixed.items():
            some = _named(list(dict.fromkeys(map(str, values))))
            yield f"{group.name} mixes {key} ({some}): its runs are no replicates of one setting"


def _confounded(groups: Groups) -> Iterator[str]:
    """Yield settings beside those asked for that differ between the groups."""
    firsts = [g.members[0].setting for g in groups if g.n]
    asked = {key for group in groups for key in group.setting}
    mixed = {key for group in groups for key in group.mixed}
    counting = [group for group in groups if group.n]
    for key in keys.varied(firsts):
        if key in asked or key in mixed:
            continue
        values = [
            f"{group.name} {first.get(key, keys.UNSET)}"
            for group, first in zip(counting, firsts, strict=True)
        ]
        yield f"the groups differ in {key} too: {_named(values)}"


def _code(groups: Groups) -> Iterator[str]:
    found = {g.name: Counter(m.code for m in g.members if m.code) for g in groups}
    states = {name: counts for name, counts in found.items() if counts}
    if not states:
        return
    if unknown := sum(not m.code for g in groups for m in g.members):
        runs = _count(unknown, "run")
        yield f"the state of the code of {runs} is not known, so that it may differ"
    unrecorded = [m for g in groups for m in g.members if m.code.endswith(f"+{UNRECORDED}")]
    if unrecorded:
        yield (
            f"{_count(len(unrecorded), 'run')} had uncommitted changes of the code that were not"
            " recorded, so that it may differ: init(capture_diff=True) records them"
        )
    inside = False
    for name, counts in states.items():
        if len(counts) > 1:
            inside = True
            some = _named([f"{n} of {code}" for code, n in counts.most_common()])
            yield f"{name}: its runs are of {len(counts)} states of the code ({some})"
    sets = {frozenset(counts) for counts in states.values()}
    if not inside and len(sets) > 1 and not any("git." in key for g in groups for key in g.setting):
        some = _named([f"{name} {next(iter(counts))}" for name, counts in states.items()])
        yield f"the groups were run with different code ({some}): it may make the difference"


def _holes(groups: Groups) -> Iterator[str]:
    for name, seeds in groups.holes.items():
        yield f"{name} lacks {_seeds(seeds)}, which others have"


def _lengths(groups: Groups) -> Iterator[str]:
    steps = [m.last_step for g in groups for m in g.members if not math.isnan(m.last_step)]
    if steps and min(steps) != max(steps):
        yield (
            f"the last {groups.metric} stands at different steps ({min(steps):,g} to"
            f" {max(steps):,g}): the runs are not equally long"
        )


def _recovered(groups: Groups) -> Iterator[str]:
    names = [_name(m) for g in groups for m in g.members if m.bad_points]
    if names:
        verb = "has" if len(names) == 1 else "have"
        yield f"{_named(names)} {verb} NaN or infinite values on the way and recovered"


def _damaged(groups: Groups) -> Iterator[str]:
    runs = [run for group in groups for run in group.runs if run.damage or run.lost]
    if runs:
        names = _named([printable(run.name) for run in runs])
        yield f"records of {names} are lost or damaged: `epochal verify` says which"


def _equal(groups: Groups) -> Iterator[str]:
    for group in groups:
        if group.n > 1 and deviation(group.scores) == 0:
            yield (
                f"{group.name}: all {group.n} runs have the same value {group.scores[0]:g}: does"
                " the seed change anything?"
            )


def _seedless(groups: Groups) -> Iterator[str]:
    names = [g.name for g in groups if g.runs and None in g.seeds]
    if names:
        yield f"no seed is recorded for runs of {_named(names)}: they are taken as independent"


def _reruns(groups: Groups) -> Iterator[str]:
    replaced = [each for g in groups for each in g.left_out if each.replaced]
    if replaced:
        names = _named([each.name for each in replaced])
        yield (
            f"{_count(len(replaced), 'rerun')} left out ({names}): of each config and seed the"
            " newest finished run counts"
        )


def _outside(groups: Groups) -> Iterator[str]:
    if groups.left_out:
        count = _count(len(groups.left_out), "run")
        names = _named([each.name for each in groups.left_out])
        verb = "belongs" if len(groups.left_out) == 1 else "belong"
        yield f"{count} without {groups.metric} {verb} to no group ({names})"


def _single(groups: Groups) -> Iterator[str]:
    if len(groups) != 1:
        return
    runs = groups[0].runs
    others = [f"by={key!r}" for key in groups.ignored if keys.seed_role(key, 0) is None]
    for name, values in (
        ("group", {run.group for run in runs}), ("tags", {tuple(run.tags) for run in runs}),
        ("git.commit", {run.git.get("commit") for run in runs}),
    ):  # fmt: skip
        if len(values) > 1:
            others.append(f"by={name!r}")
    hint = f"; {' or '.join(others)} would divide it" if others else ""
    yield f"there is one group only, nothing to compare it with{hint}"


def _reasons(left_out: Sequence[LeftOut]) -> str:
    return _named([f"{each.name} {each.reason}" for each in left_out], 3)


def _seeds(seeds: Sequence[Seed]) -> str:
    words = [
        " ".join(f"{role}={number}" for role, number in seed.items())
        if isinstance(seed, Mapping) else str(seed)
        for seed in seeds
    ]  # fmt: skip
    return f"seed{'s' * (len(words) > 1)} {_named(words, 10)}"


def _name(member: Member) -> str:
    return printable(member.run.name) if member.run is not None else "a run"


def _named(names: Sequence[Any], limit: int = NAMED) -> str:
    """Return names with commas between them, not more than a few."""
    some = ", ".join(map(str, names[:limit]))
    return some if len(names) <= limit else f"{some} and {len(names) - limit:,} more"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
