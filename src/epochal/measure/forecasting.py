"""The future of a learning-rate schedule, found on a copy."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any, NamedTuple

from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.measure.learning_rate import group_names
from epochal.media.table import Table


class Forecast(NamedTuple):
    """The learning rates of the coming steps.

    Attributes:
        steps: where each column of ``rates`` is: ``start``, ``start + 1``, …
        rates: one list for each parameter group; the first rate is the current one, the next what
            it is after one more ``scheduler.step()``, and so on.
        names: the metric name of each group, as :class:`~epochal.measure.LearningRate` has it.
        depends_on_metrics: ``step`` must be given something that nobody knows yet, such as the
            metric of ``ReduceLROnPlateau``; ``rates`` are then the current ones, which hold as
            long as the metric goes on improving.
        note: why there are fewer steps than asked for, or that it depends on metrics; "" if
            neither.
    """

    steps: list[float]
    rates: list[list[float]]
    names: list[str]
    depends_on_metrics: bool = False
    note: str = ""

    def table(self) -> Table:
        """Return the forecast as a table with a column for the step and one for each group."""
        rows = [list(row) for row in zip(self.steps, *self.rates, strict=True)]
        return Table(["step", *self.names], rows, caption=self.note)

    def log(self, run: Any, step: float | None = None) -> None:
        """Record the forecast as the table ``lr/forecast`` of a run."""
        run.log({"lr/forecast": self.table()}, step=step)


def forecast(scheduler: Any, steps: int, *, start: float = 0) -> Forecast:
    """Return the learning rates of the next steps; scheduler and optimizer are left as they are.

    The schedule runs on a deep copy of the scheduler that is bound to a stand-in for the optimizer
    without weights, so nothing is stepped, hooked or warned about.  Functions given to a scheduler
    (``LambdaLR`` and the like) are shared with the copy: one that changes variables around it when
    it is called is no function of the step and cannot be foreseen.

    Args:
        scheduler: any of ``torch.optim.lr_scheduler``, chained ones included, or a class with the
            same ``step()`` and ``optimizer``.
        steps: how many steps, the current one included.
        start: the number of the current step, for ``Forecast.steps``.

    Raises:
        SettingError: it is no scheduler of an optimizer, or cannot be copied.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=8.0)
        >>> scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> forecast(scheduler, 4).rates, optimizer.param_groups[0]["lr"]
        ([[8.0, 4.0, 2.0, 1.0]], 8.0)
    """
    optimizer = getattr(scheduler, "optimizer", None)
    if not hasattr(optimizer, "param_groups") or not hasattr(scheduler, "step"):
        name = type(scheduler).__name__
        raise SettingError(f"a {name} is no scheduler: it needs step() and optimizer.param_groups")
    if steps < 1:
        raise SettingError(f"steps={steps!r} is no number of steps: at least 1")
    names = group_names(optimizer)
    needed = _needed(scheduler)
    columns, note = [_rates(optimizer)], ""
    if needed:
        wanted = ", ".join(needed)
        note = f"{type(scheduler).__name__}.step waits for {wanted}: these are the current rates"
        columns *= steps
    elif steps > 1:
        found, note = _ahead(scheduler, steps - 1)
        columns += found
    columns = columns[:steps]
    rates = [[column[index] for column in columns] for index in range(len(names))]
    numbers = [start + index for index in range(len(columns))]
    return Forecast(numbers, rates, names, bool(needed), note)


def _ahead(scheduler: Any, steps: int) -> tuple[list[list[float]], str]:
    """Return the rates after each of so many steps of a copy, and why there are fewer."""
    found: list[list[float]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of schedulers inside others, about their own calls
        ahead = _copied(scheduler)
        try:
            for _ in range(steps):
                ahead.step()
                found.append(_rates(ahead.optimizer))
        except Exception as error:  # noqa: BLE001 - a stranger's scheduler at its end; told in note
            name = type(scheduler).__name__
            return found, f"{name} ends after {len(found)} more steps: {error}"
    return found, ""


def _rates(optimizer: Any) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def _needed(scheduler: Any) -> list[str]:
    """Return what ``step`` must be given, such as ``metrics``."""
    parameters = list(inspect.signature(type(scheduler).step).parameters.values())[1:]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    return [p.name for p in parameters if p.kind in named and p.default is p.empty]


def _copied(scheduler: Any) -> Any:
    """Return a copy of a scheduler that is bound to a stand-in for its optimizer."""
    optimizer = scheduler.optimizer
    # What is in the memo is not copied: the optimizer's place is taken, weights are shared.
    memo: dict[int, Any] = {id(optimizer): _stand_in(optimizer)}
    for group in optimizer.param_groups:
        memo |= {id(weight): weight for weight in group["params"]}
    try:
        copied = copy.deepcopy(scheduler, memo)
    except Exception as error:
        name = type(scheduler).__name__
        raise SettingError(f"the {name} cannot be copied for a forecast: {error}") from error
    _unwrap(copied)
    return copied


def _unwrap(scheduler: Any) -> None:
    """Remove ``step`` where somebody replaced it on the object: it is bound to the original."""
    vars(scheduler).pop("step", None)
    for inner in getattr(scheduler, "_schedulers", ()):
        _unwrap(inner)


def _stand_in(optimizer: Any) -> Any:
    """Return an optimizer without weights, hooks and state, with copies of the groups' settings."""
    torch = require("torch", extra="torch", why="forecast")

    class StandIn(torch.optim.Optimizer):  # type: ignore[misc, name-defined]  # PyTorch is not followed
        """Has what schedulers read and write."""

    def step() -> None:
        """Never called; marked as schedulers mark the steps that they watch."""

    # Schedulers warn when the optimizer was not stepped before them.
    step._wrapped_by_lr_sched = step._with_counter = True  # type: ignore[attr-defined]  # noqa: SLF001
    made = object.__new__(StandIn)
    made.__dict__.update(
        defaults=dict(getattr(optimizer, "defaults", {})), state={}, step=step,
        param_groups=[_settings(torch, group) for group in optimizer.param_groups],
        _opt_called=True, _step_count=1,
    )  # fmt: skip
    return made


def _settings(torch: Any, group: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a parameter group; tensors are copied, as schedulers fill them."""
    settings: dict[str, Any] = {"params": []}
    for name, value in group.items():
        if isinstance(value, torch.Tensor):
            settings[name] = value.detach().clone()
        elif name not in ("params", "param_names"):
            settings[name] = copy.copy(value)
    return settings
