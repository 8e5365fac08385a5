"""Sealed segments: Parquet files and the manifests that say what they replace.

A segment ``0001-<session>-0001.seg`` of the journal becomes, in ``sealed/``:

- ``0001-<session>-0001.json``, the manifest, written last: its existence means that the segment's
  content is here, whole and verified;
- ``0001-<session>-0001-<n>.parquet``, a table for each key set: columns ``_seq`` (position in the
  session), ``_elapsed_ns`` (since the run began), ``_step``, ``_epoch`` if there is one, and one
  float64 column per metric;
- ``….levels`` beside a table of 8,192 rows or more: its blocks condensed, made from it and
  disposable (``store/level_files.py``);
- ``…-long.parquet`` for rare key sets, sorted by metric: ``metric _seq _elapsed_ns _step _epoch
  value phase variant`` (``…-long-float.parquet`` for those whose steps are floats);
- ``…-events.parquet`` when there are many events; a few stay inside the manifest.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from epochal.core.errors import DamageError
from epochal.core.items import FLOAT_STEP, HAS_EPOCH, Layout
from epochal.core.shapes import (
    ANYTHING,
    BOOL,
    CLOCK_NS,
    COUNT,
    FLOAT,
    INT,
    LAYOUT,
    LONG,
    PLACE,
    SEALED_NAME,
    SPREAD,
    TEXT,
    Check,
    Shape,
    listed,
    mapping,
    maybe,
    row,
    shaped,
)
from epochal.core.system import open_plain
from epochal.journal.frames import Segment, plain_names
from epochal.journal.session import DESCRIPTOR, HEARTBEAT

SEQ, ELAPSED, STEP, EPOCH = "_seq", "_elapsed_ns", "_step", "_epoch"
FORMAT = 1
TORN = ("the header is cut off", "the payload is cut off")
"""What an unfinished frame at the end of a file is called; it was never more than that."""

_CRC_KEY = ', "crc": '
_STATS = Shape({}, {
    **dict.fromkeys(("count", "finite", "nan", "inf"), COUNT),
    **dict.fromkeys(("mean", "min", "max", "first", "last"), FLOAT), "m2": SPREAD,
    **dict.fromkeys(("min_step", "max_step", "last_step", "step_low", "step_high"), PLACE),
    **dict.fromkeys(("first_seq", "last_seq", "min_seq", "max_seq", "first_bad_seq"), INT),
    "first_bad_step": maybe(PLACE),
})  # fmt: skip
_FILE = Shape(
    {"name": SEALED_NAME, "kind": TEXT, "rows": COUNT, "bytes": COUNT},
    {"stats": mapping(shaped("the statistics of a metric", _STATS))},
    {"layout": LAYOUT, "footer_crc": COUNT},
)
_EVENT = Shape({"seq": COUNT, "mono_ns": INT, "data": mapping(ANYTHING)})


def _or_empty(what: str, shape: Shape) -> Check:
    described = shaped(what, shape)
    return Check(what, lambda value: value == {} or described.holds(value))


_MANIFEST = Shape({
    "segment": row(COUNT, TEXT, COUNT), "seq": row(COUNT, COUNT),
    "descriptor": _or_empty("what describes a session", DESCRIPTOR),
    "heartbeat": _or_empty("a heartbeat", HEARTBEAT),
    "anchors": listed(row(COUNT, CLOCK_NS, CLOCK_NS)), "ended": BOOL, "lost": COUNT,
    "damage": listed(row(COUNT, COUNT, TEXT)), "source_bytes": COUNT,
    "files": listed(shaped("a sealed file", _FILE)), "last_elapsed_ns": LONG,
    "last_step": maybe(PLACE), "events": listed(shaped("an event", _EVENT)),
})  # fmt: skip
"""What every manifest has; what a later version adds is left out."""

_NAME = re.compile(r"(\d{4,})-([0-9a-f]{16})-(\d{4,})\.json\Z")


@dataclass(frozen=True)
class SealedFile:
    """One Parquet file: a table of one layout, or of rare ones, or of events.

    Attributes:
        name: file name in ``sealed/``.
        kind: "rows", "long" or "events".
        rows: number of rows.
        bytes: size of the file.
        layout: of "rows".
        stats: metric → statistics of its values (see ``store.statistics``).
        footer_crc: CRC-32 of its footer, which the format itself does not protect.
    """

    name: str
    kind: str
    rows: int
    bytes: int
    layout: Layout | None = None
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    footer_crc: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        layout = self.layout.to_dict() if self.layout else None
        return {**self.__dict__, "layout": layout}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SealedFile:
        """Return what :meth:`to_dict` described."""
        layout = Layout.from_dict(data["layout"]) if data.get("layout") else None
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**known, "layout": layout})


@dataclass(frozen=True)
class Manifest:
    """What one sealed segment holds.

    Attributes:
        segment: the journal file that it replaces.
        seq: (first, after last) sequence numbers.
        descriptor, heartbeat: the session's, as last read.
        anchors: (seq, mono_ns, wall_ns): items from ``seq`` on follow that clock.
        ended: the session wrote that it ended.
        lost: items missing in the sequence.
        damage: (start, stop, reason) of damaged bytes of the segment.
        source_bytes: size of the segment.
        files: its Parquet files.
        last_elapsed_ns: time of the last item since the run began.
        last_step: step of the last row, None if there is none.
        events: events that were few enough to stay here, as {seq, mono_ns, data}.
    """

    segment: Segment
    seq: tuple[int, int]
    descriptor: dict[str, Any]
    heartbeat: dict[str, Any]
    anchors: list[tuple[int, int, int]]
    ended: bool
    lost: int
    damage: list[tuple[int, int, str]]
    source_bytes: int
    files: list[SealedFile]
    last_elapsed_ns: int
    last_step: float | None
    events: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The manifest's file name."""
        return manifest_name(self.segment)

    @property
    def rank(self) -> int:
        """The rank of the process that wrote the segment."""
        return int(self.descriptor.get("rank", 0))

    def to_json(self) -> bytes:
        """Encode."""
        body = {**self.__dict__, "format": FORMAT, "segment": list(self.segment)}
        body["files"] = [file.to_dict() for file in self.files]
        text = json.dumps(body)
        return f"{text[:-1]}{_CRC_KEY}{zlib.crc32(text.encode('ascii'))}}}".encode("ascii")

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """Decode; a wrong checksum, a later format or what is no manifest raises ValueError."""
        content, _, crc = text.rpartition(_CRC_KEY.encode("ascii"))
        if crc != b"%d}" % zlib.crc32(content + b"}"):
            message = "the manifest's checksum is wrong"
            raise ValueError(message)
        try:
            body = json.loads(content + b"}")
        except RecursionError as error:
            message = "the manifest is nested too deeply"
            raise ValueError(message) from error
        version = body.get("format")
        if version != FORMAT:
            message = f"the manifest has format {version}, this version reads {FORMAT}"
            raise ValueError(message)
        if wrong := _MANIFEST.fault(body):
            message = f"it is no manifest: {wrong}"
            raise ValueError(message)
        body = {name: body[name] for name in _MANIFEST.needed}
        body["segment"] = Segment(*body["segment"])
        body["files"] = [SealedFile.from_dict(file) for file in body["files"]]
        body["seq"] = tuple(body["seq"])
        body["anchors"] = [(seq, mono, wall) for seq, mono, wall in body["anchors"]]
        body["damage"] = [(start, stop, why) for start, stop, why in body["damage"]]
        return cls(**body)


