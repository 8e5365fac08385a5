"""Numbers that a device is still computing, brought to the host in one copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Transfer:
    """A vector on its way to the host.

    Args:
        ready: says whether it has arrived; never waits.
        read: returns its numbers; waits for them if need be.
    """

    def __init__(self, ready: Callable[[], bool], read: Callable[[], Sequence[float]]) -> None:
        self.ready, self._read = ready, read
        self._numbers: Sequence[float] | None = None

    def numbers(self) -> Sequence[float]:
        """Return the numbers; waits for the device the first time."""
        if self._numbers is None:
            self._numbers = self._read()
        return self._numbers

    def split(self, names: Sequence[str]) -> dict[str, Deferred]:
        """Return one number for each name."""
        return {name: Deferred(self, index) for index, name in enumerate(names)}


class Deferred:
    """One number of a :class:`Transfer`: ``run.log`` takes it without waiting, ``float`` waits.

    Example:
        >>> transfer = Transfer(lambda: True, lambda: [0.5, 2.0])
        >>> values = transfer.split(["norm", "max"])
        >>> float(values["max"])
        2.0
    """

    __slots__ = ("_index", "_transfer")

    def __init__(self, transfer: Transfer, index: int) -> None:
        self._transfer, self._index = transfer, index

    def ready(self) -> bool:
        """Say whether the number has arrived; never waits."""
        return self._transfer.ready()

    def __float__(self) -> float:
        """Return the number; waits for the device if need be."""
        return float(self._transfer.numbers()[self._index])

    def __repr__(self) -> str:
        """Return the number if it has arrived."""
        return repr(float(self)) if self.ready() else "<on a device>"
