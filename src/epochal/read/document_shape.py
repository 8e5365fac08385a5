"""What the document of a run is: one that was kept in the catalog may have been changed there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from epochal.core.event_shapes import SHAPES
from epochal.core.shapes import (
    COUNT,
    ID,
    INSTANT,
    INT,
    PATH,
    PROCESS,
    SEED,
    STEP,
    TEXT,
    TREE,
    Check,
    Shape,
    holding,
    listed,
    mapping,
    shaped,
)
from epochal.read.metrics import MetricSummary
from epochal.read.sessions import SessionInfo

_VALUE = Check("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool))
"""Of any size: integers beyond 2**53 are kept exactly."""


def _all_of(kind: type[Any], shape: Shape) -> Check:
    """Return the check of what is made from an object: it has its fields and no others."""
    names = frozenset(field.name for field in fields(kind))
    check = shaped(f"what makes a {kind.__name__}", shape)
    return Check(check.what, lambda value: check.holds(value) and value.keys() == names)


_SUMMARY = Shape(
    {**dict.fromkeys(("count", "nan", "inf"), COUNT),
     **dict.fromkeys(("value", "first", "last", "last_step", "min", "min_step", "max", "max_step",
                      "mean", "std"), _VALUE)},
    {}, {"first_bad_step": _VALUE, "best": _VALUE, "best_step": _VALUE, "out_of_range": COUNT},
)  # fmt: skip
_SESSION = Shape(
    {**dict.fromkeys(("ordinal", "rank"), COUNT), "pid": PROCESS, "started_s": _VALUE,
     **dict.fromkeys(("id", "host", "role", "state"), TEXT)},
    {}, {"hides_after": STEP},
)  # fmt: skip
_ALERT = Shape(
    {"time_s": _VALUE, "title": TEXT}, {"rank": COUNT}, {"text": TEXT, "level": TEXT}
)  # fmt: skip
_DEFINITION = Shape({}, {}, SHAPES["define"].nullable)

DOCUMENT = Shape(
    {
        **dict.fromkeys(("name", "project", "state", "error", "notes", "missing_parent"), TEXT),
        **dict.fromkeys(("config", "git", "summary"), TREE),
        **dict.fromkeys(("tags", "damage"), listed(TEXT)), "id": ID, "created": INSTANT,
        "duration_s": _VALUE, "refused": COUNT, "lost": INT, "problems": mapping(INT),
        "definitions": mapping(shaped("a definition", _DEFINITION)),
        "metrics": mapping(_all_of(MetricSummary, _SUMMARY)),
        "sessions": listed(_all_of(SessionInfo, _SESSION)),
        "alerts": listed(shaped("an alert", _ALERT)),
    },
    {},
    {"group": TEXT, "host": TEXT, "seed": SEED, "steps": _VALUE,
     "fork": holding({"run": TEXT, "step": STEP}, dir=PATH)},
)  # fmt: skip
