"""Fitting legends, titles and labels into the room that a figure has once it is laid out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from epochal.present.axes import add_legend, remarks
from epochal.present.labels import literal, told_apart
from epochal.present.marks import Entry
from epochal.present.panel import Panel
from epochal.present.style import Theme

GAP_PT = 3.0
POINTS_PER_INCH = 72.0

LINES = 3
"""So many an entry of a legend may have."""

Drawing = tuple[Any, Panel, list[Entry]]
"""Axes, what they show, and the entries of their legend."""


def fit(figure: Any, drawings: Sequence[Drawing], theme: Theme, *, grow: bool = False) -> None:
    """Put the legends, and make room for them; shorten what is too long for its place.

    Panels that all show the same groups share one legend under them.

    Args:
        figure: matplotlib's.
        drawings: its panels.
        theme: its colors and sizes.
        grow: the figure may become higher, so that the data keep their room.
    """
    shared = _shared(drawings)
    if shared:
        _legend_below(figure, shared, theme)
    _prepare(figure, drawings)
    heights = {
        axes: _fit_head(figure, axes, panel, [] if shared else entries, theme)
        for axes, panel, entries in drawings
    }
    rows: dict[int, float] = {}
    for axes, height in heights.items():  # titles of a row are on one line
        row = axes.get_subplotspec().rowspan.start
        rows[row] = max(rows.get(row, 0.0), height)
    for axes in heights:
        _set_pads(axes, rows[axes.get_subplotspec().rowspan.start])
    if grow:
        lines = sum(max(height - 2 * theme.text_size, 0.0) for height in rows.values())
        below = sum(each.get_window_extent().height for each in figure.legends)
        more = lines / POINTS_PER_INCH + below / figure.dpi
        figure.set_figheight(figure.get_figheight() + more)
    _lay_out(figure)
    for axes, _, _ in drawings:
        _fit_axis_labels(figure, axes)
    if figure.get_suptitle():
        _shorten(figure._suptitle, figure.bbox.width - 2 * _pixels(figure, 6))  # noqa: SLF001


def _prepare(figure: Any, drawings: Sequence[Drawing]) -> None:
    """Lay out the figure, with nothing that is wider than its panel."""
    for axes, panel, _ in drawings:
        room = figure.bbox.width / axes.get_subplotspec().get_gridspec().ncols
        for where in ("left", "right"):
            _shorten(_title(axes, where), 0.8 * room)
        _turn_categories(figure, axes, panel)
    _lay_out(figure)
    for axes, panel, _ in drawings:
        if panel.empty:
            _wrap(axes)


def _shared(drawings: Sequence[Drawing]) -> list[Entry]:
    """Return the entries of the one legend for all panels; empty if each has its own."""
    full = [(panel, entries) for _, panel, entries in drawings if entries]
    groups = all(
        curve.style is not None or not curve.label
        for panel, _ in full
        for curve in (*panel.lines, *panel.bars, *panel.points)
    )
    if len(full) < 2 or not groups:
        return []
    found: dict[str, Entry] = {}
    for _, entries in full:
        for entry in entries:
            found.setdefault(entry[1], entry)
    return list(found.values())


def _legend_below(figure: Any, entries: list[Entry], theme: Theme) -> None:
    room = figure.bbox.width - 2 * _pixels(figure, 6)
    for columns in range(min(len(entries), 4), 0, -1):
        legend = figure.legend(
            [handle for handle, _ in entries], ["x"] * len(entries), loc="outside lower center",
            ncols=columns, frameon=False, fontsize=theme.tick_size, labelcolor=theme.text,
            handlelength=2.6, columnspacing=1.5, labelspacing=0.3, borderpad=0.1,
        )  # fmt: skip
        texts = legend.get_texts()
        for text, (_, label) in zip(texts, entries, strict=True):
            text.set_parse_math(False)
            text.set_text(label)
        if legend.get_window_extent().width <= room:
            return
        if columns == 1:
            _shorten_all(texts, room - _pixels(figure, 4 * theme.tick_size))
            return
        legend.remove()


def _fit_head(figure: Any, axes: Any, panel: Panel, entries: list[Entry], theme: Theme) -> float:
    """Put legend and remark above the data; return the height they take, in points."""
    width, height = axes.get_window_extent().width, GAP_PT
    if entries:
        height += _fit_legend(figure, axes, entries, theme, width)
    left, right = _title(axes, "left"), _title(axes, "right")
    _shorten(left, width)
    if right.get_text() and _width(left) + _width(right) + _pixels(figure, 8) > width:
        right.set_text("")
        lines = remarks(panel).split("\n")
        text = axes.annotate(
            "\n".join(lines), (0.0, 1.0), (0.0, height), xycoords="axes fraction",
            textcoords="offset points", ha="left", va="bottom", color=theme.alarm,
            fontsize=theme.tick_size, annotation_clip=False, parse_math=False,
        )  # fmt: skip
        _shorten(text, width)
        height += 1.25 * theme.tick_size * len(lines) + 1
    return height


def _fit_legend(figure: Any, axes: Any, entries: list[Entry], theme: Theme, width: float) -> float:
    """Put a legend in as few lines as there is room for; return its height in points."""
    columns = len(entries)
    legend = add_legend(axes, entries, theme, columns)
    while columns > 1 and legend.get_window_extent().width > width:
        columns -= 1
        legend = add_legend(axes, entries, theme, columns)
    if columns == 1:
        _shorten_all(legend.get_texts(), width - _pixels(figure, 3 * theme.text_size))
    height = legend.get_window_extent().height
    return float(height * POINTS_PER_INCH / figure.dpi) + 2.0


def _set_pads(axes: Any, pad: float) -> None:
    for where in ("left", "right"):
        title = axes.get_title(loc=where)
        old = _title(axes, where)
        axes.set_title(
            title, loc=where, pad=pad, color=old.get_color(), fontsize=old.get_fontsize(),
            weight="bold", parse_math=False,
        )  # fmt: skip


def _title(axes: Any, where: str) -> Any:
    return getattr(axes, f"_{where}_title")  # there is no other way to it


def _turn_categories(figure: Any, axes: Any, panel: Panel) -> None:
    """Turn the names under an axis if they would touch each other."""
    if not panel.categories or panel.horizontal or panel.empty:
        return
    _lay_out(figure)
    labels = axes.get_xticklabels()
    room = axes.get_window_extent().width / len(labels) - _pixels(figure, 4)
    if max(map(_width, labels)) > room:
        for label in labels:
            label.set(rotation=30, ha="right", rotation_mode="anchor")


def _wrap(axes: Any) -> None:
    """Break the words of an empty panel into lines that fit its width, smaller if need be."""
    text, extent = axes.texts[0], axes.get_window_extent()
    words = " ".join(text.get_text().split())
    for smaller in range(5):
        for characters in range(60, 14, -3):
            text.set_text(textwrap.fill(words, characters, break_on_hyphens=False))
            if _width(text) <= 0.92 * extent.width:
                break
        if smaller == 4 or _height(text) <= 0.96 * extent.height:
            return
        text.set_fontsize(text.get_fontsize() - 0.8)


def _fit_axis_labels(figure: Any, axes: Any) -> None:
    """Shorten what axes are labeled with to their length; labels may stand over a little."""
    extent = axes.get_window_extent()
    _shorten(axes.xaxis.label, extent.width + _pixels(figure, 2))
    _shorten(axes.yaxis.label, extent.height + _pixels(figure, 14), across=False)


def _shorten_all(texts: Sequence[Any], room: float) -> None:
    """Shorten the labels of a legend, so that each still says which group it is of."""
    ruler = texts[0]  # all have one font

    def fits(label: str) -> bool:
        ruler.set_text(label)
        return _width(ruler) <= room

    labels = [text.get_text() for text in texts]
    made = told_apart(labels, fits, lines=LINES)
    for text, label in zip(texts, made, strict=True):
        text.set_text(label)


def _shorten(text: Any, room: float, *, across: bool = True) -> None:
    """Leave out the middle of a text until it fits."""
    full = text.get_text()
    size = _width if across else _height
    if size(text) <= room:
        return
    lines = full.split("\n")
    longest = max(map(len, lines))
    most = max(8, int(longest * room / size(text)))
    while most >= 8:
        text.set_text("\n".join(literal(line, most) for line in lines))
        if size(text) <= room:
            return
        most -= 2


def _lay_out(figure: Any) -> None:
    figure.get_layout_engine().execute(figure)  # without drawing anything, which takes longer


def _width(text: Any) -> float:
    return float(text.get_window_extent().width) if text.get_text() else 0.0


def _height(text: Any) -> float:
    return float(text.get_window_extent().height) if text.get_text() else 0.0


def _pixels(figure: Any, points: float) -> float:
    return float(points * figure.dpi / POINTS_PER_INCH)
