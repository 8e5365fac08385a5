"""Finishing what a dead process began: its ring goes to the journal, its end is written down."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from epochal.core import items, ring
from epochal.core.items import Layout
from epochal.core.ring import Orphan
from epochal.journal import frames
from epochal.journal.frames import Frame, Segment
from epochal.journal.segment import SegmentFile
from epochal.journal.session import boot_id, descriptor_payload

WAIT_S = 2.0


class Recovered(NamedTuple):
    """What was saved for one session.

    Attributes:
        run_dir: the run's folder.
        session: the session's id.
        items: rows and events that were only in the ring.
        dropped: rows that the process had to drop before it died (counted, not recoverable).
    """

    run_dir: str
    session: str
    items: int
    dropped: int


def recover(*, session: str | None = None) -> list[Recovered]:
    """Save the rings of processes of this user and host that ended without finishing.

    Safe to call at any time and from any process: rings of living processes are locked and left
    alone, and a ring is removed only after the journal has all of it.

    Args:
        session: only this session's ring; if another process is saving it right now, this waits
            for it to be done.

    Raises:
        OSError: a journal cannot be written; the ring stays for the next attempt.
    """
    deadline = time.monotonic() + WAIT_S
    while True:
        # Asked before and after: whoever is at it may let go, or begin, while this tries.
        busy = session is not None and ring.is_being_saved(session)
        saved, failed = _recover_all(session)
        busy = busy or (session is not None and ring.is_being_saved(session))
        if saved or failed or not busy or time.monotonic() > deadline:
            break
        time.sleep(0.01)
    if failed:
        raise failed[0]
    return saved


def _recover_all(session: str | None) -> tuple[list[Recovered], list[OSError]]:
    """Save the rings that nobody holds; return what was saved and what kept others from it."""
    saved: list[Recovered] = []
    failed: list[OSError] = []
    for orphan in ring.orphans(session=session):
        unlink = False
        try:
            run_dir = orphan.identity["run_dir"]
            if os.path.isdir(run_dir) and orphan.identity["boot"] == boot_id():
                saved.append(_recover_one(orphan))
                unlink = True
            else:  # a run that was deleted; but a disk that is not mounted comes back
                unlink = os.path.isdir(os.path.dirname(run_dir))
        except OSError as error:  # a full disk must not keep back the other runs
            failed.append(error)
        finally:
            orphan.close(unlink=unlink)
    return saved, failed


def _recover_one(orphan: Orphan) -> Recovered:
    identity = orphan.identity
    folder = os.path.join(identity["run_dir"], "journal")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    last = Segment(identity["ordinal"], identity["session"], 0)
    layouts: dict[int, Layout] = {}
    next_seq, ended = 0, False
    for segment in frames.segments(folder):
        if segment.session == last.session:
            last = segment
            seen, over = _replay(os.path.join(folder, segment.name), segment, layouts)
            next_seq, ended = max(next_seq, seen), ended or over
    known = dict(layouts)  # what the ring defines is defined by what is written of it
    sound = [_sound(piece, known) for piece in orphan.pieces()]
    new = [piece for piece in sound if len(piece) and _last_seq(piece) >= next_seq]
    count = sum(_count(piece, next_seq) for piece in new)
    end = max([next_seq, *map(_end_seq, new)])
    file = SegmentFile(folder, last._replace(index=last.index + 1))
    try:
        description = {**identity["descriptor"], "segment": file.segment.index}
        parts = file.frame(
            frames.DESCRIPTOR, next_seq, descriptor_payload(description, list(layouts.values()))
        )
        for piece in new:
            (_, _, seq, _) = items.HEADER.unpack_from(piece)
            parts += file.frame(frames.ITEMS, seq, piece)
        if not ended and not _says_end(new):
            parts += file.frame(frames.ITEMS, end, _killed(end, _last_mono_ns(new), orphan.dropped))
        file.append(parts)
        os.fsync(file.fd)
    except OSError:
        os.unlink(file.path)  # it will be tried again, each second
        raise
    finally:
        file.close()
    return Recovered(identity["run_dir"], identity["session"], count, orphan.dropped)


def _replay(path: str, segment: Segment, layouts: dict[int, Layout]) -> tuple[int, bool]:
    """Return the sequence number after a segment's last item, and whether the session ended."""
    next_seq, ended = 0, False
    with open(path, "rb") as file:
        data = file.read()
    for found in frames.scan(data, segment.mark):
        if isinstance(found, Frame) and found.kind == frames.DESCRIPTOR:
            layouts.update(descriptor_layouts(found.payload))
        elif isinstance(found, Frame) and found.kind == frames.ITEMS:
            for item in items.decode(found.payload, layouts):
                next_seq = max(next_seq, item.seq + 1)
                ended |= isinstance(item, items.EventItem) and item.data["kind"] == "end"
    return next_seq, ended


