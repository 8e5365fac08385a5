"""Where media of one session lie: small ones packed together, large ones as files of their own."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

from epochal.core.names import slug

SMALL_BYTES = 128 << 10
"""Media up to this size go into packs, so that a run does not cost thousands of files."""

PACK_BYTES = 64 << 20
"""A pack that has reached this size is followed by another."""

FOLDER = "media"


class Place(NamedTuple):
    """Where bytes lie: file below the run folder, and their first byte in a pack (None: whole)."""

    file: str
    offset: int | None


class MediaFiles:
    """The media folder of a run, written by one session.

    Bytes are written first and recorded afterwards; what a kill leaves unrecorded is only wasted.

    Args:
        run_dir: the run's folder.
        session: what tells this session's packs from others, such as "0001-4c2e…".
    """

    def __init__(self, run_dir: str, session: str) -> None:
        self._folder, self._session = os.path.join(run_dir, FOLDER), session
        self._pack, self._fd, self._end = 0, -1, 0
        self._unsynced: set[str] = set()

    def put(self, body: bytes, digest: str, key: str, step: float, suffix: str) -> Place:
        """Write the bytes of a medium.

        Args:
            body: the bytes.
            digest: their SHA-256 in hex.
            key: of it, the step and the format a file's name is made.
            step: where it was logged.
            suffix: the format.

        Raises:
            OSError: they cannot be written; nothing points at what was written of them.
        """
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        if len(body) <= SMALL_BYTES:
            return self._append(body)
        name = f"{slug(key)[:80]}-{step:g}-{digest[:12]}.{suffix}".replace("+", "")
        path = os.path.join(self._folder, name)
        if not os.path.exists(path):
            draft = os.path.join(self._folder, f".{self._session}.{suffix}")
            with open(draft, "wb") as file:
                file.write(body)
            os.replace(draft, path)
            self._unsynced.add(path)
        return Place(f"{FOLDER}/{name}", None)

    def sync(self) -> None:
        """Make the disk keep what was written.

        Raises:
            OSError: it does not.
        """
        if self._fd >= 0:
            os.fsync(self._fd)
        if not self._unsynced:
            return
        for path in [*self._unsynced, self._folder]:
            with contextlib.suppress(FileNotFoundError):  # the user deleted it
                _sync(path)
        self._unsynced.clear()

    def close(self) -> None:
        """Close the pack."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _append(self, body: bytes) -> Place:
        if self._fd >= 0 and self._end + len(body) > PACK_BYTES:
            self._unsynced.add(self._path())
            self.close()
        if self._fd < 0:
            self._pack += 1
            self._fd = os.open(self._path(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._end = 0
            self._unsynced.add(self._path())
        offset, view = self._end, memoryview(body)
        while view:
            written = os.pwrite(self._fd, view, self._end)
            self._end += written
            view = view[written:]
        return Place(f"{FOLDER}/{self._name()}", offset)

    def _name(self) -> str:
        return f"{self._session}-{self._pack:04d}.pack"

    def _path(self) -> str:
        return os.path.join(self._folder, self._name())


def _sync(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
