"""Reading the journal as records, while it is written or afterwards.  Standard library only.

Followers use this.  Columns for analysis are read by :mod:`epochal.read`, from the same frames.
"""

from __future__ import annotations

import collections
import json
import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epochal.core import items
from epochal.core.items import HAS_EPOCH, IMPLICIT_STEP, Item, Layout, RowItem
from epochal.core.records import Event, Record, Row
from epochal.journal import frames
from epochal.journal.frames import Damage, Frame, Segment
from epochal.journal.session import is_sound, rank_of

READ_BYTES = 2 << 20
"""How much of a segment is read at once, so that following costs little memory."""


@dataclass
class SessionClock:
    """Turns the monotonic times of a session into wall time and time since the run began.

    Wall time follows the heartbeats, so that a clock that was set right, or a computer that slept,
    is seen from then on; elapsed time never jumps.
    """

    mono_ns: int = 0
    elapsed_ns: int = 0
    wall_ns: int = 0
    wall_mono_ns: int = 0

    def start(self, descriptor: dict[str, Any]) -> None:
        """Take the anchor of a session's descriptor."""
        self.mono_ns, self.elapsed_ns = descriptor["mono_ns"], descriptor["elapsed_ns"]
        if not self.wall_ns:
            self.wall_ns, self.wall_mono_ns = descriptor["wall_ns"], descriptor["mono_ns"]

    def beat(self, heartbeat: dict[str, Any]) -> None:
        """Take the newer anchor of a heartbeat."""
        self.wall_ns, self.wall_mono_ns = heartbeat["wall_ns"], heartbeat["mono_ns"]

    def time_s(self, mono_ns: int) -> float:
        """Return seconds since 1970."""
        return (self.wall_ns + mono_ns - self.wall_mono_ns) / 1e9

    def elapsed_s(self, mono_ns: int) -> float:
        """Return seconds since the run began."""
        return (self.elapsed_ns + mono_ns - self.mono_ns) / 1e9


class Position(NamedTuple):
    """Where reading of a session stands: segment index, byte in it, next sequence number."""

    index: int = 0  # type: ignore[assignment]  # hides tuple.index
    offset: int = 0
    seq: int = 0


START = Position()


