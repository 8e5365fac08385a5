"""W&B's offline files, as far as it takes to know that nothing is missing in them.

A ``.wandb`` file is seven bytes of header and a log as LevelDB writes it: blocks of 32 KiB with
fragments of checksum, length and type.  Each record is a protobuf message.
"""

from __future__ import annotations

import os
import struct
import time

FILE_HEADER = 7
BLOCK = 32768
CHUNK_BYTES = 1 << 20
FRAGMENT = struct.Struct("<IHB")
WHOLE, FIRST, _, LAST = range(1, 5)
"""Types of fragments."""
ENOUGH = 512
"""So many bytes of a record say what it holds."""
HISTORY, EXIT = 2, 18
"""Fields of W&B's message ``Record``."""
LENGTH_DELIMITED = 2


class OfflineFile:
    """Counts the rows of history in a growing ``.wandb`` file; each look reads what is new.

    Args:
        path: the file; it need not be there yet.

    Attributes:
        rows: how many rows there were at the last look.
        ended: whether the record of the run's end was there.
    """

    def __init__(self, path: str) -> None:
        self._path, self._at, self._start = path, FILE_HEADER, b""
        self.rows, self.ended = 0, False

    def wait(self, rows: int, timeout_s: float, *, ended: bool = False) -> bool:
        """Wait until there are so many rows, and the end, on disk; False: not in that time."""
        deadline = time.monotonic() + timeout_s
        while self._look() < rows or (ended and not self.ended):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        with open(self._path, "rb") as file:
            os.fsync(file.fileno())
        return True

    def _look(self) -> int:
        try:
            with open(self._path, "rb") as file:
                while True:
                    file.seek(self._at)
                    before = self._at
                    self._count(file.read(CHUNK_BYTES))
                    if self._at == before:
                        break
        except FileNotFoundError:
            pass  # not begun yet
        return self.rows

    def _count(self, data: bytes) -> None:
        """Count the whole fragments at the beginning of what follows in the file."""
        at = 0
        while True:
            left = BLOCK - (self._at + at) % BLOCK
            if left < FRAGMENT.size:  # the end of a block is filled with zeros
                at += left
            end = at + FRAGMENT.size
            if end > len(data):
                break
            _, length, kind = FRAGMENT.unpack_from(data, at)
            if end + length > len(data):
                break
            if kind in (WHOLE, FIRST):
                self._start = b""
            if len(self._start) < ENOUGH:
                self._start += data[end : end + min(length, ENOUGH)]
            at = end + length
            if kind in (WHOLE, LAST):
                self.rows += holds(HISTORY, self._start)
                self.ended |= holds(EXIT, self._start)
        self._at += min(at, len(data))


def holds(field: int, start: bytes) -> bool:
    r"""Say whether a record, of which the first bytes are given, holds a certain message.

    Its fields come in any order: what it holds may stand behind its number and other small ones.

    Example:
        >>> holds(HISTORY, b"\x08\x96\x01\x12\x05"), holds(HISTORY, b"\x08\x01\x1a\x00")
        (True, False)
    """
    at = 0
    while at < len(start):
        tag, at = _varint(start, at)
        if tag >> 3 == field:
            return True
        value, at = _varint(start, at)
        at += value if tag & 7 == LENGTH_DELIMITED else 0
    return False


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of protobuf's and where the next one begins."""
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            break
    return value, at
