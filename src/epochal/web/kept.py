"""Values that cost time to make, kept as long as there is room: the longest unused go first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A bounded store of made values.  Threads may share it; none waits for another key's value.

    Args:
        most_bytes: how much all values may weigh together; what weighs more alone is not kept.

    Example:
        >>> kept = Kept(most_bytes=100)
        >>> kept.get("a", lambda: "made", weigh=len), kept.get("a", lambda: "again", weigh=len)
        ('made', 'made')
    """

    def __init__(self, most_bytes: int) -> None:
        self._most, self._weight = most_bytes, 0
        self._values: dict[Hashable, tuple[T, int]] = {}
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """Return the value of a key, made if it is not there.

        Args:
            key: changes with what the value is made from.
            make: makes it; what it raises is raised, and nothing is kept.
            weigh: says how many bytes it holds, about.
        """
        with self._lock:
            if key in self._values:
                return self._used(key)
            turn = self._making.setdefault(key, threading.Lock())
        with turn:  # two who ask at once do the work once
            with self._lock:
                if key in self._values:
                    return self._used(key)
            try:
                value = make()
                self._keep(key, value, weigh(value))
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self._values)

    def _used(self, key: Hashable) -> T:
        entry = self._values.pop(key)
        self._values[key] = entry  # the latest is the last
        return entry[0]

    def _keep(self, key: Hashable, value: T, weight: int) -> None:
        with self._lock:
            if weight > self._most:
                return
            self._weight += weight - self._values.pop(key, (value, 0))[1]
            self._values[key] = value, weight
            while self._weight > self._most:
                oldest = next(iter(self._values))
                self._weight -= self._values.pop(oldest)[1]
