"""Writing to the terminal: tables, trees and JSON, with nothing a name could do to the screen.

On a terminal tables fit its width and have colors; anywhere else they are plain text, complete and
without decoration.  Text that was recorded is shown by :func:`shown`: control characters as
escapes, and square brackets as themselves.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

from epochal.core.names import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

UNLIMITED = 1 << 16
STATE_STYLES = {
    "running": "cyan", "finished": "green", "failed": "red", "interrupted": "yellow",
    "killed": "red", "lost": "magenta",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        right: align numbers on the right.
        elastic: it may be shortened to so many characters where a terminal is narrow; 0: never.
        rank: where there is still too little room, columns of the highest rank go first; 0 stays.
    """

    title: str
    right: bool = False
    elastic: int = 0
    rank: int = 0


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or error; it never interprets text as markup."""
    from rich.console import Console

    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if made.is_terminal:
        return made
    return Console(
        stderr=stderr, markup=False, emoji=False, highlight=False, width=UNLIMITED, no_color=True
    )


def shown(text: object, style: str = "") -> Text:
    """Return recorded text, harmless."""
    from rich.text import Text

    return Text(printable(str(text)), style=style)


def line(*parts: tuple[object, str]) -> Text:
    """Return recorded texts, harmless, each in its style."""
    from rich.text import Text

    return Text.assemble(*((printable(str(text)), style) for text, style in parts))


def shown_lines(text: str) -> Text:
    """Return recorded text of several lines, harmless, with its line ends."""
    from rich.text import Text

    return Text("\n".join(map(printable, text.splitlines())))


def state(name: str) -> Text:
    """Return a run's state in its color."""
    return shown(name, STATE_STYLES.get(name, ""))


def say(message: str) -> None:
    """Write a remark for the person to standard error."""
    click.echo(printable(message), err=True)


def fail(message: str) -> NoReturn:
    """End with status 1 and one line on standard error.

    Raises:
        click.ClickException: always.
    """
    raise click.ClickException(printable(message))


def table(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; cells are text or what :func:`shown` made."""
    out = console()
    cells = [[shown(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    titles = [shown(column.title) for column in columns]
    widths = [max(row[i].cell_len for row in (titles, *cells)) for i in range(len(columns))]
    if not out.is_terminal:
        _plain_table(columns, widths, [titles, *cells])
        return
    kept, widths = _fitting(columns, widths, out.width)
    out.print(_rich_table([columns[i] for i in kept], [widths[i] for i in kept],
                          [[row[i] for i in kept] for row in cells]))  # fmt: skip
    hidden = [column.title for i, column in enumerate(columns) if i not in kept]
    if hidden:
        say(f"no room for: {', '.join(hidden)} (widen the terminal)")


def _plain_table(columns: Sequence[Column], widths: list[int], rows: list[list[Text]]) -> None:
    """Print complete lines; by hand, as rich takes half a millisecond for each."""
    for row in rows:
        padded = [
            " " * (width - cell.cell_len) + cell.plain
            if column.right
            else cell.plain + " " * (width - cell.cell_len)
            for column, width, cell in zip(columns, widths, row, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def _rich_table(columns: Sequence[Column], widths: list[int], rows: list[list[Text]]) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0),
        show_edge=False,
    )  # fmt: skip
    for column, width in zip(columns, widths, strict=True):
        made.add_column(
            shown(column.title), justify="right" if column.right else "left",
            no_wrap=True, overflow="ellipsis", max_width=width,
        )  # fmt: skip
    for row in rows:
        made.add_row(*row)
    return made


def _fitting(
    columns: Sequence[Column], widths: list[int], room: int
) -> tuple[list[int], list[int]]:
    """Return the columns that are kept and all widths, shortened until the table fits."""
    kept, widths = list(range(len(columns))), list(widths)
    while (excess := sum(widths[i] + 2 for i in kept) - room) > 0:
        elastic = [i for i in kept if columns[i].elastic and widths[i] > columns[i].elastic]
        last = max(kept, key=lambda i: columns[i].rank)
        if sum(widths[i] - columns[i].elastic for i in elastic) >= excess:
            widths[max(elastic, key=lambda i: widths[i])] -= 1
        elif columns[last].rank:
            kept.remove(last)
        else:  # it cannot fit: the terminal breaks the lines
            for i in elastic:
                widths[i] = columns[i].elastic
            break
    return kept, widths


def write(out: Console, what: Any) -> None:
    """Print something of rich; where there is no terminal, without spaces at the line ends."""
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as captured:
        out.print(what)
    for text in captured.get().splitlines():
        click.echo(text.rstrip())


def pairs(rows: Sequence[tuple[str, Any]]) -> None:
    """Print names with values, one a line; values are text or what :func:`shown` made."""
    from rich.table import Table

    out = console()
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim" if out.is_terminal else "", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(shown(name), shown(value) if isinstance(value, str) else value)
    write(out, made)


def row(*cells: tuple[int, Any]) -> None:
    """Print one line in columns of given widths; one of width 0 takes the rest, on more lines."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1))
    for width, _ in cells:
        made.add_column(width=width or None, overflow="fold")
    made.add_row(*(cell for _, cell in cells))
    write(console(), made)


def heading(title: str) -> None:
    """Print a heading after an empty line."""
    out = console()
    out.print()
    out.print(shown(title, "bold"))


def tree(mapping: Mapping[str, Any]) -> None:
    """Print a nested mapping, indented."""
    from epochal.cli import formats

    out = console()

    def grow(branch: Mapping[str, Any], depth: int) -> None:
        for key, value in branch.items():
            name = ("  " * depth + str(key), "")
            if isinstance(value, Mapping) and value:
                write(out, line(name))
                grow(value, depth + 1)
            else:
                write(out, line(name, (": ", "dim"), (formats.value(value), "")))

    grow(mapping, 1)


def print_json(value: Any, *, lines: bool = False) -> None:
    """Write strict JSON to standard output; ``lines``: one line for one object."""
    text = json.dumps(plain(value), indent=None if lines else 2, allow_nan=False)
    click.echo(text)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: non-finite numbers and what JSON lacks become text.

    Example:
        >>> plain({"loss": float("nan"), 3: (1, float("-inf"))})
        {'loss': 'NaN', '3': [1, '-Infinity']}
    """
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    item = getattr(value, "tolist", None)  # NumPy scalars and arrays
    return plain(item()) if callable(item) else str(value)


@contextlib.contextmanager
def progress(title: str, total: int) -> Iterator[Any]:
    """Give a function to call after each piece of long work; the bar is on standard error."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    out = console(stderr=True)
    if not out.is_terminal or total < 2:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=out, transient=True) as bars:
        task = bars.add_task(title, total=total)
        yield lambda: bars.advance(task)


def is_terminal() -> bool:
    """Say whether a person sees standard output."""
    return sys.stdout.isatty()