@dataclass
class SessionReader:
    """Reads one session of a run from a position on.

    Attributes:
        descriptor: the session's latest descriptor, empty until one was read.
        heartbeat: its latest heartbeat.
        damage: (file name, damaged range) pairs met on the way.
        lost: items that are missing from the sequence.
    """

    folder: str
    ordinal: int
    session: str
    position: Position = START
    clock: SessionClock = field(default_factory=SessionClock)
    layouts: dict[int, Layout] = field(default_factory=dict)
    descriptor: dict[str, Any] = field(default_factory=dict)
    heartbeat: dict[str, Any] = field(default_factory=dict)
    damage: list[tuple[str, Damage]] = field(default_factory=list)
    lost: int = 0
    _primed: bool = False

    def read(self, indices: list[int]) -> list[Record]:
        """Return new records, at most about 2 MiB of them; empty: nothing new.

        Args:
            indices: the session's segments that exist, in order.

        Raises:
            FileNotFoundError: a segment was sealed meanwhile; list again.
        """
        for index in indices:
            if index < self.position.index:
                continue
            if index > self.position.index:
                self.position = Position(index, 0, self.position.seq)
            self._prime(index)
            records = self._read_segment(index, last=index == indices[-1])
            if records:
                return records
        return []

    def _prime(self, index: int) -> None:
        """When starting in the middle of a file, learn the session's layouts and clock first."""
        if self._primed or not self.position.offset:
            self._primed = True
            return
        self._primed = True
        with open(self._path(index), "rb") as file:
            data = file.read(self.position.offset)
        for found in frames.scan(data, self._segment(index).mark):
            if isinstance(found, Frame):
                self._learn(found)
                if found.kind == frames.ITEMS:
                    collections.deque(items.decode(found.payload, self.layouts), maxlen=0)

    def _read_segment(self, index: int, *, last: bool) -> list[Record]:
        records: list[Record] = []
        with open(self._path(index), "rb") as file:
            file.seek(self.position.offset)
            data = file.read(READ_BYTES)
            more = len(data) == READ_BYTES
        start, seq = self.position.offset, self.position.seq
        scanned = list(frames.scan(data, self._segment(index).mark))
        for found in scanned:  # first: a later descriptor lists what a damaged frame defined
            if isinstance(found, Frame) and found.kind == frames.DESCRIPTOR and is_sound(found):
                self._learn_layouts(json.loads(bytes(found.payload)))
        for found in scanned:
            if isinstance(found, Damage):
                tail = found.stop == len(data)
                if tail and (found.start > 0 if more else last):
                    break  # not yet written, or cut by our own buffer
                self.damage.append((self._segment(index).name, _moved(found, start)))
            else:
                self._learn(found)
                if found.kind == frames.ITEMS:
                    seq = self._take(found, seq, records)
            self.position = Position(index, start + found.stop, seq)
        return records

    def _learn(self, frame: Frame) -> None:
        if not is_sound(frame):
            return
        if frame.kind == frames.DESCRIPTOR:
            self.descriptor = json.loads(bytes(frame.payload))
            self.clock.start(self.descriptor)
            self._learn_layouts(self.descriptor)
        elif frame.kind == frames.HEARTBEAT:
            self.heartbeat = json.loads(bytes(frame.payload))
            self.clock.beat(self.heartbeat)

    def _learn_layouts(self, descriptor: dict[str, Any]) -> None:
        for layout in descriptor["layouts"]:
            self.layouts[layout["id"]] = Layout.from_dict(layout)

    def _take(self, frame: Frame, seq: int, records: list[Record]) -> int:
        if frame.seq > seq:  # also counts rows at the end of the frame before, of a lost layout
            self.lost += frame.seq - seq
            seq = frame.seq
        for item in items.decode(frame.payload, self.layouts):
            if item.seq < seq:
                continue  # written twice after a failed sync or a recovery
            self.lost += item.seq - seq
            seq = item.seq + 1
            records.append(self._record(item))
        return seq

    def _record(self, item: Item) -> Record:
        time_s, elapsed_s = self.clock.time_s(item.mono_ns), self.clock.elapsed_s(item.mono_ns)
        if not isinstance(item, RowItem):
            data = dict(item.data)
            return Event(self.ordinal, item.seq, time_s, elapsed_s, data.pop("kind"), data)
        layout = item.layout
        epoch = item.epoch if layout.variant & HAS_EPOCH else None
        given = not layout.variant & IMPLICIT_STEP
        return Row(
            self.ordinal, item.seq, time_s, elapsed_s, item.step, given, epoch, layout.phase,
            dict(zip(layout.keys, item.values, strict=True)),
        )  # fmt: skip

    def _segment(self, index: int) -> Segment:
        return Segment(self.ordinal, self.session, index)

    def _path(self, index: int) -> str:
        return os.path.join(self.folder, self._segment(index).name)


def _moved(damage: Damage, start: int) -> Damage:
    return damage._replace(start=damage.start + start, stop=damage.stop + start)


class JournalReader:
    """Reads the sessions of a run's journal, each from its own position.

    Args:
        folder: the run's ``journal`` folder.
        positions: where to go on, by session id (from :meth:`positions`).
        rank: only the sessions of this rank of a distributed job; None: all.
    """

    def __init__(
        self, folder: str, positions: dict[str, Position] | None = None, rank: int | None = None
    ) -> None:
        self.folder, self._rank = folder, rank
        self._start = dict(positions or {})
        self._others: set[str] = set()
        self.sessions: dict[str, SessionReader] = {}

    def read(self) -> list[Record]:
        """Return new records, session after session; empty: nothing new."""
        for (ordinal, session), indices in self._listed().items():
            try:
                reader = self._reader(ordinal, session, indices[0])
                records = reader.read(indices) if reader else []
            except FileNotFoundError:
                continue  # sealed between listing and opening
            if records:
                return records
        return []

    def _reader(self, ordinal: int, session: str, index: int) -> SessionReader | None:
        """Return the reader of a session; None: another rank wrote it, or it is still empty."""
        reader = self.sessions.get(session)
        if reader is not None or session in self._others:
            return reader
        if self._rank is not None and session not in self._start:
            found = rank_of(self.folder, Segment(ordinal, session, index))
            if found is None:
                return None
            if found != self._rank:
                self._others.add(session)
                return None
        reader = SessionReader(self.folder, ordinal, session, self._start.get(session, START))
        self.sessions[session] = reader
        return reader

    def positions(self) -> dict[str, Position]:
        """Return where reading stands, by session id."""
        current = {name: reader.position for name, reader in self.sessions.items()}
        return {**self._start, **current}

    def _listed(self) -> dict[tuple[int, str], list[int]]:
        listed: dict[tuple[int, str], list[int]] = {}
        for segment in frames.segments(self.folder):
            listed.setdefault((segment.ordinal, segment.session), []).append(segment.index)
        return listed
