"""Values on a device: copied without waiting, recorded when they have arrived.

``loss`` on a GPU is not a number yet when it is logged.  Reading it would stop the training thread
until the device has caught up.  Instead the copy to the host is queued behind the computation, and
a thread records the row, with the time at which it was logged, when the copy is done.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from epochal.core.bell import Bell
from epochal.core.deferred import Deferred, Transfer
from epochal.core.problems import Problems
from epochal.record.values import Clock

MAX_WAITING = 10_000
"""Rows that may wait for a device; beyond it rows are dropped and counted."""

POLL_S = 0.002


class _Waiting(NamedTuple):
    values: dict[str, float]
    copies: dict[str, Deferred]
    clock: Clock
    mono_ns: int


class DeviceValues:
    """Rows that wait for values on a device, recorded in order by one thread.

    Args:
        record: records a completed row (``Recorder.late_row``).
        problems: told about values that cannot be read.
    """

    def __init__(
        self, record: Callable[[dict[str, float], int, Clock], None], problems: Problems
    ) -> None:
        self._record, self._problems = record, problems
        self._waiting: deque[_Waiting] = deque()
        self._thread: threading.Thread | None = None
        self._arrived = Bell()

    def __len__(self) -> int:
        """Return how many rows wait."""
        return len(self._waiting)

    def put(self, values: dict[str, float], on_device: dict[str, Any], clock: Clock) -> None:
        """Take a row; its device values are read later and may be changed at once."""
        if len(self._waiting) >= MAX_WAITING:
            self._problems.note(
                "dropped", f"a row was dropped: {MAX_WAITING:,} rows already wait for the device"
            )
            return
        copies = {key: start_copy(value) for key, value in on_device.items()}
        self._waiting.append(_Waiting(values, copies, clock, time.monotonic_ns()))
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="epochal-device", daemon=True)
            self._thread.start()
        self._arrived.ring()

    def flush(self, timeout_s: float) -> bool:
        """Wait until no row waits; False: it took too long."""
        deadline = time.monotonic() + timeout_s
        while self._waiting:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _loop(self) -> None:
        while True:
            self._arrived.wait()
            while self._waiting:
                first = self._waiting[0]
                while not all(copy.ready() for copy in first.copies.values()):
                    time.sleep(POLL_S)
                self._finish(first)
                self._waiting.popleft()

    def _finish(self, row: _Waiting) -> None:
        for key, copy in row.copies.items():
            try:
                number = copy.read()
            except Exception as error:  # noqa: BLE001 - whatever the device raised: counted and told
                number = None
                self._problems.counts["value"] += 1
                self._problems.tell(f"device:{key}", f"cannot read {key!r} from a device: {error}")
            if number is None:
                del row.values[key]
            else:
                row.values[key] = number
        if row.values:
            try:
                self._record(row.values, row.mono_ns, row.clock)
            except ValueError as error:  # the run was finished without waiting for the device
                self._problems.counts["dropped"] += 1
                self._problems.tell("late", f"a row came too late from its device: {error}")


def start_copy(value: Any) -> Deferred:
    """Begin to bring a one-element array to the host, without waiting for its device."""
    if isinstance(value, Deferred):
        return value
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        # JAX arrays never change: it is enough to keep the reference.
        return _one(getattr(value, "is_ready", _at_once), value.item)
    source = value.detach().reshape(())
    if source.device.type != "cuda":
        return _one(_at_once, source.clone().item)
    host = torch.empty((), dtype=source.dtype, pin_memory=True)
    host.copy_(source, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(source.device))

    def read() -> Any:
        copied.synchronize()  # raises where the device failed: the memory holds nothing then
        return host.item()

    return _one(copied.query, read)


def _one(ready: Callable[[], bool], read: Callable[[], Any]) -> Deferred:
    return Deferred(Transfer(ready, lambda: [read()]), 0)


def _at_once() -> bool:
    return True
