"""``loss_distribution``: how the loss of single steps is spread, and how that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.groups import RunGroup, grouped, piece_edges
from epochal.present.figures.words import count, listed, who, y_label
from epochal.present.panel import NO_POINTS, Array, Curve, Panel
from epochal.present.roles import role_of
from epochal.present.sources import Points, points_of, runs_of, x_label
from epochal.present.spec import FigureSpec, Provenance

if TYPE_CHECKING:
    from typing_extensions import Unpack

PIECES = 40
FEWEST = 20
"""So many values at least make a distribution."""

PARTS = (("first tenth", 0.0, 0.1), ("middle tenth", 0.45, 0.55), ("last tenth", 0.9, 1.0))


def loss_distribution(
    runs: Any, *, metric: str | None = None, x: str = "step", by: Any = None,
    replicates: Any = "seed", **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw how the loss of single steps is distributed, along the training and by parts of it.

    On the left the median with the middle half and the middle 90 % of the values of each piece of
    the training; on the right the distribution in its first, middle and last tenth.  Of several
    groups of runs: the median and the middle half of each, and the values of the last tenth.  The
    values of runs that differ by seed are taken together.

    Args:
        runs: a project, runs, a run, a folder, or several of these.
        metric: default: what the runs call their training loss.
        x: "step", "epoch", "elapsed" or a metric.
        by: what tells groups apart, as for :func:`epochal.compare`.
        replicates: what differs inside a group.
        **look: ``venue``, ``column`` (default: "full"), ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: there are no runs.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", name="first", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(1000):
        ...         run.log({"train/loss": 1 / (1 + step % 7)}, step=step)
        >>> [curve.label for curve in loss_distribution(run.dir).spec.panels[1].lines]
        ['first tenth', 'middle tenth', 'last tenth']
    """
    look.setdefault("column", "full")
    views = runs_of(runs)
    named = [metric or role_of(run.metrics).get("train_loss") for run in views]
    judged = next((each for each in named if each), None)
    groups, notes = grouped(views, judged, by, replicates)
    label = y_label(views, metric or "training loss", [each for each in named if each])
    values = [_values(group, metric, x) for group in groups]
    panels = _panels(groups, values, label, x)
    total = sum(int(np.isfinite(each.y).sum()) for points in values for each in points)
    bad = sum(len(each.bad) for points in values for each in points)
    shown = (
        f"Distribution of the {label} of {count(total, 'step')} by {x_label(x)}. {_who(groups)}."
    )
    words = f"{shown} {_explained(groups)}"
    if bad:
        notes.append(f"left out as NaN or infinite: {count(bad, 'value')}")
        words = f"{words} Left out as NaN or infinite: {count(bad, 'value')}."
    query = {"figure": "loss_distribution", "metric": metric, "x": x, "by": by,
             "replicates": replicates}  # fmt: skip
    spec = FigureSpec(
        "loss_distribution", panels, (1, 2), caption=words, notes=tuple(notes),
        provenance=Provenance.of(views, query),
    )  # fmt: skip
    return render(spec, **look)


def _values(group: RunGroup, metric: str | None, x: str) -> list[Points]:
    return [
        points_of(run, metric or role_of(run.metrics).get("train_loss"), x) for run in group.runs
    ]


def _who(groups: list[RunGroup]) -> str:
    if len(groups) == 1 and len(groups[0].runs) > 1:
        return f"Values of n = {len(groups[0].runs)} runs together"
    if len(groups) > 1:
        return f"{len(groups)} groups; values of the n runs of each together"
    return who(groups)


def _explained(groups: list[RunGroup]) -> str:
    if len(groups) > 1:
        return (
            "Left: median and middle half of the values of each piece of the training. Right:"
            " median, whiskers from 5 % to 95 %, over the last tenth."
        )
    return (
        "Left: median, middle half (dark) and middle 90 % (light) of the values of each piece of"
        f" the training. Right: {listed([name for name, *_ in PARTS])} of the training."
    )


