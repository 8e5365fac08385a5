"""Parts: a run's stored pieces behind one interface, whether sealed or still in the journal.

A run's data is a list of parts, one per segment, in reading order.  A part says which metrics it
holds with their statistics, gives the points of chosen metrics as arrays, and its events.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from epochal.core.errors import DamageError
from epochal.core.items import HAS_EPOCH, Layout
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.read.rows import Points, Rows, joined, points_of, rows_after, split_long, wanted_keys
from epochal.store import folder, sealed, statistics
from epochal.store.columns import Block, SegmentData, read_segment
from epochal.store.events import NO_KIND, Events, of_manifest
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP, Manifest, SealedFile
from epochal.store.statistics import Stats

__all__ = ["Part", "PartEvent", "Parts", "Points", "Rows", "events_of", "points_of", "read_parts"]


class PartEvent(NamedTuple):
    """An event: position, time since the run began, fields with ``kind``."""

    seq: int
    elapsed_ns: int
    data: dict[str, Any]


class Part(Protocol):
    """One segment's content.

    Attributes:
        segment: which one.
        descriptor, heartbeat: the session's, empty if they could not be read.
        anchors: (seq, mono_ns, wall_ns): items from ``seq`` on follow that clock.
        lost: items missing in the sequence.
        damage: reasons why bytes could not be used.
        last_elapsed_ns: time of the last item.
        offset_ns: from the clock of its process to time since the run began.
    """

    segment: Segment
    descriptor: dict[str, Any]
    heartbeat: dict[str, Any]
    anchors: Sequence[tuple[int, int, int]]
    lost: int
    damage: list[str]
    last_elapsed_ns: int
    offset_ns: int

    @property
    def stored_events(self) -> Events:
        """Its events as they are stored; a file that is missing or damaged is a DamageError."""

    @property
    def stats(self) -> dict[str, Stats]:
        """The statistics of each metric."""

    def rows(self, metrics: Collection[str] | None) -> Iterator[Rows]:
        """Yield the rows that have any of the metrics; None: all of them."""

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points, key set after key set."""


def events_of(part: Part, *kinds: str) -> list[PartEvent]:
    """Return a part's events of some kinds, of all if none is given, in order.

    Raises:
        DamageError: a file is missing or damaged.
    """
    found, offset_ns = part.stored_events.of(*kinds), part.offset_ns
    return [PartEvent(seq, mono_ns + offset_ns, data) for seq, mono_ns, data in found]


class Parts(list[Part]):
    """Parts in reading order; ``problems`` says what could not be read."""

    def __init__(self, parts: Iterable[Part] = (), problems: Iterable[str] = ()) -> None:
        super().__init__(parts)
        self.problems = list(problems)


def read_parts(run_dir: str, before: Sequence[Part] = ()) -> Parts:
    """Return a run's parts in reading order.

    A segment that is sealed meanwhile is found again.

    Args:
        run_dir: the run.
        before: parts from an earlier reading; those that have not changed are used again.

    Raises:
        OSError: the folder cannot be read.
    """
    journal, target = os.path.join(run_dir, "journal"), os.path.join(run_dir, "sealed")
    known = {part.segment: part for part in before}
    for _ in range(100):
        # The journal is listed first: what is sealed in between is then seen twice, never not.
        live = frames.segments(journal)
        done = sealed.sealed_segments(target)
        try:
            parts = _Reading(journal, target, known).parts(set(live), set(done))
        except FileNotFoundError:
            continue
        parts.problems += [f"{file} {why}" for file, why in folder.odd_files(run_dir)]
        return parts
    message = f"{run_dir} changes faster than it can be listed"
    raise OSError(message)


