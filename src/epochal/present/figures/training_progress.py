"""``training_progress``: loss, accuracy, gradient norm and numerical health in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.core.errors import EvidenceError
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.words import count, listed
from epochal.present.panel import Array, Curve, Panel
from epochal.present.roles import role_of
from epochal.present.sources import runs_of
from epochal.present.spec import FigureSpec, Provenance

if TYPE_CHECKING:
    from typing_extensions import Unpack

MAX_POINTS = 4000
"""Longer curves are drawn by the extremes of so many pieces: more than a page can show."""

LOG_FROM = 1000.0
"""Largest by smallest value from which an axis is logarithmic."""

ROLES = {"loss": "train_loss", "accuracy": "accuracy", "gradient_norm": "grad_norm",
         "nan_count": "nan_count", "inf_count": "inf_count"}  # fmt: skip

Logged = tuple[Sequence[float], Sequence[float]]
"""Steps and values."""


def training_progress(
    run: Any, *, names: Mapping[str, str] | None = None, **look: Unpack[Look]
) -> Drawn:
    """Draw how a training goes: loss, accuracy, gradient norm, counts of NaN and Inf.

    Every step is drawn that was logged, of long trainings the extremes of 2000 pieces: no spike is
    lost.  What was not logged gives a panel that says so.

    Args:
        run: a run, or the path of its folder; also one that still records.
        names: which metrics are meant, such as ``{"train_loss": "my/loss"}``; the roles are
            "train_loss", "accuracy", "grad_norm", "nan_count" and "inf_count".
        **look: ``venue``, ``column`` (default: "full"), ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: there is no run, or there are several.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", name="first", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(10):
        ...         run.log({"train/loss": 1 / (1 + step), "train/accuracy": step / 10}, step=step)
        >>> panels = training_progress(run).spec.panels
        >>> [panel.title for panel in panels if not panel.empty]
        ['Loss', 'Accuracy']
    """
    views = runs_of(run)
    if len(views) > 1:
        message = f"training_progress draws one run, and {len(views)} were given: choose one"
        raise EvidenceError(message)
    view = views[0]
    roles = role_of(view.metrics) | dict(names or {})
    series = {
        name: view.series(roles[role])
        for name, role in ROLES.items()
        if roles.get(role) in view.metrics
    }
    curves = {name: (each.steps, each.values) for name, each in series.items()}
    query = {"figure": "training_progress", "names": names}
    return draw_progress(curves, view.name, provenance=Provenance.of(views, query), **look)


def draw_progress(
    curves: Mapping[str, Any], name: str, *, title: str = "",
    provenance: Provenance | None = None, **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw the four panels of curves that are at hand.

    Args:
        curves: name → (steps, values), in any order of steps; the names are ``loss``,
            ``accuracy``, ``gradient_norm``, ``nan_count`` and ``inf_count``.
        name: of the run, for the caption.
        title: of the whole figure; taken literally.
        provenance: where they come from.
        **look: as for :func:`training_progress`.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> drawn = draw_progress({"loss": ([1, 2], [0.5, 0.25])}, "first")
        >>> drawn.caption
        'Progress of one run (first): loss by step, n = 2 steps logged.'
    """
    panels = tuple(progress_panels(curves))
    spec = FigureSpec(
        "training_progress", panels, (2, 2), title=title, caption=_caption(curves, panels, name),
        provenance=provenance or Provenance(),
        notes=tuple(f"{panel.title}: {panel.empty}" for panel in panels if panel.empty),
    )  # fmt: skip
    look.setdefault("column", "full")
    return render(spec, **look)


def progress_panels(curves: Mapping[str, Logged]) -> list[Panel]:
    """Return what the four panels show."""
    return [
        _panel(curves, "loss", "Loss", "loss"),
        _panel(curves, "accuracy", "Accuracy", "accuracy"),
        _panel(curves, "gradient_norm", "Gradient norm", "L2 norm"),
        _counts(curves),
    ]


