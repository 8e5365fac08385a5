"""``epochal paper``: what a paper takes from its runs, made and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from epochal.cli.options import json_option, runs_dir

if TYPE_CHECKING:
    from epochal.paper.build import Built
    from epochal.paper.findings import Checked

plan_argument = click.argument("file", metavar="[PAPER.TOML]", default="paper.toml")
SHOWN = 20


@click.group()
def paper() -> None:
    """Make and check what a paper takes from its runs.

    A file, paper.toml by default, names comparisons, tables, figures and numbers.
    """


@paper.command()
@plan_argument
@json_option
def build(file: str, as_json: bool) -> None:
    """Make what changed: numbers, tables, figures.

    Paragraphs too. A file that was changed by hand is made again, and that is said.
    """
    from dataclasses import asdict

    from epochal.cli import output
    from epochal.paper.build import build as make
    from epochal.paper.plan import load

    built = make(load(file))
    if as_json:
        output.print_json(
            {"ok": built.ok, "out": built.out, "done": [asdict(d) for d in built.done]}
        )
    else:
        _show_built(built)
    if not built.ok:
        raise click.exceptions.Exit(1)


def _show_built(built: Built) -> None:
    from epochal.cli import output
    from epochal.cli.formats import count

    said: set[str] = set()
    for each in built.done:
        if each.what == "unchanged":
            continue
        why = f": {each.why}" if each.why else ""
        click.echo(output.shown(f"{each.what} {each.title}{why}").plain)
        for path in each.files:
            click.echo(output.shown(f"  {path}").plain)
        for note in (note for note in each.notes if note not in said):
            said.add(note)
            output.say(f"  note: {note}")
    unchanged = sum(each.what == "unchanged" for each in built.done)
    failed = sum(each.what == "failed" for each in built.done)
    summary = f"{count(len(built.done), 'output')}, {unchanged:,} unchanged"
    click.echo(f"{summary}, {failed:,} failed" if failed else summary)


@paper.command()
@plan_argument
@click.option("--no-runs", "without", is_flag=True,
              help="Do not look at the runs: compare the text with what was made.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="All numbers that are not covered.")
@json_option
def check(file: str, without: bool, everything: bool, as_json: bool) -> None:
    """Trace the text back to the runs.

    Every number, table and figure is looked at. Exit status 1 if anything is not ok. Nothing is
    made: run `epochal paper build` before.
    """
    from epochal.cli import output
    from epochal.paper.check import check as look
    from epochal.paper.plan import load

    checked = look(load(file), runs=not without)
    if as_json:
        output.print_json(checked.to_dict())
    else:
        _show_checked(checked, everything=everything)
        if without:
            output.say("the runs were not looked at: whether it is stale is not known")
    if not checked.ok:
        raise click.exceptions.Exit(1)


def _show_checked(checked: Checked, *, everything: bool) -> None:
    from epochal.cli import output
    from epochal.cli.formats import count
    from epochal.paper.findings import STATUSES

    width = max((len(each.status) for each in checked.findings), default=0)
    for each in checked.findings:
        where = f" ({', '.join(each.where[:4])}{', ...' if each.where[4:] else ''})"
        why = f": {each.why}" if each.why else ""
        text = f"{each.status:<{width}}  {each.what}{where if each.where else ''}{why}"
        click.echo(output.shown(text).plain)
    wrong = [each.status for each in checked.findings if not each.ok]
    for status in dict.fromkeys(wrong):
        output.say(f"{status}: {STATUSES[status]}")
    click.echo(f"{count(len(checked.findings), 'finding')}, {len(wrong):,} not ok")
    found = checked.coverage
    if found is None:
        output.say("no text was checked: name it with tex = [...] in [paper]")
        return
    click.echo(f"From the runs: {found.numbers} numbers in the text, {found.tables} tables,"
               f" {found.figures} figures")  # fmt: skip
    free = found.free if everything else found.free[:SHOWN]
    for place, printed in free:
        click.echo(output.shown(f"  not covered: {place}: {printed}").plain)
    if len(free) < len(found.free):
        output.say(f"  and {len(found.free) - len(free):,} more; --all shows them")


@paper.command()
@plan_argument
@click.option("--venue", metavar="NAME", help="neurips, aaai or acl. [default: that of the file]")
@json_option
def checklist(file: str, venue: str | None, as_json: bool) -> None:
    """Write what a checklist can be told.

    For each question of a venue's checklist: facts, where they are from, and what is missing. The
    output is Markdown. Failed runs are included.
    """
    from epochal.cli import output
    from epochal.paper.checklist import checklist as fill
    from epochal.paper.plan import load

    filled = fill(load(file), venue)
    if as_json:
        output.print_json(filled.to_dict())
    else:
        click.echo(filled.to_markdown(), nl=False)


@paper.command()
@plan_argument
@click.option("--runs", metavar="DIR", type=click.Path(exists=True, file_okay=False),
              help="Folder of runs. [default: the setting 'dir']")  # fmt: skip
@click.option("--project", metavar="NAME", help="Only runs of this project.")
def init(file: str, runs: str | None, project: str | None) -> None:
    """Write a first paper.toml, with comments."""
    from epochal.paper.start import start

    start(file, runs_dir(runs), project)
    click.echo(f"{file} is written: look at it, then run `epochal paper build`")