class _Reading:
    """One pass over a run's segments; each session's layouts and position are carried along."""

    def __init__(self, journal: str, target: str, known: dict[Segment, Part]) -> None:
        self._journal, self._target, self._known = journal, target, known
        self._layouts: dict[str, dict[int, Layout]] = {}
        self._seq: dict[str, int] = {}
        self._descriptor: dict[str, dict[str, Any]] = {}

    def parts(self, live: set[Segment], done: set[Segment]) -> Parts:
        parts = Parts()
        for segment in sorted(live | done):
            part: Part | None = None
            if segment in done:
                try:
                    part = self._sealed(segment)
                except DamageError as error:
                    parts.problems.append(str(error))
            if part is None and segment in live:
                part = self._live(segment)
            if part is not None:
                parts.append(part)
                self._descriptor[segment.session] = part.descriptor
        return parts

    def _sealed(self, segment: Segment) -> Part:
        known = self._known.get(segment)
        part = known if isinstance(known, SealedPart) else None
        if part is None:
            part = SealedPart(self._target, sealed.read_manifest(self._target, segment))
        layouts = self._layouts.setdefault(segment.session, {})
        layouts.update(sealed.layouts_of(part.manifest))
        self._seq[segment.session] = part.manifest.seq[1]
        return part

    def _live(self, segment: Segment) -> Part:
        session = segment.session
        layouts = self._layouts.setdefault(session, {})
        known = self._known.get(segment)
        part = known if isinstance(known, LivePart) else None
        size = os.path.getsize(os.path.join(self._journal, segment.name))
        if part is None or part.data.size != size:
            data = read_segment(
                self._journal, segment, layouts, self._seq.get(session, 0),
                self._descriptor.get(session), part.data if part else None,
            )  # fmt: skip
            part = LivePart(segment, data, part)
        layouts.update(part.data.layouts)
        self._seq[session] = part.data.next_seq
        return part


class Known(NamedTuple):
    """Statistics of the first rows of each layout."""

    stats: dict[str, Stats]
    rows: dict[Layout, int]


_NOTHING = Known({}, {})


