"""Parts: a run's stored pieces behind one interface, whether sealed or still in the journal.

A run's data is a list of parts, one per segment, in reading order.  A part says which metrics it
holds with their statistics, gives the points of chosen metrics as arrays, and its events.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from epochal.core.errors import DamageError
from epochal.core.items import HAS_EPOCH, Layout
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.store import sealed, statistics
from epochal.store.columns import Array, Block, SegmentData, read_segment
from epochal.store.events import Events, of_manifest
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP, Manifest, SealedFile
from epochal.store.statistics import Stats


class Rows(NamedTuple):
    """Rows of one key set, in logging order; arrays of shape (n_rows,).

    Attributes:
        layout: the metrics, phase and variant.
        seq, elapsed_ns: int64.
        steps: int64 or float64.
        epochs: float64, None if the rows have none.
        values: float64 by metric; only what was asked for.
    """

    layout: Layout
    seq: Array
    elapsed_ns: Array
    steps: Array
    epochs: Array | None
    values: dict[str, Array]


class Points(NamedTuple):
    """Points of one metric, in logging order; arrays of shape (n_points,) as in :class:`Rows`."""

    seq: Array
    elapsed_ns: Array
    steps: Array
    epochs: Array | None
    values: Array


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
            return _Reading(journal, target, known).parts(set(live), set(done))
        except FileNotFoundError:
            continue
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
                except (ValueError, KeyError, TypeError) as error:
                    parts.problems.append(f"{sealed.manifest_name(segment)} is damaged: {error}")
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
                self._descriptor.get(session),
            )  # fmt: skip
            part = LivePart(segment, data)
        layouts.update((block.layout.id, block.layout) for block in part.data.blocks)
        self._seq[session] = part.data.next_seq
        return part


def points_of(rows: Rows, metric: str) -> Points:
    """Return one metric of rows."""
    return Points(rows.seq, rows.elapsed_ns, rows.steps, rows.epochs, rows.values[metric])


class LivePart:
    """A segment of the journal."""

    def __init__(self, segment: Segment, data: SegmentData) -> None:
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
        start = data.descriptor
        self.offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)
        self._blocks: dict[Layout, list[Block]] = {}
        for block in data.blocks:
            self._blocks.setdefault(block.layout, []).append(block)
        ends = [int(block.rows["mono_ns"][-1]) for block in data.blocks]
        ends += data.events.mono_ns[-1:]
        self.last_elapsed_ns = max(ends, default=0) + self.offset_ns if ends else 0

    @cached_property
    def stats(self) -> dict[str, Stats]:
        """The statistics of each metric."""
        found: dict[str, Stats] = {}
        for rows in self.rows(None):
            for metric, values in rows.values.items():
                new = statistics.of(values, rows.steps, rows.seq)
                found[metric] = statistics.join_by_seq(found.get(metric, Stats()), new)
        return found

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points, key set after key set."""
        return [points_of(rows, metric) for rows in self.rows((metric,))]

    def rows(self, metrics: Collection[str] | None) -> Iterator[Rows]:
        """Yield the rows that have any of the metrics; None: all of them."""
        for layout, blocks in self._blocks.items():
            wanted = _wanted(layout, metrics)
            if not wanted:
                continue
            tables = [block.rows for block in blocks]
            epochs = _joined([t["epoch"] for t in tables]) if layout.variant & HAS_EPOCH else None
            yield Rows(
                layout, _joined([t["seq"] for t in tables]),
                _joined([t["mono_ns"] for t in tables]) + self.offset_ns,
                _joined([t["step"] for t in tables]), epochs,
                {key: _joined([t["values"][:, i] for t in tables]) for i, key in wanted},
            )  # fmt: skip


class SealedPart:
    """A sealed segment."""

    def __init__(self, folder: str, manifest: Manifest) -> None:
        self._folder, self.manifest = folder, manifest
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
            if file.layout and (wanted := _wanted(file.layout, metrics)):
                yield self._wide(file, file.layout, wanted)
            elif file.kind == "long" and (
                metrics is None or not file.stats.keys().isdisjoint(metrics)
            ):
                yield from _split_long(self._table(file), metrics)

    @cached_property
    def stored_events(self) -> Events:
        """Its events as they are stored.

        Raises:
            DamageError: a file is missing or damaged.
        """
        return of_manifest(self._folder, self.manifest)

    def _table(self, file: SealedFile, columns: list[str] | None = None) -> Any:
        from epochal.store import parquet  # loads pyarrow: only when a sealed file is read

        path = os.path.join(self._folder, file.name)
        try:
            return parquet.read(path, columns, footer_crc=file.footer_crc)
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


def _wanted(layout: Layout, metrics: Collection[str] | None) -> list[tuple[int, str]]:
    """Return the wanted metrics of a layout with their positions."""
    if metrics is None:
        return list(enumerate(layout.keys))
    return [(i, key) for i, key in enumerate(layout.keys) if key in metrics]


def _joined(parts: Sequence[Array]) -> Array:
    return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts))


def _split_long(table: Any, metrics: Collection[str] | None) -> Iterator[Rows]:
    """Yield the rows of a long table by metric and variant; it is sorted by metric."""
    from epochal.store.parquet import as_array  # loads pyarrow, as above

    names = table["metric"].combine_chunks().dictionary_encode()
    codes = as_array(names.indices)
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    fixed = {
        name: as_array(table[name]) for name in (SEQ, ELAPSED, STEP, EPOCH, "value", "variant")
    }
    phases = table["phase"]
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        metric = names.dictionary[int(codes[start])].as_py()
        if metrics is not None and metric not in metrics:
            continue
        part = {name: column[start:stop] for name, column in fixed.items()}
        for variant in np.unique(part["variant"]).tolist():
            mine = part["variant"] == variant
            phase = phases[start + int(mine.argmax())].as_py()
            yield Rows(
                Layout(0, (metric,), phase, variant), part[SEQ][mine], part[ELAPSED][mine],
                part[STEP][mine], part[EPOCH][mine] if variant & HAS_EPOCH else None,
                {metric: part["value"][mine]},
            )  # fmt: skip
