"""Griffe extension: docstrings as Markdown.

In the source, docstrings are plain text for people who read code; three habits of theirs are not
Markdown: `Example:` in the singular, reStructuredText's roles and literal blocks, and its tables.
"""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
ROLE = re.compile(r":(?:class|func|mod|meth|attr):`~?(?:[\w.]+\.)?(\w+)`")
LITERAL = re.compile(r"^(.*\S)?::$", re.MULTILINE)
TABLE = re.compile(r"^(?P<rule>=+(?: =+)+)\n(?P<body>.*?)\n(?P=rule)$", re.MULTILINE | re.DOTALL)


class Markdown(griffe.Extension):
    """Rewrites each docstring when its object was read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrites the docstring, if there is one."""
        if obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)


def rewritten(text: str) -> str:
    """Gives a docstring as Markdown."""
    text = TABLE.sub(table, text)
    text = EXAMPLE.sub("Examples:", text)
    text = ROLE.sub(r"`\1`", text)
    return LITERAL.sub(lambda match: f"{match[1]}:" if match[1] else "", text)


def table(match: re.Match[str]) -> str:
    """Gives a simple table of reStructuredText as one of Markdown; lines may be continued."""
    starts = [column.start() for column in re.finditer("=+", match["rule"])]
    rows: list[list[str]] = []
    for line in match["body"].replace(match["rule"], "").splitlines():
        cells = [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=True)]
    lines = [[""] * len(starts), ["---"] * len(starts), *(row for row in rows if any(row))]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    )
