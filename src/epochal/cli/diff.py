"""``epochal diff``: how two runs differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import dir_option, json_option, open_run

if TYPE_CHECKING:
    from epochal.read.diff import Change

PACKAGES = 20


@click.command()
@click.argument("a", metavar="RUN_A")
@click.argument("b", metavar="RUN_B")
@click.option("--all", "everything", is_flag=True, help="All packages, however many differ.")
@dir_option
@json_option
def diff(a: str, b: str, everything: bool, base: str | None, as_json: bool) -> None:
    """Show how two runs differ.

    Config, code and packages where they differ, and the results side by side.
    """
    from epochal.cli import output
    from epochal.cli.formats import NOTHING, count, number
    from epochal.read.diff import diff as compare

    found = compare(open_run(base, a), open_run(base, b))
    if as_json:
        output.print_json(found.to_dict())
        return
    packages = found.packages if everything else found.packages[:PACKAGES]
    rows = [_row(change) for change in (*found.config, *found.code, *packages)]
    if not rows:
        click.echo("Config, code and packages are the same.")
    for metric, (one, other) in found.summary.items():
        a, b = (NOTHING if value is None else number(value) for value in (one, other))
        rows.append((metric, a, b, _change(one, other)))
    columns = [
        output.Column("", elastic=14), output.Column(found.a, elastic=12),
        output.Column(found.b, elastic=12), output.Column("Change", right=True, rank=1),
    ]  # fmt: skip
    if rows:
        output.table(columns, rows)
    if len(packages) < len(found.packages):
        output.say(f"{count(len(found.packages), 'package')} differ; --all shows them")


def _row(change: Change) -> tuple[str, str, str, str]:
    from epochal.cli.formats import NOTHING, value

    one = NOTHING if change.kind == "added" else value(change.a)
    other = NOTHING if change.kind == "removed" else value(change.b)
    return ".".join(change.path), one, other, "" if change.kind == "changed" else change.kind


def _change(a: Any, b: Any) -> str:
    """Return by how much a result changed, in percent of the first."""
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    if not numbers or a == b or not a:
        return ""
    percent = (b - a) / abs(a) * 100
    return f"{percent:+.1f}%" if abs(percent) < 1e4 else ""
