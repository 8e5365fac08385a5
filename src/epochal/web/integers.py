"""Integers that a browser would round: they are sent as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST = 2**53 - 1
"""Beyond this JavaScript reads several integers as the same number: seeds may be so large."""


def exact(value: Any) -> Any:
    """Return JSON-able data with text in place of integers that a browser would round.

    Example:
        >>> exact({"seed": 2**63, "lr": 0.1, "sizes": [1, 2**60]})
        {'seed': '9223372036854775808', 'lr': 0.1, 'sizes': [1, '1152921504606846976']}
    """
    if isinstance(value, int):
        return value if isinstance(value, bool) or abs(value) <= LARGEST else str(value)
    if isinstance(value, Mapping):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(inner) for inner in value]
    return value
