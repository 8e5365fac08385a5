"""One open segment file: whole frames in, short writes and full disks handled."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from epochal.core.system import BINARY_FLAG, PRIVATE_FLAGS, write_some
from epochal.journal import frames
from epochal.journal.frames import Segment

Buffer = bytes | memoryview


class SegmentFile:
    """An append-only file of frames.

    Attributes:
        size: bytes of whole frames written.
        synced: of these, how many are known to be on the disk.
        fresh: bytes since the last descriptor.
        suspect: a sync failed: what is not synced has to be written to another file.
    """

    def __init__(self, folder: str, segment: Segment) -> None:
        self.segment = segment
        self.path = os.path.join(folder, segment.name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self.fd = os.open(self.path, flags | PRIVATE_FLAGS | BINARY_FLAG, 0o600)
        self.size = self.synced = self.fresh = 0
        self.suspect = False

    def append(self, parts: Sequence[Buffer]) -> None:
        """Append whole frames with as few system calls as the system allows.

        Raises:
            OSError: not all bytes could be written; the file is cut back to whole frames and the
                same call can be made again.
        """
        left = [memoryview(part) for part in parts]
        total = sum(map(len, left))
        try:
            while left:
                written = write_some(self.fd, left)
                while left and written >= len(left[0]):
                    written -= len(left.pop(0))
                if left and written:
                    left[0] = left[0][written:]
        except OSError:
            with contextlib.suppress(OSError):  # a torn frame is skipped by readers anyway
                os.ftruncate(self.fd, self.size)
            raise
        self.size += total
        self.fresh += total

    def unsynced(self) -> bytes:
        """Read back what no successful sync has covered; frames in it are checked by the caller."""
        with open(self.path, "rb") as file:
            file.seek(self.synced)
            return file.read(self.size - self.synced)

    def frame(self, kind: int, seq: int, payload: Buffer) -> list[Buffer]:
        """Return a frame for this segment as parts of one write."""
        return [frames.header(self.segment.mark, kind, seq, payload), payload]

    def close(self) -> None:
        """Close the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
