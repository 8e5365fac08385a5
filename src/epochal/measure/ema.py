"""EMA: the moving average of weights, its distance from them, and what it gains."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from epochal.core.deferred import Deferred
from epochal.core.errors import SettingError
from epochal.measure import tensors
from epochal.measure.transfer import to_host

STEP_NAMES = ("steps", "n_averaged", "num_updates", "optimization_step", "step")
"""Where averages of weights keep how often they were updated."""


class Ema:
    """An exponential moving average of a model's weights: ``ema = decay · ema + (1 - decay) · w``.

    Args:
        model: the model that is trained; of a compiled or distributed one what is inside.
        decay: between 0 and 1; 0.999 looks back on about 1,000 updates.
        warmup: use min(decay, (1 + n) / (10 + n)) at update n, so that the average forgets the
            first random weights sooner.

    Attributes:
        model: a copy with the averaged weights and the latest buffers, in evaluation mode.
        steps: updates so far.

    Weights keep their type: average those in float32, as half precision does not hold small moves.
    Integers are copied.

    Raises:
        SettingError: the decay is not between 0 and 1, or the model has lazy modules that have
            seen no input yet.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 2)
        >>> ema = Ema(model, decay=0.9)
        >>> with torch.no_grad():
        ...     _ = model.weight.add_(1.0)
        >>> ema.update()
        >>> torch.allclose(model.weight - ema.model.weight, torch.tensor(0.9))
        True
    """

    def __init__(self, model: Any, decay: float = 0.999, *, warmup: bool = False) -> None:
        if not 0 <= decay <= 1:
            raise SettingError(f"decay={decay!r} is not between 0 and 1")
        is_lazy = tensors.torch_module().nn.parameter.is_lazy
        if any(is_lazy(parameter) for parameter in model.parameters()):
            raise SettingError("weights of lazy modules have no values yet: call the model before")
        self.decay, self.warmup, self.steps = decay, warmup, 0
        self._live = tensors.unwrapped(model)
        self.model = copy.deepcopy(self._live).eval().requires_grad_(False)  # noqa: FBT003
        self.model.zero_grad(set_to_none=True)

    def update(self) -> None:
        """Move the average towards the weights; call it after each step of the optimizer."""
        torch = tensors.torch_module()
        decay = self.decay
        if self.warmup:
            decay = min(decay, (1 + self.steps) / (10 + self.steps))
        pairs = list(zip(self.model.parameters(), self._live.parameters(), strict=True))
        moving = [pair for pair in pairs if _is_continuous(pair[0])]
        copied = [pair for pair in pairs if not _is_continuous(pair[0])]
        copied += zip(self.model.buffers(), self._live.buffers(), strict=True)
        with torch.no_grad():
            if moving:
                averages, weights = zip(*moving, strict=True)
                torch._foreach_lerp_(list(averages), list(weights), 1 - decay)
            for average, latest in copied:
                average.copy_(latest)
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint needs: the averaged model's state, decay and steps."""
        return {"model": self.model.state_dict(), "decay": self.decay, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.model.load_state_dict(state["model"])
        self.decay, self.steps = state["decay"], state["steps"]


class EmaDistance:
    """How far a model's weights are from their moving average.

    Args:
        model: the model that is trained.
        ema_model: its average: an :class:`Ema`, ``torch.optim.swa_utils.AveragedModel``, any
            module with parameters of the same names, or a mapping of these names to tensors.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 2)
        >>> float(EmaDistance(model, Ema(model)).measure()["ema/distance"])
        0.0
    """

    def __init__(self, model: Any, ema_model: Any) -> None:
        self.model, self.ema_model = model, ema_model

    def measure(self) -> dict[str, float | Deferred]:
        """Return the distance now; one copy to the host, without waiting for it on CUDA.

        Empty if the model has no parameters.

        Returns:
            ``ema/distance``: L2 norm of weights minus average, over all parameters;
            ``ema/relative_distance``: the same divided by the L2 norm of the weights;
            ``ema/steps``: updates of the average, if it counts them.

        Raises:
            SettingError: the two have not the same parameters.
        """
        torch = tensors.torch_module()
        steps = _steps(self.ema_model)
        with torch.no_grad():
            live, average = _matching(self.model, self.ema_model)
            if not live:
                return {}
            distance = tensors.total(tensors.distances(live, average))
            found = [distance, distance / tensors.total(tensors.norms(live))]
            names = ["ema/distance", "ema/relative_distance"]
            if isinstance(steps, torch.Tensor) and steps.device.type == "cpu":
                steps = steps.item()  # AveragedModel keeps it there; sending it would wait
            if isinstance(steps, torch.Tensor):
                found.append(steps.to(distance))
                names.append("ema/steps")
            measured = to_host(names, torch.stack(found))
        if isinstance(steps, int | float):
            measured["ema/steps"] = float(steps)
        return measured


def compare_ema(
    model: Any, ema_model: Any, evaluate: Callable[[Any], float | Mapping[str, Any]]
) -> dict[str, float]:
    """Evaluate a model and its moving average, and say what the average gains.

    Both see evaluation mode, no gradients and the same random numbers of PyTorch; modes and
    generators are put back.

    Args:
        model: the model that is trained.
        ema_model: its average, an :class:`Ema` or a module.
        evaluate: takes a model, returns a number (the loss) or several by name.

    Returns:
        for each name: ``loss`` of the model, ``ema/loss`` of the average, and
        ``ema/loss_difference``, average minus model.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(1, 1)
        >>> compare_ema(model, Ema(model), lambda m: float(m.bias))["ema/loss_difference"]
        0.0
    """
    live = _evaluated(model, evaluate)
    average = _evaluated(ema_model.model if isinstance(ema_model, Ema) else ema_model, evaluate)
    result = dict(live)
    for name, value in average.items():
        result[f"ema/{name}"] = value
        if name in live:
            result[f"ema/{name}_difference"] = value - live[name]
    return result


def _evaluated(model: Any, evaluate: Callable[[Any], Any]) -> dict[str, float]:
    torch = tensors.torch_module()
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(list(devices)), torch.no_grad(), tensors.evaluating(model):
        found = evaluate(model)
    if not isinstance(found, Mapping):
        found = {"loss": found}
    return {name: float(value) for name, value in found.items()}


def _matching(model: Any, ema_model: Any) -> tuple[list[tensors.Values], list[Any]]:
    """Return the tensors of both that belong together, in the model's order and on its devices."""
    live, average = _weights(model), _weights(ema_model)
    wrong = [
        name
        for name, tensor in live.items()
        if name not in average or average[name].shape != tensor.shape
    ]
    if wrong:
        raise SettingError(
            f"the moving average has not the parameters of the model: {len(wrong)} of {len(live)}"
            f" are missing or of another shape, such as {wrong[:3]}"
        )
    values = tensors.weights_of(live.items())
    averages = (tensors.real(name, average[name].to(live[name].device)) for name, _, _ in values)
    return values, [each.tensor for each in averages]


def _weights(model: Any) -> dict[str, Any]:
    """Return parameters by name, without the prefixes of wrappers."""
    if isinstance(model, Ema):
        model = model.model
    if isinstance(model, Mapping):
        found = {tensors.plain_name(name): tensor for name, tensor in model.items()}
        found.pop("n_averaged", None)  # in the state of an AveragedModel
    else:
        found = dict(tensors.parameters_of(model, frozen=True))
    while found and all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): tensor for name, tensor in found.items()}
    return found


def _is_continuous(tensor: Any) -> bool:
    return bool(tensor.is_floating_point() or tensor.is_complex())


def _steps(ema_model: Any) -> Any:
    found = (getattr(ema_model, name, None) for name in STEP_NAMES)
    return next((steps for steps in found if steps is not None and not callable(steps)), None)
