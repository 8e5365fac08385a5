"""Histograms of gradients and parameters, counted on the device that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.core.deferred import Transfer
from epochal.core.errors import SettingError
from epochal.core.media import Encoded, Frozen
from epochal.measure import tensors
from epochal.measure.tensors import Values
from epochal.measure.transfer import constant, start
from epochal.media.histogram import BINS, MAX_BINS, Histogram

FACTS = ("count", "nan", "inf", "min", "max", "mean", "std")


class Histograms:
    """How gradients and parameters of a model are distributed, each on its own.

    What comes to the host is the counts: some 1 KiB for each parameter, whatever its size.

    Args:
        model: any module; wrapped in DistributedDataParallel or compiled too.
        gradients: of the gradients.
        parameters: of the parameters that need a gradient.
        bins: how many, equally wide from the smallest to the largest value.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(4, 4)
        >>> sorted(Histograms(model).measure())
        ['parameters/histograms/bias', 'parameters/histograms/weight']
    """

    def __init__(
        self, model: Any, *, gradients: bool = True, parameters: bool = True, bins: int = BINS
    ) -> None:
        if not 0 < bins <= MAX_BINS:
            raise SettingError(f"bins={bins!r} is not between 1 and {MAX_BINS}")
        self.model, self.bins = model, bins
        self.gradients, self.parameters = gradients, parameters

    def measure(self, scale: Any = None) -> dict[str, Histogram]:
        """Return the histograms by name, for ``run.log``; one copy to the host for all of them.

        NaN and infinities are counted apart.  Of a sparse gradient it is the rows that it has.

        Args:
            scale: what the gradients are still multiplied with: a tensor with one element.

        Returns:
            ``gradients/histograms/<parameter>`` and ``parameters/histograms/<parameter>``.
        """
        torch = tensors.torch_module()
        with torch.no_grad():
            found = self._found()
            rows = []
            for name, values in found:
                row = _binned(values.tensor, self.bins)
                if scale is not None and name.startswith("gradients/"):
                    row = _unscaled(row, scale, self.bins)
                rows.append(row)
            if not rows:
                return {}
            target = next((row.device for row in rows if row.device.type != "cpu"), rows[0].device)
            transfer = start(torch.cat([row.to(target, non_blocking=True) for row in rows]))
        width = rows[0].numel()
        return {
            name: CountedHistogram(transfer, place * width, self.bins)
            for place, (name, _) in enumerate(found)
        }

    def _found(self) -> list[tuple[str, Values]]:
        found = []
        if self.gradients:
            given = tensors.gradients_of(tensors.parameters_of(self.model, frozen=True))
            found += [(f"gradients/histograms/{values.name}", values) for values in given]
        if self.parameters:
            given = tensors.weights_of(tensors.parameters_of(self.model))
            found += [(f"parameters/histograms/{values.name}", values) for values in given]
        return [(name, values) for name, values in found if values.tensor.numel()]


class CountedHistogram(Histogram):
    """A histogram whose counts are on their way from a device.

    Args:
        transfer: brings facts, edges and counts.
        place: index of its first number.
        bins: how many counts there are.
        caption: shown with it.
    """

    def __init__(self, transfer: Transfer, place: int, bins: int, caption: str = "") -> None:
        super().__init__(bins=bins, caption=caption)
        self._transfer, self._place, self._bins = transfer, place, bins

    def freeze(self) -> Frozen:
        """Return it as it is: nothing of it can be changed."""
        nbytes = 8 * (2 * self._bins + 1 + len(FACTS))
        return Frozen(nbytes, self._transfer.ready, self.encoded)

    def encoded(self) -> Encoded:
        """Return counts, edges and facts; waits for the device if need be."""
        numbers = self._transfer.numbers()[self._place :]
        about: dict[str, Any] = dict(zip(FACTS, numbers, strict=False))
        about |= {name: int(about[name]) for name in ("count", "nan", "inf")}
        rest = numbers[len(FACTS) :]
        edges, counts = rest[: self._bins + 1], rest[self._bins + 1 : 2 * self._bins + 1]
        if not about["count"]:
            for name in ("min", "max", "mean", "std"):
                del about[name]
            edges = [edge / self._bins for edge in range(self._bins + 1)]
        inline = {"counts": [int(count) for count in counts], "edges": list(edges)}
        return Encoded("json", b"", about, inline)


def _binned(tensor: Any, bins: int) -> Any:
    """Return facts, edges and counts of a tensor's finite values as one vector.

    A value on an edge belongs to the bin above it, the largest value to the last bin.
    """
    torch = tensors.torch_module()
    wide, device = tensors.wide_type(tensor), tensor.device
    count, nan, inf, sums, low, high = _first_pass(tensor)
    mean = sums / count
    # All values are the same: bins around them, wide enough to be told apart.
    half = 0.5 * (low == high).to(wide) * (low.abs() * 2**-20).clamp(min=1.0)
    fraction = torch.arange(bins + 1, dtype=wide, device=device) / bins
    edges = (low - half) * (1 - fraction) + (high + half) * fraction
    counts = torch.zeros(bins, dtype=torch.int64, device=device)
    squares = torch.zeros((), dtype=wide, device=device)
    inner = edges[1:-1].contiguous()
    for block in tensors.blocks(tensor):
        finite = block.isfinite()
        places = torch.bucketize(block, inner, right=True)
        counts.scatter_add_(0, places, finite.to(torch.int64))
        squares += ((block - mean) ** 2).masked_fill(~finite, 0.0).sum()
    facts = torch.stack([count, nan, inf, low, high, mean, (squares / count).sqrt()])
    return torch.cat([facts, edges, counts.to(wide)])


def _first_pass(tensor: Any) -> Sequence[Any]:
    """Return count, NaN, infinities, sum, smallest and largest of the finite values."""
    torch = tensors.torch_module()
    found = []
    for block in tensors.blocks(tensor):
        finite, wide = block.isfinite(), block.dtype
        found.append((
            finite.sum().to(wide),
            block.isnan().sum().to(wide),
            block.isinf().sum().to(wide),
            block.masked_fill(~finite, 0.0).sum(),
            block.masked_fill(~finite, torch.inf).min(),
            block.masked_fill(~finite, -torch.inf).max(),
        ))  # fmt: skip
    if len(found) == 1:
        return found[0]
    *sums, lows, highs = zip(*found, strict=True)
    added = [torch.stack(parts).sum() for parts in sums]
    return [*added, torch.stack(lows).min(), torch.stack(highs).max()]


def _unscaled(row: Any, scale: Any, bins: int) -> Any:
    """Divide all but counts by the scale of a loss."""
    torch = tensors.torch_module()
    linear = [False] * 3 + [True] * (len(FACTS) - 3 + bins + 1) + [False] * bins
    mask = constant([float(flag) for flag in linear], like=row).bool()
    return torch.where(mask, row / scale.to(row), row)
