"""What the operators of the filter language mean for values that are missing or of mixed types.

Values are plain data: ``None``, booleans, numbers, texts, lists, tuples, sets and mappings of
them, or `MISSING`.  No function here raises for any of them, and each takes time that grows
linearly with the size of its operands.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

Test = Callable[[object, object], bool]

_NUMBERS = (int, float)  # bool is an int, as in Python
_LISTS = (list, tuple)
_COLLECTIONS = (list, tuple, set, frozenset)
_INTEGER_LIMIT = 2**64


class Missing(enum.Enum):
    """The type of `MISSING`; it has no other value."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        """A missing value is false, so ``not config.lr`` holds for a run without it."""
        return False

    def __repr__(self) -> str:
        """Return the name under which it is imported."""
        return "MISSING"


MISSING: Final = Missing.MISSING
"""What a lookup returns for a path that a run does not have.  Unlike ``None`` it is no value."""


def equal(left: object, right: object) -> bool:
    """Return whether two values are equal; a missing value equals nothing, not even another.

    Lists and tuples are compared item by item and count as the same type.  Numbers never equal
    texts, and NaN equals nothing.

    Example:
        >>> equal([0.9, 0.99], (0.9, 0.99)), equal("1", 1), equal(MISSING, MISSING)
        (True, False, False)
    """
    if left is MISSING or right is MISSING:
        return False
    try:
        if isinstance(left, _LISTS) and isinstance(right, _LISTS):
            return len(left) == len(right) and all(map(equal, left, right))
        return bool(left == right)
    except RecursionError:  # stored data may be nested as deeply as its parser allowed
        return False


def negated(test: Test) -> Test:
    """Return the opposite of a test: ``!=`` is true wherever ``==`` is false."""
    return lambda left, right: not test(left, right)


def ordering(compare: Callable[[Any, Any], bool]) -> Test:
    """Return ``compare`` for two numbers or two texts, and false for everything else.

    Example:
        >>> less = ordering(operator.lt)
        >>> less(1, 2.5), less("a", "b"), less(1, "b"), less(MISSING, 1)
        (True, True, False, False)
    """

    def test(left: object, right: object) -> bool:
        if isinstance(left, _NUMBERS):
            return isinstance(right, _NUMBERS) and compare(left, right)
        return isinstance(left, str) and isinstance(right, str) and compare(left, right)

    return test


def is_in(item: object, container: object) -> bool:
    """Return whether an item is in a list or set, a text in a text, or a key in a mapping.

    Example:
        >>> is_in(2, [1, 2]), is_in("b", "abc"), is_in("x", None), is_in(MISSING, [1])
        (True, True, False, False)
    """
    if isinstance(item, str):
        # The fast way, for texts only: other items may not be hashable, or be NaN, which Python
        # finds in a list by identity.
        return isinstance(container, (str, Mapping, *_COLLECTIONS)) and item in container
    return isinstance(container, _COLLECTIONS) and any(equal(item, each) for each in container)


def has_tag(tag: object, tags: object) -> bool:
    """Return whether the tag, or one below it in the hierarchy that ``/`` makes, is among tags.

    Example:
        >>> has_tag("ablation", ["ablation/lr"]), has_tag("lr", ["ablation/lr"])
        (True, False)
    """
    if not isinstance(tag, str) or not isinstance(tags, _COLLECTIONS):
        return False
    below = tag + "/"
    return any(isinstance(t, str) and (t == tag or t.startswith(below)) for t in tags)


def arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[object, object], object]:
    """Return an operation on two numbers that gives `MISSING` where it has no result.

    That is so for operands that are not numbers, a division by zero, and an overflow.  An integer
    result of more than 64 bits becomes a float, so numbers cannot grow without bound.

    Example:
        >>> divide = arithmetic(operator.truediv)
        >>> divide(1, 4), divide(1, 0), divide("a", 2)
        (0.25, MISSING, MISSING)
    """

    def calculate(left: object, right: object) -> object:
        if not (isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)):
            return MISSING
        try:
            result = operation(left, right)
            if isinstance(result, int) and not -_INTEGER_LIMIT < result < _INTEGER_LIMIT:
                return float(result)
        except ArithmeticError:
            return MISSING
        return result

    return calculate


def signed(operation: Callable[[Any], Any]) -> Callable[[object], object]:
    """Return a sign (``operator.neg`` or ``operator.pos``) that leaves non-numbers `MISSING`."""
    return lambda value: operation(value) if isinstance(value, _NUMBERS) else MISSING


def lower(value: object) -> object:
    """Return a text in lower case, `MISSING` for anything else."""
    return value.lower() if isinstance(value, str) else MISSING


def length(value: object) -> object:
    """Return the length of a text, list, set or mapping, `MISSING` for anything else."""
    return len(value) if isinstance(value, (str, Mapping, *_COLLECTIONS)) else MISSING


def starts_with(value: object, prefix: object) -> bool:
    """Return whether a text begins with another; false if either is not a text."""
    return isinstance(value, str) and isinstance(prefix, str) and value.startswith(prefix)


def ends_with(value: object, suffix: object) -> bool:
    """Return whether a text ends with another; false if either is not a text."""
    return isinstance(value, str) and isinstance(suffix, str) and value.endswith(suffix)


def glob(pattern: str) -> Callable[[object], bool]:
    """Return a test whether a whole text fits a pattern.

    ``*`` is any text, ``?`` any character, and every other character stands for itself, case
    included.  The states of the pattern's automaton are the bits of one integer, so there is no
    backtracking: whatever the pattern, the time is that of one pass over the text.

    Example:
        >>> glob("lr-*-?")("lr-0.1-a"), glob("lr*")("LR"), glob("*")(None)
        (True, False, False)
    """
    # Bit i stands for the state in which the pattern's first i characters (stars not counted)
    # have been matched.
    loops = any_character = position = 0
    masks: dict[str, int] = {}
    for character in pattern:
        if character == "*":
            loops |= 1 << position
            continue
        if character == "?":
            any_character |= 1 << position
        else:
            masks[character] = masks.get(character, 0) | 1 << position
        position += 1
    accepted = 1 << position

    def test(value: object) -> bool:
        if not isinstance(value, str):
            return False
        states = 1
        for character in value:
            states = (states & (masks.get(character, 0) | any_character)) << 1 | (states & loops)
            if not states:
                return False
        return bool(states & accepted)

    return test


COMPARISONS: Final[Mapping[str, Test]] = {
    "Eq": equal,
    "NotEq": negated(equal),
    "Lt": ordering(operator.lt),
    "LtE": ordering(operator.le),
    "Gt": ordering(operator.gt),
    "GtE": ordering(operator.ge),
    "In": is_in,
    "NotIn": negated(is_in),
}
"""Comparison by the name of its node in Python's syntax tree."""

ARITHMETIC: Final[Mapping[str, Callable[[object, object], object]]] = {
    "Add": arithmetic(operator.add),
    "Sub": arithmetic(operator.sub),
    "Mult": arithmetic(operator.mul),
    "Div": arithmetic(operator.truediv),
}
"""Arithmetic by the name of its node in Python's syntax tree."""
