"""``gradient_flow``: how large the gradients of each layer are, early and late in the training."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.core.errors import EpochalError
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.words import count
from epochal.present.panel import NO_POINTS, Array, Curve, Panel
from epochal.present.sources import Points, points_of, runs_of
from epochal.present.spec import FigureSpec, Provenance
from epochal.read.view import RunView

if TYPE_CHECKING:
    from typing_extensions import Unpack

PREFIX, SUFFIX = "gradients/layers/", "/norm"

MOST = 48
"""Of more parameters those of one module are taken together."""

LOG_FROM = 30.0

WHY = (
    "No run has gradients by layer: they are measured by epochal.watch(run, model) or"
    " epochal.measure.Gradients(model), and called gradients/layers/<parameter>/norm."
)


def gradient_flow(runs: Any, **look: Unpack[Look]) -> Drawn:
    """Draw the gradient norm of each layer, in the first and in the last tenth of the training.

    Each point is the median over the steps that were measured, with whiskers from 5 % to 95 %.
    Layers stand in the order of the model where it was recorded (``describe_model``), else in that
    of their names.  Of a model with more than 48 parameter tensors those of one module are one
    layer: the root of the sum of their squared norms.  Steps of several runs are taken together.

    Args:
        runs: a run, or several that differ by seed.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: there are no runs.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", name="first", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(20):
        ...         run.log({"gradients/layers/a.weight/norm": 1.0 + step % 3}, step=step)
        >>> gradient_flow(run.dir).spec.panels[0].categories
        ('a.weight',)
    """
    views = runs_of(runs)
    names = _in_order(views, _layers(views))
    groups = _modules(names)
    panel = _panel(views, groups) if groups else Panel("", "", NO_POINTS, empty=WHY)
    spec = FigureSpec(
        "gradient_flow", (panel,), caption=_caption(views, names, groups, panel),
        provenance=Provenance.of(views, {"figure": "gradient_flow"}),
    )  # fmt: skip
    return render(spec, **look)


def _layers(views: list[RunView]) -> list[str]:
    """Return the parameters whose gradients were measured."""
    return sorted(
        {
            metric[len(PREFIX) : -len(SUFFIX)]
            for run in views
            for metric in run.metrics
            if metric.startswith(PREFIX) and metric.endswith(SUFFIX)
        },
        key=_natural,
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a key by which layer 2 comes before layer 10."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def _in_order(views: list[RunView], names: list[str]) -> list[str]:
    """Return parameters in the order of the model's table of layers, if a run has one."""
    modules: list[str] = []
    for run in views:
        tables = [each for each in run.media if each.key == "model/layers" and each.type == "table"]
        if tables:
            try:
                table = tables[-1].table
            except EpochalError:  # its file is missing: the names will do
                continue
            modules = [str(name) for name in table.column("name").to_pylist()]
            break
    places = {name: place for place, name in enumerate(modules)}

    def place(name: str) -> int:
        while name and name not in places:
            name = name.rpartition(".")[0]
        return places.get(name, len(places))

    return sorted(names, key=place)  # stable: otherwise as their names


def _modules(names: list[str]) -> dict[str, list[str]]:
    """Return layers as what is drawn: each for itself, or those of one module together."""
    depth = max((name.count(".") + 1 for name in names), default=1)
    groups = {name: [name] for name in names}
    while len(groups) > MOST and depth > 1:
        depth -= 1
        groups = {}
        for name in names:
            groups.setdefault(".".join(name.split(".")[:depth]), []).append(name)
    return groups


def _panel(views: list[RunView], groups: dict[str, list[str]]) -> Panel:
    early, late = [], []
    bad = 0
    for members in groups.values():
        points = [_norm(run, members) for run in views]
        bad += sum(len(each.bad) for each in points)
        early.append(_spread(points, 0.0, 0.1))
        late.append(_spread(points, 0.9, 1.0))
    curves = [_curve("first tenth of the training", early, 1), _curve("last tenth", late, 0)]
    values = np.concatenate([curve.y for curve in curves])
    values = values[np.isfinite(values)]
    log = bool(len(values) and values.min() > 0 and values.max() > LOG_FROM * values.min())
    if not len(values):
        return Panel("", "", NO_POINTS, empty="Every gradient norm was NaN or infinite.")
    return Panel(
        "", "gradient norm, logarithmic" if log else "gradient norm", NO_POINTS, "",
        points=tuple(_above_zero(curve) if log else curve for curve in curves),
        categories=tuple(groups), horizontal=True, log=log, from_zero=not log,
        remark=f"{count(bad, 'value')} NaN or Inf" if bad else "",
    )  # fmt: skip


def _norm(run: RunView, members: list[str]) -> Points:
    """Return the norm of the gradients of some parameters together."""
    found = [points_of(run, f"{PREFIX}{name}{SUFFIX}") for name in members]
    found = [each for each in found if len(each)]
    if len(found) < 2:
        return found[0] if found else points_of(run, None)
    x = found[0].x
    found = [each for each in found if np.array_equal(each.x, x)]  # else measured at other steps
    y = np.sqrt(np.sum([each.y**2 for each in found], axis=0))
    return Points(x, y, x[~np.isfinite(y)])


def _spread(points: list[Points], low: float, high: float) -> tuple[float, float, float, int]:
    """Return median, 5 %, 95 % and number of the values between two shares of the training."""
    used = [each for each in points if len(each)]
    inside = []
    for each in used:
        begin, span = each.x[0], each.x[-1] - each.x[0]
        inside.append(each.y[(each.x >= begin + low * span) & (each.x <= begin + high * span)])
    values = np.concatenate(inside) if inside else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan, np.nan, 0
    bottom, middle, top = np.quantile(values, (0.05, 0.5, 0.95))
    return float(middle), float(bottom), float(top), len(values)


def _curve(label: str, rows: list[tuple[float, float, float, int]], style: int) -> Curve:
    middle, low, high, n = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    x: Array = np.arange(float(len(rows)))
    return Curve(label, middle, x=x, low=low, high=high, n=n, style=style)


def _above_zero(curve: Curve) -> Curve:
    from dataclasses import replace

    assert curve.low is not None
    return replace(curve, low=np.where(curve.low > 0, curve.low, curve.y))


def _caption(
    views: list[RunView], names: list[str], groups: dict[str, list[str]], panel: Panel
) -> str:
    if not groups or panel.empty:
        return "There are no gradients by layer to show."
    what = count(len(names), "parameter tensor")
    if len(groups) < len(names):
        what = f"{count(len(groups), 'module')} ({what})"
    who = f"run {views[0].name}" if len(views) == 1 else f"n = {len(views)} runs"
    steps = np.concatenate([curve.n for curve in panel.points if curve.n is not None])
    low, high = int(steps.min()), int(steps.max())
    n = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return (
        f"L2 norm of the gradients of {what} of {who}, in the first and last tenth of the training."
        f" Points: median over the n = {n} steps measured; whiskers: 5 % to 95 %."
    )
