"""A training with PyTorch: the demo's small transformer, which learns to write Python.

It is loaded by the worker only, and needs PyTorch.
"""
# mypy: disable-error-code="misc,no-any-return"

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from epochal.control.training import Backward, Update
from epochal.core.names import printable
from epochal.demo.train import CONFIG, Transformer, loss_on, read_text, sample
from epochal.measure import Gradients, Histograms

SAMPLE_BYTES = 160
VALIDATION_WINDOWS = 64


class LanguageModel:
    """The demo's model with an optimizer and a text.

    Args:
        values: the training's part of the form.

    Attributes:
        module, optimizer: the model and AdamW.
        step_s: 0: it is as fast as it is.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        torch.set_num_threads(1)  # for a model this small more are slower
        torch.manual_seed(values["seed"])
        self._train, self._val = read_text()
        self._context, self._batch = int(CONFIG["context"]), values["batch_size"]
        self._max_norm, self.step_s = values["max_gradient_norm"], 0.0
        self.module = Transformer(CONFIG["width"], CONFIG["layers"], CONFIG["heads"], self._context)
        self.optimizer = torch.optim.AdamW(
            self.module.parameters(), lr=values["learning_rate"], betas=(0.9, 0.95),
            weight_decay=0.1,
        )  # fmt: skip

    def backward(self) -> Backward:
        """Compute loss and gradients of the next batch."""
        starts = torch.randint(len(self._train) - self._context, (self._batch,))
        windows = self._train[starts[:, None] + torch.arange(self._context + 1)]
        logits, wanted = self.module(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()
        loss = cross_entropy(logits, wanted)
        self.optimizer.zero_grad()
        loss.backward()
        return Backward(loss.item(), (logits.argmax(-1) == wanted).float().mean().item())

    def bad_values(self) -> tuple[int, int]:
        """Return how many gradients are NaN, and how many are infinite."""
        grads = list(self._grads())
        return (
            sum(int(grad.isnan().sum()) for grad in grads),
            sum(int(grad.isinf().sum()) for grad in grads),
        )

    def update(self) -> Update:
        """Clip the gradients and let the optimizer take a step."""
        limit = self._max_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), limit).item()
        self.optimizer.step()
        return Update(norm, not norm <= limit)

    def validate(self) -> dict[str, float]:
        """Return loss and perplexity on files that it is not trained on."""
        starts = torch.linspace(0, len(self._val) - self._context - 1, VALIDATION_WINDOWS).long()
        with torch.no_grad():
            loss = loss_on(self.module, self._val, starts).item()
        return {"loss": loss, "perplexity": math.exp(min(loss, 700.0))}

    def gradients(self) -> dict[str, Any]:
        """Return norm, mean and spread of the gradients by layer."""
        measured = Gradients(self.module).measure()
        return {name: v for name, v in measured.items() if name.startswith("gradients/layers/")}

    def histograms(self) -> dict[str, Any]:
        """Return how gradients and parameters are distributed, by layer."""
        return Histograms(self.module).measure()

    def sample(self) -> str:
        """Return what the model writes after ``def``."""
        with torch.no_grad():
            if not all(bool(weights.isfinite().all()) for weights in self.module.parameters()):
                return "nothing: its weights are not finite any more"
            text = sample(self.module, SAMPLE_BYTES).expandtabs(4)
        return "\n".join(map(printable, text.split("\n")))

    def _grads(self) -> list[Tensor]:
        return [p.grad for p in self.module.parameters() if p.grad is not None]
