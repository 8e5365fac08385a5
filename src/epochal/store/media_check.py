"""Checking media: is every byte that a record points at there, and the one that was recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from epochal.core.errors import DamageError
from epochal.core.system import open_plain
from epochal.media import stored
from epochal.store.events import Events, decoded
from epochal.store.sequence import Range, joined

FOLDER = "media"
_PIECE = 1 << 20


class MediaRecord(NamedTuple):
    """Where a medium's bytes are, and what they should be."""

    file: str
    offset: int
    bytes: int
    sha256: str
    what: str


class Fault(NamedTuple):
    """Bytes ``start`` to ``stop`` of a file below the run folder that are not those recorded."""

    file: str
    start: int
    stop: int
    reason: str


class MediaFile(NamedTuple):
    """A file of media: its size, how many bytes no record points at, and what is wrong with it."""

    file: str
    bytes: int
    unused: int
    faults: list[Fault]


def records(events: Events) -> set[MediaRecord]:
    """Return the media that have bytes; histograms have none."""
    texts = events.where([kind == "media" for kind in events.kinds]).texts
    return {
        MediaRecord(
            str(data["file"]), int(data.get("offset", 0)), int(data["bytes"]), str(data["sha256"]),
            f"{data.get('key')!r} of step {data.get('step')}",
        )
        for data in decoded(texts) if "file" in data
    }  # fmt: skip


def check(run_dir: str, media: Iterable[MediaRecord]) -> Iterator[MediaFile]:
    """Read every file of media and compare it with the records.

    Files that no record points at come last, all their bytes unused.

    Args:
        run_dir: the run.
        media: its records.
    """
    by_file: dict[str, list[MediaRecord]] = {}
    for record in sorted(media):
        by_file.setdefault(record.file, []).append(record)
    for file, mine in by_file.items():
        yield _check_file(run_dir, file, mine)
    folder = os.path.join(run_dir, FOLDER)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        file, path = f"{FOLDER}/{name}", os.path.join(folder, name)
        if file not in by_file and os.path.isfile(path):
            size = os.path.getsize(path)
            yield MediaFile(file, size, size, [])


def _check_file(run_dir: str, file: str, media: list[MediaRecord]) -> MediaFile:
    end = max(record.offset + record.bytes for record in media)
    try:
        path = stored.path(run_dir, {"file": file, "key": media[0].what})
        with open_plain(path) as opened:
            size = os.fstat(opened.fileno()).st_size
            faults = [fault for record in media if (fault := _fault(opened, size, record))]
    except DamageError as error:
        return MediaFile(file, 0, 0, [Fault(file, 0, end, str(error))])
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "the file is missing" if missing else str(error.strerror or error)
        return MediaFile(file, 0, 0, [Fault(file, 0, end, reason)])
    used: list[Range] = [(record.offset, record.offset + record.bytes) for record in media]
    covered = sum(min(stop, size) - min(start, size) for start, stop in joined(used))
    return MediaFile(file, size, size - covered, faults)


def _fault(file: BinaryIO, size: int, record: MediaRecord) -> Fault | None:
    start, stop = record.offset, record.offset + record.bytes
    if stop > size:
        reason = f"{record.what} is cut off: the file has {size:,} bytes"
        return Fault(record.file, min(start, size), stop, reason)
    digest, left = hashlib.sha256(), record.bytes
    file.seek(start)
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            return Fault(record.file, start, stop, f"{record.what} cannot be read whole")
        digest.update(piece)
        left -= len(piece)
    if digest.hexdigest() == record.sha256:
        return None
    return Fault(record.file, start, stop, f"the hash of {record.what} is not the recorded one")
