"""``epochal report``: a run as a page of Markdown, which is a model card too."""

from __future__ import annotations

import os
from typing import Any

import click

from epochal.cli.options import dir_option, open_run, run_argument


@click.command()
@run_argument
@click.option(
    "--output", "-o", metavar="FILE|DIR",
    help="Where to write. [default: training_report.md, or README.md with --card]",
)  # fmt: skip
@click.option("--card", is_flag=True, help="A model card: no epochs, but what authors must add.")
@click.option(
    "--replicates", multiple=True, metavar="RUN",
    help="A run that differs only by its seed: numbers become means; may be repeated.",
)  # fmt: skip
@click.option("--license", "license_name", metavar="NAME", help="For the front matter.")
@dir_option
def report(
    run: str, output: str | None, card: bool, replicates: tuple[str, ...],
    license_name: str | None, base: str | None,
) -> None:  # fmt: skip
    """Write everything about RUN into a page of Markdown.

    Summary, configuration, epochs, metrics, figures, machine, how to reproduce it, and files with
    their hashes. The page begins as the Hugging Face Hub wants a model card to begin.
    """
    from epochal.cli.output import shown
    from epochal.present import run_report

    make = run_report.model_card if card else run_report.report
    more: dict[str, Any] = {"license": license_name} if license_name else {}
    others = [open_run(base, each) for each in replicates]
    path = make(open_run(base, run), output or os.curdir, replicates=others, metadata=more)
    click.echo(shown(path).plain)
