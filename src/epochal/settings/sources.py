"""Places that give values to settings: ``epochal.toml``, the environment, arguments."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from epochal.core.errors import ConfigError, SettingError, did_you_mean
from epochal.core.problems import logger
from epochal.record.cadence import ALLOWED, KINDS, Every
from epochal.settings.declaration import FIELDS, OF_COMMANDS, PREFIX, variable
from epochal.settings.legacy import LEGACY_NAMES
from epochal.settings.presets import preset_named
from epochal.settings.values import changes_sinks

FILE_NAME = "epochal.toml"
MAX_FILE_BYTES = 1 << 20

KIND_NAMES = tuple(f"cadence.{kind}" for kind in KINDS)
OWN_NAMES = (*FIELDS, *KIND_NAMES)


class Source(NamedTuple):
    """A place with values.

    Attributes:
        values: what was written, by setting or older name.
        where: gives the place of one of these, for messages.
        base: where relative paths start.
    """

    values: Mapping[str, Any]
    where: Callable[[str], str]
    base: str


class Given(NamedTuple):
    """A checked value for a setting; for the cadence it is a part of the table."""

    setting: str
    value: Any


@lru_cache(maxsize=256)
def warn_once(message: str) -> None:
    """Tell something through ``logging``, once in a process."""
    logger.warning("%s", message)


def read_source(source: Source) -> list[Given]:
    """Return the checked values of a source, in the order in which they are to be applied.

    A setting's own name comes after older names, so that it wins; changes to the sinks (``+name``)
    come last, so that they apply to the sinks of the same source.

    Raises:
        SettingError: a name is unknown or a value is not allowed.
    """
    values = _flat(source.values)
    for name in values:
        if name not in LEGACY_NAMES and name not in OWN_NAMES:
            near = did_you_mean(name, [*OWN_NAMES, *LEGACY_NAMES])
            known = "epochal.settings.describe() lists the settings"
            raise SettingError(f"{source.where(name)}: there is no setting {name!r}{near}; {known}")
    given = [
        *(_converted(source, name, values) for name in LEGACY_NAMES if name in values),
        *(_checked(source, name, name, values[name]) for name in OWN_NAMES if name in values),
    ]
    told = [entry for entry in given if entry is not None]
    return sorted(told, key=lambda entry: entry.setting == "sinks" and changes_sinks(entry.value))


def _converted(source: Source, name: str, values: Mapping[str, Any]) -> Given | None:
    """Return what an older name means; None: nothing."""
    legacy = LEGACY_NAMES[name]
    setting = legacy.setting.partition(" ")[0].partition(".")[0]
    if name == "experiment_name" and "run_name" in values:
        setting = "group"
    try:
        value = legacy.convert(values[name])
    except ValueError as error:
        raise _refusal(source, name, legacy.allowed) from error
    return None if value is None else _checked(source, name, setting, value)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given, with a table of the cadence and of sinks divided into settings."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name == "cadence" and isinstance(value, Mapping):
            flat.update({f"cadence.{kind}": every for kind, every in value.items()})
        elif name == "sinks" and isinstance(value, Mapping):
            flat["sinks"] = list(value)
            options = {sink: options or {} for sink, options in value.items()}
            flat.setdefault("sink_options", options)
        else:
            flat[name] = value
    return {name: value for name, value in flat.items() if value is not None}


def _checked(source: Source, name: str, setting: str, value: Any) -> Given:
    """Return a value as its setting keeps it; ``name`` is what was written."""
    head, _, kind = setting.partition(".")
    declared = FIELDS[head].metadata["value"]
    try:
        if kind:
            return Given(head, {kind: Every.parse(value)})
        return Given(head, declared.read(value, source.base))
    except ConfigError:
        raise
    except ValueError as error:
        allowed = ALLOWED if kind else declared.allowed
        raise _refusal(source, name, allowed, "" if kind else str(error)) from error


def _refusal(source: Source, name: str, allowed: str, detail: str = "") -> SettingError:
    written = repr(_flat(source.values)[name])
    shown = written if len(written) < 200 else written[:200] + "…"
    why = f" ({detail})" if detail else ""
    return SettingError(
        f"{source.where(name)}: {name} = {shown} is not allowed{why}; allowed: {allowed}"
    )


def from_arguments(arguments: Mapping[str, object], cwd: str) -> Source:
    """Return the source for arguments; None is not given."""
    return Source(arguments, lambda _: "argument", cwd)


def from_environment(environ: Mapping[str, str], cwd: str) -> Source:
    """Return the source for the environment; empty is not given, unknown names are told."""
    known = {name: name for name in LEGACY_NAMES if name.isupper()}
    known |= {PREFIX + name.upper(): name for name in LEGACY_NAMES}
    known |= {variable(name): name for name in OWN_NAMES}
    found = {name: key for key, name in known.items() if environ.get(key)}
    for key in environ:
        if key.startswith(PREFIX) and key not in known and key not in OF_COMMANDS:
            near = did_you_mean(key, known)
            warn_once(f"environment variable {key} is not a setting of Epochal{near}; ignored")
    return Source(
        {name: environ[key] for name, key in found.items()},
        lambda name: f"environment variable {found[name]}",
        cwd,
    )


class SettingsFile(NamedTuple):
    """What ``epochal.toml`` says."""

    source: Source
    templates: Mapping[str, Source]


def read_settings_file(cwd: str, environ: Mapping[str, str]) -> SettingsFile:
    """Return the nearest ``epochal.toml``, empty if there is none.

    It is searched from the current folder upwards to the root of the repository or the home
    folder; outside both, only in the current folder, because others may write above it.

    Raises:
        SettingError: the file cannot be read or is not as it should be.
    """
    path = _find(os.path.realpath(cwd), environ)
    if path is None:
        return SettingsFile(Source({}, str, cwd), {})
    text = _read_text(path)
    tables = _parse(path, text)
    table = tables.pop("epochal", {})
    for name in tables:
        where = f"{path}, line {line_of(text, (name,))}"
        raise SettingError(
            f"{where}: {name!r} stands outside of the table [epochal]: move it there"
        )
    templates = table.pop("templates", {}) if isinstance(table, dict) else None
    if templates is None or not isinstance(templates, dict):
        raise SettingError(f"{path}: [epochal] and [epochal.templates] must be tables")
    sources = {}
    for name, values in templates.items():
        line = line_of(text, ("epochal", "templates", name))
        if preset_named(name) is not None:
            why = "has the name of a preset: rename it"
            raise SettingError(f"{path}, line {line}: template {name!r} {why}")
        if not isinstance(values, dict):
            raise SettingError(f"{path}, line {line}: template {name!r} must be a table")
        sources[name] = _file_source(path, text, values, ("templates", name))
    return SettingsFile(_file_source(path, text, table, ()), sources)


def _file_source(
    path: str, text: str, values: Mapping[str, Any], within: tuple[str, ...]
) -> Source:
    def where(name: str) -> str:
        return f"{path}, line {line_of(text, ('epochal', *within, *name.split('.')))}"

    return Source(values, where, os.path.dirname(path))


def _find(cwd: str, environ: Mapping[str, str]) -> str | None:
    home = os.path.realpath(environ.get("HOME") or "/nonexistent")
    folder, passed = cwd, [cwd]
    while folder != home and not os.access(os.path.join(folder, ".git"), os.F_OK):
        above = os.path.dirname(folder)
        if above == folder:  # neither a repository nor the home folder
            passed = [cwd]
            break
        folder = above
        passed.append(folder)
    found = (os.path.join(each, FILE_NAME) for each in passed)
    return next((path for path in found if os.access(path, os.F_OK)), None)


def _read_text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise SettingError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}") from error


def _parse(path: str, text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:  # its message names the line
        raise SettingError(f"{path} is not valid TOML: {error}") from error


_PART = r"(?:[\w-]+|\"[^\"]*\"|'[^']*')"
_LINE = re.compile(rf"\s*(\[?)\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*[\]=]")


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the number of the line of TOML that begins the value at a path.

    Where it is part of an inline table, the table's line; where nothing fits, 1.

    Example:
        >>> text = chr(10).join(["[epochal]", "mode = 'off'", "cadence.train = 5"])
        >>> line_of(text, ("epochal", "cadence", "train"))
        3
    """
    table: tuple[str, ...] = ()
    best, best_length = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.match(line)
        if match is None:
            continue
        here = tuple(part.strip("\"'") for part in re.findall(_PART, match[2]))
        if match[1]:
            table = here
        else:
            here = (*table, *here)
        if len(here) > best_length and path[: len(here)] == here:
            best, best_length = number, len(here)
    return best
