"""How a run's recording stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Health:
    """How a run's recording stands (``run.health()``).

    Attributes:
        ok: nothing is failing, late or dropped.
        promise: what survives when ``log`` has returned: "process death" (a kill of the process),
            or "nothing before the journal" (no shared memory; safe after at most 200 ms).
        lag_s: age of the oldest row that is not yet in the run folder.
        dropped: rows that found no room and were dropped.
        failing: the error that the journal's writer is retrying, or "".
        problems: topic → how often (``value``, ``key``, ``step``, …).
        waiting_for_device: rows whose values are still on their way from a device.
        waiting_media: media that are not yet encoded and written.
    """

    ok: bool
    promise: str
    lag_s: float = 0.0
    dropped: int = 0
    failing: str = ""
    problems: Mapping[str, int] = field(default_factory=dict)
    waiting_for_device: int = 0
    waiting_media: int = 0
