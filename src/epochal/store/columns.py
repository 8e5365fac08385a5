"""Items as columns: a frame of rows becomes NumPy arrays without touching Python objects."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from epochal.core import items
from epochal.core.items import (
    DEFINE,
    EVENT,
    FIRST_LAYOUT,
    FLOAT_STEP,
    HAS_EPOCH,
    LONG,
    EventItem,
    Layout,
)
from epochal.journal import frames
from epochal.journal.frames import Damage, Frame, Segment

Array = npt.NDArray[Any]


@dataclass
class Block:
    """Rows of one layout, in the order in which they were logged.

    Attributes:
        layout: names, phase and variant.
        rows: structured array of shape (n_rows,) with fields seq, mono_ns, step, epoch (if the
            layout has one) and values of shape (n_rows, n_keys).
    """

    layout: Layout
    rows: Array

    def column(self, key: str) -> Array:
        """Return one metric's values, float64 of shape (n_rows,)."""
        return np.ascontiguousarray(self.rows["values"][:, self.layout.keys.index(key)])


@dataclass
class SegmentData:
    """What a segment file holds.

    Attributes:
        descriptor: the session's description; empty if none could be read.
        blocks: rows by layout; each frame gives blocks of its own.
        events: everything else, in order.
        anchors: (mono_ns, wall_ns) pairs, in order.
        next_seq: the sequence number after the last item.
        lost: items missing in the sequence before it.
        damage: ranges of bytes that are no frames.
        size: bytes of the file.
    """

    descriptor: dict[str, Any] = field(default_factory=dict)
    heartbeat: dict[str, Any] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    events: list[EventItem] = field(default_factory=list)
    anchors: list[tuple[int, int]] = field(default_factory=list)
    next_seq: int = 0
    lost: int = 0
    damage: list[Damage] = field(default_factory=list)
    size: int = 0

    @property
    def ended(self) -> bool:
        """Whether the session wrote that it ended."""
        return any(event.data["kind"] == "end" for event in self.events)


def row_dtype(layout: Layout) -> np.dtype[Any]:
    """Return the structured type of a row item of this layout."""
    fields: list[Any] = [("head", "<u8"), ("seq", "<i8"), ("mono_ns", "<i8")]
    fields.append(("step", "<f8" if layout.variant & FLOAT_STEP else "<i8"))
    if layout.variant & HAS_EPOCH:
        fields.append(("epoch", "<f8"))
    return np.dtype([*fields, ("values", "<f8", (len(layout.keys),))])


def read_segment(
    folder: str, segment: Segment, layouts: dict[int, Layout], seq: int = 0
) -> SegmentData:
    """Read a whole segment.

    Args:
        folder: the journal folder.
        segment: which file.
        layouts: layouts of the session's earlier segments; extended.
        seq: the next expected sequence number; items before it are repetitions and are left out.

    Raises:
        FileNotFoundError: it was sealed meanwhile.
    """
    with open(os.path.join(folder, segment.name), "rb") as file:
        data = file.read()
    found = SegmentData(next_seq=seq, size=len(data))
    for each in frames.scan(data, segment.mark):
        if isinstance(each, Damage):
            found.damage.append(each)
        else:
            _take(each, found, layouts)
    return found


def _take(frame: Frame, found: SegmentData, layouts: dict[int, Layout]) -> None:
    if frame.kind == frames.ITEMS:
        _take_items(frame.payload, found, layouts)
        return
    if frame.kind not in (frames.DESCRIPTOR, frames.HEARTBEAT):
        return
    body = json.loads(bytes(frame.payload))
    if frame.kind == frames.HEARTBEAT:
        found.heartbeat = body
        found.anchors.append((body["mono_ns"], body["wall_ns"]))
        return
    if not found.anchors:
        found.anchors.append((body["mono_ns"], body["wall_ns"]))
    found.descriptor = body
    layouts.update((each["id"], Layout.from_dict(each)) for each in body["layouts"])


