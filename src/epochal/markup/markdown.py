r"""Text and tables that Markdown shows as they are (CommonMark, and GitHub's dialect)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from epochal.core.names import printable
from epochal.markup.cells import Number
from epochal.markup.rounding import grouped

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$@])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_RULES = {"": "---", "l": "---", "c": ":---:", "r": "---:"}


def literal(value: object) -> str:
    r"""Return text that Markdown shows as it is: no markup, HTML, link or line break.

    Example:
        >>> print(literal("<b>a_b</b>"), literal("x|y"))
        &lt;b&gt;a\_b&lt;/b&gt; x\|y
    """
    text = printable(str(value)).translate(_HTML)
    text = _SPECIAL.sub(r"\\\1", text.replace("\u00a0", " "))
    # Addresses become links by themselves in GitHub's dialect.
    return re.sub(r"(?i)(www)\.", r"\1\\.", text.replace("://", ":\\//"))


def number(cell: Number) -> str:
    """Return a number as Markdown, with its error, mark and emphasis.

    Example:
        >>> number(Number(3.27837, 0.00142, bold=True, mark="†")), number(Number(12345))
        ('**3.2784 ± 0.0014**†', '12,345')
    """
    found = cell.rounded
    text = grouped(found.value)
    if found.error:
        text = f"{text} ± {grouped(found.error)}"
    if found.exponent:
        text = f"({text})" if found.error else text
        text = f"{text} \u00d7 10{str(found.exponent).translate(_RAISED)}"
    text = f"{text} {literal(cell.unit)}" if cell.unit else text
    text = f"<u>{text}</u>" if cell.underline else text
    return (f"**{text}**" if cell.bold else text) + literal(cell.mark)


def table(headings: Iterable[str], rows: Iterable[Iterable[Any]], align: Iterable[str] = ()) -> str:
    r"""Return a Markdown table of literal cells; None is an empty one.

    Args:
        headings: one for each column.
        rows: of any values; of floats five digits are shown.
        align: "l", "c" or "r" for each column; default: as the reader's program does it.

    Example:
        >>> print(table(["a"], [[0.1234567], [None], [float("nan")]]))
        | a |
        |---|
        | 0.12346 |
        |  |
        | NaN |
    """
    head = [*map(literal, headings)]
    lines = [head, *([_cell(cell) for cell in row] for row in rows)]
    made = [f"| {' | '.join(line)} |" for line in lines]
    rules = [_RULES[each] for each in align] or ["---"] * len(head)
    return "\n".join([made[0], f"|{'|'.join(rules)}|", *made[1:]])


def comment(line: str) -> str:
    """Return a comment that no reader sees; whatever the line contains, it stays one.

    Example:
        >>> comment("a --> b")
        '<!-- a -- > b -->'
    """
    text = printable(line)
    while "-->" in text or "--!>" in text:
        text = text.replace("-->", "-- >").replace("--!>", "--! >")
    return f"<!-- {text} -->"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Number):
        return number(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return f"{value:.5g}"
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return literal(value)
