"""Events as Epochal records them, and the same after somebody has changed their fields."""

import copy
import hashlib

from hypothesis import strategies as st
from journals import JournalMaker

PAGE = b"<p>page</p>"
_SHA = hashlib.sha256(PAGE).hexdigest()
_ABOUT = {"epoch": 1, "step": 3, "loss": 0.5, "metrics": {"loss": 0.5}, "monitor": "loss",
          "goal": "minimize", "value": 0.5, "best": True, "final": False, "parent": ""}  # fmt: skip
_GIT = {"commit": "0123456789", "branch": "main", "remote": None, "dirty": True,
        "changed_files": 2, "untracked_files": 0, "diff": {"text": "-a\n+b\n", "sha256": "x" * 64,
                                                           "truncated": False}}  # fmt: skip
ENVIRONMENT = {
    "host": "h", "platform": {"system": "Linux", "machine": "x86_64", "distribution": "Debian"},
    "cpu": {"model": "CPU", "count": 8, "available": 4, "limit": 2.5},
    "memory": {"total_bytes": 1 << 34}, "python": {"version": "3.12.1"},
    "gpus": {"count": 1, "devices": [{"name": "GPU", "index": 0, "memory_bytes": 1 << 34}],
             "driver": "550", "cuda": "12.4"},
    "packages": {"numpy": "2.0"}, "frameworks": {"torch": "2.9", "torch_cuda": None}, "cwd": "/w",
    "argv": ["train.py", "--lr", "1"], "entrypoint": {"path": "/w/train.py", "sha256": "y" * 64},
    "variables": {"RANK": "0"}, "git": _GIT,
}  # fmt: skip
MEDIUM = {"key": "page", "step": 1, "epoch": 1.0, "type": "html", "format": "html",
          "caption": "c", "bytes": len(PAGE), "sha256": _SHA, "about": {},
          "file": "media/page.html"}  # fmt: skip
VALID = [
    ("config", {"update": {"lr": 0.1, "model": {"depth": 2}}}),
    ("summary", {"values": {"params": 124, "nested": {"a": [1, 2]}}}),
    ("define", {"metric": "loss", "unit": "nats", "goal": "minimize", "range": [0, None],
                "x": "step", "summary": "min"}),
    ("tag", {"tags": ["a", "b"]}), ("untag", {"tags": ["b"]}), ("note", {"text": "note"}),
    ("rename", {"name": "other"}),
    ("text", {"key": "said", "text": "one", "step": 1, "epoch": 0.5, "caption": "c",
              "about": {"prompt": "p", "temperature": 0.5}}),
    ("text", {"key": "said", "text": "tw", "step": 2, "part": [1, 2]}),
    ("text", {"key": "said", "text": "o", "step": 2, "part": [2, 2]}),
    ("bigint", {"key": "tokens", "value": str(2**70), "step": 2, "epoch": 1.0}),
    ("refused", {"key": "odd", "step": 1, "why": "no number", "value": "'x'"}),
    ("alert", {"title": "hot", "text": "too hot", "level": "warn"}),
    ("annotation", {"text": "here", "step": 2, "metric": "loss", "author": "me"}),
    ("annotation_edited", {"id": "0123456789abcdef.1", "text": "there"}),
    ("annotation_removed", {"id": "0123456789abcdef.0"}),
    ("media", MEDIUM), ("media", {**MEDIUM, "index": [1, 2], "file": "media/pack", "offset": 0}),
    ("media", {**MEDIUM, "key": "video", "type": "video", "format": "npy",
               "about": {"frames": 5, "width": 4, "height": 4, "channels": 1, "fps": 4.0}}),
    ("media", {**MEDIUM, "key": "table", "type": "table", "format": "json",
               "about": {"columns": ["a"], "rows": 1}}),
    ("media", {"key": "weights", "step": 1, "type": "histogram", "format": "json", "caption": "",
               "bytes": 0, "sha256": "", "about": {"count": 3, "mean": 0.5, "std": 0.1},
               "inline": {"counts": [1, 2], "edges": [0.0, 0.5, 1.0]}}),
    ("artifact", {"name": "data", "type": "dataset", "path": "/data", "bytes": 5, "sha256": "",
                  "files": [["a.txt", 5, "z" * 64]]}),
    ("artifact", {"name": "c.pt", "type": "checkpoint", "path": "/c.pt", "bytes": 5,
                  "sha256": "z" * 64, "file": "checkpoints/c.pt", "about": _ABOUT}),
    ("artifact_removed", {"name": "d.pt", "path": "/d.pt", "sha256": "z" * 64,
                          "file": "checkpoints/d.pt"}),
    ("console", {"stream": "stdout", "text": "a\nb"}),
    ("console", {"stream": "log", "text": "c", "level": "INFO", "logger": "mine"}),
    ("environment", {"values": ENVIRONMENT}),
    ("resume", {"after": None}),
    ("end", {"state": "failed", "error": "Traceback", "dropped": 0, "problems": {"key": 1}}),
]  # fmt: skip
"""(kind, fields) of what can be recorded."""

SPECIAL = st.sampled_from([
    None, True, False, "", "3", "nan", "\0", "\ud800", "..", "../../run.json", "/etc/passwd",
    "media/../run.json", "media/x\0", 0, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, 0.5,
    -1.5, 1e308, float("nan"), float("inf"), -float("inf"), [], {}, [[]], [None], [1], [1, 2],
    [2, 1], [1, 2, 3], ["a"], [{}], {"a": 1}, {"a": {"b": []}}, {"": ""}, "x" * 5000,
])  # fmt: skip
JSON = SPECIAL | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
"""Values for fields, most of them odd."""


def _places(value, path=()):
    """Paths of all fields and items in a tree."""
    pairs = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        yield (*path, key)
        yield from _places(inner, (*path, key))


@st.composite
def changed(draw, fields, most=2):
    """The fields of an object in which some were replaced, at any depth, or are gone."""
    fields = copy.deepcopy(fields)
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(fields))
        if not places:
            break
        *above, last = draw(st.sampled_from(places))
        inner = fields
        for key in above:
            inner = inner[key]
        if draw(st.integers(0, 3)) == 0:
            del inner[last]
        else:
            inner[last] = copy.deepcopy(draw(JSON))  # it may be changed in turn
    return fields


@st.composite
def streams(draw, copies=2):
    """Every event of VALID, each followed by some that were changed, the end of a session last."""
    found = []
    for kind, fields in VALID:
        forged = [(kind, draw(changed(fields))) for _ in range(copies)]
        found += [(kind, fields), *forged] if kind not in ("end", "resume") else forged
    return [*found, VALID[-1]]


def record(maker: JournalMaker, events) -> None:
    """Records events among a few rows."""
    for step in range(8):
        maker.row({"loss": 1.0 / (step + 1), "train/loss": 0.5}, step)
    for kind, fields in events:
        maker.event(kind, **{name: value for name, value in fields.items() if name != "kind"})
    maker.close()
