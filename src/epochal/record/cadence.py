"""Cadence: how often each kind of thing is recorded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from epochal.core.errors import SettingError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

Unit = Literal["steps", "epochs", "s"]

ALLOWED = "a number of steps, '10 steps', '2 epochs', '30s', '5min', '1h' or 'never'"

_UNITS: dict[str, tuple[Unit, float]] = {
    **dict.fromkeys(("", "step", "steps"), ("steps", 1)),
    **dict.fromkeys(("epoch", "epochs"), ("epochs", 1)),
    "ms": ("s", 1e-3),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("s", 1)),
    **dict.fromkeys(("min", "minute", "minutes"), ("s", 60)),
    **dict.fromkeys(("h", "hour", "hours"), ("s", 3600)),
}
_TEXT = re.compile(r"(?:every\s+)?(\d{1,300}(?:\.\d{0,30})?(?:e[+-]?\d{1,3})?)\s*([a-z]*)")


@dataclass(frozen=True, slots=True)
class Every:
    """Once in so many steps, epochs or seconds; a count of 0 is never.

    Args:
        count: at least 0 and finite; whole for steps.
        unit: ``"steps"``, ``"epochs"`` or ``"s"``.

    Raises:
        SettingError: the count or unit is not allowed.

    Example:
        >>> Every(10), str(Every(30, "s")), str(Every(0))
        (Every(count=10, unit='steps'), '30 s', 'never')
    """

    count: float
    unit: Unit = "steps"

    def __post_init__(self) -> None:
        fine = math.isfinite(self.count) and self.count >= 0
        fine = fine and (self.unit != "steps" or self.count == int(self.count))
        if not fine or self.unit not in ("steps", "epochs", "s"):
            raise SettingError(f"every {self.count!r} {self.unit} is not allowed: use {ALLOWED}")
        if self.count == int(self.count):
            object.__setattr__(self, "count", int(self.count))
        if not self.count:
            object.__setattr__(self, "unit", "steps")

    @classmethod
    def parse(cls, value: object) -> Every:
        """Return what a person wrote: a number of steps, text, or an ``Every``.

        Raises:
            SettingError: it is none of these.

        Example:
            >>> [str(Every.parse(value)) for value in (10, "2 epochs", "5min", "never", 0)]
            ['10 steps', '2 epochs', '300 s', 'never', 'never']
        """
        if isinstance(value, Every):
            return value
        if value is False:
            return cls(0)
        text = "" if value is True else str(value).strip().lower()
        if text in ("never", "off"):
            return cls(0)
        match = _TEXT.fullmatch(text)
        if match is None or match[2] not in _UNITS:
            raise SettingError(f"{value!r} is not an interval: use {ALLOWED}")
        unit, factor = _UNITS[match[2]]
        number = int(match[1]) if match[1].isdecimal() else float(match[1])
        return cls(number * factor, unit)

    def __str__(self) -> str:
        if not self.count:
            return "never"
        unit = self.unit.rstrip("s") if self.count == 1 and self.unit != "s" else self.unit
        return f"{self.count} {unit}"


class Kind(NamedTuple):
    """A kind of thing that has a cadence: how often unless set otherwise, and what it is."""

    every: Every
    meaning: str


KINDS: Mapping[str, Kind] = {
    "train": Kind(Every(1), "metrics of training steps"),
    "validation": Kind(Every(1), "metrics of validation"),
    "epoch": Kind(Every(1, "epochs"), "statistics over an epoch"),
    "learning_rate": Kind(Every(1), "learning rate and state of the scheduler"),
    "gradients": Kind(Every(100), "norms of gradients, in total and per layer"),
    "parameters": Kind(Every(100), "mean, spread and norm of parameters"),
    "histograms": Kind(Every(500), "histograms of gradients and parameters"),
    "numerics": Kind(Every(1), "counts of NaN and Inf"),
    "noise": Kind(Every(500), "predicted against true noise of a diffusion model"),
    "images": Kind(Every(1), "images and figures"),
    "video": Kind(Every(1), "videos"),
    "audio": Kind(Every(1), "audio"),
    "text": Kind(Every(1), "text"),
    "system": Kind(Every(10, "s"), "use of processors, memory and disk"),
    "memory": Kind(Every(100), "memory of the accelerator"),
    "performance": Kind(Every(1), "throughput and durations"),
    "model": Kind(Every(1), "architecture of a watched model: once, whatever the interval"),
    "diagnostics": Kind(Every(500), "other measurements on the model"),
    "checkpoint": Kind(Every(1, "epochs"), "checkpoints that are saved by themselves"),
    "flush": Kind(Every(500), "flushes of TensorBoard files"),
}
"""Every kind with its default cadence."""


class _Pace:
    """The interval of one kind and where it last was."""

    __slots__ = ("bucket", "count", "epoch", "start", "step", "unit")

    def __init__(self, every: Every) -> None:
        self.count, self.unit = every.count, every.unit
        self.bucket: float | None = None
        self.start: float | None = 0.0 if self.unit != "s" else None
        self.step: float | None = None
        self.epoch: float | None = None


class Cadence:
    """Says when each kind of thing is due.

    Training decides the order of calls: steps may jump, repeat and come out of order.  A kind is
    due at its first call and whenever the interval that its step, epoch or time lies in is another
    than at the last call that was due; intervals of steps and epochs begin at multiples, intervals
    of seconds at the first call.  Further calls for the step and epoch that were due are due too,
    so that all rows of one step are kept or none; a call that names no epoch means that of the
    step.

    Two threads that ask for the same kind in the same instant may both be told that it is due.

    Args:
        table: kind to interval, see :meth:`Every.parse`; kinds left out keep their default.

    Raises:
        SettingError: a kind is unknown or an interval is not valid.

    Example:
        >>> cadence = Cadence({"gradients": "10 steps", "images": "never"})
        >>> [step for step in range(1, 35) if cadence.due("gradients", step)]
        [1, 10, 20, 30]
        >>> cadence.due("images", 0), str(cadence.table["epoch"])
        (False, '1 epoch')
    """

    def __init__(self, table: Mapping[str, Every | str | float] | None = None) -> None:
        self.table: dict[str, Every] = {kind: known.every for kind, known in KINDS.items()}
        self.table.update(parse_table(table or {}))
        self._paces = {kind: _Pace(every) for kind, every in self.table.items()}

    def due(
        self,
        kind: str,
        step: float | None = None,
        epoch: float | None = None,
        now_s: float | None = None,
    ) -> bool:
        """Return whether this kind is to be recorded now, and remember that it was.

        Args:
            kind: a key of ``KINDS``; any other kind is always due.
            step: the step, if there is one.
            epoch: the epoch, if there is one; may be a fraction.
            now_s: seconds of any clock.

        Without the number that the interval counts, a kind is due unless it is never due.
        """
        pace = self._paces.get(kind)
        if pace is None:
            return True
        count = pace.count
        if not count:
            return False
        unit = pace.unit
        position = step if unit == "steps" else epoch if unit == "epochs" else now_s
        if position is None:
            return True
        start = pace.start
        if start is None:
            start = pace.start = position
        bucket = (position - start) // count
        if bucket == pace.bucket:
            same = step == pace.step and (pace.epoch == epoch or None in (epoch, pace.epoch))
            return same and (step is not None or unit != "s")
        pace.bucket, pace.step, pace.epoch = bucket, step, epoch
        return True


def parse_table(table: Mapping[str, Every | str | float]) -> dict[str, Every]:
    """Return a table with its intervals read.

    Raises:
        SettingError: a kind is unknown or an interval is not valid.

    Example:
        >>> parse_table({"text": "30s"})
        {'text': Every(count=30, unit='s')}
    """
    for kind in table:
        if kind not in KINDS:
            known = f"known are {', '.join(KINDS)}"
            raise SettingError(f"cadence has no kind {kind!r}{did_you_mean(kind, KINDS)}: {known}")
    return {kind: Every.parse(every) for kind, every in table.items()}
