"""What the methods take: values checked, generators, and means that survive large offsets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.core.errors import EvidenceError, did_you_mean

Array = npt.NDArray[np.float64]
Rng = int | np.random.Generator

ALTERNATIVES = ("two-sided", "less", "greater")
GOALS = ("minimize", "maximize")
LARGEST = 1e150
"""Squares of larger numbers overflow."""


def sample(
    values: npt.ArrayLike, *, least: int = 1, name: str = "values", infinite: bool = False
) -> Array:
    """Return values as an array of float64, shape (n,).

    Args:
        values: shape (n,); anything that NumPy takes.
        least: how many the method needs.
        name: what an error calls them.
        infinite: whether the method can use infinite values, such as times to a target that was
            never reached.

    Raises:
        EvidenceError: they are no numbers, not one-dimensional, too few, NaN, too large to be
            squared, or infinite where that is not allowed.

    Example:
        >>> sample([1, 2.5]).tolist()
        [1.0, 2.5]
    """
    try:
        array = np.asarray(values)
        kind = array.dtype.kind
        array = array.astype(np.float64) if kind != "c" else array
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise EvidenceError(f"{name} must be real numbers: {error}") from error
    if kind not in "biufO":
        raise EvidenceError(f"{name} must be real numbers; they are {array.dtype}")
    if array.ndim != 1:
        shape = array.shape
        raise EvidenceError(f"{name} must be a list of numbers, shape (n,); its shape is {shape}")
    if array.size < least:
        message = (
            f"{name} has {array.size:,} numbers, at least {least:,} are needed: run more seeds"
        )
        raise EvidenceError(message)
    if bad := int(np.isnan(array).sum()):
        message = (
            f"{bad:,} of the {array.size:,} numbers of {name} are NaN: leave them out, and say so"
        )
        raise EvidenceError(message)
    finite = array[np.isfinite(array)]
    if finite.size < array.size and not infinite:
        message = (
            f"{array.size - finite.size:,} of the {array.size:,} numbers of {name} are infinite:"
            " use a method of ranks, such as mann_whitney, or leave them out and say so"
        )
        raise EvidenceError(message)
    if finite.size and np.abs(finite).max() > LARGEST:
        message = f"{name} holds a number beyond {LARGEST:g}, too large to be squared: scale them"
        raise EvidenceError(message)
    return array


def differences(x: npt.ArrayLike, y: npt.ArrayLike, *, least: int = 1) -> Array:
    """Return x - y of pairs, shape (n,), where rounding does not tell equal differences apart.

    0.3 - 0.2 and 0.2 - 0.1 are different floats.  Differences whose sizes are within four units in
    the last place of their values count as equal, and such small ones as zero.

    Args:
        x: shape (n,).
        y: shape (n,), in the same order.
        least: how many pairs the method needs.

    Raises:
        EvidenceError: as `sample`, or as many x as y are not there.

    Example:
        >>> len(set(differences([0.3, 0.2, 0.1], [0.2, 0.1, 0.0]).tolist()))
        1
    """
    first = sample(x, least=least, name="x")
    second = sample(y, least=least, name="y")
    if first.size != second.size:
        message = f"x has {first.size:,} values and y {second.size:,}: pairs need as many of each"
        raise EvidenceError(message)
    difference = first - second
    near = 4 * np.spacing(np.maximum(np.abs(first), np.abs(second)))
    size = np.abs(difference)
    size[size <= near] = 0.0
    order = np.argsort(size, kind="stable")
    ranked, room = size[order], near[order]
    apart = np.diff(ranked) > np.maximum(room[1:], room[:-1])
    begins = np.concatenate([[True], apart | (ranked[:-1] == 0)])
    same = np.empty_like(size)
    same[order] = ranked[begins][np.cumsum(begins) - 1]
    return np.copysign(same, difference) + 0.0  # -0.0 becomes 0.0


def mean(values: Array) -> float:
    """Return the mean; exact for equal values, and for small differences on a large offset.

    Example:
        >>> mean(np.array([0.1, 0.1, 0.1]))
        0.1
    """
    first = float(values[0])
    return first + math.fsum((values - first).tolist()) / values.size


def deviation(values: Array) -> float:
    """Return the standard deviation with n - 1; exactly zero for equal values, NaN for one.

    Example:
        >>> deviation(np.array([0.1, 0.1, 0.1])), deviation(np.array([1.0, 3.0])) == 2**0.5
        (0.0, True)
    """
    if values.size < 2:
        return math.nan
    centered = values - values[0]
    scale = float(np.abs(centered).max())  # without it, squares of tiny differences are zero
    if scale == 0:
        return 0.0
    return scale * float(np.std(centered / scale, ddof=1))


def generator(rng: Rng) -> np.random.Generator:
    """Return a generator: the same one, or a new one from a seed.

    Raises:
        EvidenceError: it is neither a whole number from 0 on nor a generator.

    Example:
        >>> generator(0).random() == generator(0).random()
        True
    """
    if isinstance(rng, np.random.Generator):
        return rng
    given: Any = rng
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 0:
        message = (
            f"rng={rng!r} must be a whole number from 0 on or a numpy.random.Generator,"
            " so that the result can be repeated"
        )
        raise EvidenceError(message)
    return np.random.default_rng(int(given))


def one_of(value: str, known: Sequence[str], name: str) -> str:
    """Return a word if it is one of those known.

    Raises:
        EvidenceError: it is not; the message names the nearest.

    Example:
        >>> one_of("less", ALTERNATIVES, "alternative")
        'less'
    """
    if value not in known:
        hint = did_you_mean(str(value), known)
        raise EvidenceError(f"{name}={value!r} is none of {', '.join(map(repr, known))}{hint}")
    return value


def share(value: float, name: str) -> float:
    """Return a number between 0 and 1, both excluded, such as a level.

    Raises:
        EvidenceError: it is outside.

    Example:
        >>> share(0.95, "level")
        0.95
    """
    if not _number(value) or not 0 < value < 1:
        raise EvidenceError(f"{name}={value!r} must lie between 0 and 1, such as 0.95")
    return float(value)


def alpha_of(level: float) -> float:
    """Return 1 - level as it is on paper: 1 - 0.95 is a float above 0.05, so that 0.05 is below it.

    Example:
        >>> alpha_of(0.95), alpha_of(0.9)
        (0.05, 0.1)
    """
    return round(1 - level, 12)


def positive(value: float, name: str) -> float:
    """Return a finite number above zero.

    Raises:
        EvidenceError: it is not.

    Example:
        >>> positive(2, "sigma")
        2.0
    """
    if not _number(value) or not 0 < value < math.inf:
        raise EvidenceError(f"{name}={value!r} must be a finite number above 0")
    return float(value)


def whole(value: int, name: str, *, least: int = 1) -> int:
    """Return a whole number from `least` on.

    Raises:
        EvidenceError: it is not.

    Example:
        >>> whole(3, "n")
        3
    """
    given: Any = value
    right = isinstance(given, int | np.integer) and not isinstance(given, bool)
    if not right or given < least:
        raise EvidenceError(f"{name}={value!r} must be a whole number from {least:,} on")
    return int(given)


def _number(value: Any) -> bool:
    """Return whether a value is a real number."""
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool)
