"""``Section``: one table of a ``paper.toml``, and what its keys may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from epochal.core.errors import SettingError, did_you_mean


def is_text(value: Any) -> bool:
    """Say whether a value is text."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Say whether a value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """Say whether a value is a whole number, at least 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_flag(value: Any) -> bool:
    """Say whether a value is true or false."""
    return isinstance(value, bool)


def is_flag_or_only(value: Any) -> bool:
    """Say whether a value is true, false or "only"."""
    return is_flag(value) or value == "only"


def is_text_or_number(value: Any) -> bool:
    """Say whether a value is text or a number."""
    return is_text(value) or is_number(value)


def is_list(value: Any) -> bool:
    """Say whether a value is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def is_text_or_list(value: Any) -> bool:
    """Say whether a value is text, or a list of texts."""
    return is_text(value) or is_list(value)


def is_pair(value: Any) -> bool:
    """Say whether a value is a list of two texts."""
    return is_list(value) and len(value) == 2


def is_map(value: Any) -> bool:
    """Say whether a value is a table whose values are texts or lists of texts."""
    return isinstance(value, Mapping) and all(map(is_text_or_list, value.values()))


Test = Callable[[Any], bool]

WORDS: Mapping[Test, str] = {
    is_text: "text", is_number: "a number", is_whole: "a whole number", is_flag: "true or false",
    is_flag_or_only: 'true, false or "only"',
    is_list: "a list of texts", is_text_or_list: "text, or a list of texts",
    is_text_or_number: "text or a number",
    is_pair: "a list of two texts", is_map: "a table of texts",
}  # fmt: skip
"""What a value must be, in words."""

KEYS: Mapping[str, Mapping[str, Test]] = {
    "paper": {
        "runs": is_text, "project": is_text, "filter": is_text, "out": is_text,
        "tex": is_text_or_list, "venue": is_text,
    },
    "comparison": {
        "metric": is_text, "by": is_text_or_list, "statistic": is_text, "goal": is_text,
        "margin": is_text_or_number, "baseline": is_text, "filter": is_text, "correction": is_text,
        "test": is_text, "paired": is_flag, "replicates": is_text_or_list, "level": is_number,
        "rng": is_whole,
    },
    "table": {
        "kind": is_text, "of": is_text, "filter": is_text, "formats": is_list,
        "siunitx": is_flag, "caption": is_text, "label": is_text, "mean": is_flag_or_only,
    },
    "figure": {
        "kind": is_text, "of": is_text, "filter": is_text, "formats": is_list,
        "caption": is_text, "label": is_text,
    },
    "number": {
        "metric": is_text, "path": is_text, "of": is_text, "field": is_text, "group": is_text,
        "pair": is_pair, "statistic": is_text, "goal": is_text, "filter": is_text,
        "states": is_text_or_list, "over": is_text, "error": is_text, "digits": is_whole,
        "decimals": is_whole, "rounding": is_text, "scale": is_number, "unit": is_text,
        "macro": is_text,
    },
    "text": {"setup": is_text, "results": is_list, "keys": is_map},
}  # fmt: skip
"""Kind of section → its keys; a figure has more: the arguments of its function."""

FREE = ("figure",)
"""Kinds of sections that may have further keys."""


@dataclass(frozen=True)
class Section:
    """One table of a ``paper.toml``.

    Attributes:
        kind: such as "number".
        name: such as "best_loss"; "" for ``[paper]`` and ``[text]``.
        values: what stands in it.
        file: how messages call the file.
        lines: key → line of the file; "" → that of the heading.
    """

    kind: str
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    file: str = "paper.toml"
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How it is called: "number.best_loss"."""
        return f"{self.kind}.{self.name}" if self.name else self.kind

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key."""
        return self.values.get(key, default)

    def need(self, key: str, remedy: str) -> Any:
        """Return the value of a key that must be there.

        Raises:
            SettingError: it is not; the remedy says what to give.
        """
        if key not in self.values:
            raise self.error("", f"has no {key}: {remedy}")
        return self.values[key]

    def among(self, key: str, known: Mapping[str, Any] | tuple[str, ...], default: str) -> str:
        """Return the value of a key that is one of some words.

        Raises:
            SettingError: it is none of them.
        """
        value = str(self.values.get(key, default))
        if value not in known:
            hint = did_you_mean(value, known) or f": give one of {', '.join(map(repr, known))}"
            raise self.error(key, f"is {value!r}{hint}")
        return value

    def only(self, keys: tuple[str, ...], why: str) -> None:
        """Check that nothing else is said.

        Raises:
            SettingError: there is another key, which has no meaning here.
        """
        for key in self.values:
            if key not in keys:
                raise self.error(key, f"has no meaning {why}: remove it")

    def where(self, key: str = "") -> str:
        """Return the place for messages: "paper.toml, line 12, [number.best_loss] over"."""
        line = self.lines.get(key) or self.lines.get("") or 1
        return f"{self.file}, line {line}, [{self.title}]{f' {key}' if key else ''}"

    def error(self, key: str, problem: str) -> SettingError:
        """Return what to raise for a key, "" for the section."""
        space = "" if problem.startswith(":") else " "
        return SettingError(f"{self.where(key)}{space}{problem}")

    def check(self) -> None:
        """Check keys and what their values are made of.

        Raises:
            SettingError: a key is unknown, or its value is of the wrong kind.
        """
        known = KEYS[self.kind]
        for key, value in self.values.items():
            if key not in known:
                if self.kind in FREE:
                    continue
                hint = did_you_mean(key, known) or f": it may have {', '.join(known)}"
                raise self.error("", f"has no key {key!r}{hint}")
            if not known[key](value):
                raise self.error(key, f"is {value!r}: give {WORDS[known[key]]}")
