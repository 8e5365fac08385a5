"""How charts look: themes with colors that color-blind people can tell apart, and saving.

Figures are made without pyplot, so that nothing here is seen by charts of the program itself.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

from epochal.core.atomic import write_atomically
from epochal.core.optional import require

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
    cycle=("#56b4e9", "#e69f00", "#2fc29b", "#cc79a7", "#f0e442", "#f0f2f6", "#ff7f50", "#9aa0aa"),
)  # fmt: skip
PRINT = Theme(
    background="#ffffff", text="#1a1a1a", muted="#595959", grid="#e2e2e2",
    main="#0072b2", second="#d55e00", third="#009e73", mark="#cc79a7", alarm="#b3261e",
    cycle=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#e69f00", "#8c8c8c"),
)  # fmt: skip


def new_figure(width: float, height: float, theme: Theme, title: str = "") -> Any:
    """Return an empty ``matplotlib.figure.Figure`` that makes room for all its labels.

    Args:
        width: in inches.
        height: in inches.
        theme: its colors.
        title: of the whole figure; taken literally.

    Raises:
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> new_figure(8, 4.5, DARK).get_facecolor()[:3] == (14 / 255, 17 / 255, 23 / 255)
        True
    """
    module = require("matplotlib.figure", extra=EXTRA, why="drawing charts")
    canvas = require("matplotlib.backends.backend_agg", extra=EXTRA, why="drawing charts")
    figure = module.Figure(
        figsize=(width, height), layout="constrained", facecolor=theme.background
    )
    canvas.FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.04, hspace=0.04)
    if title:
        text = figure.suptitle(title, color=theme.text, fontsize=TITLE_SIZE + 3, weight="bold")
        text.set_parse_math(False)
    return figure


def png(figure: Any, dpi: int) -> bytes:
    """Return a figure as PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor(), bbox_inches=None,
        metadata={"Software": None},
    )  # fmt: skip
    return buffer.getvalue()


def save(figure: Any, path: str | os.PathLike[str], dpi: int) -> str:
    """Write a figure as PNG, atomically; makes the folder if need be; return the absolute path.

    Raises:
        OSError: the folder cannot be written.
    """
    full = os.path.abspath(os.fspath(path))
    os.makedirs(os.path.dirname(full), exist_ok=True)
    write_atomically(full, png(figure, dpi))
    return full
