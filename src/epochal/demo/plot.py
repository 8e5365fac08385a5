"""Curves in a terminal: braille dots, eight to a character."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.text import Text

Curve = tuple[Sequence[float], Sequence[float]]

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # bit of each dot: column, row


def curves(lines: Mapping[str, Curve], styles: Mapping[str, str], *, width: int, rows: int) -> Text:
    """Return curves drawn on common axes, each with its name at its end.

    Args:
        lines: name → (x, y), x rising, two or more points each.
        styles: name → rich style.
        width: characters for axis labels, curves and names together.
        rows: lines of text for the curves; the x-axis takes one more.
    """
    names = max(map(len, lines))
    columns = width - names - 10
    every_x = np.concatenate([x for x, _ in lines.values()])
    every_y = np.concatenate([y for _, y in lines.values()])
    left, right, bottom, top = every_x.min(), every_x.max(), every_y.min(), every_y.max()
    bits = np.zeros((rows, columns), np.uint8)
    owner: list[list[str]] = [[""] * columns for _ in range(rows)]
    ends: dict[int, str] = {}
    for name, (x, y) in lines.items():
        across = np.interp(np.linspace(left, right, 2 * columns), x, y)
        down = np.rint((top - across) / max(top - bottom, 1e-12) * (4 * rows - 1)).astype(int)
        for at, (dot, before) in enumerate(zip(down, [down[0], *down[:-1]], strict=True)):
            for each in range(min(dot, before + 1), max(dot, before - 1) + 1):
                bits[each // 4, at // 2] |= _DOTS[at % 2][each % 4]
                owner[each // 4][at // 2] = name
        ends[_free(int(down[-1]) // 4, ends, rows)] = name
    text = Text()
    labels = {0: top, rows // 2: top - (rows // 2 + 0.5) / rows * (top - bottom), rows - 1: bottom}
    for row in range(rows):
        text.append(f"{labels[row]:7.2f} ┤" if row in labels else "        │", style="dim")
        for column in range(columns):
            name = owner[row][column]
            text.append(chr(0x2800 + int(bits[row, column])), style=styles.get(name, ""))
        name = ends.get(row, "")
        text.append(f" {name}\n", style=styles.get(name, ""))
    text.append(f"{'step':>7} └{left:<{columns // 2}g}{right:>{columns - columns // 2}g}", "dim")
    return text


def _free(row: int, taken: Mapping[int, str], rows: int) -> int:
    """Return the free row nearest to the wanted one, so that names do not cover each other."""
    return min((r for r in range(rows) if r not in taken), key=lambda r: abs(r - row))
