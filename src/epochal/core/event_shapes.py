"""What the events of each kind must hold to be read as such; beside ``records.Event``.

A kind that is not listed may hold anything: it is of a later version, and nobody reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from epochal.core.shapes import (
    COUNT,
    COUNTED,
    DIGITS,
    INSIDE,
    NAME,
    NUMBER,
    PATH,
    SCALAR,
    STEP,
    TEXT,
    TREE,
    Shape,
    holding,
    listed,
    mapping,
    maybe,
    one_of,
    row,
)

LONGEST_NS = 2**61
"""So far from the start of its run an event may be: 73 years."""

_ENDS = one_of("finished", "failed", "interrupted", "killed", "running", "lost", "unknown")
_COUNTS = mapping(COUNT)
_PLACE = {"step": STEP, "epoch": NUMBER}

_DIFF = holding(text=TEXT, sha256=TEXT)
_GIT = holding(commit=TEXT, branch=TEXT, remote=TEXT, changed_files=NUMBER,
               untracked_files=NUMBER, diff=_DIFF)  # fmt: skip
_GPUS = holding(count=COUNT, devices=listed(holding(name=TEXT, memory_bytes=NUMBER)),
                driver=TEXT, cuda=TEXT)  # fmt: skip
ENVIRONMENT = holding(
    host=TEXT, platform=mapping(SCALAR), cpu=holding(model=TEXT, count=NUMBER, available=NUMBER),
    memory=mapping(NUMBER), gpus=_GPUS, python=holding(version=TEXT), packages=mapping(SCALAR),
    frameworks=mapping(SCALAR), cwd=TEXT, argv=listed(TEXT), variables=mapping(SCALAR), git=_GIT,
)  # fmt: skip
"""What was found out about machine, packages and code; see ``probes.environment``."""

MEDIA_ABOUT = holding(
    width=COUNT, height=COUNT, channels=COUNT, frames=COUNT, fps=NUMBER, sample_rate=NUMBER,
    duration_s=NUMBER, rows=COUNT, columns=listed(TEXT), mean=NUMBER, std=NUMBER,
)  # fmt: skip
CHECKPOINT_ABOUT = holding(
    epoch=COUNTED, step=STEP, loss=COUNTED, metrics=mapping(COUNTED), monitor=TEXT, goal=TEXT,
    value=COUNTED, parent=TEXT,
)  # fmt: skip

SHAPES: Mapping[str, Shape] = {
    "config": Shape({"update": TREE}),
    "summary": Shape({"values": TREE}),
    "define": Shape(
        {"metric": NAME}, {}, {"goal": TEXT, "range": row(*2 * [maybe(NUMBER)]), "summary": TEXT}
    ),
    "tag": Shape({"tags": listed(TEXT)}),
    "untag": Shape({"tags": listed(TEXT)}),
    "note": Shape({"text": TEXT}),
    "rename": Shape({"name": TEXT}),
    "text": Shape(
        {"key": NAME, "text": TEXT}, {"part": row(COUNT, COUNT)},
        {**_PLACE, "caption": TEXT, "about": TREE},
    ),
    "bigint": Shape({"key": NAME, "value": DIGITS}, {}, _PLACE),
    "refused": Shape({"why": TEXT}, {}, {"key": TEXT, "value": TEXT}),
    "alert": Shape({"title": TEXT}, {"text": TEXT, "level": TEXT}),
    "annotation": Shape({"text": TEXT}, {}, {"step": STEP, "metric": TEXT, "author": TEXT}),
    "annotation_edited": Shape({"id": TEXT, "text": TEXT}),
    "annotation_removed": Shape({"id": TEXT}),
    "media": Shape(
        {"key": NAME, "type": TEXT, "format": TEXT},
        {"bytes": COUNT, "sha256": TEXT, "file": PATH, "offset": COUNT},
        {**_PLACE, "caption": TEXT, "about": MEDIA_ABOUT, "index": row(COUNT, COUNT)},
    ),
    "artifact": Shape(
        {"name": TEXT, "type": TEXT, "path": PATH, "bytes": COUNT, "sha256": TEXT}, {},
        {"file": INSIDE, "files": listed(row(PATH, COUNT, TEXT))},
    ),
    "artifact_removed": Shape({"path": PATH}, {}, {"name": TEXT, "sha256": TEXT, "file": INSIDE}),
    "console": Shape({"stream": TEXT, "text": TEXT}, {}, {"level": TEXT, "logger": TEXT}),
    "environment": Shape({"values": ENVIRONMENT}),
    "resume": Shape({}, {}, {"after": STEP}),
    "end": Shape({"state": _ENDS}, {}, {"error": TEXT, "dropped": COUNT, "problems": _COUNTS}),
}  # fmt: skip
"""Kind → what its events must hold."""

_BINS = Shape({"counts": listed(NUMBER), "edges": listed(NUMBER)})
_STORED = Shape({"bytes": COUNT, "sha256": TEXT, "file": PATH})
_CHECKPOINT = Shape({"about": CHECKPOINT_ABOUT})


def fault(data: Any) -> str:
    """Return what is wrong with the fields of an event, ``kind`` among them; "" if nothing.

    Example:
        >>> fault({"kind": "text", "key": "sample", "text": "a", "step": 3})
        ''
        >>> fault({"kind": "text", "key": "sample", "text": "a", "step": "3"})
        'step is not a step'
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str):
        return "it is no object with a kind"
    shape = SHAPES.get(kind)
    wrong = shape.fault(data) if shape is not None else ""
    if wrong or kind not in ("media", "artifact"):
        return wrong
    return _of_medium(data) if kind == "media" else _of_artifact(data)


