"""Media records of a run: kept as they are stored, decoded a few at a time."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, BinaryIO, NamedTuple

from epochal.core.system import open_plain
from epochal.media import stored
from epochal.read.contents import Contents
from epochal.store.events import CHUNK, decoded

OPEN_PACKS = 4
"""Packs that stay open while media of them are read."""


class Columns(NamedTuple):
    """What media are found by, one for each."""

    keys: list[str]
    types: list[str]
    steps: list[float | None]


class Records:
    """The visible media records of a run, undecoded; shared by all lists of its media.

    Args:
        contents: the run.

    Attributes:
        texts, elapsed_ns, run_dirs: the JSON of each, its time, and the run that has its bytes.
        columns: what they are found by.
        packs: to read from.
    """

    def __init__(self, contents: Contents) -> None:
        self.texts: list[bytes] = []
        self.elapsed_ns: list[int] = []
        self.run_dirs: list[str] = []
        self.packs = Packs()
        self._latest: tuple[int, list[dict[str, Any]]] = (-1, [])
        self.columns = Columns([], [], [])
        for session in contents.sessions:
            for event, text in session.with_texts("media"):
                data = event.data
                step = data.get("step")
                if step is None or step <= session.limit:
                    self.texts.append(text)
                    self.elapsed_ns.append(event.elapsed_ns)
                    self.run_dirs.append(session.run_dir)
                    self.columns.keys.append(sys.intern(data["key"]))
                    self.columns.types.append(sys.intern(data["type"]))
                    self.columns.steps.append(step)

    def data(self, at: int) -> dict[str, Any]:
        """Return the fields of one; its neighbors are decoded with it, as they are asked for next.

        Nothing is kept but these: a hundred thousand mappings would cost more than decoding them.
        """
        number, place = divmod(at, CHUNK)
        known, fields = self._latest
        if known != number:
            texts = self.texts[number * CHUNK : (number + 1) * CHUNK]
            fields = list(decoded(texts))
            self._latest = number, fields
        return fields[place]


class Packs:
    """Open packs, so that reading many media of one opens it once; threads may share it."""

    def __init__(self) -> None:
        self._open: dict[str, BinaryIO] = {}
        self._lock = threading.Lock()

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Return a piece of a pack.

        Raises:
            OSError: it cannot be read.
        """
        with self._lock:
            file = self._open.pop(path, None) or open_plain(path)
            self._open[path] = file  # the latest is the last
            if len(self._open) > OPEN_PACKS:
                self._open.pop(next(iter(self._open))).close()
            size = stored.there(file, offset, size)
            if hasattr(os, "pread"):  # the place in a file is shared with forked processes
                return os.pread(file.fileno(), size, offset)
            file.seek(offset)
            return file.read(size)

    def __del__(self) -> None:
        for file in self._open.values():
            file.close()