def _take_items(payload: memoryview, found: SegmentData, layouts: dict[int, Layout]) -> None:
    count, last = 0, found.next_seq - 1
    for part in decode_columns(payload, layouts):
        if isinstance(part, EventItem):
            if part.seq >= found.next_seq:
                found.events.append(part)
                count, last = count + 1, max(last, part.seq)
        else:
            if part.rows["seq"][0] < found.next_seq:
                part.rows = part.rows[part.rows["seq"] >= found.next_seq]
            if len(part.rows):
                found.blocks.append(part)
                count, last = count + len(part.rows), max(last, int(part.rows["seq"][-1]))
    found.lost += last + 1 - found.next_seq - count
    found.next_seq = last + 1


def decode_columns(payload: memoryview, layouts: dict[int, Layout]) -> Iterator[Block | EventItem]:
    """Yield the blocks and events of one frame; within a frame, rows are grouped by layout.

    Args:
        payload: the frame's payload.
        layouts: known layouts by id; extended by what the frame defines.
    """
    words = np.frombuffer(payload, "<u8")
    heads, offsets = _rows_by_head(payload, words, layouts)
    yield from offsets
    for head, starts in heads.items():
        layout = layouts[head & 0xFFFFFFFF]
        size = (head >> 32) // 8
        raw = _gather(words, starts, size)
        yield Block(layout, raw.view(row_dtype(layout)).reshape(-1))


def _gather(words: Array, starts: list[tuple[int, int]], size: int) -> Array:
    """Return the words of all rows: one view if they are neighbors, else one indexed copy."""
    if len(starts) == 1:
        start, count = starts[0]
        return words[start : start + count * size]
    pieces = np.array(starts, dtype=np.int64)
    first = np.repeat(pieces[:, 0], pieces[:, 1])
    ends = np.cumsum(pieces[:, 1])
    nth = np.arange(ends[-1]) - np.repeat(ends - pieces[:, 1], pieces[:, 1])
    return words[(first + nth * size)[:, None] + np.arange(size)].reshape(-1)


def _rows_by_head(
    payload: memoryview, words: Array, layouts: dict[int, Layout]
) -> tuple[dict[int, list[tuple[int, int]]], list[Block | EventItem]]:
    """Walk the items: runs of equal rows as (first word, count) by head, the rest decoded."""
    runs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    others: list[Block | EventItem] = []
    quick = payload.cast("Q")  # scalars come out of it faster than out of an array
    at, end = 0, len(words)
    while at < end:
        head = quick[at]
        code, size = head & 0xFFFFFFFF, head >> 35
        if code >= FIRST_LAYOUT:
            following = at + size
            alone = following >= end or quick[following] != head
            count = 1 if alone else _equal_rows(words, at, size, head)
            runs[head].append((at, count))
            at += count * size
            continue
        if code in (DEFINE, EVENT, LONG):
            item = items.decode_one(code, payload[at * 8 : (at + size) * 8], layouts)
            if isinstance(item, EventItem):
                others.append(item)
            elif item is not None:
                others.append(_single(item))
        at += size
    return runs, others


def _equal_rows(words: Array, at: int, size: int, head: int) -> int:
    """Count the neighboring rows with the same head, in windows that double."""
    count, window, end = 1, 1, len(words)
    while True:
        start = at + count * size
        ahead = words[start : min(start + window * size, end) : size]
        if not len(ahead):
            return count
        if len(ahead) == 1:
            same = int(ahead[0] == head)
        else:
            differs = ahead != head
            same = int(differs.argmax()) if differs.any() else len(ahead)
        count += same
        if same < len(ahead) or len(ahead) < window:
            return count
        window *= 8


def _single(item: items.RowItem) -> Block:
    """Return a long row as a block of one."""
    rows = np.zeros(1, row_dtype(item.layout))
    rows["seq"], rows["mono_ns"], rows["step"] = item.seq, item.mono_ns, item.step
    if item.layout.variant & HAS_EPOCH:
        rows["epoch"] = item.epoch
    rows["values"] = item.values
    return Block(item.layout, rows)
