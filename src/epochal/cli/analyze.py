"""``epochal analyze``: figures, tables, paragraphs and a report of runs, and what they show."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import dir_option, json_option, run_dirs, runs_dir

if TYPE_CHECKING:
    from epochal.present.analysis import Analysis

HELPERS_FROM = 2
"""Processors from which on a second process takes part of the work."""

MOST = 12
"""So many runs are shown; the page has all."""


@click.command()
@click.argument("places", metavar="RUN|DIR...", nargs=-1)
@click.option("--log_dir", "--log-dir", "log_dirs", multiple=True, metavar="RUN|DIR",
              help="The same as the argument; may be repeated.")  # fmt: skip
@click.option(
    "--output_dir", "--output-dir", "output", metavar="OUT", default="analysis", show_default=True,
    type=click.Path(file_okay=False), help="Where to write.",
)  # fmt: skip
@click.option("--compare", is_flag=True, help="Compare the settings of all runs, in words.")
@click.option(
    "--metric", "metrics", metavar="NAME", multiple=True,
    help="What is compared; may be repeated. [default: validation loss, else training loss]",
)  # fmt: skip
@click.option("--by", multiple=True, metavar="KEY",
              help="Config key that tells settings apart; may be repeated.")  # fmt: skip
@click.option("--baseline", metavar="GROUP", help="Compare each other setting with this one.")
@click.option("--margin", metavar="X", help="Differences up to X, or '1 %', do not matter.")
@click.option("--goal", type=click.Choice(["minimize", "maximize"]), help="Which way is better.")
@click.option("--statistic", metavar="NAME", help="Which number of a run counts. [default: last]")
@click.option("--x", default="step", show_default=True, metavar="AXIS",
              help="What curves are drawn against: step, epoch, elapsed or a metric.")  # fmt: skip
@click.option("--venue", metavar="NAME", help="Where figures will appear, such as neurips.")
@dir_option
@json_option
def analyze(  # noqa: PLR0917 - one argument for each option
    places: tuple[str, ...], log_dirs: tuple[str, ...], output: str, compare: bool,
    metrics: tuple[str, ...], by: tuple[str, ...], baseline: str | None, margin: str | None,
    goal: str | None, statistic: str | None, x: str, venue: str | None, base: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Make everything that a paper or a colleague needs of runs.

    RUN|DIR is a run (id, name or folder), a folder of runs, or a path with wildcards; without one,
    all runs. Of each run: training_curves and loss_distribution (PDF, PNG), statistics_table
    (LaTeX, Markdown), paragraphs and training_report.md. With --compare: a table, figures and
    verdicts in words. OUT/index.html links all of it.
    """
    from epochal.cli import output as terminal
    from epochal.present.analysis import analyze as make
    from epochal.present.comparison_files import Question

    named = {"baseline": baseline, "goal": goal, "statistic": statistic, "margin": _margin(margin)}
    options = {name: value for name, value in named.items() if value is not None}
    asked = compare or metrics or by or options
    main = metrics[0] if metrics else None
    question = Question(main, by, metrics[1:], options) if asked else None
    folders = run_dirs(runs_dir(base), _spread((*places, *log_dirs)))
    if not folders:
        where = ", ".join((*places, *log_dirs)) or runs_dir(base)
        terminal.fail(f"there are no runs in {where}")
    total = len(folders) + (question is not None)
    helper = (os.cpu_count() or 1) >= HELPERS_FROM
    with terminal.progress("Analyzing", total) as done:
        made = make(folders, output, question=question, x=x, venue=venue, helper=helper, done=done)
    if as_json:
        terminal.print_json(_json(made))
    else:
        _show(made)
    for problem in made.problems:
        terminal.say(problem)
    if made.problems:
        raise click.exceptions.Exit(1)


def _spread(places: tuple[str, ...]) -> tuple[str, ...]:
    """Return places with wildcards replaced by what they stand for."""
    found: list[str] = []
    for place in places:
        inside = sorted(glob.glob(place)) if glob.has_magic(place) else []
        found += [place] if os.path.exists(place) or not inside else inside
    return tuple(found)


def _margin(text: str | None) -> float | str | None:
    """Return a margin as a number, or as the text of a percentage, which is checked later."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _json(made: Analysis) -> dict[str, Any]:
    compared = made.comparison.compared.to_dict() if made.comparison else None
    runs = [
        {"id": run.run_id, "name": run.name, "folder": run.folder, "files": list(run.files),
         "problem": run.problem}
        for run in made.runs
    ]  # fmt: skip
    return {
        "folder": made.folder, "index": made.index, "runs": runs, "comparison": compared,
        "files": made.files, "problems": list(made.problems),
    }  # fmt: skip


def _show(made: Analysis) -> None:
    from epochal.cli import formats, output
    from epochal.present.comparison_files import most_telling

    if made.comparison:
        for each in most_telling(made.comparison.compared):
            style = {"better": "green", "worse": "red"}.get(each.word, "")
            output.write(output.console(), output.line((str(each), style)))
        click.echo()
    columns = [output.Column("Made"), output.Column("Files", right=True),
               output.Column("Where", elastic=24)]  # fmt: skip
    rows = [["page", "1", _short(made.index)]]
    if made.comparison:
        rows.append(["comparison", str(len(made.comparison.files)), _short(made.folder)])
    rows += [[run.name, str(len(run.files)), _short(run.folder)] for run in made.runs[:MOST]]
    output.table(columns, rows)
    if len(made.runs) > MOST:
        output.say(f"and {formats.count(len(made.runs) - MOST, 'more run')}")


def _short(path: str) -> str:
    """Return a path as seen from the current folder if it lies below it."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative
