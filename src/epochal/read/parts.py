"""Parts: a run's stored pieces behind one interface, whether sealed or still in the journal.

A run's data is a list of parts, one per segment, in reading order.  A part says which metrics it
holds, gives one metric's points as arrays, its statistics, and its events.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from epochal.core.items import HAS_EPOCH, IMPLICIT_STEP, Layout
from epochal.journal import frames
from epochal.journal.frames import Segment
from epochal.store import sealed, statistics
from epochal.store.columns import Array, SegmentData, read_segment
from epochal.store.sealed import ELAPSED, EPOCH, SEQ, STEP, Manifest
from epochal.store.statistics import Stats


@dataclass
class Points:
    """Points of one metric from one part, in logging order; arrays of shape (n_points,)."""

    seq: Array
    elapsed_ns: Array
    steps: Array
    epochs: Array | None
    values: Array
    epoch_row: bool = False


class Part(Protocol):
    """One segment's content."""

    segment: Segment
    descriptor: dict[str, Any]
    anchors: list[tuple[int, int]]
    lost: int

    def metrics(self) -> dict[str, int]:
        """Return the metrics with their numbers of points."""

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points."""

    def stats(self) -> dict[str, Stats]:
        """Return the statistics of each metric."""

    def tables(self) -> Iterator[tuple[Layout, dict[str, Array]]]:
        """Yield whole tables: fixed columns and values by name."""

    def events(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Return (seq, elapsed_ns, data) of each event."""

    def layouts(self) -> list[Layout]:
        """Return the layouts of its rows."""


def read_parts(run_dir: str) -> list[Part]:
    """Return a run's parts in reading order; a segment that is sealed meanwhile is found again.

    Raises:
        OSError: the folder cannot be read.
    """
    journal, target = os.path.join(run_dir, "journal"), os.path.join(run_dir, "sealed")
    for _ in range(100):
        # The journal is listed first: what is sealed in between is then seen twice, never not.
        live = frames.segments(journal)
        done = sealed.sealed_segments(target)
        try:
            return _read(journal, target, live, set(done))
        except FileNotFoundError:
            continue
    message = f"{run_dir} changes faster than it can be listed"
    raise OSError(message)


def _read(
    journal: str, target: str, live: Sequence[Segment], done: set[Segment]
) -> list[Part]:
    parts: list[Part] = []
    layouts: dict[str, dict[int, Layout]] = {}
    seq: dict[str, int] = {}
    for segment in sorted({*live, *done}):
        known = layouts.setdefault(segment.session, {})
        if segment in done:
            manifest = sealed.read_manifest(target, segment)
            listed = manifest.descriptor.get("layouts", ())
            known.update((each["id"], Layout.from_dict(each)) for each in listed)
            known.update((f.layout.id, f.layout) for f in manifest.files if f.layout)
            seq[segment.session] = manifest.seq[1]
            parts.append(SealedPart(target, manifest))
        else:
            data = read_segment(journal, segment, known, seq.get(segment.session, 0))
            seq[segment.session] = data.next_seq
            parts.append(LivePart(segment, data))
    return parts


class LivePart:
    """A segment of the journal."""

    def __init__(self, segment: Segment, data: SegmentData) -> None:
        self.segment, self.data = segment, data
        self.descriptor, self.anchors, self.lost = data.descriptor, data.anchors, data.lost
        start = data.descriptor
        self._offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)

    def layouts(self) -> list[Layout]:
        """Return the layouts of its rows."""
        return list({block.layout: None for block in self.data.blocks})

    def metrics(self) -> dict[str, int]:
        """Return the metrics with their numbers of points."""
        counts: dict[str, int] = {}
        for block in self.data.blocks:
            for key in block.layout.keys:
                counts[key] = counts.get(key, 0) + len(block.rows)
        return counts

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points."""
        return [
            Points(
                block.rows["seq"], block.rows["mono_ns"] + self._offset_ns, block.rows["step"],
                block.rows["epoch"] if block.layout.variant & HAS_EPOCH else None,
                block.column(metric), is_epoch_row(block.layout),
            )
            for block in self.data.blocks
            if metric in block.layout.keys
        ]  # fmt: skip

    def stats(self) -> dict[str, Stats]:
        """Return the statistics of each metric."""
        found: dict[str, Stats] = {}
        for layout, table in self.tables():
            for key in layout.keys:
                new = statistics.of(table[key], table[STEP], table[SEQ])
                found[key] = join_by_seq(found.get(key, Stats()), new)
        return found

    def tables(self) -> Iterator[tuple[Layout, dict[str, Array]]]:
        """Yield whole tables: fixed columns and values by name."""
        for layout in self.layouts():
            rows = np.concatenate([b.rows for b in self.data.blocks if b.layout == layout])
            columns = {SEQ: rows["seq"], ELAPSED: rows["mono_ns"] + self._offset_ns}
            columns[STEP] = rows["step"]
            if layout.variant & HAS_EPOCH:
                columns[EPOCH] = rows["epoch"]
            values = np.ascontiguousarray(rows["values"].T)
            columns.update(zip(layout.keys, values, strict=True))
            yield layout, columns

    def events(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Return (seq, elapsed_ns, data) of each event."""
        return [(e.seq, e.mono_ns + self._offset_ns, e.data) for e in self.data.events]


