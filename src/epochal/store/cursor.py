"""A cursor: how far a sink has come in a run, kept beside the run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from epochal.core.atomic import write_atomically
from epochal.core.names import slug
from epochal.core.shapes import BOOL, COUNT, TREE, Shape, mapping, maybe, row, shaped
from epochal.core.system import open_plain
from epochal.journal.frames import plain_names
from epochal.journal.reader import Position

_POSITIONS = mapping(row(COUNT, COUNT, COUNT))
_CURSOR = shaped(
    "a cursor", Shape({"positions": _POSITIONS, "state": maybe(TREE), "finished": BOOL})
)


@dataclass
class Cursor:
    """Positions by session and the sink's own state, stored together.

    Attributes:
        positions: session id → where to go on.
        state: what the sink's ``flush`` returned then; None before the first.
        finished: the sink has seen all of a run that has ended.
    """

    positions: dict[str, Position] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    finished: bool = False

    def save(self, run_dir: str, sink: str) -> None:
        """Store atomically.

        Raises:
            OSError: the run folder cannot be written.
        """
        body = {"positions": self.positions, "state": self.state, "finished": self.finished}
        path = _path(run_dir, sink)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_atomically(path, json.dumps(body).encode("ascii"))


def load(run_dir: str, sink: str) -> Cursor:
    """Return a sink's cursor; a missing or damaged one means "from the beginning"."""
    try:
        with open_plain(_path(run_dir, sink)) as file:
            body = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return Cursor()
    if not _CURSOR.holds(body):
        return Cursor()
    positions = {name: Position(*where) for name, where in body["positions"].items()}
    return Cursor(positions, body["state"], body["finished"])


def cursors(run_dir: str) -> dict[str, Cursor]:
    """Return the cursors of all sinks of a run, by sink."""
    names = plain_names(os.path.join(run_dir, "follow"))
    sinks = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    return {sink: load(run_dir, sink) for sink in sinks}


def _path(run_dir: str, sink: str) -> str:
    return os.path.join(run_dir, "follow", f"{slug(sink)}.json")


def passed(
    run_dir: str, session: str, index: int, size: int, sinks: Iterable[str],
    ignored: Iterable[str] = (),
) -> bool:  # fmt: skip
    """Say whether every mirror has taken all of a segment.

    Args:
        run_dir: the run.
        session: id of the segment's session.
        index: which of its segments.
        size: bytes of the segment.
        sinks: mirrors that the run was started with; one without a cursor has taken nothing.
        ignored: mirrors that nobody waits for.
    """
    known = cursors(run_dir)  # by file name, which is the slug
    for sink in {*map(slug, sinks), *known}.difference(map(slug, ignored)):
        where = known.get(sink, Cursor())
        at = where.positions.get(session, Position())
        if at.index > index or (at.index == index and at.offset >= size):
            continue
        if not (where.finished and session not in where.positions):
            return False
    return True
