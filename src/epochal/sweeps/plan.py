"""What a sweep is to try: settings from a grid or a list, and the trials that they make."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.core.errors import ConfigError
from epochal.core.nested import flatten, merge
from epochal.core.redact import redact
from epochal.record.plain import locate, plain

MARK = "sweep"
"""The key of a run's summary under which stands which trial it is."""


@dataclass(frozen=True)
class Setting:
    """What one trial of a sweep changes in the config.

    Attributes:
        label: what it is called in names and tables.
        values: key of the config, dotted where it is nested, to value.
        change: those that tables show; None: all.

    Example:
        >>> Setting.of({"lr": 1e-3, "model": {"width": 64}}).label
        'lr=0.001 model.width=64'
    """

    label: str
    values: Mapping[str, Any]
    change: Mapping[str, Any] | None = None

    @property
    def shown(self) -> Mapping[str, Any]:
        """The values that tables show."""
        return self.values if self.change is None else self.change

    @classmethod
    def of(cls, values: Mapping[str, Any], label: str | None = None) -> Setting:
        """Return a setting; without a label it is made of the values."""
        kept = flatten(plain(values))
        return cls(label or " ".join(f"{k}={_short(v)}" for k, v in kept.items()) or "base", kept)

    def apply(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return a config with the setting: a dotted key goes where its path leads.

        Example:
            >>> Setting.of({"model.width": 64}).apply({"lr": 0.1, "model": {"depth": 2}})
            {'lr': 0.1, 'model': {'depth': 2, 'width': 64}}
        """
        config: dict[str, Any] = {}
        merge(config, base)
        for key, value in self.values.items():
            nested: Any = value
            for part in reversed(locate(config, key) or tuple(key.split("."))):
                nested = {part: nested}
            merge(config, nested)
        return config


@dataclass(frozen=True)
class Trial:
    """One run that a sweep is to make.

    Attributes:
        number: from 0.
        setting: what it changes.
        seed: its seed, None if the sweep gives none.
    """

    number: int
    setting: Setting
    seed: int | None

    def describe(self, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the run's summary says of the trial; equal trials have equal ids."""
        about = {
            "name": name, "number": self.number, "label": self.setting.label,
            "setting": redact(dict(self.setting.shown)), "seed": self.seed,
        }  # fmt: skip
        return {**about, **identify(config, self.seed, self.setting.values)}


def settings_of(given: Any) -> list[Setting]:
    """Return the settings of a grid (a mapping of keys to values) or of a list.

    Raises:
        ConfigError: there is none, two have one label, or the values of a key are no list.

    Example:
        >>> [setting.label for setting in settings_of({"lr": [0.1, 0.2], "depth": [2]})]
        ['lr=0.1 depth=2', 'lr=0.2 depth=2']
    """
    if isinstance(given, Mapping):
        settings = _grid(given)
    elif isinstance(given, Sequence) and not isinstance(given, str | bytes):
        settings = [each if isinstance(each, Setting) else _checked(each) for each in given]
    else:
        message = f"a sweep takes a grid (a mapping) or a list of settings, not {given!r}"
        raise ConfigError(message)
    if not settings:
        raise ConfigError("the sweep has no settings: give at least one")
    labels = [setting.label for setting in settings]
    if double := {label for label in labels if labels.count(label) > 1}:
        raise ConfigError(f"the sweep has the same setting twice: {', '.join(sorted(double))}")
    return settings


def trials_of(settings: Sequence[Setting], seeds: Any) -> list[Trial]:
    """Return a trial for each setting and seed; all settings have the first seed first.

    Raises:
        ConfigError: ``seeds`` is no number of at least 1 and no list of different numbers.
    """
    chosen: list[int | None] = [None]
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
        chosen = list(range(seeds))
    elif isinstance(seeds, Sequence) and not isinstance(seeds, str) and seeds:
        chosen = list(seeds)
    elif seeds is not None:
        raise ConfigError(f"seeds={seeds!r}: give how many, at least 1, or a list of them")
    wrong = any(isinstance(s, bool) or not isinstance(s, int | None) for s in chosen)
    if wrong or len(set(chosen)) < len(chosen):
        raise ConfigError(f"seeds={seeds!r}: seeds are whole numbers, each there once")
    pairs = itertools.product(chosen, settings)
    return [Trial(number, setting, seed) for number, (seed, setting) in enumerate(pairs)]


def identify(
    config: Mapping[str, Any], seed: int | None, chosen: Mapping[str, Any]
) -> dict[str, str]:
    """Return ids of a config: ``variant`` without the seed, ``trial`` with it.

    Secrets do not count, as a new password makes no new trial; but what was chosen does, also under
    a name such as "pool.token" that is redacted.
    """
    redacted = redact(dict(config))
    known = flatten(redacted)
    hidden = {key: value for key, value in chosen.items() if known.get(key) != value}
    shown = {key: value for key, value in redacted.items() if key != "seed"}
    kept = [shown, hidden] if hidden else shown
    if seed is None and "seed" in config:
        seed = config["seed"]
    return {"variant": digest(kept), "trial": digest([kept, seed])}


def _grid(given: Mapping[str, Sequence[Any]]) -> list[Setting]:
    for key, values in given.items():
        listed = isinstance(values, Sequence) or hasattr(values, "tolist")
        if not listed or isinstance(values, str | bytes) or not len(values):
            message = f"grid: {key!r} is {values!r}, not a list of values: write [{values!r}]"
            raise ConfigError(message)
    if not given:
        return []
    product = itertools.product(*given.values())
    return [_grid_setting(dict(zip(given, values, strict=True))) for values in product]


def _grid_setting(values: Mapping[str, Any]) -> Setting:
    label = " ".join(f"{key}={_short(plain(value))}" for key, value in values.items())
    return Setting.of(values, label)


def _checked(each: object) -> Setting:
    if isinstance(each, Mapping):
        return Setting.of(each)
    raise ConfigError(f"a setting of a sweep is a mapping of config keys to values, not {each!r}")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def digest(value: Any) -> str:
    """Return 16 hex digits that are the same for equal plain values."""
    text = json.dumps(plain(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
