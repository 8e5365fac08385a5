"""The text that a terminal would show: progress bars fold to their last state, colors go.

A program that draws a bar prints it again and again, with a carriage return or with sequences that
move the cursor up and erase.  What is recorded are the lines as they stand in the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from epochal.core.redact import redact_text

EVENT_BYTES = 16 * 1024
"""Most text of one event."""

MOST_ROWS = 200
"""Rows that are kept because they may still be drawn again."""

FORGET_AFTER = 5
"""Pieces of text without a cursor that goes up, after which a display of many lines has ended."""

_COLOR = re.compile(r"\x1b\[[\d;:]*m")
_CONTROL = re.compile(
    r"\x1b\[(?P<numbers>[0-?]*)[ -/]*(?P<end>[@-~])"  # CSI: moves, erases, colors
    r"|\x1b[PX\]^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # strings for the terminal, such as links
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f]"
)
_SPECIAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # all that is not text, tab or newline
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[PX\]^_][^\x07\x1b]{0,2000}\x1b?|[ -/]*)$")


class Terminal:
    r"""Rows of text and a cursor, fed with what a program prints on one stream.

    Example:
        >>> terminal = Terminal()
        >>> terminal.feed("start\n 10%\r 20%"), terminal.feed("\r100%\ndone")
        (['start'], ['100%'])
        >>> terminal.rest()
        ['done']
    """

    def __init__(self) -> None:
        self._broken = False
        self._clear()

    def _clear(self) -> None:
        self._rows = [""]
        self._row = self._column = 0
        self._reach = self._since = 0
        self._cut = ""

    def feed(self, text: str) -> list[str]:
        """Take text; return the lines that are finished, none of which will be drawn again."""
        text = self._whole(text)
        at_end = len(self._rows) == 1 and self._column == len(self._rows[0]) and not self._reach
        if at_end and not _SPECIAL.search(text):
            *finished, last = (self._rows[0] + text).split("\n")
            self._rows, self._column = [last], len(last)
        else:
            self._draw(text)
            finished = self._take(max(self._row - self._reach, len(self._rows) - MOST_ROWS))
        if len(self._rows[self._row]) > EVENT_BYTES:  # a line without an end
            finished += self._take(self._row + 1)
        return finished

    def rest(self) -> list[str]:
        """Return the rows that are not finished, and begin with an empty one."""
        rows = self.held()
        self._broken = bool(self._rows[self._row])
        self._clear()
        return rows

    def held(self) -> list[str]:
        """Return the rows that are not finished."""
        rows = [row.rstrip() for row in self._rows]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _whole(self, text: str) -> str:
        """Return text with whole sequences: one that is cut off waits for the next text."""
        if self._broken and text:  # a line was handed over before it ended: now it only ends
            self._broken, text = False, text.removeprefix("\n")
        text = self._cut + text
        self._cut = ""
        if "\x1b" in text:
            text = _COLOR.sub("", text)
            if unfinished := _UNFINISHED.search(text):
                self._cut, text = unfinished[0], text[: unfinished.start()]
        return text.replace("\r\n", "\n")

    def _take(self, count: int) -> list[str]:
        """Take rows off the top."""
        if count <= 0:
            return []
        taken = [row.rstrip() for row in self._rows[:count]]
        self._rows = self._rows[count:] or [""]
        if count > self._row:
            self._column = 0
        self._row = max(0, self._row - count)
        return taken

    def _draw(self, text: str) -> None:
        lowest, reach, done = self._row, 0, 0
        for control in _CONTROL.finditer(text):
            self._put(text[done : control.start()])
            done = control.end()
            if control["end"]:
                reach = max(reach, lowest - self._move(control["numbers"], control["end"]))
            else:
                self._single(control[0])
            lowest = max(lowest, self._row)
        self._put(text[done:])
        self._since = 0 if reach else self._since + 1
        self._reach = max(reach, self._reach if self._since < FORGET_AFTER else 0)

    def _put(self, text: str) -> None:
        if not text:
            return
        row, column = self._rows[self._row], self._column
        if column == len(row):
            self._rows[self._row] = row + text
        else:
            self._rows[self._row] = row[:column].ljust(column) + text + row[column + len(text) :]
        self._column += len(text)

    def _single(self, control: str) -> None:
        """Carry out a control character; sequences that draw nothing are passed over."""
        if control == "\n":
            self._row += 1
            self._column = 0
            if self._row == len(self._rows):
                self._rows.append("")
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)

    def _move(self, numbers: str, end: str) -> int:
        """Carry out a sequence; return the row that it asked for, which may lie above all rows."""
        first = numbers.partition(";")[0]
        number = int(first[:3]) if first.isdigit() else 0
        count, asked = number or 1, self._row
        if end in "AF":
            asked = self._row - count
            self._row = max(0, asked)
        elif end in "BE":
            self._row = min(len(self._rows) - 1, self._row + count)
        elif end in "CD":
            right = self._column + (count if end == "C" else -count)
            self._column = min(max(0, right), EVENT_BYTES)
        elif end == "G":
            self._column = count - 1
        elif end in "KJ":
            self._erase(number, below=end == "J")
        if end in "EF":
            self._column = 0
        return asked

    def _erase(self, how: int, *, below: bool) -> None:
        """Erase the row, from the cursor (0), up to it (1) or all of it; maybe those below too."""
        row, column = self._rows[self._row], self._column
        if below and how >= 2:
            return  # a cleared screen takes nothing back of what was printed
        if how == 0:
            self._rows[self._row] = row[:column]
        else:
            self._rows[self._row] = " " * column + row[column:] if how == 1 else ""
        if below and how == 0:
            del self._rows[self._row + 1 :]


def plain(text: str) -> str:
    r"""Return text without colors and other sequences; lines and tabs stay.

    Example:
        >>> plain("\x1b[31mred\x1b[0m")
        'red'
    """
    if not _SPECIAL.search(text):
        return text
    terminal = Terminal()
    return "\n".join([*terminal.feed(text), *terminal.rest()])


def events(lines: Sequence[str]) -> Iterator[str]:
    r"""Join lines into texts for events, secrets hidden, none larger than an event may be.

    Example:
        >>> list(events(["a", "password=xyz"]))
        ['a\npassword=[redacted]']
    """
    for text in _joined(lines):
        yield from _joined(redact_text(text).split("\n"))


def _joined(lines: Sequence[str]) -> Iterator[str]:
    waiting: list[str] = []
    room = EVENT_BYTES
    for line in lines:
        for part in _parts(line):
            size = len(part) + 1 if part.isascii() else 4 * len(part) + 1
            if size > room and waiting:
                yield "\n".join(waiting)
                waiting, room = [], EVENT_BYTES
            waiting.append(part)
            room -= size
    if waiting:
        yield "\n".join(waiting)


def _parts(line: str) -> Iterator[str]:
    """Cut a line that is too long for an event."""
    most = EVENT_BYTES - 1 if line.isascii() else EVENT_BYTES // 4 - 1
    if len(line) <= most:
        yield line
        return
    yield from (line[start : start + most] for start in range(0, len(line), most))
