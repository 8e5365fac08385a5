"""Makes run folders quickly: journals with rows and events of our choice, and no threads."""

import math
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

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

    def __init__(self, run_dir: str, *, claims=None, **session) -> None:
        """Takes attributes of the session; `claims` are put over its descriptor."""
        self._claims = claims or {}
        fixed = {"wall_ns": 1_700_000_000_000_000_000, "mono_ns": 1_000_000_000}
        self.run_dir = run_dir
        fixed["ordinal"] = next_ordinal(run_dir)
        self.session = Session("x", **{**fixed, **session})
        self.folder = os.path.join(run_dir, "journal")
        os.makedirs(self.folder, exist_ok=True)
        self.layouts: dict[tuple, Layout] = {}
        self.seq, self.now = 0, self.session.mono_ns
        self._index, self._waiting = 0, b""
        self._file = None

    @property
    def began(self) -> bool:
        """Whether a segment is open."""
        return self._file is not None

    def _now(self) -> int:
        self.now += 1_000_000
        return self.now

    def row(self, values, step=0, *, epoch=None, phase=None, given=True, long=False) -> None:
        """Adds a row; `long` stores it with its layout."""
        self._open()
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
            packer = struct.Struct(layout.row_format)
            self._waiting += packer.pack(
                layout.id, packer.size, self.seq, self._now(), *clock, *values.values()
            )
        self.seq += 1

    def event(self, kind, **data) -> None:
        """Adds an event."""
        self._open()
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
        self._open()
        passed = self._now() - self.session.mono_ns
        body = {"wall_ns": self.session.wall_ns + passed + wall_shift_ns, "mono_ns": self.now}
        self._file.append(self._file.frame(frames.HEARTBEAT, self.seq, items.to_json(body)))

    def descriptor(self) -> None:
        """Repeats the descriptor, with the layouts as of now."""
        self.frame()
        self._describe()

    def _describe(self) -> None:
        description = self.session.describe() | self._claims
        payload = descriptor_payload(description, list(self.layouts.values()))
        self._file.append(self._file.frame(frames.DESCRIPTOR, self.seq, payload))

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
            self._describe()
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


def bits(number: int) -> float:
    """The float64 with these bits: NaN payloads, -0.0 and infinities included."""
    return struct.unpack("<d", struct.pack("<Q", number))[0]


FLOATS = st.integers(0, 2**64 - 1).map(bits) | st.floats(-1e3, 1e3) | st.sampled_from(
    [-0.0, math.inf, -math.inf, math.nan, bits(0x7FF8_0000_DEAD_BEEF)]
)  # fmt: skip
STEPS = st.integers(0, 50) | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e6, 1e6)
KEYS = st.sampled_from([("loss",), ("loss", "lr"), ("lr", "loss"), ("a.b", "a", "_seq"), ("é",)])
ROWS = st.fixed_dictionaries(
    {"do": st.just("row"), "keys": KEYS, "values": st.tuples(FLOATS, FLOATS, FLOATS),
     "step": STEPS, "epoch": st.none() | FLOATS, "phase": st.sampled_from([None, "val"]),
     "given": st.booleans(), "long": st.sampled_from([False] * 5 + [True])}
)  # fmt: skip
EVENTS = st.fixed_dictionaries({"do": st.just("event"), "text": st.text(max_size=20)})
MARKS = st.sampled_from([{"do": "frame"}, {"do": "heartbeat"}, {"do": "rotate"}])
STREAMS = st.lists(ROWS | EVENTS | MARKS, max_size=60)
"""What a session may record, in a random order."""


def play(maker: JournalMaker, stream: list[dict]) -> None:
    """Records a stream and ends the session."""
    for each in stream:
        if each["do"] == "row":
            values = dict(zip(each["keys"], each["values"], strict=False))
            clock = {name: each[name] for name in ("epoch", "phase", "given", "long")}
            maker.row(values, each["step"], **clock)
        elif each["do"] == "event":
            maker.event("note", text=each["text"])
        elif each["do"] == "heartbeat":
            maker.heartbeat(wall_shift_ns=maker.seq * 1000)
        elif each["do"] == "frame" or maker.began:
            getattr(maker, each["do"])()
    maker.close()


def rewrite(path: str, change) -> None:
    """Replaces a file's bytes by what `change` makes of them."""
    data = bytearray(Path(path).read_bytes())
    change(data)
    Path(path).write_bytes(data)
