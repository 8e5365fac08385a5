"""Events of a segment: their JSON is decoded when a kind is asked for, and then all at once.

A run may have a hundred thousand pictures, and most readers only ask for its tags.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, Any

from epochal.core.errors import DamageError
from epochal.core.items import EventItem

if TYPE_CHECKING:
    from epochal.store.sealed import Manifest

CHUNK = 32
"""Events that are decoded at once: one by one takes twice as long, and so do thousands, as they
wake Python's garbage collector."""

NO_KIND = ""
"""The kind of what is stored as an event and is no JSON object with one."""

_PREFIX = b'{"kind":"'


@dataclass(slots=True)
class Events:
    """Events in order; four lists of equal length.

    Attributes:
        seq: position in the session.
        mono_ns: monotonic clock of the process that recorded them.
        kinds: what they are.
        texts: their JSON, the kind included.

    Example:
        >>> events = Events()
        >>> events.add([4, 5], [10, 20], [b'{"kind":"tag","tags":["a"]}', b'{"kind":"note"}'])
        >>> events.of("tag")
        [EventItem(seq=4, mono_ns=10, data={'kind': 'tag', 'tags': ['a']})]
    """

    seq: list[int] = field(default_factory=list)
    mono_ns: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.seq)

    def add(
        self, seq: Iterable[int], mono_ns: Iterable[int], texts: list[bytes],
        kinds: Iterable[str] | None = None,
    ) -> None:  # fmt: skip
        """Append events; where their kinds are not known, the texts say them."""
        self.seq += seq
        self.mono_ns += mono_ns
        self.kinds += map(_kind_of, texts) if kinds is None else kinds
        self.texts += texts

    def extend(self, others: Events) -> None:
        """Append events."""
        self.add(others.seq, others.mono_ns, others.texts, others.kinds)

    def where(self, chosen: Iterable[bool]) -> Events:
        """Return the events for which the answer is true; one answer for each."""
        return Events(
            list(compress(self.seq, chosen)), list(compress(self.mono_ns, chosen)),
            list(compress(self.kinds, chosen)), list(compress(self.texts, chosen)),
        )  # fmt: skip

    def of(self, *kinds: str) -> list[EventItem]:
        """Return the events of some kinds, of all kinds if none is given, in order."""
        if not kinds:
            return list(map(EventItem, self.seq, self.mono_ns, decoded(self.texts)))
        return self.where([kind in kinds for kind in self.kinds]).of()


def _kind_of(text: bytes) -> str:
    if text.startswith(_PREFIX):
        kind, quote, _ = text[len(_PREFIX) :].partition(b'"')
        return kind.decode("latin-1") if quote else NO_KIND
    return str(_alone(text).get("kind", NO_KIND))


def decoded(texts: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the fields of events, decoding many at once; of what is no JSON object none."""
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        try:
            found = json.loads(b"[%b]" % b",".join(chunk))
        except (ValueError, RecursionError):
            found = []
        if len(found) != len(chunk) or not all(type(each) is dict for each in found):
            found = map(_alone, chunk)
        yield from found


def _alone(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def of_manifest(folder: str, manifest: Manifest) -> Events:
    """Return the events of a sealed segment, from its manifest or its Parquet file.

    Raises:
        DamageError: the file is missing or damaged.
    """
    events = Events()
    inline = manifest.events
    events.add(
        [e["seq"] for e in inline], [e["mono_ns"] for e in inline],
        [json.dumps(e["data"]).encode("ascii") for e in inline],
        [str(e["data"].get("kind")) for e in inline],
    )  # fmt: skip
    start = manifest.descriptor
    offset_ns = start.get("elapsed_ns", 0) - start.get("mono_ns", 0)
    for file in manifest.files:
        if file.kind == "events":
            from epochal.store import parquet  # loads pyarrow: only runs with many events need it

            path = os.path.join(folder, file.name)
            try:
                table = parquet.read(path, of=file)
            except FileNotFoundError as error:
                message = f"{path} is missing; `epochal verify` says what is lost"
                raise DamageError(message) from error
            parquet.take_events(table, offset_ns, events)
    return events
