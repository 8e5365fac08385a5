"""What a benchmark declares: its rows, their bars, and how repetitions become one figure."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

PEERS = ("tensorboard", "wandb", "trackio", "csv")
LOGGERS = ("epochal", *PEERS)


class Figure(NamedTuple):
    """A figure, with its 95 % interval where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


def median(values: list[float]) -> Figure:
    """Return the median over repetitions."""
    return Figure(statistics.median(values))


def total(values: list[float]) -> Figure:
    """Return the sum over repetitions: for things that must never happen."""
    return Figure(sum(values))


def worst(values: list[float]) -> Figure:
    """Return the largest of all repetitions: for promises that hold always."""
    return Figure(max(values))


def trimmed_mean(values: list[float]) -> Figure:
    """Return the mean without the outer 10 % at each end, and its 95 % bootstrap interval."""
    import numpy as np

    data = np.asarray(values)
    samples = np.random.default_rng(0).choice(data, (4000, len(data)))
    cut = int(len(data) * 0.1)
    means = np.sort(samples, axis=1)[:, cut : len(data) - cut].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Figure(float(np.sort(data)[cut : len(data) - cut].mean()), float(low), float(high))


@dataclass(frozen=True)
class Row:
    """One row of the page.

    Attributes:
        what: the row's text.
        figure: key in what ``measure`` returned; a list of values is joined over repetitions.
        unit: of the figure.
        limit: the bar, None if the row has none.
        larger: whether larger is better; the bar is then a lower limit.
        fold: turns the repetitions into one figure.
        case: whose figure is Epochal's.
        peers: whether other loggers are measured too.
        ratio: whether they stand among the ratios.
    """

    what: str
    figure: str
    unit: str
    limit: float | None = None
    larger: bool = False
    fold: Callable[[list[float]], Figure] = median
    case: str = "epochal"
    peers: bool = True
    ratio: bool = True

    def met(self, figure: Figure) -> str:
        """Say whether the bar is met: yes, no, unclear (the interval covers it), "" without one."""
        if self.limit is None:
            return ""
        ends = [figure.value] if figure.low is None else [figure.low, figure.high]
        good = {end >= self.limit if self.larger else end <= self.limit for end in ends}
        return {(True,): "yes", (False,): "no"}.get(tuple(good), "unclear")


@dataclass(frozen=True)
class Subject:
    """One benchmark: a module with ``SUBJECT`` and ``measure(case, quick, folder)``.

    ``measure`` runs in a fresh process, in an empty ``folder``, and returns figures by key.

    Attributes:
        title: heading on the page.
        how: in a sentence: how it is measured.
        rows: what it contributes to the page.
        cases: loggers, or variants of Epochal; each repetition runs all of them, shuffled.
        repeat, quick_repeat: how often.
        timeout_s: when a measurement is given up.
        afterwards_s: how long helper processes may go on after the measured process has ended.
    """

    title: str
    how: str
    rows: tuple[Row, ...]
    cases: tuple[str, ...] = LOGGERS
    repeat: int = 5
    quick_repeat: int = 1
    timeout_s: float = 300.0
    afterwards_s: float = 60.0
