"""Gradients of a model: norms in total and per layer, measured without waiting for the device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from epochal.core.deferred import Deferred
from epochal.measure import tensors
from epochal.measure.tensors import Values
from epochal.measure.transfer import to_host


class Gradients:
    """Norms of the gradients that a model has now.

    Measure after ``backward`` and before ``zero_grad``.  After several backward passes it is their
    accumulated gradient.  With ``torch.amp.GradScaler`` call ``scaler.unscale_(optimizer)`` before,
    or let :func:`epochal.watch` measure at the right moment.

    Args:
        model: any module; wrapped in DistributedDataParallel or compiled too.
        per_layer: also norm, mean and standard deviation of the gradient of each parameter.

    A parameter without a gradient is left out, a tied one counts once.  Of sharded parameters
    (FSDP) it is the part that this process holds.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> model(torch.full((1, 1), 3.0)).sum().backward()
        >>> measured = Gradients(model).measure()
        >>> measured["gradients/norm"], measured["gradients/layers/weight/mean"]
        (3.0, 3.0)
    """

    def __init__(self, model: Any, per_layer: bool = True) -> None:  # noqa: FBT001, FBT002
        self.model, self.per_layer = model, per_layer

    def measure(self, scale: Any = None) -> dict[str, float | Deferred]:
        """Return the norms; empty if there are no gradients.

        Args:
            scale: what the gradients are still multiplied with: a tensor with one element.

        Returns:
            ``gradients/norm``: L2 norm of all gradients together; ``gradients/norm_mean`` and
            ``gradients/norm_max``: mean and largest of the norms of the parameters;
            ``gradients/max_abs``: largest magnitude of an element; per layer
            ``gradients/layers/<parameter>/norm``, ``mean`` and ``std``.
        """
        with tensors.torch_module().no_grad():
            values = tensors.gradients_of(tensors.parameters_of(self.model, frozen=True))
            if not values:
                return {}
            names, vector = self._vector(values)
            if scale is not None:
                vector = vector / scale.to(vector)
            return to_host(names, vector)

    def _vector(self, values: Sequence[Values]) -> tuple[list[str], Any]:
        torch = tensors.torch_module()
        names = [f"gradients/{name}" for name in ("norm", "norm_mean", "norm_max", "max_abs")]
        largest = tensors.norms(values, math.inf).max()
        if not self.per_layer:
            norms = tensors.norms(values)
            return names, torch.stack([tensors.total(norms), norms.mean(), norms.max(), largest])
        found = tensors.layers(values)
        norms = found.norm
        for part in found._fields:
            names += [f"gradients/layers/{one.name}/{part}" for one in values]
        head = torch.stack([tensors.total(norms), norms.mean(), norms.max(), largest])
        return names, torch.cat([head, *found])


def compute_grad_norm(model: Any) -> float:
    """Return the L2 norm of all gradients of a model, 0.0 without any; waits for the device.

    Args:
        model: a module, or its parameters.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> model(torch.full((1, 1), 3.0)).sum().backward()
        >>> compute_grad_norm(model)
        3.0
    """
    if hasattr(model, "named_parameters"):
        parameters = tensors.parameters_of(model, frozen=True)
    else:
        parameters = [("", parameter) for parameter in model]
    with tensors.torch_module().no_grad():
        values = tensors.gradients_of(parameters)
        return float(tensors.total(tensors.norms(values))) if values else 0.0


def gradient_flow(measured: dict[str, float | Deferred], *, caption: str = "") -> Any:
    """Draw the norm of each layer's gradient, from the first layer to the last.

    Args:
        measured: what ``Gradients(model).measure()`` gave.
        caption: shown with it.

    Returns:
        an ``epochal.Figure`` for ``run.log``.  It reads the numbers, and so waits for the device.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ValueError: nothing was measured per layer.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1)
        >>> model(torch.ones(1, 1)).sum().backward()
        >>> gradient_flow(Gradients(model).measure()).type
        'figure'
    """
    from epochal.core.optional import require
    from epochal.media.figure import Figure

    start, end = "gradients/layers/", "/norm"
    norms = {
        key[len(start) : -len(end)]: float(value)
        for key, value in measured.items()
        if key.startswith(start) and key.endswith(end)
    }
    if not norms:
        raise ValueError("nothing was measured per layer: use Gradients(model, per_layer=True)")
    drawing = require("matplotlib.figure", extra="paper", why="gradient_flow")
    figure = drawing.Figure(figsize=(6.4, 1.2 + 0.2 * len(norms)), layout="constrained")
    axes = figure.add_subplot()
    shown = {name: norm if math.isfinite(norm) else 0.0 for name, norm in norms.items()}
    axes.barh(list(shown), list(shown.values()))
    axes.invert_yaxis()
    scale = "log" if any(shown.values()) else "linear"
    axes.set(xlabel="L2 norm of the gradient", xscale=scale)
    return Figure(figure, caption=caption)
