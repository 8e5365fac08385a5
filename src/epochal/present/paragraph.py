"""Paragraphs of literal text and numbers, in LaTeX and Markdown at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from epochal.markup import latex, markdown
from epochal.markup.cells import Number

Piece: TypeAlias = str | Number
"""Of a sentence: literal text, or a number."""

Pieces: TypeAlias = Sequence[Piece]

_OURS = ("the ", "a ", "an ", "this ", "these ", "each ", "too few ", "looks ")
"""How sentences of ours begin; any other first word may be a name."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph in two formats.

    Attributes:
        latex: for LaTeX, escaped.
        markdown: for Markdown, escaped.
        missing: what should stand in it and is not known.
        notes: what its author must know before pasting it, as plain text.
    """

    latex: str
    markdown: str
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it as Markdown."""
        return self.markdown


def listed(parts: Sequence[Pieces]) -> list[Piece]:
    """Return a list in words: a, b and c."""
    sentence: list[Piece] = []
    for at, part in enumerate(parts):
        if at:
            sentence.append(" and " if at == len(parts) - 1 else ", ")
        sentence += part
    return sentence


def paragraph(
    sentences: Sequence[Pieces], missing: tuple[str, ...] = (), notes: tuple[str, ...] = ()
) -> Paragraph:
    r"""Return sentences as a paragraph.

    Example:
        >>> paragraph([["a learning rate of ", Number(1e-6), " % is low."]]).latex
        'A learning rate of $1 \\times 10^{-6}$ \\% is low.'
    """

    def written(number: Callable[[Number], str], literal: Callable[[str], str]) -> str:
        return " ".join(
            "".join(number(p) if isinstance(p, Number) else literal(p) for p in _capital(pieces))
            for pieces in sentences
        )

    return Paragraph(
        written(latex.number, latex.escape), written(markdown.number, markdown.literal),
        missing, notes,
    )  # fmt: skip


def sentence(text: str) -> str:
    """Return text as a sentence: with a capital letter, if its first word is ours, and an end.

    Example:
        >>> sentence("the groups differ in lr too"), sentence("adamw: 1 of 4 runs left out")
        ('The groups differ in lr too.', 'adamw: 1 of 4 runs left out.')
    """
    text = text[0].upper() + text[1:] if text.startswith(_OURS) else text
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _capital(pieces: Pieces) -> Pieces:
    """Return a sentence that begins with a capital letter, if its first word is ours."""
    first = pieces[0]
    if isinstance(first, str) and first.startswith(_OURS):
        return [first[0].upper() + first[1:], *pieces[1:]]
    return pieces
