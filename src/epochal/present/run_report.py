"""``report`` and ``model_card``: what one run was and how it went, as Markdown pages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from epochal.core.atomic import write_atomically
from epochal.core.errors import EvidenceError, MissingExtraError
from epochal.core.names import printable
from epochal.markup.markdown import comment, literal, table
from epochal.markup.rounding import rounded
from epochal.present import model_index, run_sections
from epochal.present.model_index import Result
from epochal.present.paragraph import Paragraph
from epochal.present.report_epochs import epoch_table
from epochal.present.sentences import results_paragraph, setup_paragraph
from epochal.present.sources import runs_of
from epochal.present.spec import Provenance
from epochal.present.tables.training import training
from epochal.present.training_report import (
    TrainingReport,
    configuration,
    embedded,
    front_matter,
)
from epochal.read.view import RunView

REPORT, CARD = "training_report.md", "README.md"


def report(
    run: Any, path: str | os.PathLike[str] = REPORT, *, figures: Mapping[str, str] | None = None,
    replicates: Any = (), metadata: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    r"""Write everything about a run: a page of Markdown, which is a Hugging Face model card too.

    Summary, configuration (secrets redacted), table of epochs, statistics of every metric, what
    stands out, figures, machine, how to reproduce it, and files with their hashes.

    Args:
        run: as it was read, while it records, or its folder.
        path: of the page, or a folder: there it is ``training_report.md``.
        figures: caption → path of pictures that are there already; None: ``training_curves`` and
            ``loss_distribution`` are drawn into a folder beside the page, if matplotlib is
            installed.
        replicates: runs that differ by nothing but their seeds: the numbers of the front matter
            are means over all of them, with n and interval.
        metadata: keys for the front matter, such as ``{"license": "apache-2.0"}``.

    Returns:
        The absolute path of the page.

    Raises:
        EvidenceError: it is not one run, or the replicates have other settings.
        OSError: the folder cannot be written.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", name="first", dir=folder, follow="off") as run:
        ...     run.log({"train/loss": 0.5}, step=1)
        >>> page = report(run.dir, os.path.join(folder, "report.md"), figures={})
        >>> with open(page, encoding="utf-8") as file:
        ...     file.read().split("\n")[5]
        '# Training report: first'
    """
    views = _views(run, replicates)
    full = _full(path, REPORT)
    drawn, remark = _drawn(views[0], full) if figures is None else (dict(figures), "")
    page = _page(views, drawn, remark, dict(metadata or {}))
    return page.save(full)


def _page(
    views: Sequence[RunView], figures: Mapping[str, str], remark: str, more: Mapping[str, Any]
) -> TrainingReport:
    run = views[0]
    epochs = epoch_table(run)
    found = model_index.results(views)
    odd = run_sections.stands_out(run)
    sections = {
        "Metrics": run_sections.metrics(run),
        "What stands out": run_sections.bullets(odd) or "Nothing: no NaN, spikes or divergence.",
        "Environment": run_sections.environment(run),
        "How to reproduce": run_sections.reproduce(run),
        "Recorded files": run_sections.stored_files(run),
    }
    sections = {name: text for name, text in sections.items() if text}
    lead = [comment(Provenance.of(views, {"text": "report"}).to_line()), *_words(run)]
    if remark:
        lead.append(literal(remark))
    return TrainingReport(
        title=f"Training report: {run.name}", lead="\n\n".join(lead),
        summary=run_sections.summary(run, training(run)), config=run.config, rows=epochs.rows,
        columns=epochs.columns, epochs_title=epochs.title, epochs_remark=epochs.remark,
        figures=figures,
        files=[*_saved(figures), *_mirrors(run)], sections=sections,
        metadata=model_index.metadata(views, found, more),
    )  # fmt: skip


def model_card(
    run: Any, path: str | os.PathLike[str] = CARD, *, figures: Mapping[str, str] | None = None,
    replicates: Any = (), metadata: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    r"""Write a card for the model that a run trained, to be published with it.

    What the model is, how it was trained, results with n and interval, how to reproduce it, and
    what is left to say by its authors.  Unlike :func:`report` it has no table of epochs.

    Args:
        run: as it was read, while it records, or its folder.
        path: of the page, or a folder: there it is ``README.md``.
        figures: as for :func:`report`; None: ``training_curves`` alone.
        replicates: runs that differ by nothing but their seeds.
        metadata: keys for the front matter, such as ``{"license": "apache-2.0"}``.

    Returns:
        The absolute path of the page.

    Raises:
        EvidenceError, OSError: as :func:`report`.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", name="small", dir=folder, follow="off") as run:
        ...     run.log({"val/loss": 0.5}, step=1)
        >>> page = model_card(run.dir, folder, figures={}, metadata={"license": "mit"})
        >>> with open(page, encoding="utf-8") as file:
        ...     file.read().split("\n")[:4]
        ['---', 'tags:', '- epochal', 'license: mit']
    """
    views = _views(run, replicates)
    full, more = _full(path, CARD), dict(metadata or {})
    drawn, remark = (
        _drawn(views[0], full, ("training_curves",)) if figures is None else (dict(figures), "")
    )
    parts = _card(views, drawn, os.path.dirname(full), more)
    parts += [literal(remark)] if remark else []
    text = "\n\n".join(filter(None, parts)) + "\n"
    os.makedirs(os.path.dirname(full), exist_ok=True)
    write_atomically(full, text.encode("utf-8", "replace"), private=False)
    return full


def _card(
    views: Sequence[RunView], figures: Mapping[str, str], folder: str, more: Mapping[str, Any]
) -> list[str]:
    run = views[0]
    found = model_index.results(views)
    head = model_index.metadata(views, found, more)
    setup = setup_paragraph(run)
    return [
        front_matter(head), f"# {literal(run.name)}",
        comment(Provenance.of(views, {"text": "model card"}).to_line()),
        literal(run.notes) if run.notes else "", results_paragraph(run).markdown,
        "## Training", setup.markdown, configuration(run.config),
        "## Results", _results(found), *(embedded(figures, folder) if figures else []),
        "## How to reproduce", run_sections.reproduce(run),
        "## Environment", run_sections.environment(run),
        "## Not recorded", run_sections.bullets(_unknown(head, setup)),
        *(["## Files", files] if (files := run_sections.stored_files(run)) else []),
    ]  # fmt: skip


def _results(found: Sequence[Result]) -> str:
    if not found:
        return "Nothing was measured on held-out data."
    rows = []
    for each in found:
        estimate = each.estimate
        number = str(rounded(estimate.value, estimate.error, digits=5))
        rows.append((each.metric, number, each.unit, each.statistic, str(estimate.n)))
    made = table(("metric", "value", "unit", "of each run", "n runs"), rows)
    level = {f"{100 * each.estimate.level:g} % {each.estimate.method}" for each in found
             if each.estimate.n > 1}  # fmt: skip
    several = f"Mean over n runs that differ by their seed, ± {' or '.join(sorted(level))}."
    return f"{made}\n\n{literal(several if level else 'One run: there is no interval.')}"


def _unknown(head: Mapping[str, Any], setup: Paragraph) -> list[str]:
    """Return what a reader of a card looks for and the record does not have."""
    keys = {
        "license": "the license", "pipeline_tag": "the task", "datasets": "the dataset on the Hub",
        "language": "the language",
    }  # fmt: skip
    return [
        "what the model is for, and what it should not be used for",
        *(words for key, words in keys.items() if key not in head),
        *(f"{each} (not in the configuration)" for each in setup.missing),
    ]


def _words(run: RunView) -> list[str]:
    setup = setup_paragraph(run)
    missing = f"The configuration does not say: {', '.join(setup.missing)}."
    parts = [setup.markdown, results_paragraph(run).markdown]
    return [*filter(None, parts), *([literal(missing)] if setup.missing else [])]


def _views(run: Any, replicates: Any) -> list[RunView]:
    views = runs_of(run)
    if len(views) > 1:
        message = (
            f"a report is about one run, and these are {len(views)}: choose one, and give those"
            " that differ by their seed as replicates="
        )
        raise EvidenceError(message)
    if isinstance(replicates, str | os.PathLike | RunView) or replicates:
        views += [each for each in runs_of(replicates) if each.id != views[0].id]
    model_index.same_setting(views)
    return views


def _full(path: str | os.PathLike[str], name: str) -> str:
    full = os.fspath(path)
    if os.path.isdir(full) or full.endswith(os.sep):
        full = os.path.join(full, name)
    return os.path.abspath(full)


def _drawn(
    run: RunView, page: str, names: Sequence[str] = ("training_curves", "loss_distribution")
) -> tuple[dict[str, str], str]:
    """Draw figures into a folder beside a page; return caption → path, and why there are none."""
    from epochal.present import figures

    base = f"{os.path.splitext(page)[0]}_figures"
    found = {}
    for name in names:
        try:
            drawn = getattr(figures, name)(run)
        except MissingExtraError as error:
            return {}, f"No figures were drawn: {error}"
        paths = drawn.save(os.path.join(base, name), ("png",))
        found[drawn.caption] = paths[0]
    return found, ""


def _saved(figures: Mapping[str, str]) -> list[str]:
    """Return the files of figures: beside each picture lie its points and its facts."""
    every = []
    for path in figures.values():
        base = os.path.splitext(path)[0]
        every += [path, *(f"{base}{end}" for end in (".pdf", ".svg", ".json", ".csv"))]
    return list(dict.fromkeys(each for each in every if os.path.isfile(each)))


def _mirrors(run: RunView) -> list[str]:
    """Return the files for spreadsheets and other programs that the run folder has."""
    found = []
    for kind in ("csv", "json"):
        folder = os.path.join(run.dir, kind)
        if os.path.isdir(folder):
            found += sorted(os.path.join(folder, name) for name in os.listdir(folder))
    return [path for path in found if os.path.isfile(path) and printable(path) == path]
