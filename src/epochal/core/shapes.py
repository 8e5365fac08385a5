"""Shapes: what the fields of stored JSON must be to mean something.

Checksums say that bytes are those that were written; they do not say by whom.  What is read from a
run's folder is compared with a shape where it becomes data of ours, so that nobody behind it has to
expect a step that is a text.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

DEEPEST = 100
"""Containers inside each other that are read; configs are recorded with 64 at most."""

_INT64, _FLOAT = 2**63, 2**1023
_LATEST_S = 1e11
_DIGITS = re.compile(r"-?[0-9]{1,4000}\Z")  # of more Python makes no number
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SEALED_NAME = re.compile(r"[0-9]{4,}-[0-9a-f]{16}-[0-9]{4,}-[a-z0-9-]{1,32}\.parquet\Z")
_SEGMENT_PATH = re.compile(r"journal/[0-9]{4,}-[0-9a-f]{16}-[0-9]{4,}\.seg\Z")


class Check(NamedTuple):
    """What a field must be, in words, and whether a value is that."""

    what: str
    holds: Callable[[Any], bool]


class Shape(NamedTuple):
    """The fields of a JSON object; fields that are not named may be anything.

    Attributes:
        needed: must be there.
        optional: may be absent.
        nullable: may be absent or null.
    """

    needed: Mapping[str, Check] = {}
    optional: Mapping[str, Check] = {}
    nullable: Mapping[str, Check] = {}

    def fault(self, fields: Mapping[str, Any]) -> str:
        """Return what is wrong with an object's fields, "" if nothing.

        Example:
            >>> Shape({"step": STEP}).fault({"step": "3"})
            'step is not a step'
        """
        for name, check in self.needed.items():
            if name not in fields:
                return f"{name} is missing"
            if not check.holds(fields[name]):
                return f"{name} is not {check.what}"
        for name, check in self.optional.items():
            if name in fields and not check.holds(fields[name]):
                return f"{name} is not {check.what}"
        for name, check in self.nullable.items():
            value = fields.get(name)
            if value is not None and not check.holds(value):
                return f"{name} is not {check.what}"
        return ""


def _is_name(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode("utf-8") is not None
    except UnicodeEncodeError:
        return False


def _is_match(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (_is_int(value) and abs(value) < _FLOAT)


def _is_step(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_int(value) and -_INT64 <= value < _INT64


def _is_path(value: Any) -> bool:
    """Say whether the system can be asked for it, whatever it answers."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def _is_inside(value: Any) -> bool:
    return _is_path(value) and os.pardir not in value.split("/")


def _is_tree(value: Any, left: int = DEEPEST) -> bool:
    if isinstance(value, dict):
        return left > 0 and all(_is_tree(inner, left - 1) for inner in value.values())
    if isinstance(value, list):
        return left > 0 and all(_is_tree(inner, left - 1) for inner in value)
    return True


def _has_floats(value: Any) -> bool:
    """Say whether all integers of a tree are within the range of floats."""
    if isinstance(value, dict | list):
        return all(map(_has_floats, value.values() if isinstance(value, dict) else value))
    return not _is_int(value) or _is_number(value)


def _is_seed(value: Any) -> bool:
    if isinstance(value, dict):
        return all(not isinstance(each, dict | list) for each in value.values())
    return _is_int(value)


ANYTHING = Check("anything", lambda _: True)
BOOL = Check("true or false", lambda value: isinstance(value, bool))
TEXT = Check("a text", lambda value: isinstance(value, str))
NAME = Check("a name", _is_name)
"""A text that UTF-8 can encode, as all names of metrics and media can."""
NUMBER = Check("a number", _is_number)
COUNTED = Check("a number", lambda value: isinstance(value, bool) or _is_number(value))
"""A number, or a truth value where Python takes it for one."""
FLOAT = Check("a float", lambda value: isinstance(value, float))
SPREAD = Check("a float of at least 0", lambda v: isinstance(v, float) and not v < 0)
INT = Check("an integer of 64 bits", lambda v: _is_int(v) and -_INT64 <= v < _INT64)
LONG = Check("an integer", lambda v: _is_int(v) and abs(v) < 4 * _INT64)
"""A sum or difference of a few integers of 64 bits."""
COUNT = Check("a count", lambda value: _is_int(value) and 0 <= value < _INT64)
CLOCK_NS = Check("a time in ns", lambda value: _is_int(value) and abs(value) < 2**62)
PROCESS = Check("a process", lambda value: _is_int(value) and 0 <= value < 2**31)
STEP = Check("a step", _is_step)
PLACE = Check("a step or NaN", lambda value: isinstance(value, float) or INT.holds(value))
DIGITS = Check("an integer in digits", lambda v: _is_match(_DIGITS, v))
SCALAR = Check("a plain value", lambda v: isinstance(v, str | bool) or v is None or _is_number(v))
PATH = Check("a path", _is_path)
INSIDE = Check("a path inside the folder", _is_inside)
SEALED_NAME = Check("a sealed file's name", lambda v: _is_match(_SEALED_NAME, v))
SEGMENT_PATH = Check("a journal file's path", lambda v: _is_match(_SEGMENT_PATH, v))
ID = Check("an id", lambda v: _is_match(_ID, v))
INSTANT = Check("an instant", lambda value: _is_number(value) and abs(value) <= _LATEST_S)
SEED = Check("a seed, or seeds by name", _is_seed)
TREE = Check("a tree of values", lambda value: isinstance(value, dict) and _is_tree(value))


def listed(each: Check) -> Check:
    """Return the check of a list of such values."""

    def holds(value: Any) -> bool:
        return isinstance(value, list) and all(map(each.holds, value))

    return Check(f"a list, each {each.what}", holds)


def row(*cells: Check) -> Check:
    """Return the check of a list with these values in this order."""

    def holds(value: Any) -> bool:
        fits = isinstance(value, list) and len(value) == len(cells)
        return fits and all(cell.holds(v) for cell, v in zip(cells, value, strict=True))

    return Check(f"a list of {len(cells)}: {', '.join(cell.what for cell in cells)}", holds)


def maybe(check: Check) -> Check:
    """Return the check of such a value or null."""
    return Check(f"{check.what} or null", lambda value: value is None or check.holds(value))


def one_of(*words: str | int) -> Check:
    """Return the check of one of some words or numbers."""
    what = f"one of {', '.join(map(str, words))}"
    return Check(what, lambda v: isinstance(v, str | int) and v in words)


def shaped(what: str, shape: Shape) -> Check:
    """Return the check of an object with a shape.

    Example:
        >>> shaped("a place", Shape({"step": STEP})).holds({"step": "3"})
        False
    """
    return Check(what, lambda value: isinstance(value, dict) and not shape.fault(value))


def mapping(each: Check) -> Check:
    """Return the check of an object with such values."""

    def holds(value: Any) -> bool:
        return isinstance(value, dict) and all(map(each.holds, value.values()))

    return Check(f"an object, each value {each.what}", holds)


def holding(needed: Mapping[str, Check] | None = None, **nullable: Check) -> Check:
    """Return the check of an object with such fields; others may be absent or null.

    Example:
        >>> holding(width=COUNT).holds({"width": "8"}), holding(width=COUNT).holds({"fps": 4})
        (False, True)
    """
    shape = Shape(needed or {}, {}, nullable)
    return Check(
        "an object with fields as they should be",
        lambda value: TREE.holds(value) and _has_floats(value) and not shape.fault(value),
    )


LAYOUT = shaped(
    "the layout of rows",
    Shape({"id": COUNT, "keys": listed(NAME), "phase": maybe(NAME), "variant": COUNT}),
)
