"""The plot of a loss: round numbers along its axes, and the SVG between them."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from epochal.control.progress import Curve

SIZE = 1000
"""Width and height of the plot in units of its own; the page stretches it."""

COLOR = "#4a86c5"  # is seen on light and on dark
MOST_X, MOST_Y = 5, 4
LOG_FROM = 1000
"""So many times the smallest value the largest must be for a logarithmic axis."""

_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))
_MARKS = {"nan": ("100%", "M0,-8-4,0 4,0z"), "inf": ("0", "M0,0-4,8 4,8z"),
          "-inf": ("100%", "M0,0-4,-8 4,-8z")}  # fmt: skip
"""Where a mark is, and its outline in pixels from there, as in the charts of the dashboard."""


class Plot(NamedTuple):
    """A picture without words, and what stands at equal distances along its axes.

    Attributes:
        svg: has no size: it fills the place that it is given.
        x, y: labels from the left and from the bottom; the first and the last are at the ends.
        log: whether y is logarithmic.
    """

    svg: str
    x: list[str]
    y: list[str]
    log: bool


def plot(found: Curve) -> Plot:
    """Return the band of extremes, the line in its middle, and marks where there is no number.

    Example:
        >>> from epochal.control.progress import curve
        >>> made = plot(curve(range(1, 536), [10.0 ** min(n, 300) for n in range(535)]))
        >>> made.x, made.y, made.log
        (['0', '200', '400', '600'], ['1', '1e100', '1e200', '1e300'], True)
    """
    low, high = min(found.low, default=1.0), max(found.high, default=1.0)
    log = low > 0 and high / low > LOG_FROM

    def scaled(value: float) -> Decimal:  # no difference of these is out of range
        return Decimal(str(math.log10(value) if log else value))

    x = _round(Decimal(found.first), Decimal(found.last), MOST_X, whole=True)
    y = _round(scaled(low), scaled(high), MOST_Y, whole=log)

    def across(step: float) -> float:
        return float((Decimal(step) - x[0]) / (x[-1] - x[0]))

    def point(step: float, height: Decimal) -> str:
        down = float((y[-1] - height) / (y[-1] - y[0]))
        return f"{SIZE * across(step):.1f},{SIZE * down:.1f}"

    bands = [
        (step, scaled(a), scaled(b))
        for step, a, b in zip(found.steps, found.low, found.high, strict=True)
    ]
    upper = [point(step, b) for step, _, b in bands]
    lower = [point(step, a) for step, a, _ in bands]
    middle = " ".join(point(step, (a + b) / 2) for step, a, b in bands)
    grid = _grid(len(x), len(y))
    curve = (
        f'<polygon points="{" ".join(upper + lower[::-1])}" fill="{COLOR}" opacity=".25"/>'
        f'<polyline points="{middle}" fill="none" stroke="{COLOR}" stroke-width="1.5"'
        ' vector-effect="non-scaling-stroke"/>'
    )
    marks = "".join(_mark(100 * across(step), kind) for step, kind in found.marks)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg"><svg width="100%" height="100%"'
        f' viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none">{grid}{curve}</svg>{marks}</svg>'
    )
    labels = [_number(Decimal(10) ** tick if log else tick) for tick in y]
    return Plot(svg, _steps(x), labels if found.points else [], log)


def _round(low: Decimal, high: Decimal, most: int, *, whole: bool) -> list[Decimal]:
    """Return round numbers at equal distances, the first and the last around a range."""
    if low == high:
        around = Decimal(0) if whole else abs(low) / 10 or Decimal(1)
        low, high = low - around, high + (around or 1)
    least = (high - low) / most
    unit = Decimal(1).scaleb(least.adjusted())
    every = next(unit * times for times in (1, 2, 5, 10) if unit * times >= least)
    every = max(every, Decimal(1)) if whole else every
    first = int((low / every).to_integral_value(ROUND_FLOOR))
    last = int((high / every).to_integral_value(ROUND_CEILING))
    return [every * n for n in range(first, last + 1)]


def _steps(ticks: list[Decimal]) -> list[str]:
    """Return steps in words; they are exact."""
    every = ticks[1] - ticks[0]
    unit, letter = next(((u, letter) for u, letter in _UNITS if not every % u), (1, ""))
    return [f"{int(tick) // unit:,}{letter if tick else ''}" for tick in ticks]


def _number(tick: Decimal) -> str:
    tick = tick.normalize()
    if not tick or -4 <= tick.adjusted() < 6:
        return f"{tick:,f}"
    return f"{tick:e}".replace("e+", "e")


def _grid(columns: int, rows: int) -> str:
    down = (f"M{SIZE * n / (columns - 1):.1f},0V{SIZE}" for n in range(columns))
    along = (f"M0,{SIZE * n / (rows - 1):.1f}H{SIZE}" for n in range(rows))
    return (
        f'<path d="{"".join([*down, *along])}" stroke="#888888" stroke-opacity=".35"'
        ' vector-effect="non-scaling-stroke"/>'
    )


def _mark(percent: float, kind: str) -> str:
    y, outline = _MARKS[kind]
    return (
        f'<svg x="{percent:.2f}%" y="{y}" overflow="visible">'
        f'<path d="{outline}" fill="{COLOR}"/></svg>'
    )
