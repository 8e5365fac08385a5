"""A follower: brings one sink, record by record, to where the journal is."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from epochal.core.errors import SinkError, StartOverError
from epochal.core.names import slug
from epochal.core.problems import logger
from epochal.core.records import Event, Record
from epochal.core.sink import Sink
from epochal.follow.turn import Turn
from epochal.journal.reader import JournalReader, Position
from epochal.store import cursor, folder
from epochal.store.cursor import Cursor

FLUSH_S = 1.0
SETTLE_S = 3.0
"""So long after the last record a sink is still flushed: it may rewrite its file rarely."""
MIRRORED_RANK = 0
BATCH = 2048
TRIES = 5
SLOWEST_RETRY_S = 30.0
SUSPECTS = 3
"""So many records that fail one after the other mean that the service is down, not the records."""


class Reader(Protocol):
    """Where a follower's records come from."""

    def read(self) -> list[Record]:
        """Return new records."""

    def positions(self) -> dict[str, Position]:
        """Return where reading stands."""


def open_reader(run_dir: str, positions: dict[str, Position]) -> Reader:
    """Return a reader of the journal, or of sealed files too if some of it is only there.

    Mirrors show what rank 0 of a distributed job recorded, and nothing of the other ranks.
    """
    sealed = os.path.join(run_dir, "sealed")
    if os.path.isdir(sealed) and os.listdir(sealed):
        from epochal.store import replay  # loads NumPy and pyarrow: rarely needed

        if replay.has_only_sealed(run_dir, positions, MIRRORED_RANK):
            return replay.RunReader(run_dir, positions, MIRRORED_RANK)
    return JournalReader(os.path.join(run_dir, "journal"), positions, MIRRORED_RANK)