def _caption(curves: Mapping[str, Logged], panels: Sequence[Panel], name: str) -> str:
    words = ("loss", "accuracy", "L2 norm of the gradients", "counts of NaN and Inf values")
    shown = [word for word, panel in zip(words, panels, strict=True) if not panel.empty]
    if not shown:
        return f"One run ({name}): nothing was recorded to show."
    most = max(len(values) for _, values in curves.values())
    text = (
        f"Progress of one run ({name}): {listed(shown)} by step, n = {count(most, 'step')} logged."
    )
    if most > MAX_POINTS:
        text += f" Of long curves the extremes of {MAX_POINTS // 2:,} pieces are drawn."
    if any(len(panel.non_finite) for panel in panels):
        text += " Crosses: values that were NaN or infinite."
    return text


def _panel(curves: Mapping[str, Logged], name: str, title: str, label: str) -> Panel:
    x, y = _arrays(curves.get(name, ((), ())))
    bad = np.unique(x[~np.isfinite(y)])
    empty = "" if np.isfinite(y).any() else f"Every {label} was NaN or infinite."
    if not len(y):
        empty = f"No {name.replace('_', ' ')} was logged."
    shown_x, shown_y = _thinned(x, np.where(np.isfinite(y), y, np.nan))
    log = not empty and name != "accuracy" and _spans_orders(y[np.isfinite(y)])
    return Panel(
        title, f"{label}, logarithmic" if log else label, shown_x, "step",
        lines=(Curve("steps that were logged", shown_y),), non_finite=bad, empty=empty, log=log,
    )  # fmt: skip


def _spans_orders(values: Array) -> bool:
    """Say whether a linear axis would show the largest values only."""
    return bool(values.min() > 0 and values.max() > LOG_FROM * values.min())


def _counts(curves: Mapping[str, Logged]) -> Panel:
    """Return the counts of NaN and Inf on common steps."""
    named = {"NaN": curves.get("nan_count"), "Inf": curves.get("inf_count")}
    found = {label: _arrays(points) for label, points in named.items() if points is not None}
    found = {label: (x, y) for label, (x, y) in found.items() if len(x)}
    title, label = "NaN and Inf values", "values in a step"
    if not found:
        return Panel(title, label, np.empty(0), empty="No counts of NaN and Inf were logged.")
    x = np.unique(np.concatenate([steps for steps, _ in found.values()]))
    at = np.linspace(x[0], x[-1], MAX_POINTS) if len(x) > MAX_POINTS else x
    lines = tuple(
        Curve(
            f"{name}: {np.nansum(values):,.0f} in all", _most(at, steps, values),
            "main" if name == "NaN" else "second", dashed=name == "Inf",
        )
        for name, (steps, values) in found.items()
    )  # fmt: skip
    return Panel(title, label, at, "step", lines=lines, from_zero=True)


def _most(at: Array, x: Array, y: Array) -> Array:
    """Return the largest value at each of some positions; NaN where there is none."""
    result = np.full(len(at), np.nan)
    places = np.clip(np.searchsorted(at, x, side="right") - 1, 0, len(at) - 1)
    finite = np.isfinite(y)
    np.fmax.at(result, places[finite], y[finite])
    return result


def _arrays(points: Logged) -> tuple[Array, Array]:
    """Return steps and values as arrays, in the order of steps."""
    x, y = (np.asarray(each, np.float64) for each in points)
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """Return a curve that looks the same with fewer points: smallest and largest of each piece."""
    if len(x) <= MAX_POINTS:
        return x, y
    keep: list[int] = []
    for piece in np.array_split(np.arange(len(x)), MAX_POINTS // 2):
        there = piece[np.isfinite(y[piece])]
        ends = (there[y[there].argmin()], there[y[there].argmax()]) if len(there) else piece[:1]
        keep += sorted({int(at) for at in ends})
    return x[keep], y[keep]
