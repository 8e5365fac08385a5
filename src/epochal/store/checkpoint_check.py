"""Checking checkpoints: is each file in the run folder the one that was recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from epochal.store.events import Events, decoded

KINDS = ("artifact", "artifact_removed")


class CheckpointRecord(NamedTuple):
    """What was recorded of a file below the run folder; ``bytes`` None: it was removed."""

    file: str
    bytes: int | None
    sha256: str


class CheckpointFile(NamedTuple):
    """A file that was checked: its size, and what is wrong with it, "" if nothing."""

    file: str
    bytes: int
    fault: str


def records(events: Events) -> list[CheckpointRecord]:
    """Return what a session recorded of checkpoints below the run folder, in order."""
    texts = events.where([kind in KINDS for kind in events.kinds]).texts
    return [
        CheckpointRecord(
            str(data["file"]), int(data["bytes"]) if data["kind"] == "artifact" else None,
            str(data.get("sha256")),
        )
        for data in decoded(texts) if data.get("file")
    ]  # fmt: skip


def check(run_dir: str, found: Iterable[CheckpointRecord]) -> Iterator[CheckpointFile]:
    """Read every checkpoint that should be there, and compare it with its latest record.

    Args:
        run_dir: the run.
        found: the records of all sessions, in order.
    """
    latest = {record.file: record for record in found}
    for record in latest.values():
        if record.bytes is not None:
            path = os.path.join(run_dir, *record.file.split("/"))
            yield CheckpointFile(record.file, record.bytes, _fault(path, record.sha256))


def _fault(path: str, sha256: str) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except FileNotFoundError:
        return "the checkpoint is missing"
    except OSError as error:
        return str(error.strerror or error)
    return "" if digest.hexdigest() == sha256 else "its hash is not the recorded one"
