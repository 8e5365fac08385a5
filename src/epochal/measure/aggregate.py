"""Aggregation: what many batches had in common, over an interval or an epoch."""

from __future__ import annotations

import math
import sys
from array import array
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from epochal.core.deferred import Deferred, Transfer
from epochal.core.errors import SettingError
from epochal.measure.statistics import Statistics, statistics_of
from epochal.measure.transfer import to_host

PENDING = 1024
"""Scalars that stay on a device one by one before they are brought away together."""


class Aggregate:
    """Collects one number from each batch.

    Values from the host and from devices may be mixed.  A value on a device is copied there, and
    read together with the others when the result is asked for; ``add`` never waits.  Values are
    kept, at 16 bytes each, until ``reset``.  One thread at a time may use it.

    Example:
        >>> loss = Aggregate()
        >>> for value, batch_size in [(0.5, 64), (0.25, 64), (1.0, 32)]:
        ...     loss.add(value, weight=batch_size)
        >>> result = loss.result()
        >>> result.mean, result.min, result.max, result.median, result.weight
        (0.5, 0.25, 1.0, 0.5, 160.0)
    """

    def __init__(self) -> None:
        self._values, self._weights = _Column(), _Column()

    def add(self, value: Any, weight: Any = 1.0) -> None:
        """Add the value of one batch.

        Args:
            value: a number: Python, NumPy, PyTorch or JAX, with one element.
            weight: what the value is the mean of: samples or tokens of the batch; not negative.

        Raises:
            SettingError: it is no number, or the weight is negative or not finite.
        """
        if type(weight) in (int, float) and not 0 <= weight < math.inf:
            raise SettingError(f"weight={weight!r} is no finite number of at least 0")
        self._values.append(value)
        try:
            self._weights.append(weight)
        except SettingError:
            self._values.drop_last()
            raise

    def __len__(self) -> int:
        """Return how many values were added."""
        return len(self._values)

    def result(self) -> Statistics:
        """Return the statistics of what was added since the last ``reset``; waits for devices.

        The sums are rounded once (``math.fsum``), whatever the order and number of the values.
        """
        self.fetch()
        return statistics_of(self._values.read(), self._weights.read())

    def reset(self) -> None:
        """Forget all values."""
        self._values, self._weights = _Column(), _Column()

    def fetch(self) -> None:
        """Begin to bring what is on devices to the host; never waits."""
        self._values.fetch()
        self._weights.fetch()

    def ready(self) -> bool:
        """Say whether all that was fetched has arrived; never waits."""
        return self._values.ready() and self._weights.ready()


class Aggregates:
    """Collects several metrics from each batch, by name.

    Example:
        >>> interval = Aggregates()
        >>> interval.add({"loss": 0.5, "accuracy": 0.5}, weight=64)
        >>> interval.add({"loss": 0.25}, weight=64)
        >>> interval.means("train/")["train/loss_max"], len(interval)
        (0.5, 0)
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Aggregate] = {}

    def add(self, values: Mapping[str, Any], weight: Any = 1.0) -> None:
        """Add the metrics of one batch; ``None`` is skipped.

        Raises:
            SettingError: as for :meth:`Aggregate.add`.
        """
        for name, value in values.items():
            if value is not None:
                self[name].add(value, weight)

    def __getitem__(self, name: str) -> Aggregate:
        """Return the aggregate of a metric; an empty one if it was never added."""
        if name not in self._by_name:
            self._by_name[name] = Aggregate()
        return self._by_name[name]

    def __len__(self) -> int:
        """Return how many metrics have values."""
        return sum(bool(len(aggregate)) for aggregate in self._by_name.values())

    def means(self, prefix: str = "") -> dict[str, float | Deferred]:
        """Return mean, minimum and maximum of each metric since the last call, and begin anew.

        Never waits: while values are on a device the numbers are on their way, and ``run.log``
        takes them so.

        Returns:
            ``loss``, ``loss_min`` and ``loss_max`` for a metric ``loss``, behind the prefix.
        """
        taken = {name: each for name, each in self._by_name.items() if len(each)}
        self._by_name = {}
        names = [prefix + name + end for name in taken for end in ("", "_min", "_max")]
        for aggregate in taken.values():
            aggregate.fetch()

        def ready() -> bool:
            return all(aggregate.ready() for aggregate in taken.values())

        def numbers() -> list[float]:
            results = [aggregate.result() for aggregate in taken.values()]
            return [number for each in results for number in (each.mean, each.min, each.max)]

        if ready():
            return dict(zip(names, numbers(), strict=True))
        return dict(Transfer(ready, numbers).split(names))

    def results(self) -> dict[str, Statistics]:
        """Return the statistics of each metric since the last reset; waits for devices."""
        return {name: each.result() for name, each in self._by_name.items() if len(each)}

    def reset(self) -> None:
        """Forget all values."""
        self._by_name = {}


class _Column:
    """Numbers in order; some of them still on a device.

    Each number on a device has NaN in its place: in ``_pending`` are those that stay there, in
    ``_coming`` those that are on their way.
    """

    def __init__(self) -> None:
        self._numbers = array("d")
        self._pending: list[tuple[int, Any]] = []
        self._coming: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def append(self, value: Any) -> None:
        if type(value) is not float:
            value = self._placed(value)
        self._numbers.append(value)
        if len(self._pending) >= PENDING:
            self.fetch()

    def drop_last(self) -> None:
        self._numbers.pop()
        self._pending = [item for item in self._pending if item[0] < len(self)]
        self._coming.pop(len(self), None)

    def _placed(self, value: Any) -> float:
        """Return a number of the host, or NaN for one that is still elsewhere."""
        shape = getattr(value, "shape", ())
        if math.prod(shape) != 1 or isinstance(value, str) or not hasattr(value, "__float__"):
            what = f"of shape {tuple(shape)}" if shape else repr(value)[:80]
            raise SettingError(f"a {type(value).__name__} {what} is no number: give its mean")
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            if value.device.type == "cpu":
                return float(value.detach().item())
            # A copy: the caller may go on adding to the same tensor.
            self._pending.append((len(self), value.detach().reshape(()).clone()))
        elif isinstance(value, Deferred) or hasattr(value, "is_ready"):  # JAX: never changes
            self._coming[len(self)] = value
        else:
            return float(value.item() if shape else value)
        return math.nan

    def fetch(self) -> None:
        """Begin to copy what is on devices to the host, in one piece for each."""
        if not self._pending:
            return
        torch = sys.modules["torch"]
        by_device = defaultdict(list)
        for place, tensor in self._pending:
            by_device[tensor.device].append((place, tensor))
        for items in by_device.values():
            places = [str(place) for place, _ in items]
            found = to_host(places, torch.stack([tensor for _, tensor in items]))
            self._coming.update({int(place): number for place, number in found.items()})
        self._pending = []

    def ready(self) -> bool:
        return all(_arrived(number) for number in self._coming.values())

    def read(self) -> array[float]:
        """Return all numbers; waits for those that are on their way."""
        for place, number in self._coming.items():
            self._numbers[place] = float(number)
        self._coming = {}
        return self._numbers


def _arrived(number: Any) -> bool:
    asked = getattr(number, "ready", None) or getattr(number, "is_ready", None)
    return True if asked is None else bool(asked())
