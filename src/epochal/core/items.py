"""The binary form of everything that is recorded: a stream of items.

The training thread packs items into the ring; the writer copies the same bytes, unchanged, into
the frames of the journal; readers decode them.  There is one encoding and it is this file.

An item is 24 bytes of header and a body, little endian, its size a multiple of eight::

    u32 code    0 pad · 1 define · 2 long row · 3 event · 16 and above: a row of that layout
    u32 size    of the whole item in bytes
    u64 seq     position in the session, from 0, without holes unless something was dropped
    i64 mono_ns CLOCK_MONOTONIC of the process (the session's anchor turns it into wall time)

======== ==========================================================================
row      step (i64, or f64), epoch (f64, if the layout has one), the values (f64 each)
define   JSON: the layout of all rows with code ``id``, see :class:`Layout`
long row u32 length of the JSON, u32 0, JSON layout, then step, epoch, values: rare key sets
event    JSON object with ``kind``: config, tag, text, alert, heartbeat, end, …
======== ==========================================================================

JSON bodies are padded with spaces, which JSON ignores.  Non-finite floats in them are written as
Python's ``json`` does (``NaN``, ``Infinity``); values of rows are raw IEEE bits.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

PAD, DEFINE, LONG, EVENT, FIRST_LAYOUT = 0, 1, 2, 3, 16
HEADER = struct.Struct("<IIQq")
CODE_AND_SIZE = struct.Struct("<II")
LONG_PREFIX = struct.Struct("<II")

FLOAT_STEP, IMPLICIT_STEP, HAS_EPOCH = 1, 2, 4
"""Bits of a row's variant: how its step and epoch are stored and whether the step was given."""


class Layout(NamedTuple):
    """The meaning of a row's bytes: its metric names in order, phase and variant."""

    id: int
    keys: tuple[str, ...]
    phase: str | None
    variant: int

    @property
    def row_format(self) -> str:
        """The ``struct`` format of a whole row item."""
        step = "d" if self.variant & FLOAT_STEP else "q"
        epoch = "d" if self.variant & HAS_EPOCH else ""
        return f"<IIQq{step}{epoch}{len(self.keys)}d"

    def to_json(self) -> bytes:
        """Encode for a define item or a journal descriptor."""
        return to_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return {"id": self.id, "keys": self.keys, "phase": self.phase, "variant": self.variant}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Layout:
        """Return the layout that :meth:`to_dict` described; TypeError and the like for none."""
        keys, phase, number, variant = (data[n] for n in ("keys", "phase", "id", "variant"))
        numbers = isinstance(number, int) and isinstance(variant, int)
        if not numbers or not isinstance(keys, list | tuple) or not isinstance(phase, str | None):
            raise TypeError(f"{data!r} describes no layout")
        names = tuple(map(str, keys))
        "".join(names).encode("utf-8")  # UnicodeEncodeError: no names that we record
        return cls(number, names, phase, variant)


def to_json(data: object) -> bytes:
    """Encode as compact ASCII JSON; anything unknown becomes its ``str``."""
    return json.dumps(data, separators=(",", ":"), default=str).encode("ascii")


def json_item(code: int, seq: int, mono_ns: int, body: bytes) -> bytes:
    """Return a define or event item; ``body`` is JSON text."""
    body += b" " * (-len(body) % 8)
    return HEADER.pack(code, HEADER.size + len(body), seq, mono_ns) + body


def long_parts(layout: Layout) -> tuple[bytes, struct.Struct]:
    """Return what follows a long row's header: its described layout and the numbers' format."""
    described = layout.to_json()
    described += b" " * (-len(described) % 8)
    step = "d" if layout.variant & FLOAT_STEP else "q"
    epoch = "d" if layout.variant & HAS_EPOCH else ""
    numbers = struct.Struct(f"<{step}{epoch}{len(layout.keys)}d")
    return LONG_PREFIX.pack(len(described), 0) + described, numbers


class RowItem(NamedTuple):
    """A decoded row: layout, sequence number, clock, step, epoch (NaN: none) and values."""

    layout: Layout
    seq: int
    mono_ns: int
    step: float
    epoch: float
    values: tuple[float, ...]


class EventItem(NamedTuple):
    """A decoded event: sequence number, clock and its JSON object."""

    seq: int
    mono_ns: int
    data: dict[str, Any]


Item = RowItem | EventItem
NO_EPOCH = float("nan")


