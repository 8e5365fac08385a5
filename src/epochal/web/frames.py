"""Windows as bytes: a JSON header and raw arrays that a browser reads without a copy.

``u32 n | JSON of n bytes, padded with spaces | arrays``, little endian; every array begins at a
multiple of 8 bytes.  In the header an array is ``[byte in the body, count, "f4" or "f8"]``; NaN in
it says that there is nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from epochal.read.windows import Lane, Window
from epochal.store.columns import Array

ROUNDING = 1e-4
"""Values are sent as float32 where that moves none by more than this part of the drawn range."""

_SINGLE = np.finfo(np.float32)
_HALF_ULP = float(_SINGLE.eps) / 2


def encode(
    windows: Sequence[Window], *, counts: bool = False, missing: Sequence[Any] = (), ms: float = 0.0
) -> bytes:
    """Return windows as one body.

    Args:
        windows: the charts, in order.
        counts: send also how many values stand behind each bucket.
        missing: what could not be read, as plain JSON data.
        ms: how long the reading took, for whoever looks at the answer.
    """
    body = _Body()
    charts = [_chart(window, body, counts=counts) for window in windows]
    return body.joined({"charts": charts, "missing": list(missing), "ms": round(ms, 3)})


class _Body:
    """Collects arrays; their places move when the size of the header is known."""

    def __init__(self) -> None:
        self._places: list[list[Any]] = []
        self._parts: list[bytes] = []
        self._size = 0

    def put(self, values: Array, dtype: str) -> list[Any]:
        """Add an array and return what the header says of it."""
        data = values.astype(f"<{dtype}").tobytes()
        data += bytes(-len(data) % 8)
        place = [self._size, len(values), dtype]
        self._places.append(place)
        self._parts.append(data)
        self._size += len(data)
        return place

    def joined(self, header: Mapping[str, Any]) -> bytes:
        """Return the header, which holds what :meth:`put` returned, and the arrays."""
        longest = len(_json(header)) + len(self._places) * len(str(self._size))
        start = (4 + longest + 7) // 8 * 8 + 8
        for place in self._places:
            place[0] += start
        text = _json(header).ljust(start - 4)
        return b"".join([len(text).to_bytes(4, "little"), text, *self._parts])


def _json(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), allow_nan=False).encode("ascii")


def _chart(window: Window, body: _Body, *, counts: bool) -> dict[str, Any]:
    dtype = "f4" if _is_single(window.lanes) else "f8"
    return {
        "metric": window.metric,
        "x": window.x,
        "exact": window.exact,
        "lead": window.lead,
        "extent": None if window.extent is None else list(window.extent),
        "points": window.points,
        "grid": body.put(window.grid, "f8"),
        "lanes": [_lane(lane, body, dtype, counts=counts) for lane in window.lanes],
    }


def _lane(lane: Lane, body: _Body, dtype: str, *, counts: bool) -> dict[str, Any]:
    band = not (_same(lane.low, lane.mean) and _same(lane.high, lane.mean))
    return {
        "run": lane.run,
        "points": lane.points,
        "mean": body.put(lane.mean, dtype),
        "low": body.put(lane.low, dtype) if band else None,
        "high": body.put(lane.high, dtype) if band else None,
        "count": body.put(lane.count, "f8") if counts else None,
        "marks": [list(mark) for mark in lane.marks],
        "marksTotal": lane.marks_total,
    }


def _same(a: Array, b: Array) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


def _is_single(lanes: Sequence[Lane]) -> bool:
    """Say whether float32 shows the same chart, also one that leaves out rare extremes."""
    if not lanes:
        return True
    every = np.concatenate([part for lane in lanes for part in (lane.low, lane.high)])
    every = every[~np.isnan(every)]
    largest = float(np.abs(every).max(initial=0.0))
    if largest >= float(_SINGLE.max):
        return False
    small = np.abs(every[every != 0])
    if small.size and float(small.min()) < float(_SINGLE.tiny):
        return False  # a logarithmic axis would show its rounding
    means = np.concatenate([lane.mean for lane in lanes])
    means = means[~np.isnan(means)]
    if not len(means):
        return True
    cut = len(means) // 100
    ordered = np.partition(means, [cut, len(means) - 1 - cut])
    drawn = float(ordered[len(means) - 1 - cut] - ordered[cut])
    if drawn == 0.0:  # means are alike: what is drawn is the band
        drawn = float(every.max() - every.min())
    return drawn == 0.0 or largest * _HALF_ULP <= ROUNDING * drawn
