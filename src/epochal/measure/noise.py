"""Noise: schedules of a diffusion process, and predicted against true noise."""

from __future__ import annotations

import math
from typing import Any

from epochal.core.deferred import Deferred
from epochal.core.errors import SettingError, did_you_mean
from epochal.core.optional import require
from epochal.measure import tensors
from epochal.measure.precision import wide
from epochal.measure.transfer import to_host

SCHEDULES = ("linear", "scaled_linear", "cosine")


def beta_schedule(
    kind: str = "linear", steps: int = 1000, *, start: float = 1e-4, end: float = 0.02,
    offset: float = 0.008, max_beta: float = 0.999,
) -> Any:  # fmt: skip
    """Return the variances beta of the noise that each step of a diffusion process adds.

    - ``"linear"``: from ``start`` to ``end`` in equal steps (Ho et al. 2020, *Denoising Diffusion
      Probabilistic Models*).
    - ``"scaled_linear"``: the square roots in equal steps (Rombach et al. 2022, *High-Resolution
      Image Synthesis with Latent Diffusion Models*).
    - ``"cosine"``: 1 - f(t + 1) / f(t) with f(t) = cos²((t/T + s) / (1 + s) · π/2), at most
      ``max_beta``; s is ``offset`` (Nichol and Dhariwal 2021, *Improved Denoising Diffusion
      Probabilistic Models*).

    Returns:
        a tensor (steps,) of float64 on the CPU.

    Raises:
        SettingError: the kind is unknown.

    Example:
        >>> betas = beta_schedule("linear", 1000)
        >>> round(float(betas[0]), 6), round(float(betas[-1]), 6)
        (0.0001, 0.02)
    """
    torch = require("torch", extra="torch", why="beta_schedule")
    if kind == "linear":
        return torch.linspace(start, end, steps, dtype=torch.float64)
    if kind == "scaled_linear":
        return torch.linspace(math.sqrt(start), math.sqrt(end), steps, dtype=torch.float64).square()
    if kind == "cosine":
        at = torch.arange(steps + 1, dtype=torch.float64) / steps
        left = torch.cos((at + offset) / (1 + offset) * (math.pi / 2)).square()
        return (1 - left[1:] / left[:-1]).clamp(0, max_beta)
    known = f"known are {', '.join(SCHEDULES)}"
    raise SettingError(f"there is no schedule {kind!r}{did_you_mean(kind, SCHEDULES)}: {known}")


def alphas_bar(betas: Any) -> Any:
    """Return the share of the signal's variance that is left after each step: Π (1 - beta).

    Args:
        betas: (steps,) tensor, array or list.

    Returns:
        a tensor (steps,) of float64 on the CPU.

    Raises:
        SettingError: it has not one axis, or a value is outside 0 to 1.

    Example:
        >>> alphas_bar([0.5, 0.5]).tolist()
        [0.5, 0.25]
    """
    torch = require("torch", extra="torch", why="alphas_bar")
    found = torch.as_tensor(betas).detach().cpu().double()
    if found.dim() != 1 or not len(found) or not bool(((found >= 0) & (found <= 1)).all()):
        raise SettingError(
            f"betas are a list of numbers from 0 to 1, one for each step; these have the shape"
            f" {tuple(found.shape)}"
        )
    return torch.cumprod(1 - found, 0)


def snr(alphas_bar: Any, t: Any) -> Any:
    """Return the signal-to-noise ratio at steps: alpha_bar / (1 - alpha_bar).

    Args:
        alphas_bar: (steps,) tensor, see :func:`alphas_bar`.
        t: indices of steps, a tensor or number; counted from 0.

    Returns:
        a tensor of the shape of ``t``.

    Example:
        >>> import torch
        >>> snr(torch.tensor([0.8, 0.5]), 1).item()
        1.0
    """
    left = alphas_bar[t]
    return left / (1 - left)


