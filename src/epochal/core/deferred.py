"""Numbers that a device is still computing, brought to the host in one copy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


class Transfer:
    """A vector on its way to the host.

    Args:
        ready: says whether it has arrived; never waits.
        read: returns its numbers; waits for them if need be, and raises if the device failed.
    """

    def __init__(self, ready: Callable[[], bool], read: Callable[[], Sequence[float]]) -> None:
        self._ready, self._read = ready, read
        self._numbers: Sequence[float] | None = None

    def ready(self) -> bool:
        """Say whether it has arrived, or never will; neither waits nor raises."""
        if self._numbers is not None:
            return True
        try:
            return self._ready()
        except Exception:  # noqa: BLE001 - the device failed: whoever reads the numbers is told why
            return True

    def numbers(self) -> Sequence[float]:
        """Return the numbers; waits for the device the first time.

        Raises:
            Exception: what the device raised instead of computing them.
        """
        if self._numbers is None:
            self._numbers = self._read()
        return self._numbers

    def split(self, names: Sequence[str]) -> dict[str, Deferred]:
        """Return one number for each name."""
        return {name: Deferred(self, index) for index, name in enumerate(names)}


class Deferred:
    """One number of a :class:`Transfer`: ``run.log`` takes it without waiting, ``float`` waits.

    A mean of nothing is no number: ``run.log`` leaves it out, and ``float`` gives NaN.  One whose
    device failed raises; ``run.log`` counts it in ``run.health().problems`` and tells why.  Neither
    is ever 0.

    Args:
        transfer: brings it.
        index: its place there.
        count: the place of the number that says of how many it is the mean; None: it is a number
            in any case.

    Example:
        >>> transfer = Transfer(lambda: True, lambda: [0.5, 2.0, 0.0])
        >>> float(Deferred(transfer, 0)), Deferred(transfer, 0, count=2).read()
        (0.5, None)
    """

    __slots__ = ("_count", "_index", "_transfer")

    def __init__(self, transfer: Transfer, index: int, count: int | None = None) -> None:
        self._transfer, self._index, self._count = transfer, index, count

    def ready(self) -> bool:
        """Say whether the number has arrived, or never will; neither waits nor raises."""
        return self._transfer.ready()

    def read(self) -> float | None:
        """Return the number, None if there is none; waits for the device if need be.

        Raises:
            Exception: what the device raised instead of computing it.
        """
        numbers = self._transfer.numbers()
        if self._count is not None and not numbers[self._count]:
            return None
        return float(numbers[self._index])

    def __float__(self) -> float:
        """Return the number, NaN if there is none; waits for the device if need be."""
        number = self.read()
        return math.nan if number is None else number

    def __repr__(self) -> str:
        """Return the number if it has arrived; never raises."""
        if not self.ready():
            return "<on a device>"
        try:
            return repr(self.read())
        except Exception as error:  # noqa: BLE001 - a repr is shown while errors are looked at
            return f"<lost on a device: {type(error).__name__}>"
