"""``epochal sql``: a query over all runs."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, json_option, project_option, runs_dir

LIMIT = 200


@click.command()
@click.argument("query")
@project_option
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N",
    help=f"Show at most N rows, 0: all. [default: {LIMIT} on a terminal, else all]",
)  # fmt: skip
@dir_option
@json_option
def sql(
    query: str, project: str | None, limit: int | None, base: str | None, as_json: bool
) -> None:
    """Query all runs with SQL.

    The SQL is DuckDB's; runs that are being recorded are there too.

    \b
    runs     run project name group_name state tags notes created duration_s steps host
             git_commit dir
    points   run project name metric step epoch elapsed_s time value session seq
    events   run project name session seq elapsed_s time kind json
    configs  run project name key value number
    media    run project name key step epoch elapsed_s type format caption bytes sha256

    QUERY is one SELECT; "-" reads it from standard input. It can reach no file and no network.
    Needs DuckDB: pip install 'epochal[sql]'
    """  # noqa: D301 - \b keeps click from joining the lines
    import sys

    from epochal.cli import output
    from epochal.cli.formats import NOTHING, count, value
    from epochal.read.project import open as open_project

    opened = open_project(runs_dir(base), project=project)
    found = opened.sql(sys.stdin.read() if query == "-" else query)
    if limit is None:
        limit = LIMIT if output.is_terminal() and not as_json else 0
    shown = found.slice(0, limit) if limit else found
    columns = [column.to_pylist() for column in shown.columns]
    rows = list(zip(*columns, strict=True))
    if as_json:
        output.print_json([dict(zip(shown.column_names, row, strict=True)) for row in rows])
    elif columns:
        numeric = [
            all(isinstance(cell, (int, float, type(None))) for cell in cells) for cells in columns
        ]
        titles = [
            output.Column(name, right=right, elastic=0 if right else 12, rank=i)
            for i, (name, right) in enumerate(zip(shown.column_names, numeric, strict=True))
        ]
        output.table(
            titles, [[NOTHING if cell is None else value(cell) for cell in row] for row in rows]
        )
    if len(rows) < found.num_rows:
        output.say(f"{len(rows)} of {count(found.num_rows, 'row')}; --limit 0 shows all")
