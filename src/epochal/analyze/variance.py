"""Where the variance of results comes from (Bouthillier et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from epochal.analyze.estimates import Estimate
from epochal.analyze.samples import Array, deviation, sample, share
from epochal.core.errors import EvidenceError
from epochal.core.optional import require

Labels = Sequence[Hashable]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class VarianceComponent:
    """How much of the variance one source makes.

    Attributes:
        source: what varied, such as the role of a seed.
        variance: of results between its values, σ²; NaN where it cannot be told.
        rest: variance that neither it nor another source explains; NaN where it cannot be told.
        share: variance / (variance + rest), with an interval; n is the number of runs.
        values: how many different ones there were, those of other settings counted anew.
        f, p: test of no variance between them; f is NaN, and p 1, where all results are equal.
        method: in words.
        why_not: why it cannot be told, "" if it can.
    """

    source: str
    variance: float
    rest: float
    share: Estimate
    values: int
    f: float
    p: float
    method: str
    why_not: str = ""

    @property
    def std(self) -> float:
        """Standard deviation that the source alone makes."""
        return math.sqrt(self.variance)


@dataclass(frozen=True)
class VarianceByRole:
    """How the variance of results is made up.

    Attributes:
        roles: a component for each role of seeds, the largest first; those that cannot be told
            last, with `why_not`.
        rest: variance that no role explains; NaN if no role can be told.
        n: number of runs.
    """

    roles: tuple[VarianceComponent, ...]
    rest: float
    n: int

    @property
    def shares(self) -> dict[str, float]:
        """Share of each role that can be told in the sum of all variances, and of "rest"."""
        parts = {one.source: one.variance for one in self.roles if not one.why_not}
        parts["rest"] = self.rest
        total = sum(parts.values())
        return {name: part / total if total else math.nan for name, part in parts.items()}


def random_effects(
    results: npt.ArrayLike,
    labels: Labels,
    *,
    within: Labels | None = None,
    source: str = "group",
    level: float = 0.95,
) -> VarianceComponent:
    """Return the variance between groups by one-way random effects (analysis of variance).

    σ² = (MSB - MSW) / n0, MSB and MSW being the mean squares between and within groups, and
    n0 = (N - Σ n_i²/N) / (groups - 1).  A negative one is set to 0, and `method` says so.  The
    interval of the share is that of the F ratio: exact for groups of equal size.

    Args:
        results: shape (n_runs,).
        labels: group of each run, such as its data seed; at least two groups, one of them with two
            runs or more.
        within: setting of each run, such as its config: groups are compared within a setting only,
            and sums of squares are pooled over settings.
        source: what the groups are, for the result.
        level: of the interval.

    Raises:
        EvidenceError: NaN or infinity, not one label for each run, or no groups to compare.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> found = random_effects([1.0, 1.2, 3.0, 3.2], ["a", "a", "b", "b"])
        >>> round(found.variance, 3), round(found.rest, 3), round(found.share.value, 3)
        (1.99, 0.02, 0.99)
    """
    array, n = sample(results, name="results"), int(np.size(results))
    settings = _settings(within, n)
    groups = _inside(settings, _codes(labels, n, "labels"))
    share(level, "level")
    found = _component(source, array - array[0], groups, [settings], level)
    if found.why_not:
        lack = "there is one group only" if found.values == 1 else found.why_not
        raise EvidenceError(f"variance by {source} cannot be told from the rest: {lack}")
    return found


def by_seed_role(
    results: npt.ArrayLike,
    seeds: Mapping[str, Labels],
    *,
    within: Labels | None = None,
    level: float = 0.95,
) -> VarianceByRole:
    """Return the variance that each role of seeds makes, such as data order against weights.

    Random effects by fitting constants (Henderson 1953, method 3): the sum of squares that a role
    adds to all others, its expectation solved for σ².  Of one role this is `random_effects`.  To be
    told from the rest, a role's seed must be used in several runs in which other seeds differ.

    Args:
        results: shape (n_runs,).
        seeds: role -> the seed of each run.
        within: setting of each run, such as its config; what settings differ by is taken out, and
            a seed counts as another one in another setting.
        level: of the interval of the share, which is the role's in the sum of it and the rest.

    Raises:
        EvidenceError: NaN or infinity, or not one seed for each run and role.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> seeds = {"data": [0, 0, 1, 1], "init": [0, 1, 0, 1], "split": [7, 7, 7, 7]}
        >>> found = by_seed_role([1.0, 1.2, 3.0, 3.3], seeds)
        >>> [(one.source, round(one.variance, 3)) for one in found.roles], found.roles[-1].why_not
        ([('data', 2.1), ('init', 0.03), ('split', nan)], 'it did not vary')
    """
    array, n = sample(results, name="results"), int(np.size(results))
    settings = _settings(within, n)
    share(level, "level")
    codes = {
        role: _inside(settings, _codes(labels, n, f"seeds of {role!r}"))
        for role, labels in seeds.items()
    }
    # A role whose seed never repeats would explain every run by itself: it stays in the rest.
    repeated = {
        role: groups for role, groups in codes.items() if settings.max() < groups.max() < n - 1
    }
    found = []
    for role, groups in codes.items():
        others = [one for one in repeated.values() if not np.array_equal(one, groups)]
        one = _component(role, array - array[0], groups, [settings, *others], level)
        # Numbered in order of appearance, roles that always change together are numbered alike.
        twins = [name for name in codes if name != role and np.array_equal(codes[name], groups)]
        if twins and not one.why_not:
            one = _untold(one, f"it always changed together with {', '.join(twins)}")
        found.append(one)
    found.sort(
        key=lambda one: -math.inf if math.isnan(one.variance) else one.variance, reverse=True
    )
    rest = next((one.rest for one in found if not one.why_not), math.nan)
    return VarianceByRole(tuple(found), rest, n)


def std_by_source(
    results: Mapping[str, npt.ArrayLike], *, level: float = 0.95
) -> dict[str, Estimate]:
    """Return the standard deviation that each source makes, of runs in which only it varied.

    The interval is that of the χ² distribution, √((n-1)·s²/χ²): for results of a bell curve.

    Args:
        results: source -> results of runs that differ in it alone, shape (n,), n at least 2.
        level: between 0 and 1.

    Returns:
        An estimate for each source, the largest first.

    Raises:
        EvidenceError: fewer than two runs of a source, NaN or infinity.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> found = std_by_source({"init": [1.0, 1.1, 1.2], "order": [1.0, 1.4, 1.8]})
        >>> [(source, round(one.value, 3), round(one.high, 2)) for source, one in found.items()]
        [('order', 0.4, 2.51), ('init', 0.1, 0.63)]
    """
    share(level, "level")
    special = require("scipy.special", extra="paper", why="an interval of a standard deviation")
    found = {}
    for source, values in results.items():
        array = sample(values, least=2, name=f"results of {source!r}")
        df, spread = array.size - 1, deviation(array)
        ends = special.chdtri(df, [(1 - level) / 2, (1 + level) / 2])  # upper tails
        low, high = (spread * math.sqrt(df / float(end)) for end in ends)
        method = "χ² interval of the standard deviation"
        found[source] = Estimate(spread, low, high, level, method, int(array.size))
    return dict(sorted(found.items(), key=lambda item: -item[1].value))


def _codes(labels: Labels, n: int, name: str) -> Codes:
    """Return labels as numbers from 0 on, in the order in which they come."""
    listed = list(labels)
    if len(listed) != n or any(label is None for label in listed):
        known = sum(label is not None for label in listed)
        raise EvidenceError(f"{name} name {known:,} of {n:,} runs: one is needed for each")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in listed], dtype=np.int64)


def _settings(within: Labels | None, n: int) -> Codes:
    """Return the setting of each run as a number; without any, all have the same."""
    return np.zeros(n, dtype=np.int64) if within is None else _codes(within, n, "within")


def _inside(settings: Codes, groups: Codes) -> Codes:
    """Return numbers of pairs of setting and group."""
    pairs = list(zip(settings.tolist(), groups.tolist(), strict=True))
    return _codes(pairs, len(pairs), "labels")


def _component(
    source: str, values: Array, groups: Codes, others: list[Codes], level: float
) -> VarianceComponent:
    """Return the variance between groups after all other factors, the first being the settings."""
    n, count, settings = values.size, int(groups.max()) + 1, int(others[0].max()) + 1
    nothing = Estimate(math.nan, math.nan, math.nan, level, "no interval", n)
    untold = VarianceComponent(
        source, math.nan, math.nan, nothing, count, math.nan, math.nan, "none"
    )
    if count == settings:
        return _untold(untold, "it did not vary")
    if count == n:
        return _untold(untold, "no group has two runs")
    before, after = _basis(others), _basis([*others, groups])
    df = after.shape[1] - before.shape[1], n - after.shape[1]
    if df[0] < 1:
        return _untold(untold, "other roles changed whenever it did")
    if df[1] < 1:
        return _untold(untold, "the runs are too few for so many seeds")
    unexplained, left = (_left(values, basis) for basis in (before, after))
    between, rest = max(0.0, unexplained - left) / df[0], left / df[1]
    member = np.eye(count)[groups]
    n0 = (n - float(((before.T @ member) ** 2).sum())) / df[0]
    raw = (between - rest) / n0
    f = between / rest if rest else (math.inf if between else math.nan)
    portion, p = _portion(f, df, n0, level, n)
    method = "random effects by analysis of variance"
    method += f", pooled over {settings:,} settings" if settings > 1 else ""
    method += f", {len(others) - 1} other roles taken out (Henderson 3)" if len(others) > 1 else ""
    method += f" (the estimate {raw:.3g} is below 0 and set to 0)" if raw < 0 else ""
    return VarianceComponent(source, max(0.0, raw), rest, portion, count, f, p, method)


def _untold(component: VarianceComponent, why: str) -> VarianceComponent:
    """Return a component without numbers."""
    nothing = replace(component.share, value=math.nan, low=math.nan, high=math.nan)
    return replace(
        component, variance=math.nan, rest=math.nan, share=nothing, f=math.nan, p=math.nan,
        method="none", why_not=why,
    )  # fmt: skip


def _basis(factors: list[Codes]) -> Array:
    """Return an orthonormal basis of what factors can explain, shape (n_runs, rank)."""
    design = np.concatenate([np.eye(int(codes.max()) + 1)[codes] for codes in factors], axis=1)
    directions, sizes, _ = np.linalg.svd(design, full_matrices=False)
    return np.asarray(directions[:, sizes > sizes[0] * max(design.shape) * np.finfo(float).eps])


def _left(values: Array, basis: Array) -> float:
    """Return the sum of squares that a basis leaves; rounding alone is nothing."""
    left = float(((values - basis @ (basis.T @ values)) ** 2).sum())
    return left if left > 1e-26 * float((values**2).sum()) else 0.0


def _portion(
    f: float, df: tuple[int, int], n0: float, level: float, n: int
) -> tuple[Estimate, float]:
    """Return the share of variance between groups with its interval, and p."""
    special = require("scipy.special", extra="paper", why="an analysis of variance")

    def share_of(ratio: float) -> float:
        if ratio <= 1:
            return 0.0
        return 1.0 if ratio == math.inf else (ratio - 1) / (ratio + n0 - 1)

    if math.isnan(f):  # all runs are equal
        return Estimate(0.0, math.nan, math.nan, level, "no interval of equal results", n), 1.0
    p = 0.0 if f == math.inf else float(special.fdtrc(*df, f))
    ends = [f / float(special.fdtri(*df, (1 + side * level) / 2)) for side in (1, -1)]
    low, high = (share_of(ratio) for ratio in ends)
    return Estimate(share_of(f), low, high, level, "interval by the F ratio", n), p
