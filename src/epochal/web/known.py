"""What is known of a run as of the last look at the folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from epochal.web.folders import Place
from epochal.web.live import Tail


class Facts(NamedTuple):
    """What a tab is told of a run that changed."""

    state: str
    steps: float | None
    duration_s: float


@dataclass(slots=True)
class Known:
    """A run as of the last look.

    Attributes:
        place: where it is.
        changed_ns: time stamp of its journal.
        settled: the time stamp was old enough to mean something.
        version: grows whenever it has more to show.
        facts: None until it is described.
        tails: of its sessions that go on.
    """

    place: Place
    changed_ns: int = -1
    settled: bool = True
    version: int = 0
    facts: Facts | None = None
    tails: list[Tail] = field(default_factory=list)


class Changes(NamedTuple):
    """What changed since a number."""

    version: int
    changed: dict[str, Known]
    gone: list[str]
    unknown: bool
