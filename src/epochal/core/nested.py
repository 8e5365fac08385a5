"""Nested mappings as configs are: flattened for tools that only know names and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten(values: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Return the leaves of a nested mapping under joined keys; lists are leaves.

    Example:
        >>> flatten({"lr": 0.1, "model": {"depth": 2, "sizes": [1, 2]}})
        {'lr': 0.1, 'model.depth': 2, 'model.sizes': [1, 2]}
    """
    return dict(_leaves(values, "", separator))


def _leaves(values: Mapping[str, Any], prefix: str, separator: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{separator}{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, name, separator)
        else:
            yield name, value


def merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    """Merge deep, in place: mappings merge, anything else replaces what was there.

    Example:
        >>> config = {"model": {"depth": 2, "width": 8}}
        >>> merge(config, {"model": {"depth": 3}, "lr": 0.1})
        >>> config
        {'model': {'depth': 3, 'width': 8}, 'lr': 0.1}
    """
    for key, value in update.items():
        present = into.get(key)
        if isinstance(value, Mapping):
            target = into[key] = present if isinstance(present, dict) else {}
            merge(target, value)
        else:
            into[key] = list(value) if isinstance(value, list) else value
