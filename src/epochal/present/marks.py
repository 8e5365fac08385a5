"""The marks of a panel: lines, bars, points, bands, and what stands at single places."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.present.panel import FEW, MAX_MARKS, Array, Curve, Panel
from epochal.present.style import LINES, MARKERS, Theme

Entry = tuple[Any, str]
"""A handle and its text in the legend."""

FEW_BANDS = 4
"""More bands cover each other and are fainter."""

PLAIN_MARKERS = {"second": "s", "third": "^"}
"""Of curves that have a role and no style."""

DODGE = 0.56
"""Width that the points of one category share."""


def draw_marks(axes: Any, panel: Panel, theme: Theme) -> list[Entry]:
    """Draw what a panel has, and return its entries for a legend."""
    entries: list[Entry] = []
    if panel.band:
        entries += _shade(axes, panel, theme)
    for index, curve in enumerate(panel.bars):
        entries += _bars(axes, panel, curve, index, theme)
    bands = sum(curve.low is not None for curve in panel.lines)
    alpha = 0.2 if bands <= FEW_BANDS else 0.1
    for index, curve in enumerate(panel.lines):
        _interval(axes, panel.x_of(curve), curve, alpha, theme)
        entries += _line(axes, panel.x_of(curve), curve, index, theme)
    for index, curve in enumerate(panel.points):
        entries += _points(axes, panel, curve, index, theme)
    for label, value in panel.references:
        entries += _reference(axes, panel, label, value, theme)
    _segments_and_notes(axes, panel, theme)
    if panel.zero_line:
        across = axes.axvline if panel.horizontal else axes.axhline
        across(0.0, color=theme.muted, linewidth=0.55 * theme.line_width)
    return entries + _single_places(axes, panel, theme)


def color_of(curve: Any, theme: Theme) -> str:
    """Return the color of a curve or segment."""
    if curve.style is None:
        plain = str(getattr(theme, curve.role))
        shade = getattr(curve, "shade", None)
        return plain if shade is None else _mixed(theme.pale, plain, shade)
    return str(theme.cycle[curve.style % len(theme.cycle)])


def _mixed(first: str, second: str, share: float) -> str:
    """Return a color between two.

    Example:
        >>> _mixed("#000000", "#ff8000", 0.5)
        '#804000'
    """
    ends = [[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in (first, second)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


def _shade(axes: Any, panel: Panel, theme: Theme) -> list[Entry]:
    assert panel.band is not None
    label, low, high = panel.band
    area = axes.fill_between(panel.x, low, high, color=theme.main, alpha=0.25, linewidth=0)
    if len(panel.x) == 1:  # an area without width cannot be seen
        axes.vlines(panel.x, low, high, color=theme.main, alpha=0.45, linewidth=6)
    return [(area, label)]


def _line(axes: Any, x: Array, curve: Curve, index: int, theme: Theme) -> list[Entry]:
    color, few, scale = color_of(curve, theme), len(x) <= FEW, theme.line_width / 1.8
    dashes = "--" if curve.dashed else "-"
    marker = PLAIN_MARKERS.get(curve.role, "o") if few else None
    every, size = None, theme.marker_size
    if curve.style is not None:
        dashes = LINES[curve.style % len(LINES)]
        marker = MARKERS[curve.style % len(MARKERS)]
        every = None if few else (0.02 + 0.2 * (index % 5) / 5, 0.2)
    marker = None if curve.stairs else marker
    width = (1.8 if len(x) <= 1000 else 1.0) if curve.style is None else 1.5
    look: dict[str, Any] = {"alpha": 0.35, "zorder": 1.8} if curve.faint else {"zorder": 2.2}
    if curve.faint:
        marker, every, width, dashes = "o" if len(x) == 1 else None, None, 0.8, "-"
    drawn = axes.plot(
        x, curve.y, color=color, linewidth=width * scale, linestyle=dashes, marker=marker,
        markersize=size, markevery=every, drawstyle="steps-post" if curve.stairs else "default",
        markeredgecolor=theme.background, markeredgewidth=0.0 if curve.style is None else 0.4,
        clip_on=not few, **look,
    )  # fmt: skip
    alone = np.empty(0, bool) if few else _alone(curve.y)
    if alone.any():  # a point without neighbors makes no line
        axes.plot(
            x[alone], curve.y[alone], color=color, linestyle="none", marker="o",
            markersize=0.75 * size, **look,
        )  # fmt: skip
    return [(drawn[0], curve.label)] if curve.label else []


def _interval(axes: Any, x: Array, curve: Curve, alpha: float, theme: Theme) -> None:
    """Shade the interval along a line; where a point stands alone it is a bar."""
    low, high, color = curve.low, curve.high, color_of(curve, theme)
    if low is None or high is None:
        return
    step = "post" if curve.stairs else None
    axes.fill_between(x, low, high, color=color, alpha=alpha, linewidth=0, step=step, zorder=1.5)
    alone = _alone(np.where(np.isfinite(low), curve.y, np.nan))
    if alone.any():
        axes.vlines(
            x[alone], low[alone], high[alone], color=color, alpha=0.45,
            linewidth=theme.marker_size, zorder=1.5,
        )  # fmt: skip


def _alone(y: Array) -> npt.NDArray[np.bool_]:
    """Say which points stand between gaps."""
    there = np.concatenate([[False], np.isfinite(y), [False]])
    alone: npt.NDArray[np.bool_] = there[1:-1] & ~there[:-2] & ~there[2:]
    return alone


def _bars(axes: Any, panel: Panel, curve: Curve, index: int, theme: Theme) -> list[Entry]:
    x, color, many = panel.x_of(curve), color_of(curve, theme), len(panel.bars)
    gaps = np.diff(np.unique(x))
    width = (0.8 if len(x) <= 100 else 1.0) * float(gaps.min()) if len(gaps) else 0.3
    if panel.categories:
        width = 0.7
    if many > 1 and any(each.low is not None for each in panel.bars):
        width /= many
        x = x + (index - (many - 1) / 2) * width
    drawn = (axes.barh if panel.horizontal else axes.bar)(
        x, curve.y, width, color=color, linewidth=0, zorder=2
    )
    _whiskers(axes, panel, x, curve, theme.text, theme)
    return [(drawn, curve.label)] if curve.label else []


def _points(axes: Any, panel: Panel, curve: Curve, index: int, theme: Theme) -> list[Entry]:
    x, many, color = panel.x_of(curve), len(panel.points), color_of(curve, theme)
    if panel.categories and many > 1 and panel.dodged:
        x = x + (index - (many - 1) / 2) * DODGE / many
    _whiskers(axes, panel, x, curve, color, theme)
    marker = "o" if curve.style is None else MARKERS[curve.style % len(MARKERS)]
    across = (curve.y, x) if panel.horizontal else (x, curve.y)
    drawn = axes.plot(
        *across, color=color, linestyle="none", marker=marker, markersize=1.25 * theme.marker_size,
        markeredgecolor=theme.background, markeredgewidth=0.4, zorder=3,
        alpha=0.45 if curve.faint else None,
    )  # fmt: skip
    return [(drawn[0], curve.label)] if curve.label else []


def _whiskers(axes: Any, panel: Panel, x: Array, curve: Curve, color: str, theme: Theme) -> None:
    if curve.low is None or curve.high is None:
        return
    lines = axes.hlines if panel.horizontal else axes.vlines
    width = 0.75 * theme.line_width
    lines(x, curve.low, curve.high, color=color, linewidth=width, zorder=2.5)
    for end in (curve.low, curve.high):
        across = (end, x) if panel.horizontal else (x, end)
        axes.plot(
            *across, color=color, linestyle="none", marker="|" if panel.horizontal else "_",
            markersize=theme.marker_size, markeredgewidth=width, zorder=2.5,
        )  # fmt: skip


def _reference(axes: Any, panel: Panel, label: str, value: float, theme: Theme) -> list[Entry]:
    across = axes.axvline if panel.horizontal else axes.axhline
    drawn = across(
        value, color=theme.text, linewidth=0.55 * theme.line_width, linestyle=(0, (4, 2)),
        zorder=1.9,
    )  # fmt: skip
    return [(drawn, label)] if label else []


def _segments_and_notes(axes: Any, panel: Panel, theme: Theme) -> None:
    for segment in panel.segments:
        axes.plot(
            segment.x, segment.y, color=color_of(segment, theme), solid_capstyle="butt",
            linewidth=theme.line_width if segment.width is None else segment.width,
            clip_on=False, zorder=2,
        )  # fmt: skip
    if panel.notes:  # they count for the ends of the axes, as points do
        axes.update_datalim([(note.x, note.y) for note in panel.notes])
        axes.autoscale_view()
    places = {None: "center", True: "bottom", False: "top"}
    for note in panel.notes:
        plate = {"facecolor": theme.background, "alpha": 0.8, "pad": 0.8, "linewidth": 0}
        axes.text(
            note.x, note.y, note.text, ha=note.align, va=places[note.above],
            color=getattr(theme, note.role), fontsize=theme.tick_size, parse_math=False,
            bbox=plate if note.backed else None, zorder=3,
        )  # fmt: skip


def _single_places(axes: Any, panel: Panel, theme: Theme) -> list[Entry]:
    entries: list[Entry] = []
    scale = theme.marker_size / 4.0
    if panel.best:
        label, x, y = panel.best
        star = axes.plot(
            [x], [y], marker="*", markersize=15 * scale, color=theme.mark, linestyle="none",
            markeredgecolor=theme.background, markeredgewidth=0.8 * scale, zorder=5, clip_on=False,
        )  # fmt: skip
        entries.append((star[0], label))
    bad = panel.non_finite
    if len(bad):
        shown = bad[:: len(bad) // MAX_MARKS + 1]
        axes.plot(
            shown, np.full(len(shown), 0.02), transform=axes.get_xaxis_transform(), marker="X",
            markersize=7 * scale, linestyle="none", color=theme.alarm, markeredgewidth=0, zorder=5,
            clip_on=False,
        )  # fmt: skip
    return entries
