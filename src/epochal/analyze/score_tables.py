"""Tables of scores that the methods take: runs by tasks, tasks by methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import LARGEST, Array
from epochal.core.errors import EvidenceError

RUNS_BY_TASKS = "(n_runs, n_tasks)"


def table(
    values: npt.ArrayLike,
    *,
    name: str = "scores",
    axes: str = RUNS_BY_TASKS,
    infinite: bool = False,
    deeper: bool = False,
) -> Array:
    """Return a table of numbers as an array of float64, shape (rows, columns).

    Args:
        values: shape (rows, columns), none of them 0.
        name: what an error calls them.
        axes: the shape in words.
        infinite: whether the method can use infinite values.
        deeper: whether there may be more than two axes.

    Raises:
        EvidenceError: they are no numbers, of another shape, empty, NaN, too large to be squared,
            or infinite where that is not allowed.

    Example:
        >>> table([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    try:
        array = np.asarray(values)
        kind = array.dtype.kind
        array = array.astype(np.float64) if kind != "c" else array
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise EvidenceError(
            f"{name} must be a full table of numbers, shape {axes}: {error}"
        ) from error
    if kind not in "biufO":
        raise EvidenceError(f"{name} must be a full table of numbers; they are {array.dtype}")
    if array.ndim < 2 or (array.ndim > 2 and not deeper) or not array.size:
        raise EvidenceError(
            f"{name} must have the shape {axes}, none of them 0; it is {array.shape}"
        )
    if bad := int(np.isnan(array).sum()):
        message = f"{bad:,} of the {array.size:,} numbers of {name} are NaN"
        raise EvidenceError(f"{message}: leave out whole rows or columns, and say so")
    finite = array if np.isfinite(array).all() else array[np.isfinite(array)]
    if finite.size < array.size and not infinite:
        message = (
            f"{array.size - finite.size:,} of the {array.size:,} numbers of {name} are infinite"
        )
        raise EvidenceError(f"{message}: leave out whole rows or columns, and say so")
    if finite.size and max(-finite.min(), finite.max()) > LARGEST:
        message = f"{name} holds a number beyond {LARGEST:g}, too large to be squared: scale them"
        raise EvidenceError(message)
    return array


def named_columns(
    values: Mapping[str, npt.ArrayLike] | npt.ArrayLike,
    *,
    name: str = "scores",
    axes: str = "(n_tasks, n_methods)",
    infinite: bool = False,
) -> tuple[tuple[str, ...], Array]:
    """Return names of the columns of a table, and the table.

    Args:
        values: name -> shape (rows,), or shape (rows, columns); then the names are "1", "2", ...
        name: what an error calls them.
        axes: the shape in words.
        infinite: whether the method can use infinite values.

    Raises:
        EvidenceError: as `table`, columns of different lengths, or equal names.

    Example:
        >>> names, array = named_columns({"adamw": [1.0, 2.0], "sgd": [3.0, 4.0]})
        >>> names, array.tolist()
        (('adamw', 'sgd'), [[1.0, 3.0], [2.0, 4.0]])
    """
    if not isinstance(values, Mapping):
        array = table(values, name=name, axes=axes, infinite=infinite)
        return tuple(str(number) for number in range(1, array.shape[1] + 1)), array
    names = tuple(str(key) for key in values)
    if len(set(names)) < len(names):
        raise EvidenceError(f"{name} has two names that read the same: {', '.join(names)}")
    columns: list[Any] = [np.asarray(column) for column in values.values()]
    shapes = {column.shape for column in columns}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        found = ", ".join(
            f"{key} {column.shape}" for key, column in zip(names, columns, strict=True)
        )
        message = f"{name} need one list of numbers for each name, all of the same tasks"
        raise EvidenceError(f"{message}; their shapes: {found}")
    stacked = np.stack(columns, axis=1) if columns else np.empty((0, 0))
    return names, table(stacked, name=name, axes=axes, infinite=infinite)
