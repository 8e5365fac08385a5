"""Adding a few events to a run from outside its training: a tag, a note, what a probe found."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from epochal.core import items
from epochal.core.errors import RunFolderError
from epochal.journal import frames
from epochal.journal.segment import SegmentFile
from epochal.journal.session import Session, descriptor_payload, next_ordinal


def append_events(
    run_dir: str, run_id: str, events: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Append events as a session of its own, on disk when this returns.

    Args:
        run_dir: the run's folder; the run may be running, finished or sealed.
        run_id: its id.
        events: (kind, fields) pairs.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    session = Session(run_id, next_ordinal(run_dir), role="annotate")
    folder = os.path.join(run_dir, "journal")
    bodies = [items.to_json({"kind": kind, **data}) for kind, data in events]
    payloads = [
        items.json_item(items.EVENT, seq, time.monotonic_ns(), body)
        for seq, body in enumerate(bodies)
    ]
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        file = SegmentFile(folder, session.segment(1))
        try:
            parts = file.frame(frames.DESCRIPTOR, 0, descriptor_payload(session.describe(), []))
            for seq, payload in enumerate(payloads):
                parts += file.frame(frames.ITEMS, seq, payload)
            file.append(parts)
            os.fsync(file.fd)
        finally:
            file.close()
    except OSError as error:
        message = f"cannot write to {folder}: {error.strerror or error}"
        raise RunFolderError(message) from error
