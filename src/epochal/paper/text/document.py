r"""``Document``: one file of a paper's text, LaTeX or Markdown, and what it takes from elsewhere.

What is no text is blanked, so that every position stays what it is in the file.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from epochal.core.errors import SettingError

MARKDOWN = (".md", ".markdown", ".qmd", ".rmd")
MAX_BYTES = 16 << 20
# Patterns below look only so far, as a text of somebody else must not take forever.

_BLANK = re.compile(r"[^\n]")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*")
_VERBATIM = re.compile(
    r"\\begin\{(verbatim|Verbatim|lstlisting|minted|comment)(\*?)\}.*?(?:\\end\{\1\2\}|\Z)"
    r"|\\verb\*?([^A-Za-z\s])[^\n]*?\3|\\lstinline\*?([^A-Za-z\s])[^\n]*?\4", re.DOTALL,
)  # fmt: skip
_CLAIM = re.compile(r"\\claim\s*\{([^{}]*)\}\s*\{")
_MARKDOWN_CLAIM = re.compile(
    r"<!--\s*claim\s+(\S+?)\s*-->(.{0,500}?)<!--\s*/claim\s*-->", re.DOTALL
)
_GRAPHICS = re.compile(
    r"\\(?:includegraphics|includesvg)\*?\s*(?:<[^>]{0,200}>)?(?:\[[^\]]{0,1000}\])?\s*\{([^{}]{0,1000})\}"
)
_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude|InputIfFileExists)(?![A-Za-z])\s*(?:\{([^{}]*)\}|([^\s{}\\]+))"
)
_GRAPHICS_PATH = re.compile(r"\\graphicspath\s*\{((?:\s*\{[^{}]*\})+)\s*\}")
_IMAGE = re.compile(
    r"!\[[^\]]{0,2000}\]\(\s*<?([^)\s>]{1,1000})(?:[\s>][^)]{0,1000})?\)"
    r"|<img\b[^>]{0,1000}?\bsrc\s*=\s*[\"']([^\"']{1,1000})[\"']"
)
_FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,}).*?(?:^ {0,3}\2[`~]*\s*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


class Claim(NamedTuple):
    """A number that the text prints by hand and names: where it stands, and how it is printed."""

    name: str
    printed: str
    line: int
    start: int
    end: int


class Included(NamedTuple):
    """A file that the text shows: a figure, or text that is read in."""

    path: str
    line: int
    figure: bool


@dataclass(frozen=True)
class Document:
    """One file of a paper's text.

    Attributes:
        path: absolute.
        text: all of it.
    """

    path: str
    text: str

    @classmethod
    def read(cls, path: str) -> Document:
        """Read a file.

        Raises:
            SettingError: it cannot be read, or is no text.
        """
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise SettingError(f"{path} cannot be read: {error.strerror or error}") from error
        if len(data) > MAX_BYTES or b"\0" in data:
            raise SettingError(f"{path} is no text of a paper: name LaTeX or Markdown files")
        return cls(path, data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))

    @property
    def is_markdown(self) -> bool:
        """Whether it is Markdown and not LaTeX, by its name."""
        return os.path.splitext(self.path)[1].lower() in MARKDOWN

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def line(self, position: int) -> int:
        """Return the number of the line of a position."""
        return bisect_right(self._starts, position)

    @cached_property
    def shown(self) -> str:
        """The text without comments and what is shown literally; claims of Markdown are kept."""
        if not self.is_markdown:
            # What is literal comes first: there a percent sign is no comment.
            return _COMMENT.sub(_blanked_comment, _VERBATIM.sub(_blanked, self.text))
        text = _FRONT_MATTER.sub(_blanked, self.text)
        return _CODE.sub(_blanked, _FENCE.sub(_blanked, text))

    @cached_property
    def claims(self) -> list[Claim]:
        """The numbers that are named, in order."""
        found = self._markdown_claims if self.is_markdown else self._latex_claims
        return list(found())

    def _markdown_claims(self) -> Iterator[Claim]:
        for match in _MARKDOWN_CLAIM.finditer(self.shown):
            yield Claim(match[1], match[2].strip(), self.line(match.start()), *match.span())

    def _latex_claims(self) -> Iterator[Claim]:
        for match in _CLAIM.finditer(self.shown):
            if _defines(self.shown, match.start()):
                continue  # its definition
            end = closing(self.shown, match.end() - 1)
            printed = self.shown[match.end() : end]
            yield Claim(match[1].strip(), printed.strip(), self.line(match.start()),
                        match.start(), end + 1)  # fmt: skip

    @cached_property
    def included(self) -> list[Included]:
        """The files that it shows, as they are written there."""
        if self.is_markdown:
            text = _HTML_COMMENT.sub(_blanked, self.shown)
            found = [(m.start(), m[1] or m[2], True) for m in _IMAGE.finditer(text)]
        else:
            found = [(m.start(), m[1], True) for m in _GRAPHICS.finditer(self.shown)]
            found += [(m.start(), m[1] or m[2], False) for m in _INPUT.finditer(self.shown)]
        return [
            Included(path.strip().strip('"'), self.line(at), figure)
            for at, path, figure in sorted(found)
        ]

    @cached_property
    def graphics_paths(self) -> list[str]:
        """The folders in which LaTeX looks for figures too."""
        found = _GRAPHICS_PATH.findall(self.shown)
        return [each for group in found for each in re.findall(r"\{([^{}]*)\}", group)]

    def uses(self, command: str) -> list[int]:
        """Return the lines on which a LaTeX command stands, but for its definitions."""
        pattern = re.compile(rf"\\{command}(?![A-Za-z])")
        return [
            self.line(match.start()) for match in pattern.finditer(self.shown)
            if not _defines(self.shown, match.start())
        ]  # fmt: skip

    def definitions(self, command: str) -> list[int]:
        """Return the lines on which a LaTeX command is defined."""
        pattern = re.compile(rf"\\{command}(?![A-Za-z])")
        return [
            self.line(match.start()) for match in pattern.finditer(self.shown)
            if _defines(self.shown, match.start())
        ]  # fmt: skip


def _defines(text: str, at: int) -> bool:
    before = text[max(0, at - 60) : at]
    return bool(re.search(r"\\(?:(?:re)?new|provide|Declare\w*)command\*?\s*\{?\s*$|\\[egx]?def\s*$"
                          r"|\\let\s*$", before))  # fmt: skip


def closing(text: str, at: int, most: int = 1000) -> int:
    """Return where the brace at a position is closed; where the search ends if it is not.

    Example:
        >>> closing("a{b{c}d}e", 1)
        7
    """
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text[at : at + most], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return at + match.start()
    return min(len(text), at + most)


def _blanked(match: re.Match[str]) -> str:
    return _BLANK.sub(" ", match[0])


def _blanked_comment(match: re.Match[str]) -> str:
    return match[1] + " " * (len(match[0]) - len(match[1]))
