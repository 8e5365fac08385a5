"""A session: what one process writes to one run.

Each process start, resume, fork or rank is a session of its own with its own files, so that
writers never share a file and nothing has to be locked.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from epochal.core.items import Layout, to_json
from epochal.core.shapes import (
    CLOCK_NS,
    COUNT,
    LAYOUT,
    PATH,
    PROCESS,
    STEP,
    TEXT,
    Shape,
    listed,
)
from epochal.core.system import host_name
from epochal.journal import frames
from epochal.journal.frames import Frame, Segment, segments

HEARTBEAT = Shape({"wall_ns": CLOCK_NS, "mono_ns": CLOCK_NS})
DESCRIPTOR = Shape(
    {**HEARTBEAT.needed, "elapsed_ns": CLOCK_NS, "layouts": listed(LAYOUT)},
    {"rank": COUNT, "role": TEXT, "host": TEXT, "boot": TEXT, "ring": PATH, "pid": PROCESS},
    {"hides_after": STEP},
)


def boot_id() -> str:
    """Return what changes when this host restarts, or "" where it cannot be told."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


@dataclass
class Session:
    """Identity and clock of a session.

    Attributes:
        run: the run's id.
        ordinal: 1 for the first session of a run; readers order by it.  All ranks of one launch
            have that of rank 0.
        id: 16 random hex digits; also the mark of the session's frames.
        rank: the process's rank in a distributed job.
        wall_ns, mono_ns: the same instant on both clocks: the anchor of all its items.
        elapsed_ns: how long the run had been going at that instant.
        hides_after: on resume, the step after which earlier sessions are hidden.
        ring: path of its ring, "" for private memory.
    """

    run: str
    ordinal: int
    rank: int = 0
    elapsed_ns: int = 0
    hides_after: float | None = None
    role: str = "train"
    ring: str = ""
    id: str = field(default_factory=lambda: os.urandom(8).hex())
    wall_ns: int = field(default_factory=time.time_ns)
    mono_ns: int = field(default_factory=time.monotonic_ns)

    def segment(self, index: int) -> Segment:
        """Return the name of its ``index``-th file."""
        return Segment(self.ordinal, self.id, index)

    def identity(self, folder: str) -> dict[str, Any]:
        """Return what the ring of this session says of its owner."""
        return {
            "run_dir": folder,
            "session": self.id,
            "ordinal": self.ordinal,
            "boot": boot_id(),
            "pid": os.getpid(),
            "descriptor": self.describe(),
        }

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able descriptor, without layouts."""
        return {
            "version": 1, "run": self.run, "session": self.id, "ordinal": self.ordinal,
            "rank": self.rank, "role": self.role, "host": host_name(),
            "pid": os.getpid(), "boot": boot_id(), "wall_ns": self.wall_ns,
            "mono_ns": self.mono_ns, "elapsed_ns": self.elapsed_ns,
            "hides_after": self.hides_after, "ring": self.ring,
        }  # fmt: skip


def is_sound(frame: Frame) -> bool:
    """Say whether a frame that should describe a session, or its clock, does so."""
    if frame.kind not in (frames.DESCRIPTOR, frames.HEARTBEAT):
        return True
    try:
        found = json.loads(bytes(frame.payload))
        if not isinstance(found, dict):
            return False
        if frame.kind == frames.HEARTBEAT:
            return not HEARTBEAT.fault(found)
        return not DESCRIPTOR.fault(found)
    except (ValueError, RecursionError):
        return False


def descriptor_payload(description: dict[str, Any], layouts: Sequence[Layout]) -> bytes:
    """Return the payload of a descriptor frame."""
    return to_json({**description, "layouts": [layout.to_dict() for layout in layouts]})


def next_ordinal(run_dir: str) -> int:
    """Return the ordinal for a new session of a run (1 if it has none)."""
    journal = max((s.ordinal for s in segments(os.path.join(run_dir, "journal"))), default=0)
    sealed = 0
    if os.path.isdir(folder := os.path.join(run_dir, "sealed")):
        heads = (name.split("-", 1)[0] for name in os.listdir(folder))
        sealed = max((int(head) for head in heads if head.isdigit()), default=0)
    return max(journal, sealed) + 1


def first_descriptor(folder: str, segment: Segment) -> dict[str, Any] | None:
    """Return the descriptor with which a segment begins.

    Args:
        folder: the run's ``journal`` folder.
        segment: a segment that is there.

    Returns:
        None while nothing is written yet; empty if it cannot be read.

    Raises:
        FileNotFoundError: it was sealed meanwhile.
    """
    with open(os.path.join(folder, segment.name), "rb") as file:
        data = file.read(frames.HEADER_BYTES + frames.MAX_PAYLOAD_BYTES)
    torn = True
    for found in frames.scan(data, segment.mark):
        if isinstance(found, Frame) and found.kind == frames.DESCRIPTOR and is_sound(found):
            descriptor: dict[str, Any] = json.loads(bytes(found.payload))
            return descriptor
        torn = torn and not isinstance(found, Frame) and found.torn
    return None if torn else {}


def rank_of(folder: str, segment: Segment) -> int | None:
    """Return the rank of the process that wrote a segment, None while nothing is written yet.

    Raises:
        FileNotFoundError: it was sealed meanwhile.
    """
    found = first_descriptor(folder, segment)
    return None if found is None else int(found.get("rank", 0))