def descriptor_layouts(payload: memoryview) -> dict[int, Layout]:
    """Return the layouts that a descriptor frame lists, by id."""
    listed = json.loads(bytes(payload))["layouts"]
    return {layout["id"]: Layout.from_dict(layout) for layout in listed}


def _sound(piece: memoryview, layouts: dict[int, Layout]) -> memoryview:
    """Return the beginning of a piece that can be read; a crash may have damaged the memory."""
    for code, _, offset in _headers(piece):
        item = piece[offset : _stop(piece, offset)]
        try:
            if code >= items.FIRST_LAYOUT:
                good = code not in layouts or row_bytes(layouts[code]) == len(item)
            else:
                found = items.decode_one(code, item, layouts)
                good = not isinstance(found, items.EventItem) or "kind" in found.data
        except (ValueError, LookupError, TypeError, AttributeError, struct.error):
            good = False
        if not good:
            return piece[:offset]
    return piece


def row_bytes(layout: Layout) -> int:
    """Return the size of a row of this layout."""
    return struct.calcsize(layout.row_format)


def _headers(piece: memoryview) -> Iterator[tuple[int, int, int]]:
    """Yield (code, seq, offset) of each item."""
    offset = 0
    while offset + items.HEADER.size <= len(piece):
        code, size, seq, _ = items.HEADER.unpack_from(piece, offset)
        yield code, seq, offset
        offset += size


def _last_mono_ns(pieces: list[memoryview]) -> int:
    """Return when the last item was recorded, 0 if there is none."""
    last = 0
    for piece in pieces[-1:]:
        for _, _, offset in _headers(piece):
            last = items.HEADER.unpack_from(piece, offset)[3]
    return last


def _last_seq(piece: memoryview) -> int:
    return max(seq for _, seq, _ in _headers(piece))


def _end_seq(piece: memoryview) -> int:
    """Return the number after the last row or event; a definition shares that of its first row."""
    return max((seq + 1 for code, seq, _ in _headers(piece) if code != items.DEFINE), default=0)


def _count(piece: memoryview, next_seq: int) -> int:
    return sum(code != items.DEFINE and seq >= next_seq for code, seq, _ in _headers(piece))


def _says_end(pieces: list[memoryview]) -> bool:
    return any(
        isinstance(item, items.EventItem) and item.data["kind"] == "end"
        for piece in pieces
        for code, _, offset in _headers(piece)
        if code == items.EVENT
        for item in [items.decode_one(code, piece[offset : _stop(piece, offset)], {})]
    )


def _stop(piece: memoryview, offset: int) -> int:
    return offset + int(items.CODE_AND_SIZE.unpack_from(piece, offset)[1])


def _killed(seq: int, mono_ns: int, dropped: int) -> bytes:
    body = {"kind": "end", "state": "killed", "dropped": dropped, "by": "recovery"}
    return items.json_item(items.EVENT, seq, mono_ns, items.to_json(body))