def _panels(
    groups: list[RunGroup], values: list[list[Points]], label: str, x: str
) -> tuple[Panel, Panel]:
    along, parts = "Along the training", "By parts of the training"
    every = [each for points in values for each in points]
    fewest = min((sum(map(_finite, points)) for points in values), default=0)
    if fewest < FEWEST:
        runs = "the run has" if sum(len(group.runs) for group in groups) == 1 else "a group has"
        why = f"{runs} {count(fewest, 'value')} of the {label}; a distribution needs {FEWEST}."
        why = why[:1].upper() + why[1:]
        return Panel(along, "", NO_POINTS, empty=why), Panel(parts, "", NO_POINTS, empty=why)
    edges = piece_edges(every, min(PIECES, max(fewest // 10, 1)), 0)
    assert edges is not None
    if len(groups) == 1:
        return (
            _fan(along, values[0], edges, label, x), _histograms(parts, values[0], label)
        )  # fmt: skip
    lines = []
    for index, (group, points) in enumerate(zip(groups, values, strict=True)):
        at, found = _quantiles(points, edges, (0.25, 0.5, 0.75))
        lines.append(Curve(_named(group), found[1], x=at, low=found[0], high=found[2], style=index))
    medians = Panel(along, label, NO_POINTS, x_label(x), tuple(lines))
    return medians, _last(groups, values, label)


def _finite(points: Points) -> int:
    return int(np.isfinite(points.y).sum())


def _named(group: RunGroup) -> str:
    return f"{group.label} (n = {len(group.runs)})"


def _fan(title: str, values: list[Points], edges: Array, label: str, x: str) -> Panel:
    at, found = _quantiles(values, edges, (0.05, 0.25, 0.5, 0.75, 0.95))
    bad = np.unique(np.concatenate([each.bad for each in values]))
    log = bool(found[0].min() > 0 and found[4].max() > 100 * found[0].min())
    return Panel(
        title, f"{label}, logarithmic" if log else label, at, x_label(x),
        lines=(Curve("median and middle half", found[2], low=found[1], high=found[3]),),
        band=("middle 90 %", found[0], found[4]), non_finite=bad, log=log,
    )  # fmt: skip


def _quantiles(
    values: list[Points], edges: Array, shares: tuple[float, ...]
) -> tuple[Array, Array]:
    """Return quantiles of all values in each piece that has some: x, and (n_shares, n_pieces)."""
    ends = [np.searchsorted(each.x, edges) for each in values]
    at, found = [], []
    for piece in range(len(edges) - 1):
        inside = [
            each.y[where[piece] : where[piece + 1]]
            for each, where in zip(values, ends, strict=True)
        ]
        together = np.concatenate(inside)
        together = together[np.isfinite(together)]
        if len(together):
            at.append((edges[piece] + edges[piece + 1]) / 2)
            found.append(np.quantile(together, shares))
    return np.array(at), np.array(found).T


def _part(values: list[Points], low: float, high: float) -> Array:
    """Return the values between two shares of the axis."""
    used = [each for each in values if len(each)]
    begin = min(float(each.x[0]) for each in used)
    end = max(float(each.x[-1]) for each in used)
    span = end - begin
    inside = [
        each.y[(each.x >= begin + low * span) & (each.x <= begin + high * span)] for each in used
    ]
    found = np.concatenate(inside)
    kept: Array = found[np.isfinite(found)]
    return kept


def _histograms(title: str, values: list[Points], label: str) -> Panel:
    """Return the share of values in bins of one width, for three parts of the training."""
    parts = [(name, _part(values, low, high)) for name, low, high in PARTS]
    parts = [(name, found) for name, found in parts if len(found) >= FEWEST]
    if not parts:
        why = f"A tenth of the training has fewer than {FEWEST} values: that is no distribution."
        return Panel(title, "", NO_POINTS, empty=why)
    # What few values reach would flatten all others: the ends stand for what is beyond them.
    low = min(float(np.quantile(found, 0.002)) for _, found in parts)
    high = max(float(np.quantile(found, 0.998)) for _, found in parts)
    if low == high:
        low, high = low - 0.5, high + 0.5
    log = low > 0 and high > 100 * low
    edges = np.geomspace(low, high, 41) if log else np.linspace(low, high, 41)
    lines = []
    for index, (name, found) in enumerate(parts):
        shares = 100 * np.histogram(np.clip(found, low, high), edges)[0] / len(found)
        lines.append(Curve(
            name, np.append(shares, shares[-1]), x=edges, n=np.full(41, float(len(found))),
            style=2 - index, stairs=True,
        ))  # fmt: skip
    return Panel(
        title, "% of the values", NO_POINTS, label, tuple(lines), from_zero=True,
        x_log=log, x_range=None if log else (low - 0.02 * (high - low), high + 0.02 * (high - low)),
    )  # fmt: skip


def _last(groups: list[RunGroup], values: list[list[Points]], label: str) -> Panel:
    """Return median and 5 % to 95 % of the last tenth for each group."""
    found = [_part(points, 0.9, 1.0) for points in values]
    curves = []
    for index, (group, each) in enumerate(zip(groups, found, strict=True)):
        low, middle, high = np.quantile(each, (0.05, 0.5, 0.95)) if len(each) else [np.nan] * 3
        curves.append(Curve(
            _named(group), np.array([middle]), x=np.array([float(index)]), low=np.array([low]),
            high=np.array([high]), n=np.array([float(len(each))]), style=index,
        ))  # fmt: skip
    return Panel(
        "Last tenth", label, NO_POINTS, "", points=tuple(curves),
        categories=("",) * len(groups),  # the legend names them
    )  # fmt: skip
