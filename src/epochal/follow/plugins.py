"""Sinks by name: the entry points ``epochal.sinks``, ours and strangers' through the same door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from epochal.core.errors import MissingExtraError, SettingError, did_you_mean
from epochal.core.sink import Sink

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "epochal.sinks"
BUILT_IN = {
    "csv": "epochal.sinks.csv_files:CsvSink",
    "json": "epochal.sinks.json_files:JsonSink",
    "tensorboard": "epochal.sinks.tensorboard.files:TensorBoardSink",
    "wandb": "epochal.sinks.wandb.runs:WandbSink",
    "mlflow": "epochal.sinks.mlflow.runs:MlflowSink",
}
"""Known without looking through all installed packages."""

PACKAGES = ("tensorboard", "wandb", "mlflow")
"""Built-in sinks that need a package; it, the sink and Epochal's extra share one name."""


def known() -> dict[str, EntryPoint]:
    """Return all sinks that are installed, by name."""
    from importlib.metadata import entry_points  # slow: only for sinks that are not built in

    return {point.name: point for point in entry_points(group=GROUP)}


def why_not(name: str) -> str:
    """Return why a sink that is asked for cannot be had here and now, "" if it can.

    Raises:
        SettingError: no release has a sink of that name and no package brings one.
    """
    if name in BUILT_IN:
        from importlib.util import find_spec

        if name not in PACKAGES or find_spec(name) is not None:
            return ""
        return (
            f"sink {name!r} is off: it needs the package {name!r}, which is not installed:"
            f" pip install 'epochal[{name}]', then `epochal sync` brings it up to date"
        )
    found = known()
    if name in found:
        return ""
    names = sorted({*found, *BUILT_IN})
    message = f"there is no sink {name!r}{did_you_mean(name, names)}; installed: {', '.join(names)}"
    raise SettingError(message)


def load(name: str, options: Mapping[str, Any]) -> Sink:
    """Make a sink by name.

    Raises:
        SettingError: there is no such sink, or it refuses the options.
        MissingExtraError: the package that it needs is not installed.
        Exception: whatever importing a stranger's sink raises.
    """
    from importlib.metadata import EntryPoint

    if missing := why_not(name):
        raise MissingExtraError(missing)
    built_in = BUILT_IN.get(name)
    point = EntryPoint(name, built_in, GROUP) if built_in else known()[name]
    try:
        return cast("Sink", point.load()(**options))
    except TypeError as error:
        message = f"sink {name!r} does not take the options {dict(options)!r}: {error}"
        raise SettingError(message) from error
