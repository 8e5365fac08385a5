"""Drawing a panel into axes: frame, marks, scales, and what the axes are labeled with."""

from __future__ import annotations

import math
import re
import textwrap
from typing import Any

import numpy as np

from epochal.core.optional import require
from epochal.present.labels import literal, told_apart
from epochal.present.marks import Entry, draw_marks
from epochal.present.panel import FEW, Array, Panel
from epochal.present.scales import on_scales
from epochal.present.style import EXTRA, TITLE_SIZE, Theme

MINUS = "\u2212"

LONG = 28
"""Names of categories are shortened to so many characters."""


def draw(axes: Any, panel: Panel, theme: Theme) -> list[Entry]:
    """Draw a panel into axes of a figure that lays out by itself; the legend is left to ``fit``.

    Args:
        axes: matplotlib's.
        panel: what to draw.
        theme: its colors and sizes.

    Returns:
        The entries of the legend.
    """
    _frame(axes, panel, theme)
    if panel.empty:
        _explain(axes, panel.empty, theme)
        return []
    if panel.log:
        (axes.set_xscale if panel.horizontal else axes.set_yscale)("log")
    if panel.x_log:
        axes.set_xscale("log")
    if panel.scales:
        panel = on_scales(panel, axes.figure.get_figwidth())
    axes.use_sticky_edges = not panel.zero_line  # the line is seen, also if all bars hang from it
    entries = [(handle, literal(label)) for handle, label in draw_marks(axes, panel, theme)]
    if panel.bare:
        axes.set_axis_off()
    entries = entries if panel.legend else []
    _scales(axes, panel, theme)
    if panel.scales:
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
    return entries


def add_legend(axes: Any, entries: list[Entry], theme: Theme, columns: int) -> Any:
    """Put a legend between title and data; return it."""
    legend = axes.legend(
        [handle for handle, _ in entries], ["x"] * len(entries), loc="lower left",
        bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False, fontsize=theme.text_size - 0.5,
        labelcolor=theme.text, borderaxespad=0.2, borderpad=0.0, handlelength=1.8,
        handletextpad=0.5, columnspacing=1.3, labelspacing=0.25,
    )  # fmt: skip
    for text, (_, label) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(label)  # only now: labels that begin with "_" would be left out
    return legend


def remarks(panel: Panel) -> str:
    """Return what stands beside the title."""
    bad = len(panel.non_finite)
    found = [panel.remark] if panel.remark else []
    found += [f"\u00d7 NaN or Inf: {_count(bad, panel.x_label)}"] if bad else []
    return "\n".join(found)


def _frame(axes: Any, panel: Panel, theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(which="both", colors=theme.muted, labelsize=theme.tick_size)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.grid)
    axes.grid(visible=True, color=theme.grid, linewidth=0.7 * theme.line_width / 1.8)
    axes.set_axisbelow(True)
    x_label, y_label = (literal(label) for label in (panel.x_label, panel.y_label))
    if panel.horizontal:
        x_label, y_label = y_label, x_label
    for put, label in ((axes.set_xlabel, x_label), (axes.set_ylabel, y_label)):
        put(label, color=theme.text, fontsize=theme.text_size, parse_math=False)
    # The legend stands in a line of its own between title and data, remarks beside the title.
    small = theme.title_size / TITLE_SIZE
    for text, where, color, size in (
        (literal(panel.title), "left", theme.text, theme.title_size),
        (remarks(panel), "right", theme.alarm, theme.text_size),
    ):
        axes.set_title(
            text, loc=where, color=color, fontsize=size, pad=24 * small, weight="bold",
            parse_math=False,
        )  # fmt: skip


def _explain(axes: Any, why: str, theme: Theme) -> None:
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linestyle((0, (4, 4)))
    axes.text(
        0.5, 0.5, textwrap.fill(why, 48), transform=axes.transAxes, ha="center", va="center",
        color=theme.muted, fontsize=theme.text_size + 0.5, linespacing=1.5, parse_math=False,
        in_layout=False,
    )  # fmt: skip


