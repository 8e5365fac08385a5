"""One CSV file that grows in lines and columns while others read it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from epochal.core.atomic import write_atomically
from epochal.core.errors import SinkError

REWRITE_EVERY_S = 2.0
"""New columns rewrite the file at most this often."""

MAX_HELD = 4096
"""So many lines wait in memory at most; more of them hurry a rewrite."""

MAX_PLANS = 1024
"""Key sets whose place in a line is remembered."""

_NON_FINITE = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}


class Line(NamedTuple):
    """A line that can still change.

    Attributes:
        key: neighbors of equal key and different metrics are one line.
        phase: the prefix that metric names lose because a column of its own shows it.
        texts: finished cells of what is not a metric.
        values: metric name to value; an int is written digit by digit.
    """

    key: tuple[str | int, ...]
    phase: str | None
    texts: tuple[str, ...]
    values: Mapping[str, float]


class Schema(NamedTuple):
    """What the columns of a file are.

    Attributes:
        start: the columns of a file whose first line has metrics in the given columns.
        cells: the columns of a line's texts and values, in that order, from its phase and metric
            names; "" for a text that this line does not show.
    """

    start: Callable[[Iterable[str]], list[str]]
    cells: Callable[[str | None, tuple[str, ...]], tuple[str, ...]]


class CsvTable:
    """A CSV file of which all but the last line is final.

    The last line is held back for neighbors of equal key: it is in the file after ``flush``, but
    behind the size that the state remembers, and is written again with what is added to it.  Lines
    with new columns wait until the file may be rewritten; the state carries them, so that nothing
    is lost by a crash meanwhile.

    Args:
        path: the file.
        schema: its columns.
        header_cell: turns a column's name into its cell in the header.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        header_cell: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        self.path, self._schema, self._header_cell, self._clock = path, schema, header_cell, clock
        self._columns: list[str] = []
        self._plans: dict[tuple[str | None, tuple[str, ...]], Callable[..., Iterable[str]]] = {}
        self._held: list[Line] = []
        self._changed = False  # whether the file lacks anything of the held lines
        self._file: io.FileIO | None = None
        self._size = 0  # bytes of the header and all final lines
        self._last = b""  # the last final line: tells whether a file is the one of a state
        self._rewritten_at = -REWRITE_EVERY_S + clock()

    def open(self, state: Mapping[str, Any] | None) -> None:
        """Begin a new file, or go back to where a state was taken.

        Raises:
            SinkError: the file is not the one that the state describes.
        """
        self.release()
        self._held, self._changed = [], False
        if state is None:
            self._replace(self._schema.start(()), ())
            return
        self._use(list(state["columns"]))
        self._size, self._last = int(state["size"]), state["last"].encode()
        self._held = [_restored(line) for line in state["held"]]
        try:
            file = self._file = io.FileIO(self.path, "r+")
        except FileNotFoundError as error:
            raise SinkError(f"{self.path} is missing; it is written anew") from error
        header = self._header()
        found = file.read(len(header))
        file.seek(self._size - len(self._last))
        last = file.read(len(self._last))
        if found != header or last != self._last:
            raise SinkError(f"{self.path} was changed since its state was taken; write it anew")
        file.truncate(self._size)
        self._changed = bool(self._held)

    def add(self, line: Line) -> bool:
        """Take a line; False: it joined the last one, of the same key and other metrics."""
        if self._held:
            last = self._held[-1]
            if last.key == line.key and last.values.keys().isdisjoint(line.values):
                self._held[-1] = last._replace(values={**last.values, **line.values})
                self._changed = True
                return False
            if len(self._held) >= MAX_HELD:
                self.flush()
            if len(self._held) >= MAX_HELD:
                self.flush(now=True)
        self._held.append(line)
        self._changed = True
        return True

    def flush(self, *, now: bool = False) -> None:
        """Write the held lines as far as their columns are there; ``now``: all of them."""
        if not self._changed:
            return
        lines = self._formatted()
        if len(lines) < len(self._held) and (now or self._may_rewrite()):
            self._grow()
            lines = self._formatted()
        waiting = self._held[len(lines) :]
        self._changed = bool(waiting)
        if lines:
            self._append(lines, waiting)

    def cut(self, column: str, above: float) -> None:
        """Remove, by one atomic rewrite, all lines whose number in a column is larger."""
        self.flush(now=True)
        if self._held:
            self._last = self._formatted()[-1]
            self._size += len(self._last)
            self._held = []
        place = self._columns.index(column)

        def stays(record: bytes) -> bool:
            return not _number(record.split(b",", place + 1)[place].decode()) > above

        if not all(map(stays, self._records())):
            self._replace(self._columns, filter(stays, self._records()))

    def state(self) -> dict[str, Any]:
        """Return where the file stands, strict JSON."""
        held = [[*line[:3], dict(zip(line[3], _cells(line), strict=True))] for line in self._held]
        last = self._last.decode()
        return {"columns": self._columns, "size": self._size, "last": last, "held": held}

    def close(self) -> None:
        """Write everything and let go of the file."""
        try:
            if self._file is not None:
                self.flush(now=True)
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the file as it is, without writing."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def _formatted(self) -> list[bytes]:
        """Return the text of the held lines before the first one that needs a new column."""
        lines = []
        for line in self._held:
            plan = self._plans.get((line.phase, tuple(line.values))) or self._plan(line)
            if plan is None:
                break
            cells = [*line.texts, *_cells(line), ""]
            lines.append((",".join(plan(cells)) + "\n").encode())
        return lines

    def _plan(self, line: Line) -> Callable[..., Iterable[str]] | None:
        """Return what picks each column's cell, None if a column is missing."""
        names = self._schema.cells(line.phase, tuple(line.values))
        places = {name: place for place, name in enumerate(names)}
        if not set(self._columns).issuperset(names[len(line.texts) :]):
            return None
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        plan = itemgetter(*(places.get(name, len(names)) for name in self._columns))
        self._plans[line.phase, tuple(line.values)] = plan
        return plan

    def _append(self, lines: list[bytes], waiting: list[Line]) -> None:
        """Write lines behind the final ones; the last stays open unless others wait behind it."""
        assert self._file is not None
        data = b"".join(lines)
        self._file.seek(self._size)
        view = memoryview(data)
        while view:  # one call need not take everything
            view = view[self._file.write(view) :]
        self._file.truncate()
        if waiting:
            self._held = waiting
        else:
            data = data[: -len(lines.pop())]
            self._held = self._held[-1:]
        if lines:
            self._size, self._last = self._size + len(data), lines[-1]

    def _may_rewrite(self) -> bool:
        # A file without lines has no history to rewrite.
        return not self._last or self._clock() - self._rewritten_at >= REWRITE_EVERY_S

    def _grow(self) -> None:
        """Add the columns of all held lines."""
        named = [self._metric_columns(line) for line in self._held]
        columns = self._columns if self._last else self._schema.start(named[0])
        known = set(columns)
        added = [name for name in dict.fromkeys(chain(*named)) if name not in known]
        if not self._last:
            self._replace(columns + added, ())
            return
        end = b"," * len(added) + b"\n"
        self._replace(columns + added, (line[:-1] + end for line in self._records()))
        self._rewritten_at = self._clock()

    def _metric_columns(self, line: Line) -> tuple[str, ...]:
        return self._schema.cells(line.phase, tuple(line.values))[len(line.texts) :]

    def _replace(self, columns: list[str], records: Iterable[bytes]) -> None:
        """Write the file anew and go on at its end."""
        record = b""

        def pieces() -> Iterator[bytes]:
            nonlocal record
            yield self._header(columns)
            for record in records:  # noqa: UP028 - the last one is kept
                yield record

        self.release()  # not every system replaces an open file
        write_atomically(self.path, pieces())
        self._file = io.FileIO(self.path, "r+")
        self._size, self._last = self._file.seek(0, io.SEEK_END), record
        self._use(columns)

    def _use(self, columns: list[str]) -> None:
        self._columns = columns
        self._plans.clear()

    def _header(self, columns: list[str] | None = None) -> bytes:
        cells = map(self._header_cell, self._columns if columns is None else columns)
        return (",".join(cells) + "\n").encode()

    def _records(self) -> Iterator[bytes]:
        """Yield the final lines as they stand in the file."""
        with open(self.path, "rb") as file:
            at = file.seek(len(self._header()))
            record = b""
            while at < self._size:
                line = file.readline()
                if not line:
                    raise SinkError(f"{self.path} was cut by somebody else while it was written")
                record += line
                # A quoted cell may hold line ends: the line goes on while a quote is open.
                if record.count(b'"') % 2 == 0 or len(record) + at >= self._size:
                    at += len(record)
                    yield record
                    record = b""


def number(value: float) -> str:
    """Return the shortest text that reads back to the same number.

    Example:
        >>> number(3), number(3.0), number(-0.0), number(float("-inf"))
        ('3', '3.0', '-0.0', '-Inf')
    """
    text = str(value) if isinstance(value, int) else float.__repr__(value)
    return _NON_FINITE.get(text, text)


def _cells(line: Line) -> list[str]:
    values = line.values.values()
    try:
        cells = [*map(float.__repr__, values)]
    except TypeError:  # an int among them
        return [*map(number, values)]
    return cells if _NON_FINITE.keys().isdisjoint(cells) else [*map(number, values)]


def _number(cell: str) -> float:
    return int(cell) if cell.lstrip("-").isdecimal() else float(cell)


def _restored(line: list[Any]) -> Line:
    key, phase, texts, values = line
    return Line(
        tuple(key), phase, tuple(texts), {name: _number(cell) for name, cell in values.items()}
    )
