"""``Table``: columns and rows, and where they come from, written as LaTeX, Markdown or CSV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from epochal.core.atomic import write_atomically
from epochal.markup import latex, markdown
from epochal.markup.cells import Cell, Column, Number
from epochal.markup.spreadsheet import comment, csv_text
from epochal.present.spec import Provenance

_MADE = "Made by Epochal; changes are lost when it is made again."


@dataclass(frozen=True)
class Table:
    r"""A table before it is written.

    Attributes:
        columns: headings and alignment.
        rows: a tuple of cells each, as many as there are columns.
        caption: literal text; without it no LaTeX table floats.
        label: for ``\ref``.
        notes: what a reader must know; they stand below the table.
        provenance: from which runs; a comment in each file, which ``epochal whence`` reads.
        siunitx: what :meth:`to_latex` does unless it is told.

    Example:
        >>> table = Table((Column("setting"), Column("loss", "r")), (("a_b", Number(3.5, 0.12)),))
        >>> print(table.to_markdown().split("\n\n")[1], end="")
        | setting | loss |
        |---|---:|
        | a\_b | 3.50 ± 0.12 |
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    label: str = ""
    notes: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    siunitx: bool = False

    def to_latex(
        self, path: str | os.PathLike[str] | None = None, *, siunitx: bool | None = None
    ) -> str:
        r"""Return the table as a fragment for ``\input``, and write it if a path is given.

        The preamble needs ``\usepackage{booktabs}``, and ``\usepackage{siunitx}`` (version 3) with
        ``siunitx=True``, which aligns numbers at the decimal point.

        Raises:
            OSError: the file cannot be written (so too the methods below).
        """
        text = latex.tabular(
            self.columns, self.rows, siunitx=self.siunitx if siunitx is None else siunitx,
            caption=self.caption, label=self.label, notes=self.notes,
            comment=[_MADE, self.provenance.to_line()],
        )  # fmt: skip
        return written(text, path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the table as Markdown, and write it if a path is given."""
        parts = [markdown.comment(self.provenance.to_line())]
        parts += [f"**{markdown.literal(self.caption)}**"] if self.caption else []
        parts.append(
            markdown.table(
                [column.title for column in self.columns], self.rows,
                [column.align for column in self.columns],
            )
        )  # fmt: skip
        parts += [markdown.literal(note) for note in self.notes]
        return written("\n\n".join(parts) + "\n", path)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the table as CSV with exact numbers, and write it if a path is given.

        What follows a ± in the table has a column of its own.  The first line is a comment with the
        provenance: ``pandas.read_csv(path, comment="#")``.
        """
        text = csv_text(self._headings(), map(self._flat, self.rows))
        return written(comment(self.provenance.to_line()) + text, path)

    def _with_error(self) -> list[bool]:
        return [
            any(isinstance(row[at], Number) and row[at].error is not None for row in self.rows)  # type: ignore[union-attr]
            for at in range(len(self.columns))
        ]

    def _headings(self) -> Iterator[str]:
        for column, with_error in zip(self.columns, self._with_error(), strict=True):
            yield column.title.removesuffix(" ↑").removesuffix(" ↓")
            if with_error:
                yield f"{column.heading} ±"

    def _flat(self, row: tuple[Cell, ...]) -> Iterator[object]:
        for cell, with_error in zip(row, self._with_error(), strict=True):
            yield cell.value if isinstance(cell, Number) else cell
            if with_error:
                yield cell.error if isinstance(cell, Number) else None


def written(text: str, path: str | os.PathLike[str] | None) -> str:
    """Write a text to a file, whose folder is made if it is missing; return the text.

    A file that has this content already is left alone, with its time.
    """
    if path is not None:
        full = os.path.abspath(os.fspath(path))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        data = text.encode("utf-8", "backslashreplace")
        if not _holds(full, data):
            write_atomically(full, data, private=False)
    return text


def _holds(path: str, data: bytes) -> bool:
    try:
        if not os.path.isfile(path):  # reading a device or pipe would wait for somebody
            return False
        with open(path, "rb") as file:
            return file.read() == data
    except OSError:  # there is none yet, or writing will say what is wrong
        return False
