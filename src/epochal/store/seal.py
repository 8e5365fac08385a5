"""Sealing: full segments, and the rest when a session has ended, become Parquet.

It never runs in the training process.  A segment is deleted only after its Parquet files were read
back, with page checksums, and found equal, and after every mirror has passed it.  Two processes
may seal the same run: both write the same content and rename it to the same names.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from typing import NamedTuple

from epochal.core.atomic import write_atomically
from epochal.core.items import Layout
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.store import cursor, folder, parquet, sealed
from epochal.store.columns import Block, SegmentData, read_segment
from epochal.store.liveness import Life, life
from epochal.store.sealed import Manifest, SealedFile

MAX_TABLES = 16
"""Key sets of a segment with a table of their own; the rarer ones share the long table."""

INLINE_EVENTS = 200
INLINE_BYTES = 64 << 10


class Sealed(NamedTuple):
    """What sealing did to a run: segments turned to Parquet, segment files deleted, bytes."""

    segments: int
    deleted: int
    journal_bytes: int
    parquet_bytes: int


def seal_run(run_dir: str) -> Sealed:
    """Seal whatever of a run is complete; calling it again is harmless.

    Raises:
        DamageError: a file read back differently (the journal stays).
        OSError: the folder cannot be written (the journal stays).
    """
    done = Sealed(0, 0, 0, 0)
    for session in _sessions(run_dir):
        for each in _seal_session(run_dir, session):
            done = Sealed(*(a + b for a, b in zip(done, each, strict=True)))
    return done


def _sessions(run_dir: str) -> list[list[Segment]]:
    by_session: dict[str, list[Segment]] = {}
    for segment in frames.segments(os.path.join(run_dir, "journal")):
        by_session.setdefault(segment.session, []).append(segment)
    return list(by_session.values())


def _seal_session(run_dir: str, segments: list[Segment]) -> Iterator[Sealed]:
    journal, target = os.path.join(run_dir, "journal"), os.path.join(run_dir, "sealed")
    have = {s.index: s for s in sealed.sealed_segments(target) if s.session == segments[0].session}
    over = life(run_dir, segments[-1].session) is not Life.ALIVE
    layouts: dict[int, Layout] = {}
    seq = 0
    for segment in segments:
        if segment != segments[-1] or over:
            if segment.index in have:
                manifest, size = sealed.read_manifest(target, segment), 0
                layouts.update({each["id"]: Layout.from_dict(each)
                                for each in manifest.descriptor.get("layouts", ())})
            else:
                seq = max(seq, _sealed_seq(target, have, segment))
                data = read_segment(journal, segment, layouts, seq)
                manifest = _write(target, segment, data, seq)
                size = sum(file.bytes for file in manifest.files)
            seq = manifest.seq[1]
            gone = _delete(run_dir, segment, manifest)
            yield Sealed(int(size > 0), int(gone), manifest.source_bytes, size)


def _sealed_seq(target: str, have: dict[int, Segment], segment: Segment) -> int:
    """Return the sequence number after the last earlier segment that is only sealed."""
    earlier = [index for index in have if index < segment.index]
    return sealed.read_manifest(target, have[max(earlier)]).seq[1] if earlier else 0


def _write(target: str, segment: Segment, data: SegmentData, seq: int) -> Manifest:
    os.makedirs(target, mode=0o700, exist_ok=True)
    stem = segment.name.removesuffix(".seg")
    mono_ns, elapsed_ns = data.descriptor.get("mono_ns", 0), data.descriptor.get("elapsed_ns", 0)
    offset_ns = elapsed_ns - mono_ns
    files = []
    common, rare = _by_layout(data, offset_ns)
    for number, columns in enumerate(common, start=1):
        name = f"{stem}-{number:03d}.parquet"
        size = _write_table(target, name, columns.table())
        rows = len(columns.seq)
        files.append(SealedFile(name, "rows", rows, size, columns.layout, columns.stats()))
    if rare:
        table, name = parquet.long_table(rare), f"{stem}-long.parquet"
        size = _write_table(target, name, table)
        files.append(SealedFile(name, "long", table.num_rows, size))
    inline = [{"seq": e.seq, "mono_ns": e.mono_ns, "data": e.data} for e in data.events]
    if len(inline) > INLINE_EVENTS or len(str(inline)) > INLINE_BYTES:
        name = f"{stem}-events.parquet"
        size = _write_table(target, name, parquet.events_table(data.events, offset_ns))
        files.append(SealedFile(name, "events", len(inline), size))
        inline = []
    damage = [(d.start, d.stop, d.reason) for d in data.damage]
    manifest = Manifest(
        segment, (seq, data.next_seq), data.descriptor, data.heartbeat, data.anchors, data.ended,
        data.lost, damage, data.size, files, *_last(data, offset_ns), inline,
    )  # fmt: skip
    write_atomically(os.path.join(target, manifest.name), manifest.to_json())
    return manifest


def _last(data: SegmentData, offset_ns: int) -> tuple[int, float | None]:
    """Return the elapsed time of the last item and the step of the last row."""
    ends = [(e.mono_ns, e.seq, None) for e in data.events]
    rows = [block.rows[-1] for block in data.blocks]
    ends += [(int(row["mono_ns"]), int(row["seq"]), row["step"].item()) for row in rows]
    if not ends:
        return data.descriptor.get("elapsed_ns", 0), None
    stepped = [end for end in ends if end[2] is not None]
    last_step = max(stepped, key=lambda end: end[1])[2] if stepped else None
    return max(end[0] for end in ends) + offset_ns, last_step


def _by_layout(
    data: SegmentData, offset_ns: int
) -> tuple[list[parquet.Columns], list[parquet.Columns]]:
    """Return the layouts that get a table of their own, and the rare ones."""
    grouped: dict[Layout, list[Block]] = {}
    for block in data.blocks:
        grouped.setdefault(block.layout, []).append(block)
    columns = [parquet.Columns(layout, blocks, offset_ns) for layout, blocks in grouped.items()]
    columns.sort(key=lambda each: -len(each.seq))
    return columns[:MAX_TABLES], columns[MAX_TABLES:]


def _write_table(target: str, name: str, table: parquet.pa.Table) -> int:
    draft = os.path.join(target, f".{name}.{secrets.token_hex(4)}")
    try:
        size = parquet.write(table, draft)
        os.replace(draft, os.path.join(target, name))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    return size


def _delete(run_dir: str, segment: Segment, manifest: Manifest) -> bool:
    """Delete a sealed segment once every mirror is past it."""
    sinks = list(folder.describe(run_dir).get("sinks", ()))
    size = manifest.source_bytes
    if not cursor.passed(run_dir, segment.session, segment.index, size, sinks):
        return False
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(run_dir, "journal", segment.name))
    return True