def manifest_name(segment: Segment) -> str:
    """Return the manifest's name for a segment."""
    return segment.name.removesuffix(".seg") + ".json"


def sealed_segments(folder: str) -> list[Segment]:
    """Return the segments that have a manifest in a ``sealed`` folder, in reading order."""
    found = (_NAME.match(name) for name in plain_names(folder))
    return sorted(Segment(int(m[1]), m[2], int(m[3])) for m in found if m)


def read_manifest(folder: str, segment: Segment) -> Manifest:
    """Read a manifest.

    Raises:
        OSError: it is missing.
        DamageError: it is damaged, or none.
    """
    name = manifest_name(segment)
    with open_plain(os.path.join(folder, name)) as file:
        body = file.read()
    try:
        manifest = Manifest.from_json(body)
    except ValueError as error:
        message = f"{name} is damaged: {error}"
        raise DamageError(message) from error
    if manifest.segment != segment:
        message = f"{name} is damaged: it is the manifest of {manifest.segment.name}"
        raise DamageError(message)
    return manifest


def layouts_of(manifest: Manifest) -> dict[int, Layout]:
    """Return the layouts of a session as of the end of one of its segments."""
    listed = manifest.descriptor.get("layouts", ())
    known = {int(each["id"]): Layout.from_dict(each) for each in listed}
    return known | {file.layout.id: file.layout for file in manifest.files if file.layout}


def parquet_columns(layout: Layout) -> list[str]:
    """Return the column names of a layout's table; metrics follow the fixed columns in order."""
    fixed = [SEQ, ELAPSED, STEP, *([EPOCH] if layout.variant & HAS_EPOCH else [])]
    taken = set(fixed)
    names = []
    for key in layout.keys:
        name = key
        while name in taken:
            name += "_"
        taken.add(name)
        names.append(name)
    return [*fixed, *names]


def step_is_float(layout: Layout) -> bool:
    """Say whether a layout's steps are float64."""
    return bool(layout.variant & FLOAT_STEP)
