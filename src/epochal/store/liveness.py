"""Whether the process behind a session lives: who can say so, and by whose clock.

On the host that runs it, the answer is exact and needs no clock: a living process holds the lock
of its ring.  From any other host there are only heartbeats: the writer stamps one every 10 s with
its own clock; a reader that sees none for 60 s, by its own clock and by the file's time stamp,
says *lost*, which means "no contact", not "dead".
"""

from __future__ import annotations

import enum
import json
import os
import time
from typing import Any

from epochal.core import items, ring
from epochal.core.system import host_name, open_plain
from epochal.journal import frames
from epochal.journal.frames import Frame
from epochal.journal.session import boot_id, first_descriptor, is_sound

SILENCE_S = 60.0
TAIL_BYTES = 8 << 20
"""So much of a file's end holds a descriptor: one follows each MiB, and a write has at most 4."""
_CLOCKS = (frames.DESCRIPTOR, frames.HEARTBEAT)


class Life(enum.Enum):
    """What is known about a session's process."""

    ALIVE = "alive"
    ENDED = "ended"
    DEAD = "dead"
    SILENT = "silent"


def life(run_dir: str, session: str, *, now_s: float | None = None) -> Life:
    """Find out about the process of a session from its last journal file.

    Args:
        run_dir: the run.
        session: id of a session that has a file in the journal.
        now_s: the reader's clock; default now.
    """
    journal = os.path.join(run_dir, "journal")
    last = [each for each in frames.segments(journal) if each.session == session][-1]
    path = os.path.join(journal, last.name)
    with open_plain(path) as file:
        file.seek(max(0, os.path.getsize(path) - TAIL_BYTES))
        data = file.read()
    descriptor: dict[str, Any] = {}
    heartbeat_ns, rows = 0, memoryview(b"")
    for found in frames.scan(data, last.mark):
        if isinstance(found, Frame) and found.kind == frames.ITEMS:
            rows = found.payload
        elif isinstance(found, Frame) and found.kind in _CLOCKS and is_sound(found):
            body = json.loads(bytes(found.payload))
            heartbeat_ns = max(heartbeat_ns, body["wall_ns"])
            descriptor = body if found.kind == frames.DESCRIPTOR else descriptor
    if items.ends_session(rows) or descriptor.get("role") == "annotate":
        return Life.ENDED
    return of_process(descriptor, max(heartbeat_ns / 1e9, os.path.getmtime(path)), now_s=now_s)


def of_process(descriptor: dict[str, Any], seen_s: float, *, now_s: float | None = None) -> Life:
    """Find out about a process that has not said that it ended.

    Args:
        descriptor: the session's.
        seen_s: when it was last heard of, seconds since 1970.
        now_s: the reader's clock; default now.
    """
    if descriptor.get("host") == host_name() and descriptor.get("boot") == boot_id():
        path = descriptor.get("ring", "")
        alive = ring.is_alive(path) if path else _process_lives(descriptor)
        return Life.ALIVE if alive else Life.DEAD
    now_s = time.time() if now_s is None else now_s
    return Life.SILENT if now_s - seen_s > SILENCE_S else Life.ALIVE


def other_ranks_live(run_dir: str) -> bool:
    """Say whether a rank of a distributed job other than 0 still writes to a run."""
    journal = os.path.join(run_dir, "journal")
    for segment in {each.session: each for each in frames.segments(journal)}.values():
        try:
            descriptor = first_descriptor(journal, segment) or {}
            seen_s = os.path.getmtime(os.path.join(journal, segment.name))
            if (
                descriptor.get("rank")
                and of_process(descriptor, seen_s) is Life.ALIVE
                and life(run_dir, segment.session) is Life.ALIVE
            ):
                return True
        except (FileNotFoundError, IndexError):  # it was sealed meanwhile
            continue
    return False


def _process_lives(descriptor: dict[str, Any]) -> bool:
    """Ask for the process id; only right within one process namespace, hence the second choice."""
    try:
        os.kill(int(descriptor["pid"]), 0)
    except (ProcessLookupError, KeyError):
        return False
    except PermissionError:
        pass
    return True
