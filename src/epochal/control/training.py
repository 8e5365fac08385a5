"""The loop of a training that the panel starts: what is due is measured and recorded.

What is trained is a :class:`Model`: simulated, or the small language model of the demo.
"""

from __future__ import annotations

import importlib.util
import math
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from epochal.loggers.experiment_tracker import ExperimentTracker

EPOCH_STEPS = 100
"""So many steps are called an epoch."""

KEPT_CHECKPOINTS = 3
MAX_WAIT_S = 3600.0


class Backward(NamedTuple):
    """What a forward and a backward pass have shown."""

    loss: float
    accuracy: float


class Update(NamedTuple):
    """What a step of the optimizer has done: the norm of the gradients before it was clipped."""

    gradient_norm: float
    clipped: bool


class Model(Protocol):
    """What can be trained.

    Attributes:
        module, optimizer: of PyTorch, for its layers and checkpoints; None: there are none.
        step_s: at least so long a step takes.
    """

    module: Any
    optimizer: Any
    step_s: float

    def backward(self) -> Backward:
        """Compute loss and gradients of the next batch."""

    def bad_values(self) -> tuple[int, int]:
        """Return how many gradients are NaN, and how many are infinite."""

    def update(self) -> Update:
        """Clip the gradients and let the optimizer take a step."""

    def validate(self) -> dict[str, float]:
        """Return what the model reaches on data that it is not trained on, ``loss`` among it."""

    def gradients(self) -> dict[str, Any]:
        """Return norms of the gradients by layer."""

    def histograms(self) -> dict[str, Any]:
        """Return histograms of gradients and parameters."""

    def sample(self) -> str:
        """Return a text that shows what the model can do now."""


class Loop:
    """A training from its first step to its last.

    Args:
        tracker: records it.
        model: what is trained.
        values: the training's part of the form.
        stop: set to end it.
    """

    def __init__(
        self, tracker: ExperimentTracker, model: Model, values: Mapping[str, Any],
        stop: threading.Event,
    ) -> None:  # fmt: skip
        self._tracker, self._model, self._stop = tracker, model, stop
        self._steps, self._rate = values["steps"], values["learning_rate"]
        self._max_norm, self._switches = values["max_gradient_norm"], values["log"]
        self._saves = values["every.checkpoint"] != "never" and model.module is not None
        self._validates = (
            "log_validation" in values["log"] and values["every.validation"] != "never"
        )
        self._losses: list[float] = []
        self._val: dict[str, float] = {}

    def run(self) -> None:
        """Train.

        Raises:
            KeyboardInterrupt: it was stopped.
        """
        tracker, model = self._tracker, self._model
        if model.module is not None:
            tracker.log_model_architecture(model.module)
        tracker.run.define("val/loss", goal="minimize")
        tracker.run.due("checkpoint", 0, 0)  # the first one is due after an interval
        for step in range(1, self._steps + 1):
            epoch = (step - 1) // EPOCH_STEPS + 1
            began = time.perf_counter()
            self._step(step, epoch, began)
            if step % EPOCH_STEPS == 0 or step == self._steps:
                self._end_epoch(epoch)
            self._wait(began + model.step_s)
        self._save(epoch=math.ceil(self._steps / EPOCH_STEPS), step=self._steps, final=True)
        if "log_images" in self._switches and importlib.util.find_spec("matplotlib") is not None:
            tracker.create_visualization()

    def _step(self, step: int, epoch: int, began: float) -> None:
        tracker, model, run = self._tracker, self._model, self._tracker.run
        loss, accuracy = model.backward()
        if run.due("gradients", step, epoch):
            run.log(model.gradients(), step, epoch=epoch)
        if run.due("histograms", step, epoch):
            run.log(model.histograms(), step, epoch=epoch)
        counts = {}
        if run.due("numerics", step, epoch):
            nan, inf = model.bad_values()
            counts = {"nan_count": nan + math.isnan(loss), "inf_count": inf + math.isinf(loss)}
        norm, clipped = model.update()
        row: dict[str, Any] = {"loss": loss, "accuracy": accuracy, "gradient_norm": norm, **counts}
        if self._max_norm:
            row |= {"clipping_applied": clipped, "clipping_threshold": self._max_norm}
        if "log_learning_rate" in self._switches:
            row["learning_rate"] = self._rate
        if "log_performance" in self._switches:
            row["training_time"] = time.perf_counter() - began
        tracker.log_training_step(row, step=step, epoch=epoch)
        self._losses.append(loss)
        if run.due("validation", step, epoch) or (self._validates and step == self._steps):
            self._val = model.validate()
            run.log(self._val, step, epoch=epoch, phase="val")
            print(f"step {step:,}: loss {loss:.4f}, validation loss {self._val['loss']:.4f}")  # noqa: T201 - as trainings do
        if run.due("text", step, epoch):
            tracker.log_text(model.sample(), "sample", step, epoch)
        if run.due("checkpoint", step, epoch) and step < self._steps:
            self._save(epoch, step)

    def _end_epoch(self, epoch: int) -> None:
        finite = [loss for loss in self._losses if math.isfinite(loss)] or [math.nan]
        with np.errstate(over="ignore"):  # a loss that diverges: beyond 1e154 squares are infinite
            numbers = {
                "train_loss_mean": float(np.mean(finite)), "train_loss_min": min(finite),
                "train_loss_max": max(finite), "learning_rate": self._rate,
            }  # fmt: skip
            if len(finite) > 1:
                numbers["train_loss_std"] = float(np.std(finite, ddof=1))
        if self._val:
            numbers["val_loss"] = self._val["loss"]
        self._tracker.log_epoch(epoch, numbers)
        self._losses.clear()

    def _save(self, epoch: int, step: int, *, final: bool = False) -> None:
        model = self._model
        if not self._saves:
            return
        self._tracker.save_checkpoint(
            model.module, model.optimizer, epoch, step, self._val.get("loss"),
            {"val_loss": self._val["loss"]} if self._val else None,
            monitor="val_loss" if self._val else None, keep_last=KEPT_CHECKPOINTS, final=final,
        )  # fmt: skip

    def _wait(self, until: float) -> None:
        """Wait for the next step.

        Raises:
            KeyboardInterrupt: the training is to end.
        """
        left = min(max(0.0, until - time.perf_counter()), MAX_WAIT_S)
        if self._stop.wait(left) if left else self._stop.is_set():
            raise KeyboardInterrupt
