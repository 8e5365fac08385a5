"""What reading of windows keeps in memory: the most recently used, and no more than so much."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from epochal.core.system import LINUX

T = TypeVar("T")


class Cache:
    """Values by key; what was not used for longest goes first.  For many threads.

    Args:
        limit_bytes: what all values may take together.

    Attributes:
        bytes: what they take.

    Example:
        >>> cache = Cache(100)
        >>> cache.put("a", 1, 60), cache.put("b", 2, 60)
        (1, 2)
        >>> cache.get("a"), cache.get("b"), cache.bytes
        (None, 2, 60)
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = self._dropped = 0

    def get(self, key: Hashable) -> Any:
        """Return a value, None if it is not there (anymore)."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: T, size: int) -> T:
        """Keep a value that takes so many bytes, instead of an earlier one; return it."""
        with self._lock:
            self._drop(key)
            if size <= self._limit:
                self._kept[key] = (value, size)
                self.bytes += size
            while self.bytes > self._limit:
                self._drop(next(iter(self._kept)))
            give_back = self._dropped > self._limit // 2
            if give_back:
                self._dropped = 0
        if give_back:
            _give_back()
        return value

    def once(self, key: Hashable, load: Callable[[], T], size: Callable[[T], int]) -> T:
        """Return a value, loading it if it is not there; two threads may both load it."""
        found: T | None = self.get(key)
        if found is None:
            value = load()
            found = self.put(key, value, size(value))
        return found

    def _drop(self, key: Hashable) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.bytes -= found[1]
            self._dropped += found[1]


def _give_back() -> None:
    """Give memory that is free to the system: glibc keeps it, with gaps that nothing fits in."""
    if LINUX:
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such call
            ctypes.CDLL(None).malloc_trim(0)
