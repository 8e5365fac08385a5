"""Clipping of gradients, with what it did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from epochal.core.deferred import Deferred
from epochal.core.errors import SettingError
from epochal.measure import tensors
from epochal.measure.transfer import to_host

NAMES = (
    "gradients/norm_before_clip",
    "gradients/norm_after_clip",
    "gradients/clipped",
    "gradients/clip_threshold",
)


def clip_gradients(model_or_params: Any, max_norm: float) -> dict[str, float | Deferred]:
    """Scale gradients down where their total norm is too large, and say whether that was needed.

    The gradients are those that ``torch.nn.utils.clip_grad_norm_`` leaves.  Does not wait for the
    device.  With ``torch.amp.GradScaler`` call ``scaler.unscale_(optimizer)`` before.

    Args:
        model_or_params: a module, or its parameters.
        max_norm: the largest L2 norm over all gradients that is left as it is.

    Returns:
        ``gradients/norm_before_clip``, ``gradients/norm_after_clip``, ``gradients/clipped`` (1 if
        they were scaled down, else 0) and ``gradients/clip_threshold``; empty without gradients.

    Raises:
        SettingError: ``max_norm`` is not above 0.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> model(torch.full((1, 1), 3.0)).sum().backward()
        >>> clip_gradients(model, 1.0)["gradients/clipped"], model.weight.grad.item()
        (1.0, 0.9999996423721313)
    """
    return measured(clip(model_or_params, max_norm), max_norm)


def clip(model_or_params: Any, max_norm: float) -> Any:
    """Clip, and return the total norm that was there before: a tensor; None without gradients."""
    if not max_norm > 0:
        raise SettingError(f"max_norm={max_norm!r} is not above 0: nothing would be learned")
    parameters = _parameters(model_or_params)
    if all(parameter.grad is None for parameter in parameters):
        return None
    before = tensors.torch_module().nn.utils.clip_grad_norm_(parameters, max_norm)
    # Of sharded parameters each process has its part of the norm; all clip, so all are here.
    return before.full_tensor() if hasattr(before, "full_tensor") else before


def measured(before: Any, max_norm: float) -> dict[str, float | Deferred]:
    """Return what a clipping did, given the norm before it."""
    if before is None:
        return {}
    torch = tensors.torch_module()
    with torch.no_grad():
        before = before.detach().to(tensors.wide_type(before))
        factor = (max_norm / (before + 1e-6)).clamp(max=1.0)  # as clip_grad_norm_ has it
        clipped = (factor < 1).to(before.dtype)
        threshold = torch.full_like(before, max_norm)
        return to_host(NAMES, torch.stack([before, before * factor, clipped, threshold]))


def _parameters(model_or_params: Any) -> list[Any]:
    if hasattr(model_or_params, "parameters"):
        return list(model_or_params.parameters())
    if isinstance(model_or_params, Iterable) and not hasattr(model_or_params, "grad"):
        return list(model_or_params)
    return [model_or_params]
