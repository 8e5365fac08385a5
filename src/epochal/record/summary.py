"""Values about the whole run, set by the user while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from epochal.record.values import element_count, is_array


class Summary(MutableMapping[str, Any]):
    """``run.summary``: a mapping whose changes are recorded.

    Statistics of metrics (last, min, max, …) need no entry here: readers compute them.

    Example:
        >>> changes = []
        >>> summary = Summary(changes.append)
        >>> summary["params"] = 124_000_000
        >>> changes
        [{'params': 124000000}]
    """

    def __init__(self, on_change: Callable[[Mapping[str, Any]], object]) -> None:
        self._values: dict[str, Any] = {}
        self._on_change = on_change

    def __getitem__(self, key: str) -> Any:
        """Return a value that was set."""
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Set and record a value; array scalars become Python numbers."""
        if is_array(value) and element_count(value) == 1:
            value = value.item()
        self._values[key] = value
        self._on_change({key: self._values[key]})

    def __delitem__(self, key: str) -> None:
        """Remove a value; recorded as null."""
        del self._values[key]
        self._on_change({key: None})

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many values were set."""
        return len(self._values)