def row_decoder(layout: Layout) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """Return ``iter_unpack`` for a block of neighboring rows of this layout."""
    return struct.Struct(layout.row_format).iter_unpack


def decode(payload: memoryview, layouts: dict[int, Layout]) -> Iterator[Item]:
    """Yield the rows and events of a stream of items, learning layouts on the way.

    Rows whose layout is not known, as the frame that defined it is damaged, are left out, and so
    are items that describe nothing, which only a stranger writes.

    Args:
        payload: whole items, as stored in one frame.
        layouts: known layouts by id; define items are added to it.

    Raises:
        ValueError: the bytes are not a stream of items (never for bytes whose checksum matched).
    """
    offset, end = 0, len(payload)
    while offset < end:
        code, size = CODE_AND_SIZE.unpack_from(payload, offset)
        if size < 8 or size % 8 or offset + size > end:
            message = f"item at byte {offset} has size {size}, {end - offset} bytes are left"
            raise ValueError(message)
        if code >= FIRST_LAYOUT:
            stop = same_rows(payload, offset, size)
            layout = layouts.get(code)
            if layout is not None:
                yield from decode_rows(layout, payload[offset:stop])
            offset = stop
            continue
        if code != PAD:
            item = decode_sound(code, payload[offset : offset + size], layouts)
            if item is not None:
                yield item
        offset += size


def same_rows(payload: memoryview, offset: int, size: int) -> int:
    """Return the end of the block of rows that share the code and size of the one at offset."""
    head = payload[offset : offset + 8]
    stop = offset + size
    end = len(payload)
    while stop + size <= end and payload[stop : stop + 8] == head:
        stop += size
    return stop


def decode_rows(layout: Layout, block: memoryview) -> Iterator[RowItem]:
    """Yield the rows of a block that holds rows of one layout only."""
    has_epoch = bool(layout.variant & HAS_EPOCH)
    for fields in row_decoder(layout)(block):
        if has_epoch:
            yield RowItem(layout, fields[2], fields[3], fields[4], fields[5], fields[6:])
        else:
            yield RowItem(layout, fields[2], fields[3], fields[4], NO_EPOCH, fields[5:])


def decode_one(code: int, item: memoryview, layouts: dict[int, Layout]) -> Item | None:
    """Decode a define, long row or event item; unknown codes of later versions give None."""
    _, _, seq, mono_ns = HEADER.unpack_from(item)
    body = item[HEADER.size :]
    if code == EVENT:
        return EventItem(seq, mono_ns, json.loads(bytes(body)))
    if code == DEFINE:
        layout = Layout.from_dict(json.loads(bytes(body)))
        layouts[layout.id] = layout
    elif code == LONG:
        length, _ = LONG_PREFIX.unpack_from(body)
        start = LONG_PREFIX.size + length
        layout = Layout.from_dict(json.loads(bytes(body[LONG_PREFIX.size : start])))
        _, numbers = long_parts(layout)
        step, *rest = numbers.unpack(body[start:])
        epoch = rest.pop(0) if layout.variant & HAS_EPOCH else NO_EPOCH
        return RowItem(layout, seq, mono_ns, step, epoch, tuple(rest))
    return None


def decode_sound(code: int, item: memoryview, layouts: dict[int, Layout]) -> Item | None:
    """Decode a define, long row or event item; what describes none gives None too."""
    try:
        found = decode_one(code, item, layouts)
    except (ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError):
        return None
    if isinstance(found, EventItem) and not _has_kind(found.data):
        return None
    return found


def _has_kind(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("kind"), str)


def ends_session(payload: memoryview) -> bool:
    """Say whether the last item of a frame is the event that ends a session."""
    offset = last = 0
    while offset + CODE_AND_SIZE.size <= len(payload):
        code, size = CODE_AND_SIZE.unpack_from(payload, offset)
        if size < (HEADER.size if code else CODE_AND_SIZE.size):
            return False  # no item: a stranger's
        last = offset
        offset = same_rows(payload, offset, size) if code >= FIRST_LAYOUT else offset + size
        if code >= FIRST_LAYOUT:
            last = offset - size
    if offset == 0 or CODE_AND_SIZE.unpack_from(payload, last)[0] != EVENT:
        return False
    item = decode_sound(EVENT, payload[last:], {})
    return isinstance(item, EventItem) and item.data["kind"] == "end"
