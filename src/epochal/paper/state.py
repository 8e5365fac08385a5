"""``paper.lock.json``: what was made, of what, and the hash of each file; to be committed.

It has no paths of a machine and no times, and is sorted, so that the same paper gives the same
file everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from epochal import __version__
from epochal.core.errors import SettingError
from epochal.present.tables.table import written

FORMAT = 1
FILE = "paper.lock.json"
REMEDY = ", as by a merge: delete it and run `epochal paper build`"
_INSIDE = re.compile(r"(?:[a-z]+/)?[A-Za-z0-9][\w-]*\.[a-z]+")
_COMMAND = re.compile(r"[A-Za-z]+")
_NUMBER = {"value", "error", "unit", "shown", "n", "about", "cell", "macro", "measured"}
_FIELDS = ("key", "runs", "files", "facts")


@dataclass(frozen=True)
class Made:
    """One output as it was made.

    Attributes:
        key: SHA-256 over everything that decides what it is.
        runs: id → hash of the runs it was made from.
        files: path below the output folder → SHA-256.
        facts: what a check needs to know; of a number its value and how it was printed.
    """

    key: str
    runs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def key_of(sections: Iterable[Mapping[str, Any]], runs: Mapping[str, str], *more: Any) -> str:
    """Return the hash that changes whenever an output must be made again.

    Args:
        sections: all that it depends on, as they stand in the file.
        runs: id → hash.
        *more: what else decides it, JSON-able.

    Example:
        >>> key_of([{"a": 1}], {}) == key_of([{"a": 1}], {}) != key_of([{"a": 2}], {})
        True
    """
    parts = [__version__, FORMAT, list(sections), runs, more]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def path_of(out: str, file: str) -> str:
    """Return the path of a file of the output folder.

    Raises:
        SettingError: it, or its folder, is a link that leads elsewhere.
    """
    parts = file.split("/")
    wanted = os.path.join(os.path.realpath(out), *parts)
    if os.path.realpath(wanted) != wanted:
        raise SettingError(
            f"{os.path.join(out, *parts)} is or goes through a link, and what a paper's plan makes"
            " stays in its folder: remove the link"
        )
    return os.path.join(out, *parts)


def sha256_of(path: str) -> str | None:
    """Return the hash of a file, None if it is not there."""
    if not os.path.isfile(path):  # of a pipe or a device the end may never come
        return None
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return None


def read(out: str) -> dict[str, Made]:
    """Return what was made, by title of the section; empty if nothing was.

    Raises:
        SettingError: the file is there and cannot be understood.
    """
    path = path_of(out, FILE)
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        known = stored["format"] == FORMAT
        outputs = dict(stored["outputs"])
        damaged = [title for title, each in outputs.items() if not _is_sound(title, each)]
        made = {str(t): Made(**{k: each[k] for k in _FIELDS}) for t, each in outputs.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = f"cannot be understood ({type(error).__name__}: {error})"
        raise SettingError(f"{path} {problem}{REMEDY}") from error
    if damaged or not known:
        problem = f"is damaged at {damaged[0]}" if known else "is of another version of Epochal"
        raise SettingError(f"{path} {problem}{REMEDY}")
    return made


def write(out: str, made: Mapping[str, Made]) -> None:
    """Write what was made; a file that says so already is left alone.

    Raises:
        OSError: the folder cannot be written.
    """
    outputs = {title: asdict(each) for title, each in made.items()}
    outputs = {title: {**each, "sum": _sum(each)} for title, each in outputs.items()}
    stored = {"format": FORMAT, "made_with": f"Epochal {__version__}", "outputs": outputs}
    text = json.dumps(stored, indent=1, sort_keys=True, ensure_ascii=True, default=str)
    written(text + "\n", path_of(out, FILE))


def _is_sound(title: str, entry: dict[str, Any]) -> bool:
    """Say whether an entry fits its sum, and names what it may name only."""
    if entry.pop("sum") != _sum(entry) or not all(map(_INSIDE.fullmatch, entry["files"])):
        return False
    if not title.startswith("number."):
        return True
    return bool(_COMMAND.fullmatch(entry["facts"]["macro"])) and set(entry["facts"]) >= _NUMBER


def _sum(entry: Mapping[str, Any]) -> str:
    """Return a short hash that a change of an entry by hand or by a merge does not fit."""
    text = json.dumps(entry, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
