"""The conformance suite for sinks."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from epochal.core.errors import SinkError
from epochal.core.records import Record, RunInfo
from epochal.core.sink import Sink
from epochal.testing.fakes import CREATED_S, Point, event, points, rows

ODD_NAMES = (
    "verlust/größe", "损失", "🚀", "a b", "a,b", 'quo"te', "it's", "line\nend", "tab\there",
    "bell\x07", "\x1b[31mred", "__proto__", "constructor", "=1+1", "@SUM(A1)", "-x", "+x", "a/b/c",
    "../up", "a\\b", "{x}", "%s", "<b>", "nan", "NULL", "step", "epoch", "time", "timestamp",
    "phase", "value", "x" * 512,
)  # fmt: skip
"""Names that a run may have; all are valid."""

HISTOGRAM: dict[str, Any] = {
    "key": "weights", "step": 1, "type": "histogram", "format": "json", "caption": "", "bytes": 0,
    "sha256": "", "inline": {"counts": [1, 2], "edges": [0.0, 0.5, 1.0]},
    "about": {"count": 3, "min": 0.0, "max": 1.0, "mean": 0.5, "std": 0.4, "nan": 0, "inf": 0},
}  # fmt: skip
"""A medium that needs no file."""

EVENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("config", {"update": {"model": {"depth": 2, "odd": math.nan}}}),
    ("summary", {"values": {"params": 10, "odd": math.inf}}),
    ("define", {"metric": "loss", "goal": "minimize", "unit": "nats"}),
    ("tag", {"tags": ["a", "b"]}),
    ("untag", {"tags": ["b"]}),
    ("note", {"text": "two\nlines"}),
    ("rename", {"name": "another / name"}),
    ("text", {"key": "sample", "text": "hello", "step": 1}),
    ("text", {"key": "sample", "text": "long", "step": 1, "part": [1, 2], "about": {"top_p": 0.9}}),
    ("media", HISTOGRAM),
    ("console", {"stream": "stdout", "text": "step 1\nstep 2"}),
    ("bigint", {"key": "tokens", "value": str(2**70), "step": 1}),
    ("refused", {"key": "object", "why": "not a number", "value": "<object>"}),
    ("alert", {"title": "t", "text": "", "level": "warn"}),
    ("environment", {"values": {"python": "3"}}),
    ("of a later version", {"anything": [1, None, {"nested": True}]}),
    ("end", {"state": "finished", "error": None}),
)
"""Every kind of event, and one that nobody knows."""


class SinkSuite:
    """What every sink must do; subclass it in a test module of your own and run pytest.

    Override :meth:`make` and, if what the sink wrote can be read, :meth:`read_back`; without the
    latter the suite only checks that nothing raises.  A class attribute that is set to False says
    that the format or service cannot do that; the suite then asks for less.

    Attributes:
        exactly_once: what is sent again after a crash is not there twice.
        keeps_rows: every point is kept, not only the latest.
        keeps_repeats: points of a step that was there before, or of an earlier one, are kept.
        keeps_non_finite: NaN and infinities are kept as such.
        keeps_names: any text is kept as a metric's name.
        keeps_float_steps: 0.5 is a step.
        keeps_float64: values are kept in full; else in single precision, as many tools do.
        hides_resumed: a ``resume`` event removes what earlier sessions recorded after its step.

    Example:
        >>> from epochal.testing import MemorySink, SinkSuite
        >>> class TestMySink(SinkSuite):
        ...     def make(self, folder):
        ...         return MemorySink()
    """

    exactly_once = True
    keeps_rows = True
    keeps_repeats = True
    keeps_non_finite = True
    keeps_names = True
    keeps_float_steps = True
    keeps_float64 = True
    hides_resumed = True

    def make(self, folder: Path) -> Sink:
        """Return a new sink that writes into this folder, or anywhere else that is its own.

        Called again for the same folder, it returns another object for the same data, as a new
        process would.
        """
        raise NotImplementedError(f"{type(self).__name__} must override make(folder)")

    def read_back(self, folder: Path) -> list[Point] | None:  # noqa: ARG002 - for subclasses
        """Return (step, full metric name, value) of all points in order; None: cannot be read."""
        return None

    def test_order(self, tmp_path: Path) -> None:
        """Everything arrives, in the order in which it was logged."""
        records = [*rows(20), *rows(20, ("loss",), start=21, phase="val", epoch=2.0)]
        with self._session(tmp_path) as sink:
            for start in range(0, len(records), 7):
                sink.write(records[start : start + 7])
                _flush(sink)
        self._check(tmp_path, records)

    def test_crash(self, tmp_path: Path) -> None:
        """After a crash the last state is enough to go on: nothing is lost."""
        records: list[Record] = [*rows(9), *rows(9, ("loss", "extra"), start=10)]
        for at in (0, 1, 9, 12):
            folder = tmp_path / str(at)
            folder.mkdir()
            with self._crashed(folder, records[:at], records[at:15]) as state:
                self._deliver(folder, records, at, state)
                self._check(folder, records, resent=True)

    def test_crash_with_flushes_between(self, tmp_path: Path) -> None:
        """A state that could not be stored, though the sink had flushed, is no loss either."""
        records = [*rows(6), *rows(6, ("loss", "extra"), start=7)]
        with self._crashed(tmp_path, records[:3], records[3:10], flushes=True) as state:
            self._deliver(tmp_path, records, 3, state)
            self._check(tmp_path, records, resent=True)

    def test_reopening(self, tmp_path: Path) -> None:
        """A sink that was closed goes on from its state; the same object may be used again."""
        records = rows(30)
        sink, state = self.make(tmp_path), None
        for start in range(0, 30, 10):
            sink.open(_run(tmp_path), state)
            sink.write(records[start : start + 10])
            state = _flush(sink)
            sink.close()
        self._check(tmp_path, records)

    def test_starting_over(self, tmp_path: Path) -> None:
        """Opened without a state, the sink takes everything from the first record."""
        records = rows(10)
        for _ in range(2):
            with self._session(tmp_path) as sink:
                sink.write(records)
                _flush(sink)
        self._check(tmp_path, records, resent=True)

    def test_events(self, tmp_path: Path) -> None:
        """All kinds of events are taken, unknown ones too, and rows around them are kept."""
        records: list[Record] = [*rows(3)]
        records += [event(kind, seq=4 + i, **data) for i, (kind, data) in enumerate(EVENTS)]
        records += rows(3, start=50)
        with self._session(tmp_path) as sink:
            sink.write(records)
            _flush(sink)
        self._check(tmp_path, records, ignore={"tokens", "sample", "weights"})

    def test_non_finite_values(self, tmp_path: Path) -> None:
        """NaN, infinities, minus zero and extreme numbers keep their values."""
        finite = [-0.0, 5e-324, 1.7976931348623157e308, 0.1, 1 / 3, 2.0**53, -1e-9]
        odd = [math.nan, math.inf, -math.inf]
        records = [
            row._replace(values={"loss": value, "lr": 1.0})
            for row, value in zip(rows(10), [*odd, *finite], strict=True)
        ]
        with self._session(tmp_path) as sink:
            sink.write(records)
            _flush(sink)
        self._check(tmp_path, records if self.keeps_non_finite else records[len(odd) :])

    def test_odd_names(self, tmp_path: Path) -> None:
        """Any text is a metric's name, together or one by one, with a phase and without."""
        records = [*rows(2, ODD_NAMES), *rows(2, ODD_NAMES, start=3, phase="val")]
        for i, name in enumerate(ODD_NAMES):
            records += rows(1, (name,), start=5 + i)
        with self._session(tmp_path) as sink:
            sink.write(records)
            _flush(sink)
        if self.keeps_names:
            self._check(tmp_path, records)

    def test_empty_batches(self, tmp_path: Path) -> None:
        """Nothing is a batch too, and a run without rows is a run."""
        with self._session(tmp_path) as sink:
            sink.write([])
            state = _flush(sink)
        sink.open(_run(tmp_path), state)
        sink.write([])
        sink.write(rows(1))
        sink.write([])
        _flush(sink)
        sink.close()
        self._check(tmp_path, rows(1))

    def test_closing_twice(self, tmp_path: Path) -> None:
        """Closing again, before the first opening or without a flush does nothing worse."""
        sink = self.make(tmp_path)
        sink.close()
        sink.open(_run(tmp_path), None)
        sink.write(rows(5))
        sink.close()
        sink.close()
        with self._session(tmp_path) as sink:
            sink.write(rows(5))
            _flush(sink)
            _flush(sink)
        self._check(tmp_path, rows(5), resent=True)

    def test_growing_columns(self, tmp_path: Path) -> None:
        """New metrics may come at any time, also between a crash and what is sent again."""
        records = [rows(1, [f"m{k}" for k in range(step)], start=step)[0] for step in range(1, 31)]
        with self._crashed(tmp_path, records[:12], records[12:20], flushes=True) as state:
            self._deliver(tmp_path, records, 12, state, batch=1)
            self._check(tmp_path, records, resent=True)

    def test_steps(self, tmp_path: Path) -> None:
        """Repeated, earlier, negative, huge and fractional steps are steps."""
        records = rows(3)
        if self.keeps_repeats:
            records += [*rows(3), *rows(1, ("lr",), start=2), *rows(2, start=-1), *rows(4)]
        records += rows(1, start=2**53 + 1)
        if self.keeps_float_steps:
            records += [row._replace(step=row.step + 0.25) for row in rows(3, start=10)]
        with self._session(tmp_path) as sink:
            sink.write(records)
            _flush(sink)
        self._check(tmp_path, records)

    def test_resume(self, tmp_path: Path) -> None:
        """A resume hides what earlier sessions recorded after its step, and nothing else."""
        first, again = rows(10), rows(6, start=7, session=2)
        records: list[Record] = [*first, event("resume", session=2, after=6), *again]
        with self._crashed(tmp_path, first, records[10:13], flushes=True) as state:
            self._deliver(tmp_path, records, 10, state)
            stay = first[:6] if self.hides_resumed else first
            self._check(tmp_path, [*stay, *again], resent=True)

    @contextlib.contextmanager
    def _session(self, folder: Path) -> Iterator[Sink]:
        sink = self.make(folder)
        sink.open(_run(folder), None)
        yield sink
        sink.close()

    @contextlib.contextmanager
    def _crashed(
        self,
        folder: Path,
        stored: Sequence[Record],
        lost: Sequence[Record],
        *,
        flushes: bool = False,
    ) -> Iterator[Mapping[str, Any]]:
        """Leave a sink as a kill does: without closing it, its state older than its data."""
        sink = self.make(folder)
        sink.open(_run(folder), None)
        sink.write(stored)
        state = _flush(sink)
        for record in lost:
            sink.write([record])
            if flushes:
                _flush(sink)
        try:
            yield state
        finally:
            with contextlib.suppress(Exception):  # it is dead: only its files are let go of
                sink.close()

    def _deliver(
        self,
        folder: Path,
        records: Sequence[Record],
        after: int,
        state: Mapping[str, Any],
        *,
        batch: int = 1000,
    ) -> None:
        """Do what a follower does after a restart: go on from the state, or from the beginning."""
        sink = self.make(folder)
        try:
            sink.open(_run(folder), state)
        except SinkError:  # the sink cannot use the state any more
            sink.open(_run(folder), None)
            after = 0
        for start in range(after, len(records), batch):
            sink.write(records[start : start + batch])
            _flush(sink)
        sink.close()

    def _check(
        self,
        folder: Path,
        records: Sequence[Record],
        *,
        resent: bool = False,
        ignore: Collection[str] = (),
    ) -> None:
        """Compare what can be read with what was sent, metric by metric, exactly.

        Args:
            folder: of the sink.
            records: what must be there.
            resent: whether some of them were sent twice.
            ignore: metrics that may be there, too.
        """
        found = self.read_back(folder)
        if found is None:
            return
        there = self._by_metric([point for point in found if point[1] not in ignore])
        for name, expected in self._by_metric(points(records)).items():
            actual = there.pop(name, [])
            missing = Counter(expected) - Counter(actual)
            if missing and (self.keeps_rows or not actual):
                raise AssertionError(f"metric {name!r} lacks (step, value) {_few(missing)}")
            if not self.keeps_rows or (resent and not self.exactly_once):
                continue
            if extra := Counter(actual) - Counter(expected):
                raise AssertionError(f"metric {name!r} has too many (step, value) {_few(extra)}")
            if actual != expected:
                raise AssertionError(f"metric {name!r} is in another order: {_few(actual)}")
        if there:
            raise AssertionError(f"metrics were read back that nobody logged: {_few(there)}")

    def _by_metric(self, found: Sequence[Point]) -> dict[str, list[tuple[float, str]]]:
        """Group points by metric; values as texts, so that NaN equals NaN and -0.0 is not 0.0."""
        series: dict[str, list[tuple[float, str]]] = {}
        for step, name, value in found:
            kept = float(value) if self.keeps_float64 else _single(value)
            series.setdefault(name, []).append((step, repr(kept)))
        return series


def _run(folder: Path) -> RunInfo:
    return RunInfo(
        id="a1b2c3d4e5",
        name='suite / "run" 1',
        project="suite",
        slug="suite-run-1",
        dir=str(folder),
        config={"lr": 0.1, "model": {"depth": 1}},
        tags=("first",),
        created_s=CREATED_S,
    )


def _flush(sink: Sink) -> Mapping[str, Any]:
    """Return the state as it comes back from where followers store it."""
    state = sink.flush()
    try:
        stored: Mapping[str, Any] = json.loads(json.dumps(state))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"flush() returned a state that is not JSON-able: {error}") from error
    if not isinstance(stored, dict):
        raise AssertionError(f"flush() returned {state!r}, which is not a mapping")  # noqa: TRY004
    return stored


def _single(value: float) -> float:
    """Round to single precision; what is too large for it becomes infinite."""
    try:
        (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(rounded)


def _few(items: Iterable[Any]) -> str:
    return ", ".join(repr(item)[:80] for item in [*items][:5])
