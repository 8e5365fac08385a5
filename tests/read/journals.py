"""Makes run folders quickly: journals with rows and events of our choice, and no threads."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from epochal.core import items
from epochal.core.items import FLOAT_STEP, HAS_EPOCH, IMPLICIT_STEP, Layout
from epochal.core.names import new_id
from epochal.journal import frames
from epochal.journal.segment import SegmentFile
from epochal.journal.session import Session, descriptor_payload, next_ordinal
from epochal.store import folder


class JournalMaker:
    """Writes one session of a run; rows wait until `frame` or `close` puts them in a frame.

    The clock is ours: it begins at 1 s and goes on by a millisecond with each record.
    """

    def __init__(self, run_dir: str, **session) -> None:
        fixed = {"wall_ns": 1_700_000_000_000_000_000, "mono_ns": 1_000_000_000}
        self.run_dir = run_dir
        self.session = Session("x", next_ordinal(run_dir), **{**fixed, **session})
        self.folder = os.path.join(run_dir, "journal")
        os.makedirs(self.folder, exist_ok=True)
        self.layouts: dict[tuple, Layout] = {}
        self.seq, self.now = 0, self.session.mono_ns
        self._index, self._waiting = 0, b""
        self._file = None

    def _now(self) -> int:
        self.now += 1_000_000
        return self.now

    def row(self, values, step=0, *, epoch=None, phase=None, given=True, long=False) -> None:
        """Adds a row; `long` stores it with its layout."""
        variant = IMPLICIT_STEP * (not given) | FLOAT_STEP * (type(step) is float)
        variant |= HAS_EPOCH * (epoch is not None)
        clock = (step,) if epoch is None else (step, epoch)
        keys = (tuple(values), phase, variant)
        if long:
            prefix, numbers = items.long_parts(Layout(9999, *keys))
            size = items.HEADER.size + len(prefix) + numbers.size
            head = items.HEADER.pack(items.LONG, size, self.seq, self._now())
            self._waiting += head + prefix + numbers.pack(*clock, *values.values())
        else:
            layout = self.layouts.get(keys)
            if layout is None:
                layout = Layout(items.FIRST_LAYOUT + len(self.layouts), *keys)
                self.layouts[keys] = layout
                self._waiting += items.json_item(
                    items.DEFINE, self.seq, self._now(), layout.to_json()
                )
            packer = items.struct.Struct(layout.row_format)
            self._waiting += packer.pack(
                layout.id, packer.size, self.seq, self._now(), *clock, *values.values()
            )
        self.seq += 1

    def event(self, kind, **data) -> None:
        """Adds an event."""
        body = items.to_json({"kind": kind, **data})
        self._waiting += items.json_item(items.EVENT, self.seq, self._now(), body)
        self.seq += 1

    def frame(self) -> None:
        """Puts what waits into a frame."""
        file = self._open()
        if self._waiting:
            (_, _, seq, _) = items.HEADER.unpack_from(self._waiting)
            file.append(file.frame(frames.ITEMS, seq, self._waiting))
            self._waiting = b""

    def heartbeat(self, *, wall_shift_ns=0) -> None:
        """Adds a heartbeat; the wall clock was set by so much since the start."""
        self.frame()
        passed = self._now() - self.session.mono_ns
        body = {"wall_ns": self.session.wall_ns + passed + wall_shift_ns, "mono_ns": self.now}
        self._file.append(self._file.frame(frames.HEARTBEAT, self.seq, items.to_json(body)))

    def rotate(self) -> None:
        """Begins a new segment."""
        self.frame()
        self._file.close()
        self._file = None

    def close(self, state="finished") -> None:
        """Ends the session; no state: it just stops."""
        if state is not None:
            self.event("end", state=state, error="")
        self.frame()
        self._file.close()
        self._file = None

    def _open(self) -> SegmentFile:
        if self._file is None:
            self._index += 1
            self._file = SegmentFile(self.folder, self.session.segment(self._index))
            described = descriptor_payload(self.session.describe(), list(self.layouts.values()))
            self._file.append(self._file.frame(frames.DESCRIPTOR, self.seq, described))
        return self._file


def make_run(
    base: str | Path, name="run", project="doc", *, config=None, created_s=None, **about
) -> str:
    """Makes a run folder without sessions; returns its path."""
    return folder.create(
        str(base),
        {
            "id": new_id(), "name": name, "project": project, "config": config or {},
            "created_s": time.time() if created_s is None else created_s, "tags": [], "notes": "",
            "group": None, "seed": None, "sinks": [], "fork": None, "host": "here", **about,
        },
    )  # fmt: skip


def finished_run(base: str | Path, rows: Sequence[tuple], name="run", **about) -> str:
    """Makes a finished run of (values, step) rows."""
    run_dir = make_run(base, name, **about)
    maker = JournalMaker(run_dir)
    for values, step in rows:
        maker.row(values, step)
    maker.close()
    return run_dir
