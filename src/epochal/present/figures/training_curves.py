"""``training_curves``: loss, learning rate, gradient norm and improvement in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.groups import (
    EXACT,
    Bundle,
    RunGroup,
    Spread,
    bundle,
    grouped,
    piece_edges,
)
from epochal.present.figures.words import above_zero, caption, listed, y_label
from epochal.present.panel import NO_POINTS, Array, Curve, Panel, Role
from epochal.present.roles import role_of
from epochal.present.sources import Points, points_of, runs_of, x_label
from epochal.present.spec import FigureSpec, Provenance
from epochal.read.view import RunView

if TYPE_CHECKING:
    from typing_extensions import Unpack

LOG_FROM = 100.0
"""Largest by smallest value from which an axis is logarithmic."""

FEWEST_FOR_BAND = 100
"""A single run with so many values shows their spread in pieces of ten or more."""


MOST_BANDS = 4
"""Of more groups only the loss has bands: they would cover each other."""


def training_curves(
    runs: Any, *, x: str = "step", by: Any = None, replicates: Any = "seed",
    names: Mapping[str, str] | None = None, **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw how trainings went: four panels.

    Training and validation loss with a band of one standard deviation, learning rate, gradient
    norm, and by how much the loss has improved since its first point, in percent.  Runs that differ
    by seed only are one curve, their mean, and the band is that over the runs; the band of a single
    run is that over the steps around each point.

    Args:
        runs: a project, runs, a run, a folder, or several of these.
        x: "step", "epoch", "elapsed" or a metric.
        by: what tells groups apart, as for :func:`epochal.compare`; default: all of the config but
            seeds and output paths.
        replicates: what differs inside a group.
        names: which metrics are meant, such as ``{"train_loss": "my/loss"}``; the roles are
            "train_loss", "val_loss", "lr", "grad_norm" and "grad_norm_max".
        **look: ``venue``, ``column`` (default: "full"), ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Returns:
        The figure; ``.caption`` says what it shows, ``.save(path)`` writes it.

    Raises:
        EvidenceError: there are no runs.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", name="first", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(10):
        ...         run.log({"train/loss": 1 / (1 + step), "lr": 0.1}, step=step)
        >>> drawn = training_curves(run.dir)
        >>> [panel.title for panel in drawn.spec.panels if not panel.empty]
        ['Loss', 'Learning rate', 'Loss improvement']
    """
    views = runs_of(runs)
    figure = _Figure(views, x, dict(names or {}), *_groups(views, names, by, replicates))
    panels = (figure.loss(), figure.learning_rate(), figure.gradients(), figure.improvement())
    words = caption(figure.shown, figure.groups, figure.bundles, x_label(x))
    query = {"figure": "training_curves", "x": x, "by": by, "replicates": replicates,
             "names": names}  # fmt: skip
    spec = FigureSpec(
        "training_curves", panels, (2, 2), caption=words, notes=tuple(figure.notes),
        provenance=Provenance.of(views, query),
    )  # fmt: skip
    look.setdefault("column", "full")
    return render(spec, **look)


def _groups(
    views: list[RunView], names: Mapping[str, str] | None, by: Any, replicates: Any
) -> tuple[list[RunGroup], list[str]]:
    roles = role_of(metric for view in views for metric in view.metrics) | dict(names or {})
    judged = roles.get("val_loss") or roles.get("train_loss")
    return grouped(views, judged, by, replicates)


