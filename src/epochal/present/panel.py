"""A panel: what one pair of axes shows, as data first, then drawn with matplotlib."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from epochal.core.optional import require
from epochal.present.style import EXTRA, TEXT_SIZE, TITLE_SIZE, Theme

Array = npt.NDArray[np.float64]
Role = Literal["main", "second", "third", "mark", "alarm", "muted"]

FEW = 40
"""So many points get a marker each."""

MAX_MARKS = 500
"""Of more positions that are marked only some are drawn: they would be one line."""

NO_POINTS: Array = np.empty(0)


@dataclass(frozen=True)
class Curve:
    """Values along the panel's x, drawn as a line or as bars; NaN where there is none.

    Attributes:
        label: what the legend calls it; "" for no entry.
        y: as many as the panel's x.
        role: its color in the theme.
        dashed: drawn with dashes.
    """

    label: str
    y: Array
    role: Role = "main"
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """What one pair of axes shows.

    Attributes:
        title: its subject.
        y_label: with the unit.
        x: positions of all curves, rising.
        x_label: such as "epoch".
        lines: curves drawn as lines.
        bars: curves drawn as bars.
        band: (label, low, high), a shaded area.
        best: (label, x, y), one point that is marked.
        non_finite: positions where a value was NaN or infinite; marked at the bottom.
        log: logarithmic y-axis.
        from_zero: the y-axis begins at zero.
        zero_line: a line at y = 0.
        remark: stands beside the title.
        empty: why there is nothing to see, in words; the rest is ignored then.
    """

    title: str
    y_label: str
    x: Array
    x_label: str = "epoch"
    lines: tuple[Curve, ...] = ()
    bars: tuple[Curve, ...] = ()
    band: tuple[str, Array, Array] | None = None
    best: tuple[str, float, float] | None = None
    non_finite: Array = field(default_factory=lambda: NO_POINTS)
    log: bool = False
    from_zero: bool = False
    zero_line: bool = False
    remark: str = ""
    empty: str = ""


def draw(axes: Any, panel: Panel, theme: Theme) -> None:
    """Draw a panel into axes of a figure that lays out by itself (see ``style.new_figure``)."""
    _frame(axes, panel, theme)
    if panel.empty:
        _explain(axes, panel.empty, theme)
        return
    if panel.log:
        axes.set_yscale("log")
    axes.use_sticky_edges = not panel.zero_line  # the line is seen, also if all bars hang from it
    if panel.band:
        label, low, high = panel.band
        axes.fill_between(
            panel.x, low, high, color=theme.main, alpha=0.25, linewidth=0, label=label
        )
        if len(panel.x) == 1:  # an area without width cannot be seen
            axes.vlines(panel.x, low, high, color=theme.main, alpha=0.45, linewidth=6)
    for curve in panel.bars:
        _bars(axes, panel.x, curve, theme)
    for curve in panel.lines:
        _line(axes, panel.x, curve, theme)
    if panel.zero_line:
        axes.axhline(0.0, color=theme.muted, linewidth=1)
    _marks(axes, panel, theme)
    _scales(axes, panel)
    _legend(axes, theme)


def _frame(axes: Any, panel: Panel, theme: Theme) -> None:
    axes.set_facecolor(theme.background)
    axes.tick_params(which="both", colors=theme.muted, labelsize=TEXT_SIZE - 1)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.grid)
    axes.grid(visible=True, color=theme.grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(panel.x_label, color=theme.text, fontsize=TEXT_SIZE)
    axes.set_ylabel(panel.y_label, color=theme.text, fontsize=TEXT_SIZE)
    # The legend stands in a line of its own between title and data, remarks beside the title.
    bad = len(panel.non_finite)
    remarks = [panel.remark] if panel.remark else []
    remarks += [f"\u00d7 NaN or Inf: {_count(bad, panel.x_label)}"] if bad else []
    for text, where, color, size in (
        (panel.title, "left", theme.text, TITLE_SIZE),
        ("\n".join(remarks), "right", theme.alarm, TEXT_SIZE),
    ):
        axes.set_title(text, loc=where, color=color, fontsize=size, pad=24, weight="bold")


def _explain(axes: Any, why: str, theme: Theme) -> None:
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linestyle((0, (4, 4)))
    text = axes.text(
        0.5, 0.5, textwrap.fill(why, 48), transform=axes.transAxes, ha="center", va="center",
        color=theme.muted, fontsize=TEXT_SIZE + 0.5, linespacing=1.5,
    )  # fmt: skip
    text.set_parse_math(False)


def _line(axes: Any, x: Array, curve: Curve, theme: Theme) -> None:
    color = getattr(theme, curve.role)
    few = len(x) <= FEW
    axes.plot(
        x, curve.y, color=color, label=curve.label or None,
        linewidth=1.8 if len(x) <= 1000 else 1.0,
        linestyle="--" if curve.dashed else "-", marker="o" if few else None, markersize=4,
    )  # fmt: skip
    alone = np.empty(0, bool) if few else _alone(curve.y)
    if alone.any():  # a point without neighbors makes no line
        axes.plot(x[alone], curve.y[alone], color=color, linestyle="none", marker="o", markersize=3)


def _alone(y: Array) -> npt.NDArray[np.bool_]:
    """Say which points stand between gaps."""
    there = np.concatenate([[False], np.isfinite(y), [False]])
    alone: npt.NDArray[np.bool_] = there[1:-1] & ~there[:-2] & ~there[2:]
    return alone


def _bars(axes: Any, x: Array, curve: Curve, theme: Theme) -> None:
    gaps = np.diff(x)
    width = (0.8 if len(x) <= 100 else 1.0) * float(gaps.min()) if len(gaps) else 0.3
    color = getattr(theme, curve.role)
    axes.bar(x, curve.y, width=width, color=color, linewidth=0, label=curve.label)


def _marks(axes: Any, panel: Panel, theme: Theme) -> None:
    if panel.best:
        label, x, y = panel.best
        axes.plot(
            [x], [y], marker="*", markersize=15, color=theme.mark, linestyle="none", label=label,
            markeredgecolor=theme.background, markeredgewidth=0.8, zorder=5, clip_on=False,
        )  # fmt: skip
    bad = panel.non_finite
    if len(bad):
        shown = bad[:: len(bad) // MAX_MARKS + 1]
        axes.plot(
            shown, np.full(len(shown), 0.02), transform=axes.get_xaxis_transform(), marker="X",
            markersize=7, linestyle="none", color=theme.alarm, markeredgewidth=0, zorder=5,
            clip_on=False,
        )  # fmt: skip


def _scales(axes: Any, panel: Panel) -> None:
    ticker = require("matplotlib.ticker", extra=EXTRA, why="drawing charts")
    if len(panel.x) <= FEW or panel.bars:
        axes.set_xlim(panel.x[0] - 0.6, panel.x[-1] + 0.6)
    whole = bool((panel.x == np.floor(panel.x)).all())
    places = ticker.MaxNLocator("auto", integer=whole, min_n_ticks=1, steps=[1, 2, 5, 10])
    axes.xaxis.set_major_locator(places)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(_tick_text(axes.xaxis)))
    if panel.log:
        _log_ticks(axes.yaxis, ticker)
        return
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(_tick_text(axes.yaxis)))
    if panel.from_zero and axes.dataLim.y0 >= 0:
        top = float(axes.dataLim.y1)
        axes.set_ylim(0.0, 1.08 * top if top > 0 else 1.0)


def _log_ticks(axis: Any, ticker: Any) -> None:
    """Label a logarithmic axis with plain numbers, as many as there is room for."""
    low, high = axis.get_view_interval()
    if high / low < 5:
        axis.set_major_locator(ticker.MaxNLocator(6))
    elif high / low < 1e3:
        axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.4g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _tick_text(axis: Any) -> Any:
    """Return a formatter; a power of ten above the axis would stand where the legend is."""

    def text(value: float, _: int | None = None) -> str:
        low, high = axis.get_view_interval()
        if abs(value) < 1e-9 * abs(high - low):
            return "0"
        largest = max(abs(low), abs(high))
        if 1e-2 <= largest < 1e6:
            return f"{value:.8g}"
        power = math.floor(math.log10(largest))
        return f"{value / 10.0**power:.6g}e{power}"

    return text


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _legend(axes: Any, theme: Theme) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    legend = axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(handles),
        frameon=False, fontsize=TEXT_SIZE - 0.5, labelcolor=theme.text, borderaxespad=0.2,
        borderpad=0.0, handlelength=1.3, handletextpad=0.5, columnspacing=1.3,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
