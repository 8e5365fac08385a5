r"""Numbers in a paper's text that may be results: decimals and percentages.

What is left out, by these rules: comments, literal text and code, the preamble and the
bibliography; arguments of commands that refer, cite, include or measure; lengths (``3.5cm``,
``0.5\linewidth``); numbers that belong to a name (``GPT-3.5``, ``v1.2``, ``1.2.3``) or follow a
word such as Section, Table, Figure, version or Python; and "95 %" before "confidence", "CI" or
"interval".  Whole numbers without a percent sign are no results, as most are counts and years.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from epochal.paper.text.document import Document

_NUMBER = re.compile(
    r"(?<![\w.\\])(?<![\w.]-)"  # not inside a name, a version or a command
    r"(?P<number>\d+(?:(?:,|\{,\}|\\,)\d{3})*(?:\.\d+)?|\.\d+)"
    r"(?P<after>(?:\\,|~|\s|\$|\}){0,2}(?:\\?%|\\percent\b))?"
    r"(?![\w]|\.\d)"
)
_LENGTH = re.compile(
    r"(?<![\w.])-?(?:\d+(?:\.\d*)?|\.\d+)(?:(?:pt|cm|mm|em|ex|in|bp|pc|sp|dd|cc|px)\b"
    r"|\s*\\(?:(?:text|line|column|paper)(?:width|height)|[hv]size|baselineskip|parindent))"
)
_ARGUMENTS = re.compile(
    r"\\(?:[A-Za-z]*cite[A-Za-z]*|[A-Za-z]*ref|label|includegraphics|includesvg|input|include"
    r"|bibliography|bibliographystyle|addbibresource|usepackage|documentclass|RequirePackage|url"
    r"|href|hspace|vspace|setlength|addtolength|begin|end|rule|raisebox|scalebox|resizebox"
    r"|rotatebox|definecolor|textcolor|color|graphicspath|hypersetup|date|vskip|hskip|kern"
    r"|cmidrule|multicolumn|setcounter|fontsize|pagestyle|doi|arxiv|footnotemark)(?![A-Za-z])\*?"
    r"(?:\s*\[[^\]]{0,500}\])*(?:\s*\{[^{}]{0,1000}\})?(?:\s*\[[^\]]{0,500}\])?"
)
_ENVIRONMENT_ARGUMENTS = re.compile(
    r"\\begin\{(?:tabular[x*]?|minipage|wrapfigure|wraptable|subfigure|adjustbox|multicols|array)\}"
    r"(?:\s*\[[^\]]{0,500}\])*(?:\s*\{[^{}]{0,500}\}){0,2}"
)
_NAMED = re.compile(
    r"(?:\b(?:sections?|secs?|figures?|figs?|tables?|tabs?|equations?|eqs?|eqns?|chapters?"
    r"|appendix|algorithms?|algs?|theorems?|lemmas?|versions?|ver|python|cuda|pytorch|torch|numpy"
    r"|tensorflow|jax|ubuntu|release)\b\.?|§)[\s~(]*$", re.IGNORECASE,
)  # fmt: skip
_LEVEL = re.compile(
    r"\s*(?:\\?[-~\s$}])*(?:confidence|credible|prediction|bootstrap|CIs?\b|[tz]?-?\s?interval)"
)
_LINKS = re.compile(
    r"\]\([^)\n]{0,1000}\)|https?://\S+|<[A-Za-z/][^>]{0,1000}>|<!--.*?(?:-->|\Z)", re.DOTALL
)
_DEFINITION = re.compile(
    r"\\(?:(?:re)?new|provide)command\*?\s*\{?\\[A-Za-z]+\}?(?:\[\d\])*\{[^{}]*\}"
)


class Found(NamedTuple):
    """A number in the text: as it is printed, and its line."""

    printed: str
    line: int


def numbers_in(document: Document, covered: Sequence[tuple[int, int]] = ()) -> list[Found]:
    r"""Return the numbers of a text that may be results.

    Args:
        document: LaTeX or Markdown.
        covered: pieces (start, end) whose numbers are known: they are left out.

    Example:
        >>> text = r"Loss 3.28 (Table 1.2, GPT-3.5) falls by 5\% in \hspace{0.5em} 2024."
        >>> [each.printed for each in numbers_in(Document("a.tex", text))]
        ['3.28', '5\\%']
    """
    text = _body(document)
    for start, end in covered:
        text = text[:start] + " " * (end - start) + text[end:]
    found = []
    for match in _NUMBER.finditer(text):
        percent = match["after"] is not None
        if "." not in match["number"] and not percent:
            continue
        if _NAMED.search(text[max(0, match.start() - 40) : match.start()]):
            continue
        if percent and _LEVEL.match(text, match.end()):
            continue
        printed = re.sub(r"\s+", " ", match[0]).strip()
        found.append(Found(printed, document.line(match.start())))
    return found


def _body(document: Document) -> str:
    """Return the text with everything blanked that has no results."""
    text = document.shown
    if document.is_markdown:
        return _LINKS.sub(_blank, text)
    begin, end = text.find(r"\begin{document}"), text.find(r"\end{document}")
    if begin >= 0:
        text = _spaces(text[:begin]) + text[begin:]
    if end >= 0:
        text = text[:end] + _spaces(text[end:])
    text = re.sub(r"\\begin\{thebibliography\}.*?(?:\\end\{thebibliography\}|\Z)", _blank, text,
                  flags=re.DOTALL)  # fmt: skip
    for pattern in (_DEFINITION, _ENVIRONMENT_ARGUMENTS, _ARGUMENTS, _LENGTH):
        text = pattern.sub(_blank, text)
    return text


def _blank(match: re.Match[str]) -> str:
    return _spaces(match[0])


def _spaces(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
