"""Histograms: binned once, with exact counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.core.media import Encoded, Frozen, Media
from epochal.media import arrays
from epochal.media.arrays import Array

BINS = 64
MAX_BINS = 1024


class Histogram(Media):
    """How values are distributed.

    They are copied when they are logged, and binned once in another thread: equal bins from the
    smallest to the largest value, the counts exact; NaN and infinities are counted apart.

    Args:
        values: array or tensor of any shape, on any device.
        bins: how many bins, or their edges.
        counts: instead of values: what was binned already.
        edges: of these counts; one more than there are counts.
        caption: shown with it.

    Example:
        >>> import epochal, numpy as np, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     weights = np.random.default_rng(0).normal(size=10_000)
        ...     run.log({"weights": epochal.Histogram(weights)}, step=1)
    """

    type = "histogram"

    def __init__(
        self, values: Any = None, bins: int | Sequence[float] = BINS, caption: str = "", *,
        counts: Sequence[float] | None = None, edges: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        self.values, self.bins, self.caption = values, bins, caption
        self.counts, self.edges = counts, edges

    def freeze(self) -> Frozen:
        """Copy the values."""
        if self.values is None:
            return self._binned()
        if self.counts is not None or self.edges is not None:
            raise ValueError("a histogram takes values, or counts and edges")
        bins = self.bins if isinstance(self.bins, int) else [float(edge) for edge in self.bins]
        if not 0 < (bins if isinstance(bins, int) else len(bins) - 1) <= MAX_BINS:
            raise ValueError(f"a histogram has 1 to {MAX_BINS} bins, not bins={self.bins!r}")
        held = arrays.copy(self.values)
        return Frozen(held.nbytes, held.ready, lambda: binned(held.read(), bins))

    def _binned(self) -> Frozen:
        if self.counts is None or self.edges is None:
            raise ValueError("a histogram takes values, or counts and edges")
        counts, edges = [float(c) for c in self.counts], [float(e) for e in self.edges]
        if len(edges) != len(counts) + 1 or edges != sorted(edges) or len(counts) > MAX_BINS:
            raise ValueError(
                f"{len(counts)} counts need {len(counts) + 1} growing edges, and at most"
                f" {MAX_BINS} bins; got {len(edges)} edges"
            )
        whole = [int(c) if c.is_integer() else c for c in counts]
        about = {"count": sum(whole), "min": edges[0], "max": edges[-1]}
        inline = {"counts": whole, "edges": edges}
        return Frozen(0, lambda: True, lambda: Encoded("json", b"", about, inline))


def binned(array: Array, bins: int | list[float]) -> Encoded:
    """Return the histogram of an array's finite values, in float64."""
    import numpy as np

    flat = array.reshape(-1)
    if flat.dtype.kind != "f" or flat.dtype.itemsize < 4:
        flat = flat.astype(np.float64)
    finite = flat[np.isfinite(flat)]
    about: dict[str, Any] = {
        "count": int(finite.size),
        "nan": int(np.count_nonzero(np.isnan(flat))),
        "inf": int(np.count_nonzero(np.isinf(flat))),
    }
    if finite.size:
        about |= {"min": float(finite.min()), "max": float(finite.max())}
        wide = finite.astype(np.float64, copy=False)
        with np.errstate(over="ignore"):  # a spread beyond all floats is infinite
            about |= {"mean": float(wide.mean()), "std": float(wide.std())}
    counts, edges = _counted(finite, bins)
    if not isinstance(bins, int) and (outside := about["count"] - int(counts.sum())):
        about["outside"] = outside
    inline = {"counts": counts.tolist(), "edges": edges.tolist()}
    return Encoded("json", b"", about, inline)


def _counted(finite: Array, bins: int | list[float]) -> tuple[Array, Array]:
    import numpy as np

    if not finite.size and isinstance(bins, int):
        return np.zeros(bins, np.int64), np.linspace(0.0, 1.0, bins + 1)
    try:
        return np.histogram(finite, bins)
    except ValueError:
        # The values lie closer together than so many edges can be told apart.
        low, high = float(finite.min()), float(finite.max())
        return np.array([finite.size]), np.array([low, np.nextafter(high, np.inf)])
