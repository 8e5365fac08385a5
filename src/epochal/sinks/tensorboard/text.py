"""What TensorBoard shows as text, which it reads as Markdown: texts and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal.sinks.tensorboard.events import load, protos

MAX_TABLE_ROWS = 1000
"""A browser shows no more of them with pleasure."""

_ESCAPES = str.maketrans(
    {"|": "\\|", "\\": "\\\\", "*": "\\*", "_": "\\_", "`": "\\`", "<": "&lt;", "&": "&amp;",
     "\n": "<br>", "[": "\\["}
)  # fmt: skip


def value(tag: str, markdown: str) -> Any:
    """Return the value of a text; a lone surrogate, which has no encoding, becomes "?"."""
    about = load("plugins.text.metadata").create_summary_metadata(display_name="", description="")
    tensor = protos().TensorProto(
        dtype=protos().types.DT_STRING, string_val=[markdown.encode("utf-8", "replace")]
    )
    return protos().Summary.Value(tag=tag, metadata=about, tensor=tensor)


def described(text: str, caption: str, about: Mapping[str, Any]) -> str:
    """Return a text below its caption and the settings that it was generated with."""
    settings = [f"**{_cell(name)}** {_cell(setting)}" for name, setting in about.items()]
    above = [f"**{_cell(caption)}**" if caption else "", " · ".join(settings)]
    return "\n\n".join([*filter(None, above), text])


def table(columns: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    r"""Return a table in Markdown.

    Example:
        >>> print(table(["a", "b"], [[1, "x|y"]]))
        | a | b |
        |---|---|
        | 1 | x\|y |
    """
    rows = list(rows)
    lines = [_line(columns), "|" + "---|" * len(columns), *map(_line, rows[:MAX_TABLE_ROWS])]
    if len(rows) > MAX_TABLE_ROWS:
        lines += ["", f"{len(rows) - MAX_TABLE_ROWS:,} more rows are in the run."]
    return "\n".join(lines)


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(content: Any) -> str:
    return "" if content is None else str(content).translate(_ESCAPES)


def code(content: str) -> str:
    r"""Return a text of which every line and space stays, as a block of code.

    Example:
        >>> code("a\n  b")
        '    a\n      b'
    """
    return "\n".join(f"    {line}" for line in content.splitlines())
