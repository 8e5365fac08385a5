"""Mixed precision: the scale of the loss, and the steps that were skipped because of it."""

from __future__ import annotations

from typing import Any

from epochal.core.deferred import Deferred
from epochal.measure import tensors
from epochal.measure.transfer import constant, to_host


class LossScale:
    """What a ``torch.amp.GradScaler`` does, without asking it in a way that waits for the device.

    Its ``step`` is replaced by one that counts; :meth:`close` puts the old one back.

    Args:
        scaler: the scaler.
        optimizer: whose steps are counted; None: of all that the scaler steps.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        >>> scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        >>> LossScale(scaler, optimizer).measure()
        {'amp/loss_scale': 8.0, 'amp/skipped_steps': 0.0}
    """

    def __init__(self, scaler: Any, optimizer: Any = None) -> None:
        self.scaler, self.optimizer = scaler, optimizer
        self._tried = self._done = 0
        self._skipped_inside: Any = None
        self._trying: Any = None
        self._replaced = vars(scaler).get("step")
        self._step = scaler.step
        scaler.step = self._counted_step

    def measure(self) -> dict[str, float | Deferred]:
        """Return ``amp/loss_scale`` and ``amp/skipped_steps`` (all so far)."""
        torch = tensors.torch_module()
        self._begins()  # who measures inside a step is called before our own hook
        skipped = float(self._tried - self._done)
        with torch.no_grad():
            scale = self.scaler._get_scale_async()  # noqa: SLF001 - get_scale waits for the device
            inside = self._skipped_inside
            if scale is None:  # nothing was scaled yet, or the scaler is off
                enabled = self.scaler.is_enabled()
                first = self.scaler.state_dict()["scale"] if enabled else 1.0
                scale = torch.tensor(first, dtype=torch.float32)
            count = constant([skipped], like=scale)
            if inside is not None:
                count = count + inside.to(count)
            names = ("amp/loss_scale", "amp/skipped_steps")
            return to_host(names, torch.cat([scale.reshape(1), count]))

    def close(self) -> None:
        """Give the scaler its own ``step`` back."""
        if vars(self.scaler).get("step") != self._counted_step:
            return
        if self._replaced is None:
            del self.scaler.step
        else:
            self.scaler.step = self._replaced

    def _counted_step(self, optimizer: Any, *arguments: Any, **more: Any) -> Any:
        if self.optimizer is not None and optimizer is not self.optimizer:
            return self._step(optimizer, *arguments, **more)
        self._tried, self._trying = self._tried + 1, optimizer
        hook = optimizer.register_step_pre_hook(self._begins)  # not called if the step is skipped
        try:
            return self._step(optimizer, *arguments, **more)
        finally:
            self._trying = None
            hook.remove()

    def _begins(self, *_: Any) -> None:
        """Count a step that the optimizer was called for, once."""
        optimizer, self._trying = self._trying, None
        if optimizer is None:
            return
        self._done += 1
        found = skipped_inside(optimizer)
        if found is not None:
            one = (found > 0).to(found.dtype)
            before = self._skipped_inside
            self._skipped_inside = one if before is None else before + one


def skipped_inside(optimizer: Any) -> Any:
    """Return a tensor, above 0 if an optimizer that skips steps by itself skips this one.

    Fused optimizers are called at each step and given what the scaler found; others are not
    called, and have None here.
    """
    return getattr(optimizer, "found_inf", None)


def gradient_scale(optimizer: Any) -> Any:
    """Return what the gradients are still multiplied with inside a step, None for 1.

    Fused optimizers divide by it themselves.
    """
    return getattr(optimizer, "grad_scale", None)
