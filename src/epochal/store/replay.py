"""Records of a whole run, whatever of it is sealed: for mirrors that begin late or begin anew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from epochal.core.items import HAS_EPOCH, IMPLICIT_STEP, Layout
from epochal.core.records import Event, Record, Row
from epochal.journal import frames
from epochal.journal.reader import START, JournalReader, Position
from epochal.store import parquet, sealed
from epochal.store.columns import Array
from epochal.store.events import of_manifest
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP, Manifest, SealedFile

BATCH = 4096


class RunReader:
    """Reads all sessions of a run from sealed files and journal, each from its own position.

    It has the interface of :class:`~epochal.journal.reader.JournalReader`, and hands over to one as
    soon as nothing sealed is left to replay.

    Args:
        run_dir: the run's folder.
        positions: where to go on, by session id.
        rank: only the sessions of this rank of a distributed job; None: all.
    """

    def __init__(
        self, run_dir: str, positions: dict[str, Position] | None = None, rank: int | None = None
    ) -> None:
        self._run_dir, self._rank = run_dir, rank
        self._positions = dict(positions or {})
        self._replay = self._sealed()
        self._live: JournalReader | None = None

    def read(self) -> list[Record]:
        """Return new records; empty: nothing new.

        Raises:
            DamageError: a sealed file does not match its checksums.
        """
        if self._live is None:
            for batch in self._replay:
                return batch
            journal = os.path.join(self._run_dir, "journal")
            self._live = JournalReader(journal, self._positions, self._rank)
        return self._live.read()

    def positions(self) -> dict[str, Position]:
        """Return where reading stands, by session id."""
        return dict(self._positions) if self._live is None else self._live.positions()

    def _sealed(self) -> Iterator[list[Record]]:
        """Yield what only the sealed files have; the position moves on with each batch."""
        journal = set(frames.segments(os.path.join(self._run_dir, "journal")))
        folder = os.path.join(self._run_dir, "sealed")
        for segment in sealed.sealed_segments(folder):
            at = self._positions.get(segment.session, START)
            if segment in journal or segment.index < at.index:
                continue
            manifest = sealed.read_manifest(folder, segment)
            if self._rank is not None and manifest.rank != self._rank:
                continue
            for batch, seq in replay(folder, manifest, at.seq):
                self._positions[segment.session] = Position(segment.index, 0, seq)
                yield batch
            end = Position(segment.index, manifest.source_bytes, manifest.seq[1])
            self._positions[segment.session] = end


def has_only_sealed(run_dir: str, positions: dict[str, Position], rank: int) -> bool:
    """Say whether some of what a rank wrote after the positions is no longer in the journal."""
    journal = set(frames.segments(os.path.join(run_dir, "journal")))
    folder = os.path.join(run_dir, "sealed")
    for segment in sealed.sealed_segments(folder):
        at = positions.get(segment.session, START)
        if segment in journal or segment.index < at.index:
            continue
        manifest = sealed.read_manifest(folder, segment)
        left = at.index < segment.index or at.offset < manifest.source_bytes
        if left and manifest.rank == rank:
            return True
    return False


def replay(folder: str, manifest: Manifest, seq: int) -> Iterator[tuple[list[Record], int]]:
    """Yield batches of a sealed segment's records from a sequence number on, with the next one."""
    tables = [*_tables(folder, manifest)]
    events = _events(folder, manifest)
    parts = [columns[SEQ] for _, columns in tables]
    parts.append(np.array([event[0] for event in events], np.int64))
    numbers = np.concatenate(parts)
    source = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    place = np.concatenate([np.arange(len(part)) for part in parts])
    order = np.argsort(numbers, kind="stable")
    order = order[numbers[order] >= seq]
    clock = _Clock(manifest)
    for start in range(0, len(order), BATCH):
        records: list[Record] = []
        for index in order[start : start + BATCH]:
            which, row = int(source[index]), int(place[index])
            if which < len(tables):
                records.append(_row(manifest, clock, *tables[which], row))
            else:
                records.append(_event(manifest, clock, *events[row]))
        yield records, records[-1].seq + 1


