"""A run's configuration: read from anything, kept as a tree of plain values, merged on writing."""

from __future__ import annotations

import copy
import json
import os
import re
import string
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from epochal.core.errors import ConfigError
from epochal.core.nested import merge
from epochal.core.optional import require
from epochal.record.plain import locate, path_name, plain, unknown_key

MAX_FILE_BYTES = 8 << 20
"""Larger files are data, not configuration."""

FILE_SUFFIXES = (".yaml", ".yml", ".json")

OnUpdate = Callable[[dict[str, Any]], object]


def read_config(source: object) -> dict[str, Any]:
    """Return a configuration as new nested dicts of plain values, see :func:`plain`.

    Args:
        source: None (empty), a mapping, a dataclass instance, an ``argparse.Namespace``, an
            OmegaConf container (interpolations are resolved), an object with ``model_dump()``, or
            the path of a YAML or JSON file of at most 8 MiB.  It is only read.

    Raises:
        ConfigError: it is none of these or cannot be read.

    Example:
        >>> from argparse import Namespace
        >>> read_config(Namespace(lr=1e-3, layers=(64, 64)))
        {'lr': 0.001, 'layers': [64, 64]}
    """
    if source is None:
        return {}
    where = "config"
    if isinstance(source, str | os.PathLike):
        where = f"config file {os.fsdecode(source)!r}"
        source = _read_file(os.fsdecode(source), where)
    config = plain({} if source is None else source)
    if not isinstance(config, dict) or isinstance(source, type):
        raise ConfigError(
            f"{where} is of type {type(source).__name__}, not a mapping of names to values: give a"
            " mapping, a dataclass instance, a Namespace, an OmegaConf object or the path of a"
            " YAML or JSON file"
        )
    return config


def _read_file(path: str, where: str) -> object:
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in FILE_SUFFIXES:
        raise ConfigError(f"{where} must be a YAML or JSON file: {', '.join(FILE_SUFFIXES)}")
    try:
        path = os.path.expanduser(path)
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe would wait for its writer
            raise ConfigError(f"{where} is not a regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        limit = f"{MAX_FILE_BYTES >> 20} MiB"
        raise ConfigError(f"{where} is larger than {limit}: keep data in files of their own")
    try:
        text = data.decode("utf-8-sig")
        return json.loads(text) if suffix == ".json" else _parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{where} is not valid: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{where} is nested too deep") from error


def _parse_yaml(text: str) -> object:
    """Parse with PyYAML's safe loader; ``1e-3`` is a float, as in YAML 1.2 and everywhere else."""
    yaml: Any = require("yaml", extra="", why="reading a YAML config")

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    number = re.compile(r"[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+\Z")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    try:
        return Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


class Config(MutableMapping[str, Any]):
    """A run's configuration while the run is being written.

    ``config["model"]["depth"]`` and ``config["model.depth"]`` are the same value unless there is a
    literal key with the dot, which comes first.  Writing merges: mappings merge deep, anything
    else replaces, and a dotted key goes into the mapping that its path names, if there is one.
    Nested mappings are views, so writes to them count; lists are copies.  A key cannot be deleted,
    because what was recorded stays.

    Threads may use it at the same time; ``on_update`` is called in the order of the merges.

    Args:
        source: what :func:`read_config` reads.
        on_update: called with a copy of each merged-in mapping, nested from the top; an attribute
            too.

    Raises:
        ConfigError: a value cannot be kept, or a key is deleted.

    Example:
        >>> config = Config({"lr": 0.1, "model": {"depth": 2}}, on_update=print)
        >>> config.update(model={"width": 8})
        {'model': {'width': 8}}
        >>> config["model"]["depth"] = 3
        {'model': {'depth': 3}}
        >>> config["model.depth"], config.to_dict()
        (3, {'lr': 0.1, 'model': {'depth': 3, 'width': 8}})
    """

    __slots__ = ("_data", "_lock", "_path", "_root", "on_update")

    def __init__(self, source: object = None, *, on_update: OnUpdate | None = None) -> None:
        self.on_update = on_update
        self._data = read_config(source)
        self._lock = threading.RLock()
        self._path: tuple[str, ...] = ()
        self._root: Config | None = None

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            here = self._here()
            path = locate(here, key)
            if path is None:
                raise KeyError(key)
            value = _walk(here, path)
            return self._view(path) if isinstance(value, dict) else copy.deepcopy(value)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        raise ConfigError(
            f"{path_name((*self._path, str(key)))} cannot be deleted: what was recorded stays; set"
            " it to None instead"
        )

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._here()))

    def __len__(self) -> int:
        return len(self._here())

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return isinstance(key, str) and locate(self._here(), key) is not None

    def __repr__(self) -> str:
        return f"Config({self.to_dict()!r})"

    def __reduce__(self) -> tuple[type[Config], tuple[dict[str, Any]]]:
        return Config, (self.to_dict(),)  # a copy is a configuration of its own

    def update(self, other: Any = None, /, **values: Any) -> None:
        """Merge what :func:`read_config` reads, and keywords, in one step.

        Raises:
            ConfigError: it cannot be read or kept; nothing was merged then.
        """
        with self._lock:
            here = self._here()
            update: dict[str, Any] = {}
            for key, value in {**read_config(other), **read_config(values)}.items():
                merge(update, _nested(_target(here, key), value))
            if update:
                update = plain(_nested(self._path, update))
                merge(self._data, copy.deepcopy(update))
                root = self if self._root is None else self._root
                if root.on_update is not None:
                    root.on_update(update)

    def to_dict(self) -> dict[str, Any]:
        """Return a deep copy as plain dicts.

        Example:
            >>> Config({"a": {"b": 1}}).to_dict()
            {'a': {'b': 1}}
        """
        with self._lock:
            return copy.deepcopy(self._here())

    def _here(self) -> dict[str, Any]:
        here = self._data
        for depth, key in enumerate(self._path):
            here = here[key]
            if not isinstance(here, dict):
                place = path_name(self._path[: depth + 1])
                raise ConfigError(f"{place} is no mapping anymore: it was replaced by {here!r}")
        return here

    def _view(self, path: tuple[str, ...]) -> Config:
        return _View(self if self._root is None else self._root, (*self._path, *path))


