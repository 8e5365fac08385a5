"""Following a run: its records from the first on, while it is recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from epochal.core.errors import DamageError
from epochal.core.items import IMPLICIT_STEP
from epochal.core.records import Event, Record, Row
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.journal.reader import Position, SessionReader
from epochal.read.contents import Contents
from epochal.read.parts import Part, SealedPart
from epochal.read.sessions import group
from epochal.store import sealed

BATCH = 4096
OVER = frozenset({"finished", "failed", "interrupted", "killed"})


def follow(run_dir: str, *, poll_s: float, timeout_s: float | None) -> Iterator[list[Record]]:
    """Yield batches of records, in the order of (session, seq) as far as they are there.

    Sealed segments are read as well, also those that are sealed meanwhile, so nothing is missed.

    Args:
        run_dir: the run.
        poll_s: pause between looks at the folder.
        timeout_s: give up after so many seconds; None: never.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    tail = _Tail(run_dir)
    over = False
    while True:
        records = tail.read()
        if records:
            yield from (records[at : at + BATCH] for at in range(0, len(records), BATCH))
            continue
        if over:  # it was before the last look, so that look has seen everything
            return
        if deadline is not None and time.monotonic() > deadline:
            return
        contents = Contents(run_dir)
        over = contents.main is not None and contents.state_of(contents.main) in OVER
        if not over:
            time.sleep(poll_s)


class _Tail:
    """Where reading stands in each session."""

    def __init__(self, run_dir: str) -> None:
        self._journal = os.path.join(run_dir, "journal")
        self._sealed = os.path.join(run_dir, "sealed")
        self._run_dir = run_dir
        self._readers: dict[str, SessionReader] = {}

    def read(self) -> list[Record]:
        """Return new records; empty: nothing new."""
        live = frames.segments(self._journal)
        done = set(sealed.sealed_segments(self._sealed))
        for segment in sorted({*live, *done}):
            reader = self._reader(segment)
            if segment.index < reader.position.index:
                continue
            if segment in done:
                records = self._take_sealed(segment, reader)
            else:
                try:
                    last = max(s.index for s in live if s.session == segment.session)
                    records = reader.read(
                        [segment.index, *([last] if last > segment.index else [])]
                    )
                except FileNotFoundError:
                    return self.read()  # sealed between listing and opening
            if records:
                return records
        return []

    def _reader(self, segment: Segment) -> SessionReader:
        reader = self._readers.get(segment.session)
        if reader is None:
            reader = SessionReader(self._journal, segment.ordinal, segment.session)
            self._readers[segment.session] = reader
        return reader

    def _take_sealed(self, segment: Segment, reader: SessionReader) -> list[Record]:
        try:
            part = SealedPart(self._sealed, sealed.read_manifest(self._sealed, segment))
        except ValueError as error:
            message = f"the manifest of {segment.name} is damaged: {error}"
            raise DamageError(message) from error
        seq = reader.position.seq
        reader.position = Position(segment.index + 1, 0, max(seq, part.manifest.seq[1]))
        return records(part, self._run_dir, seq)


def records(part: Part, run_dir: str, seq: int = 0) -> list[Record]:
    """Return the records of a part from a sequence number on, in order."""
    (session,) = group([part], run_dir)
    clock = session.clock
    found: list[Record] = []
    for rows in part.rows(None):
        layout = rows.layout
        elapsed, times = clock.elapsed_s(rows.elapsed_ns), clock.time_s(rows.seq, rows.elapsed_ns)
        steps = rows.steps.tolist()
        epochs = rows.epochs.tolist() if rows.epochs is not None else [None] * len(steps)
        values = zip(*(column.tolist() for column in rows.values.values()), strict=True)
        fixed = zip(
            rows.seq.tolist(), times.tolist(), elapsed.tolist(), steps, epochs, values, strict=True
        )
        given = not layout.variant & IMPLICIT_STEP
        found += [
            Row(session.ordinal, at, time_s, elapsed_s, step, given, epoch, layout.phase,
                dict(zip(rows.values, row, strict=True)))
            for at, time_s, elapsed_s, step, epoch, row in fixed
            if at >= seq
        ]  # fmt: skip
    import numpy as np

    for event in part.events():
        if event.seq >= seq:
            where = np.array([event.seq]), np.array([event.elapsed_ns])
            data = {key: value for key, value in event.data.items() if key != "kind"}
            found.append(
                Event(session.ordinal, event.seq, float(clock.time_s(*where)[0]),
                      float(clock.elapsed_s(where[1])[0]), str(event.data.get("kind")), data)
            )  # fmt: skip
    return sorted(_joined(found), key=lambda record: record.seq)


def _joined(found: list[Record]) -> list[Record]:
    """Put rows of one sequence number together: the long table holds them by metric."""
    by_seq: dict[int, Record] = {}
    for record in found:
        first = by_seq.setdefault(record.seq, record)
        if first is not record and isinstance(first, Row) and isinstance(record, Row):
            first.values.update(record.values)
    return list(by_seq.values())
