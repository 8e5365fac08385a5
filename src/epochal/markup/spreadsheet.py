"""Tables as CSV (RFC 4180) in which no cell is a formula to a spreadsheet program."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from epochal.markup.cells import Number

# The last four are = + - @ as East Asian keyboards have them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def csv_text(headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    r"""Return a table as CSV.

    A text that a spreadsheet would take for a formula (it begins with ``= + - @``, a tab or a
    carriage return) gets an apostrophe in front, unless it is a number.

    Args:
        headings: one for each column.
        rows: of texts and numbers; numbers are written exactly, None as an empty cell.

    Example:
        >>> print(csv_text(["name", "loss"], [["=1+1", 0.1], ["-3e-4", None]]), end="")
        name,loss
        '=1+1,0.1
        -3e-4,
    """
    lines = [map(_literal, headings), *(map(_cell, row) for row in rows)]
    return "".join(f"{_line(list(line))}\n" for line in lines)


def comment(facts: str) -> str:
    r"""Return a line of JSON as a comment of a CSV, which for a spreadsheet is a line of cells.

    Separators inside of its strings are escaped: no cell begins with what a string contains.

    Example:
        >>> print(comment('{"name": "a,=1+1", "n": 3}'), end="")
        # {"name": "a\u002c=1+1", "n": 3}
    """
    safe = _STRING.sub(lambda m: m[0].replace(",", r"\u002c").replace(";", r"\u003b"), facts)
    return f"# {' '.join(safe.split())}\n"


def _line(cells: list[str]) -> str:
    # One empty cell alone would be an empty line, which readers skip.
    return ",".join(map(_quoted, cells)) if cells != [""] else '""'


def _quoted(text: str) -> str:
    # Python's own writer leaves a carriage return unquoted where lines end with a line feed.
    if any(character in text for character in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _cell(cell: Any) -> str:
    if isinstance(cell, Number):
        cell = cell.value
    if cell is None:
        return ""
    if isinstance(cell, Integral):
        return str(int(cell))
    if isinstance(cell, float):
        if math.isfinite(cell):
            return repr(float(cell))
        return "NaN" if math.isnan(cell) else "Inf" if cell > 0 else "-Inf"
    return _literal(cell)


def _literal(value: object) -> str:
    # A CSV is UTF-8: what cannot be written so is shown as an escape.
    text = str(value).encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "")
    if text.lstrip(" \n").startswith(_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and text == text.strip() and "_" not in text
