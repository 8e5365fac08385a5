"""What a run says of itself, for the sections: its configuration and its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from epochal.core.nested import flatten, merge
from epochal.sinks.tensorboard import text
from epochal.sinks.tensorboard.events import scalar
from epochal.sinks.tensorboard.layout import Layout
from epochal.sinks.tensorboard.sections import CONFIGURATION

KEY = "config/config"
"""The name under which the configuration is asked for, so that its section can be off."""

MAX_WHOLE = 2**63

NUMBERS: Mapping[str, str] = {
    "batch_size": "Batch_Size", "learning_rate": "Learning_Rate", "lr": "Learning_Rate",
    "num_epochs": "Num_Epochs", "epochs": "Num_Epochs", "timesteps": "Timesteps",
    "gradient_accumulation_steps": "Gradient_Accumulation_Steps",
}  # fmt: skip
"""Keys of a configuration, small or capital, that are numbers of their own, too."""


class Facts:
    """The values that configuration and summary become.

    Args:
        layout: where things stand.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._config: dict[str, Any] = {}

    def config(self, update: Mapping[str, Any]) -> list[Any]:
        """Return the values of a configuration after a change: a table, and some numbers."""
        merge(self._config, update)
        if not self._config:
            return []
        leaves = flatten(self._config)
        table = text.table(["setting", "value"], list(leaves.items()))
        values = [text.value(tag, table) for tag in self._layout.of_medium(KEY)]
        return [*values, *self._numbers(leaves)] if values else []

    def summary(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values of what the run's summary says of the model."""
        found = []
        for name, value in values.items():
            if not name.startswith("model/"):
                continue
            if _is_number(value):
                places = self._layout.of_number(name)
                found += [scalar(place.tag, value * place.factor) for place in places]
            elif isinstance(value, str):
                found += [text.value(tag, text.code(value)) for tag in self._layout.of_medium(name)]
        return found

    def state(self) -> dict[str, Any]:
        """Return what is known so far, JSON-able."""
        copied: dict[str, Any] = {}
        merge(copied, self._config)
        return copied

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a state, or from the beginning: None."""
        self._config = {}
        merge(self._config, state or {})

    @staticmethod
    def _numbers(leaves: Mapping[str, Any]) -> Iterator[Any]:
        found: dict[str, dict[str, Any]] = {}
        for name, value in leaves.items():
            known = NUMBERS.get(name.lower().rpartition(".")[2])
            if known and _is_number(value):
                found.setdefault(known, {})[name] = value
        for known, values in found.items():
            top = {name: value for name, value in values.items() if "." not in name}
            value, *others = (top or values).values()
            if top or not others:  # of two nested ones none is the run's
                yield scalar(f"{CONFIGURATION}/{known}", value)


def _is_number(value: object) -> bool:
    """Say whether a value is a number that a float can hold."""
    if isinstance(value, bool):
        return False
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < MAX_WHOLE)
