"""Looks at the data are counted: every look at more runs is another chance to find something.

A file for each comparison (folder of the runs, project and grouping) in the user's cache folder;
nothing is written to the folder of the runs.  It may be deleted at any time: counting begins anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from epochal.core.names import slug

LIMIT_BYTES = 1 << 20
"""Of a file that is larger only the end is read: it was not made by a person who looks."""


class Looks(NamedTuple):
    """How often the same was looked at before and now.

    Attributes:
        times: different sets of runs that this metric was compared on, this one included; None if
            nothing could be written down.
        metrics: all metrics that were compared on these very runs, this one included.
    """

    times: int | None
    metrics: tuple[str, ...]


def count(
    what: Sequence[str], metric: str, fingerprints: Iterable[str], cache_dir: str | None = None
) -> Looks:
    """Count a look, and return how many there were.

    The same runs again are no further look, however often.

    Args:
        what: where the runs are, and how they are grouped.
        metric: that is compared.
        fingerprints: of the runs that count.
        cache_dir: default ``$XDG_CACHE_HOME/epochal`` or ``~/.cache/epochal``.

    Example:
        >>> import tempfile
        >>> cache = tempfile.mkdtemp()
        >>> [count(["runs"], "loss", runs, cache).times for runs in (["a"], ["a"], ["a", "b"])]
        [1, 1, 2]
    """
    runs = hashlib.sha256("\n".join(sorted(fingerprints)).encode()).hexdigest()[:32]
    try:
        path = _path(what, cache_dir)
        known = _read(path)
        if (metric, runs) not in known:
            _append(path, {"metric": metric, "runs": runs, "at_s": round(time.time())})
            known.append((metric, runs))
    except OSError:
        return Looks(None, (metric,))
    sets = {seen for name, seen in known if name == metric}
    metrics = dict.fromkeys(name for name, seen in known if seen == runs)
    return Looks(len(sets), tuple(metrics))


def _path(what: Sequence[str], cache_dir: str | None) -> str:
    if cache_dir is None:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        cache_dir = os.path.join(base, "epochal")
    key = hashlib.sha256("\0".join(what).encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return os.path.join(cache_dir, "looks", f"{slug(what[0].rpartition(os.sep)[2])}-{key}.jsonl")


def _read(path: str) -> list[tuple[str, str]]:
    """Return (metric, runs) of each look; damaged lines are left out."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - LIMIT_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            look: Any = json.loads(line)
            found.append((str(look["metric"]), str(look["runs"])))
        except (ValueError, TypeError, KeyError):  # cut off, or somebody else's
            continue
    return found


def _append(path: str, look: dict[str, Any]) -> None:
    """Add a line with one call, so that two processes do not mix theirs."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        # The empty line ends one that was cut off.
        os.write(descriptor, b"\n" + json.dumps(look).encode() + b"\n")
    finally:
        os.close(descriptor)