def _scales(axes: Any, panel: Panel, theme: Theme) -> None:
    ticker = require("matplotlib.ticker", extra=EXTRA, why="drawing charts")
    if panel.categories:
        _categories(axes, panel, theme)
    else:
        _x_scale(axes, panel, ticker)
    values = axes.xaxis if panel.horizontal else axes.yaxis
    if panel.log:
        _log_ticks(values, ticker)
    else:
        values.set_major_formatter(ticker.FuncFormatter(_tick_text(values)))
        low, high = (float(each) for each in getattr(axes.dataLim, f"interval{values.axis_name}"))
        if panel.from_zero and low >= 0:
            (axes.set_xlim if panel.horizontal else axes.set_ylim)(0.0, 1.08 * high or 1.0)
    if panel.y_range:
        (axes.set_xlim if panel.horizontal else axes.set_ylim)(*panel.y_range)


def _x_scale(axes: Any, panel: Panel, ticker: Any) -> None:
    x = _all_x(panel)
    whole = bool((x == np.floor(x)).all())
    if panel.x_range:
        axes.set_xlim(*panel.x_range)
    elif len(x) and not panel.x_log and (len(np.unique(x)) <= FEW or panel.bars):
        span = float(x[-1] - x[0])
        margin = max(0.6, 0.02 * span) if whole else (0.03 * span or 0.1 * abs(float(x[0])) or 0.5)
        axes.set_xlim(x[0] - margin, x[-1] + margin)
    if panel.x_log:
        _log_ticks(axes.xaxis, ticker)
        return
    places = ticker.MaxNLocator("auto", integer=whole, min_n_ticks=1, steps=[1, 2, 5, 10])
    axes.xaxis.set_major_locator(places)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(_tick_text(axes.xaxis, short=True)))


def _all_x(panel: Panel) -> Array:
    """Return the positions of all curves, rising."""
    own = [curve.x for curve in (*panel.lines, *panel.bars, *panel.points) if curve.x is not None]
    if not own:
        return panel.x
    found: Array = np.sort(np.concatenate([*own, panel.x]))
    return found


def _categories(axes: Any, panel: Panel, theme: Theme) -> None:
    names = told_apart([literal(name) for name in panel.categories], lambda name: len(name) <= LONG)
    if panel.beneath:
        pairs = zip(names, panel.beneath, strict=True)
        names = [f"{name}\n{literal(more, LONG)}" for name, more in pairs]
    axis = axes.yaxis if panel.horizontal else axes.xaxis
    set_limits = axes.set_ylim if panel.horizontal else axes.set_xlim
    axis.set_ticks(range(len(names)), names)
    for label in axis.get_ticklabels():
        label.set_parse_math(False)
    axis.grid(visible=False)
    axis.set_tick_params(length=0, labelcolor=theme.text)
    ends = (-0.6, len(names) - 0.4)
    set_limits(*(reversed(ends) if panel.horizontal else ends))


def _log_ticks(axis: Any, ticker: Any) -> None:
    """Label a logarithmic axis with plain numbers, as many as there is room for."""
    low, high = axis.get_view_interval()
    if high / low < 5:
        axis.set_major_locator(ticker.MaxNLocator(6))
    elif high / low < 1e3:
        axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(ticker.NullFormatter())


def _plain(value: float) -> str:
    """Return a number without the zeros and the plus of Python's powers, with a real minus.

    Example:
        >>> _plain(1e6), _plain(0.01)
        ('1e6', '0.01')
    """
    text = re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.4g}")
    return text.replace("-", MINUS)


def _tick_text(axis: Any, *, short: bool = False) -> Any:
    """Return a formatter; a power of ten above the axis would stand where the legend is."""

    def text(value: float, _: int | None = None) -> str:
        low, high = axis.get_view_interval()
        if abs(value) < 1e-9 * abs(high - low):
            return "0"
        largest = max(abs(low), abs(high))
        if short and 20_000 <= largest < 1e9:
            unit, sign = (1e6, "M") if largest >= 1e6 else (1e3, "k")
            return f"{value / unit:.6g}{sign}".replace("-", MINUS)
        if 1e-2 <= largest < 1e6:
            return f"{value:.8g}".replace("-", MINUS)
        power = math.floor(math.log10(largest))
        return f"{value / 10.0**power:.6g}e{power}".replace("-", MINUS)

    return text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
