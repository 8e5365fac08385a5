"""Frames put together: the answers to several requests for series as one container."""

from __future__ import annotations

import json
from typing import Any

_ITEM_BYTES = {"f4": 4, "f8": 8}


class Container:
    """Collects charts of frames, and whatever else belongs into their header.

    Args:
        mean_only: leave the extremes out; a bucket is then its mean.

    Example:
        >>> from epochal.web.export_frames import Container
        >>> empty = Container().body({"answers": {}})
        >>> int.from_bytes(empty[:4], "little") + 4 == len(empty)
        True
    """

    def __init__(self, *, mean_only: bool = False) -> None:
        self._mean_only = mean_only
        self._charts: list[dict[str, Any]] = []
        self._arrays: list[bytes] = []
        self._size = 0

    def add(self, frames: bytes) -> None:
        """Take the charts of an answer."""
        after = 4 + int.from_bytes(frames[:4], "little")
        header, arrays = json.loads(frames[4:after]), memoryview(frames)
        for chart in header["charts"]:
            self._charts.append(self._chart(chart, arrays))

    def body(self, more: dict[str, Any]) -> bytes:
        """Return the container: u32 length | JSON header | arrays."""
        header = {**more, "charts": self._charts}
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode("ascii")
        text += b" " * (-(4 + len(text)) % 8)
        return b"".join((len(text).to_bytes(4, "little"), text, *self._arrays))

    def _chart(self, chart: dict[str, Any], arrays: memoryview) -> dict[str, Any]:
        lanes = [lane for lane in chart["lanes"] if lane["points"]]
        kept = ("mean", "count") if self._mean_only else ("mean", "low", "high", "count")
        for lane in lanes:
            places = {name: self._put(lane.get(name), arrays) for name in kept}
            lane.update({"low": None, "high": None, **places})
        return {**chart, "grid": self._put(chart["grid"], arrays), "lanes": lanes}

    def _put(self, place: list[Any] | None, arrays: memoryview) -> list[Any] | None:
        """Take an array over; return its place in the container."""
        if place is None:
            return None
        offset, count, kind = place
        data = bytes(arrays[offset : offset + count * _ITEM_BYTES[kind]])
        self._arrays.append(data + bytes(-len(data) % 8))
        here = self._size
        self._size += len(self._arrays[-1])
        return [here, count, kind]