def _of_medium(data: Mapping[str, Any]) -> str:
    """Return what is wrong with where the content of a medium is."""
    if "inline" not in data and data["type"] != "histogram":
        return _STORED.fault(data) if data.get("bytes") != 0 else ""
    bins = data.get("inline")
    if not isinstance(bins, dict):
        return "inline is not an object"
    wrong = _BINS.fault(bins)
    if not wrong and len(bins["edges"]) != len(bins["counts"]) + 1:
        wrong = f"edges has {len(bins['edges']):,} values for {len(bins['counts']):,} counts"
    return wrong and f"inline: {wrong}"


def _of_artifact(data: Mapping[str, Any]) -> str:
    """Return what is wrong with what is told of a checkpoint; other artifacts tell nothing."""
    told = data["type"] == "checkpoint" and data.get("about") is not None
    return _CHECKPOINT.fault(data) if told else ""


class Sieve:
    """Lets those events of a file through that hold what their kind needs, and counts the others.

    Args:
        file: the name of the file, for messages.

    Example:
        >>> sieve = Sieve("0001-00.seg")
        >>> [sieve.passes({"kind": "note", "text": text}) for text in ("a", 1)]
        [True, False]
        >>> sieve.told()
        ['0001-00.seg: 1 event (note) is left out: text is not a text']
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def passes(self, data: Any, kinds: Sequence[str] = (), elapsed_ns: int = 0) -> bool:
        """Say whether an event can be used.

        Args:
            data: its fields, the kind included.
            kinds: it was found as one of these; none: as any.
            elapsed_ns: its time since the run began.
        """
        wrong = fault(data)
        if not wrong and kinds and data["kind"] not in kinds:
            wrong = "it says two kinds"
        if not wrong and not -LONGEST_NS < elapsed_ns < LONGEST_NS:
            wrong = "it is out of time"
        if not wrong:
            return True
        kind = (kinds[0] if len(kinds) == 1 else str(data.get("kind")))[:20] or "?"
        self._counts[kind] += 1
        self._first.setdefault(kind, wrong)
        return False

    def told(self) -> list[str]:
        """Return a sentence for each kind of which events were left out."""
        return [f"{self._file}: {reason}" for reason in self.reasons()]

    def reasons(self) -> list[str]:
        """Return the sentences without the name of the file."""
        return [
            f"{n:,} event{'s' * (n != 1)} ({kind}) {'are' if n != 1 else 'is'} left out:"
            f" {self._first[kind]}"
            for kind, n in self._counts.items()
        ]
