"""Settings: every path and switch of a run, from files, environment and arguments.

:func:`load` says where settings come from and which source wins; :func:`describe` lists them all;
``LEGACY_NAMES`` are the names that scripts written for other loggers use.
"""

from epochal.settings.declaration import Description, Settings, describe
from epochal.settings.legacy import LEGACY_NAMES, Legacy
from epochal.settings.loading import load
from epochal.settings.presets import PRESETS, Preset

__all__ = [
    "LEGACY_NAMES",
    "PRESETS",
    "Description",
    "Legacy",
    "Preset",
    "Settings",
    "describe",
    "load",
]
