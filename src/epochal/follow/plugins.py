"""Sinks by name: the entry points ``epochal.sinks``, ours and strangers' through the same door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from epochal.core.errors import SettingError, did_you_mean
from epochal.core.sink import Sink

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "epochal.sinks"
BUILT_IN = {"csv": "epochal.sinks.csv_files:CsvSink", "json": "epochal.sinks.json_files:JsonSink"}
"""Known without looking through all installed packages."""

ANNOUNCED = ("tensorboard", "wandb", "mlflow")
"""Named by presets; a run that asks for one is told that it goes on without."""


def known() -> dict[str, EntryPoint]:
    """Return all sinks that are installed, by name."""
    from importlib.metadata import entry_points  # slow: only for sinks that are not built in

    return {point.name: point for point in entry_points(group=GROUP)}


def why_not(name: str) -> str:
    """Return why a sink that is asked for cannot be had, "" if it can.

    Raises:
        SettingError: no release has a sink of that name and no package brings one.
    """
    if name in BUILT_IN:
        return ""
    found = known()
    if name in found:
        return ""
    if name in ANNOUNCED:
        return f"sink {name!r} is not part of this release: the run goes on without it"
    names = sorted({*found, *BUILT_IN})
    message = f"there is no sink {name!r}{did_you_mean(name, names)}; installed: {', '.join(names)}"
    raise SettingError(message)


def load(name: str, options: Mapping[str, Any]) -> Sink:
    """Make a sink by name.

    Raises:
        SettingError: there is no such sink, or it refuses the options.
        Exception: whatever importing a stranger's sink raises.
    """
    from importlib.metadata import EntryPoint

    if name in BUILT_IN:
        point = EntryPoint(name, BUILT_IN[name], GROUP)
    else:
        missing = why_not(name)
        if missing:
            raise SettingError(missing)
        point = known()[name]
    try:
        return cast("Sink", point.load()(**options))
    except TypeError as error:
        message = f"sink {name!r} does not take the options {dict(options)!r}: {error}"
        raise SettingError(message) from error
