"""Redaction: secrets are replaced before anything is written, by name and by how they look.

Two rules work together.  A value is hidden when its **name** says that it is a secret (see
:mod:`epochal.core.secret_names`), and text is hidden wherever it **looks** like one: tokens of
known services, JSON web tokens, private keys, credentials in URLs.  In doubt the value is hidden: a
secret on disk is worse than a setting that has to be looked up elsewhere.

Redaction is no proof.  A secret with an unknown form under a harmless name is not found.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable, Mapping
from typing import Any

from epochal.core.secret_names import is_password_name, is_secret_name, is_wandb_key
from epochal.core.secret_text import MARK, redact_text, reveals_nothing, strip_userinfo

__all__ = ["MARK", "redact", "redact_argv", "redact_text", "strip_userinfo"]

MAX_DEPTH = 64
TOO_DEEP = "[nested too deeply]"
CYCLE = "[contains itself]"


def redact(value: Any) -> Any:
    """Return a copy of nested plain data in which secrets read ``[redacted]``.

    Mappings become dicts, lists stay lists, tuples become tuples, sets stay sets.  Strings, bytes
    and paths are searched for secrets, keys too; numbers, booleans and None stay as they are,
    except whole numbers under a name such as ``password``.  Other objects are returned unchanged
    unless their name hides them.  Items after a flag such as ``--token`` in a list are hidden, as
    in a command line.  What is nested deeper than 64 levels, or contains itself, is replaced.

    Example:
        >>> redact({"lr": 3e-4, "hub": {"token": "abc"}, "url": "https://me:pw@host/x"})
        {'lr': 0.0003, 'hub': {'token': '[redacted]'}, 'url': 'https://host/x'}
    """
    return _Walk().copy(value, "", 0)


def redact_argv(argv: Iterable[str | bytes]) -> list[str]:
    """Return a command line with secrets hidden.

    ``--token X``, ``--token=X``, ``KEY=X`` and ``wandb.api_key=X`` are hidden by name, everything
    else by how it looks.  Single letters such as ``-p`` say nothing and hide nothing.

    Example:
        >>> redact_argv(["train.py", "--hf_token", "abc", "wandb.api_key=abc", "--lr=0.1"])
        ['train.py', '--hf_token', '[redacted]', 'wandb.api_key=[redacted]', '--lr=0.1']
    """
    redacted = []
    flag = ""
    for argument in argv:
        text = argument if isinstance(argument, str) else os.fsdecode(argument)
        redacted.append(_redact_argument(text, flag))
        flag = _next_flag(text, flag)
    return redacted


def _redact_argument(text: str, flag: str) -> str:
    """Return one argument; ``flag`` is the secret flag that it follows, or empty."""
    if flag and not _is_flag(text):
        return _hide_text(text)
    name, equals, value = text.partition("=")
    is_plain = all(char.isalnum() or char in "+~-_./" for char in name)
    if equals and is_plain and (is_secret_name(name) or is_wandb_key(name, value)):
        return f"{name}={_hide_text(value)}"
    return redact_text(text)


def _next_flag(text: str, flag: str) -> str:
    """Return the secret flag whose value is due after this argument, or empty."""
    if not _is_flag(text):
        return flag if flag.endswith("s") else ""  # --api_keys A B
    return text if "=" not in text and is_secret_name(text) else ""


def _is_flag(text: str) -> bool:
    """Return whether this is a flag; a random value may begin with one dash too."""
    return text.startswith("--") or (text.startswith("-") and text[1:].replace("_", "").isalpha())


def _hide_text(text: str) -> str:
    return text if reveals_nothing(text) else MARK


def _hide(value: Any, *names: str) -> Any:
    """Return what may be kept of a value that one of these names says is a secret."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, numbers.Number):
        hidden = isinstance(value, numbers.Integral) and any(map(is_password_name, names))
        return MARK if hidden else value
    if isinstance(value, str):
        return _hide_text(value)
    empty = isinstance(value, (Mapping, list, tuple, set, frozenset, bytes)) and not value
    return value if empty else MARK


class _Walk:
    """One copy of nested data; what is shared in it is copied once and stays shared."""

    def __init__(self) -> None:
        # By id and name; the original is kept too, so that no other object gets its id.
        self.copies: dict[tuple[int, str], tuple[Any, Any]] = {}

    def copy(self, value: Any, name: str, depth: int) -> Any:
        """Return the redacted copy of what lies under ``name``, the last two keys of its path."""
        if isinstance(value, str):
            return MARK if is_wandb_key(name, value) else redact_text(value)
        if isinstance(value, (bytes, bytearray, os.PathLike)):
            text = os.fsdecode(bytes(value) if isinstance(value, bytearray) else value)
            redacted = redact_text(text)
            return value if redacted == text else redacted
        if not isinstance(value, (Mapping, list, tuple, set, frozenset)):
            return value
        if depth >= MAX_DEPTH:
            return TOO_DEEP
        place = id(value), name
        if place not in self.copies:
            self.copies[place] = value, CYCLE
            self.copies[place] = value, self._container(value, name, depth)
        return self.copies[place][1]

    def _container(self, value: Any, name: str, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, name, depth)
        if isinstance(value, (set, frozenset)):
            return self._set(value, name, depth)
        items: list[Any] = []
        flag = ""
        for item in value:
            is_text = isinstance(item, str)
            due = flag and is_text and not _is_flag(item)
            items.append(_hide_text(item) if due else self.copy(item, name, depth + 1))
            flag = _next_flag(item, flag) or _next_flag(items[-1], flag) if is_text else ""
        return tuple(items) if isinstance(value, tuple) else items

    def _set(self, value: Iterable[Any], name: str, depth: int) -> Any:
        copies = [self.copy(item, name, depth + 1) for item in value]
        try:
            return frozenset(copies) if isinstance(value, frozenset) else set(copies)
        except TypeError:  # a hashable mapping or list became a plain one
            return copies

    def _mapping(self, value: Mapping[Any, Any], parent: str, depth: int) -> dict[Any, Any]:
        # {"name": "HF_TOKEN", "value": ...}, as environments are often written
        named = [value.get(word) for word in ("name", "key")]
        title = next((n for n in named if isinstance(n, str) and is_secret_name(n)), "")
        copied: dict[Any, Any] = {}
        for key, item in value.items():
            word = os.fsdecode(key) if isinstance(key, bytes) else key
            word = word if isinstance(word, str) else ""
            clean = redact_text(word)
            path = f"{parent.rpartition('.')[2]}.{clean}"
            if is_secret_name(word) or is_secret_name(clean) or is_secret_name(path):
                item_copy = _hide(item, word, clean)
            elif title and word == "value":
                item_copy = _hide(item, title)
            else:
                item_copy = self.copy(item, path, depth + 1)
            copied[key if clean == word else _free_key(clean, copied)] = item_copy
        return copied


def _free_key(key: str, taken: Mapping[Any, Any]) -> str:
    """Return the key, numbered where it is taken: two secrets may read the same."""
    number, free = 1, key
    while free in taken:
        number += 1
        free = f"{key} {number}"
    return free