class Follower:
    """Feeds one sink from one run's journal; all calls from one thread.

    A failure of the sink is an attempt that is repeated later from the last stored position, with
    growing pauses.  A record that alone makes it fail is set aside in
    ``follow/<sink>.refused.jsonl`` and reported, and the rest goes on.

    Args:
        run_dir: the run.
        sink: where its records go.
        clock: seconds, monotonic.

    Attributes:
        problem: what the sink said last time it failed, "" when all is well.
        refused: how many records were set aside.
    """

    def __init__(
        self, run_dir: str, sink: Sink, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.run_dir, self.sink, self._clock = run_dir, sink, clock
        self._turn = Turn(run_dir, sink.name)
        self.problem, self.refused, self.ended = "", 0, False
        self._failures = self._refusals = 0
        self._retry_at = 0.0
        self._flushed_at = clock()
        self._dirty, self._settles_at = False, 0.0
        self._reader: Reader | None = None

    def step(self) -> bool:
        """Move on; True if there was anything to do, False when it is time to wait."""
        now = self._clock()
        if now < self._retry_at:
            return False
        try:
            if not self._turn.take():
                return False  # another process brings this mirror up to date
            reader = self._reader or self._open()
            records = reader.read()
            for start in range(0, len(records), BATCH):
                self._write(records[start : start + BATCH])
            due = self._dirty or now < self._settles_at
            if due and now - self._flushed_at >= FLUSH_S:
                self._flush(finished=False)
        except StartOverError as error:
            self._start_over(error)
            return True
        except Exception as error:  # noqa: BLE001 - a stranger's sink; counted, told, retried
            self._failed(error)
            return False
        return bool(records)

    def finish(self, deadline: float) -> bool:
        """Bring the sink to the end of the journal and close it; False: not in time.

        Args:
            deadline: on the follower's clock.
        """
        while True:
            if self.step():
                continue
            if self._clock() >= self._retry_at and self._complete():
                return True
            if self._clock() >= deadline:
                self._turn.give()
                return False
            time.sleep(min(0.05, max(0.0, deadline - self._clock())))

    def _complete(self) -> bool:
        try:
            if self._reader is None:
                return False
            self._flush(finished=True)
            self.sink.close()
        except StartOverError as error:
            self._start_over(error)
            return False
        except Exception as error:  # noqa: BLE001 - as in step
            self._failed(error)
            return False
        self._reader = None
        self._turn.give()
        return True

    def _open(self) -> Reader:
        stored = cursor.load(self.run_dir, self.sink.name)
        about = folder.info(self.run_dir)
        try:
            self.sink.open(about, stored.state)
        except SinkError as error:
            if stored.state is None:
                raise
            level = logging.INFO if isinstance(error, StartOverError) else logging.WARNING
            logger.log(level, "sink %r of %s begins anew: %s", self.sink.name, self.run_dir, error)
            stored = Cursor()
            self.sink.open(about, None)
        self._reader = open_reader(self.run_dir, stored.positions)
        return self._reader

    def _write(self, records: Sequence[Record]) -> None:
        if self._refusals >= TRIES:
            self._isolate(records)
        else:
            self.sink.write(records)
        self._dirty, self._settles_at = True, self._clock() + SETTLE_S
        self.ended |= any(isinstance(r, Event) and r.kind == "end" for r in records)

    def _flush(self, *, finished: bool) -> None:
        assert self._reader is not None
        positions = self._reader.positions()
        state = self.sink.flush()
        Cursor(positions, state, finished).save(self.run_dir, self.sink.name)
        self._flushed_at, self._dirty = self._clock(), False
        if self.problem:
            logger.info("sink %s of %s works again", self.sink.name, self.run_dir)
        self.problem, self._failures, self._refusals = "", 0, 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._refusals += not isinstance(error, ConnectionError)  # the service is away
        self._retry_at = self._clock() + min(0.1 * 2**self._failures, SLOWEST_RETRY_S)
        if not self.problem:
            logger.warning(
                "sink %r of %s failed: %s: %s; it is tried again, the journal has everything",
                self.sink.name, self.run_dir, type(error).__name__, error,
            )  # fmt: skip
        self.problem = f"{type(error).__name__}: {error}"
        self._abandon()

    def _start_over(self, error: StartOverError) -> None:
        logger.info("sink %r of %s begins anew: %s", self.sink.name, self.run_dir, error)
        Cursor().save(self.run_dir, self.sink.name)
        self._abandon()

    def _abandon(self) -> None:
        """Close the sink after a failure; its unflushed work is done again from the cursor."""
        self._reader, self._dirty = None, False
        try:
            self.sink.close()
        except Exception as error:  # noqa: BLE001 - it already failed; this adds nothing
            logger.debug("sink %r could not be closed: %s", self.sink.name, error)
        self._turn.give()

    def _isolate(self, records: Sequence[Record]) -> None:
        """Send records one by one and set aside those that alone make the sink fail."""
        suspects: list[tuple[Record, str]] = []
        about, state = folder.info(self.run_dir), self.sink.flush()
        for record in records:
            try:
                self.sink.write([record])
                state = self.sink.flush()
            except ConnectionError:
                raise
            except Exception as error:
                suspects.append((record, f"{type(error).__name__}: {error}"))
                if len(suspects) == SUSPECTS:
                    raise
                self.sink.close()
                self.sink.open(about, state)
            else:
                self._set_aside(suspects)
                suspects = []
        self._set_aside(suspects)

    def _set_aside(self, suspects: list[tuple[Record, str]]) -> None:
        if not suspects:
            return
        path = os.path.join(self.run_dir, "follow", f"{slug(self.sink.name)}.refused.jsonl")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "a", encoding="ascii") as file:
            for record, why in suspects:
                line = {"error": why, "record": record._asdict()}
                file.write(json.dumps(line, default=str) + "\n")
        self.refused += len(suspects)
        logger.warning(
            "sink %r refused %d records of %s; they are in %s",
            self.sink.name, len(suspects), self.run_dir, path,
        )  # fmt: skip
