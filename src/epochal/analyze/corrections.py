"""Corrections of p-values for the number of comparisons made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from epochal.analyze.samples import Array, one_of, sample
from epochal.core.errors import EvidenceError
from epochal.core.optional import require


def bonferroni(p: npt.ArrayLike) -> Array:
    """Return p·m: no false claim among all m, with probability 1 - alpha.

    Args:
        p: shape (m,), each between 0 and 1.

    Returns:
        Corrected values, shape (m,), in the order of p, at most 1.

    Raises:
        EvidenceError: a value is NaN or not between 0 and 1.

    Example:
        >>> bonferroni([0.01, 0.5]).tolist()
        [0.02, 1.0]
    """
    array = _checked(p)
    return np.minimum(array * array.size, 1.0)


def holm(p: npt.ArrayLike) -> Array:
    """Return Holm's corrected values: promises what Bonferroni does and finds more (Holm 1979).

    The i-th smallest becomes max over j ≤ i of (m - j + 1)·p_(j).  For one method against several
    baselines.

    Args:
        p: shape (m,), each between 0 and 1.

    Returns:
        Corrected values, shape (m,), in the order of p, at most 1.

    Raises:
        EvidenceError: a value is NaN or not between 0 and 1.

    Example:
        >>> holm([0.04, 0.01, 0.03]).tolist()
        [0.06, 0.03, 0.06]
    """
    array = _checked(p)
    order = np.argsort(array, kind="stable")
    stepped = np.maximum.accumulate(array[order] * np.arange(array.size, 0, -1))
    corrected = np.empty_like(array)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def benjamini_hochberg(p: npt.ArrayLike) -> Array:
    """Return values that hold the share of false claims among all claims (1995).

    The i-th smallest becomes min over j ≥ i of m/j·p_(j).  For many metrics or tasks.

    Args:
        p: shape (m,), each between 0 and 1; of independent or positively dependent tests.

    Returns:
        Corrected values, shape (m,), in the order of p, at most 1.

    Raises:
        EvidenceError: a value is NaN or not between 0 and 1.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> benjamini_hochberg([0.01, 0.04]).tolist()
        [0.02, 0.04]
    """
    return _false_discovery(p, "bh")


def benjamini_yekutieli(p: npt.ArrayLike) -> Array:
    """Return values as Benjamini and Hochberg's, for any dependence of the tests (2001).

    They are larger by the factor Σ 1/i for i from 1 to m.

    Args:
        p: shape (m,), each between 0 and 1.

    Returns:
        Corrected values, shape (m,), in the order of p, at most 1.

    Raises:
        EvidenceError: a value is NaN or not between 0 and 1.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> benjamini_yekutieli([0.01, 0.04]).tolist()
        [0.03, 0.06]
    """
    return _false_discovery(p, "by")


def correct(p: npt.ArrayLike, method: str = "holm") -> Array:
    """Return p-values corrected by a named method.

    Args:
        p: shape (m,), each between 0 and 1.
        method: "none", "bonferroni", "holm", "benjamini_hochberg" ("bh") or "benjamini_yekutieli"
            ("by").

    Returns:
        Corrected values, shape (m,), in the order of p, at most 1.

    Raises:
        EvidenceError: an unknown method, or a value that is NaN or not between 0 and 1.
        MissingExtraError: SciPy is needed and not installed.

    Example:
        >>> correct([0.01, 0.5], "bonferroni").tolist()
        [0.02, 1.0]
    """
    return METHODS[one_of(method, tuple(METHODS), "correction")](p)


def _checked(p: npt.ArrayLike) -> Array:
    """Return p-values as an array."""
    array = sample(p, least=0, name="p")
    wrong = array[(array < 0) | (array > 1)]
    if wrong.size:
        raise EvidenceError(f"p holds {wrong[0]:g}: p-values lie between 0 and 1")
    return array


def _false_discovery(p: npt.ArrayLike, method: str) -> Array:
    """Return SciPy's corrected values."""
    array = _checked(p)
    if not array.size:
        return array
    stats = require("scipy.stats", extra="paper", why="control of the false discovery rate")
    return np.asarray(stats.false_discovery_control(array, method=method), dtype=np.float64)


METHODS: dict[str, Callable[[npt.ArrayLike], Array]] = {
    "none": _checked,
    "bonferroni": bonferroni,
    "holm": holm,
    "benjamini_hochberg": benjamini_hochberg,
    "bh": benjamini_hochberg,
    "benjamini_yekutieli": benjamini_yekutieli,
    "by": benjamini_yekutieli,
}
