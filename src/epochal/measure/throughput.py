"""Throughput: how fast a training goes, and how much of the time it waits for data."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class Throughput:
    """Counts steps, samples and tokens against a clock.

    Time is counted from the end of one step to the end of the next: loading the batch, forward,
    backward and optimizer.  What lies in ``paused()`` is not counted.  Work on a GPU goes on after
    ``step()``: rates over many steps are right, the duration of a single one is that of handing
    over its work.

    Args:
        warmup_steps: steps at the beginning that no rate counts (compilation, caches).
        clock: returns seconds; for tests.

    Attributes:
        steps: all steps so far, those of the warm-up included; ``samples`` and ``tokens`` too.

    Example:
        >>> seconds = iter(range(100))
        >>> throughput = Throughput(clock=lambda: next(seconds))
        >>> for _ in range(4):
        ...     throughput.step(samples=64)
        >>> throughput.measure()["performance/samples_per_s"]
        64.0
    """

    def __init__(
        self, warmup_steps: int = 0, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.steps = 0
        self.samples: Any = 0
        self.tokens: Any = 0
        self._warmup_steps, self._clock = warmup_steps, clock
        self._start = self._mark = clock()
        self._waited_s = self._paused_s = self._epoch_s = 0.0
        self._pauses = 0  # that we are in
        self._waits_known = False
        self._interval, self._epoch, self._all = _Span(), _Span(), _Span()

    def step(self, samples: Any = None, tokens: Any = None, *, batches: int = 1) -> None:
        """Say that a training step has ended.

        Args:
            samples: how many it trained on; unknown: samples/s are left out where it counts.
            tokens: the same for tokens.  Both may be tensors with one element, such as the sum of
                a mask: nobody waits for their device, and the rates are tensors too.
            batches: how many it took from the loader: more than 1 if gradients are accumulated.
        """
        now = self._clock()
        seconds = now - self._mark - self._paused_s
        step = _Span(seconds, self._waited_s, 1, batches, samples, tokens)
        self._mark, self._waited_s, self._paused_s = now, 0.0, 0.0
        self._epoch_s += seconds
        self.steps += 1
        self.samples += 0 if samples is None else samples  # a tensor's truth would be waited for
        self.tokens += 0 if tokens is None else tokens
        if self.steps > self._warmup_steps:
            for span in (self._interval, self._epoch, self._all):
                span.add(step)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count what is inside as waiting for data: ``with throughput.waiting(): …``.

        In a pause it counts nothing: the loader of a validation is not waited for by the training.
        """
        if self._pauses:
            yield
            return
        self._waits_known = True
        start, paused_s = self._clock(), self._paused_s
        try:
            yield
        finally:
            self._waited_s += self._clock() - start - (self._paused_s - paused_s)

    def batches(self, loader: Iterable[T]) -> Generator[T, None, None]:
        """Go through a loader and count the time until each batch is there as waiting.

        Example:
            >>> throughput = Throughput()
            >>> for batch in throughput.batches([[1, 2], [3, 4]]):
            ...     throughput.step(samples=len(batch))
            >>> throughput.samples
            4
        """
        with self.waiting():
            iterator = iter(loader)
        while True:
            with self.waiting():
                try:
                    batch = next(iterator)
                except StopIteration:
                    return
            yield batch

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what is inside, such as validation or saving a checkpoint; may be nested."""
        start = self._clock()
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._paused_s += self._clock() - start

    def measure(self) -> dict[str, float]:
        """Return the rates since the last call, up to the end of the last step.

        Returns:
            ``performance/`` ``samples_per_s``, ``batches_per_s``, ``steps_per_s``,
            ``tokens_per_s``, ``step_s``, ``data_wait_share`` (0 to 1) and ``elapsed_s``, the
            seconds since this was made, pauses included.  What is not known is left out.
        """
        span, self._interval = self._interval, _Span()
        return self._named(span)

    def end_epoch(self) -> dict[str, float]:
        """Return the rates of the epoch that ends, and its training time as ``epoch_s``.

        The training time is that of all its steps, the warm-up's too, without pauses.
        """
        seconds, self._epoch_s = self._epoch_s, 0.0
        span, self._epoch = self._epoch, _Span()
        return {"performance/epoch_s": seconds, **self._named(span)}

    def total(self) -> dict[str, float]:
        """Return the rates over everything since the warm-up."""
        return self._named(self._all)

    def _named(self, span: _Span) -> dict[str, float]:
        rates = span.rates(waits_known=self._waits_known)
        rates["elapsed_s"] = self._clock() - self._start
        return {f"performance/{name}": value for name, value in rates.items()}


@dataclass
class _Span:
    """Steps and the time they took; a count is None once it was not known for one step."""

    seconds: float = 0.0
    waited_s: float = 0.0
    steps: int = 0
    batches: int = 0
    samples: Any = 0
    tokens: Any = 0

    def add(self, step: _Span) -> None:
        self.seconds += step.seconds
        self.waited_s += step.waited_s
        self.steps += step.steps
        self.batches += step.batches
        self.samples = _sum(self.samples, step.samples)
        self.tokens = _sum(self.tokens, step.tokens)

    def rates(self, *, waits_known: bool) -> dict[str, float]:
        if not self.steps or self.seconds <= 0:
            return {}
        counts = {"samples": self.samples, "batches": self.batches, "steps": self.steps,
                  "tokens": self.tokens}  # fmt: skip
        rates = {
            f"{name}_per_s": count / self.seconds
            for name, count in counts.items()
            if count is not None
        }
        rates["step_s"] = self.seconds / self.steps
        if waits_known:
            rates["data_wait_share"] = self.waited_s / self.seconds
        return rates


def _sum(first: Any, second: Any) -> Any:
    return None if first is None or second is None else first + second
