"""What validation looks at beside the loss: perplexity and accuracy."""

from __future__ import annotations

import math
from typing import Any

from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.measure.precision import wide


def perplexity(loss: Any) -> Any:
    """Return exp(loss) of a mean cross-entropy in nats.

    Above 709.78 the result is beyond all floats: it is ``inf``, never an error.

    Args:
        loss: a number, or a tensor; a tensor stays on its device and gives a tensor (float64, so
            that it does not overflow at 88.7 as in float32).

    Example:
        >>> perplexity(0.0), perplexity(1000.0)
        (1.0, inf)
    """
    if hasattr(loss, "detach"):
        return wide(loss).exp()
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def accuracy(logits: Any, targets: Any, topk: int = 1, *, dim: int = -1, ignore: int = -100) -> Any:
    """Return the share of targets that are among the highest logits.

    Args:
        logits: (..., classes), or with the classes at ``dim``, such as 1 for (N, classes, H, W).
        targets: (...) class indices.
        topk: how many of the highest logits count.
        dim: the axis of the classes.
        ignore: targets of this value are left out, as in PyTorch's cross-entropy.

    Returns:
        a 0-d tensor on their device, between 0 and 1; NaN if all targets are left out.  Nothing
        waits for it; ``run.log`` takes it as it is.

    Raises:
        SettingError: the shapes do not belong together, or there are fewer classes than ``topk``.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
        >>> targets = torch.tensor([1, 2])
        >>> float(accuracy(logits, targets)), float(accuracy(logits, targets, topk=2))
        (0.5, 1.0)
    """
    require("torch", extra="torch", why="accuracy")
    logits = logits.detach().movedim(dim, -1)
    if logits.shape[:-1] != targets.shape or not 1 <= topk <= logits.shape[-1]:
        raise SettingError(
            f"accuracy(topk={topk}) needs logits (..., classes) with as many classes and targets"
            f" (...), not {tuple(logits.shape)} and {tuple(targets.shape)}"
        )
    best = logits.topk(topk, dim=-1).indices
    hits = (best == targets.unsqueeze(-1)).any(-1)
    counted = targets != ignore
    return wide((hits & counted).sum()) / wide(counted.sum())
