"""Records made up for tests, and sinks that remember, fail, hang or take their time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal.core.errors import SinkError
from epochal.core.records import Event, Record, Row, RunInfo

Point = tuple[float, str, float]
"""Step, metric name, value."""

CREATED_S = 1_700_000_000.0
"""When the runs of the fakes began."""


def rows(
    n: int,
    keys: Sequence[str] = ("loss", "lr"),
    *,
    start: int = 1,
    session: int = 1,
    phase: str | None = None,
    epoch: float | None = None,
) -> list[Row]:
    """Return ``n`` rows of rising steps; the value of the i-th key is step + i / 8.

    Args:
        n: how many.
        keys: metric names, without the phase.
        start: the first step, also the first position in the session.
        session: ordinal of the session.
        phase: recorded as ``phase=`` of the call, and put before the names.
        epoch: the epoch of all rows.

    Example:
        >>> rows(2)[1].values
        {'loss': 2.0, 'lr': 2.125}
    """
    names = [f"{phase}/{key}" if phase else key for key in keys]
    return [
        Row(
            session=session,
            seq=step,
            time_s=CREATED_S + 1000 * session + step / 100,
            elapsed_s=1000 * (session - 1) + step / 100,
            step=step,
            step_given=True,
            epoch=epoch,
            phase=phase,
            values={name: step + i / 8 for i, name in enumerate(names)},
        )
        for step in range(start, start + n)
    ]


def event(kind: str, *, seq: int = 0, session: int = 1, **data: Any) -> Event:
    """Return an event with the given fields.

    Example:
        >>> event("tag", tags=["a"]).data
        {'tags': ['a']}
    """
    elapsed_s = 1000 * (session - 1) + seq / 100
    return Event(session, seq, CREATED_S + 1000 * session + seq / 100, elapsed_s, kind, data)


def points(records: Iterable[Record]) -> list[Point]:
    """Return step, name and value of everything in the rows among the records."""
    return [
        (record.step, name, value)
        for record in records
        if isinstance(record, Row)
        for name, value in record.values.items()
    ]


class MemorySink:
    """Keeps every record; exactly once, as long as the object lives.

    Attributes:
        records: what was written, in order.
        calls: names of the methods called, in order.
    """

    name = "memory"

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.calls: list[str] = []

    def open(self, run: RunInfo, state: Mapping[str, Any] | None) -> None:  # noqa: ARG002
        """Forget what came after the state."""
        self.calls.append("open")
        del self.records[state["count"] if state else 0 :]

    def write(self, records: Sequence[Record]) -> None:
        """Keep the records."""
        self.calls.append("write")
        self.records.extend(records)

    def flush(self) -> dict[str, Any]:
        """Return how many records there are."""
        self.calls.append("flush")
        return {"count": len(self.records)}

    def close(self) -> None:
        """Do nothing: the records stay."""
        self.calls.append("close")

    def points(self) -> list[Point]:
        """Return step, name and value of everything in the rows."""
        return points(self.records)


class FailingSink(MemorySink):
    """Raises :class:`SinkError` from ``write``, before anything was kept.

    Args:
        failures: how many calls fail; None: all of them.
        poison: fail, whenever it comes, for a record that has this metric.

    Attributes:
        failed: how many calls have failed.
    """

    name = "failing"

    def __init__(self, failures: int | None = None, *, poison: str | None = None) -> None:
        super().__init__()
        self._left = 0 if poison is not None and failures is None else failures
        self._poison = poison
        self.failed = 0

    def write(self, records: Sequence[Record]) -> None:
        """Fail, or keep the records."""
        poisoned = any(name == self._poison for _, name, _ in points(records))
        if poisoned or self._left is None or self.failed < self._left:
            self.failed += 1
            raise SinkError(f"sink {self.name!r} fails as it was asked to; call {self.failed}")
        super().write(records)


class HangingSink(MemorySink):
    """Hangs in ``write`` until it is released.

    Attributes:
        hanging: set while a call hangs, to wait for.
    """

    name = "hanging"

    def __init__(self) -> None:
        super().__init__()
        self.hanging = threading.Event()
        self._released = threading.Event()

    def write(self, records: Sequence[Record]) -> None:
        """Hang, then keep the records."""
        self.hanging.set()
        self._released.wait()
        self.hanging.clear()
        super().write(records)

    def release(self) -> None:
        """Let hanging and all later calls go on; a test calls this before it ends."""
        self._released.set()


class SlowSink(MemorySink):
    """Takes its time for each batch.

    Args:
        delay_s: how long ``write`` and ``flush`` take.
    """

    name = "slow"

    def __init__(self, delay_s: float = 0.1) -> None:
        super().__init__()
        self._delay_s = delay_s

    def write(self, records: Sequence[Record]) -> None:
        """Wait, then keep the records."""
        time.sleep(self._delay_s)
        super().write(records)

    def flush(self) -> dict[str, Any]:
        """Wait, then return how many records there are."""
        time.sleep(self._delay_s)
        return super().flush()
