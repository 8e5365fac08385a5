"""Several axes side by side, each with its own scale, put onto the one that matplotlib draws."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from epochal.core.names import printable
from epochal.core.optional import require
from epochal.markup.rounding import plain
from epochal.present.panel import Array, Note, Panel, Scale, Segment
from epochal.present.style import EXTRA

MOST_TICKS = 6
MOST_NAMES = 12
LETTER_IN = 0.062
"""Width of a letter, roughly, in inches."""


def on_scales(panel: Panel, width_in: float) -> Panel:
    """Return a panel whose lines go from 0 to 1, with its axes as segments and notes.

    Args:
        panel: with a scale for each of its categories; a curve's x says on which scale a value is.
        width_in: of the figure, in inches.
    """
    lines = [
        replace(curve, y=np.array([
            _height(panel.scales[int(x)], float(y))
            for x, y in zip(panel.x_of(curve), curve.y, strict=True)
        ]))
        for curve in panel.lines
    ]  # fmt: skip
    segments, notes = [], []
    longest = max(5, int(0.85 * width_in / (len(panel.scales) + 0.2) / LETTER_IN) - 1)
    for x, scale in enumerate(panel.scales):
        segments.append(Segment((x, x), (0.0, 1.0), "muted"))
        for y, text in ticks(scale, longest):
            segments.append(Segment((x, x + 0.03), (y, y), "muted"))
            notes.append(Note(x + 0.05, y, text, backed=True))
    return replace(
        panel, lines=tuple(lines), segments=(*panel.segments, *segments), log=False,
        notes=(*panel.notes, *notes), y_range=(-0.04, 1.04), x_range=None,
    )  # fmt: skip


def ticks(scale: Scale, longest: int = 16) -> list[tuple[float, str]]:
    """Return heights between 0 and 1 and what stands there.

    Example:
        >>> ticks(Scale(0.01, 1.0, log=True))
        [(0.0, '0.01'), (0.5, '0.1'), (1.0, '1')]
        >>> ticks(Scale(0, 1, names=("adamw", "sgd")))
        [(0.0, 'adamw'), (1.0, 'sgd')]
    """
    if scale.names:
        every = -(-len(scale.names) // MOST_NAMES)
        shown = [*range(0, len(scale.names), every)]
        return [(_height(scale, float(at)), _short(scale.names[at], longest)) for at in shown]
    values = scale.ticks or _some(scale)
    return [(_height(scale, value), plain(value).replace("-", "\u2212")) for value in values]


def _some(scale: Scale) -> list[float]:
    """Return round values between the ends of a scale."""
    if scale.high <= scale.low:
        return [scale.low]
    ticker: Any = require("matplotlib.ticker", extra=EXTRA, why="drawing figures")
    if not scale.log:
        found: Array = ticker.MaxNLocator(MOST_TICKS - 1).tick_values(scale.low, scale.high)
        margin = 1e-9 * (scale.high - scale.low)
        return [float(v) for v in found if scale.low - margin <= v <= scale.high + margin]
    first = math.ceil(math.log10(scale.low) - 1e-9)
    last = math.floor(math.log10(scale.high) + 1e-9)
    every = max(1, -(-(last - first) // (MOST_TICKS - 1)))
    powers = [10.0**power for power in range(first, last + 1, every)]
    return powers if len(powers) > 1 else [scale.low, scale.high]


def _height(scale: Scale, value: float) -> float:
    """Return where a value is on a scale, from 0 to 1; the middle where the ends are equal."""
    low, high = scale.low, scale.high
    if scale.log:
        value, low, high = (math.log(each) for each in (value, low, high))
    share = 0.5 if high == low else (value - low) / (high - low)
    return 1 - share if scale.inverted else share


def _short(text: str, most: int) -> str:
    text, head = printable(text), most // 2
    return text if len(text) <= most else f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"
