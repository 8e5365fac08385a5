"""Points in MLflow: whole steps, times in milliseconds, and requests of a size that it takes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

MAX_STEP = (1 << 63) - 1
LARGEST = 1.7976931348623157e308
MAX_REQUEST_BYTES = 900_000
"""A request of 1,000,000 bytes is refused; field names and brackets are not counted here."""

POINT_BYTES = 120
"""Of a point in a request, without its name."""

Item = TypeVar("Item")


class Point(NamedTuple):
    """One value of a metric as MLflow keeps it."""

    key: str
    value: float
    timestamp_ms: int
    step: int


class Session:
    """Gives the points of one session their times.

    MLflow's stores keep one of several points that are equal in metric, time, step and value: that
    is what makes sending them again harmless.  So that no two points of a run are equal, and a
    history that is read back has the order in which it was logged, a point that would not come
    after the one before it in (time, step, value) is moved on by a millisecond.  That depends on
    nothing but the records before it.

    Example:
        >>> session = Session()
        >>> [session.time_ms("loss", 0.5, 3, 1.0) for _ in range(3)]
        [500, 501, 502]
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._now_ms = int(state["now_ms"]) if state else 0
        self._last = {key: tuple(point) for key, point in state["last"].items()} if state else {}

    def time_ms(self, key: str, time_s: float, step: int, value: float) -> int:
        """Return the time of the next point."""
        self._now_ms = max(self._now_ms, round(time_s * 1000))
        stored = 0.0 if math.isnan(value) else min(max(value, -LARGEST), LARGEST)
        last = self._last.get(key)
        if last is not None and (self._now_ms, step, stored) <= last:
            self._now_ms = last[0] + 1
        self._last[key] = (self._now_ms, step, stored)
        return self._now_ms

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on: the clock, and the points that can still be met."""
        last = {key: point for key, point in self._last.items() if point[0] >= self._now_ms}
        return {"now_ms": self._now_ms, "last": last}


def whole(step: float) -> int:
    """Return a step as the whole number below it, within 64 bits.

    Example:
        >>> whole(7), whole(0.5), whole(-0.5), whole(2**70) == MAX_STEP
        (7, 0, -1, True)
    """
    within = min(max(step, -MAX_STEP - 1), MAX_STEP)
    return 0 if math.isnan(within) else math.floor(within)


def requests(items: Iterable[Item], most: int, size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield the items in lists that one request can carry.

    Args:
        items: in order.
        most: how many a request may have.
        size: bytes of an item.

    Example:
        >>> list(requests(["a", "b", "c"], 2, len))
        [['a', 'b'], ['c']]
    """
    batch: list[Item] = []
    room = MAX_REQUEST_BYTES
    for item in items:
        needed = size(item)
        if batch and (len(batch) == most or needed > room):
            yield batch
            batch, room = [], MAX_REQUEST_BYTES
        batch.append(item)
        room -= needed
    if batch:
        yield batch


def text_bytes(*texts: str) -> int:
    """Return the bytes of texts in a request: ASCII JSON."""
    return sum(len(json.dumps(text)) for text in texts) + 40
