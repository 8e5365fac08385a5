"""A panel: what one pair of axes shows, as data; ``epochal.present.axes`` draws it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Role = Literal["main", "second", "third", "mark", "alarm", "muted"]

FEW = 40
"""So many points get a marker each."""

MAX_MARKS = 500
"""Of more positions that are marked only some are drawn: they would be one line."""

NO_POINTS: Array = np.empty(0)


@dataclass(frozen=True)
class Curve:
    """Values along the panel's x, drawn as a line, as bars or as points; NaN where there is none.

    Attributes:
        label: what the legend calls it; "" for no entry.
        y: as many as its x.
        role: its color in the theme.
        dashed: drawn with dashes.
        x: its own positions, rising; None: those of the panel.
        low, high: the interval of each value: shaded along a line, whiskers on bars and points.
        n: of how many runs each value is.
        style: its color, dashes and marker, as an index; instead of ``role`` and ``dashed``.
        faint: in the background, without markers.
        stairs: a line that stays at a value until the next one.
        shade: its color, from 0, pale, to 1, that of ``role``: for lines that are many.
    """

    label: str
    y: Array
    role: Role = "main"
    dashed: bool = False
    x: Array | None = None
    low: Array | None = None
    high: Array | None = None
    n: Array | None = None
    style: int | None = None
    faint: bool = False
    stairs: bool = False
    shade: float | None = None


@dataclass(frozen=True)
class Segment:
    """A straight line between two points of a panel, such as the bar over a clique.

    Attributes:
        x, y: its two ends, (begin, end) each.
        role: its color in the theme.
        width: in points; None: as lines are.
        style: its color as an index, instead of ``role``.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    role: Role = "muted"
    width: float | None = None
    style: int | None = None


@dataclass(frozen=True)
class Note:
    """A text at a point of a panel; taken literally.

    Attributes:
        x, y: where.
        text: what it says.
        align: what of it is at x: "left", "center" or "right".
        role: its color in the theme.
        above: what of it is at y: its lower edge (True), its middle (None), its upper edge (False).
        backed: it stands on a plate, as there are lines under it.
    """

    x: float
    y: float
    text: str
    align: Literal["left", "center", "right"] = "left"
    role: Role | Literal["text"] = "text"
    above: bool | None = None
    backed: bool = False


@dataclass(frozen=True)
class Scale:
    """One of several axes side by side, each with its own ends: parallel coordinates.

    Attributes:
        low, high: its ends.
        log: logarithmic.
        names: of the values 0, 1, 2, ... instead of numbers.
        ticks: values that are labeled; empty: some.
        inverted: the large values are at the bottom.
    """

    low: float
    high: float
    log: bool = False
    names: tuple[str, ...] = ()
    ticks: tuple[float, ...] = ()
    inverted: bool = False


@dataclass(frozen=True)
class Panel:
    """What one pair of axes shows.

    Attributes:
        title: its subject.
        y_label: with the unit.
        x: positions of all curves that have none of their own, rising.
        x_label: such as "epoch".
        lines: curves drawn as lines.
        bars: curves drawn as bars, side by side if there are several with intervals.
        points: curves drawn as points with their intervals.
        band: (label, low, high), a shaded area.
        best: (label, x, y), one point that is marked.
        non_finite: positions where a value was NaN or infinite; marked at the bottom.
        segments, notes: lines and texts at given places.
        references: (label, value), lines across the panel at values of y.
        categories: names of the positions 0, 1, 2, ... of x.
        beneath: what stands under the name of each category.
        horizontal: the values run to the right and the categories down, the first on top; for
            points and bars only.
        x_range, y_range: the ends of the axes; None: as the data say.
        log: logarithmic y-axis.
        x_log: logarithmic x-axis.
        from_zero: the y-axis begins at zero.
        zero_line: a line at y = 0.
        bare: without axes, for what is made of segments and notes.
        legend: there is one.
        dodged: points of the same category stand beside each other.
        scales: an axis of its own for each category; the lines go from one to the next.
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
    points: tuple[Curve, ...] = ()
    segments: tuple[Segment, ...] = ()
    notes: tuple[Note, ...] = ()
    references: tuple[tuple[str, float], ...] = ()
    categories: tuple[str, ...] = ()
    horizontal: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_log: bool = False
    bare: bool = False
    legend: bool = True
    dodged: bool = True
    beneath: tuple[str, ...] = ()
    scales: tuple[Scale, ...] = ()

    def x_of(self, curve: Curve) -> Array:
        """Return the positions of one of its curves."""
        return self.x if curve.x is None else curve.x
