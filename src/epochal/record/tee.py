"""A stream's ``write`` that also puts the text aside, and the place where it is put.

This runs in front of everything that the program prints: it takes no lock, does no I/O and waits
for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import get_ident
from types import CellType
from typing import Any, cast

STREAMS = ("stdout", "stderr")

LIMIT = 1 << 20
"""Characters that are kept between two times of taking them, which is about once a second."""

WRITE_COSTS = 16
"""Each ``write`` counts so many characters more."""

BATCH = 1000
"""Writes that are taken at once."""


class Tap:
    """Where text waits that was printed, until somebody takes it.

    Attributes:
        waiting: (stream, text) of each write; a deque needs no lock.
        room: characters that still find room; below 0: nothing is kept.
        lost: characters of each stream that found no room.
        deaf: threads whose printing is not kept.
    """

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, str]] = deque()
        self.room = -1
        self.lost = dict.fromkeys(STREAMS, 0)
        self.deaf: set[int] = set()

    def open(self) -> None:
        """Begin to keep text."""
        self.room = LIMIT
        self.lost.update(dict.fromkeys(STREAMS, 0))

    def close(self) -> None:
        """Keep nothing from now on; what waits can still be taken."""
        self.room = -1

    def take(self) -> Iterator[list[tuple[str, str]]]:
        """Yield what waits now in batches, and make room for the same amount again."""
        left = len(self.waiting)
        if self.room >= 0:
            self.room = LIMIT
        while left > 0:
            taken = [self.waiting.popleft() for _ in range(min(left, BATCH))]
            left -= len(taken)
            yield taken


class Tee:
    """A ``write`` of ours on one stream: calls the original, then keeps the text.

    Args:
        name: of the stream, for the tap.
        stream: stays the object that it is.
        tap: where text goes.
    """

    def __init__(self, name: str, stream: Any, tap: Tap) -> None:
        self.stream = stream
        # What lies in here goes before the class's; it is set directly, as some streams hand
        # attributes that are set on to the stream that they wrap.
        self._own: dict[str, Any] = getattr(stream, "__dict__", {})
        self._of_class = _method(stream)
        self._before = self._on_stream()
        self._original = stream.write if self._before is None else self._before
        self._ours = _teed(name, self._original, tap)

    def install(self) -> None:
        """Put ours on the stream; one that has no place for it is just not covered."""
        self._put(self._ours)

    def is_gone(self) -> bool:
        """Say whether somebody took ours off: the stream has what it had before, or its class's.

        Another ``write`` on the stream is taken for one that was put over ours.
        """
        now = self._on_stream()
        return now is None or (now != self._ours and now in (self._before, self._of_class))

    def uninstall(self) -> bool:
        """Put back what was there; False: another ``write`` lies over ours, which then stays."""
        if self._on_stream() != self._ours:
            return self.is_gone()
        if self._before is None and self._own["write"] is self._ours:
            del self._own["write"]
        else:
            self._put(self._original)
        return True

    def _on_stream(self) -> Any:
        """Return the ``write`` that was put on the stream itself, None if its class's counts."""
        now = self._own.get("write")
        cell = _cell_of_ipython(now)
        return now if cell is None else cell.cell_contents

    def _put(self, write: Any) -> None:
        cell = _cell_of_ipython(self._own.get("write"))
        if cell is None:
            self._own["write"] = write
        else:
            cell.cell_contents = write


def _teed(name: str, write: Callable[[str], int], tap: Tap) -> Callable[[str], int]:
    # Nothing here is a global name: when the interpreter ends they go before the streams.
    keep, deaf, lost, ident, costs = tap.waiting.append, tap.deaf, tap.lost, get_ident, WRITE_COSTS

    def write_and_keep(text: str) -> int:
        written = write(text)
        if isinstance(text, str):
            size = len(text) + costs
            if size <= tap.room:
                if not deaf or ident() not in deaf:
                    tap.room -= size
                    keep((name, text))
            elif tap.room >= 0:
                lost[name] += size - costs
        return written

    return write_and_keep


def _method(stream: Any) -> Any:
    """Return the ``write`` that a stream has from its class, None if it is looked up elsewhere."""
    function = getattr(type(stream), "write", None)
    return None if function is None else function.__get__(stream)


def _cell_of_ipython(write: Any) -> CellType | None:
    """Return where IPython's own ``write`` keeps the one that it calls; None: it is another's.

    IPython puts a ``write`` on the streams while a cell runs.  When the cell ends it puts back what
    was there when the cell began, so that one which the cell put over it would be gone.  Both
    calling and putting back use one variable of a closure: ours goes there.
    """
    names = getattr(getattr(write, "__code__", None), "co_freevars", ())
    if "original_write" in names and str(write.__module__).startswith("IPython."):
        return cast("CellType", write.__closure__[names.index("original_write")])
    return None
