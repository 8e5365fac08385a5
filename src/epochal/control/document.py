"""The form as JSON: kept, handed on, and understood by ``epochal.init`` as well.

The settings stand under ``epochal`` and what remains is the config of the run.  That is the form of
a template: ``epochal.init(preset="mine.json")`` starts a run with what the panel has saved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from epochal.control import form
from epochal.control.fields import INTERVALS, PATHS, SWITCHES, TRAINING, defaults
from epochal.control.form import Places, Problems, Values
from epochal.core.errors import ConfigError, SettingError
from epochal.settings import LEGACY_NAMES, load
from epochal.settings.presets import preset_named

MAX_CHARS = 100_000

_TRAINING = {field.key for field in TRAINING}
_CADENCE = {field.key.removeprefix("every.") for field in INTERVALS}
_SETTINGS = {
    "project", "name", "tags", "notes", "sinks", "cadence", *(field.key for field in PATHS),
    *(name for _, name in SWITCHES), *(f"cadence.{kind}" for kind in _CADENCE),
}  # fmt: skip


def to_json(values: Mapping[str, Any], places: Places) -> str:
    """Return a checked form as JSON.

    Raises:
        ValueError: a folder lies where it may not: the form was not checked.
    """
    document = {**form.config(values), "epochal": form.settings(values, places)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str, places: Places) -> tuple[Values, Problems, list[str]]:
    """Return the form that a document holds, what is wrong with it, and what was left out.

    Besides forms that were saved here, it may be the JSON of an ``ExperimentConfig``, or any
    mapping of settings, older names and the name of a preset.

    Args:
        text: the document.
        places: where folders may lie.

    Raises:
        ConfigError: it is no JSON object, or is too long.
        SettingError: a setting has a value that it cannot have.

    Example:
        >>> found = from_json('{"experiment_name": "clip", "log_interval": 5}', Places("runs"))
        >>> found[0]["name"], found[0]["every.train"]
        ('clip', '5')
    """
    given = _object(text)
    section = given.pop("epochal", None)
    training = {key: given.pop(key) for key in tuple(given) if key in _TRAINING}
    if section is None:
        section, given = given, {}
    if not isinstance(section, dict):
        raise ConfigError("the section 'epochal' must be an object")
    section = {str(name): value for name, value in section.items() if value not in (None, "")}
    preset = preset_named(str(section.pop("preset", "")))
    if "run_name" in section:  # beside it the experiment would be a group, which the form lacks
        given["experiment_name"] = section.pop("experiment_name", None)
    kept = {name: value for name, value in section.items() if _setting(name, value) in _SETTINGS}
    left_out = [name for name, value in {**given, **section}.items() if value and name not in kept]
    values = defaults()
    if preset is not None:
        values, _ = form.with_preset(values, preset)
    said = values | _fields(kept, preset, places) | training
    values, problems = form.read(said, places)
    return values, problems, left_out


def _object(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARS:
        raise ConfigError(f"the file is too large: it may have {MAX_CHARS:,} characters")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the file is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ConfigError("the file must hold a JSON object")
    return given


def _setting(name: str, value: Any) -> str:
    """Return the setting that a name means, "" if the form has none of it.

    Settings that the form lacks stay out, as some of them name files to be read.
    """
    if name in LEGACY_NAMES:
        return LEGACY_NAMES[name].setting.partition(" ")[0]
    return "" if name == "sinks" and isinstance(value, Mapping) else name


def _fields(kept: Mapping[str, Any], preset: str | None, places: Places) -> Values:
    """Return what settings say as values of the form; only of those that were said.

    Raises:
        SettingError: one has a value that it cannot have.
    """
    if not isinstance(kept.get("cadence", {}), Mapping):
        raise SettingError("cadence must be an object of kinds and intervals")
    try:
        found = load({"preset": preset, **kept}, environ={}, cwd=places.root)
    except (TypeError, AttributeError) as error:
        raise SettingError(f"a setting has a value of another type: {error}") from error
    said = {_setting(name, kept[name]) for name in kept}
    said |= {f"cadence.{kind}" for kind in kept.get("cadence", ())}
    values: Values = {key: getattr(found, key) for key in said & {"project", "name", "notes"}}
    if "tags" in said:
        values["tags"] = list(found.tags)
    if "sinks" in said:
        values["sinks"] = list(found.sinks)
    if any(name in said for _, name in SWITCHES):
        unsaid = set(defaults()["log"])
        values["log"] = [
            name for _, name in SWITCHES
            if (getattr(found, name) if name in said else name in unsaid)
        ]  # fmt: skip
    for kind in _CADENCE & {each.removeprefix("cadence.") for each in said}:
        values[f"every.{kind}"] = str(found.cadence[kind])
    for key in said & {field.key for field in PATHS}:
        path = getattr(found, key)
        values[key] = places.shown(path) if path else ""
    return values
