"""The figure of a training's progress: loss, accuracy, gradient norm, numerical health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epochal.present.panel import Array, Curve, Panel, draw
from epochal.present.style import PRINT, Theme, new_figure

MAX_POINTS = 4000
"""Longer curves are drawn by the extremes of so many pieces: more than a page can show."""

LOG_FROM = 1000.0
"""Largest by smallest value from which an axis is logarithmic."""

Points = tuple[Sequence[float], Sequence[float]]


def training_progress(
    curves: Mapping[str, Points], title: str = "", *, theme: Theme = PRINT
) -> Any:
    """Return a ``matplotlib.figure.Figure`` of four panels.

    Args:
        curves: name → (steps, values), in any order of steps; the names are ``loss``,
            ``accuracy``, ``gradient_norm``, ``nan_count`` and ``inf_count``.  What is missing gives
            a panel that says so.
        title: of the whole figure; taken literally.
        theme: its colors.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> figure = training_progress({"loss": ([1, 2], [0.5, 0.25])}, title="First")
        >>> [axes.get_title(loc="left") for axes in figure.axes]
        ['Loss', 'Accuracy', 'Gradient norm', 'NaN and Inf values']
    """
    figure = new_figure(11.0, 7.5, theme, title)
    for axes, panel in zip(figure.subplots(2, 2).flat, progress_panels(curves), strict=True):
        draw(axes, panel, theme)
    return figure


def progress_panels(curves: Mapping[str, Points]) -> list[Panel]:
    """Return what the four panels show."""
    return [
        _panel(curves, "loss", "Loss", "loss"),
        _panel(curves, "accuracy", "Accuracy", "accuracy"),
        _panel(curves, "gradient_norm", "Gradient norm", "L2 norm"),
        _counts(curves),
    ]


def _panel(curves: Mapping[str, Points], name: str, title: str, label: str) -> Panel:
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


def _counts(curves: Mapping[str, Points]) -> Panel:
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


def _arrays(points: Points) -> tuple[Array, Array]:
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
