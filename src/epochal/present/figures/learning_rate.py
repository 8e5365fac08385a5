"""``learning_rate``: schedules as they were, of all parameter groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.groups import MAX_GROUPS, Bundle, RunGroup, bundle, grouped
from epochal.present.figures.words import caption
from epochal.present.panel import Curve, Panel
from epochal.present.roles import is_rate, role_of
from epochal.present.sources import points_of, runs_of, x_label
from epochal.present.spec import FigureSpec, Provenance
from epochal.read.view import RunView

if TYPE_CHECKING:
    from typing_extensions import Unpack

WHY = "No run has a learning rate: log lr, or say which metric it is with metric=..."


def learning_rate(
    runs: Any, *, metric: str | None = None, x: str = "step", by: Any = None,
    replicates: Any = "seed", log: bool = False, **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw the learning rate of trainings.

    One line for each group of runs that differ by seed only; of a single run or group, one for each
    of its parameter groups (``lr/backbone``, ``lr/head``, ...).  Where seeds differ the band is
    from the smallest to the largest.

    Args:
        runs: a project, runs, a run, a folder, or several of these.
        metric: the name of the learning rate; default: what the runs call it.
        x: "step", "epoch", "elapsed" or a metric.
        by: what tells groups apart, as for :func:`epochal.compare`.
        replicates: what differs inside a group.
        log: logarithmic y-axis; what is not above zero is left out there.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: there are no runs.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", name="first", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(10):
        ...         run.log({"lr": 0.1 / (1 + step)}, step=step)
        >>> [curve.label for curve in learning_rate(run.dir).spec.panels[0].lines]
        ['first']
    """
    views = runs_of(runs)
    judged = _judged(views)
    groups, notes = grouped(views, judged, by, replicates)
    names = _names(groups, metric)
    shown: list[tuple[Curve, Bundle]] = []
    for index, (group, name) in enumerate(names):
        made = bundle([points_of(run, name or _own(run), x) for run in group.runs], "range", unit=x)
        if made is None:
            continue
        label = group.label if len(groups) > 1 or name is None else str(name)
        curve = Curve(
            label if made.runs == 1 else f"{label} (n = {made.runs})", made.center, x=made.x,
            low=made.low, high=made.high, n=made.n, style=index,
        )  # fmt: skip
        shown.append((_positive(curve) if log else curve, made))
    panel = Panel("", "learning rate", np.empty(0), x_label(x), empty="" if shown else WHY)
    if shown:
        panel = Panel(
            "", "learning rate", np.empty(0), x_label(x), tuple(curve for curve, _ in shown),
            non_finite=np.unique(np.concatenate([made.bad for _, made in shown])), log=log,
            from_zero=not log,
        )  # fmt: skip
    query = {"figure": "learning_rate", "metric": metric, "x": x, "by": by,
             "replicates": replicates}  # fmt: skip
    spec = FigureSpec(
        "learning_rate", (panel,), notes=tuple(notes), provenance=Provenance.of(views, query),
        caption=caption(["learning rate"] if shown else [], groups, [m for _, m in shown],
                        x_label(x)),
    )  # fmt: skip
    return render(spec, **look)


def _judged(views: list[RunView]) -> str | None:
    roles = role_of(metric for view in views for metric in view.metrics)
    return roles.get("val_loss") or roles.get("train_loss") or roles.get("lr")


def _names(groups: list[RunGroup], metric: str | None) -> list[tuple[RunGroup, str | None]]:
    """Return the curves: groups of runs, or the parameter groups of a single one."""
    if metric is not None or len(groups) > 1:
        return [(group, metric) for group in groups]
    rates = [name for name in groups[0].runs[0].metrics if is_rate(name)]
    if len(rates) < 2:
        return [(groups[0], None)]
    return [(groups[0], name) for name in rates[:MAX_GROUPS]]


def _own(run: RunView) -> str | None:
    return role_of(run.metrics).get("lr")


def _positive(curve: Curve) -> Curve:
    from dataclasses import replace

    return replace(curve, y=np.where(curve.y > 0, curve.y, np.nan))
