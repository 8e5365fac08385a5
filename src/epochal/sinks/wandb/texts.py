"""Texts as W&B's tables: a row for each text, with what it was generated with."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from epochal.core.optional import require

MAX_ROWS = 1000
MAX_WAITING = 100
MAX_CHARS = 4_000_000
"""What a table holds at most: the last texts of its key."""


class Texts:
    """The texts of a run by key, each key in a table.

    W&B uploads a table as a whole each time, so it is logged when a session's texts have become
    more by an eighth, and the last time when the session ends.  That is a matter of the session's
    texts alone, not of the time.

    Example:
        >>> texts = Texts()
        >>> [texts.add(1, "story", {"text": "Once", "step": step}) for step in range(10)]
        [True, True, True, True, True, True, True, True, False, True]
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._parts: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
        self._counts: dict[tuple[int, str], tuple[int, int, float | None]] = {}

    def add(self, session: int, key: str, data: Mapping[str, Any]) -> bool:
        """Take a text, or a part of one; True if its table is to be logged now."""
        whole = self._joined((session, key), data)
        if whole is None:
            return False
        self._tables.setdefault(key, _Table()).add(whole)
        count, waiting, _ = self._counts.get((session, key), (0, 0, None))
        count, waiting = count + 1, waiting + 1
        due = waiting * 8 >= count or waiting >= MAX_WAITING
        self._counts[session, key] = count, 0 if due else waiting, whole["step"]
        return due

    def table(self, key: str) -> Any:
        """Return W&B's table of a key's texts."""
        wandb = require("wandb", extra="wandb", why="the mirror 'wandb'")
        table = self._tables[key]
        columns = list(table.columns)
        rows = [[row.get(column) for column in columns] for row in table.rows]
        return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)

    def rest(self, session: int) -> Iterator[tuple[str, float | None]]:
        """Yield the keys with texts of a session that were not logged, and their last steps."""
        for (whose, key), (count, waiting, step) in self._counts.items():
            if whose == session and waiting:
                self._counts[whose, key] = count, 0, step
                yield key, step

    def _joined(self, whose: tuple[int, str], data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a row of the table; None until the last part of its text is there."""
        number, count = data.get("part") or (1, 1)
        parts = self._parts.setdefault(whose, [])
        if number == 1:
            parts.clear()
        if number != len(parts) + 1:  # its beginning was lost
            return None
        parts.append(data)
        return _row(self._parts.pop(whose)) if number == count else None


def _row(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a text with what was said of it, which its first part has."""
    first = parts[0]
    row = {"step": first.get("step"), "text": "".join(part["text"] for part in parts)}
    row |= {name: first[name] for name in ("epoch", "caption") if first.get(name) not in (None, "")}
    about = first.get("about") or {}
    return row | {name if name not in row else f"{name}_": about[name] for name in about}


class _Table:
    """Rows by column; columns in the order in which they came up."""

    def __init__(self) -> None:
        self.columns: dict[str, None] = {"step": None, "text": None}
        self.rows: deque[Mapping[str, Any]] = deque(maxlen=MAX_ROWS)
        self._chars = 0

    def add(self, row: Mapping[str, Any]) -> None:
        self.columns |= dict.fromkeys(row)
        self.rows.append(row)
        self._chars += len(row["text"])
        while self._chars > MAX_CHARS and len(self.rows) > MAX_WAITING:
            self._chars -= len(self.rows.popleft()["text"])
