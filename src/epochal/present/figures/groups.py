"""Which runs of a figure belong together, and what their curves are like together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from epochal.analyze import replicates as keys
from epochal.analyze.curves import align
from epochal.analyze.estimates import t_quantile
from epochal.analyze.groups import find_groups
from epochal.core.errors import EvidenceError, MetricNotFoundError
from epochal.core.nested import flatten
from epochal.present.panel import Array
from epochal.present.sources import Pieces, Points, pieces
from epochal.read.view import RunView

MAX_GROUPS = 8
"""More cannot be told apart by color, dashes and marker."""

EXACT = 400
"""Curves of so many points are drawn point by point; longer ones by the means of pieces."""

PIECES = 200

Spread = Literal["std", "interval", "range"]


@dataclass(frozen=True, eq=False)
class RunGroup:
    """Runs that are shown as one.

    Attributes:
        label: what the legend calls them.
        runs: those that differ by seed only.
        setting: config key → value of what differs between the groups; empty: none is known.
    """

    label: str
    runs: tuple[RunView, ...]
    setting: Mapping[str, Any] = field(default_factory=dict)


def grouped(
    runs: Sequence[RunView], metric: str | None, by: Any = None, replicates: Any = "seed"
) -> tuple[list[RunGroup], list[str]]:
    """Return groups of runs that differ by seed only, and what readers must know of them.

    Labels say what differs between the groups that are drawn; what all of these share is said once.
    Runs that did not finish are left out where others did, and that is said; so are groups beyond
    the eighth.

    Args:
        runs: at least one.
        metric: what they are judged by; None: each run stands for itself.
        by: what tells groups apart, as for :func:`epochal.compare`.
        replicates: what differs inside a group.
    """
    if len(runs) == 1:
        return [RunGroup(runs[0].name, (runs[0],))], []
    groups = _each_alone(runs)
    notes: list[str] = []
    if metric is not None:
        try:
            groups, notes = _replicates(runs, metric, by, replicates)
        except (EvidenceError, MetricNotFoundError) as error:
            if by is not None:
                raise
            notes = [f"each run stands for itself: {error}"]
    if len(groups) > MAX_GROUPS:
        rest = ", ".join(group.label for group in groups[MAX_GROUPS:])
        notes.append(f"{len(groups) - MAX_GROUPS} more groups are not drawn: {rest}")
    shown, shared = _without_shared(groups[:MAX_GROUPS], runs)
    return shown, [*notes, f"all that are drawn have {shared}"] if shared else notes


def _each_alone(runs: Sequence[RunView]) -> list[RunGroup]:
    """Return a group for each run; runs of one name are told apart by their ids."""
    names = Counter(run.name for run in runs)
    return [
        RunGroup(run.name if names[run.name] == 1 else f"{run.name} ({run.id})", (run,))
        for run in runs
    ]


def _without_shared(
    groups: list[RunGroup], runs: Sequence[RunView]
) -> tuple[list[RunGroup], str]:  # fmt: skip
    """Return groups labeled with what differs between them only, and what they share, in words."""
    settings = [group.setting for group in groups]
    differing = keys.varied(settings)
    shared = {key: value for key, value in settings[0].items() if key not in differing}
    if not shared or not differing:
        return groups, ""
    known = dict.fromkeys(key for run in runs for key in flatten(run.config))
    made = keys.names([{k: s[k] for k in differing if k in s} for s in settings], known)
    named = [replace(each, label=name) for each, (name, _) in zip(groups, made, strict=True)]
    return named, keys.names([shared], known)[0][1]


def _replicates(
    runs: Sequence[RunView], metric: str, by: Any, replicates: Any
) -> tuple[list[RunGroup], list[str]]:
    found = find_groups(
        runs, by=by, replicates=replicates, metric=metric, statistic="last", goal="minimize"
    )
    groups = [RunGroup(each.name, each.runs, each.setting) for each in found if each.runs]
    left_out = [one for group in found for one in group.left_out] + list(found.left_out)
    return groups, [f"left out: {each.name} ({each.reason})" for each in left_out]


@dataclass(frozen=True, eq=False)
class Bundle:
    """The curves of a group as one: arrays of shape (n_points,).

    Attributes:
        x: positions.
        center: the mean over the runs; of one run, its values or their means over pieces.
        low, high: the spread; None where there is none to show.
        n: how many runs each point is of.
        bad: positions at which a run was NaN or infinite.
        runs: how many there are.
        each: the runs' own curves, (n_runs, n_points); NaN where a run has none.
        reduced: how a long curve was shortened, in words; "" if it was not.
        spread: what the band is, in words; "" for none.
    """

    x: Array
    center: Array
    low: Array | None
    high: Array | None
    n: Array
    bad: Array
    runs: int
    each: Array
    reduced: str = ""
    spread: str = ""


def bundle(
    curves: Sequence[Points], spread: Spread = "std", *, level: float = 0.95,
    change: Callable[[Array], Array] | None = None, unit: str = "step",
    edges: Array | None = None,
) -> Bundle | None:  # fmt: skip
    """Return the curves of runs as one; None if they have no finite value.

    Long curves are shortened to the means of equal pieces of the x-axis, the same for all runs; of
    a single run the spread is that of the values in each piece.

    Args:
        curves: one for each run.
        spread: "std", ± one standard deviation; "interval", Student's t interval of the mean;
            "range", smallest to largest.
        level: of the interval.
        change: computes something else of the runs' curves, (n_runs, n_points) to the same shape.
        unit: what x counts, for the words.
        edges: of the pieces; default: equal ones if there are more than 400 points.
    """
    used = [each for each in curves if np.isfinite(each.y).any()]
    if not used:
        return None
    bad = np.unique(np.concatenate([each.bad for each in used]))
    edges = piece_edges(used) if edges is None else edges
    if len(used) == 1:
        return _single(used[0], spread, bad, edges, change, unit)
    x, each = _common(used, edges)
    each = each if change is None else change(each)
    there = np.isfinite(each)
    kept = there.any(axis=0)
    x, each, there = x[kept], each[:, kept], there[:, kept]
    n = there.sum(axis=0).astype(np.float64)
    center = np.nansum(each, axis=0) / n
    low, high, words = _spread(each, center, n, spread, level)
    return Bundle(x, center, low, high, n, bad, len(used), each, _reduced(edges, unit), words)


def piece_edges(curves: Sequence[Points], most: int = PIECES, exact: int = EXACT) -> Array | None:
    """Return edges of equal pieces for curves that are too long to be drawn point by point.

    Where all positions are whole numbers the pieces are so many of them; where several values have
    the same position, as the steps of an epoch, each position is a piece.

    Args:
        curves: one for each run; those without points do not count.
        most: so many pieces.
        exact: for curves up to this length None is returned.
    """
    used = [each.x for each in curves if len(each)]
    if not used:
        return None
    if any((np.diff(x) == 0).any() for x in used):  # many steps of each epoch
        epochs = np.unique(np.concatenate(used))
        if len(epochs) <= most:
            between = (epochs[1:] + epochs[:-1]) / 2
            first = between[0] - epochs[0] if len(between) else 0.5
            last = epochs[-1] - between[-1] if len(between) else 0.5
            return np.concatenate([[epochs[0] - first], between, [epochs[-1] + last]])
    elif max(map(len, used)) <= exact:
        return None
    low, high = min(float(x[0]) for x in used), max(float(x[-1]) for x in used)
    gaps = [np.diff(np.unique(x)) for x in used]
    spacing = min(float(np.median(gap)) if len(gap) else 1.0 for gap in gaps)
    width = (high - low + spacing) / most
    if all((x == np.floor(x)).all() for x in used):
        width = float(np.ceil(width / spacing) * spacing)
    edges: Array = low + width * np.arange(np.ceil((high - low + spacing / 2) / width) + 1)
    return edges


def _single(
    points: Points, spread: Spread, bad: Array, edges: Array | None,
    change: Callable[[Array], Array] | None, unit: str,
) -> Bundle:  # fmt: skip
    if edges is None:
        y = points.y if change is None else change(points.y[None])[0]
        return Bundle(points.x, y, None, None, np.ones(len(y)), bad, 1, y[None])
    found = pieces(points, edges)
    full = found.count > 0
    center = found.mean[full]
    low, high, words = _within(found, full, spread)
    if change is not None:
        center, low, high, words = change(center[None])[0], None, None, ""
    reduced = _reduced(edges, unit)
    return Bundle(
        found.x[full], center, low, high, np.ones(len(center)), bad, 1, center[None], reduced, words
    )


def _within(found: Pieces, full: Any, spread: Spread) -> tuple[Array | None, Array | None, str]:
    if spread == "range":
        return found.low[full], found.high[full], "smallest to largest value of each piece"
    if spread == "interval":  # one run says nothing about others
        return None, None, ""
    mean, std = found.mean[full], found.std[full]
    words = "± one standard deviation over the values of each piece"
    return mean - std, mean + std, words


def _common(curves: Sequence[Points], edges: Array | None) -> tuple[Array, Array]:
    """Return curves on common positions: x of shape (n_points,), values (n_runs, n_points)."""
    if edges is not None:
        found = [pieces(each, edges) for each in curves]
        return found[0].x, np.array([each.mean for each in found])
    same = all(np.array_equal(each.x, curves[0].x) for each in curves)
    if same:
        return curves[0].x, np.array([each.y for each in curves])
    x, values = align([(each.x, each.y) for each in curves])
    return np.asarray(x), np.asarray(values)


def _spread(
    each: Array, center: Array, n: Array, spread: Spread, level: float
) -> tuple[Array | None, Array | None, str]:
    lowest, highest = np.nanmin(each, axis=0), np.nanmax(each, axis=0)
    if len(each) < 2 or bool((lowest == highest).all()):  # one run, or all are the same
        return None, None, ""
    if spread == "range":
        return lowest, highest, "smallest to largest run"
    squares = np.nansum((each - center) ** 2, axis=0)
    std = np.sqrt(np.divide(squares, n - 1, out=np.full(len(n), np.nan), where=n > 1))
    if spread == "std":
        return center - std, center + std, "± one standard deviation over the runs"
    half = np.array([
        t_quantile(level, k - 1) if k > 1 else np.nan for k in range(int(n.max()) + 1)
    ])[n.astype(int)] * std / np.sqrt(n)  # fmt: skip
    return center - half, center + half, f"{100 * level:g} % t interval of the mean over the runs"


def _reduced(edges: Array | None, unit: str) -> str:
    if edges is None:
        return ""
    if unit == "epoch" and np.allclose(np.diff(edges), 1.0):
        return "each point is the mean of an epoch"
    if unit == "step":
        width = float(np.median(np.diff(edges)))
        many = f"{width:,.0f}" if width.is_integer() else f"{width:.3g}"
        return f"each point is the mean of {many} steps"
    return f"each point is the mean of 1/{len(edges) - 1} of the axis"
