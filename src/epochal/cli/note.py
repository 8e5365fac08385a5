"""``epochal note``: replace the notes of a run."""

from __future__ import annotations

import sys

import click

from epochal.cli.options import dir_option, open_run, run_argument


@click.command()
@run_argument
@click.argument("text")
@dir_option
def note(run: str, text: str, base: str | None) -> None:
    """Replace the notes of a run by TEXT.

    With "-" as TEXT they are read from standard input. The run may be running, finished or sealed.
    """
    from epochal.cli import output

    view = open_run(base, run)
    view.note(sys.stdin.read() if text == "-" else text)
    click.echo(output.shown(f"{view.name}: notes replaced").plain)
