"""Sessions as readers see them: order, clocks, and which of their points a resume hides."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from epochal.core.errors import DamageError
from epochal.core.event_shapes import Sieve
from epochal.read.parts import Part, PartEvent, Rows, events_of
from epochal.store.columns import Array
from epochal.store.events import decoded

STATES = ("running", "finished", "failed", "interrupted", "killed", "lost", "unknown")


class Clock(NamedTuple):
    """Turns what a session recorded into seconds; agrees with ``journal.reader.SessionClock``.

    Attributes:
        known: the session's descriptor could be read; otherwise its times are NaN.
        offset_ns: monotonic clock → time since the run began.
        seq, mono_ns, wall_ns: anchors: from item ``seq`` on, ``mono_ns`` was ``wall_ns``.
    """

    known: bool
    offset_ns: int
    seq: Array
    mono_ns: Array
    wall_ns: Array

    def elapsed_s(self, elapsed_ns: Array) -> Array:
        """Return seconds since the run began."""
        return elapsed_ns / 1e9 if self.known else np.full(len(elapsed_ns), np.nan)

    def time_s(self, seq: Array, elapsed_ns: Array) -> Array:
        """Return seconds since 1970."""
        if not self.known:
            return np.full(len(seq), np.nan)
        at = np.maximum(np.searchsorted(self.seq, seq, side="right") - 1, 0)
        mono_ns = elapsed_ns - self.offset_ns
        seconds: Array = (self.wall_ns[at] + (mono_ns - self.mono_ns[at])) / 1e9
        return seconds


@dataclass
class SessionData:
    """What one process wrote to a run.

    Attributes:
        ordinal: order of the session, one for all ranks of a launch; those of a fork's parent are 0
            and below.
        id: 16 hex digits.
        parts: its segments.
        run_dir: whose it is: the run's own folder, or the parent's of a fork.
        limit: steps up to here are visible.
        inherited: it belongs to the parent of a fork.
        own_limit: what of it was ever there to be seen: a fork takes over no more than its step.
        damage: what of its events could not be read.
    """

    ordinal: int
    id: str
    parts: list[Part]
    run_dir: str
    limit: float = math.inf
    inherited: bool = False
    own_limit: float = math.inf
    damage: list[str] = field(default_factory=list)
    _events: dict[tuple[str, ...], list[PartEvent]] = field(default_factory=dict, repr=False)

    @cached_property
    def descriptor(self) -> dict[str, Any]:
        """The session's latest descriptor, empty if none could be read."""
        return next((p.descriptor for p in reversed(self.parts) if p.descriptor), {})

    def events(self, *kinds: str) -> list[PartEvent]:
        """Return its events of some kinds, of all if none is given, that can be read, in order.

        Those that do not hold what their kind needs are left out and said in ``damage``.
        """
        if kinds not in self._events:
            found = []
            for part in self.parts:
                sieve = Sieve(part.segment.name)
                try:
                    stored = events_of(part, *kinds)
                except DamageError as error:
                    self.damage.append(str(error))
                    continue
                found += [e for e in stored if sieve.passes(e.data, kinds, e.elapsed_ns)]
                self.damage += sieve.told()
            self._events[kinds] = found
        return self._events[kinds]

    def with_texts(self, kind: str) -> Iterator[tuple[PartEvent, bytes]]:
        """Yield what :meth:`events` returns, each with its JSON, and keep none of it."""
        for part in self.parts:
            sieve = Sieve(part.segment.name)
            try:
                stored = part.stored_events
            except DamageError as error:
                self.damage.append(str(error))
                continue
            mine = stored.where([each == kind for each in stored.kinds])
            fields = zip(mine.seq, mine.mono_ns, decoded(mine.texts), mine.texts, strict=True)
            for seq, mono_ns, data, text in fields:
                event = PartEvent(seq, mono_ns + part.offset_ns, data)
                if sieve.passes(data, (kind,), event.elapsed_ns):
                    yield event, text
            self.damage += sieve.told()

    @cached_property
    def clock(self) -> Clock:
        """Its clock."""
        start = self.descriptor
        anchors: list[tuple[int, int, int]] = []
        for part in self.parts:
            # A later segment repeats the first anchor in its descriptor; the clock has moved on.
            anchors += [a for a in part.anchors if not anchors or a[1] != start.get("mono_ns")]
        columns = np.array(anchors or [(0, 0, 0)], dtype=np.int64).T
        offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)
        known = bool(anchors) and all(part.descriptor for part in self.parts)
        return Clock(known, offset_ns, *columns)

    @property
    def hides_after(self) -> float | None:
        """The step after which it hides what earlier sessions recorded, None: nothing."""
        if self.descriptor:
            return self.descriptor.get("hides_after")
        said = [event.data.get("after") for event in self.events("resume")]
        return said[-1] if said else None

    @property
    def rank(self) -> int:
        """The process's rank in a distributed job."""
        return int(self.descriptor.get("rank", 0))

    @property
    def role(self) -> str:
        """What the process was: "train", "fork" (a child of it) or "annotate"."""
        return str(self.descriptor.get("role", "train"))

    @property
    def last_elapsed_ns(self) -> int:
        """Time of its last item since the run began."""
        return max((part.last_elapsed_ns for part in self.parts), default=0)

    def seen_s(self) -> float:
        """Return when it was last heard of: its heartbeat, or its file's time stamp."""
        beat = max((p.heartbeat.get("wall_ns", 0) for p in self.parts), default=0) / 1e9
        try:
            path = os.path.join(self.run_dir, "journal", self.parts[-1].segment.name)
            return float(max(beat, os.path.getmtime(path)))
        except OSError:
            return float(beat)

    def end(self) -> dict[str, Any] | None:
        """Return the event that ended it, None if there is none."""
        ends = self.events("end")
        return ends[-1].data if ends else None


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What one process wrote: a start, resume, fork or rank of a run, or an annotation.

    Attributes:
        ordinal: order of the session, from 1; the ranks of one launch have the same.
        id: 16 hex digits.
        host, pid, rank: which process.
        role: "train", "fork" (a child process of it) or "annotate".
        state: as for :class:`RunView`.
        started_s: unix seconds.
        hides_after: on resume, the step after which earlier sessions are hidden, else None.
    """

    ordinal: int
    id: str
    host: str
    pid: int
    rank: int
    role: str
    state: str
    started_s: float
    hides_after: float | None


def visible(rows: Rows, limit: float) -> Array | None:
    """Return which rows are within a limit of steps; None: all of them."""
    if limit == math.inf:
        return None
    mask: Array = rows.steps <= limit
    return None if mask.all() else mask


def within(rows: Rows, limit: float) -> Rows:
    """Return the rows within a limit of steps."""
    mask = visible(rows, limit)
    if mask is None:
        return rows
    epochs = None if rows.epochs is None else rows.epochs[mask]
    kept = {metric: values[mask] for metric, values in rows.values.items()}
    fixed = (rows.seq[mask], rows.elapsed_ns[mask], rows.steps[mask])
    return Rows(rows.layout, *fixed, epochs, kept)


def group(parts: Sequence[Part], run_dir: str) -> list[SessionData]:
    """Return parts as sessions, in order; those of one launch by rank."""
    found: dict[tuple[int, str], SessionData] = {}
    for part in parts:
        ordinal, session, _ = part.segment
        data = SessionData(ordinal, session, [], run_dir)
        found.setdefault((ordinal, session), data).parts.append(part)
    return sorted(found.values(), key=lambda each: (each.ordinal, each.rank, each.id))


def hide_replaced(sessions: Sequence[SessionData]) -> None:
    """Set the limits of sessions: one that resumes at step k hides earlier ones after k.

    The ranks of a distributed job resume together, with sessions of the same ordinal, and do not
    hide each other.
    """
    limit = math.inf
    for _, launch in itertools.groupby(reversed(sessions), lambda session: session.ordinal):
        together = list(launch)
        for session in together:
            session.limit = min(session.own_limit, limit)
        after = [session.hides_after for session in together]
        limit = min([limit, *(float(step) for step in after if step is not None)])
