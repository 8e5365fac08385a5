"""``training_report.md``: what a training was and how it went, as a page that is a model card too.

The page begins with YAML between ``---`` lines, as the Hugging Face Hub wants it of a model card.
Whatever a name or value contains, it stands there literally: nothing in it is Markdown or HTML.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import yaml

from epochal.core.atomic import write_atomically
from epochal.core.nested import flatten
from epochal.core.redact import redact
from epochal.markup.markdown import literal, table
from epochal.record.plain import plain

MAX_VALUE_CHARS = 500
"""Longer values of a config are cut; the page says so."""


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
        lead: Markdown below the heading.
        epochs_title: heading of the table of epochs.
        epochs_remark: text below it.
        sections: heading → Markdown; they stand before the files.
    """

    title: str
    summary: Mapping[str, Any]
    config: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    columns: Mapping[str, str]
    figures: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    lead: str = ""
    epochs_title: str = "Epochs"
    epochs_remark: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page, atomically; return its absolute path.

        Raises:
            OSError: the folder cannot be written.
        """
        full = os.path.abspath(os.fspath(path))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        text = self.markdown(os.path.dirname(full))
        write_atomically(full, text.encode("utf-8", "replace"), private=False)
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
            front_matter(self.metadata), f"# {literal(self.title)}", self.lead,
            "## Summary", table(("", ""), self.summary.items()),
            "## Configuration", *self._configuration(),
            f"## {literal(self.epochs_title)}", *self._epochs(), literal(self.epochs_remark),
            "## Figures", *embedded(self.figures, folder),
            *(f"## {literal(name)}\n\n{text}" for name, text in self.sections.items()),
            "## Files", *self._manifest(folder),
        ]  # fmt: skip
        return "\n\n".join(filter(None, parts)) + "\n"

    def _configuration(self) -> Iterator[str]:
        yield configuration(self.config)

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


def front_matter(metadata: Mapping[str, Any]) -> str:
    """Return the YAML that a page begins with, between its ``---`` lines; "epochal" is a tag."""
    data = plain(dict(metadata))
    given = data.get("tags") or ()
    tags = ["epochal", *map(str, [given] if isinstance(given, str) else given)]
    data["tags"] = list(dict.fromkeys(tags))
    body = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=10_000)
    return f"---\n{body}---"


def configuration(config: Mapping[str, Any]) -> str:
    """Return a config as a table of its leaves; secrets are redacted, very long values cut."""
    values = flatten(redact(dict(config)))
    if not values:
        return "No configuration was given."
    return table(("key", "value"), ((key, _shortened(each)) for key, each in values.items()))


def embedded(figures: Mapping[str, str], folder: str) -> Iterator[str]:
    """Yield paragraphs for each figure, whose link is relative to a folder.

    A caption that is a sentence stands below its figure, a shorter one in its place.

    Args:
        figures: caption → path; missing ones are named.
        folder: of the page.
    """
    if not figures:
        yield "No figures were drawn."
    for caption, path in figures.items():
        if os.path.exists(path):
            name = os.path.splitext(os.path.basename(path))[0].replace("_", " ")
            told = caption.endswith(".")
            yield f"![{literal(name if told else caption)}]({_link(path, folder)})"
            yield literal(caption) if told else ""
        else:
            yield f"{literal(caption)}: the file {literal(os.path.basename(path))} is missing."


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
