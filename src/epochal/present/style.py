"""How charts look: themes with colors that color-blind people can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EXTRA = "paper"

TITLE_SIZE = 12
TEXT_SIZE = 9.5


@dataclass(frozen=True)
class Theme:
    """Colors of a chart, as ``#rrggbb``.

    Attributes:
        background: behind everything.
        text: titles and labels.
        muted: ticks, frames and remarks.
        grid: lines of the grid.
        main: the first curve, and what is good.
        second: the second curve, and what is bad.
        third: the third curve.
        mark: single points to look at.
        alarm: what is not a number.
        pale: the other end of shades of a color.
        cycle: of groups that are compared.
        title_size, text_size, tick_size: of text, in points.
        line_width, marker_size: in points.
    """

    background: str
    text: str
    muted: str
    grid: str
    main: str
    second: str
    third: str
    mark: str
    alarm: str
    pale: str
    cycle: tuple[str, ...] = ()
    title_size: float = TITLE_SIZE
    text_size: float = TEXT_SIZE
    tick_size: float = TEXT_SIZE - 1
    line_width: float = 1.8
    marker_size: float = 4.0


LINES: tuple[Any, ...] = (
    "-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (7, 1.5, 1.2, 1.5)), (0, (3, 1.2, 1, 1.2, 1, 1.2)),
    (0, (9, 2.5)), (0, (2.5, 2.5)), (0, (1, 3)),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""With the color these tell groups apart, in gray too."""

# Colors of Okabe and Ito: told apart with every common kind of color blindness.
DARK = Theme(
    background="#0e1117", text="#f0f2f6", muted="#a3a8b4", grid="#2b303b",
    main="#56b4e9", second="#e69f00", third="#2fc29b", mark="#f0e442", alarm="#ff8c69",
    pale="#3d4350",
    cycle=("#56b4e9", "#e69f00", "#2fc29b", "#cc79a7", "#f0e442", "#f0f2f6", "#ff7f50", "#9aa0aa"),
)  # fmt: skip
PRINT = Theme(
    background="#ffffff", text="#1a1a1a", muted="#595959", grid="#e2e2e2",
    main="#0072b2", second="#d55e00", third="#009e73", mark="#cc79a7", alarm="#b3261e",
    pale="#d9d9d9",
    cycle=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#e69f00", "#8c8c8c"),
)  # fmt: skip
