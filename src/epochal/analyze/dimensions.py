"""What tells groups apart: keys of the config, or what is said of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.analyze import replicates as keys
from epochal.analyze.members import Candidate
from epochal.core.errors import EvidenceError, did_you_mean
from epochal.read.filters import parse_path

FIELDS = ("group", "tags", "project", "run", "host", "git.commit", "git.branch")
"""What runs can be grouped by beside their config; a key of that name is ``config.group``."""

Dimension = tuple[str, bool]
"""A config key or a field, and whether it is a field."""


def asked(by: str | Sequence[str] | None, known: Sequence[str]) -> list[Dimension] | None:
    """Return what `by` names: leaves of the config, and fields.

    Raises:
        EvidenceError: there is no such key.
    """
    if by is None:
        return None
    found: dict[Dimension, None] = {}
    for each in [by] if isinstance(by, str) else by:
        if each in FIELDS:
            found[each, True] = None
            continue
        path = ".".join(parse_path(each)[1:]) if "[" in each else each.removeprefix("config.")
        leaves = [key for key in known if key == path or key.startswith(f"{path}.")]
        if not leaves:
            near = did_you_mean(path, [*known, *FIELDS])
            raise EvidenceError(f"no run has the config key {path!r}{near}: give another by=")
        found |= dict.fromkeys((key, False) for key in leaves)
    return list(found)


def differing(candidates: Sequence[Candidate]) -> list[Dimension]:
    """Return the settings that differ, and the project if there are several."""
    several = len({c.run.project for c in candidates}) > 1
    found = [(key, False) for key in keys.varied([c.setting for c in candidates])]
    return [*([("project", True)] if several else []), *found]


def value_of(candidate: Candidate, dimension: Dimension) -> Any:
    """Return what a run has there; a config key that it does not have is no value of any config."""
    name, is_field = dimension
    if not is_field:
        return candidate.setting.get(name, ("", keys.UNSET))  # no config value is a tuple
    run = candidate.run
    if name == "tags":
        return ", ".join(sorted(run.tags)) or "no tag"
    if name == "run":
        return run.id
    if name.startswith("git."):
        return str(run.git.get(name[4:]) or "unknown")[:12]
    return getattr(run, name) or f"no {name}"
