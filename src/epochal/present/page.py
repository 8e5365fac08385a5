"""A page of HTML that opens from disk: one file with its style, and links to files beside it.

Nothing is fetched from elsewhere, which the page itself forbids.  Every text is escaped here: what
callers give is plain text.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from epochal.markup.cells import Cell, Column, Number
from epochal.markup.html import escape
from epochal.markup.rounding import grouped
from epochal.present.page_style import STYLE

POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"
"""What a browser may load for the page: pictures beside it, and nothing else."""

DPI, CSS_DPI = 300, 150
"""Of a picture, and of a screen: 96 would be the size in print, which is small on a screen."""

_MINUS = str.maketrans("-", "\u2212")


@dataclass
class Page:
    """A page under construction; everything given to it is plain text.

    Attributes:
        title: of the page.
        folder: where it will lie: links are relative to it.
        comment: a line that stands in the source, such as a provenance.

    Example:
        >>> page = Page("a < b", "/tmp")
        >>> page.paragraph("1 & 2")
        >>> "<p>1 &amp; 2</p>" in page.html()
        True
    """

    title: str
    folder: str
    comment: str = ""
    _parts: list[str] = field(default_factory=list)
    _contents: list[tuple[str, str]] = field(default_factory=list)
    _lead: list[str] = field(default_factory=list)

    # -- text ----------------------------------------------------------------------------------

    def lead(self, text: str) -> None:
        """Add a paragraph below the title."""
        self._lead.append(f'<p class="lead">{escape(text)}</p>')

    def section(self, title: str) -> None:
        """Begin a section, which the contents list."""
        key = f"s{len(self._contents) + 1}"
        self._contents.append((key, title))
        self._parts.append(f'<h2 id="{key}">{escape(title)}</h2>')

    def heading(self, title: str) -> None:
        """Begin a part of a section."""
        self._parts.append(f"<h3>{escape(title)}</h3>")

    def paragraph(self, text: str, *, soft: bool = False) -> None:
        """Add a paragraph."""
        kind = ' class="soft"' if soft else ""
        self._parts.append(f"<p{kind}>{escape(text)}</p>")

    def bullets(self, texts: Iterable[str]) -> None:
        """Add a list; nothing if there are no texts."""
        items = "".join(f"<li>{escape(text)}</li>\n" for text in texts)
        self._parts += [f"<ul>\n{items}</ul>"] if items else []

    def verdict(self, word: str, sentence: str) -> None:
        """Add a verdict: its word, such as "better", and the sentence."""
        kind = word if word in ("better", "worse") else "plain"
        self._parts.append(
            f'<div class="verdict {kind}"><b>{escape(word)}</b>{escape(sentence)}</div>'
        )

    def source(self, text: str, label: str) -> None:
        """Add text to copy, as it is, with line ends."""
        lines = "\n".join(map(escape, text.rstrip("\n").split("\n")))
        self._parts.append(
            f'<pre tabindex="0" role="region" aria-label="{escape(label)}">{lines}</pre>'
        )

    # -- tables, figures, files -----------------------------------------------------------------

    def table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[Cell | Link]], caption: str
    ) -> None:
        """Add a table; the first cell of a row is its heading.

        Args:
            columns: headings and alignment.
            rows: of text, numbers or links.
            caption: what it shows.
        """
        head = "".join(
            f'<th scope="col"{_align(column)}>{escape(column.title)}</th>' for column in columns
        )
        body = "\n".join(f"<tr>{self._row(columns, row)}</tr>" for row in rows)
        self._parts.append(
            f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">\n<table>'
            f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}"
            "\n</tbody></table></div>"
        )

    def _row(self, columns: Sequence[Column], row: Sequence[Cell | Link]) -> str:
        cells = [
            f"<td{_align(column)}>{self._cell(cell)}</td>"
            for column, cell in zip(columns, row, strict=True)
        ]
        first = f'<th scope="row">{self._cell(row[0])}</th>'
        return "".join([first, *cells[1:]])

    def _cell(self, cell: Cell | Link) -> str:
        if isinstance(cell, Link):
            return f'<a href="{escape(self._href(cell))}">{escape(cell.text)}</a>'
        return number(cell) if isinstance(cell, Number) else escape(cell)

    def figures(self, figures: Iterable[tuple[str, str, Sequence[str]]]) -> None:
        """Add figures side by side, as far as there is room; each is as large as in print, or more.

        Args:
            figures: of each the path of a PNG; the caption, which is also read aloud in its place;
                and paths of all its forms.
        """
        made = "\n".join(self._figure(*each) for each in figures)
        self._parts.append(f'<div class="figures">\n{made}\n</div>')

    def _figure(self, picture: str, caption: str, files: Sequence[str]) -> str:
        size, href = png_size(picture), escape(self._href(Link("", picture)))
        wide = f' style="max-width: {size[0] * CSS_DPI // DPI}px"' if size else ""
        shape = f' width="{size[0]}" height="{size[1]}"' if size else ""
        return (
            f'<figure{wide}><a href="{href}"><img src="{href}" alt="{escape(caption)}"{shape}'
            f' loading="lazy" decoding="async"></a>\n<figcaption>{escape(caption)}'
            f"{self._files(files)}</figcaption></figure>"
        )

    def files(self, paths: Sequence[str]) -> None:
        """Add links to files; those that are not there are left out."""
        self._parts.append(self._files(paths))

    def _files(self, paths: Sequence[str]) -> str:
        links = [self._cell(Link(os.path.basename(path), path)) for path in paths
                 if os.path.isfile(path)]  # fmt: skip
        return f'\n<p class="files">{" ".join(links)}</p>\n' if links else ""

    # -- parts that open -----------------------------------------------------------------------

    def begin_details(self, key: str, title: str, more: str, *, is_open: bool) -> None:
        """Begin a part that opens with a click; ``#key`` leads to it.

        Args:
            key: letters and digits.
            title: its heading.
            more: what is said beside it, "" for nothing.
            is_open: whether it is open at first.
        """
        beside = f' <span class="soft">{escape(more)}</span>' if more else ""
        self._parts.append(
            f"<details{' open' if is_open else ''}><summary>{escape(title)}{beside}</summary>\n"
            f'<div id="{escape(key)}">'
        )

    def end_details(self) -> None:
        """End it."""
        self._parts.append("</div></details>")

    # -- the page ------------------------------------------------------------------------------

    def html(self) -> str:
        """Return the page."""
        links = "\n".join(f'<a href="#{key}">{escape(title)}</a>' for key, title in self._contents)
        nav = f'<nav aria-label="Contents" class="files"><p>{links}</p></nav>' if links else ""
        comment = self.comment.replace("--", "- -")
        lines = [
            "<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
            *([f"<!-- {comment} -->"] if comment else []),
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(self.title)}</title>", f"<style>{STYLE}</style>", "</head>", "<body>",
            '<a class="skip" href="#main">Skip to the content</a>',
            f"<header><h1>{escape(self.title)}</h1>", *self._lead, nav, "</header>",
            '<main id="main">', *self._parts, "</main>", "</body>", "</html>", "",
        ]  # fmt: skip
        return "\n".join(line for line in lines if line or line == lines[-1])

    def _href(self, link: Link) -> str:
        if link.path.startswith("#"):
            return link.path
        relative = os.path.relpath(link.path, self.folder).replace(os.sep, "/")
        # "./" so that a name with a colon is no scheme.
        return "./" + quote(relative, errors="surrogateescape")


@dataclass(frozen=True)
class Link:
    """A link in a table: its text, and a path or ``#key`` of the same page."""

    text: str
    path: str


def number(cell: Number) -> str:
    """Return a number as HTML, with its error, mark and emphasis.

    Example:
        >>> number(Number(3.27837, 0.00142, bold=True))
        '<strong>3.2784 ± 0.0014</strong>'
    """
    found = cell.rounded
    text = grouped(found.value).translate(_MINUS)
    if found.error:
        text = f"{text} ± {grouped(found.error)}"
    if found.exponent:
        text = f"({text})" if found.error else text
        text = f"{text} \u00d7 10<sup>{str(found.exponent).translate(_MINUS)}</sup>"
    text = f"<u>{text}</u>" if cell.underline else text
    return (f"<strong>{text}</strong>" if cell.bold else text) + escape(cell.mark)


def png_size(path: str) -> tuple[int, int] | None:
    """Return width and height of a PNG in pixels, None if it is none."""
    try:
        with open(path, "rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _align(column: Column) -> str:
    return ' class="r"' if column.align == "r" else ""
