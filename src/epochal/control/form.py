"""A form that was filled in: checked, and turned into what ``epochal.init`` takes."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from epochal.control.fields import (
    BY_KEY,
    FIELDS,
    INTERVALS,
    MIRRORS,
    PATHS,
    SWITCHES,
    TRAINING,
    defaults,
)
from epochal.core.errors import ConfigError
from epochal.follow import plugins
from epochal.record.cadence import Every
from epochal.record.config import expand_name
from epochal.settings.presets import PRESETS

Values = dict[str, Any]
"""Field → value, as the form keeps it."""

Problems = dict[str, str]
"""Field → what is wrong with it, one sentence without anything of what was given: Gradio reads
what stands beside a field as Markdown."""


class Places(NamedTuple):
    """The folders below which a form may name folders.

    Attributes:
        root: the folder of runs; relative paths start there.
        more: others that whoever started the panel has allowed.
    """

    root: str
    more: tuple[str, ...] = ()

    def resolve(self, text: str) -> str:
        """Return the absolute path of a folder that was named, with links followed.

        Raises:
            ValueError: it lies elsewhere, or is no folder.
        """
        if "\0" in text or text.startswith("~"):
            raise ValueError("Write the folder out: ~ is not filled in.")
        path = os.path.realpath(os.path.join(self.root, text))
        if not any(_is_below(path, os.path.realpath(base)) for base in (self.root, *self.more)):
            raise ValueError(
                "This lies outside of the folder of runs: --allow-path of the command allows it."
            )
        if os.path.lexists(path) and not os.path.isdir(path):
            raise ValueError("There is a file of that name.")
        return path

    def shown(self, path: str) -> str:
        """Return a path as the form shows it: below the folder of runs without that folder."""
        root = os.path.realpath(self.root)
        return os.path.relpath(path, root) if _is_below(path, root) and path != root else path


def read(given: Mapping[str, Any], places: Places) -> tuple[Values, Problems]:
    """Return the values of a form, and what is wrong with it.

    Where a field cannot be read its value is what was given, so that it can be mended.

    Args:
        given: field → what the browser or a file says; what is missing keeps its default.
        places: where folders may lie.

    Example:
        >>> values, problems = read({"steps": 0, "tags": "b, a,b"}, Places("runs"))
        >>> values["tags"], problems
        ('b, a', {'steps': 'Write a whole number from 1 to 1,000,000.'})
    """
    values, problems = defaults(), Problems()
    for field in FIELDS:
        if field.key in given:
            try:
                values[field.key] = field.read(given[field.key])
            except ValueError as error:
                problems[field.key] = str(error)
                values[field.key] = _shown(given[field.key], field.default)
    for key, check in _TOGETHER.items():
        if key not in problems and (wrong := check(values, places)):
            problems[key] = wrong
    return values, problems


def with_preset(values: Mapping[str, Any], preset: str) -> tuple[Values, str]:
    """Return a form after a preset: mirrors, intervals and what is logged; and what was left out.

    Identity, folders and training stay as they are.

    Args:
        values: the form.
        preset: its short name.

    Example:
        >>> with_preset(defaults(), "stability")[0]["every.gradients"]
        '1'
    """
    fresh, said = defaults(), PRESETS[preset].settings
    result = {**values, "sinks": fresh["sinks"], "log": fresh["log"]}
    result |= {field.key: field.default for field in INTERVALS}
    wanted = [name.removeprefix("+") for name in said.get("sinks", ())]
    missing = [name for name in wanted if plugins.why_not(name)]
    on = {*result["sinks"], *wanted} - {*missing}
    result["sinks"] = [name for _, name in MIRRORS if name in on]
    switched = {name for _, name in SWITCHES if said.get(name, name in result["log"])}
    result["log"] = [name for _, name in SWITCHES if name in switched]
    for kind, every in said.get("cadence", {}).items():
        result[f"every.{kind}"] = str(every)
    return result, f"Left off: {_not_installed(missing)}." if missing else ""


def config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a checked form says of the training: the config of its run."""
    return {field.key: values[field.key] for field in TRAINING}


def settings(values: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return what a checked form says of recording, as arguments of ``epochal.init``.

    Raises:
        ValueError: a folder lies where it may not: the form was not checked.
    """
    said: dict[str, Any] = {
        "project": values["project"], "notes": values["notes"], "sinks": list(values["sinks"]),
        "tags": [tag for tag in values["tags"].split(", ") if tag],
        "cadence": {field.key.removeprefix("every."): values[field.key] for field in INTERVALS},
        **{name: name in values["log"] for _, name in SWITCHES},
    }  # fmt: skip
    if values["name"]:
        said["name"] = values["name"]
    for field in PATHS:
        if values[field.key]:
            said[field.key] = places.resolve(values[field.key])
    return said


def _shown(given: Any, default: Any) -> Any:
    """Return what is wrong as it was given, or the default where the field cannot show it."""
    if isinstance(default, str):
        return given if isinstance(given, str) else default
    numbers = isinstance(default, (int, float)) and isinstance(given, (int, float, type(None)))
    return given if numbers else default


def _project(values: Values, _: Places) -> str:
    return "" if values["project"] else "A run belongs to a project: give it a name."


def _name(values: Values, _: Places) -> str:
    try:
        expand_name(values["name"], {key: values[key] for key in map(_key, TRAINING)})
    except ConfigError:
        keys = ", ".join(field.key for field in TRAINING)
        return f"In braces may stand: {keys}."
    return ""


def _key(field: Any) -> str:
    return str(field.key)


def _sinks(values: Values, _: Places) -> str:
    missing = [name for name in values["sinks"] if plugins.why_not(name)]
    if not missing:
        return ""
    return _not_installed(missing)


def _not_installed(mirrors: list[str]) -> str:
    """Say that mirrors are not installed, and what installs them."""
    titles = " and ".join(label for label, name in MIRRORS if name in mirrors)
    are = "is" if len(mirrors) == 1 else "are"
    return f"{titles} {are} not installed: pip install 'epochal[{','.join(mirrors)}]'"


def _training(values: Values, _: Places) -> str:
    if values["training"] == "real" and importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed: pip install 'epochal[torch]'"
    return ""


def _path(key: str) -> Any:
    def check(values: Values, places: Places) -> str:
        try:
            if values[key]:
                places.resolve(values[key])
        except ValueError as error:
            return str(error)
        except OSError:
            return "There can be no such folder."
        return ""

    return check


def _every(key: str) -> Any:
    def check(values: Values, _: Places) -> str:
        unit = Every.parse(values[key]).unit
        if key == "every.system" and values[key] != "never" and unit != "s":
            return "The machine is read by the clock: write 10s or 1min."
        return ""

    return check


_TOGETHER: dict[str, Any] = {
    "project": _project, "name": _name, "sinks": _sinks, "training": _training,
    **{field.key: _path(field.key) for field in PATHS}, "every.system": _every("every.system"),
}  # fmt: skip
"""Checks of what only the whole form, or the machine, can say."""


def _is_below(path: str, base: str) -> bool:
    return path == base or path.startswith(base.rstrip(os.sep) + os.sep)


def labels(keys: Iterable[str]) -> str:
    """Return the labels of fields in their order, for a sentence.

    Example:
        >>> labels(["seed", "every.train"])
        'Training steps (how often), Seed'
    """
    often = {field.key for field in INTERVALS}
    return ", ".join(
        f"{field.label} (how often)" if field.key in often else field.label
        for field in sorted(map(BY_KEY.__getitem__, keys), key=FIELDS.index)
    )
