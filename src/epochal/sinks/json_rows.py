"""One JSON file that grows by rows and is a complete document after each of them.

::

    {"rows": [
    {"step": 1, ...},
    {"step": 2, ...}
    ],
    "run": ..., "config": ...}

New rows are written over the closing part, which follows them again in the same write.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from epochal.core.atomic import write_atomically
from epochal.core.errors import SinkError

OPENING = b'{"rows": ['

_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)
_INDENTED = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str, indent=2)


def strict(value: Any) -> Any:
    """Return a value with everything replaced that strict JSON does not know.

    Non-finite numbers become the texts "NaN", "Infinity" and "-Infinity", keys become texts.

    Example:
        >>> strict({1: float("nan"), "x": (-math.inf, 2.0)})
        {'1': 'NaN', 'x': ['-Infinity', 2.0]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [*map(strict, value)]
    return value


def to_json(value: Any, *, indented: bool = False) -> bytes:
    """Return strict JSON; what JSON has no form for becomes its ``str``."""
    encoder = _INDENTED if indented else _COMPACT
    try:
        text = encoder.encode(value)
    except ValueError:  # a number that is not finite; looking for it beforehand costs more
        text = encoder.encode(strict(value))
    return text.encode("utf-8", "replace")  # a lone surrogate has no encoding


class JsonRows:
    """The file; every method but ``append`` leaves a valid document behind.

    Args:
        path: the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: io.FileIO | None = None
        self._size = 0  # bytes up to the end of the last row
        self._last = b""  # the last row: tells whether a file is the one of a state
        self._new: list[bytes] = []

    def open(self, state: Mapping[str, Any] | None, rest: Mapping[str, Any]) -> None:
        """Begin a new file, or go back to where a state was taken.

        Args:
            state: what ``state`` returned, or None.
            rest: what follows the rows.

        Raises:
            SinkError: the file is not the one that the state describes.
        """
        self.close()
        if state is None:
            self.replace((), rest)
            return
        self._size, self._last = int(state["size"]), state["last"].encode()
        try:
            file = self._file = io.FileIO(self.path, "r+")
        except FileNotFoundError as error:
            raise SinkError(f"{self.path} is missing; it is written anew") from error
        opening = file.read(len(OPENING))
        file.seek(self._size - len(self._last))
        last = file.read(len(self._last))
        if opening != OPENING or last != self._last:
            raise SinkError(f"{self.path} was changed since its state was taken; write it anew")
        self.flush(rest)

    def append(self, row: Mapping[str, Any]) -> int:
        """Take a row, which ``flush`` writes; return how many wait for it."""
        self._new.append(b"\n" + to_json(row))
        return len(self._new)

    def flush(self, rest: Mapping[str, Any]) -> None:
        """Write new rows and what follows them."""
        assert self._file is not None
        rows = b",".join(self._new)
        if rows and self._last:
            rows = b"," + rows
        data = rows + _closing(rest)
        # Spaces before the file gets shorter: one write goes from one valid document to the next.
        end = self._file.seek(0, io.SEEK_END)
        self._file.seek(self._size)
        view = memoryview(data.ljust(end - self._size))
        while view:  # one call need not take everything
            view = view[self._file.write(view) :]
        self._file.truncate(self._size + len(data))
        if rows:
            self._size, self._last = self._size + len(rows), self._new[-1]
        self._new = []

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows in the file."""
        with open(self.path, "rb") as file:
            at = len(file.readline())
            while at < self._size:
                line = file.readline()
                at += len(line)
                try:
                    yield json.loads(line.rstrip(b",\n"))
                except ValueError as error:
                    message = f"{self.path} was changed by somebody else while it was written"
                    raise SinkError(message) from error

    def replace(self, rows: Iterable[Mapping[str, Any]], rest: Mapping[str, Any]) -> None:
        """Write the file anew with these rows, atomically; they may come from ``rows``."""
        last, size = b"", len(OPENING)

        def pieces() -> Iterator[bytes]:
            nonlocal last, size
            yield OPENING
            for row in rows:
                piece = (b"," if last else b"") + b"\n" + to_json(row)
                last, size = piece.lstrip(b","), size + len(piece)
                yield piece
            yield _closing(rest)

        self.close()  # not every system replaces an open file
        write_atomically(self.path, pieces())
        self._file = io.FileIO(self.path, "r+")
        self._size, self._last = size, last

    def state(self) -> dict[str, Any]:
        """Return where the file stands after a flush, strict JSON."""
        return {"size": self._size, "last": self._last.decode()}

    def close(self) -> None:
        """Let go of the file; rows that were not flushed are forgotten."""
        self._new = []
        if self._file is not None:
            self._file.close()
        self._file = None


def _closing(rest: Mapping[str, Any]) -> bytes:
    parts = [to_json(str(key)) + b": " + to_json(value) for key, value in rest.items()]
    return b"\n],\n" + b",\n".join(parts) + b"}\n"
