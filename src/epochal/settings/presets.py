"""Presets: named settings to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Preset(NamedTuple):
    """A named set of settings; ``title`` is accepted as a name too."""

    title: str
    settings: Mapping[str, Any]


PRESETS: Mapping[str, Preset] = {
    "basic": Preset(
        "Basic Tracking",
        {
            "sinks": ["+tensorboard"],
            "cadence": {"train": 10},
            "log_gradients": False,
        },
    ),
    "full": Preset(
        "Full Tracking",
        {
            "sinks": ["+tensorboard", "+wandb"],
            "cadence": {"train": 5, "gradients": 5},
            "log_gradients": True,
            "log_images": True,
        },
    ),
    "stability": Preset(
        "Numerical Stability Focus",
        {
            "sinks": ["+tensorboard", "+wandb"],
            "cadence": {"train": 1, "gradients": 1, "numerics": 1},
            "log_gradients": True,
            "log_numerics": True,
        },
    ),
}
"""The presets that come with Epochal.

Example:
    >>> PRESETS["stability"].title
    'Numerical Stability Focus'
"""


def preset_named(name: str) -> str | None:
    """Return the short name of a preset given by any of its names, None for others.

    Example:
        >>> preset_named("Full Tracking"), preset_named("mine")
        ('full', None)
    """
    wanted = name.strip().casefold()
    for short, preset in PRESETS.items():
        if wanted in (short, preset.title.casefold()):
            return short
    return None
