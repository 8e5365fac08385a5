"""Parameters of a model: their statistics, how far a step moves them, how far they have come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from epochal.core.deferred import Deferred
from epochal.measure import tensors
from epochal.measure.tensors import Values
from epochal.measure.transfer import to_host


class Parameters:
    """Statistics of the parameters that a model has now.

    Args:
        model: any module; wrapped in DistributedDataParallel or compiled too.
        optimizer: copy the weights before each of its steps, so that each measurement has the
            update ratio.  That takes the memory of the weights and the time of one copy a step; in
            a loop that measures rarely call :meth:`before_step` instead, as :func:`epochal.watch`
            does.
        per_layer: also for each parameter on its own.
        distance: also how far the weights are from where they are now.  Keeps a copy of them.
        frozen: also parameters that need no gradient.

    A tied parameter counts once.  Of sharded parameters (FSDP) it is the part that this process
    holds.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> with torch.no_grad():
        ...     _ = model.weight.fill_(1.0)
        ...     parameters = Parameters(model)
        ...     parameters.before_step()
        ...     _ = model.weight.mul_(2.0)
        >>> parameters.measure()["parameters/update_ratio"]
        0.5
    """

    def __init__(
        self, model: Any, optimizer: Any = None, per_layer: bool = True, *,  # noqa: FBT001, FBT002
        distance: bool = False, frozen: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.per_layer, self.frozen = model, per_layer, frozen
        self._before: dict[str, Any] = {}
        self._start: dict[str, Any] = self._copies() if distance else {}
        self._hook = None
        if optimizer is not None:
            self._hook = optimizer.register_step_pre_hook(lambda *_: self.before_step())

    def before_step(self) -> None:
        """Keep a copy of the weights until :meth:`measure`, which compares them with it."""
        self._before = self._copies()

    def measure(self) -> dict[str, float | Deferred]:
        """Return the statistics; empty if there are no parameters.

        Returns:
            ``parameters/norm`` (L2), ``mean``, ``std`` and ``max_abs`` over all elements;
            ``parameters/update_ratio`` after :meth:`before_step`: L2 norm of what the step changed,
            divided by that of the weights (0 if nothing changed); ``parameters/distance``: L2 norm
            of the way from the start; per layer ``parameters/layers/<parameter>/norm``, ``mean``,
            ``std`` and ``update_ratio``.
        """
        with tensors.torch_module().no_grad():
            values = self._values()
            before, self._before = self._before, {}
            return to_host(*self._vector(values, before)) if values else {}

    def close(self) -> None:
        """Forget all copies and leave the optimizer alone."""
        self._before, self._start = {}, {}
        if self._hook is not None:
            self._hook.remove()

    def _values(self) -> list[Values]:
        return tensors.weights_of(tensors.parameters_of(self.model, frozen=self.frozen))

    def _copies(self) -> dict[str, Any]:
        with tensors.torch_module().no_grad():
            return {values.name: values.tensor.clone() for values in self._values()}

    def _vector(self, values: Sequence[Values], before: dict[str, Any]) -> tuple[list[str], Any]:
        torch = tensors.torch_module()
        found = tensors.layers(values)
        numbers = {
            "parameters/norm": tensors.total(found.norm),
            **dict(zip(("parameters/mean", "parameters/std"), tensors.overall(values, found),
                       strict=True)),
            "parameters/max_abs": tensors.norms(values, math.inf).max(),
        }  # fmt: skip
        names, more = [], []
        if self.per_layer:
            more = list(found)
            names = [f"parameters/layers/{v.name}/{part}" for part in found._fields for v in values]
        if moved := _matching(values, before):
            way = tensors.distances(moved, [before[one.name] for one in moved])
            size = tensors.norms(moved)
            numbers["parameters/update_ratio"] = _ratio(tensors.total(way), tensors.total(size))
            if self.per_layer:
                more.append(_ratio(way, size))
                names += [f"parameters/layers/{one.name}/update_ratio" for one in moved]
        if known := _matching(values, self._start):
            way = tensors.distances(known, [self._start[one.name] for one in known])
            numbers["parameters/distance"] = tensors.total(way)
        return [*numbers, *names], torch.cat([torch.stack(list(numbers.values())), *more])


def _matching(values: Sequence[Values], kept: dict[str, Any]) -> list[Values]:
    """Return the tensors of which there is a copy: not those that were made or moved since."""
    return [
        one
        for one in values
        if one.name in kept
        and kept[one.name].shape == one.tensor.shape
        and kept[one.name].device == one.tensor.device
    ]


def _ratio(way: Any, size: Any) -> Any:
    """Return way/size, 0 where nothing moved."""
    return (way / size).masked_fill(way == 0, 0.0)