class SealedPart:
    """A sealed segment."""

    def __init__(self, folder: str, manifest: Manifest) -> None:
        self._folder, self.manifest = folder, manifest
        self.segment, self.descriptor = manifest.segment, manifest.descriptor
        self.anchors, self.lost = manifest.anchors, manifest.lost
        start = manifest.descriptor
        self._offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)

    def layouts(self) -> list[Layout]:
        """Return the layouts of its rows; rare ones are read from the long table."""
        common = [file.layout for file in self.manifest.files if file.layout]
        return common + [layout for layout, _ in self._long()]

    def metrics(self) -> dict[str, int]:
        """Return the metrics with their numbers of points."""
        return {key: stats.count for key, stats in self.stats().items()}

    def points(self, metric: str) -> list[Points]:
        """Return a metric's points."""
        found = []
        for file in self.manifest.files:
            if file.layout and metric in file.layout.keys:
                table = self._columns(file.name, file.layout, [metric])
                epochs = table.get(EPOCH)
                found.append(
                    Points(
                        table[SEQ], table[ELAPSED], table[STEP], epochs, table[metric],
                        is_epoch_row(file.layout),
                    )
                )  # fmt: skip
        for layout, table in self._long():
            if metric in layout.keys:
                found.append(
                    Points(
                        table[SEQ], table[ELAPSED], table[STEP], table.get(EPOCH), table[metric],
                        is_epoch_row(layout),
                    )
                )  # fmt: skip
        return found

    def stats(self) -> dict[str, Stats]:
        """Return the statistics of each metric."""
        found: dict[str, Stats] = {}
        for file in self.manifest.files:
            for key, stored in file.stats.items():
                found[key] = join_by_seq(found.get(key, Stats()), Stats(**stored))
        for layout, table in self._long():
            for key in layout.keys:
                new = statistics.of(table[key], table[STEP], table[SEQ])
                found[key] = join_by_seq(found.get(key, Stats()), new)
        return found

    def tables(self) -> Iterator[tuple[Layout, dict[str, Array]]]:
        """Yield whole tables: fixed columns and values by name."""
        for file in self.manifest.files:
            if file.layout:
                yield file.layout, self._columns(file.name, file.layout, list(file.layout.keys))
        yield from self._long()

    def events(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Return (seq, elapsed_ns, data) of each event."""
        found = [
            (e["seq"], e["mono_ns"] + self._offset_ns, e["data"]) for e in self.manifest.events
        ]
        for file in self.manifest.files:
            if file.kind == "events":
                table = self._parquet(file.name).to_pydict()
                bodies = map(json.loads, table["json"])
                found += zip(table[SEQ], table[ELAPSED], bodies, strict=True)
        return found

    def _parquet(self, name: str, columns: list[str] | None = None) -> Any:
        from epochal.store import parquet  # loads pyarrow: only when a sealed file is read

        return parquet.read(os.path.join(self._folder, name), columns)

    def _columns(self, name: str, layout: Layout, metrics: list[str]) -> dict[str, Array]:
        names = sealed.parquet_columns(layout)
        first = len(names) - len(layout.keys)
        stored = {key: names[first + layout.keys.index(key)] for key in metrics}
        table = self._parquet(name, [*names[:first], *stored.values()])
        columns = {fixed: table[fixed].to_numpy() for fixed in names[:first]}
        columns.update((key, table[column].to_numpy()) for key, column in stored.items())
        return columns

    def _long(self) -> list[tuple[Layout, dict[str, Array]]]:
        """Return the rare rows, one small table per metric and variant."""
        found = []
        for file in self.manifest.files:
            if file.kind == "long":
                table = self._parquet(file.name)
                found += _split_long({name: table[name].to_numpy(zero_copy_only=False)
                                      for name in table.schema.names})
        return found


def _split_long(columns: dict[str, Array]) -> list[tuple[Layout, dict[str, Array]]]:
    found = []
    metrics = columns["metric"].astype(str)
    variants = columns["variant"]
    for metric, variant in sorted(set(zip(metrics.tolist(), variants.tolist(), strict=True))):
        mine = (metrics == metric) & (variants == variant)
        phase = columns["phase"][mine][0]
        layout = Layout(0, (metric,), phase, variant)
        steps = columns[STEP][mine]
        table = {
            SEQ: columns[SEQ][mine], ELAPSED: columns[ELAPSED][mine],
            STEP: steps if sealed.step_is_float(layout) else steps.astype(np.int64),
            metric: columns["value"][mine],
        }  # fmt: skip
        if variant & HAS_EPOCH:
            table[EPOCH] = columns[EPOCH][mine]
        found.append((layout, table))
    return found


def is_epoch_row(layout: Layout) -> bool:
    """Say whether rows of a layout were logged with an epoch and no step."""
    return bool(layout.variant & HAS_EPOCH and layout.variant & IMPLICIT_STEP)


def join_by_seq(a: Stats, b: Stats) -> Stats:
    """Join statistics whose points may interleave: the ends follow the sequence."""
    joined = statistics.join(a, b)
    if a.count and b.count and a.last_seq > b.last_seq:
        joined.last, joined.last_step, joined.last_seq = a.last, a.last_step, a.last_seq
    return joined
