"""Pictures of a training: generated samples as a grid, predicted beside true noise."""

from __future__ import annotations

from typing import Any

from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.media.image import Image


def sample_grid(
    samples: Any, count: int = 16, *, frames: int = 8, columns: int | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0), caption: str = "",
) -> Image:  # fmt: skip
    """Return samples as one picture: a grid of pictures, or a row of frames for each video.

    Args:
        samples: tensor or array (batch, channels, height, width) or (batch, channels, frames,
            height, width).
        count: samples to show, the first ones of the batch.
        frames: frames to show of each video, spread evenly from the first to the last.
        columns: pictures in a row; default: about square.  A video always has a row of its own.
        value_range: what is drawn as black and as white.
        caption: shown with it.

    Raises:
        SettingError: it has another number of axes.

    Example:
        >>> import torch
        >>> image = sample_grid(torch.zeros(4, 3, 6, 32, 32), frames=3)
        >>> tuple(image.value.shape), image.columns
        ((12, 3, 32, 32), 3)
    """
    shown, in_a_row = _frames(samples, count, frames)
    if len(samples.shape) == 5:
        columns = in_a_row
    return Image(
        shown.flatten(0, 1), caption, value_range=value_range, layout="NCHW", columns=columns
    )


def noise_comparison(
    predicted: Any, true: Any, count: int = 4, *, frames: int = 3,
    value_range: tuple[float, float] = (-3.0, 3.0),
    caption: str = "predicted | true | predicted - true",
) -> Image:  # fmt: skip
    """Return predicted noise, true noise and their difference side by side, a row for each.

    Args:
        predicted: tensor or array (batch, channels, height, width) or (batch, channels, frames,
            height, width).
        true: of the same shape.
        count: samples to show, the first ones of the batch.
        frames: frames to show of each video, each in a row of its own.
        value_range: what is drawn as black and as white, in all three; zero is gray.
        caption: shown with it.

    Raises:
        SettingError: the shapes differ, or they have another number of axes.

    Example:
        >>> import torch
        >>> noise = torch.randn(2, 1, 8, 8)
        >>> image = noise_comparison(noise, noise)
        >>> tuple(image.value.shape), image.columns
        ((6, 1, 8, 8), 3)
    """
    torch = require("torch", extra="torch", why="noise_comparison")
    if predicted.shape != true.shape:
        shapes = f"{tuple(predicted.shape)} and {tuple(true.shape)}"
        raise SettingError(f"predicted and true noise have equal shapes, not {shapes}")
    left = _frames(predicted, count, frames)[0].flatten(0, 1).float()
    right = _frames(true, count, frames)[0].flatten(0, 1).float()
    rows = torch.stack([left, right, left - right], dim=1)
    return Image(rows.flatten(0, 1), caption, value_range=value_range, layout="NCHW", columns=3)


def _frames(batch: Any, count: int, frames: int) -> tuple[Any, int]:
    """Return (samples, frames, channels, height, width) of some samples, and how many frames.

    Of two channels the first is taken and of more than three the first three: latents have as many
    as they like, and a fourth would be drawn as transparency.
    """
    torch = require("torch", extra="torch", why="pictures of samples")
    batch = torch.as_tensor(batch)
    if batch.dim() not in (4, 5) or not batch.numel() or count < 1 or frames < 1:
        raise SettingError(
            "pictures are made of (batch, channels, height, width) or (batch, channels, frames,"
            f" height, width) with at least one of each, not of a tensor {tuple(batch.shape)} with"
            f" count={count} and frames={frames}"
        )
    shown = batch.detach()[:count, : 1 if batch.shape[1] < 3 else 3]
    if shown.dim() == 4:
        return shown.unsqueeze(1), 1
    length = shown.shape[2]
    chosen = torch.linspace(0, length - 1, min(frames, length)).round().long().tolist()
    return shown[:, :, chosen].transpose(1, 2), len(chosen)
