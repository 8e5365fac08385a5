"""Sealing: full segments, and the rest when a session has ended, become Parquet.

It never runs in the training process.  A segment is deleted only after its Parquet files were read
back, with page checksums, and found equal, and after every mirror has passed it; one with damaged
bytes stays.  Two processes may seal the same run: both write the same content and rename it to the
same names.

The last segment of a session is sealed when its process has ended, or is known to be dead and its
ring was saved.  "No contact" is not enough: the process may write on when its network is back.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from epochal.core import ring
from epochal.core.atomic import write_atomically
from epochal.core.errors import DamageError
from epochal.core.items import FLOAT_STEP, Layout
from epochal.core.problems import logger
from epochal.journal import frames, recovery
from epochal.journal.frames import Segment
from epochal.store import cursor, folder, level_files, parquet, sealed
from epochal.store.columns import Array, Block, SegmentData, read_segment
from epochal.store.liveness import Life, life
from epochal.store.sealed import ELAPSED, SEQ, STEP, Manifest, SealedFile

if TYPE_CHECKING:
    import pyarrow as pa

MAX_TABLES = 16
"""Key sets of a segment with a table of their own; the rarer ones share the long table."""

INLINE_EVENTS = 200
INLINE_BYTES = 64 << 10


class Sealed(NamedTuple):
    """What sealing did to a run.

    Attributes:
        segments: turned to Parquet.
        deleted: segment files that went.
        journal_bytes, parquet_bytes: sizes.
        levels: levels that were added to tables sealed earlier.
    """

    segments: int
    deleted: int
    journal_bytes: int
    parquet_bytes: int
    levels: int = 0


def seal_run(run_dir: str) -> Sealed:
    """Seal whatever of a run is complete; calling it again is harmless.

    Raises:
        DamageError: a file read back differently (the journal stays).
        OSError: the folder cannot be written (the journal stays).
    """
    done = Sealed(0, 0, 0, 0)
    for session in _sessions(run_dir):
        over = _is_over(run_dir, session)
        segments = _sessions(run_dir).get(session, [])  # again: its ring may have been saved
        for each in _seal_session(run_dir, segments if over else segments[:-1]):
            done = Sealed(*(a + b for a, b in zip(done, each, strict=True)))
    return done._replace(levels=_add_levels(os.path.join(run_dir, "sealed")))


def _sessions(run_dir: str) -> dict[str, list[Segment]]:
    by_session: dict[str, list[Segment]] = {}
    for segment in frames.segments(os.path.join(run_dir, "journal")):
        by_session.setdefault(segment.session, []).append(segment)
    return by_session


def _is_over(run_dir: str, session: str) -> bool:
    """Say whether nothing can be added to a session anymore, saving its ring if there is one."""
    try:
        found = life(run_dir, session)
        if found is Life.DEAD:
            recovery.recover(session=session)
            found = life(run_dir, session)
    except (FileNotFoundError, IndexError):  # another process has sealed it meanwhile
        return False
    left = any(os.path.exists(os.path.join(f, f"{session}.ring")) for f in ring.ring_folders())
    return found is Life.ENDED or (found is Life.DEAD and not left)


def _seal_session(run_dir: str, segments: list[Segment]) -> Iterator[Sealed]:
    journal, target = os.path.join(run_dir, "journal"), os.path.join(run_dir, "sealed")
    session = segments[0].session if segments else ""
    have = {s.index: s for s in sealed.sealed_segments(target) if s.session == session}
    known: dict[int, Layout] = {}
    descriptor: dict[str, Any] = {}
    seq = 0
    for segment in segments:
        if earlier := [index for index in have if index < segment.index]:
            before = sealed.read_manifest(target, have[max(earlier)])
            seq, descriptor = max(seq, before.seq[1]), before.descriptor
            known.update(sealed.layouts_of(before))
        if segment.index in have:
            manifest, size = sealed.read_manifest(target, segment), 0
        else:
            try:
                data = read_segment(journal, segment, known, seq, descriptor)
            except FileNotFoundError:
                continue  # another process has sealed it meanwhile
            manifest = _write(target, segment, data, seq)
            size = sum(file.bytes for file in manifest.files)
            have[segment.index] = segment
        gone = _delete(run_dir, segment, manifest)
        yield Sealed(int(size > 0), int(gone), manifest.source_bytes, size)


def _write(target: str, segment: Segment, data: SegmentData, seq: int) -> Manifest:
    os.makedirs(target, mode=0o700, exist_ok=True)
    stem = segment.name.removesuffix(".seg")
    mono_ns, elapsed_ns = data.descriptor.get("mono_ns", 0), data.descriptor.get("elapsed_ns", 0)
    offset_ns = elapsed_ns - mono_ns
    files = []
    common, rare = _by_layout(data, offset_ns)
    for number, columns in enumerate(common, start=1):
        name = f"{stem}-{number:03d}.parquet"
        _write_table(target, name, columns.table())
        rows = len(columns.seq)
        file = _file(target, name, "rows", rows, columns.layout, columns.stats())
        fixed = (columns.seq, columns.elapsed_ns, columns.step)
        _write_level(target, file, fixed, columns.values)
        files.append(file)
    for suffix, wanted in (("long", 0), ("long-float", FLOAT_STEP)):
        these = [each for each in rare if each.layout.variant & FLOAT_STEP == wanted]
        if these:
            table, name = parquet.long_table(these), f"{stem}-{suffix}.parquet"
            _write_table(target, name, table)
            stats = parquet.long_stats(these)
            files.append(_file(target, name, "long", table.num_rows, None, stats))
    events, inline = data.events, []
    if len(events) > INLINE_EVENTS or sum(map(len, events.texts)) > INLINE_BYTES:
        name = f"{stem}-events.parquet"
        _write_table(target, name, parquet.events_table(events, offset_ns))
        files.append(_file(target, name, "events", len(events)))
    else:
        inline = [e._asdict() for e in events.of()]
    damage = [(d.start, d.stop, d.reason) for d in data.damage]
    manifest = Manifest(
        segment, (seq, data.next_seq), data.descriptor, data.heartbeat, data.anchors, data.ended,
        data.lost, damage, data.size, files, *_last(data, offset_ns), inline,
    )  # fmt: skip
    body = manifest.to_json()
    try:
        Manifest.from_json(body)
    except ValueError as error:  # of what a stranger wrote
        message = f"{segment.name} cannot be sealed: {error}; the journal is kept"
        raise DamageError(message) from error
    write_atomically(os.path.join(target, manifest.name), body)
    return manifest


def _last(data: SegmentData, offset_ns: int) -> tuple[int, float | None]:
    """Return the elapsed time of the last item and the step of the last row."""
    rows = [block.rows[-1] for block in data.blocks]
    clocks = data.events.mono_ns + [int(row["mono_ns"]) for row in rows]
    if not clocks:
        return data.descriptor.get("elapsed_ns", 0), None
    last = max(rows, key=lambda row: int(row["seq"]), default=None)
    return max(clocks) + offset_ns, None if last is None else last["step"].item()


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


def _write_table(target: str, name: str, table: pa.Table) -> None:
    draft = os.path.join(target, f".{name}.{secrets.token_hex(4)}")
    try:
        parquet.write(table, draft)
        os.replace(draft, os.path.join(target, name))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _file(
    target: str,
    name: str,
    kind: str,
    rows: int,
    layout: Layout | None = None,
    stats: dict[str, dict[str, Any]] | None = None,
) -> SealedFile:
    """Describe a file that was written."""
    path = os.path.join(target, name)
    crc = parquet.crc_of_footer(path)
    return SealedFile(name, kind, rows, os.path.getsize(path), layout, stats or {}, crc)


def _write_level(
    target: str, file: SealedFile, fixed: tuple[Array, Array, Array], values: Sequence[Array]
) -> bool:
    """Write the level of a table that is large enough; without one it is only read more slowly."""
    if file.rows < level_files.MIN_ROWS or file.footer_crc is None:
        return False
    try:
        level_files.write(level_files.level_path(target, file), fixed, values, file.footer_crc)
    except OSError as error:
        logger.debug("no level is written for %s: %s", file.name, error)
        return False
    return True


def _add_levels(target: str) -> int:
    """Write the levels that sealed tables lack, as an earlier version sealed them, or lost."""
    added = 0
    for segment in sealed.sealed_segments(target):
        with contextlib.suppress(OSError, DamageError):  # `verify` names them
            for file in sealed.read_manifest(target, segment).files:
                if file.layout and file.rows >= level_files.MIN_ROWS:
                    added += _add_level(target, file, file.layout)
    return added


def _add_level(target: str, file: SealedFile, layout: Layout) -> bool:
    with contextlib.suppress(FileNotFoundError, DamageError):
        level_files.open_level(target, file).check()
        return False
    names = sealed.parquet_columns(layout)
    first = len(names) - len(layout.keys)
    try:
        table = parquet.read(os.path.join(target, file.name), of=file)
    except DamageError:
        return False  # as `epochal verify` says
    arrays = {name: parquet.as_array(table[name]) for name in names}
    fixed = (arrays[SEQ], arrays[ELAPSED], arrays[STEP])
    values = [arrays[name] for name in names[first:]]
    return _write_level(target, file, fixed, values)


def _delete(run_dir: str, segment: Segment, manifest: Manifest) -> bool:
    """Delete a sealed segment once every mirror is past it; what is damaged is kept as evidence."""
    about = folder.describe(run_dir)
    # Sink objects ended with their process; one that is given again starts from the sealed files.
    gone = about.get("sink_objects", ()) if manifest.ended else ()
    sinks = {*about.get("sinks", ()), *about.get("sink_objects", ())}
    size = manifest.source_bytes
    if manifest.damage:
        start, stop, reason = manifest.damage[0]
        if stop < size or reason not in sealed.TORN:
            return False
        size = start  # mirrors do not pass an unfinished frame at the end
    if not manifest.rank and not cursor.passed(  # mirrors show rank 0 and nothing of the others
        run_dir, segment.session, segment.index, size, sinks, gone
    ):
        return False
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(run_dir, "journal", segment.name))
    return True
