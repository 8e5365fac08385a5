"""What the front doors share: how they start a run, and keep errors of theirs from the training."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from epochal.core.errors import LogError
from epochal.record.config import read_config
from epochal.record.run import Run
from epochal.record.values import checked_step, shown
from epochal.settings import Settings, load

NOT_SETTINGS = ("seed", "id", "resume_step", "fork", "on_alert")
"""Arguments of ``epochal.init`` that are about one run only."""


Method = TypeVar("Method", bound=Callable[..., Any])


def kept_from_training(method: Method) -> Method:
    """Make a method count and tell an error of its own and return None, unless the run is strict.

    Its object has the run as ``run``.

    Example:
        >>> import epochal
        >>> class Logger:
        ...     run = epochal.init(mode="off")
        ...     @kept_from_training
        ...     def log(self, value):
        ...         self.run.log({"value": 1 / value})
        >>> Logger().log(0)
    """

    @functools.wraps(method)
    def guarded(self: Any, /, *given: Any, **named: Any) -> Any:
        try:
            return method(self, *given, **named)
        except LogError:
            raise
        except Exception as error:  # noqa: BLE001 - a logger's error never ends training; told
            message = f"{method.__name__}() failed: {type(error).__name__}: {error}"
            run: Run = self.run
            run.report_problem(method.__name__, message)
            return None

    return cast("Method", guarded)


def number(name: str, given: Any, otherwise: float) -> float:
    """Return a step or an epoch as it was given, or another one where it was not.

    One that is no number ends here: what counts on from it would be lost as well.

    Raises:
        ValueError: it is no whole number of 64 bits and no finite float.

    Example:
        >>> number("step", None, 7), number("epoch", 0.5, 7)
        (7, 0.5)
    """
    if given is None:
        return otherwise
    try:
        return checked_step(given)
    except ValueError:
        wanted = "a whole number of 64 bits or a finite float"
        raise ValueError(f"{name}={shown(given)} is not {wanted}") from None


def settings_of(arguments: Mapping[str, Any]) -> Settings:
    """Return the settings that a run with these arguments of ``epochal.init`` has."""
    return load({name: v for name, v in arguments.items() if name not in NOT_SETTINGS})


def mirrors_to_wandb(arguments: Mapping[str, Any]) -> bool:
    """Say whether a run is mirrored to W&B where that is the default.

    Only an argument, the environment, or the section ``logging`` of the config says otherwise.

    Example:
        >>> mirrors_to_wandb({}), mirrors_to_wandb({"config": {"logging": {"no_wandb": True}}})
        (True, False)
    """
    config = read_config(arguments.get("config"))
    section = config.get("logging")
    said = section if isinstance(section, Mapping) else {}
    wanted = {"enable_wandb": said.get("no_wandb") is not True, **said}
    return "wandb" in settings_of({**arguments, "config": {**config, "logging": wanted}}).sinks
