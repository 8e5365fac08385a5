"""MkDocs hook: fills pages from the source, so that they cannot say anything else than the code.

=============================================== ================================================
`<!-- settings -->`                             a table of all settings
`<!-- cadence -->`                              a table of the kinds that have a cadence
`<!-- older names -->`                          a table of the names for scripts of other loggers
`<!-- example NAME -->`                         the page of an example, one level deeper
`<!-- source PATH -->`                          a file of the package as a code block
`<!-- source PATH NAME -->`                     one function, class or constant of it
`<!-- source PATH from "TEXT" to "TEXT" -->`    its lines between those that hold these texts
=============================================== ================================================

PATH is relative to `src/epochal`.  The last line named by `to` is included.  The build fails where
a public name is missing on the page of the Python API, or an error on that of the errors.
"""

import ast
import re
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

from epochal.core import errors
from epochal.record.cadence import KINDS
from epochal.settings import LEGACY_NAMES, describe

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "src" / "epochal"
ERRORS = "reference/errors.md"
EVIDENCE = {
    "epochal.analyze": "epochal.analyze",
    "epochal.figures": "epochal.present.figures",
    "epochal.tables": "epochal.present.tables",
}
RECORDING = {
    name: name
    for name in ("epochal", *(f"epochal.{p}" for p in "measure checkpoints sweeps loggers".split()))
}
API = {"reference/python.md": RECORDING, "reference/evidence.md": EVIDENCE}
"""Page → what users import its names from → the package that has them."""
ELSEWHERE = {"analyze", "compare", "figures", "model_card", "report", "tables"}
"""Names of `epochal` itself that are on the page of evidence, or are a section of it."""
ENTRY = re.compile(r"^::: (?P<module>[\w.]+)\.(?P<name>\w+)\n(?:    options:\n)?", re.MULTILINE)
EXAMPLE = re.compile(r"^<!-- example (\w+) -->$", re.MULTILINE)
# Blocks of code are found first, so that their comments are not taken for headings.
HEADING = re.compile(r"^```.*?^```$|^(#+ )", re.MULTILINE | re.DOTALL)
SOURCE = re.compile(
    r'^<!-- source (?P<path>\S+)(?: from "(?P<start>.+)" to "(?P<stop>.+)"| (?P<name>\w+))? -->$',
    re.MULTILINE,
)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Gives the page's text with the directives replaced."""
    if page.file.src_uri in API:
        offered = API[page.file.src_uri]
        names = {name for package in offered.values() for name in public_names(package)}
        names = names - ELSEWHERE if "epochal" in offered else names | {"report", "model_card"}
        check_names(page, r"^::: [\w.]+\.(\w+)$", sorted(names))
        markdown = ENTRY.sub(entry, markdown)
    if page.file.src_uri == ERRORS:
        raised = [name for name in vars(errors) if name.endswith("Error")]
        check_names(page, r"^[│├└─ ]*(\w+Error)\b", raised)
    for mark, table in (
        ("<!-- settings -->", settings),
        ("<!-- cadence -->", cadence),
        ("<!-- older names -->", older_names),
    ):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    markdown = EXAMPLE.sub(lambda match: example(match[1]), markdown)
    return SOURCE.sub(lambda match: code(**match.groupdict()), markdown)


def check_names(page: Page, pattern: str, names: list[str]) -> None:
    """Refuses a page that has no entry for one of the names."""
    listed = re.findall(pattern, page.markdown or "", re.MULTILINE)
    if missing := sorted(set(names) - set(listed)):
        raise PluginError(f"{page.file.src_uri} lacks {', '.join(missing)}: add an entry for each")


def public_names(package: str) -> list[str]:
    """Gives the names that a package offers."""
    return list(import_module(package).__all__)


def entry(match: re.Match[str]) -> str:
    """Gives an entry of the API a heading with the place that users import it from."""
    module, name = match["module"], match["name"]
    every = {**RECORDING, **EVIDENCE}
    home = next((home for home, where in every.items() if name in public_names(where)), module)
    heading = name if home == "epochal" else f"{home}.{name}"
    return f"::: {module}.{name}\n    options:\n      heading: {heading}\n      toc_label: {name}\n"


def settings() -> str:
    """Gives the table of settings, without the kinds of the cadence."""
    rows = [row for row in describe() if not row.name.startswith("cadence.")]
    return table(
        ("Setting", "Default", "Meaning", "Allowed"),
        [(tick(row.name), tick(row.default), row.meaning, row.allowed) for row in rows],
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


def example(name: str) -> str:
    """Gives the README of an example with each heading one level deeper."""
    text = (CHECKOUT / "examples" / name / "README.md").read_text(encoding="utf-8")
    return HEADING.sub(lambda match: f"#{match[0]}" if match[1] else match[0], text)


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