class _View(Config):
    """A nested mapping of a configuration."""

    __slots__ = ()

    def __init__(self, root: Config, path: tuple[str, ...]) -> None:
        self._root, self._path = root, path
        self._data, self._lock = root._data, root._lock  # noqa: SLF001 - a part of it


def _walk(data: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        data = data[key]
    return data


def _target(here: dict[str, Any], key: str) -> tuple[str, ...]:
    """Return where a written key goes: where it is, or into the mapping that its path names."""
    path = locate(here, key)
    if path is None and "." in key:
        parent, _, last = key.rpartition(".")
        into = locate(here, parent)
        if into is not None and isinstance(_walk(here, into), dict):
            return (*into, last)
    return path or (key,)


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


_FORMAT_SPEC = re.compile(r"[<>^=]?[-+ ]?0?\d{0,2}[,_]?(?:\.\d{1,2})?[bdeEfFgGnoxX%s]?")


def expand_name(template: str, config: Mapping[str, Any]) -> str:
    """Return a name built from values of the configuration.

    ``{lr}`` and ``{model.depth}`` are replaced by the value of that key, ``{lr:.1e}`` formats it
    (alignment, sign, width and precision of at most two digits, type), ``{{`` is a brace.  Nothing
    else of Python's format language is allowed, and values are only looked up in mappings.

    Raises:
        ConfigError: the template is not valid, a key is unknown, or its value is not a scalar.

    Example:
        >>> expand_name("lr-{lr:.0e}-depth-{model.depth}", {"lr": 3e-4, "model": {"depth": 2}})
        'lr-3e-04-depth-2'
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"name template {template!r} is not valid: {error}") from error
    return "".join(
        text + ("" if key is None else _expand(template, key, spec or "", conversion, config))
        for text, key, spec, conversion in parts
    )


def _expand(
    template: str, key: str, spec: str, conversion: str | None, config: Mapping[str, Any]
) -> str:
    where = f"name template {template!r}"
    if not key or conversion is not None:
        raise ConfigError(f"{where}: write {{key}} or {{key:format}} with a key of the config")
    if not _FORMAT_SPEC.fullmatch(spec):
        raise ConfigError(f"{where}: the format {spec!r} is not allowed; write one like '.1e'")
    path = locate(config, key)
    if path is None:
        raise ConfigError(f"{where}: {unknown_key(config, key)}")
    value = _walk(config, path)
    if not isinstance(value, str | int | float | bool | None):
        raise ConfigError(f"{where}: {key!r} is a {type(value).__name__}, not a number or text")
    try:
        return format(str(value) if value is None else value, spec)
    except ValueError as error:
        raise ConfigError(f"{where}: {key!r} is {value!r}: {error}") from error
