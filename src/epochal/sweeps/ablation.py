"""Ablations: a baseline, and settings that differ from it in one thing each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.core.errors import ConfigError
from epochal.core.nested import flatten
from epochal.record.config import read_config
from epochal.record.plain import locate, plain, unknown_key
from epochal.sweeps.plan import Setting

BASELINE = "baseline"


def ablation(
    baseline: object, changes: Mapping[str, Mapping[str, Any]], *, name: str = BASELINE
) -> list[Setting]:
    """Return the settings of an ablation: the baseline, then one for each change of it.

    Args:
        baseline: the config that the changes are made in, as ``init`` takes it.
        changes: what each setting is called, and the keys of the config that it changes (dotted
            where they are nested).
        name: what the baseline is called.

    Raises:
        ConfigError: a change has a key that the baseline does not have, changes nothing, does the
            same as another, or has the baseline's name.

    Example:
        >>> settings = ablation({"lr": 0.1, "clip": 1.0}, {"no clipping": {"clip": None}})
        >>> [(setting.label, setting.values["clip"]) for setting in settings]
        [('baseline', 1.0), ('no clipping', None)]
    """
    base = read_config(baseline)
    if not base:
        raise ConfigError("the baseline of an ablation is empty: give the config that is changed")
    settings = [Setting(name, flatten(base), {})]
    tried: dict[str, dict[str, Any]] = {name: base}
    for label, change in changes.items():
        if label in tried:
            raise ConfigError(f"ablation {label!r} has the name of the baseline")
        for key in change:
            if locate(base, key) is None:
                raise ConfigError(f"ablation {label!r}: {unknown_key(base, key)}")
        config = Setting.of(change).apply(base)
        for other, known in tried.items():
            if known == config:
                raise ConfigError(f"ablation {label!r} gives the same config as {other!r}")
        tried[label] = config
        settings.append(Setting(label, flatten(config), flatten(plain(change))))
    return settings