class LivePart:
    """A segment of the journal.

    Args:
        segment: which one.
        data: what was read of it.
        before: the part as an earlier reading gave it: its statistics are not computed again.

    Attributes:
        blocks: its rows by layout, in the order of logging.
    """

    def __init__(self, segment: Segment, data: SegmentData, before: LivePart | None = None) -> None:
        self.segment, self.data = segment, data
        self.descriptor, self.heartbeat = data.descriptor, data.heartbeat
        self.anchors: Sequence[tuple[int, int, int]] = data.anchors
        self.lost = data.lost
        self.damage = [
            f"{segment.name}, bytes {d.start:,} to {d.stop:,}: {d.reason}"
            for d in data.damage
            if not d.torn
        ]
        self.stored_events = data.events
        if strange := data.events.kinds.count(NO_KIND):
            what = "events are no JSON objects with a kind"
            self.damage.append(f"{segment.name}: {strange:,} {what}")
        start = data.descriptor
        self.offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)
        self.blocks: dict[Layout, list[Block]] = {}
        for block in data.blocks:
            self.blocks.setdefault(block.layout, []).append(block)
        self._known = _NOTHING
        if before is not None and before.data.reading == data.reading:
            self._known = before.known
        ends = [int(block.rows["mono_ns"][-1]) for block in data.blocks]
        ends += data.events.mono_ns[-1:]
        self.last_elapsed_ns = max(ends, default=0) + self.offset_ns if ends else 0

    @cached_property
    def stats(self) -> dict[str, Stats]:
        """The statistics of each metric."""
        found = dict(self._known.stats)
        for rows in self._rows(None, self._known.rows):
            for metric, values in rows.values.items():
                new = statistics.of(values, rows.steps, rows.seq)
                found[metric] = statistics.join_by_seq(found.get(metric, Stats()), new)
        return found

    @property
    def known(self) -> Known:
        """The statistics that were computed so far."""
        if "stats" not in self.__dict__:
            return self._known
        return Known(self.stats, {k: sum(len(b.rows) for b in v) for k, v in self.blocks.items()})

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points, key set after key set."""
        return [points_of(rows, metric) for rows in self.rows((metric,))]

    def rows(self, metrics: Collection[str] | None) -> Iterator[Rows]:
        """Yield the rows that have any of the metrics; None: all of them."""
        return self._rows(metrics, {})

    def _rows(
        self, metrics: Collection[str] | None, skipped: Mapping[Layout, int]
    ) -> Iterator[Rows]:
        for layout, blocks in self.blocks.items():
            wanted = wanted_keys(layout, metrics)
            tables = rows_after([block.rows for block in blocks], skipped.get(layout, 0))
            if not wanted or not tables:
                continue
            epochs = joined([t["epoch"] for t in tables]) if layout.variant & HAS_EPOCH else None
            yield Rows(
                layout, joined([t["seq"] for t in tables]),
                joined([t["mono_ns"] for t in tables]) + self.offset_ns,
                joined([t["step"] for t in tables]), epochs,
                {key: joined([t["values"][:, i] for t in tables]) for i, key in wanted},
            )  # fmt: skip


class SealedPart:
    """A sealed segment: what its manifest in a folder says."""

    def __init__(self, folder: str, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.segment, self.descriptor = manifest.segment, manifest.descriptor
        self.heartbeat, self.lost = manifest.heartbeat, manifest.lost
        self.anchors: Sequence[tuple[int, int, int]] = manifest.anchors
        self.damage = [
            f"{manifest.segment.name}, bytes {start:,} to {stop:,}: {reason}"
            for start, stop, reason in manifest.damage
            if stop < manifest.source_bytes or reason not in sealed.TORN
        ]
        self.last_elapsed_ns = manifest.last_elapsed_ns
        start = manifest.descriptor
        self.offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)

    @cached_property
    def stats(self) -> dict[str, Stats]:
        """The statistics of each metric, from the manifest."""
        found: dict[str, Stats] = {}
        for file in self.manifest.files:
            for metric, stored in file.stats.items():
                new = Stats(**stored)
                found[metric] = statistics.join_by_seq(found.get(metric, Stats()), new)
        return found

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points, key set after key set."""
        return [points_of(rows, metric) for rows in self.rows((metric,))]

    def rows(self, metrics: Collection[str] | None) -> Iterator[Rows]:
        """Yield the rows that have any of the metrics; None: all of them.

        Raises:
            DamageError: a file is missing or damaged.
        """
        for file in self.manifest.files:
            if file.layout and (wanted := wanted_keys(file.layout, metrics)):
                yield self._wide(file, file.layout, wanted)
            elif file.kind == "long" and (
                metrics is None or not file.stats.keys().isdisjoint(metrics)
            ):
                yield from split_long(self._table(file), metrics)

    @cached_property
    def stored_events(self) -> Events:
        """Its events as they are stored.

        Raises:
            DamageError: a file is missing or damaged.
        """
        return of_manifest(self.folder, self.manifest)

    def _table(self, file: SealedFile, columns: list[str] | None = None) -> Any:
        from epochal.store import parquet  # loads pyarrow: only when a sealed file is read

        path = os.path.join(self.folder, file.name)
        try:
            return parquet.read(path, columns, of=file)
        except FileNotFoundError as error:
            message = f"{path} is missing; `epochal verify` says what is lost"
            raise DamageError(message) from error

    def _wide(self, file: SealedFile, layout: Layout, wanted: list[tuple[int, str]]) -> Rows:
        from epochal.store.parquet import as_array  # loads pyarrow, as above

        names = sealed.parquet_columns(layout)
        first = len(names) - len(layout.keys)
        stored = {key: names[first + i] for i, key in wanted}
        table = self._table(file, [*names[:first], *stored.values()])
        epochs = as_array(table[EPOCH]) if EPOCH in names[:first] else None
        return Rows(
            layout, as_array(table[SEQ]), as_array(table[ELAPSED]), as_array(table[STEP]),
            epochs, {key: as_array(table[column]) for key, column in stored.items()},
        )  # fmt: skip
