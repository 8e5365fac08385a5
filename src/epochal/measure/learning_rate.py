"""Learning rates of an optimizer and the state of its scheduler."""

from __future__ import annotations

from typing import Any

from epochal.core.deferred import Deferred
from epochal.measure.transfer import to_host


class LearningRate:
    """The current learning rates, and the numbers in which a scheduler keeps its state.

    Args:
        optimizer: anything with ``param_groups``.
        scheduler: of ``torch.optim.lr_scheduler`` or of its kind.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
        >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
        >>> measured = LearningRate(optimizer, scheduler).measure()
        >>> measured["lr"], measured["schedule/last_epoch"]
        (0.5, 0.0)
    """

    def __init__(self, optimizer: Any, scheduler: Any = None) -> None:
        self.optimizer, self.scheduler = optimizer, scheduler

    def measure(self) -> dict[str, float | Deferred]:
        """Return the rates now; never waits, also not for rates that are tensors on a device.

        Returns:
            ``lr`` for one parameter group, else ``lr/<name>`` for each, by the group's ``"name"``
            or its index; ``schedule/<attribute>`` for each number among the public attributes of
            the scheduler, such as ``schedule/last_epoch``; ``schedule/<index>/<attribute>`` for
            those of schedulers inside it.
        """
        groups = self.optimizer.param_groups
        names = group_names(self.optimizer)
        measured: dict[str, float | Deferred] = {}
        for name, group in zip(names, groups, strict=True):
            rate = group["lr"]
            if hasattr(rate, "device"):
                measured |= to_host([name], rate.detach().reshape(1))
            else:
                measured[name] = float(rate)
        if self.scheduler is not None:
            _add_state(measured, "schedule", self.scheduler)
        return measured


def group_names(optimizer: Any) -> list[str]:
    """Return the metric name of each parameter group's learning rate.

    Example:
        >>> import torch
        >>> groups = [{"params": [torch.zeros(1)], "name": "head"}, {"params": [torch.zeros(1)]}]
        >>> group_names(torch.optim.SGD(groups, lr=0.1))
        ['lr/head', 'lr/1']
    """
    groups = optimizer.param_groups
    if len(groups) == 1:
        return ["lr"]
    names = [str(group.get("name", index)) for index, group in enumerate(groups)]
    if len(set(names)) < len(names):
        names = [str(index) for index in range(len(groups))]
    return [f"lr/{name}" for name in names]


def _add_state(measured: dict[str, float | Deferred], prefix: str, scheduler: Any) -> None:
    for name, value in vars(scheduler).items():
        if type(value) in (int, float) and not name.startswith("_"):
            measured[f"{prefix}/{name}"] = float(value)
    for index, inner in enumerate(getattr(scheduler, "_schedulers", ())):
        _add_state(measured, f"{prefix}/{index}", inner)