@dataclass
class _Figure:
    """The panels, and what the caption has to say of them."""

    views: list[RunView]
    x: str
    names: dict[str, str]
    groups: list[RunGroup]
    notes: list[str]

    def __post_init__(self) -> None:
        self.bundles: list[Bundle] = []
        self.shown: list[str] = []
        self.judged = "training"
        self.several = len(self.groups) > 1

    def loss(self) -> Panel:
        """Training and validation loss."""
        title = "Loss"
        curves = self._losses(None)
        if not curves:
            return self._empty(title, "train_loss", "val_loss")
        title = f"{self.judged.title()} loss" if self.several else title
        kinds = {each.label.partition(" (")[0] for each, _ in curves} if not self.several else set()
        both = listed([kind for kind in ("training", "validation") if kind in kinds])
        self.shown.append(f"{both or self.judged} loss")
        return self._panel(title, curves, y_label(self.views, "loss", self._names("train_loss")))

    def improvement(self) -> Panel:
        """By how much the loss is lower than at its first point."""
        title = "Loss improvement"
        curves = self._losses(_improvement)
        curves = [(curve, each) for curve, each in curves if np.isfinite(curve.y).any()]
        if not curves:
            if self._losses(None):
                return Panel(title, "", np.empty(0), empty="The first loss is 0: there is nothing"
                             " to measure an improvement in percent by.")  # fmt: skip
            return self._empty(title, "train_loss", "val_loss")
        self.shown.append("improvement of the loss since its first point")
        return replace(
            self._panel(title, curves, "lower by, %", allow_log=False), non_finite=NO_POINTS
        )

    def learning_rate(self) -> Panel:
        """The learning rate."""
        curves = self._curves("lr", "", spread="range")
        if not curves:
            return self._empty("Learning rate", "lr")
        self.shown.append("learning rate")
        return self._panel(
            "Learning rate", curves, "learning rate", from_zero=True, allow_log=False
        )

    def gradients(self) -> Panel:
        """Norm of the gradients, and the largest of one tensor where there is a single group."""
        curves = self._curves("grad_norm", "all gradients")
        if not self.several:
            largest = self._curves("grad_norm_max", "largest tensor", role="second", spread="std")
            curves += largest
        if not curves:
            return self._empty("Gradient norm", "grad_norm")
        self.shown.append("L2 norm of the gradients")
        return self._panel("Gradient norm", curves, "L2 norm", from_zero=True)

    # -- curves ---------------------------------------------------------------------------------

    def _losses(self, change: Any) -> list[tuple[Curve, Bundle]]:
        if not self.several:
            train = self._curves("train_loss", "training", change=change)
            return train + self._curves("val_loss", "validation", role="second", change=change)
        found = self._curves("val_loss", "", change=change)
        self.judged = "validation" if found else "training"
        return found or self._curves("train_loss", "", change=change)

    def _curves(
        self, wanted: str, label: str, *, role: Role = "main", change: Any = None,
        spread: Spread = "std",
    ) -> list[tuple[Curve, Bundle]]:  # fmt: skip
        """Return a role's curve for each group that has one."""
        found = []
        unit = "epoch" if self.x == "epoch" else "step" if self.x == "step" else "point"
        points = [[self._points(run, wanted) for run in group.runs] for group in self.groups]
        every = [each for group in points for each in group if np.isfinite(each.y).any()]
        edges = self._edges(every, wanted) if every else None
        for index, (group, curves) in enumerate(zip(self.groups, points, strict=True)):
            made = bundle(curves, spread, change=change, unit=unit, edges=edges)
            if made is None:
                continue
            name = group.label if self.several else label
            named = (
                f"{name} (n = {made.runs})" if name and (self.several or made.runs > 1) else name
            )
            bands = len(self.groups) <= MOST_BANDS or wanted.endswith("loss")
            curve = Curve(
                named, made.center, role, role != "main", x=made.x, n=made.n,
                low=made.low if bands else None, high=made.high if bands else None,
                style=index if self.several else None,
            )  # fmt: skip
            if wanted == "train_loss" and change is None:
                curve = self._with_own_std(curve, group)
            found.append((curve, made))
        return found

    def _with_own_std(self, curve: Curve, group: RunGroup) -> Curve:
        """Return a curve of a run's epochs with the standard deviation that the run recorded."""
        run = group.runs[0]
        known = role_of(run.metrics)
        same = known.get("train_loss_mean") == self._names("train_loss")[0]
        if len(group.runs) > 1 or curve.low is not None or not same:
            return curve
        std = points_of(run, known.get("train_loss_std"), self.x)
        if not np.array_equal(std.x, curve.x if curve.x is not None else NO_POINTS):
            return curve
        self.notes.append("the band of the training loss is the standard deviation over the steps"
                          " of each epoch, as the run recorded it")  # fmt: skip
        return replace(curve, low=curve.y - std.y, high=curve.y + std.y)

    def _edges(self, curves: list[Points], wanted: str) -> Array | None:
        """Return pieces of the axis; a single run has them to show its spread."""
        if self.x == "epoch":
            return piece_edges(curves)
        if wanted != "lr" and len(curves) == 1 and FEWEST_FOR_BAND <= len(curves[0]) <= EXACT:
            return piece_edges(curves, len(curves[0]) // 10, 0)
        return piece_edges(curves)

    def _points(self, run: RunView, role: str) -> Points:
        return points_of(run, self.names.get(role) or role_of(run.metrics).get(role), self.x)

    def _names(self, role: str) -> list[str]:
        found = {self.names.get(role) or role_of(run.metrics).get(role) for run in self.views}
        return sorted(each for each in found if each)

    # -- panels ---------------------------------------------------------------------------------

    def _panel(
        self, title: str, curves: list[tuple[Curve, Bundle]], label: str, *,
        allow_log: bool = True, from_zero: bool = False,
    ) -> Panel:  # fmt: skip
        lines = [curve for curve, _ in curves]
        self.bundles += [each for _, each in curves]
        values = np.concatenate([curve.y[np.isfinite(curve.y)] for curve in lines])
        log = allow_log and bool(values.min() > 0 and values.max() > LOG_FROM * values.min())
        if log:
            lines = [above_zero(curve) for curve in lines]
        bad = np.unique(np.concatenate([each.bad for _, each in curves]))
        return Panel(
            title, f"{label}, logarithmic" if log else label, np.empty(0), x_label(self.x),
            lines=tuple(lines), non_finite=bad, log=log, from_zero=from_zero and not log,
            zero_line=title == "Loss improvement",
        )  # fmt: skip

    def _empty(self, title: str, *roles: str) -> Panel:
        wanted = [metric for role in roles for metric in self._names(role)]
        if any(metric in run.metrics for run in self.views for metric in wanted):
            why = f"Every value of {' and '.join(wanted)} was NaN, infinite or without {self.x}."
        else:
            runs = "The run has" if len(self.views) == 1 else f"None of {len(self.views)} runs has"
            no = "no " if len(self.views) == 1 else "a "
            what = {"train_loss": "loss", "lr": "learning rate", "grad_norm": "gradient norm"}
            example = {"train_loss": "train/loss", "lr": "lr", "grad_norm": "gradients/norm"}
            why = (
                f"{runs} {no}{what[roles[0]]}: log {example[roles[0]]}, or say which metric it is"
                f" with names={{{roles[0]!r}: ...}}."
            )
        self.notes.append(f"{title}: {why}")
        return Panel(title, "", np.empty(0), empty=why)


def _improvement(curves: Array) -> Array:
    """Return by how many percent each of some curves is below its first value."""
    result = np.full_like(curves, np.nan)
    for row, curve in zip(result, curves, strict=True):
        there = np.isfinite(curve)
        first = curve[there][0] if there.any() else 0.0
        if first != 0.0:
            row[:] = 100.0 * (first - curve) / abs(first)
    return result
