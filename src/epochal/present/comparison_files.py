"""What ``epochal analyze --compare`` makes of all runs: tables, figures and verdicts in words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from epochal.analyze.compare_runs import compare
from epochal.analyze.comparison import MEANINGS, Comparison
from epochal.analyze.verdicts import Verdict
from epochal.core.errors import EvidenceError
from epochal.markup.markdown import comment, literal
from epochal.present.figures.comparison import comparison as draw_comparison
from epochal.present.figures.seed_bands import seed_bands
from epochal.present.paragraph import Paragraph
from epochal.present.roles import role_of
from epochal.present.run_files import FigureFiles, latex_text, saved
from epochal.present.sentences import results_paragraph
from epochal.present.spec import Provenance
from epochal.present.tables.comparison import comparison as comparison_table
from epochal.present.tables.table import Table, written
from epochal.read.view import RunView

MANY = 12
"""Of more verdicts only those on the best setting are shown; verdicts.md has all."""


@dataclass(frozen=True)
class Question:
    """What is compared, and how; see :func:`epochal.compare`.

    Attributes:
        metric: None: the validation loss, or the training loss where there is none.
        by: config keys that tell settings apart; empty: all that differ.
        also: further metrics; p is corrected over all of them, and they have verdicts only.
        options: further options of ``epochal.compare``, such as ``margin`` and ``baseline``.
    """

    metric: str | None = None
    by: Sequence[str] = ()
    also: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ComparisonFiles:
    """What was made of all runs.

    Attributes:
        compared: groups, verdicts and guards.
        others: the same by further metrics.
        table: a row for each setting.
        text: results as a paragraph.
        figures: in their order.
        left_out: runs that do not count, and why, in sentences.
        files: all paths.
    """

    compared: Comparison
    others: tuple[Comparison, ...]
    table: Table
    text: Paragraph
    figures: tuple[FigureFiles, ...]
    left_out: tuple[str, ...]
    files: tuple[str, ...]


def comparison_files(
    runs: Sequence[RunView], folder: str, question: Question, *, x: str = "step",
    venue: str | None = None,
) -> ComparisonFiles:  # fmt: skip
    """Compare the settings of runs, and write table, figures and verdicts.

    Args:
        runs: of at least one setting.
        folder: where to.
        question: what is compared.
        x: what curves are drawn against.
        venue: where figures will appear.

    Raises:
        EvidenceError, MetricNotFoundError: the runs cannot answer the question.
        OSError: the folder cannot be written.
    """
    metric = question.metric or metric_of(runs)
    by = list(question.by) or None
    found = compare(list(runs), [metric, *question.also], by=by, **question.options)
    compared, *others = found.values()

    def at(name: str) -> str:
        return os.path.join(folder, name)

    table = comparison_table(compared)
    table.to_latex(at("comparison_table.tex"))
    table.to_markdown(at("comparison_table.md"))
    table.to_csv(at("comparison_table.csv"))
    figures = [saved(draw_comparison(compared, venue=venue), at("comparison"))]
    counting = [run for group in compared.groups.values() for run in group.runs]
    if any(run.metrics[metric].count > 1 for run in counting if metric in run.metrics):
        bands = seed_bands(counting, metric, x=x, by=by, venue=venue)
        figures.append(saved(bands, at("seed_bands")))
    text = results_paragraph(compared)
    origin = Provenance.of(counting, {"text": "verdicts", "metric": metric, "by": by})
    left_out = tuple(
        f"{each.name} ({group.name}): {each.reason}"
        for group in compared.groups.values()
        for each in group.left_out
    )
    written(verdicts_text([compared, *others], left_out, origin), at("verdicts.md"))
    written(latex_text([text], figures, origin), at("comparison.tex"))
    texts = ("comparison_table.tex", "comparison_table.md", "comparison_table.csv", "verdicts.md",
             "comparison.tex")  # fmt: skip
    files = [path for each in figures for path in each.paths]
    return ComparisonFiles(
        compared,
        tuple(others),
        table,
        text,
        tuple(figures),
        left_out,
        (*files, *map(at, texts)),
    )


def metric_of(runs: Sequence[RunView]) -> str:
    """Return what most runs call their validation loss, or training loss if none has one.

    Raises:
        EvidenceError: no run has either.
    """
    roles = [role_of(run.metrics) for run in runs]
    for role in ("val_loss", "train_loss"):
        named = Counter(known[role] for known in roles if role in known)
        if named:
            return named.most_common(1)[0][0]
    raise EvidenceError(
        f"none of {len(runs):,} runs has a loss to compare settings by: choose another metric"
    )


def question_of(compared: Comparison) -> str:
    """Return what was asked, in words."""
    return f"{compared.metric} ({compared.statistic}, {MEANINGS[compared.goal]}) by {compared.by}"


def most_telling(compared: Comparison) -> tuple[Verdict, ...]:
    """Return the verdicts that a person reads: all, or of many those on the best setting."""
    if len(compared.verdicts) <= MANY or compared.baseline is not None:
        return compared.verdicts
    return tuple(each for each in compared.verdicts if compared.best in (each.a, each.b))


def verdicts_text(found: Sequence[Comparison], left_out: Sequence[str], origin: Provenance) -> str:
    """Return the verdicts with everything that stands against them, as Markdown.

    Args:
        found: the comparison whose estimates and guards are told, then others of the same runs.
        left_out: runs that do not count, in sentences.
        origin: from which runs.
    """
    compared = found[0]
    parts = [comment(origin.to_line()), "# Verdicts"]
    for one in found:
        parts.append(literal(f"{question_of(one)}."))
        if not one.verdicts:
            parts.append(literal(nothing_to_compare(one)))
        parts += [f"- **{literal(each.word)}**: {literal(each)}" for each in one.verdicts]
    parts += ["## Estimates"]
    parts += [f"- {literal(g.name)}: {literal(g.estimate)}" for g in compared.groups.values()]
    if compared.guards:
        parts += ["## Guards", *(f"- {literal(guard)}" for guard in compared.guards)]
    if left_out:
        parts += ["## Left out", *(f"- {literal(each)}" for each in left_out)]
    if compared.ignored:
        keys = ", ".join(compared.ignored)
        parts.append(literal(f"Taken for no settings, though they differ: {keys}."))
    text = ""
    for before, part in zip(["", *parts], parts, strict=False):
        both = before.startswith("- ") and part.startswith("- ")
        text += ("\n" if both else "\n\n" if text else "") + part
    return f"{text}\n"


def nothing_to_compare(compared: Comparison) -> str:
    """Return why there is no verdict."""
    if len(compared.groups) < 2:
        return "All runs have one setting: there is nothing to compare."
    return "Fewer than two settings have a run that counts: there is nothing to compare."
