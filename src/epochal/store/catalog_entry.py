"""What the catalog keeps of a run: its document, its fields, and what to look at while it lives."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from epochal.store.liveness import of_process

Path = tuple[str, ...]


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
