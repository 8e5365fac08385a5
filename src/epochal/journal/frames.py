"""The frame: how items lie on disk, and how they are found again after damage.

A segment file is a sequence of frames, nothing else.  A frame is 32 bytes of header and a payload
of at most 1 MiB, little endian:

====== =========================================================================
bytes  content
====== =========================================================================
0      8 bytes **mark**: the session's random id; text that was logged cannot forge it
8      u32 length of the payload
12     u16 kind: 1 descriptor (JSON), 2 items, 3 heartbeat (JSON)
14     u16 format version, 1
16     u64 sequence number of the first item (items), else of the next one
24     u32 CRC-32 of the payload
28     u32 CRC-32 of bytes 0 to 28: tells a bad length from a bad payload
====== =========================================================================

The descriptor is repeated every MiB, so that no page of a file is needed to read the others.
Reading is total: any bytes give frames and a list of damaged ranges, never an exception.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

DESCRIPTOR, ITEMS, HEARTBEAT = 1, 2, 3
VERSION = 1
MAX_PAYLOAD_BYTES = 1 << 20
DESCRIPTOR_EVERY_BYTES = 1 << 20
SEGMENT_BYTES = 64 << 20

_HEADER = struct.Struct("<8sIHHQI")
_CRC = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CRC.size
_SEGMENT_NAME = re.compile(r"(\d{4,})-([0-9a-f]{16})-(\d{4,})\.seg\Z")


class Frame(NamedTuple):
    """A frame whose checksums matched; ``start`` and ``stop`` are its bytes in the file."""

    kind: int
    seq: int
    payload: memoryview
    start: int
    stop: int


class Damage(NamedTuple):
    """Bytes that hold no valid frame.  ``torn``: an unfinished frame at the end of the file."""

    start: int
    stop: int
    reason: str
    torn: bool = False


class Segment(NamedTuple):
    """The name of a segment file: ``<ordinal>-<session>-<index>.seg``.

    Sorting segments sorts them in reading order: sessions by ordinal, then by number.
    """

    ordinal: int
    session: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.ordinal:04d}-{self.session}-{self.index:04d}.seg"

    @property
    def mark(self) -> bytes:
        """The eight bytes with which each frame of the session begins."""
        return bytes.fromhex(self.session)


def header(mark: bytes, kind: int, seq: int, payload: bytes | memoryview) -> bytes:
    """Return the header of a frame."""
    head = _HEADER.pack(mark, len(payload), kind, VERSION, seq, zlib.crc32(payload))
    return head + _CRC.pack(zlib.crc32(head))


def segments(folder: str | os.PathLike[str]) -> list[Segment]:
    """Return the segments in a journal folder in reading order; a missing folder has none."""
    found = (_SEGMENT_NAME.match(name) for name in plain_names(folder))
    return sorted(Segment(int(m[1]), m[2], int(m[3])) for m in found if m)


def plain_names(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of the files in a part of a run's folder; none if it is missing or a link.

    Links are left out: they lead to what is no part of the run.  So are pipes, on which reading
    would wait for ever.
    """
    try:
        if os.path.islink(folder):
            return []
        with os.scandir(folder) as entries:
            return [each.name for each in entries if each.is_file(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def scan(data: bytes | memoryview, mark: bytes, start: int = 0) -> Iterator[Frame | Damage]:
    """Yield every valid frame and every damaged range from byte ``start`` on.

    Args:
        data: a segment's bytes.
        mark: the session's mark (:attr:`Segment.mark`).
        start: where to begin; any byte will do.
    """
    view = memoryview(data)
    offset, end = start, len(view)
    while offset < end:
        frame, reason = _frame_at(view, offset, mark)
        if frame is not None:
            yield frame
            offset = frame.stop
            continue
        following = _next_frame(view, offset + 1, mark)
        yield Damage(offset, following, reason, torn=following == end and reason in _TORN)
        offset = following


_TORN = ("the header is cut off", "the payload is cut off")


def _frame_at(  # noqa: PLR0911 - each return is one reason
    view: memoryview, offset: int, mark: bytes
) -> tuple[Frame | None, str]:
    if offset + HEADER_BYTES > len(view):
        return None, _TORN[0]
    head = view[offset : offset + _HEADER.size]
    found, length, kind, version, seq, payload_crc = _HEADER.unpack(head)
    (head_crc,) = _CRC.unpack_from(view, offset + _HEADER.size)
    if found != mark:
        return None, "there is no frame mark"
    if zlib.crc32(head) != head_crc or length > MAX_PAYLOAD_BYTES:
        return None, "the header's checksum is wrong"
    if version != VERSION:
        return None, f"the frame has format version {version}, this reader knows {VERSION}"
    begin = offset + HEADER_BYTES
    payload = view[begin : begin + length]
    if len(payload) < length:
        return None, _TORN[1]
    if zlib.crc32(payload) != payload_crc:
        return None, "the payload's checksum is wrong"
    return Frame(kind, seq, payload, offset, begin + length), ""


def _next_frame(view: memoryview, offset: int, mark: bytes) -> int:
    """Return where the next valid frame begins, or the end."""
    data = view.obj if isinstance(view.obj, bytes) and len(view.obj) == len(view) else bytes(view)
    while True:
        offset = data.find(mark, offset)
        if offset < 0:
            return len(view)
        if _frame_at(view, offset, mark)[0] is not None:
            return offset
        offset += 1