def noise_mse(predicted: Any, true: Any) -> Any:
    """Return the mean of (predicted - true)² as a 0-d tensor on their device; nothing waits.

    Raises:
        SettingError: the shapes differ, which would be broadcast, or there are no values.

    Example:
        >>> import torch
        >>> noise_mse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])).item()
        2.0
    """
    moments = Moments(predicted, true)
    return moments.errors.sum() / moments.count


def noise_statistics(predicted: Any, true: Any) -> dict[str, float | Deferred]:
    """Return how predicted and true noise are distributed and how they go together.

    Returns:
        ``noise/predicted_`` and ``noise/true_`` ``mean``, ``std``, ``min``, ``max``;
        ``noise/correlation`` (Pearson's, over all values) and ``noise/cosine`` (of the two as
        vectors); one copy to the host.

    Example:
        >>> import torch
        >>> noise = torch.randn(4, 3)
        >>> round(float(noise_statistics(2 * noise + 1, noise)["noise/correlation"]), 6)
        1.0
    """
    return to_host(STATISTIC_NAMES, statistics_vector(Moments(predicted, true)))


class Moments:
    """Sums over pairs of predicted and true values, from which their statistics follow.

    At most ``tensors.BLOCK`` values are converted at a time.

    Attributes:
        count: values.
        sums: (5,) tensor: sums of p, t, p², t² and p·t.
        low, high: (2,) tensors: the smallest and largest p and t.
        errors: (batch,) sums of (p - t)² of each sample.
    """

    def __init__(self, predicted: Any, true: Any) -> None:
        torch = require("torch", extra="torch", why="noise statistics")
        if predicted.shape != true.shape or not predicted.numel():
            raise SettingError(
                "predicted and true noise have equal shapes and at least one value, not"
                f" {tuple(predicted.shape)} and {tuple(true.shape)}"
            )
        samples = len(predicted) if predicted.dim() else 1
        self.count = predicted.numel()
        width = self.count // samples
        first, second = (each.detach().reshape(samples, width) for each in (predicted, true))
        sums, lows, highs, errors = [], [], [], []
        rows = max(1, tensors.BLOCK // width)
        for p_rows, t_rows in zip(first.split(rows), second.split(rows), strict=True):
            squares = []
            columns = (each.split(tensors.BLOCK, dim=1) for each in (p_rows, t_rows))
            for part in zip(*columns, strict=True):
                p, t = (wide(each) for each in part)
                squares.append((p - t).square().sum(1))
                p, t = p.reshape(-1), t.reshape(-1)
                sums.append(torch.stack([p.sum(), t.sum(), p.dot(p), t.dot(t), p.dot(t)]))
                lows.append(torch.stack([p.amin(), t.amin()]))
                highs.append(torch.stack([p.amax(), t.amax()]))
            errors.append(torch.stack(squares).sum(0))
        self.sums, self.errors = torch.stack(sums).sum(0), torch.cat(errors)
        self.low, self.high = torch.stack(lows).amin(0), torch.stack(highs).amax(0)

    def add(self, other: Moments) -> None:
        """Add those of more values."""
        self.count += other.count
        self.sums = self.sums + other.sums
        self.low = self.low.minimum(other.low)
        self.high = self.high.maximum(other.high)


STATISTIC_NAMES = [
    *(
        f"noise/{which}_{name}"
        for name in ("mean", "std", "min", "max")
        for which in ("predicted", "true")
    ),
    "noise/correlation",
    "noise/cosine",
]
"""Names of the numbers of :func:`statistics_vector`, in their order."""


def statistics_vector(moments: Moments) -> Any:
    """Return the statistics as a tensor on the device, in the order of ``STATISTIC_NAMES``."""
    import torch

    means = moments.sums[:2] / moments.count
    squares = moments.sums[2:4] / moments.count
    product = moments.sums[4] / moments.count
    stds = (squares - means.square()).clamp(min=0).sqrt()
    correlation = (product - means.prod()) / stds.prod()
    cosine = product / squares.prod().sqrt()
    return torch.cat([means, stds, moments.low, moments.high, torch.stack([correlation, cosine])])
