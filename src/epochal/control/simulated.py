"""A training without PyTorch: gradient descent on a noisy bowl, at the pace of a small model.

The numbers are made up, what happens to them is not.  A learning rate above 0.05 is too large for
the steepest direction, and the loss grows until it is infinite; clipped gradients hold it; a larger
batch makes the gradients less noisy; one in a hundred batches is an outlier.  Numbers have 32
bits, as those of most trainings, so what diverges is soon infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from epochal.control.training import Backward, Update
from epochal.media import Histogram

STEP_S = 0.02
SIZE = 32
FLATTEST, STEEPEST = 2.0, 40.0
FIRST_LOSS, LEAST_LOSS = 3.0, 0.3
OUTLIERS = 0.01


class SimulatedModel:
    """A quadratic loss whose gradients are noisy.

    Args:
        values: the training's part of the form.

    Attributes:
        module, optimizer: None: nothing of PyTorch is there.
        step_s: pause between steps, in seconds.

    Example:
        >>> from epochal.control.fields import defaults
        >>> model = SimulatedModel(defaults())
        >>> first = model.validate()["loss"]
        >>> for _ in range(100):
        ...     _ = model.backward(), model.update()
        >>> model.validate()["loss"] < first
        True
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.module, self.optimizer, self.step_s = None, None, STEP_S
        self._random = np.random.default_rng(values["seed"])
        self._rate, self._max_norm = values["learning_rate"], values["max_gradient_norm"]
        self._noise = 0.5 / math.sqrt(values["batch_size"])
        self._steepness = np.geomspace(FLATTEST, STEEPEST, SIZE, dtype=np.float32)
        weights = self._random.standard_normal(SIZE)
        scale = math.sqrt(FIRST_LOSS / self._bowl(weights))
        self._weights = (weights * scale).astype(np.float32)
        self._gradient = np.zeros(SIZE, np.float32)

    def backward(self) -> Backward:
        """Compute loss and gradients of the next batch."""
        outlier = 30.0 if self._random.random() < OUTLIERS else 1.0
        noise = self._random.standard_normal(SIZE) * self._noise * outlier
        with np.errstate(over="ignore", invalid="ignore"):
            self._gradient = self._steepness * self._weights + noise.astype(np.float32)
            loss = self._loss() * math.exp(0.2 * self._noise * self._random.standard_normal())
        return Backward(loss, _accuracy(loss))

    def bad_values(self) -> tuple[int, int]:
        """Return how many gradients are NaN, and how many are infinite."""
        return int(np.isnan(self._gradient).sum()), int(np.isinf(self._gradient).sum())

    def update(self) -> Update:
        """Clip the gradients and take a step."""
        with np.errstate(over="ignore", invalid="ignore"):
            norm = float(np.linalg.norm(self._gradient.astype(np.float64)))
            clipped = bool(self._max_norm) and not norm <= self._max_norm
            if clipped:
                self._gradient = self._gradient * (self._max_norm / norm)
            self._weights = self._weights - self._rate * self._gradient
        return Update(norm, clipped)

    def validate(self) -> dict[str, float]:
        """Return loss and accuracy without noise."""
        with np.errstate(over="ignore", invalid="ignore"):
            loss = self._loss()
        return {"loss": loss, "accuracy": _accuracy(loss)}

    def gradients(self) -> dict[str, Any]:
        """Return the norms of the gradients of the flat and of the steep directions."""
        halves = np.split(self._gradient, 2)
        names = ("flat", "steep")
        return {
            f"gradients/layers/{name}/norm": float(np.linalg.norm(half))
            for name, half in zip(names, halves, strict=True)
        }

    def histograms(self) -> dict[str, Any]:
        """Return how gradients and weights are distributed."""
        return {
            "gradients/histograms/bowl": Histogram(self._gradient),
            "parameters/histograms/bowl": Histogram(self._weights),
        }

    def sample(self) -> str:
        """Return the largest weights as text."""
        largest = np.argsort(-np.abs(np.nan_to_num(self._weights)))[:4]
        return "furthest from the minimum: " + ", ".join(
            f"direction {index} at {self._weights[index]:.3g}" for index in largest
        )

    def _loss(self) -> float:
        return LEAST_LOSS + self._bowl(self._weights)

    def _bowl(self, weights: Any) -> float:
        return float(0.5 * np.sum(self._steepness * weights**2))


def _accuracy(loss: float) -> float:
    """Return the accuracy that a cross-entropy of this size would go with."""
    return math.exp(-loss) if math.isfinite(loss) else 0.0
