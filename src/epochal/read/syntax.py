"""Read the text of a filter into a syntax tree that holds nothing but what is allowed.

Python's own parser reads the text; nothing of it is run.  Every node is then checked against an
allow-list, and the size and the depth of the tree are bounded.
"""

from __future__ import annotations

import ast
import keyword
import re
from typing import Final

from epochal.core.errors import FilterError
from epochal.read.operators import ARITHMETIC, COMPARISONS

MAX_CHARACTERS = 4_000
MAX_NODES = 1_000
MAX_DEPTH = 50
MAX_BRACKETS = 20

ARGUMENTS: Final = {
    "contains": 2,
    "startswith": 2,
    "endswith": 2,
    "matches": 2,
    "exists": 1,
    "lower": 1,
    "len": 1,
}
"""The functions of the language, each with the number of its arguments."""

_QUOTED_OR_BRACKET = re.compile(
    r""" "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | ["'].* | [\[({})\]\#] """, re.VERBOSE
)
_ALLOWED_NODES = frozenset(
    {"Expression", "Constant", "Name", "Attribute", "Subscript", "Load", "List", "Tuple", "Set"}
    | {"BoolOp", "And", "Or", "UnaryOp", "Not", "Compare", "BinOp", "Call"}
    | {"USub", "UAdd"}
    | COMPARISONS.keys()
    | ARITHMETIC.keys()
)
_ADVICE = {
    "BitAnd": "& is not allowed; write and",
    "BitOr": "| is not allowed; write or",
    "Invert": "~ is not allowed; write not",
    "Is": "'is' is not allowed; write ==",
    "IsNot": "'is not' is not allowed; write !=",
    "Pow": "** is not allowed",
    "Mod": "% is not allowed",
    "FloorDiv": "// is not allowed",
}
_ALLOWED_TEXT = (
    'Allowed are paths (config.lr, summary["val/loss"].min), numbers, texts in quotes, lists, '
    "== != < <= > >= in, and or not, + - * /, and the functions " + ", ".join(ARGUMENTS) + "."
)


class Source:
    """The text of an expression, and errors that point into it.

    Raises:
        FilterError: The text is not a string, is empty, too long, or has characters that no
            expression can have.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise FilterError(f"a filter is text, not {type(text).__name__}; {_ALLOWED_TEXT}")
        if len(text) > MAX_CHARACTERS:
            raise FilterError(
                f"a filter has at most {MAX_CHARACTERS:,} characters, this one {len(text):,}"
            )
        # One line, so that a filter may be laid out over several; every character keeps its
        # meaning, because a text in quotes cannot span lines.
        self.text = re.sub(r"[\r\n]", " ", text).strip()
        if not self.text:
            raise self.error("the filter is empty; leave it out to get every run", 0)
        for character in re.finditer(r"[\0\ud800-\udfff]", self.text):
            raise self.error("this character cannot be part of a filter", character.start())
        for escape in re.finditer(r"\\(.?)", self.text):
            if escape[1] not in ("\\", '"', "'", "n", "t"):
                raise self.error(
                    r"\ is not allowed here; write \\ for a backslash in quotes", escape.start()
                )

    def parse(self) -> ast.expr:
        """Return the syntax tree, which holds allowed nodes only and a bounded number of them.

        Raises:
            FilterError: The text is no expression, or one with more than the language has.
        """
        self._check_brackets()
        try:
            body = ast.parse(self.text, filename="<filter>", mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from None
        except (MemoryError, RecursionError):
            raise self.error("the filter is nested too deeply; take it apart", 0) from None
        except ValueError as error:  # bytes that are no source text, in some Python versions
            raise self.error(f"the filter cannot be read: {error}", 0) from None
        self._check(body)
        return body

    def offset(self, column: int) -> int:
        """Return the position in the text of a syntax tree's column, which counts UTF-8 bytes."""
        return len(self.text.encode()[:column].decode(errors="ignore"))

    def error(self, message: str, at: int | ast.expr) -> FilterError:
        """Return an error whose last line has a caret under the given place."""
        if isinstance(at, ast.expr):
            at = self.offset(at.col_offset)
        at = max(0, min(at, len(self.text)))
        start = max(0, at - 60)
        window = self.text[start : at + 60]
        shown = "".join(
            each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in window
        )
        return FilterError(f"{message}\n  {shown}\n  {' ' * (at - start)}^")

    def _check_brackets(self) -> None:
        """Refuse comments, and brackets so deep that some parsers take exponential time."""
        depth = 0
        for part in _QUOTED_OR_BRACKET.finditer(self.text):
            if part[0] == "#":
                raise self.error("# is not allowed outside quotes", part.start())
            depth += (part[0] in "([{") - (part[0] in ")]}")
            if depth > MAX_BRACKETS:
                limit = f"at most {MAX_BRACKETS} brackets may be open at once"
                raise self.error(f"{limit}; take the filter apart", part.start())

    def _syntax_error(self, error: SyntaxError) -> FilterError:
        at = (error.offset or 1) - 1
        word = re.match(r"\w*", self.text[max(0, at) :])
        name = word[0] if word else ""
        if keyword.iskeyword(name) and self.text[: max(0, at)].rstrip().endswith("."):
            return self.error(
                f'{name!r} is a reserved word; write the key in brackets: ["{name}"]', at
            )
        character = self.text[max(0, at) : at + 1]
        if character == "=" or "'=='" in error.msg:
            return self.error("a single = is not allowed; write == to compare", at)
        advice = {"&": "; write and", "|": "; write or", "!": "; write not"}.get(character, "")
        return self.error(f"the filter cannot be read: {error.msg}{advice}. {_ALLOWED_TEXT}", at)

    def _check(self, body: ast.expr) -> None:
        """Refuse what is not on the allow-list, without recursion: the tree may be very deep."""
        waiting: list[tuple[ast.AST, int, int]] = [(body, 1, body.col_offset)]
        count = 0
        while waiting:
            node, depth, column = waiting.pop()
            kind = type(node).__name__
            column = getattr(node, "col_offset", column)
            count += 1
            if kind not in _ALLOWED_NODES:
                problem = _ADVICE.get(kind, f"{kind} is not part of the filter language")
                raise self.error(f"{problem}. {_ALLOWED_TEXT}", self.offset(column))
            if depth > MAX_DEPTH or count > MAX_NODES:
                limit = f"{MAX_DEPTH} levels deep and has {MAX_NODES:,} parts"
                raise self.error(f"a filter is at most {limit}; take it apart", self.offset(column))
            children = reversed(list(ast.iter_child_nodes(node)))  # the leftmost is checked next
            waiting.extend((child, depth + 1, column) for child in children)
