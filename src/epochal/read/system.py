"""Samples of the machine: metrics like any other, kept apart from what the training logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from epochal.read.series import Series

PREFIX = "system/"
"""With this begin the names of all metrics of the machine."""


class SystemReadings(Mapping[str, Series]):
    """The readings of the machine by name, ``system/`` left out; a series is read when asked for.

    Example:
        >>> import numpy as np
        >>> readings = SystemReadings(
        ...     ["loss", "system/cpu_percent"],
        ...     lambda name: Series(name, *(np.array([1, 2]) for _ in range(4))),
        ... )
        >>> list(readings), readings["cpu_percent"].values.tolist()
        (['cpu_percent'], [1, 2])
    """

    def __init__(self, metrics: Iterable[str], series: Callable[[str], Series]) -> None:
        self._names = [name.removeprefix(PREFIX) for name in metrics if name.startswith(PREFIX)]
        self._series = series

    def __getitem__(self, name: str) -> Series:
        """Return every sample of a reading.

        Raises:
            KeyError: there is no such reading.
            DamageError: a sealed file is damaged.
        """
        if name not in self._names:
            raise KeyError(name)
        return self._series(PREFIX + name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return the number of readings."""
        return len(self._names)

    def __repr__(self) -> str:
        """Return the names."""
        return f"<SystemReadings {', '.join(self._names)}>"
