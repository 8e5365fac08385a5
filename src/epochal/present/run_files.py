"""What ``epochal analyze`` makes of one run: figures, statistics table, paragraphs, report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from epochal.core.errors import EpochalError, MissingExtraError
from epochal.core.names import printable
from epochal.markup.latex import escape
from epochal.markup.markdown import comment, literal
from epochal.present.drawing import Drawn
from epochal.present.figures.loss_distribution import loss_distribution
from epochal.present.figures.training_curves import training_curves
from epochal.present.paragraph import Paragraph
from epochal.present.run_report import REPORT, report
from epochal.present.run_sections import stands_out
from epochal.present.sentences import figure_environment, results_paragraph, setup_paragraph
from epochal.present.spec import Provenance
from epochal.present.tables.statistics import statistics
from epochal.present.tables.table import Table, written
from epochal.present.tables.training import Training, training
from epochal.read.view import RunView


@dataclass(frozen=True)
class Job:
    """A run to make files of.

    Attributes:
        run_dir: its folder.
        folder: where they go.
        x: what curves are drawn against: "step", "epoch", "elapsed" or a metric.
        venue: where figures will appear, such as "neurips"; None: nowhere special.
    """

    run_dir: str
    folder: str
    x: str = "step"
    venue: str | None = None


@dataclass(frozen=True)
class FigureFiles:
    """A figure that was saved: what it shows, and where it is."""

    caption: str
    paths: tuple[str, ...]

    @property
    def picture(self) -> str:
        """The PNG."""
        return next(path for path in self.paths if path.endswith(".png"))


@dataclass(frozen=True)
class RunFiles:
    """What was made of a run.

    Attributes:
        run_dir: the run's folder.
        run_id, name, project, state, seed: of the run.
        folder: where the files are.
        training: what its training came to; None if the run could not be read.
        table: its statistics.
        setup, results: paragraphs for a paper.
        figures: in their order.
        remarks: what stands out, in sentences.
        files: all paths.
        problem: why something is missing; "" if nothing is.
    """

    run_dir: str
    run_id: str
    name: str
    project: str
    state: str
    seed: str
    folder: str
    training: Training | None = None
    table: Table | None = None
    setup: Paragraph | None = None
    results: Paragraph | None = None
    figures: tuple[FigureFiles, ...] = ()
    remarks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    problem: str = ""


def run_files(job: Job) -> RunFiles:
    """Make all files of a run; what cannot be made of a damaged run is said and not raised.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    run = RunView(job.run_dir)
    try:
        seed = "" if run.seed is None else str(run.seed)
        known = (run.dir, run.id, run.name, run.project, run.state, seed, job.folder)
    except EpochalError as error:
        name = os.path.basename(job.run_dir)
        return RunFiles(job.run_dir, "", name, "", "unknown", "", job.folder, problem=str(error))
    try:
        return _made(run, job, known)
    except MissingExtraError:
        raise  # no run can be drawn
    except EpochalError as error:
        return RunFiles(*known, problem=str(error))


def _made(run: RunView, job: Job, known: tuple[str, str, str, str, str, str, str]) -> RunFiles:
    def at(name: str) -> str:
        return os.path.join(job.folder, name)

    figures = (
        saved(training_curves(run, x=job.x, venue=job.venue), at("training_curves")),
        saved(loss_distribution(run, x=job.x, venue=job.venue), at("loss_distribution")),
    )
    table = statistics(run)
    table.to_latex(at("statistics_table.tex"))
    table.to_markdown(at("statistics_table.md"))
    setup, results = setup_paragraph(run), results_paragraph(run)
    origin = Provenance.of([run], {"text": "paragraphs"})
    written(latex_text([setup, results], figures, origin), at("paragraphs.tex"))
    written(markdown_text([setup, results], origin), at("paragraphs.md"))
    pictures = {each.caption: each.picture for each in figures}
    page = report(run, at(REPORT), figures=pictures)
    texts = ("statistics_table.tex", "statistics_table.md", "paragraphs.tex", "paragraphs.md")
    files = [path for each in figures for path in each.paths]
    return RunFiles(
        *known, training=training(run), table=table, setup=setup, results=results,
        figures=figures, remarks=tuple(stands_out(run)),
        files=(*files, *map(at, texts), page),
    )  # fmt: skip


def saved(drawn: Drawn, base: str) -> FigureFiles:
    """Save a figure as PDF and PNG, with its facts and points beside it."""
    return FigureFiles(drawn.caption, tuple(drawn.save(base)))


def latex_text(
    paragraphs: Sequence[Paragraph], figures: Sequence[FigureFiles], origin: Provenance
) -> str:
    r"""Return paragraphs and figure environments to paste or to ``\input``, with provenance.

    What is missing from a paragraph, and what its author must know, are comments.
    """
    parts = [f"% {origin.to_line()}"]
    parts += [
        "\n".join([*(f"% {_line(remark)}" for remark in _remarks(each)), each.latex])
        for each in paragraphs
    ]
    for figure in figures:
        name = os.path.splitext(os.path.basename(figure.picture))[0]
        parts.append(figure_environment(name, figure.caption).rstrip("\n"))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_text(paragraphs: Sequence[Paragraph], origin: Provenance) -> str:
    """Return paragraphs as Markdown, with provenance and what is missing."""
    parts = [comment(origin.to_line())]
    for each in paragraphs:
        parts += [each.markdown, *(f"({literal(remark)})" for remark in _remarks(each))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _remarks(each: Paragraph) -> Iterator[str]:
    if each.missing:
        yield f"Not recorded: {', '.join(each.missing)}."
    yield from each.notes


def _line(text: str) -> str:
    return escape(printable(text)).replace("\n", " ")
