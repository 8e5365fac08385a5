"""Runs in groups of replicates: what differs between groups is a setting, within one the seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.analyze import dimensions
from epochal.analyze import replicates as keys
from epochal.analyze.dimensions import Dimension
from epochal.analyze.estimates import Estimate, mean_interval
from epochal.analyze.members import (
    Candidate,
    LeftOut,
    Member,
    Seed,
    fingerprint,
    leave_out_reruns,
    members_of,
)
from epochal.analyze.samples import Array
from epochal.analyze.scores import known_metrics
from epochal.core.errors import EvidenceError, MetricNotFoundError, did_you_mean
from epochal.core.nested import flatten
from epochal.read.view import RunView

__all__ = ["Group", "Groups", "LeftOut", "Member", "find_groups", "fingerprint", "seed_key"]

NAMED = 6
"""So many runs an error names."""


@dataclass(frozen=True)
class Group:
    """Runs of one setting; they differ by their seed.

    Attributes:
        name: short and unique among the groups, such as "adamw" or "lr=0.001".
        label: with its keys, such as "optimizer=adamw".
        setting: config key → value of what differs between the groups; a key that a run does not
            have is missing.
        members: the runs that count.
        left_out: the runs of this setting that do not, and why.
        level: of the interval of `estimate`.

    Example:
        >>> group = Group.of("adamw", [2.30, 2.32, 2.31], seeds=[0, 1, 2])
        >>> print(group.estimate)
        2.310 ± 0.025 (95 % t interval, n=3)
    """

    name: str
    label: str
    setting: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    level: float = 0.95

    @classmethod
    def of(cls, name: str, scores: npt.ArrayLike, seeds: Sequence[Seed] | None = None) -> Group:
        """Return a group of plain numbers, such as published ones.

        Args:
            name: of the group.
            scores: shape (n_runs,).
            seeds: of each; default: not known.
        """
        values = np.asarray(scores, dtype=np.float64).tolist()
        known = seeds if seeds is not None else [None] * len(values)
        members = tuple(Member(v, seed) for v, seed in zip(values, known, strict=True))
        return cls(name, name, members=members)

    @property
    def n(self) -> int:
        """How many runs count."""
        return len(self.members)

    @cached_property
    def scores(self) -> Array:
        """Their numbers, shape (n_runs,)."""
        return np.array([member.score for member in self.members], dtype=np.float64)

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """Their seeds: a number, a mapping of roles to numbers, or None."""
        return tuple(member.seed for member in self.members)

    @property
    def runs(self) -> tuple[RunView, ...]:
        """The runs themselves; empty for plain numbers."""
        return tuple(member.run for member in self.members if member.run is not None)

    @cached_property
    def estimate(self) -> Estimate:
        """The mean with Student's t interval; NaN where no run counts."""
        if not self.members:
            return Estimate(math.nan, math.nan, math.nan, self.level, "no run counts", 0)
        return mean_interval(self.scores, self.level)

    @cached_property
    def mixed(self) -> dict[str, list[Any]]:
        """Settings in which the runs differ, with their values: then they are no replicates."""
        settings = [member.setting for member in self.members]
        return {key: [s.get(key, keys.UNSET) for s in settings] for key in keys.varied(settings)}


@dataclass(frozen=True)
class Groups(Sequence[Group]):
    """Groups, and what was taken into account to find them; made by `find_groups`.

    Attributes:
        groups: in the order of their settings.
        metric, statistic, goal: what is compared.
        by: the keys or fields that tell groups apart, in words.
        ignored: keys that differ but are no settings: seeds, output paths, names of runs.
        left_out: runs that belong to none of the groups, and why.
    """

    groups: tuple[Group, ...]
    metric: str
    statistic: str = "last"
    goal: str = "minimize"
    by: str = ""
    ignored: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.groups)

    def __getitem__(self, index: Any) -> Any:
        """Return a group by its place."""
        return self.groups[index]

    @property
    def holes(self) -> dict[str, list[Seed]]:
        """Group → seeds that it lacks while groups it shares seeds with have them."""
        return {name: [sorted_seed(seed) for seed in seeds] for name, seeds in _holes(self.groups)}


def find_groups(
    runs: Iterable[RunView],
    *,
    by: str | Sequence[str] | None = None,
    replicates: str | Sequence[str] = "seed",
    metric: str,
    statistic: str | None = None,
    goal: str | None = None,
) -> Groups:
    """Put runs into groups of replicates.

    Replicates have the same config but for seeds, output paths and names of runs
    (`epochal.analyze.replicates` says which keys that are).  Of runs with the same config and seed
    the newest finished one counts.

    Args:
        runs: any runs.
        by: a config key, several, or one of `epochal.analyze.dimensions.FIELDS`; None: every
            config key that differs.
        replicates: "seed", or further config keys in which replicates may differ, such as
            ``["seed", "fold"]``.
        metric: name of a metric, or of a number in the runs' summary.
        statistic: which number of a run counts: "last", "min", "max", "mean", "best", "last 10 %";
            None: what the metric's definition says, else the last.
        goal: "minimize" or "maximize"; None: as defined, or by the metric's name.

    Raises:
        MetricNotFoundError: no run has the metric.
        EvidenceError: no run counts, there is no such key, or statistic or goal are unclear.
    """
    everything = list(runs)
    if not everything:
        raise EvidenceError("there are no runs to compare: look at the folder and at the filter")
    named_so = [replicates] if isinstance(replicates, str) else list(replicates)
    extra = [key.removeprefix("config.") for key in named_so]
    known = dict.fromkeys(key for run in everything for key in flatten(run.config))
    named = dimensions.asked(by, list(known))
    found = members_of(everything, metric, statistic, goal, (extra, [n for n, _ in named or ()]))
    if not any(candidate.exists for candidate in found.candidates):
        raise MetricNotFoundError(_no_metric(everything, metric))
    having = [c for c in found.candidates if c.exists]
    chosen = named if named is not None else dimensions.differing(having)
    buckets = _buckets(having, found.candidates, chosen)
    inside = {id(candidate) for bucket in buckets.values() for candidate in bucket}
    outside = tuple(LeftOut(c.run, c.why_not) for c in found.candidates if id(c) not in inside)
    groups = _named([_group(bucket, chosen) for bucket in buckets.values()], known)
    if not any(group.n for group in groups):
        raise EvidenceError(_none_counts(metric, groups, outside))
    words = ", ".join(name for name, _ in chosen) or "nothing: all have one setting"
    return Groups(
        groups, metric, found.statistic, found.goal, words, _ignored(having, chosen), outside
    )


