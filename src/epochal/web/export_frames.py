"""Frames put together: the answers to several requests for series as one container."""

from __future__ import annotations

import json
from typing import Any

_ITEM_BYTES = {"f4": 4, "f8": 8}


class Container:
    """Collects charts of frames, and whatever else belongs into their header.

    Each metric has one chart, and each run in it places of its own; what is alike is there once.

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
        self._lanes: dict[str, list[dict[str, Any]]] = {}
        self._places: dict[tuple[str, int, bytes], list[Any]] = {}
        self._size = 0

    def add(self, frames: bytes) -> None:
        """Take the runs of an answer's charts over."""
        after = 4 + int.from_bytes(frames[:4], "little")
        header, arrays = json.loads(frames[4:after]), memoryview(frames)
        for chart in header["charts"]:
            for lane in chart["lanes"]:
                if lane["points"]:
                    self._lanes.setdefault(chart["metric"], []).append(
                        self._lane(lane, chart, arrays)
                    )

    def body(self, more: dict[str, Any]) -> bytes:
        """Return the container: u32 length | JSON header | arrays."""
        charts = [{"metric": name, "lanes": lanes} for name, lanes in self._lanes.items()]
        header = {**more, "charts": charts}
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode("ascii")
        text += b" " * (-(4 + len(text)) % 8)
        arrays = (data for _, _, data in self._places)
        return b"".join((len(text).to_bytes(4, "little"), text, *arrays))

    def _lane(
        self, lane: dict[str, Any], chart: dict[str, Any], arrays: memoryview
    ) -> dict[str, Any]:
        kept = ("mean", "count") if self._mean_only else ("mean", "low", "high", "count")
        places = {name: self._put(lane.get(name), arrays) for name in kept}
        own = {"exact": chart["exact"], "extent": chart["extent"]}
        grid = self._put(chart["grid"], arrays)
        return {**lane, **own, "grid": grid, "low": None, "high": None, **places}

    def _put(self, place: list[Any] | None, arrays: memoryview) -> list[Any] | None:
        """Take an array over, unless it is there already; return its place in the container."""
        if place is None:
            return None
        offset, count, kind = place
        data = bytes(arrays[offset : offset + count * _ITEM_BYTES[kind]])
        data += bytes(-len(data) % 8)
        key = (kind, count, data)
        if key not in self._places:
            self._places[key] = [self._size, count, kind]
            self._size += len(data)
        return self._places[key]
