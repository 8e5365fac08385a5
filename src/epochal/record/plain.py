"""Plain values: whatever people keep in a configuration, as what JSON can hold.

The result is made of new ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None``
objects of exactly these types; the input is only read.
"""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import sys
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from epochal.core.errors import ConfigError, did_you_mean

MAX_DEPTH = 64
"""Containers inside each other, the outermost included."""

MAX_VALUES = 1_000_000
"""Values in one configuration: a few lines of YAML with aliases can describe billions."""

MAX_ARRAY_VALUES = 1_000
"""Larger arrays and tensors are named by shape and type instead of listed."""

_MAX_TEXT_CHARS = 1_000
_MAX_INT_BITS = 8_192
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_EXACT = frozenset({str, float, bool, type(None)})


def plain(value: object) -> Any:
    """Return a value as new plain objects that JSON can hold.

    Mappings, dataclass instances, namespaces, OmegaConf containers and objects with
    ``model_dump()`` or ``to_dict()`` become dicts with text keys; sequences and sets (sorted)
    become lists; NumPy, PyTorch and JAX scalars and small arrays become Python values; paths,
    data types, dates and the like become text; an enum member becomes its text value, or its name;
    functions and classes become their qualified name.

    Raises:
        ConfigError: the value contains itself, is nested deeper than 64 containers, holds more
            than a million values, has two keys of the same text, or cannot be read.

    Example:
        >>> from pathlib import Path
        >>> plain({"betas": (0.9, 0.999), "data": Path("data/train"), 3: {True}})
        {'betas': [0.9, 0.999], 'data': 'data/train', '3': [True]}
    """
    return _Conversion().convert(value, ())


def path_name(path: Sequence[str]) -> str:
    """Return the name of a place in a configuration, for messages."""
    return ".".join(["config", *path])


