"""The hot path: one call, one item in the ring.

``Recorder.row`` packs a row with one precompiled ``struct`` per ordered key set and publishes it
with one store.  It does no I/O, makes no system call and holds no lock that is held during I/O.
Whatever is unusual (a new key set, text, a tensor, a full ring) leaves through a slower door.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic_ns, sleep
from typing import Any

from epochal.core import items
from epochal.core.items import FLOAT_STEP, HAS_EPOCH, IMPLICIT_STEP, Layout
from epochal.core.ring import DROPPED, HEAD, TAIL, Ring
from epochal.record.values import Clock, Step, checked_epoch, checked_phase, checked_step

MAX_LAYOUTS = 512
"""Key sets with a layout of their own; later ones are stored as long rows."""

WAIT_S = 0.05
"""How long calls wait, all together, while the ring stays full."""

Converter = Callable[[Mapping[str, Any], Clock], dict[str, float]]
Namer = Callable[[tuple[str, ...], str | None], tuple[str, ...]]
Refuse = Callable[..., None]
_Packer = tuple[Callable[..., None], int, int, list[type]]
"""How a key set is packed: function, code and size of the item, the types that it takes as is."""

_Table = dict[tuple[str, ...], _Packer]


class Recorder:
    """Turns rows and events into items of one session; threads may call it at the same time.

    Args:
        ring: where items go.
        wake: hurries the writer; called when a quarter of the ring has filled.
        convert: turns a mapping that holds anything but floats into floats (``record.values``).
        names: turns the keys of a call into metric names, given the phase.
        refuse: told (error, values, step, epoch, phase) of a row that was put aside and failed.
        tell: tells what went wrong in a call; called when the call holds no lock anymore.

    A call from a signal handler, or from a finalizer that runs inside a call, is put aside and
    recorded when the interrupted call ends.
    """

    def __init__(
        self, ring: Ring, wake: Callable[[], None], convert: Converter, names: Namer,
        refuse: Refuse, tell: Callable[[], None],
    ) -> None:  # fmt: skip
        self.ring, self._wake, self._convert, self._names = ring, wake, convert, names
        self._refuse, self._tell = refuse, tell
        self.lock = threading.RLock()
        self.layouts: list[Layout] = []
        self.last_step: Step | None = None
        self.seq = 0
        self.dropped = 0
        self._tables: dict[tuple[int, str | None], _Table] = {(0, None): {}}
        self._plain = self._tables[0, None]
        self._counter = 0
        self._busy = self._catching_up = self._closed = False
        self._aside: deque[Callable[[], Any]] = deque()
        self._data, self._counters = ring.data, ring.counters
        self._base = self._offset = 0
        self._quarter = self._limit = ring.capacity // 4
        self._wait_left_s = WAIT_S
        self._marked = -1
        self._unattended = False

    def row(
        self, values: Mapping[str, Any], step: Step | None, epoch: float | None, phase: str | None
    ) -> None:
        """Record one row; raises what ``convert`` raises, before anything was recorded."""
        with self.lock:
            if self._busy:
                self._aside.append(partial(self._late_call, dict(values), step, epoch, phase))
                return
            self._busy = True
            try:
                numbers = values.values()
                found = self._plain.get(tuple(values))
                if (
                    found is None
                    or type(step) is not int
                    or epoch is not None
                    or phase is not None
                    or [*map(type, numbers)] != found[3]
                ):
                    self._other_row(values, step, epoch, phase)
                else:
                    pack, code, size, _ = found
                    offset = self._offset
                    if offset + size > self._limit:
                        offset = self._room(size)
                    if offset >= 0:
                        now = monotonic_ns()
                        pack(self._data, offset, code, size, self.seq, now, step, *numbers)
                        self.seq += 1
                        self._offset = offset = offset + size
                        # One aligned store publishes it: a kill before it loses this row only.
                        self._counters[HEAD] = self._base + offset
                    self.last_step = step
                    return
            finally:
                self._busy = False
                if self._aside:
                    self._catch_up()
        if not self._catching_up:
            self._tell()

    def _other_row(
        self, values: Mapping[str, Any], step: Step | None, epoch: float | None, phase: str | None
    ) -> None:
        """Record a row that is new or has more than floats and a step."""
        last, table, clock = self._table_and_clock(step, epoch, phase)
        if {*map(type, values.values())} != {float}:
            at = None if epoch is None else clock[1]
            when = Clock(clock[0], step is not None, at, phase or None)
            values = self._convert(values, when)
        if values:
            pack, code, size, _ = table.get(tuple(values)) or self._packer(table, tuple(values))
            item = bytearray(size)
            now = monotonic_ns()
            pack(memoryview(item), 0, code, size, self.seq, now, *clock, *values.values())
            self._place(item)
        self.last_step = last

    def late_row(self, values: dict[str, float], mono_ns: int, when: Clock) -> None:
        """Record a row whose values were only known some time after it was logged."""
        step, given, epoch, phase = when
        variant = IMPLICIT_STEP * (not given) | FLOAT_STEP * (type(step) is float)
        with self.lock:
            self._busy = True  # a finalizer may log in this thread too
            try:
                table = self._table(variant | HAS_EPOCH * (epoch is not None), phase)
                pack, code, size, _ = table.get(tuple(values)) or self._packer(table, tuple(values))
                item = bytearray(size)
                clock = (step,) if epoch is None else (step, epoch)
                pack(memoryview(item), 0, code, size, self.seq, mono_ns, *clock, *values.values())
                self._place(item)
            finally:
                self._busy = False
                if self._aside:
                    self._catch_up()

    def attached_row(
        self, values: Mapping[str, Any], step: Step | None, epoch: float | None
    ) -> None:
        """Record a row at the step of the one before it."""
        if step is None and self.last_step is None:
            with self.lock:
                self._counter = max(self._counter - 1, 0)  # this call is not one of the user's
        self.row(values, step, epoch, None)

    def background_row(self, values: dict[str, float], phase: str) -> None:
        """Record a row that belongs to no step of its own: it gets the last one."""
        step = max(self._counter - 1, 0) if self.last_step is None else self.last_step
        self.late_row(values, monotonic_ns(), Clock(step, False, None, phase))  # noqa: FBT003

    def event(self, kind: str, data: Mapping[str, Any], mono_ns: int | None = None) -> bool:
        """Record one event: a JSON object with its kind; False: no room, or it is too large."""
        with self.lock:
            if self.put_aside(partial(self.event, kind, dict(data), mono_ns)):
                return True
            self._busy = True
            try:
                return self.put_event(kind, data, mono_ns)
            finally:
                self._busy = False
                if self._aside:
                    self._catch_up()

    def put_event(self, kind: str, data: Mapping[str, Any], mono_ns: int | None = None) -> bool:
        """Record an event from inside a call (the converter's door); False: no room."""
        body = items.to_json({"kind": kind, **data})
        item = items.json_item(items.EVENT, self.seq, mono_ns or monotonic_ns(), body)
        return self._place(item)

    def wake_each_call(self) -> None:
        """Hurry the writer at each call: there is no thread that would come by itself."""
        self._unattended, self._limit = True, 0

    def go_on(self, last_step: Step | None, calls: int) -> None:
        """Go on where an earlier session ended: its last step, and its counter of calls."""
        self.last_step, self._counter = last_step, calls

    def put_aside(self, call: Callable[[], Any]) -> bool:
        """Leave a call for when the one that it interrupts has ended; False: it interrupts none."""
        with self.lock:
            if self._busy:
                self._aside.append(call)
            return self._busy

    def close(self) -> None:
        """Accept nothing from now on: later calls raise ValueError and change nothing."""
        with self.lock:
            self._closed, self._limit = True, -1

    def _late_call(self, *row: Any) -> None:
        try:
            self.row(*row)
        except Exception as error:  # noqa: BLE001 - told as if the call had come by itself
            self._refuse(error, *row)

    def _catch_up(self) -> None:
        """Record what was put aside; more may be put aside meanwhile."""
        if self._catching_up:
            return
        self._catching_up = True
        try:
            while self._aside:
                self._aside.popleft()()
        finally:
            self._catching_up = False

    def _table_and_clock(
        self, step: Step | None, epoch: float | None, phase: str | None
    ) -> tuple[Step | None, _Table, tuple[float, ...]]:
        """Return what the last step will be, the table of packers, and the row's clock."""
        variant, last = 0, self.last_step
        if step is not None:
            last = step = checked_step(step)
        else:
            variant, step = IMPLICIT_STEP, last
            if step is None:
                step, self._counter = self._counter, self._counter + 1
        if type(step) is float:
            variant |= FLOAT_STEP
        if epoch is not None:
            variant, epoch = variant | HAS_EPOCH, checked_epoch(epoch)
        phase = phase or None
        if (variant, phase) not in self._tables:
            checked_phase(phase)
        return last, self._table(variant, phase), ((step,) if epoch is None else (step, epoch))

    def _table(self, variant: int, phase: str | None) -> _Table:
        return self._tables.setdefault((variant, phase), {})

    def _packer(self, table: _Table, keys: tuple[str, ...]) -> _Packer:
        """Define a layout for a new key set, or make a packer of long rows once there are many."""
        variant, phase = next(kind for kind, known in self._tables.items() if known is table)
        names = self._names(keys, phase)
        layout = Layout(items.FIRST_LAYOUT + len(self.layouts), names, phase, variant)
        row = struct.Struct(layout.row_format)
        body = layout.to_json()
        fits = items.HEADER.size + len(body) + 8 <= self._quarter and row.size <= self._quarter
        define = items.json_item(items.DEFINE, self.seq, monotonic_ns(), body)
        if len(self.layouts) < MAX_LAYOUTS and fits and self._place(define, numbers=0):
            self.layouts.append(layout)
            table[keys] = row.pack_into, layout.id, row.size, [float] * len(keys)
            return table[keys]
        return self._long_packer(layout)

    def _long_packer(self, layout: Layout) -> _Packer:
        prefix, numbers = items.long_parts(layout)

        def pack(data: memoryview, at: int, *fields: float) -> None:
            items.HEADER.pack_into(data, at, *fields[:4])
            start = at + items.HEADER.size
            data[start : start + len(prefix)] = prefix
            numbers.pack_into(data, start + len(prefix), *fields[4:])

        return pack, items.LONG, items.HEADER.size + len(prefix) + numbers.size, []

    def _place(self, item: bytes | bytearray, numbers: int = 1) -> bool:
        """Copy a finished item into the ring; False: it was dropped and counted.

        Its sequence number is used up before it is published: if Ctrl-C comes in between, readers
        see a hole, and never two items of one number.
        """
        offset = self._offset
        if offset + len(item) > self._limit:
            offset = self._room(len(item))
            if offset < 0:
                return False
        self._data[offset : offset + len(item)] = item
        self.seq += numbers
        self._offset = offset + len(item)
        self._counters[HEAD] = self._base + self._offset
        return True

    def _room(self, size: int) -> int:
        """Return where an item of this size goes, waiting a little; -1: it is dropped, counted."""
        if self._closed:
            raise ValueError("the run is finished")
        capacity = self.ring.capacity
        if size <= self._quarter and self._wrap(size) and self._wait_for(size):
            position = self._base + self._offset
            self._mark(position, position)
            free_until = self._offset + self._counters[TAIL] + capacity - position
            reach = 0 if self._unattended else self._quarter
            self._limit = min(self._offset + reach, free_until, capacity)
            return self._offset
        self.dropped += 1
        self.seq += 1  # the hole in the sequence is what readers count
        self._counters[DROPPED] = self.dropped
        return -1

    def _wrap(self, size: int) -> bool:
        """Begin again at the ring's start if the item does not fit before its end."""
        left = self.ring.capacity - self._offset
        if size <= left:
            return True
        if left:
            if not self._wait_for(left):
                return False
            items.CODE_AND_SIZE.pack_into(self._data, self._offset, items.PAD, left)
        stop = self._base + self._offset
        while self.ring.marks and self.ring.marks[-1][1] > stop:
            self.ring.marks.pop()  # Ctrl-C came here before, between the mark and what follows it
        self._limit = 0
        self._mark(stop, stop + left)
        self._base, self._offset, self._limit = stop + left, 0, 0
        self._counters[HEAD] = self._base
        return True

    def _mark(self, stop: int, resume: int) -> None:
        """Let the writer cut here, and hurry it."""
        if stop != self._marked or resume != stop:
            self._marked = stop
            self.ring.marks.append((stop, resume))
        self._wake()

    def _wait_for(self, size: int) -> bool:
        """Wait until the next ``size`` bytes are free; calls share one small budget of time."""
        end = self._base + self._offset + size
        while end - self._counters[TAIL] > self.ring.capacity:
            self._mark(self._base + self._offset, self._base + self._offset)
            if self._wait_left_s <= 0:
                return False
            sleep(0.001)
            self._wait_left_s -= 0.001
        self._wait_left_s = WAIT_S
        return True
