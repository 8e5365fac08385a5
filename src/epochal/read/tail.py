"""Following a run: its records from the first on, while it is recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from epochal.core.records import Record
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.journal.reader import Position, SessionReader
from epochal.journal.session import rank_of
from epochal.read.contents import Contents
from epochal.store import replay, sealed
from epochal.store.sealed import Manifest

BATCH = 4096
OVER = frozenset({"finished", "failed", "interrupted", "killed"})


def follow(
    run_dir: str, *, rank: int, poll_s: float, timeout_s: float | None
) -> Iterator[list[Record]]:
    """Yield batches of records, in the order of (session, seq) as far as they are there.

    Sealed segments are read as well, also those that are sealed meanwhile, so nothing is missed.

    Args:
        run_dir: the run.
        rank: of a distributed job, whose records.
        poll_s: pause between looks at the folder.
        timeout_s: give up after so many seconds; None: never.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    tail = _Tail(run_dir, rank)
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
        contents = Contents(run_dir, rank=rank)
        over = contents.main is not None and contents.state_of(contents.main) in OVER
        if not over:
            time.sleep(poll_s)


class _Tail:
    """Where reading stands in each session."""

    def __init__(self, run_dir: str, rank: int) -> None:
        self._rank = rank
        self._others: set[str] = set()
        self._journal = os.path.join(run_dir, "journal")
        self._sealed = os.path.join(run_dir, "sealed")
        self._readers: dict[str, SessionReader] = {}

    def read(self) -> list[Record]:
        """Return new records; empty: nothing new."""
        live = frames.segments(self._journal)
        done = set(sealed.sealed_segments(self._sealed))
        for segment in sorted({*live, *done}):
            try:
                if not self._is_mine(segment, is_sealed=segment in done):
                    continue
                reader = self._reader(segment)
                if segment.index < reader.position.index:
                    continue
                last = max((s.index for s in live if s.session == segment.session), default=0)
                more = [last] if last > segment.index else []
                records = [] if segment in done else reader.read([segment.index, *more])
            except FileNotFoundError:
                return self.read()  # sealed between listing and opening
            if segment in done:
                records = self._take_sealed(segment, reader)
            if records:
                return records
        return []

    def _is_mine(self, segment: Segment, *, is_sealed: bool) -> bool:
        """Say whether a segment's session is one of the rank."""
        if segment.session in self._readers or segment.session in self._others:
            return segment.session in self._readers
        rank = self._manifest(segment).rank if is_sealed else rank_of(self._journal, segment)
        if rank not in (None, self._rank):
            self._others.add(segment.session)
        return rank == self._rank

    def _reader(self, segment: Segment) -> SessionReader:
        reader = self._readers.get(segment.session)
        if reader is None:
            reader = SessionReader(self._journal, segment.ordinal, segment.session)
            self._readers[segment.session] = reader
        return reader

    def _manifest(self, segment: Segment) -> Manifest:
        return sealed.read_manifest(self._sealed, segment)

    def _take_sealed(self, segment: Segment, reader: SessionReader) -> list[Record]:
        manifest = self._manifest(segment)
        seq = reader.position.seq
        reader.position = Position(segment.index + 1, 0, max(seq, manifest.seq[1]))
        batches = replay.replay(self._sealed, manifest, seq)
        return [record for batch, _ in batches for record in batch]
