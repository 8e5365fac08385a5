"""What the catalog keeps of a run: its document, its fields, and what to look at while it lives."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from epochal.core.shapes import (
    ANYTHING,
    INSTANT,
    INT,
    NUMBER,
    PATH,
    PROCESS,
    SEGMENT_PATH,
    TEXT,
    Check,
    Shape,
    listed,
    mapping,
    maybe,
    one_of,
    row,
    shaped,
)
from epochal.store.liveness import Life, of_process

Path = tuple[str, ...]

_LIFE = one_of(*(each.value for each in Life))
_PROCESS = shaped("of a process", Shape({}, {}, {"host": TEXT, "boot": TEXT, "ring": PATH,
                                                 "pid": PROCESS}))  # fmt: skip
_WATCHES = listed(row(SEGMENT_PATH, INT, _PROCESS, NUMBER, _LIFE))
_TEXT_OR_NULL, _NUMBER_OR_NULL = maybe(TEXT), maybe(NUMBER)
_COLUMNS: Mapping[str, Check] = {
    **dict.fromkeys(("id", "name", "project", "state", "notes", "goals"), TEXT),
    **dict.fromkeys(("group", "host"), _TEXT_OR_NULL), "created": INSTANT, "tags": listed(TEXT),
    "duration_s": NUMBER, "steps": _NUMBER_OR_NULL, "metrics": mapping(ANYTHING),
}  # fmt: skip
"""What the values of a column are, by the beginning of its path; others may be anything."""


class Watch(NamedTuple):
    """A session that has not ended: what to look at to see whether it went on.

    Attributes:
        file: its last segment, relative to the run folder; size: in bytes then.
        descriptor: whose life to look at; seen_s: when it was last heard of.
        life: what was said then.
    """

    file: str
    size: int
    descriptor: Mapping[str, Any]
    seen_s: float
    life: str


class Entry(NamedTuple):
    """A described run.

    Attributes:
        document: JSON-able; has ``created``, unix seconds.
        fields: what can be asked for by path; JSON-able values.
        watch: its sessions that have not ended.
    """

    document: dict[str, Any]
    fields: Mapping[Path, Any]
    watch: Sequence[Watch] = ()


class Described(NamedTuple):
    """A run folder that was described: when, and as what; None: it cannot be read.

    Attributes:
        run_dir: the folder.
        mtime: time stamp of its ``journal`` before.
        checked: when that was, in nanoseconds since 1970.
        entry: what there is to say.
    """

    run_dir: str
    mtime: int
    checked: int
    entry: Entry | None


def encoded(value: Any) -> Any:
    """Return a value as SQLite keeps it exactly, anything else as JSON in bytes."""
    kind = type(value)
    if kind is str and value.isascii():
        return value
    if kind is int and -(2**63) <= value < 2**63:
        return value
    if kind is float and not math.isnan(value) and value != 0.0:
        return value
    return json.dumps(value, default=str).encode("ascii")


def check_row(where: Any, numbers: Sequence[Any], created: Any, watch: Any) -> None:
    """See that a row of the index holds what was written there.

    Raises:
        sqlite3.DatabaseError: it does not.
    """
    sound = PATH.holds(where) and all(type(each) is int for each in numbers)
    sound = sound and INSTANT.holds(created) and isinstance(watch, str)
    if not sound or (watch and not _WATCHES.holds(parsed(watch))):
        raise sqlite3.DatabaseError(f"the row of {where!r} is none")


def check_column(path: Path, column: Mapping[str, Any]) -> None:
    """See that a column holds what was written there.

    Raises:
        sqlite3.DatabaseError: it does not.
    """
    check = _COLUMNS.get(path[0], ANYTHING)
    if not all(map(check.holds, column.values())):
        raise sqlite3.DatabaseError(f"in the column {path} each is {check.what}")


def parsed(text: str | bytes) -> Any:
    """Return what JSON of the index says.

    Raises:
        sqlite3.DatabaseError: it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise sqlite3.DatabaseError(f"no JSON: {error}") from error


def patched(
    column: Mapping[str, Any], path: Path, entries: Iterable[Described], gone: Iterable[str]
) -> dict[str, Any]:
    """Return a column (values by folder) after changes; the one given may be in use elsewhere."""
    new = dict(column)
    for run_dir in gone:
        new.pop(run_dir, None)
    for each in entries:
        if each.entry is None or path not in each.entry.fields:
            new.pop(each.run_dir, None)
        else:
            value = encoded(each.entry.fields[path])
            new[each.run_dir] = json.loads(value) if type(value) is bytes else value
    return new


def went_on(run_dir: str, watch: str) -> bool:
    """Say whether a session that had not ended has more to say, or has died."""
    for file, size, descriptor, seen_s, life in json.loads(watch):
        try:
            if os.stat(os.path.join(run_dir, file)).st_size != size:
                return True
        except OSError:
            return True
        if of_process(descriptor, seen_s).value != life:
            return True
    return False