class _Conversion:
    """One pass over a value; knows which containers it is in and how many values it saw."""

    def __init__(self) -> None:
        self._inside: set[int] = set()
        self._count = 0

    def convert(self, value: object, path: tuple[str, ...]) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise ConfigError(
                f"{path_name(path[:3])} holds more than {MAX_VALUES:,} values: keep data in files"
                " and give their paths"
            )
        if type(value) in _EXACT:
            return value
        content = _content(value, path)
        if not isinstance(content, dict | list):
            return content
        if id(value) in self._inside:
            raise ConfigError(f"{path_name(path)} contains itself: a config must be a tree")
        if len(path) >= MAX_DEPTH:
            raise ConfigError(
                f"{path_name(path[:3])}… is nested deeper than {MAX_DEPTH} levels: make it flatter"
            )
        self._inside.add(id(value))
        try:
            if isinstance(content, list):
                return [self.convert(item, (*path, str(i))) for i, item in enumerate(content)]
            return self._convert_items(content, path)
        finally:
            self._inside.discard(id(value))

    def _convert_items(self, content: dict[Any, Any], path: tuple[str, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in content.items():
            name = key if type(key) is str else str(_scalar(key))
            if name in result:
                raise ConfigError(
                    f"{path_name(path)} has two keys that read {name!r}: rename one of them"
                )
            result[name] = self.convert(item, (*path, name))
        return result


def _content(value: object, path: tuple[str, ...]) -> Any:
    """Return a dict or list of the things inside a container, or the plain form of a leaf."""
    if isinstance(value, enum.Enum | str | int | float | type):
        return _scalar(value)
    try:
        if type(value).__module__.partition(".")[0] == "omegaconf":
            return _omegaconf_content(value)
        mapping = _mapping_content(value)
    except Exception as error:  # code of other people's classes: any error means the same
        raise ConfigError(f"{path_name(path)} cannot be read: {error}") from error
    if mapping is not None:
        return dict(mapping)
    if isinstance(value, AbstractSet):
        return sorted(value, key=lambda item: (type(item).__name__, str(item)))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    return _scalar(value)


def _mapping_content(value: object) -> Mapping[Any, Any] | None:
    """Return the items of anything that has named items, else None."""
    kind = type(value)
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    argparse = sys.modules.get("argparse")  # nobody can hold a Namespace who did not import it
    if isinstance(value, types.SimpleNamespace) or (
        argparse is not None and isinstance(value, argparse.Namespace)
    ):
        return vars(value)
    if hasattr(kind, "keys") and hasattr(kind, "__getitem__"):
        duck: Any = value
        return {key: duck[key] for key in duck.keys()}  # noqa: SIM118 - need not be iterable
    for method in ("model_dump", "to_dict"):
        if callable(getattr(kind, method, None)):
            dumped = getattr(value, method)()
            if isinstance(dumped, Mapping):
                return dumped
    return None


def _omegaconf_content(value: object) -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(value, resolve=True)


def _scalar(value: object) -> Any:
    """Return the plain form of a leaf; arrays may give a list."""
    if isinstance(value, enum.Enum):
        return str.__str__(value.value) if isinstance(value.value, str) else value.name
    if value is None or isinstance(value, str | int | float):
        return _exact(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if hasattr(type(value), "tolist") and hasattr(value, "dtype") and not isinstance(value, type):
        return _array_content(value)
    return _text(value)


def _exact(value: str | float | None) -> Any:
    """Return an instance of a subclass as one of the builtin type itself."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if value is None or isinstance(value, bool):
        return value
    number = int.__int__(value)
    return hex(number) if number.bit_length() > _MAX_INT_BITS else number  # json refuses it


def _array_content(value: Any) -> Any:
    try:
        size = value.numel() if hasattr(value, "numel") else value.size
        if size > MAX_ARRAY_VALUES:
            return f"{_qualified(type(value))}(shape={tuple(value.shape)}, dtype={value.dtype})"
        content = value.tolist()
    except Exception:  # noqa: BLE001 - sparse, meta or deleted tensors cannot be listed: name it
        return _qualified(type(value))
    if type(content) is type(value):  # long doubles list as themselves
        return float(content)
    return content if isinstance(content, list) else _scalar(content)


def _text(value: object) -> str:
    """Return a name or text that is the same in every process, so that equal configs compare so."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, type) or callable(value):
        named = value
        while hasattr(named, "func"):  # functools.partial
            named = named.func
        return _qualified(named if hasattr(named, "__qualname__") else type(named))
    if type(value).__str__ is object.__str__ and type(value).__repr__ is object.__repr__:
        return _qualified(type(value))
    try:
        return _ADDRESS.sub("", str(value))[:_MAX_TEXT_CHARS]
    except Exception:  # noqa: BLE001 - code of other people's classes: the type's name will do
        return _qualified(type(value))


def _qualified(named: Any) -> str:
    module = getattr(named, "__module__", None)
    # Where a class is defined in private (pathlib._local) is nobody's business.
    public = [part for part in str(module).split(".") if not part.startswith("_")]
    prefix = "" if module in (None, "builtins") else "".join(f"{part}." for part in public)
    return f"{prefix}{named.__qualname__}"


def locate(data: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """Return the keys that lead to a value: the literal key, else a dotted path; None: neither.

    Example:
        >>> locate({"model": {"depth": 2}, "a.b": 1}, "model.depth"), locate({"a.b": 1}, "a.b")
        (('model', 'depth'), ('a.b',))
    """
    if key in data:
        return (key,)
    for dot in (i for i, char in enumerate(key) if char == "."):
        inner = data.get(key[:dot])
        path = locate(inner, key[dot + 1 :]) if isinstance(inner, Mapping) else None
        if path is not None:
            return (key[:dot], *path)
    return None


def unknown_key(data: Mapping[str, Any], key: str) -> ConfigError:
    """Return the error for a key that a configuration does not have."""
    return ConfigError(f"the config has no key {key!r}{did_you_mean(key, dotted_names(data))}")


def dotted_names(data: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted path of every value.

    Example:
        >>> dotted_names({"model": {"depth": 2}, "lr": 0.1})
        ['model', 'model.depth', 'lr']
    """
    names: list[str] = []
    for key, value in data.items():
        names.append(prefix + key)
        if isinstance(value, Mapping):
            names += dotted_names(value, f"{prefix}{key}.")
    return names
