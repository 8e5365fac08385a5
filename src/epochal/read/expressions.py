"""Compile the syntax tree of a filter or sort key into closures.

The closures are made of the functions of `epochal.read.operators`.  The only other thing that a
compiled expression can do is to call the lookup that it is given, with paths made of texts.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from epochal.core.errors import FilterError, did_you_mean
from epochal.read import operators
from epochal.read.operators import MISSING
from epochal.read.syntax import ARGUMENTS, Source

FieldPath: TypeAlias = tuple[str, ...]
"""A field of a run: a root, then keys, such as ``("summary", "val/loss", "min")``."""

Lookup: TypeAlias = Callable[[FieldPath], object]
"""Gives the value at a path of one run, or `MISSING`."""

Evaluate: TypeAlias = Callable[[Lookup], object]
"""A compiled expression."""

_PLAIN_ROOTS = frozenset(
    {"id", "name", "project", "group", "state", "tags", "notes", "created", "duration_s", "steps"}
)
_KEYED_ROOTS = frozenset({"config", "summary"})
_EITHER_ROOTS = frozenset({"seed", "git", "host"})  # one value, or several by key
ROOTS = _PLAIN_ROOTS | _KEYED_ROOTS | _EITHER_ROOTS
"""The names with which a path can begin."""

_UNARY = {"lower": operators.lower, "len": operators.length}
_BINARY = {"startswith": operators.starts_with, "endswith": operators.ends_with}
_SIGNS = {"USub": operators.signed(operator.neg), "UAdd": operators.signed(operator.pos)}
_LITERAL_LISTS = (ast.List, ast.Tuple, ast.Set)
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([ T]\d\d:\d\d(:\d\d)?)?)?)?", re.ASCII)


class Compiler:
    """Turns checked syntax trees of one source into closures and collects the paths they read.

    Raises:
        FilterError: From every method, for a name, key, literal or call that is not allowed.
    """

    def __init__(self, source: Source) -> None:
        self._error = source.error
        self.paths: set[FieldPath] = set()
        self._compile_by_type: dict[type[ast.expr], Callable[[Any], Evaluate]] = {
            ast.Name: self._read,
            ast.Attribute: self._read,
            ast.Subscript: self._read,
            ast.Compare: self._compare,
            ast.BoolOp: self._join,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._calculate,
            ast.Call: self._call,
        }

    def condition(self, node: ast.expr) -> Evaluate:
        """Compile an expression that stands where a truth value is meant."""
        match node:
            case ast.BoolOp():
                return _all_or_any(node.op, [self.condition(part) for part in node.values])
            case ast.UnaryOp(op=ast.Not()):
                return _not(self.condition(node.operand))
            case ast.Constant(value=str()) | ast.List() | ast.Tuple() | ast.Set():
                raise self._error(
                    "a text or list on its own is no condition (join conditions with and, or); "
                    'write "x" in tags, contains(name, "x") or state == "failed"',
                    node,
                )
            case _:
                return self.value(node)

    def value(self, node: ast.expr) -> Evaluate:
        """Compile an expression that stands where a value is meant."""
        return self._compile_by_type.get(type(node), self._constant)(node)

    def path(self, node: ast.expr) -> FieldPath:
        """Return the path that ``name``, ``name.attr`` and ``name["key"]`` make."""
        keys: list[str] = []
        inner = node
        while not isinstance(inner, ast.Name):
            match inner:
                case ast.Attribute(attr=key) if not key.startswith("__"):
                    keys.append(key)
                case ast.Subscript(slice=ast.Constant(value=str(key))):
                    keys.append(key)
                case ast.Attribute(attr=key):
                    raise self._error(
                        f'write a key like {key[:40]} in brackets: ["{key[:40]}"]', node
                    )
                case ast.Subscript():
                    raise self._error(
                        'a key in brackets is a text in quotes: config["optimizer.lr"]', node
                    )
                case _:
                    raise self._error(f"expected a path that begins with {_list_of(ROOTS)}", inner)
            inner = inner.value
        root = inner.id
        if root not in ROOTS:
            raise self._unknown(root, inner)
        if keys and root in _PLAIN_ROOTS:
            raise self._error(f"{root!r} is a single value without keys", node)
        if not keys and root in _KEYED_ROOTS:
            raise self._error(f'{root!r} needs a key: {root}.loss or {root}["val/loss"]', node)
        path = (root, *reversed(keys))
        self.paths.add(path)
        return path

    def _read(self, node: ast.expr) -> Evaluate:
        path = self.path(node)
        return lambda lookup: lookup(path)

    def _constant(self, node: ast.expr) -> Evaluate:
        constant = self._literal(node)
        return lambda _lookup: constant

    def _join(self, node: ast.BoolOp) -> Evaluate:
        return _all_or_any(node.op, [self.value(part) for part in node.values])

    def _unary(self, node: ast.UnaryOp) -> Evaluate:
        if isinstance(node.op, ast.Not):
            return self.condition(node)
        return _apply(_SIGNS[type(node.op).__name__], self._number(node.operand))

    def _calculate(self, node: ast.BinOp) -> Evaluate:
        calculate = operators.ARITHMETIC[type(node.op).__name__]
        return _apply(calculate, self._number(node.left), self._number(node.right))

    def _unknown(self, name: str, node: ast.expr) -> FilterError:
        if name in ARGUMENTS:
            return self._error(f"{name} is a function; write {name}(...)", node)
        near = did_you_mean(name, [*ROOTS, "True", "False", "None"])
        return self._error(
            f"unknown name {name[:40]!r}{near}; a path begins with {_list_of(ROOTS)}, "
            "and a text needs quotes",
            node,
        )

    def _literal(self, node: ast.expr) -> object:
        match node:
            case ast.Constant(value=None | bool() | str() as constant):
                return constant
            case ast.Constant(value=int() as number):
                if number >= 2**64:
                    raise self._error("an integer has at most 64 bits", node)
                return number
            case ast.Constant(value=float() as number):
                if math.isinf(number):
                    raise self._error("a number is at most 1.797e308", node)
                return number
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
                return -self._literal(node.operand)  # type: ignore[operator]
            case ast.List() | ast.Tuple() | ast.Set():
                return tuple(self._literal(item) for item in node.elts)
            case _:
                raise self._error(
                    "expected a literal: a number, a text in quotes, True, False, None, "
                    "or a list of these; join conditions with and, or",
                    node,
                )

    def _number(self, node: ast.expr) -> Evaluate:
        literal = isinstance(node, ast.Constant) and not isinstance(node.value, (int, float))
        if literal or isinstance(node, _LITERAL_LISTS):
            raise self._error("+ - * / take numbers only", node)
        return self.value(node)

    def _compare(self, node: ast.Compare) -> Evaluate:
        sides = [node.left, *node.comparators]
        beside_created = any(isinstance(side, ast.Name) and side.id == "created" for side in sides)
        operand_of = self._moment if beside_created else self.value
        first = operand_of(node.left)
        rest = [
            (self._comparison(type(sign).__name__, right), operand_of(right))
            for sign, right in zip(node.ops, node.comparators, strict=True)
        ]
        if len(rest) == 1:
            return _apply(rest[0][0], first, rest[0][1])

        def chain(lookup: Lookup) -> bool:
            left = first(lookup)
            for test, operand in rest:
                right = operand(lookup)
                if not test(left, right):
                    return False
                left = right
            return True

        return chain

    def _moment(self, node: ast.expr) -> Evaluate:
        """Compile what `created` is compared with: a date counts as its unix seconds."""
        match node:
            case ast.Constant(value=str() as text):
                pass
            case ast.Constant(value=int() as year) if 1000 <= year <= 9999:
                text = str(year)  # nobody means the first hours of 1970
            case _:
                return self.value(node)
        moment_s = _unix_seconds(text)
        if moment_s is None:
            raise self._error(
                'created is compared with a date such as "2026-03-01", "2026-03" or '
                '"2026-03-01 14:05", in local time, or with unix seconds',
                node,
            )
        return lambda _lookup: moment_s

    def _comparison(self, kind: str, right: ast.expr) -> operators.Test:
        if isinstance(right, ast.Name) and right.id == "tags":
            if kind == "In":
                return operators.has_tag
            if kind == "NotIn":
                return operators.negated(operators.has_tag)
        return operators.COMPARISONS[kind]

    def _call(self, node: ast.Call) -> Evaluate:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in ARGUMENTS:
            near = did_you_mean(name, ARGUMENTS)
            raise self._error(f"the only functions are {_list_of(ARGUMENTS)}{near}", node)
        if len(node.args) != ARGUMENTS[name]:
            raise self._error(
                f"{name} takes {ARGUMENTS[name]} argument(s), got {len(node.args)}", node
            )
        if name == "exists":
            path = self.path(node.args[0])
            return lambda lookup: lookup(path) is not MISSING
        first = self.value(node.args[0])
        if name in _UNARY:
            return _apply(_UNARY[name], first)
        if name == "matches":
            return _apply(operators.glob(self._pattern(node.args[1])), first)
        second = self.value(node.args[1])
        if name == "contains":
            return _apply(self._comparison("In", node.args[0]), second, first)
        return _apply(_BINARY[name], first, second)

    def _pattern(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            raise self._error(
                'the pattern of matches is a text in quotes: matches(name, "lr-*")', node
            )
        if "[" in node.value:
            raise self._error(
                "a pattern has no sets of characters; write ? for any one, * for any", node
            )
        return node.value


def _unix_seconds(date: str) -> float | None:
    """Return when a date in local time begins; None for what is no date."""
    if not _DATE.fullmatch(date):
        return None
    missing = {4: "-01-01", 7: "-01"}.get(len(date), "")
    try:
        return datetime.fromisoformat(date + missing).timestamp()
    except (ValueError, OverflowError, OSError):  # the last two: a year that no clock has
        return None


def _apply(function: Callable[..., object], first: Evaluate, *rest: Evaluate) -> Evaluate:
    if rest:
        (second,) = rest
        return lambda lookup: function(first(lookup), second(lookup))
    return lambda lookup: function(first(lookup))


def _not(operand: Evaluate) -> Evaluate:
    return lambda lookup: not operand(lookup)


def _all_or_any(sign: ast.boolop, parts: Sequence[Evaluate]) -> Evaluate:
    """As in Python, the result is the operand that decides, so ``(config.a or 0)`` has a use."""
    stop_at = isinstance(sign, ast.Or)

    def evaluate(lookup: Lookup) -> object:
        value: object = MISSING
        for part in parts:
            value = part(lookup)
            if bool(value) is stop_at:
                break
        return value

    return evaluate


def _list_of(names: Sequence[str] | frozenset[str] | dict[str, int]) -> str:
    return ", ".join(sorted(names))