class _Clock:
    """Wall times of a sealed segment: each item follows the anchor before it."""

    def __init__(self, manifest: Manifest) -> None:
        start = manifest.descriptor
        self._offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)
        self._seqs = np.array([anchor[0] for anchor in manifest.anchors], np.int64)
        self._anchors = manifest.anchors

    def time_s(self, seq: int, elapsed_ns: int) -> float:
        """Return seconds since 1970."""
        if not self._anchors:
            return 0.0
        at = max(0, int(np.searchsorted(self._seqs, seq, side="right")) - 1)
        _, mono_ns, wall_ns = self._anchors[at]
        return float(wall_ns + elapsed_ns - self._offset_ns - mono_ns) / 1e9


def _row(
    manifest: Manifest, clock: _Clock, layout: Layout, columns: dict[str, Array], row: int
) -> Row:
    seq, elapsed_ns = int(columns[SEQ][row]), int(columns[ELAPSED][row])
    epoch = float(columns[EPOCH][row]) if layout.variant & HAS_EPOCH else None
    return Row(
        manifest.segment.ordinal, seq, clock.time_s(seq, elapsed_ns), elapsed_ns / 1e9,
        columns[STEP][row].item(), not layout.variant & IMPLICIT_STEP, epoch, layout.phase,
        {key: float(columns[f"value {key}"][row]) for key in layout.keys},
    )  # fmt: skip


def _event(
    manifest: Manifest, clock: _Clock, seq: int, elapsed_ns: int, data: dict[str, Any]
) -> Event:
    fields = dict(data)
    time_s = clock.time_s(seq, elapsed_ns)
    return Event(
        manifest.segment.ordinal, seq, time_s, elapsed_ns / 1e9, fields.pop("kind"), fields
    )


def _table(folder: str, file: SealedFile) -> Any:
    return parquet.read(os.path.join(folder, file.name), of=file)


def _tables(folder: str, manifest: Manifest) -> Iterator[tuple[Layout, dict[str, Array]]]:
    """Yield the tables of a segment: fixed columns, and values under ``value <metric>``."""
    for file in manifest.files:
        if file.layout is None:
            if file.kind.startswith("long"):
                yield from _rare(_table(folder, file))
            continue
        table = _table(folder, file)
        names = sealed.parquet_columns(file.layout)
        first = len(names) - len(file.layout.keys)
        columns = {name: parquet.as_array(table.column(i)) for i, name in enumerate(names[:first])}
        for i, key in enumerate(file.layout.keys, start=first):
            columns[f"value {key}"] = parquet.as_array(table.column(i))
        yield file.layout, columns


def _rare(table: Any) -> Iterator[tuple[Layout, dict[str, Array]]]:
    """Yield the rows of a long table, each as a table of one row with all its metrics."""
    rows = table.sort_by([(SEQ, "ascending"), ("place", "ascending")]).to_pylist()
    start = 0
    while start < len(rows):
        stop = start
        while stop < len(rows) and rows[stop][SEQ] == rows[start][SEQ]:
            stop += 1
        same, first = rows[start:stop], rows[start]
        keys = tuple(each["metric"] for each in same)
        columns = {f"value {each['metric']}": np.array([each["value"]]) for each in same}
        columns |= {name: np.array([first[name]]) for name in (SEQ, ELAPSED, STEP, EPOCH)}
        yield Layout(0, keys, first["phase"], first["variant"]), columns
        start = stop


def _events(folder: str, manifest: Manifest) -> list[tuple[int, int, dict[str, Any]]]:
    start = manifest.descriptor
    offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)
    found = of_manifest(folder, manifest).of()
    return [(event.seq, event.mono_ns + offset_ns, event.data) for event in found]
