"""Learning rates of an optimizer and the state of its scheduler."""

from __future__ import annotations

from typing import Any

from epochal.core.deferred import Deferred
from epochal.measure import tensors
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
            or its index, left out for groups that have no rate; ``schedule/<attribute>`` for each
            number among the public attributes of the scheduler, such as ``schedule/last_epoch``;
            ``schedule/<index>/<attribute>`` for those of schedulers inside it.
        """
        rates = [group.get("lr") for group in self.optimizer.param_groups]
        by_name = dict(zip(group_names(self.optimizer), rates, strict=True))
        measured: dict[str, float | Deferred] = {
            name: float(rate)
            for name, rate in by_name.items()
            if rate is not None and not hasattr(rate, "detach")
        }
        if found := {name: rate for name, rate in by_name.items() if hasattr(rate, "detach")}:
            scalars = [rate.detach().reshape(()) for rate in found.values()]
            wide = [scalar.to(tensors.wide_type(scalar)) for scalar in scalars]
            measured |= to_host(list(found), tensors.gathered(wide))
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
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and not name.startswith("_"):
            measured[f"{prefix}/{name}"] = float(value)
    for index, inner in enumerate(getattr(scheduler, "_schedulers", ())):
        _add_state(measured, f"{prefix}/{index}", inner)