def _buckets(
    having: Sequence[Candidate], everyone: Sequence[Candidate], by: Sequence[Dimension]
) -> dict[tuple[str, ...], list[Candidate]]:
    """Return the runs by setting.

    One without the metric belongs to a setting only if its whole config is that of a run there
    which has it: it broke off early.  Any other is a stranger.
    """
    buckets: dict[tuple[str, ...], list[Candidate]] = {}
    configs = set()
    for each in [*having, *(one for one in everyone if not one.exists)]:
        key = tuple(keys.canonical(dimensions.value_of(each, dimension)) for dimension in by)
        config = key, keys.canonical((each.run.project, each.setting))
        if each.exists:
            configs.add(config)
        if config in configs:
            buckets.setdefault(key, []).append(each)
    return buckets


def _group(bucket: Sequence[Candidate], by: Sequence[Dimension]) -> Group:
    """Return the runs of one setting; its names come later."""
    setting = {}
    for dimension in by:
        value = dimensions.value_of(bucket[0], dimension)
        if dimension == ("run", True):
            value = bucket[0].run.name
        if value != ("", keys.UNSET):
            setting[dimension[0]] = value
    members, left_out = leave_out_reruns(bucket)
    return Group("", "", setting, members, left_out)


def _named(groups: Sequence[Group], known: Iterable[str]) -> tuple[Group, ...]:
    """Return groups in the order of their settings, with names."""
    order = dict.fromkeys(key for group in groups for key in group.setting)
    ordered = sorted(groups, key=lambda group: [_rank(group.setting.get(key)) for key in order])
    # A key that only some groups have is "unset" in the others.
    settings = [group.setting for group in ordered]
    made = keys.names(settings, known)
    return tuple(
        replace(group, name=name, label=label)
        for group, (name, label) in zip(ordered, made, strict=True)
    )


def _rank(value: Any) -> tuple[int, float, str]:
    if value is None or isinstance(value, bool):
        return 0, float(value or 0), ""
    if isinstance(value, int | float):
        return 1, -math.inf if math.isnan(value) else float(value), ""
    return 2, 0.0, str(value)


def _ignored(candidates: Sequence[Candidate], by: Sequence[Dimension]) -> tuple[str, ...]:
    """Return the keys that differ between runs and were taken for seeds, places or names."""
    taken = {name for name, _ in by}
    return tuple(key for key in keys.varied([c.ignored for c in candidates]) if key not in taken)


def _holes(groups: Sequence[Group]) -> list[tuple[str, list[Any]]]:
    own = {g.name: {seed_key(s) for s in g.seeds} for g in groups if g.n and None not in g.seeds}
    found = []
    for name, seeds in own.items():
        related = [other for other in own.values() if other & seeds]
        missing = set().union(*related) - seeds
        if missing:
            found.append((name, sorted(missing, key=_order)))
    return found


def _order(seed: Any) -> list[tuple[str, bool, Any]]:
    return [(role, isinstance(value, str), value) for role, value in seed]


def seed_key(seed: Seed) -> Any:
    """Return a seed as what sets and sorting take: ((role, number), …).

    Example:
        >>> seed_key(3), seed_key({"init": 2, "data": 1})
        ((('seed', 3),), (('data', 1), ('init', 2)))
    """
    if seed is None:
        return None
    return tuple(sorted(seed.items())) if isinstance(seed, Mapping) else (("seed", seed),)


def sorted_seed(key: Any) -> Seed:
    """Return a seed from what `seed_key` made of it."""
    found = dict(key)
    return found["seed"] if set(found) == {"seed"} else found


def _no_metric(runs: Sequence[RunView], metric: str) -> str:
    hint = did_you_mean(metric, known_metrics(runs))
    return f"none of {len(runs):,} runs has {metric!r}{hint}"


def _none_counts(metric: str, groups: Sequence[Group], outside: Sequence[LeftOut]) -> str:
    left_out = [each for group in groups for each in group.left_out] + list(outside)
    some = "; ".join(f"{each.name} {each.reason}" for each in left_out[:NAMED])
    more = f"; and {len(left_out) - NAMED:,} more" if len(left_out) > NAMED else ""
    return (
        f"no finished run has a finite {metric!r}, none of {len(left_out):,} counts: {some}{more}"
    )
