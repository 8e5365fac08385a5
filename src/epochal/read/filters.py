"""Filters and sort keys: a small safe language in which runs are selected and ordered.

::

    config.lr < 1e-3 and "ablation/lr" in tags and summary["val/loss"].min < 2
    state == "finished" and not matches(name, "debug-*") and config.model["depth"] in [12, 24]
    -summary["val/loss"].min, name                       (a sort expression)

**Paths** are ``root``, ``root.key`` and ``root["key"]``, nested as needed; a key that is no plain
word (``val/loss``, ``optimizer.lr``, ``lambda``) goes in brackets.  Roots are ``id``, ``name``,
``project``, ``group``, ``state``, ``tags``, ``notes``, ``config``, ``seed``, ``summary``,
``created`` (unix seconds), ``duration_s``, ``git``, ``host`` and ``steps``.  ``summary["loss"]``
without a field is the metric's default summary value.  ``created`` is compared with dates in local
time too: ``created >= "2026-03"``, ``"2026-03-01 14:05" < created``, ``created > 2026``.

**Operators** are those of Python: ``and or not``, ``== != < <= > >=`` (chains too), ``in``,
``not in`` and ``+ - * /`` on numbers; **functions** are ``contains(a, b)`` (the same as
``b in a``), ``startswith``, ``endswith``, ``lower``, ``len``, ``exists(path)`` and
``matches(text, "pattern")``, whose pattern has ``*`` and ``?``.

**What is missing.**  A comparison with a value that a run does not have is false, whereas ``!=``,
``not in`` and ``not`` are the exact opposites of ``==``, ``in`` and the plain operand: for a run
without ``lr``, ``config.lr == 1`` and ``config.lr < 1`` are false and ``config.lr != 1`` is true.
``exists(config.lr)`` tells the cases apart; a recorded ``None`` exists and equals ``None``.
Arithmetic on a missing value, or on anything that is no number, and a division by zero are
missing themselves.  Values of different types are never equal and never ordered, and never an
error; ``True`` and ``False`` are the numbers 1 and 0, as in Python.

**Tags** are hierarchical: ``"ablation" in tags`` holds for a run tagged ``ablation/lr`` too.

An expression has at most 4,000 characters, 1,000 parts, 50 levels and 20 open brackets.  It is
compiled by allow-list and cannot reach any Python object, so it may come from a stranger.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from epochal.read.expressions import Compiler, Evaluate, FieldPath, Lookup
from epochal.read.operators import MISSING
from epochal.read.syntax import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "MISSING",
    "FieldPath",
    "Filter",
    "Lookup",
    "SortKeys",
    "parse",
    "parse_path",
    "parse_sort",
]

Item = TypeVar("Item")

# Sorted in this order in both directions: values by kind, then what is not a proper value.
_NUMBER, _TEXT, _LIST, _OTHER, _NONE, _NAN, _MISSING = range(7)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; make one with `parse`.

    Safe to share between threads.

    Attributes:
        text: The filter as it was written.
        paths: Every path that the filter can read, so that a catalog fetches only these.
    """

    text: str
    paths: frozenset[FieldPath]
    _match: Evaluate = field(repr=False, compare=False)

    def matches(self, lookup: Lookup) -> bool:
        """Return whether a run passes.

        Args:
            lookup: Gives the value at one of `paths` for this run, as plain data (``None``,
                booleans, numbers, texts, and lists, sets or mappings of these), or `MISSING`.
                It should look keys up in data and never as attributes of objects.

        Raises:
            Exception: Only what ``lookup`` raises.

        Example:
            >>> run = {("config", "lr"): 1e-4}
            >>> parse("config.lr < 1e-3").matches(lambda path: run.get(path, MISSING))
            True
        """
        return bool(self._match(lookup))


