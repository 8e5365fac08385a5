"""MkDocs hook: fills pages from the source, so that they cannot say anything else than the code.

=============================================== ================================================
`<!-- settings -->`                             a table of all settings
`<!-- cadence -->`                              a table of the kinds that have a cadence
`<!-- older names -->`                          a table of the names for scripts of other loggers
`<!-- source PATH -->`                          a file of the package as a code block
`<!-- source PATH NAME -->`                     one function, class or constant of it
`<!-- source PATH from "TEXT" to "TEXT" -->`    its lines between those that hold these texts
=============================================== ================================================

PATH is relative to `src/epochal`.  The last line named by `to` is included.  The build fails where
a public name of the package is missing on the page of the Python API.
"""

import ast
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

import epochal
from epochal.record.cadence import KINDS
from epochal.settings import LEGACY_NAMES, describe

PACKAGE = Path(__file__).parents[1] / "src" / "epochal"
API = "reference/python.md"
SOURCE = re.compile(
    r'^<!-- source (?P<path>\S+)(?: from "(?P<start>.+)" to "(?P<stop>.+)"| (?P<name>\w+))? -->$',
    re.MULTILINE,
)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Gives the page's text with the directives replaced."""
    if page.file.src_uri == API:
        check_names(markdown)
    for mark, table in (
        ("<!-- settings -->", settings),
        ("<!-- cadence -->", cadence),
        ("<!-- older names -->", older_names),
    ):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return SOURCE.sub(lambda match: code(**match.groupdict()), markdown)


def check_names(markdown: str) -> None:
    """Refuses a page of the API without one of the names that the package offers."""
    listed = set(re.findall(r"^::: [\w.]+\.(\w+)$", markdown, re.MULTILINE))
    missing = sorted(set(epochal.__all__) - listed)
    if missing:
        raise PluginError(f"{API} lacks {', '.join(missing)}: add a line ::: for each")


def settings() -> str:
    """Gives the table of settings, without the kinds of the cadence."""
    rows = [row for row in describe() if not row.name.startswith("cadence.")]
    return table(
        ("Setting", "Default", "Meaning", "Allowed", "Environment"),
        [(tick(r.name), tick(r.default), r.meaning, r.allowed, tick(r.variable)) for r in rows],
    )


def cadence() -> str:
    """Gives the table of kinds with how often they are due."""
    kinds = [(tick(kind), tick(str(known.every)), known.meaning) for kind, known in KINDS.items()]
    return table(("Kind", "Default", "What it is"), kinds)


def older_names() -> str:
    """Gives the table of names that scripts for other loggers use."""
    rows = [(tick(name), tick(legacy.setting)) for name, legacy in LEGACY_NAMES.items()]
    return table(("Name", "Setting"), rows)


def tick(text: str) -> str:
    """Gives text as code."""
    return f"`{text}`"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Gives a table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


def code(path: str, name: str | None, start: str | None, stop: str | None) -> str:
    """Gives a code block with a part of a file."""
    text = (PACKAGE / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    if name:
        first, last = lines_of(ast.parse(text), name, path)
    elif start and stop:
        first = find(lines, start, 0, path)
        last = find(lines, stop, first, path)
    else:
        first, last = 0, len(lines) - 1
    part = dedent("\n".join(lines[first : last + 1]))
    return f"```python\n{part.replace('  # fmt: skip', '')}\n```"


def lines_of(tree: ast.Module, name: str, path: str) -> tuple[int, int]:
    """Gives the first and last line of a definition."""
    for node in tree.body:
        targets = [*getattr(node, "targets", ()), getattr(node, "target", None), node]
        if name in [getattr(each, "id", getattr(each, "name", None)) for each in targets]:
            return node.lineno - 1, (node.end_lineno or node.lineno) - 1
    raise PluginError(f"{path} defines no {name}")


def find(lines: list[str], text: str, start: int, path: str) -> int:
    """Gives the first line from `start` on that holds a text."""
    for number in range(start, len(lines)):
        if text in lines[number]:
            return number
    raise PluginError(f"{path} has no line with {text!r} after line {start + 1}")
