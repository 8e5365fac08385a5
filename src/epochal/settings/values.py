"""Kinds of values that settings have, each with how it is read from what a person wrote.

Readers raise ``ValueError`` for what is not allowed; whoever knows the setting's name and source
makes it a :class:`~epochal.core.errors.SettingError`.  ``None`` never arrives: it means not given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from epochal.core.sink import Sink
from epochal.record.cadence import ALLOWED, Every, parse_table

TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json")


class Value(NamedTuple):
    """A kind of value.

    Attributes:
        type: its name for people.
        allowed: what may be written.
        read: turns what was written into the value; the path is where relative paths start.
    """

    type: str
    allowed: str
    read: Callable[[Any, str], Any]


_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def read_switch(value: object) -> bool:
    """Return a switch that was written as a boolean, 0, 1 or a word.

    Example:
        >>> read_switch("off"), read_switch(1)
        (False, True)
    """
    found = _WORDS.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
    if found is None:
        raise ValueError
    return found


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _read_optional_text(value: object) -> str | None:
    return None if value == "" else _read_text(value)


def _read_free_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the one error that readers raise
    return value


def _read_path(value: object, base: str) -> str:
    text = os.fsdecode(value) if isinstance(value, os.PathLike) else _read_text(value)
    path = os.path.expanduser(text)
    if path.startswith("~"):  # ~nobody
        raise ValueError
    return os.path.normpath(os.path.join(base, path))


def _read_optional_path(value: object, base: str) -> str | None:
    return None if value == "" else _read_path(value, base)


def _read_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004 - the one error that readers raise
    return tuple(dict.fromkeys(_read_text(name) for name in value))


def read_sinks(value: object) -> tuple[str | Sink, ...]:
    """Return names and ``Sink`` objects; all names or none begin with ``+`` or ``-``.

    Example:
        >>> read_sinks("csv, json"), read_sinks(["+wandb"])
        (('csv', 'json'), ('+wandb',))
    """
    if isinstance(value, str):
        value = value.split(",")
    entries = [value] if isinstance(value, Sink) else value
    if not isinstance(entries, Iterable) or isinstance(entries, Mapping):
        raise ValueError  # noqa: TRY004 - the one error that readers raise
    sinks = tuple(
        entry if isinstance(entry, Sink) and not isinstance(entry, type) else _read_text(entry)
        for entry in entries
    )
    if any(changes_sinks([entry]) for entry in sinks) and not changes_sinks(sinks):
        raise ValueError
    return sinks


def changes_sinks(sinks: Sequence[object]) -> bool:
    """Say whether all of these are changes to sinks that were said before.

    Example:
        >>> changes_sinks(["+wandb", "-json"]), changes_sinks(["csv"]), changes_sinks([])
        (True, False, False)
    """
    return bool(sinks) and all(isinstance(each, str) and each[0] in "+-" for each in sinks)


def _read_options(value: object) -> dict[str, dict[str, Any]]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise ValueError
    return {str(sink): dict(options) for sink, options in value.items()}


def _read_cadence(value: object) -> dict[str, Every]:
    if isinstance(value, str):
        pairs = (part.partition("=") for part in value.split(",") if part.strip())
        value = {kind.strip(): every.strip() for kind, _, every in pairs}
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004 - the one error that readers raise
    return parse_table({str(kind): every for kind, every in value.items() if every is not None})


def _read_config(value: object, base: str) -> dict[str, Any]:
    from epochal.record.config import read_config  # not needed before a run starts

    if isinstance(value, str | os.PathLike):
        value = _read_path(value, base)
    return read_config(value)


def _read_preset(value: object, base: str) -> str | None:
    is_file = isinstance(value, os.PathLike) or str(value).lower().endswith(TEMPLATE_SUFFIXES)
    return _read_path(value, base) if is_file else _read_optional_text(value)


def one_of(*words: str) -> Value:
    """Return the kind whose values are these words; on and off may be written as booleans.

    Example:
        >>> one_of("on", "off").read(False, "")
        'off'
    """

    def read(value: object, _: str) -> str:
        text = str(value).strip().lower() if isinstance(value, bool | str) else ""
        text = {"true": "on", "false": "off"}.get(text, text)
        if text not in words:
            raise ValueError
        return text

    return Value("word", ", ".join(f"'{word}'" for word in words), read)


TEXT = Value("text", "text that is not empty", lambda value, _: _read_text(value))
OPTIONAL_TEXT = Value("text or none", "text; '' is none", lambda v, _: _read_optional_text(v))
FREE_TEXT = Value("text", "text", lambda value, _: _read_free_text(value))
PATH = Value("path", "a path", _read_path)
OPTIONAL_PATH = Value("path or none", "a path; '' is none", _read_optional_path)
SWITCH = Value("switch", "true or false", lambda value, _: read_switch(value))
PRESET = Value(
    "text or none",
    "'basic', 'full', 'stability', a template of epochal.toml, or the path of a YAML or JSON file",
    _read_preset,
)
NAMES = Value("list", "a list of texts, or text with commas", lambda value, _: _read_names(value))
SINKS = Value(
    "list",
    "names of sinks, also as text with commas; '+name' and '-name' add to and take from what a"
    " source of lower priority says",
    lambda value, _: read_sinks(value),
)
OPTIONS = Value(
    "table",
    "sink = {option = value}, also as text in JSON",
    lambda value, _: _read_options(value),
)
CADENCE = Value(
    "table",
    f"kind = interval, also as text with commas; an interval is {ALLOWED}",
    lambda value, _: _read_cadence(value),
)
CONFIG = Value("table", "a mapping, or the path of a YAML or JSON file", _read_config)
