"""Diffusion: the error of noise prediction, where on the schedule it is made, and the schedule."""

from __future__ import annotations

from typing import Any

from epochal.core.deferred import Deferred
from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.measure.histograms import CountedHistogram
from epochal.measure.noise import STATISTIC_NAMES, Moments, alphas_bar, statistics_vector
from epochal.measure.precision import wide
from epochal.measure.transfer import constant, start
from epochal.media.histogram import Histogram

SCHEDULE_NAMES = ("beta", "alpha_bar", "snr", "snr_db")
MAX_BINS = 100


class Diffusion:
    """Accumulates, on the device, what the training of a diffusion model is judged by.

    ``add`` never waits for the device; ``measure`` brings everything away in one copy and begins
    anew.  The formulas are in the guide.

    Args:
        betas: (steps,) variances of the noise of each step, see :func:`beta_schedule`.
        buckets: parts of equal length of the schedule, each with a loss of its own.

    Raises:
        SettingError: betas are none, or there are not 1 to ``len(betas)`` buckets.

    Example:
        >>> import torch
        >>> from epochal.measure import Diffusion, beta_schedule
        >>> diffusion = Diffusion(beta_schedule("linear", 100), buckets=2)
        >>> noise, t = torch.ones(8, 1, 4, 4), torch.arange(8) * 10
        >>> diffusion.add(noise * 0.5, noise, t)
        >>> measured = diffusion.measure()
        >>> measured["diffusion/noise_mse"], measured["diffusion/loss/t50-99"]
        (0.25, 0.25)
    """

    def __init__(self, betas: Any, buckets: int = 10) -> None:
        torch = require("torch", extra="torch", why="Diffusion")
        left = alphas_bar(betas)
        self.steps = len(left)
        if not 1 <= buckets <= self.steps:
            raise SettingError(f"buckets={buckets!r} is not from 1 to {self.steps}, the steps")
        ratio = left / (1 - left)
        beta = torch.as_tensor(betas).detach().cpu().double()
        self._schedule = torch.stack([beta, left, ratio, 10 * ratio.log10()])
        self._buckets = buckets
        # bucket b has the steps t with t * buckets // steps == b
        self.edges = [-(-bucket * self.steps // buckets) for bucket in range(buckets + 1)]
        self._moments: Moments | None = None
        self._visits: Any = None  # how often each step was drawn
        self._losses: Any = None  # sum of losses in each bucket, and their
        self._counts: Any = None  # number
        self._errors: Any = None  # sum of squared errors
        self._outside: Any = None  # samples whose step the schedule does not have

    def add(self, predicted: Any, true: Any, t: Any, loss: Any = None) -> None:
        """Add the batch of a training step.

        Args:
            predicted: (batch, …) what the model says the noise is.
            true: (batch, …) the noise that was added.
            t: (batch,) integers: the step of each sample, counted from 0.  A step that the
                schedule does not have makes the means over the schedule NaN.
            loss: (batch,) the loss of each sample; default: its mean squared error.

        Raises:
            SettingError: the shapes do not belong together, or ``t`` are no integers.
        """
        import torch

        batch = predicted.shape[:1]
        if t.shape != batch or t.is_floating_point():
            raise SettingError(f"t has one integer for each sample, not {t.dtype} {tuple(t.shape)}")
        if loss is not None and loss.shape != batch:
            shape = tuple(loss.shape)
            raise SettingError(f"loss has one value for each of {batch[0]} samples, not {shape}")
        moments = Moments(predicted, true)
        width = moments.count // batch[0]
        losses = moments.errors / width if loss is None else wide(loss).to(moments.errors)
        if self._moments is None:
            self._begin(moments.sums)
            self._moments = moments
        else:
            self._moments.add(moments)
        self._errors += moments.errors.sum()
        t = t.detach().to(losses.device, torch.int64)
        inside = (t >= 0) & (t < self.steps)
        self._outside += (~inside).sum()
        at = t.clamp(0, self.steps - 1)  # an index outside would end the CUDA context
        self._visits.index_add_(0, at, inside.to(losses))
        bucket = at * self._buckets // self.steps
        self._counts.index_add_(0, bucket, inside.to(losses))
        self._losses.index_add_(0, bucket, losses.masked_fill(~inside, 0.0))

    def measure(self) -> dict[str, float | Deferred]:
        """Return what came together since the last call; nothing if no batch did.

        Returns:
            ``diffusion/noise_mse``; the means over the samples' steps ``diffusion/beta``,
            ``alpha_bar``, ``snr``, ``snr_db``, ``timestep_mean``, ``timestep_std``;
            ``diffusion/loss/t<first>-<last>`` for each bucket that a sample was in; and the names
            of :func:`noise_statistics`.
        """
        import torch

        if self._moments is None:
            return {}
        # 0 · inf is NaN: an infinite ratio counts only where a sample was.
        schedule = self._schedule.masked_fill(self._visits == 0, 0.0)
        means = schedule @ (self._visits / self._visits.sum())
        # A step that the schedule does not have is not passed over.
        lacking = self._outside.masked_fill(self._outside > 0, torch.nan)
        vector = torch.cat([
            (self._errors / self._moments.count).reshape(1),
            torch.cat([means, torch.stack(self._mean_and_std())]) + lacking,
            self._losses / self._counts,
            statistics_vector(self._moments),
            self._counts,  # last: of how many each loss is the mean
        ])  # fmt: skip
        self._moments = None
        transfer, names = start(vector), self._names()
        found = transfer.split(names)
        buckets = [name for name in names if name.startswith("diffusion/loss/")]
        for count, name in enumerate(buckets, start=len(names)):
            found[name] = Deferred(transfer, names.index(name), count)
        if vector.device.type != "cpu":
            return dict(found)
        numbers = {name: number.read() for name, number in found.items()}
        return {name: number for name, number in numbers.items() if number is not None}

    def timesteps(self) -> Histogram:
        """Return how often each step of the schedule was drawn since the last ``measure``.

        Up to 100 bins of equal length, exact counts; does not wait for the device.
        """
        import torch

        if self._moments is None:
            return Histogram(counts=[0.0], edges=[0, self.steps])
        visits = self._visits
        bins = min(self.steps, MAX_BINS)
        at = torch.arange(self.steps, device=visits.device)
        counts = visits.new_zeros(bins).index_add_(0, at * bins // self.steps, visits)
        edges = -(-torch.arange(bins + 1, device=visits.device) * self.steps // bins)
        none = visits.new_zeros(())
        first = at.masked_fill(visits == 0, self.steps).amin()
        last = at.masked_fill(visits == 0, -1).amax()
        facts = torch.stack([visits.sum(), none, none, first, last, *self._mean_and_std()])
        return CountedHistogram(start(torch.cat([facts, edges.to(facts), counts])), 0, bins)

    def _begin(self, like: Any) -> None:
        """Put zeros on the device of the first batch."""
        if self._schedule.device != like.device:
            rows = self._schedule.shape
            self._schedule = constant(self._schedule.flatten().tolist(), like).view(rows)
        self._visits = like.new_zeros(self.steps)
        self._losses, self._counts = like.new_zeros(self._buckets), like.new_zeros(self._buckets)
        self._errors, self._outside = like.new_zeros(()), like.new_zeros(())

    def _mean_and_std(self) -> tuple[Any, Any]:
        """Return those of the steps that were drawn."""
        import torch

        share = self._visits / self._visits.sum()
        at = torch.arange(self.steps, dtype=share.dtype, device=share.device)
        mean = share @ at
        return mean, (share @ (at - mean).square()).sqrt()

    def _names(self) -> list[str]:
        parts = zip(self.edges, self.edges[1:], strict=False)
        return [
            "diffusion/noise_mse",
            *(f"diffusion/{name}" for name in SCHEDULE_NAMES),
            "diffusion/timestep_mean",
            "diffusion/timestep_std",
            *(f"diffusion/loss/t{low}-{high - 1}" for low, high in parts),
            *STATISTIC_NAMES,
        ]