@dataclass(frozen=True, slots=True)
class SortKeys:
    """A parsed sort expression; make one with `parse_sort`.

    Attributes:
        text: The expression as it was written.
        paths: Every path that it can read.
    """

    text: str
    paths: frozenset[FieldPath]
    _keys: tuple[tuple[Evaluate, bool], ...] = field(repr=False, compare=False)

    def order(self, items: Iterable[Item], lookup: Callable[[Item], Lookup]) -> list[Item]:
        """Return the items sorted by the first key, equal ones by the second, and so on.

        The sort is stable.  In both directions numbers come first, then texts, lists, other
        values, ``None``, NaN, and last what is missing; a minus reverses within each kind.

        Args:
            items: What to sort.
            lookup: Gives for one item the lookup that `Filter.matches` takes.

        Raises:
            Exception: Only what ``lookup`` raises.

        Example:
            >>> runs = [{"steps": 5}, {}, {"steps": 9}]
            >>> def lookup(run):
            ...     return lambda path: run.get(path[0], MISSING)
            >>> parse_sort("-steps").order(runs, lookup)
            [{'steps': 9}, {'steps': 5}, {}]
        """
        rows = [(item, lookup(item)) for item in items]
        for evaluate, descending in reversed(self._keys):  # stable: the last sort is the main one
            kinds: list[list[tuple[Any, tuple[Item, Lookup]]]] = [[] for _ in range(_MISSING + 1)]
            for row in rows:
                kind, key = _sort_key(evaluate(row[1]))
                kinds[kind].append((key, row))
            for members in kinds:
                members.sort(key=lambda member: member[0], reverse=descending)
            rows = [row for members in kinds for _, row in members]
        return [item for item, _ in rows]


def parse(text: str) -> Filter:
    """Parse a filter.

    Args:
        text: An expression in the language that this module describes; it may span lines.

    Raises:
        FilterError: The text is not a valid filter; the message has a caret under the place and
            says what is allowed.  No text raises anything else.

    Example:
        >>> sorted(parse('config.lr < 1e-3 and "ablation/lr" in tags').paths)
        [('config', 'lr'), ('tags',)]
    """
    source = Source(text)
    compiler = Compiler(source)
    match = compiler.condition(source.parse())
    return Filter(text, frozenset(compiler.paths), match)


def parse_sort(text: str) -> SortKeys:
    """Parse sort keys: paths or functions of them, by commas; a leading minus is descending.

    Raises:
        FilterError: The text is not a valid sort expression.

    Example:
        >>> sorted(parse_sort('-summary["val/loss"].min, lower(name)').paths)
        [('name',), ('summary', 'val/loss', 'min')]
    """
    source = Source(text)
    compiler = Compiler(source)
    body = source.parse()
    keys: list[tuple[Evaluate, bool]] = []
    for node in body.elts if isinstance(body, ast.Tuple) else [body]:
        descending = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        key = node.operand if isinstance(node, ast.UnaryOp) and descending else node
        if not isinstance(key, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
            raise source.error(
                'a sort key is a path or a function of one, such as -summary["val/loss"].min', key
            )
        keys.append((compiler.value(key), descending))
    if not keys:
        raise source.error("expected at least one sort key, such as -created", 0)
    return SortKeys(text, frozenset(compiler.paths), tuple(keys))


def parse_path(text: str) -> FieldPath:
    """Parse one path, such as the name of a column in a table of runs.

    Raises:
        FilterError: The text is not a path.

    Example:
        >>> parse_path('summary["val/loss"].min')
        ('summary', 'val/loss', 'min')
    """
    source = Source(text)
    return Compiler(source).path(source.parse())


def _sort_key(value: object) -> tuple[int, Any]:
    if isinstance(value, (list, tuple)):
        return _LIST, [_scalar_key(item) for item in value]
    return _scalar_key(value)


def _scalar_key(value: object) -> tuple[int, Any]:
    """Return the kind of a value and what orders it within; equal where nothing does."""
    if isinstance(value, float) and math.isnan(value):
        return _NAN, 0
    if isinstance(value, (int, float)):
        return _NUMBER, value
    if isinstance(value, str):
        return _TEXT, value
    if value is MISSING:
        return _MISSING, 0
    return (_NONE, 0) if value is None else (_OTHER, 0)
