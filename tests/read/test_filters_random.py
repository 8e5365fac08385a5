"""The filter language against references, on random texts, expressions and values."""

from __future__ import annotations

import contextlib
import fnmatch
import math
import operator
import re
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.core.errors import FilterError
from epochal.read.filters import MISSING, FieldPath, Lookup, parse, parse_sort

if TYPE_CHECKING:
    from collections.abc import Callable

Run = dict[FieldPath, object]
Tree = tuple[Any, ...]

PATHS: dict[FieldPath, str] = {
    ("config", "a"): "config.a",
    ("config", "b", "c.d"): 'config.b["c.d"]',
    ("summary", "val/loss", "min"): 'summary["val/loss"].min',
    ("name",): "name",
    ("seed",): "seed",
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, container: operator.contains(container, item),
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}

words = st.text(alphabet="abé/*?'\"\\", max_size=4)
numbers = st.integers(-100, 100) | st.floats(allow_infinity=False, allow_nan=False) | st.booleans()
literals = numbers | words | st.none() | st.lists(numbers | words, max_size=3)
values = literals | st.just(math.nan) | st.just(math.inf) | st.just(MISSING)
runs = st.fixed_dictionaries(dict.fromkeys(PATHS, values))
paths = st.sampled_from(sorted(PATHS)).map(lambda path: ("path", path))


def grow(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Return expressions one level larger; literals stand only where the language has them."""
    constants = literals.map(lambda value: ("literal", value))
    operand = trees | constants
    number = trees | numbers.map(lambda value: ("literal", value))
    compared = st.tuples(
        st.just("compare"), operand, st.sampled_from([*COMPARISONS, "!=", "not in"])
    )
    return (
        st.tuples(compared, operand).map(lambda parts: (*parts[0], parts[1]))
        | st.tuples(st.just("calculate"), number, st.sampled_from([*ARITHMETIC]), number)
        | st.tuples(st.just("join"), trees, st.sampled_from(["and", "or"]), trees)
        | st.tuples(st.just("not"), trees)
    )


def written(tree: Tree) -> str:
    """Return an expression as text."""
    match tree:
        case ("path", path):
            return PATHS[path]
        case ("literal", value):
            return repr(value)
        case ("not", operand):
            return f"(not {written(operand)})"
        case (_, left, sign, right):
            return f"({written(left)} {sign} {written(right)})"
    raise AssertionError(tree)


def reference(tree: Tree, run: Run) -> Any:  # noqa: PLR0911 - one for each construct
    """Evaluate an expression with Python's operators and the documented rules for the rest."""
    match tree:
        case ("path", path):
            return run[path]
        case ("literal", value):
            return value
        case ("not", operand):
            return not reference(operand, run)
        case ("join", left, "and", right):
            return reference(left, run) and reference(right, run)
        case ("join", left, "or", right):
            return reference(left, run) or reference(right, run)
        case ("calculate", left, sign, right):
            return calculated(ARITHMETIC[sign], reference(left, run), reference(right, run))
        case ("compare", left, "!=", right):
            return not reference(("compare", left, "==", right), run)
        case ("compare", left, "not in", right):
            return not reference(("compare", left, "in", right), run)
        case ("compare", left, sign, right):
            return compared(sign, reference(left, run), reference(right, run))
    raise AssertionError(tree)


def calculated(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Calculate with numbers; everything without a result is missing."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        try:
            return operation(left, right)
        except ZeroDivisionError:
            return MISSING
    return MISSING


def compared(sign: str, left: Any, right: Any) -> bool:
    """Compare as Python does; what is missing or makes Python raise is false."""
    if left is MISSING or right is MISSING:
        return False
    if sign in "<=>=" and sign != "==" and isinstance(left, list):
        return False  # lists have no order in a filter
    if sign == "in" and isinstance(right, list):
        return any(left == item for item in right)  # Python would find NaN by identity
    if sign == "==" and isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(a == b for a, b in zip(left, right, strict=True))
    try:
        return bool(COMPARISONS[sign](left, right))
    except TypeError:
        return False


def lookup_in(run: Run) -> Lookup:
    """Return the lookup of a run that is a plain dict from paths to values."""
    return lambda path: run.get(path, MISSING)


@settings(deadline=None, max_examples=500)
@given(st.recursive(paths, grow, max_leaves=8), runs)
def test_expressions_evaluate_as_python_does(tree: Tree, run: Run) -> None:
    """Any expression on any mixture of values has the result of the reference evaluator."""
    parsed = parse(written(tree))
    assert parsed.matches(lookup_in(run)) is bool(reference(tree, run))
    assert parsed.paths <= PATHS.keys()


@settings(deadline=None)
@given(given_values=st.lists(values), descending=st.booleans())
def test_sort_of_any_values(given_values: list[object], *, descending: bool) -> None:
    """Any values sort: numbers in order, then texts in order, and the missing last."""
    rows = list(enumerate(given_values))
    keys = parse_sort("-seed" if descending else "seed")
    ordered = [value for _, value in keys.order(rows, lambda row: lambda _path: row[1])]
    proper = [v for v in given_values if isinstance(v, int | float) and not math.isnan(v)]
    texts = [v for v in given_values if isinstance(v, str)]
    head = sorted(proper, reverse=descending) + sorted(texts, reverse=descending)
    absent = sum(v is MISSING for v in given_values)
    assert ordered[: len(head)] == head
    assert all(v is MISSING for v in ordered[len(ordered) - absent :])
    assert len(ordered) == len(given_values)


@settings(deadline=None)
@given(st.text(alphabet="ab*?é", max_size=8), st.text(alphabet="abé*?\n", max_size=10))
def test_patterns_match_as_fnmatch_does(pattern: str, text: str) -> None:
    """A pattern of ``*`` and ``?`` fits the texts that the standard library says it fits."""
    parsed = parse(f"matches(name, {pattern!r})")
    expected = fnmatch.fnmatchcase(text, pattern)
    assert parsed.matches(lambda _path: text) is expected


def test_pattern_that_makes_others_backtrack() -> None:
    """A pattern of many stars on a long text that nearly fits has an answer."""
    parsed = parse(f"matches(notes, {'*a' * 500 + 'b'!r})")
    assert not parsed.matches(lambda _path: "a" * 20_000)
    assert parsed.matches(lambda _path: "a" * 20_000 + "b")


TOKENS = re.findall(
    r"\S+",
    r"""
config summary tags name . .lr [ ] ( ) " ' \ , : := = == != < <= > in not and or is if else for
lambda await * ** + - / // % & | ~ @ ; # { } 1 1e9 0x1 1_0 None True ["a"] "a" f" exists( len(
matches( contains( config.lr steps
""",
)


@settings(deadline=None)
@given(st.text() | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Zs", "Po"])), runs)
def test_random_text_raises_only_filter_errors(text: str, run: Run) -> None:
    """No text raises anything but a filter error, and what is accepted evaluates."""
    evaluate_if_valid(text, run)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(TOKENS), max_size=12), st.sampled_from(["", " ", "\n"]), runs)
def test_random_tokens_raise_only_filter_errors(tokens: list[str], between: str, run: Run) -> None:
    """Nor does any sequence of tokens, which comes closer to the language."""
    evaluate_if_valid(between.join(tokens), run)


def evaluate_if_valid(text: str, run: Run) -> None:
    """Parse as a filter and as sort keys; what is accepted must evaluate without an error."""
    with contextlib.suppress(FilterError):
        parse(text).matches(lookup_in(run))
    with contextlib.suppress(FilterError):
        parse_sort(text).order([run, {}], lookup_in)
