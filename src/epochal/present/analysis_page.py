"""``index.html`` of an analysis: the verdict in words, figures, tables and reports, all linked."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from epochal.markup.cells import Cell, Column, Number
from epochal.present.comparison_files import (
    ComparisonFiles,
    most_telling,
    nothing_to_compare,
    question_of,
)
from epochal.present.page import Link, Page
from epochal.present.paragraph import sentence
from epochal.present.run_files import FigureFiles, RunFiles
from epochal.present.run_sections import duration
from epochal.present.spec import Provenance
from epochal.present.tables.table import Table

OPEN = 3
"""Of more runs each is folded up."""


def analysis_page(
    folder: str, runs: Sequence[RunFiles], comparison: ComparisonFiles | None,
    problems: Sequence[str], origin: Provenance,
) -> str:  # fmt: skip
    """Return the page.

    Args:
        folder: where it will lie.
        runs: what was made of each.
        comparison: what was made of all.
        problems: what could not be made.
        origin: from which runs.
    """
    title = runs[0].name if len(runs) == 1 else f"Analysis of {len(runs):,} runs"
    page = Page(title, folder, origin.to_line())
    projects = ", ".join(sorted({run.project for run in runs if run.project})[:5])
    page.lead(f"Project {projects}. {_states(runs)}" if projects else _states(runs))
    if problems:
        page.section("Not made")
        page.bullets(problems)
    if comparison is not None:
        _comparison(page, comparison)
    if len(runs) > 1:
        page.section("Runs")
        _overview(page, runs)
        for at, run in enumerate(runs, start=1):
            more = " · ".join(filter(None, (run.state, f"seed {run.seed}" if run.seed else "")))
            page.begin_details(f"run{at}", run.name, more, is_open=len(runs) <= OPEN)
            _run(page, run)
            page.end_details()
    else:
        page.section("Curves")
        _run(page, runs[0])
    page.section("About")
    page.paragraph(
        f"Made by {origin.made_with} from {len(runs):,} run{'s' * (len(runs) != 1)}."
        " Every file says from which: epochal whence FILE.", soft=True,
    )  # fmt: skip
    return page.html()


def _states(runs: Sequence[RunFiles]) -> str:
    states = [run.state for run in runs]
    if len(runs) == 1:
        return f"One run, {states[0]}."
    counted = ", ".join(f"{states.count(state):,} {state}" for state in dict.fromkeys(states))
    return f"{len(runs):,} runs: {counted}."


def _comparison(page: Page, made: ComparisonFiles) -> None:
    compared = made.compared
    page.section("Verdict")
    page.paragraph(f"{question_of(compared)}.", soft=True)
    shown = most_telling(compared)
    if not compared.verdicts:
        page.paragraph(nothing_to_compare(compared))
    for each in shown:
        page.verdict(each.word, str(each))
    if len(shown) < len(compared.verdicts):
        rest = len(compared.verdicts) - len(shown)
        page.paragraph(
            f"{rest:,} more pairs, of settings that are not the best, are in verdicts.md.",
            soft=True,
        )
    for other in made.others:
        page.paragraph(f"{question_of(other)}.", soft=True)
        for each in most_telling(other):
            page.verdict(each.word, str(each))
    guards = [sentence(each) for each in compared.guards]
    _table(page, made.table, "Settings", said=guards)
    _figures(page, made.figures)
    if guards:
        page.heading("What stands against it")
        page.bullets(guards)
    if made.left_out:
        page.heading("Left out")
        page.bullets(made.left_out)
    page.heading("In a paper")
    if len(shown) == len(compared.verdicts):
        page.source(made.text.latex, "Results as LaTeX")
    drawn = {path for figure in made.figures for path in figure.paths}
    page.files([path for path in made.files if path not in drawn])


def _overview(page: Page, runs: Sequence[RunFiles]) -> None:
    columns = (
        Column("Run"), Column("State"), Column("Seed", "r"), Column("Best val loss", "r"),
        Column("Final val loss", "r"), Column("Final train loss", "r"), Column("Steps", "r"),
        Column("Time", "r"),
    )  # fmt: skip
    rows = []
    for at, run in enumerate(runs, start=1):
        found = run.training
        losses = (
            (found.best_val_loss, found.final_val_loss, found.final_train_loss, found.steps)
            if found else (None,) * 4
        )  # fmt: skip
        time = duration(found.hours * 3600) if found and found.hours is not None else ""
        rows.append([
            Link(run.name, f"#run{at}"), run.state, run.seed, *map(_cell, losses), time,
        ])  # fmt: skip
    kept = [at for at in range(len(columns)) if any(row[at] for row in rows)]
    page.table([columns[at] for at in kept], [[row[at] for at in kept] for row in rows], "All runs")


def _cell(value: float | None) -> Cell:
    return "" if value is None else Number(value)


def _run(page: Page, run: RunFiles) -> None:
    if run.problem:
        page.paragraph(run.problem)
    _figures(page, run.figures)
    if run.table is not None:
        _table(page, run.table, "Statistics")
    if run.remarks:
        page.heading("What stands out")
        page.bullets(run.remarks)
    if run.setup is not None and run.results is not None:
        page.heading("In a paper")
        text = "\n\n".join(filter(None, (run.setup.latex, run.results.latex)))
        page.source(text, f"Set-up and results of {run.name} as LaTeX")
        if run.setup.missing:
            page.paragraph(f"Not recorded: {', '.join(run.setup.missing)}.", soft=True)
    drawn = {path for figure in run.figures for path in figure.paths}
    page.files([path for path in run.files if path not in drawn])
    if run.figures:
        page.paragraph(f"Run folder: {os.path.basename(run.run_dir)} ({run.run_id})", soft=True)


def _figures(page: Page, figures: Sequence[FigureFiles]) -> None:
    if figures:
        page.figures((each.picture, each.caption, each.paths) for each in figures)


def _table(page: Page, table: Table, caption: str, said: Collection[str] = ()) -> None:
    """Add a table with its notes, but for those that are said elsewhere on the page."""
    page.table(table.columns, table.rows, caption)
    for note in table.notes:
        if note not in said:
            page.paragraph(note, soft=True)
