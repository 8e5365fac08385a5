"""Items as columns: a frame of rows becomes NumPy arrays without touching Python objects."""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

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
    Layout,
    RowItem,
)
from epochal.core.system import open_plain
from epochal.journal import frames
from epochal.journal.frames import Damage, Frame, Segment
from epochal.journal.session import is_sound
from epochal.store.events import Events

Array = npt.NDArray[Any]

_READINGS = itertools.count(1)
_TAIL_BYTES = 64
_MERGED_ROWS = 16_384
_HEADER_WORDS = items.HEADER.size // 8


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
        descriptor: the session's description; of an earlier segment if none could be read here.
        heartbeat: its last heartbeat.
        blocks: rows by layout, in order.
        events: everything else, in order.
        anchors: (seq, mono_ns, wall_ns), in order: items from ``seq`` on follow that clock.
        next_seq: the sequence number after the last item.
        lost: items missing in the sequence before it.
        damage: ranges of bytes that are no frames, or that hold rows whose layout is lost.
        size: bytes of the file.
        layouts: those of the session that were known at its end.
        stop: byte after the last good frame, where reading can go on.
        tail: the last bytes before it.
        reading: equal numbers: what the shorter one holds begins the longer one.
    """

    descriptor: dict[str, Any] = field(default_factory=dict)
    heartbeat: dict[str, Any] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    events: Events = field(default_factory=Events)
    anchors: list[tuple[int, int, int]] = field(default_factory=list)
    next_seq: int = 0
    lost: int = 0
    damage: list[Damage] = field(default_factory=list)
    size: int = 0
    layouts: dict[int, Layout] = field(default_factory=dict)
    stop: int = 0
    tail: bytes = b""
    reading: int = 0

    @property
    def ended(self) -> bool:
        """Whether the session wrote that it ended."""
        return "end" in self.events.kinds


def row_dtype(layout: Layout) -> np.dtype[Any]:
    """Return the structured type of a row item of this layout."""
    fields: list[Any] = [("head", "<u8"), ("seq", "<i8"), ("mono_ns", "<i8")]
    fields.append(("step", "<f8" if layout.variant & FLOAT_STEP else "<i8"))
    if layout.variant & HAS_EPOCH:
        fields.append(("epoch", "<f8"))
    return np.dtype([*fields, ("values", "<f8", (len(layout.keys),))])


def read_segment(
    folder: str,
    segment: Segment,
    layouts: dict[int, Layout],
    seq: int = 0,
    descriptor: dict[str, Any] | None = None,
    before: SegmentData | None = None,
) -> SegmentData:
    """Read a segment.

    Args:
        folder: the journal folder.
        segment: which file.
        layouts: layouts of the session's earlier segments; extended.
        seq: the next expected sequence number; items before it are repetitions and are left out.
        descriptor: the session's, as an earlier segment told it.
        before: what an earlier reading of it gave, with equal ``seq`` and ``descriptor``; it stays
            as it is, and if the file has only grown since then, no more than that is read.

    Raises:
        FileNotFoundError: it was sealed meanwhile.
    """
    with open_plain(os.path.join(folder, segment.name)) as file:
        found = _continued(before, file)
        if found is None:
            file.seek(0)
            found = SegmentData(descriptor=dict(descriptor or {}), next_seq=seq)
            found.reading = next(_READINGS)
        layouts.update(found.layouts)
        data = file.read()
    start, old = found.stop, len(found.blocks)
    scanned = [
        _sound(each._replace(start=start + each.start, stop=start + each.stop))
        for each in frames.scan(data, segment.mark)
    ]
    for each in scanned:  # first: a later descriptor also lists what a damaged frame defined
        if isinstance(each, Frame) and each.kind == frames.DESCRIPTOR:
            listed = json.loads(bytes(each.payload))["layouts"]
            layouts.update((layout["id"], Layout.from_dict(layout)) for layout in listed)
    waiting: list[Frame] = []
    for each in scanned:
        if isinstance(each, Frame):
            found.stop = each.stop
        if isinstance(each, Frame) and each.kind == frames.ITEMS:
            waiting.append(each)
            continue
        _take_items(waiting, found, layouts)
        waiting = []
        if isinstance(each, Damage):
            found.damage.append(each)
        else:
            _take_clock(each, found)
    _take_items(waiting, found, layouts)
    if old:
        found.blocks = _merged(found.blocks, old)
    found.size, found.layouts = start + len(data), dict(layouts)
    read = found.stop - start
    found.tail = (found.tail + data[max(0, read - _TAIL_BYTES) : read])[-_TAIL_BYTES:]
    return found


def _sound(found: Frame | Damage) -> Frame | Damage:
    """Return a frame, or damage in place of one that describes nothing."""
    if isinstance(found, Frame) and not is_sound(found):
        return Damage(found.start, found.stop, "the frame says nothing of its session")
    return found


def _continued(before: SegmentData | None, file: BinaryIO) -> SegmentData | None:
    """Return a copy of what was read, the file at its end; None: all has to be read again."""
    if before is None or not before.stop or any(not each.torn for each in before.damage):
        return None  # damaged: a later descriptor may bring back lost rows
    file.seek(before.stop - len(before.tail))
    if file.read(len(before.tail)) != before.tail:
        return None
    events = Events()
    events.extend(before.events)
    return replace(
        before, blocks=list(before.blocks), anchors=list(before.anchors), events=events, damage=[]
    )


def _merged(blocks: list[Block], old: int) -> list[Block]:
    """Join the newest rows with few earlier ones, so that thousands of readings stay few blocks."""
    by_layout: dict[Layout, list[Block]] = defaultdict(list)
    for block in blocks[:old]:
        by_layout[block.layout].append(block)
    for block in blocks[old:]:
        mine, rows = by_layout[block.layout], block.rows
        while mine and len(mine[-1].rows) < min(2 * len(rows), _MERGED_ROWS):
            rows = np.concatenate([mine.pop().rows, rows])
        mine.append(Block(block.layout, rows))
    return list(itertools.chain.from_iterable(by_layout.values()))


def _take_clock(frame: Frame, found: SegmentData) -> None:
    """Learn from a descriptor or heartbeat which clock the items after it follow."""
    if frame.kind not in (frames.DESCRIPTOR, frames.HEARTBEAT):
        return
    body = json.loads(bytes(frame.payload))
    if frame.kind == frames.HEARTBEAT:
        found.heartbeat = body
    else:
        found.descriptor = body
        if found.anchors:
            return
    found.anchors.append((found.next_seq, body["mono_ns"], body["wall_ns"]))


def _take_items(waiting: list[Frame], found: SegmentData, layouts: dict[int, Layout]) -> None:
    """Decode neighboring frames of items at once: a slow training writes many tiny ones."""
    if not waiting:
        return
    alone = len(waiting) == 1
    payload = waiting[0].payload if alone else memoryview(b"".join(f.payload for f in waiting))
    count, last = 0, found.next_seq - 1
    for part in decode_columns(payload, layouts):
        if isinstance(part, Events):
            new = part.where(_new(np.array(part.seq), found.next_seq))
            found.events.extend(new)
            count, last = count + len(new), max([last, *new.seq[-1:]])
        elif part is None:
            reason = "the layout of rows is lost"
            found.damage.append(Damage(waiting[0].start, waiting[-1].stop, reason))
        else:
            part.rows = _new_rows(part.rows, found.next_seq)
            if len(part.rows):
                found.blocks.append(part)
                count, last = count + len(part.rows), max(last, int(part.rows["seq"][-1]))
    found.lost += last + 1 - found.next_seq - count
    found.next_seq = last + 1


def _new_rows(rows: Array, seq: int) -> Array:
    """Leave out repetitions: what was written twice after a failed sync or a recovery."""
    new = _new(rows["seq"], seq)
    return rows if new.all() else rows[new]


def _new(seqs: Array, seq: int) -> Array:
    """Say which numbers are greater than all before them, and not below ``seq``."""
    before = np.empty_like(seqs)
    before[0], before[1:] = seq - 1, seqs[:-1]
    new: Array = seqs > before
    return new if new.all() else seqs > np.maximum.accumulate(before)


def decode_columns(
    payload: memoryview, layouts: dict[int, Layout]
) -> Iterator[Block | Events | None]:
    """Yield the events, then the rows grouped by layout; None for rows whose layout is not known.

    Args:
        payload: items, as in one frame or in several neighboring ones.
        layouts: known layouts by id; extended by what the payload defines.
    """
    payload = payload[: len(payload) // 8 * 8]  # it always is: or a stranger wrote it
    words = np.frombuffer(payload, "<u8")
    heads, others = _rows_by_head(payload, words, layouts)
    yield from others
    for head, starts in heads.items():
        layout = layouts.get(head & 0xFFFFFFFF)
        size = head >> 35
        if layout is None or row_dtype(layout).itemsize != size * 8:
            yield None
            continue
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
    gathered: Array = words[(first + nth * size)[:, None] + np.arange(size)].reshape(-1)
    return gathered


def _rows_by_head(
    payload: memoryview, words: Array, layouts: dict[int, Layout]
) -> tuple[dict[int, list[tuple[int, int]]], list[Block | Events]]:
    """Walk the items: runs of equal rows as (first word, count) by head, and all the rest."""
    runs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    events: list[tuple[int, int]] = []
    rare: dict[Layout, list[RowItem]] = {}
    quick = payload.cast("Q")  # scalars come out of it faster than out of an array
    at, end = 0, len(words)
    while at < end:
        head = quick[at]
        code, size = head & 0xFFFFFFFF, head >> 35
        if at + size > end or (size < _HEADER_WORDS and code):
            at += 1  # no item: a stranger's, whose checksum fits all the same
            continue
        if code >= FIRST_LAYOUT:
            following = at + size
            alone = following >= end or quick[following] != head
            count = 1 if alone else _equal_rows(words, at, size, head)
            runs[head].append((at, count))
            at += count * size
            continue
        if code == EVENT:
            events.append((at, size))
        elif code in (DEFINE, LONG):
            item = items.decode_sound(code, payload[at * 8 : (at + size) * 8], layouts)
            if isinstance(item, RowItem):
                rare.setdefault(item.layout, []).append(item)
        at += max(size, 1)
    others: list[Block | Events] = [_events(payload, words, events)] if events else []
    return runs, [*others, *(_rare(layout, rows) for layout, rows in rare.items())]


def _events(payload: memoryview, words: Array, at: list[tuple[int, int]]) -> Events:
    """Return the events that begin at some words and are so many words long."""
    found = Events()
    starts = np.array([start for start, _ in at])
    clocks = words.view("<i8")
    texts = [
        bytes(payload[start * 8 + items.HEADER.size : (start + size) * 8]) for start, size in at
    ]
    found.add(clocks[starts + 1].tolist(), clocks[starts + 2].tolist(), texts)
    return found


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


def _rare(layout: Layout, items: list[RowItem]) -> Block:
    """Return long rows of one layout as a block."""
    rows = np.zeros(len(items), row_dtype(layout))
    rows["seq"] = [item.seq for item in items]
    rows["mono_ns"] = [item.mono_ns for item in items]
    rows["step"] = [item.step for item in items]
    if layout.variant & HAS_EPOCH:
        rows["epoch"] = [item.epoch for item in items]
    rows["values"] = [item.values for item in items]
    return Block(layout, rows)
