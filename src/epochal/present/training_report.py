"""``training_report.md``: what a training was and how it went, as a page that is a model card too.

The page begins with YAML between ``---`` lines, as the Hugging Face Hub wants it of a model card.
Whatever a name or value contains, it stands there literally: nothing in it is Markdown or HTML.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import yaml

from epochal.core.atomic import write_atomically
from epochal.core.names import printable
from epochal.core.nested import flatten
from epochal.core.redact import redact

MAX_VALUE_CHARS = 500
"""Longer values of a config are cut; the page says so."""

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$@])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class TrainingReport:
    """What the page says.

    Attributes:
        title: its heading.
        summary: name → value, a line each.
        config: nested; secrets are redacted.
        rows: one mapping for each epoch; None gives an empty cell.
        columns: of the table of epochs: key of a row → heading; those without any value are left
            out, and named below the table.
        figures: caption → path of a picture; missing ones are named.
        files: paths that the manifest lists, with size and hash; missing ones are left out.
        metadata: further keys of the front matter, such as ``license`` and ``datasets``; ``tags``
            are added to "epochal".
    """

    title: str
    summary: Mapping[str, Any]
    config: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    columns: Mapping[str, str]
    figures: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page, atomically; return its absolute path.

        Raises:
            OSError: the folder cannot be written.
        """
        full = os.path.abspath(os.fspath(path))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        text = self.markdown(os.path.dirname(full))
        write_atomically(full, text.encode("utf-8", "replace"))
        return full

    def markdown(self, folder: str) -> str:
        r"""Return the page; links are relative to a folder.

        Example:
            >>> report = TrainingReport("A_b", {"epochs": 3}, {}, [], {})
            >>> print(report.markdown("."))  # doctest: +ELLIPSIS
            ---
            tags:
            - epochal
            ---
            <BLANKLINE>
            # A\_b
            <BLANKLINE>
            ## Summary
            <BLANKLINE>
            |  |  |
            |---|---|
            | epochs | 3 |
            <BLANKLINE>
            ...
        """
        parts = [
            self._front_matter(), f"# {literal(self.title)}",
            "## Summary", table(("", ""), self.summary.items()),
            "## Configuration", *self._configuration(),
            "## Epochs", *self._epochs(),
            "## Figures", *self._figures(folder),
            "## Files", *self._manifest(folder),
        ]  # fmt: skip
        return "\n\n".join(parts) + "\n"

    def _front_matter(self) -> str:
        given = self.metadata.get("tags", ())
        tags = [given] if isinstance(given, str) else list(given)
        data = {**self.metadata, "tags": list(dict.fromkeys(["epochal", *map(str, tags)]))}
        body = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=10_000)
        return f"---\n{body}---"

    def _configuration(self) -> Iterator[str]:
        values = flatten(redact(dict(self.config)))
        if not values:
            yield "No configuration was given."
            return
        yield table(("key", "value"), ((key, _shortened(each)) for key, each in values.items()))

    def _epochs(self) -> Iterator[str]:
        if not self.rows:
            yield "No epoch has ended yet."
            return
        there = {
            key: heading for key, heading in self.columns.items()
            if any(row.get(key) is not None for row in self.rows)
        }  # fmt: skip
        yield table(there.values(), ([row.get(key) for key in there] for row in self.rows))
        absent = [heading for key, heading in self.columns.items() if key not in there]
        if absent:
            yield f"Not measured: {', '.join(map(literal, absent))}."

    def _figures(self, folder: str) -> Iterator[str]:
        if not self.figures:
            yield "No figures were drawn."
        for caption, path in self.figures.items():
            if os.path.exists(path):
                yield f"![{literal(caption)}]({_link(path, folder)})"
            else:
                yield f"{literal(caption)}: the file {literal(os.path.basename(path))} is missing."

    def _manifest(self, folder: str) -> Iterator[str]:
        rows = [
            (os.path.relpath(path, folder), f"{os.path.getsize(path):,}", sha256(path))
            for path in self.files
            if os.path.isfile(path)
        ]
        if not rows:
            yield "There are no files beside this page."
            return
        yield table(("file", "bytes", "SHA-256"), rows)


def literal(value: object) -> str:
    r"""Return text that Markdown shows as it is: no markup, HTML, link or line break.

    Example:
        >>> print(literal("<b>a_b</b>"), literal("x|y"))
        &lt;b&gt;a\_b&lt;/b&gt; x\|y
    """
    text = printable(str(value)).translate(_HTML)
    text = _SPECIAL.sub(r"\\\1", text.replace("\u00a0", " "))
    # Addresses become links by themselves in GitHub's dialect.
    return re.sub(r"(?i)(www)\.", r"\1\\.", text.replace("://", ":\\//"))


def table(headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    r"""Return a Markdown table of literal cells; None is an empty one.

    Example:
        >>> print(table(["a"], [[0.1234567], [None], [float("nan")]]))
        | a |
        |---|
        | 0.12346 |
        |  |
        | NaN |
    """
    head = [*map(literal, headings)]
    lines = [head, *([_cell(cell) for cell in row] for row in rows)]
    made = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([made[0], "|" + "---|" * len(head), *made[1:]])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if math.isfinite(value):
            return f"{value:.5g}"
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return literal(value)


def sha256(path: str) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _shortened(value: Any) -> str:
    """Return a config's value as it is written there, cut if it is very long."""
    text = str(value)
    if len(text) <= MAX_VALUE_CHARS:
        return text
    return f"{text[:MAX_VALUE_CHARS]}… ({len(text):,} characters)"


def _link(path: str, folder: str) -> str:
    return quote(os.path.relpath(path, folder).replace(os.sep, "/"))
