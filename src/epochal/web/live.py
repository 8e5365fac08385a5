"""The end of a journal file that still grows: how far its training is, without reading it all."""

from __future__ import annotations

import json
import os
from typing import Any

from epochal.core.items import Layout
from epochal.journal import frames
from epochal.journal.frames import Frame, Segment
from epochal.journal.session import is_sound
from epochal.store.catalog_entry import Watch
from epochal.store.columns import Block, decode_columns
from epochal.store.events import Events
from epochal.store.liveness import of_process

BACK_BYTES = 2 * frames.DESCRIPTOR_EVERY_BYTES
"""So much before a place holds a descriptor, which lists the layouts of the rows after it."""


class Tail:
    """Follows one file from its end on.

    Args:
        run_dir: the run.
        watch: what the catalog says to look at.

    Attributes:
        steps: the highest step that was seen, None: none yet.
        elapsed_s: the time of the latest record since the run began.
        over: the session has ended, or its file or its process is gone: the run's state is another.
    """

    def __init__(self, run_dir: str, watch: Watch) -> None:
        self._path = os.path.join(run_dir, watch.file)
        ordinal, session, index = os.path.basename(watch.file).removesuffix(".seg").split("-")
        self._mark = Segment(int(ordinal), session, int(index)).mark
        self.watch, self.size = watch, watch.size
        self._at = max(0, watch.size - BACK_BYTES)
        self._layouts: dict[int, Layout] = {}
        self._offset_ns = 0
        self.steps: float | None = None
        self.elapsed_s = 0.0
        self.over = False

    def read(self) -> bool:
        """Look again; True: there is more than before."""
        life = of_process(dict(self.watch.descriptor), self._seen_s())
        try:
            size = os.stat(self._path).st_size
            if size != self.size:
                self._take(size)
        except OSError:
            self.over = True
            return True
        self.over = self.over or life.value != self.watch.life
        grown, self.size = size != self.size, size
        return grown or self.over

    def _seen_s(self) -> float:
        try:
            return max(self.watch.seen_s, os.path.getmtime(self._path))
        except OSError:
            return self.watch.seen_s

    def _take(self, size: int) -> None:
        """Read what is new, or the last of it if that is much."""
        if size - self._at > 2 * BACK_BYTES:
            self._at = size - BACK_BYTES
        with open(self._path, "rb") as file:
            file.seek(self._at)
            data = file.read(size - self._at)
        good = 0
        for found in frames.scan(data, self._mark):
            if not isinstance(found, Frame):
                continue
            good = found.stop
            if found.kind == frames.DESCRIPTOR and is_sound(found):
                self._describe(json.loads(bytes(found.payload)))
            elif found.kind == frames.ITEMS:
                self._count(found.payload)
        self._at += good

    def _describe(self, descriptor: dict[str, Any]) -> None:
        listed = map(Layout.from_dict, descriptor["layouts"])
        self._layouts.update((layout.id, layout) for layout in listed)
        self._offset_ns = descriptor["elapsed_ns"] - descriptor["mono_ns"]

    def _count(self, payload: memoryview) -> None:
        for part in decode_columns(payload, self._layouts):
            if isinstance(part, Block) and len(part.rows):
                top = part.rows["step"].max().item()
                self.steps = top if self.steps is None else max(self.steps, top)
                self._until(int(part.rows["mono_ns"][-1]))
            elif isinstance(part, Events):
                self.over = self.over or "end" in part.kinds
                self._until(max(part.mono_ns, default=0))

    def _until(self, mono_ns: int) -> None:
        if self._offset_ns and mono_ns:
            self.elapsed_s = max(self.elapsed_s, (mono_ns + self._offset_ns) / 1e9)
