"""Quality of pictures and videos by simple formulas, for data and for samples alike."""

from __future__ import annotations

from typing import Any

from epochal.core.deferred import Deferred
from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.measure.precision import wide
from epochal.measure.transfer import to_host


def measure_quality(
    batch: Any, prefix: str = "samples", *, value_range: tuple[float, float] = (-1.0, 1.0),
    data: Any = None,
) -> dict[str, float | Deferred]:  # fmt: skip
    """Return simple measures of a batch of pictures or videos; one copy to the host.

    The formulas are in the guide on diffusion.  None of them is a measure of realism: they show
    samples that are flat, noisy, saturated or all the same, and how far they are from the data.

    Args:
        batch: (batch, channels, height, width) or (batch, channels, frames, height, width).
        prefix: "samples", "data", or your own.
        value_range: the ends of the values; those at or beyond them are counted as saturated.
        data: real ones of the same shape, but for the batch, to measure the distance from.

    Returns:
        ``mean``, ``std``, ``min``, ``max``, ``saturation``, ``contrast``, ``total_variation``,
        ``sharpness`` (from 3 by 3 pixels on), ``diversity`` (from two samples on),
        ``frame_difference`` (of videos of two frames on), ``pixel_frechet`` (with ``data``), each
        behind the prefix and ``/``.

    Raises:
        SettingError: it has another number of axes, or ``data`` has other shapes.

    Example:
        >>> import torch
        >>> flat = measure_quality(torch.zeros(2, 1, 8, 8))
        >>> flat["samples/contrast"], flat["samples/diversity"]
        (0.0, 0.0)
    """
    torch = require("torch", extra="torch", why="measure_quality")
    if batch.dim() not in (4, 5) or not batch.numel():
        raise SettingError(
            "quality is that of (batch, channels, height, width) or (batch, channels, frames,"
            f" height, width) with values, not of a tensor {tuple(batch.shape)}"
        )
    values = wide(batch)
    videos = values if values.dim() == 5 else values.unsqueeze(2)
    gray = videos.mean(1)  # (batch, frames, height, width)
    low, high = value_range
    found = {
        "mean": values.mean(),
        "std": values.std(correction=0),
        "min": values.amin(),
        "max": values.amax(),
        "saturation": ((values <= low) | (values >= high)).to(values).mean(),
        "contrast": gray.flatten(2).std(-1, correction=0).mean(),
        "total_variation": _mean_step(values, -2) + _mean_step(values, -1),
    }
    if min(gray.shape[-2:]) >= 3:
        found["sharpness"] = _laplacian(gray).flatten(2).var(-1, correction=0).mean()
    if len(values) > 1:
        found["diversity"] = _diversity(torch, values.flatten(1))
    if videos.shape[2] > 1:
        found["frame_difference"] = _mean_step(videos, 2)
    if data is not None:
        found["pixel_frechet"] = pixel_frechet(values, data)
    names = [f"{prefix}/{name}" for name in found]
    return to_host(names, torch.stack(list(found.values())))


def pixel_frechet(samples: Any, data: Any) -> Any:
    """Return the mean over pixels of (mean difference)² + (std difference)², a 0-d tensor.

    It is the squared Fréchet distance between two normal distributions whose pixels are
    independent, divided by the number of pixels.  It is not FID: no network is asked.

    Args:
        samples: (batch, …).
        data: (another batch, …), the other axes equal.

    Raises:
        SettingError: the other axes differ.

    Example:
        >>> import torch
        >>> pixel_frechet(torch.ones(4, 1, 2, 2), torch.zeros(3, 1, 2, 2)).item()
        1.0
    """
    if samples.shape[1:] != data.shape[1:]:
        shapes = f"{tuple(samples.shape)} and {tuple(data.shape)}"
        raise SettingError(f"samples and data have equal shapes but for the batch, not {shapes}")
    first, second = wide(samples), wide(data).to(samples.device)
    means = first.mean(0) - second.mean(0)
    stds = first.std(0, correction=0) - second.std(0, correction=0)
    return (means.square() + stds.square()).mean()


def _mean_step(values: Any, axis: int) -> Any:
    """Return the mean absolute difference between neighbors; 0 where there are none."""
    steps = values.diff(dim=axis).abs()
    return steps.mean() if steps.numel() else values.new_zeros(())


def _laplacian(gray: Any) -> Any:
    """Return the sum of the four neighbors minus four times the pixel, inside the border."""
    center = gray[..., 1:-1, 1:-1]
    across = gray[..., 1:-1, :-2] + gray[..., 1:-1, 2:]
    down = gray[..., :-2, 1:-1] + gray[..., 2:, 1:-1]
    return across + down - 4 * center


def _diversity(torch: Any, flat: Any) -> Any:
    """Return the mean over pairs of samples of their root mean square difference."""
    count, size = flat.shape
    # The exact form: matrix products would lose small distances between large vectors.
    between = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    return between.sum() / (count * (count - 1)) / size**0.5
