"""``epochal export``: runs as a file for others."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, places_argument, run_dirs, runs_dir


@click.command()
@places_argument
@click.option("--html", "target", required=True, metavar="FILE", help="The file to write.")
@click.option(
    "--points", type=click.IntRange(20, 4000), default=400, show_default=True, metavar="N",
    help="Points of each series; each has mean, minimum and maximum.",
)  # fmt: skip
@click.option("--mean-only", is_flag=True, help="Leave minimum and maximum out: a third the size.")
@click.option("--filter", "expression", metavar="EXPR", help="Only runs that pass, as in ls.")
@click.option("--title", default="", metavar="TEXT", help="Title of the page.")
@dir_option
def export(
    places: tuple[str, ...], target: str, points: int, mean_only: bool, expression: str | None,
    title: str, base: str | None,
) -> None:  # fmt: skip
    """Write runs into one HTML file that opens from disk.

    It has the dashboard's table, charts, configs and differences, and asks nobody for anything:
    send it, archive it, open it without a server. Without RUN or DIR all runs are in it.
    Needs Starlette: pip install 'epochal[dashboard]'
    """
    from epochal.cli.formats import count, size
    from epochal.cli.output import shown
    from epochal.core.optional import require

    require("starlette", extra="dashboard", why="epochal export --html")
    from epochal.web import export as exporting

    folders = run_dirs(runs_dir(base), places)
    done = exporting.write(
        target, folders, filter=expression, points=points, mean_only=mean_only, title=title
    )
    what = f"{count(done.runs, 'run')}, {count(done.metrics, 'metric')}"
    click.echo(f"{shown(target).plain}: {what}, {size(done.bytes)}")
