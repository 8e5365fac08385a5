"""The files of TensorBoard: records with checksums, one after the other.

A record is its length (8 bytes), the masked CRC32C of these, the data, and its masked CRC32C; all
little-endian.
"""

from __future__ import annotations

import functools
import importlib
import io
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from epochal.core.errors import SinkError
from epochal.core.system import BINARY_FLAG, PRIVATE_FLAGS
from epochal.sinks.tensorboard.events import load

TAIL_BYTES = 64
"""So much of a file's end, its last checksum included, tells whether it is the one of a state."""

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEAD_BYTES = _LENGTH.size + _CHECKSUM.size


class RecordFile:
    """A file that grows by whole records; what is not yet written waits in memory.

    Args:
        path: the file.
        buffer_bytes: when so much waits, it is written without a ``flush``.
    """

    def __init__(self, path: str, buffer_bytes: int) -> None:
        self.path, self._buffer_bytes = path, buffer_bytes
        self._crc = checksum()
        self._head = functools.lru_cache(4096)(self._make_head)  # most records are equally long
        self._file: io.FileIO | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = self._size = 0
        self._tail = b""

    def open(self, state: Mapping[str, Any] | None) -> None:
        """Begin a new file, which must not exist, or go back to where a state was taken.

        Raises:
            SinkError: the file is not the one that the state describes.
            OSError: it cannot be written.
        """
        self.release()
        if state is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | BINARY_FLAG | PRIVATE_FLAGS
            self._file = io.FileIO(os.open(self.path, flags, 0o600), "r+")
            self._size, self._tail = 0, b""
            return
        size, tail = int(state["size"]), bytes.fromhex(state["tail"])
        try:
            file = self._file = io.FileIO(self.path, "r+")
        except FileNotFoundError as error:
            raise SinkError(f"{self.path} is missing; it is written anew") from error
        file.seek(size - len(tail))
        if file.read(len(tail)) != tail:
            self.release()
            raise SinkError(f"{self.path} was changed since its state was taken; write it anew")
        file.truncate(size)
        self._size, self._tail = size, tail

    def append(self, data: bytes) -> None:
        """Take a record."""
        self._waiting += (self._head(len(data)), data, self._crc(data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= self._buffer_bytes:
            self.flush()

    def flush(self) -> None:
        """Write all records.

        Raises:
            OSError: the file cannot be written; it is to be opened again with the last state.
        """
        assert self._file is not None
        written = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        view = memoryview(written)
        while view:  # one call need not take everything
            view = view[self._file.write(view) :]
        self._size += len(written)
        self._tail = (self._tail + written[-TAIL_BYTES:])[-TAIL_BYTES:]

    def records(self) -> Iterator[bytes]:
        """Yield the records in the file.

        Raises:
            SinkError: one does not match its checksum.
        """
        with open(self.path, "rb") as file:
            while head := file.read(_HEAD_BYTES):
                (length,) = _LENGTH.unpack_from(head)
                data = file.read(min(length, self._size))
                if file.read(_CHECKSUM.size) != self._crc(data):
                    raise SinkError(f"{self.path} was changed by somebody else")
                yield data

    def state(self) -> dict[str, Any]:
        """Return where the file stands after a flush, JSON-able."""
        return {"size": self._size, "tail": self._tail.hex()}

    def close(self) -> None:
        """Write what waits and close the file."""
        try:
            if self._file is not None:
                self.flush()
        finally:
            self.release()

    def release(self) -> None:
        """Close the file; what waits is forgotten."""
        self._waiting, self._waiting_bytes = [], 0
        if self._file is not None:
            self._file.close()
        self._file = None

    def _make_head(self, length: int) -> bytes:
        packed = _LENGTH.pack(length)
        return packed + self._crc(packed)


def framed(*records: bytes) -> bytes:
    """Return the content of a file of these records."""
    crc = checksum()
    parts = ((_LENGTH.pack(len(data)), data) for data in records)
    return b"".join(head + crc(head) + data + crc(data) for head, data in parts)


@functools.cache
def checksum() -> Callable[[bytes], bytes]:
    """Return what computes a record's checksum: in C where google_crc32c is there."""
    try:
        fast = importlib.import_module("google_crc32c")
    except ImportError:
        fast = None
    if fast is None or fast.implementation != "c":  # its own Python is no faster than the other
        slow = load("compat.tensorflow_stub.pywrap_tensorflow").masked_crc32c
        return lambda data: _CHECKSUM.pack(slow(data))
    value = fast.value

    def masked(data: bytes) -> bytes:
        crc = value(data)
        return _CHECKSUM.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    return masked
