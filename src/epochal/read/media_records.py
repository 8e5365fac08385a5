"""Media records of a run: kept as they are stored, decoded a few at a time."""

from __future__ import annotations

import os
import sys
import threading
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from epochal.read.contents import Contents
from epochal.store.events import CHUNK, Events, decoded

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
        packs: to read from.
    """

    def __init__(self, contents: Contents) -> None:
        self.texts: list[bytes] = []
        self.elapsed_ns: list[int] = []
        self.run_dirs: list[str] = []
        self.packs = Packs()
        self._latest: tuple[int, list[dict[str, Any]]] = (-1, [])
        for session in contents.sessions:
            for found, offset_ns in session.undecoded("media"):
                seen = _visible(found, session.limit)
                self.texts += seen.texts
                self.elapsed_ns += [mono_ns + offset_ns for mono_ns in seen.mono_ns]
                self.run_dirs += [session.run_dir] * len(seen)

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

    @cached_property
    def columns(self) -> Columns:
        """What media are found by."""
        columns = Columns([], [], [])
        for data in decoded(self.texts):
            columns.keys.append(sys.intern(str(data["key"])))
            columns.types.append(sys.intern(str(data["type"])))
            columns.steps.append(data.get("step"))
        return columns


def _visible(found: Events, limit: float) -> Events:
    """Return the records that a resume has not hidden."""
    if limit == np.inf:
        return found
    steps = [data.get("step") for data in decoded(found.texts)]
    return found.where([step is None or step <= limit for step in steps])


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
            file = self._open.pop(path, None) or open(path, "rb")  # noqa: SIM115 - stays open
            self._open[path] = file  # the latest is the last
            if len(self._open) > OPEN_PACKS:
                self._open.pop(next(iter(self._open))).close()
            if hasattr(os, "pread"):  # the place in a file is shared with forked processes
                return os.pread(file.fileno(), size, offset)
            file.seek(offset)
            return file.read(size)

    def __del__(self) -> None:
        for file in self._open.values():
            file.close()
