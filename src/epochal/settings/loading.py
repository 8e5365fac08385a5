"""From sources to one settings object."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from epochal.core.errors import SettingError, did_you_mean
from epochal.core.nested import merge
from epochal.settings.declaration import Settings, defaults
from epochal.settings.legacy import LOGGING_SECTION
from epochal.settings.presets import PRESETS, preset_named
from epochal.settings.sources import (
    Given,
    SettingsFile,
    Source,
    from_arguments,
    from_environment,
    read_settings_file,
    read_source,
    warn_once,
)
from epochal.settings.values import TEMPLATE_SUFFIXES, changes_sinks


def load(
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Settings:
    """Return the settings that all sources together say.

    A later one of these overrides an earlier one:

    1. the defaults;
    2. the table ``[epochal]`` of the nearest ``epochal.toml``, searched from the current folder
       upwards to the root of the repository or the home folder;
    3. the preset or template, if the environment or an argument chose it; one that
       ``epochal.toml`` chose comes before the other settings of that file;
    4. the section ``logging`` of the config, for the names in ``LOGGING_SECTION``; a value that is
       not allowed there is told and ignored, because the config is the user's own;
    5. environment variables ``EPOCHAL_<SETTING>`` and the older ones in capitals; empty: not given;
    6. arguments; None: not given.

    ``config``, ``cadence`` and ``sink_options`` are merged over all sources; ``sinks`` with signs
    (``+wandb``, ``-json``) change what was said before; anything else is replaced.  Relative paths
    start in the folder of the file that names them, or in the current folder.

    A template is a table ``[epochal.templates.NAME]`` of settings, with the config in its table
    ``config``; or a YAML or JSON file that is a config, with settings in its section ``epochal``.
    It may start from another one with ``preset``.

    Args:
        arguments: settings by name; ``config`` is anything that ``read_config`` reads.
        environ: default the environment of the process.
        cwd: default the current folder.

    Raises:
        SettingError: a name is unknown (except in the environment: told through ``logging``) or a
            value is not allowed; the message names both, the place and what is allowed.
        ConfigError: the config cannot be read.

    Example:
        >>> settings = load({"preset": "stability", "cadence": {"images": "30s"}}, environ={})
        >>> settings.sinks, str(settings.cadence["images"])
        (('csv', 'json', 'tensorboard', 'wandb'), '30 s')
    """
    environ = os.environ if environ is None else environ
    folder = os.path.abspath(os.getcwd() if cwd is None else cwd)
    file = read_settings_file(folder, environ)
    asked = [
        read_source(from_environment(environ, folder)),
        read_source(from_arguments(arguments or {}, folder)),
    ]
    base = _file_and_preset(file, [*asked[0], *asked[1]])
    values = defaults(folder, environ)
    for layer in [*base, *asked]:
        _apply(values, (given for given in layer if given.setting == "config"))
    section = _logging_section(values["config"], folder)
    values = defaults(folder, environ)
    for layer in [*base, section, *asked]:
        _apply(values, layer)
    return Settings(**values)


def _file_and_preset(file: SettingsFile, asked: list[Given]) -> list[list[Given]]:
    """Return what the file and the chosen preset say, in rising priority."""
    given = read_source(file.source)
    chosen = [entry for entry in asked if entry.setting == "preset"]
    if chosen:
        return [given, *_preset(chosen[-1].value, file, ())]
    chosen = [entry for entry in given if entry.setting == "preset"]
    return [*_preset(chosen[-1].value if chosen else None, file, ()), given]


def _preset(name: str | None, file: SettingsFile, seen: tuple[str, ...]) -> list[list[Given]]:
    """Return what a preset or template says, after what the one that it starts from says."""
    if not name:
        return []
    if name in seen:
        raise SettingError(f"templates start from each other: {' → '.join([*seen, name])}")
    given = read_source(_preset_source(name, file))
    inner = [entry.value for entry in given if entry.setting == "preset"]
    own = [entry for entry in given if entry.setting != "preset"]
    return [*_preset(inner[-1] if inner else None, file, (*seen, name)), own]


def _preset_source(name: str, file: SettingsFile) -> Source:
    short = preset_named(name)
    if short is not None:
        return Source(PRESETS[short].settings, lambda _: f"preset {short!r}", "")
    if name in file.templates:
        return file.templates[name]
    if name.lower().endswith(TEMPLATE_SUFFIXES):
        return _template_file(name)
    known = [*PRESETS, *file.templates]
    raise SettingError(
        f"preset = {name!r} is not known{did_you_mean(name, known)}; allowed: {', '.join(known)},"
        " or the path of a YAML or JSON file"
    )


def _template_file(path: str) -> Source:
    from epochal.record.config import read_config

    config = read_config(path)
    settings = config.pop("epochal", None) or {}
    if not isinstance(settings, dict):
        raise SettingError(f"{path}: the section 'epochal' must be a table of settings")
    where = f"{path}, section epochal"
    return Source({"config": config, **settings}, lambda _: where, os.path.dirname(path))


def _logging_section(config: Mapping[str, Any], folder: str) -> list[Given]:
    section = config.get("logging")
    if not isinstance(section, Mapping):
        return []
    where = "section 'logging' of the config"
    known = {name: section[name] for name in section if name in LOGGING_SECTION}
    for name in list(known):
        try:
            read_source(Source({name: known[name]}, lambda _: where, folder))
        except SettingError as error:
            warn_once(f"{error}; ignored")
            del known[name]
    return read_source(Source(known, lambda _: where, folder))


def _apply(values: dict[str, Any], layer: Iterable[Given]) -> None:

    for setting, value in layer:
        if setting == "config":
            merge(values["config"], value)
        elif setting == "cadence":
            values["cadence"].update(value)
        elif setting == "sink_options":
            for sink, options in value.items():
                values[setting][sink] = {**values[setting].get(sink, {}), **options}
        elif setting == "sinks":
            values["sinks"] = _changed_sinks(values["sinks"], value)
        else:
            values[setting] = value


def _changed_sinks(before: tuple[Any, ...], said: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the sinks after what a source said: a list of its own, or changes with signs."""
    if not changes_sinks(said):
        return tuple(dict.fromkeys(said))
    sinks = list(before)
    for entry in said:
        name = entry[1:]
        sinks = [sink for sink in sinks if sink != name] if entry[0] == "-" else sinks
        if entry[0] == "+" and name not in sinks:
            sinks.append(name)
    return tuple(sinks)
