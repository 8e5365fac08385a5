"""How much logging slows a training step."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import peers
from subject import LOGGERS, Row, Subject, trimmed_mean

TARGET_S = 0.0008
SETTLE_S = 0.4
VARIANTS: dict[str, dict[str, Any]] = {
    "epochal in a thread": {"follow": "thread"},
    "epochal with all mirrors": {
        "sinks": {"csv": {}, "json": {}, "tensorboard": {}, "wandb": {"mode": "offline"}}
    },
}
BLOCK_S = 1.0
PRECISE_ENOUGH = 0.35
"""Half the width of the interval, in percent, at which a process stops adding pairs."""

SUBJECT = Subject(
    title="Slowdown of a training step",
    how=(
        "a small MLP in PyTorch on one thread, tuned to 0.8 ms a step; blocks of 1 s with and"
        " without logging 10 scalars a step, in random order within each pair, each after 0.4 s in"
        " which background work starts or ends; mean of the pairs' ratios without the outer 10 %,"
        " with its 95 % bootstrap interval over all pairs of all processes."
    ),
    rows=(
        Row("slowdown of a 0.8 ms step", "slowdown_pct", "%", 1.5, fold=trimmed_mean),
        Row("the step without logging", "step_ms", "ms", peers=False),
        Row("slowdown, with csv, json, TensorBoard and W&B offline", "slowdown_pct", "%", 2.0,
            fold=trimmed_mean, case="epochal with all mirrors", peers=False),
        Row('slowdown, mirrors in a thread (`follow="thread"`)', "slowdown_pct", "%",
            fold=trimmed_mean, case="epochal in a thread", peers=False),
    ),
    cases=(*LOGGERS, "epochal in a thread", "epochal with all mirrors"),
    repeat=2,
    timeout_s=300.0,
)  # fmt: skip


class Model:
    """A small MLP and its optimizer; ``step`` is one training step."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)
        self._torch = torch
        width = 128
        self._net = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, width),
            torch.nn.ReLU(), torch.nn.Linear(width, 1),
        )  # fmt: skip
        self._optimizer = torch.optim.SGD(self._net.parameters(), lr=1e-4)
        self._resize(16)
        self._tune()

    def _resize(self, batch: int) -> None:
        self._x, self._y = self._torch.randn(batch, 64), self._torch.randn(batch, 1)

    def _tune(self) -> None:
        batch = 16
        while _seconds(self.step, 150) < TARGET_S and batch < 65536:
            batch = int(batch * 1.15) + 1
            self._resize(batch)

    def step(self) -> float:
        """Do one forward, backward and optimizer step; return the loss."""
        self._optimizer.zero_grad()
        loss = self._torch.nn.functional.mse_loss(self._net(self._x), self._y)
        loss.backward()
        self._optimizer.step()
        return loss.item()


def _seconds(step: Callable[[], float], times: int) -> float:
    took = []
    for _ in range(times):
        before = time.perf_counter()
        step()
        took.append(time.perf_counter() - before)
    return sorted(took)[times // 2]


class Training:
    """A training whose blocks log or do not.

    Attributes:
        logged: rows logged so far.
    """

    def __init__(self, model: Model, log: Callable[[dict[str, float], int], Any]) -> None:
        self._model, self._log = model, log
        self.logged = 0

    def block(self, seconds: float, *, logging: bool) -> float:
        """Train for so long; return the mean seconds of a step."""
        step, log, ten = self._model.step, self._log, peers.ten
        began = now = time.perf_counter()
        steps = 0
        while now - began < seconds:
            values = ten(step())  # made in both kinds of block: the user's work, not the logger's
            if logging:
                log(values, self.logged)
                self.logged += 1
            steps += 1
            now = time.perf_counter()
        return (now - began) / steps

    def pair(self, rng: random.Random, scale: float = 1.0) -> tuple[float, float]:
        """Return the slowdown in percent of one pair of blocks, and the step without logging."""
        took = {}
        for logging in rng.sample((True, False), 2):
            self.block(SETTLE_S * scale, logging=logging)
            took[logging] = self.block(BLOCK_S * scale, logging=logging)
        return (took[True] / took[False] - 1) * 100, took[False]


def compare(training: Training, *, least: int, limit_s: float, quick: bool) -> dict[str, Any]:
    """Add pairs until the interval is narrow enough or the time is up; quick: two short pairs."""
    rng = random.Random(0)
    slowdowns, steps = [], []
    began = time.perf_counter()
    while True:
        slowdown, step_s = training.pair(rng, 0.3 if quick else 1.0)
        slowdowns.append(slowdown)
        steps.append(step_s * 1e3)
        if len(slowdowns) < (2 if quick else least):
            continue
        found = trimmed_mean(slowdowns)
        precise = (found.high - found.low) / 2 < PRECISE_ENOUGH
        if quick or precise or time.perf_counter() - began > limit_s:
            return {"slowdown_pct": slowdowns, "step_ms": sorted(steps)[len(steps) // 2]}


def measure(case: str, *, quick: bool, folder: str) -> dict[str, Any]:
    """Measure one logger."""
    model = Model()
    settings = VARIANTS.get(case, {})
    logger = peers.start(case.split(maxsplit=1)[0], folder, **settings)
    ours = case.startswith("epochal")
    limit_s = {"epochal": 50.0, "epochal with all mirrors": 50.0, "epochal in a thread": 25.0}
    limit_s = limit_s.get(case, 11.0)
    training = Training(model, logger.log)
    training.block(0.5, logging=True)
    found = compare(training, least=8 if ours else 4, limit_s=limit_s, quick=quick)
    if ours:
        logger.finish()
    return found
