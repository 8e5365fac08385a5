"""The statistics table of trainings: best and final losses, gradient norm, hours, steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from epochal.core.errors import EvidenceError
from epochal.markup.cells import Cell, Column, Number
from epochal.present.sources import runs_of
from epochal.present.spec import Provenance
from epochal.present.tables.table import Table
from epochal.present.tables.training import NEAR_BEST, Training, training

NOT_RECORDED = "not recorded"

_Value = Callable[[Training], Any]

ROWS: Mapping[str, _Value] = {
    "Total Epochs": lambda t: t.epochs,
    "Best Train Loss": lambda t: t.best_train_loss,
    "Best Val Loss": lambda t: t.best_val_loss,
    "Final Train Loss": lambda t: t.final_train_loss,
    "Final Val Loss": lambda t: t.final_val_loss,
    "Avg Gradient Norm (± std)": lambda t: t.gradient_norm,
    "Training Time (hours)": lambda t: t.hours,
    "Total Steps": lambda t: t.steps,
    "Number of Parameters": lambda t: t.parameters,
}
"""Label → what stands there; these rows are always there."""

FURTHER_ROWS: Mapping[str, _Value] = {
    "Loss Improvement (%)": lambda t: t.improvement,
    "Convergence Epoch": lambda t: t.convergence_epoch,
    "Best Val Loss (EMA)": lambda t: t.best_ema_loss,
    "Best Val Loss, EMA minus non-EMA": lambda t: (
        None if t.best_ema_loss is None or t.best_val_loss is None
        else t.best_ema_loss - t.best_val_loss
    ),
}  # fmt: skip
"""Rows that are there if any run has them."""


def statistics(
    runs: Any, *, mean: bool | Literal["only"] = False, caption: str = "",
    label: str = "tab:statistics",
) -> Table:  # fmt: skip
    """Return what trainings came to, a column for each run.

    Args:
        runs: a run, its folder, or several of them; a project or the folder of one.
        mean: of several runs that differ by nothing but their seeds: also a column with mean and
            standard deviation (n - 1) over the runs that have the number; "only": this column and
            none for each run, which is as wide as a page of a paper allows.
        caption: of the table; with it the LaTeX table floats.
        label: for references to it; used with a caption.

    Raises:
        EvidenceError: there is no run, or no mean of a single one.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp(), follow="off") as run:
        ...     run.log({"val/loss": 0.5}, step=7)
        >>> print(statistics(run.dir).to_markdown())  # doctest: +SKIP
    """
    views = runs_of(runs)
    if mean and len(views) < 2:
        raise EvidenceError(f"mean=True needs several runs, and {views[0].name!r} is only one")
    found = [training(view) for view in views]
    headings = ["Value"] if len(found) == 1 else [each.name for each in found] * (mean != "only")
    headings += [f"Mean ± std (n = {len(found)})"] if mean else []
    rows = [*_rows(ROWS, found), *(r for r in _rows(FURTHER_ROWS, found) if _any(r))]
    filled = [
        (name, *map(_cell, values if mean != "only" else ()), *[_mean_cell(values)] * bool(mean))
        for name, *values in rows
    ]
    return Table(
        (Column("Metric"), *(Column(heading, "r") for heading in headings)), tuple(filled),
        caption, label if caption else "", tuple(_notes(found, rows)),
        Provenance.of(views, {"table": "statistics", "mean": mean}),
    )  # fmt: skip


def _rows(rows: Mapping[str, _Value], found: Sequence[Training]) -> list[tuple[Any, ...]]:
    return [(name, *map(value, found)) for name, value in rows.items()]


def _any(row: Sequence[Any]) -> bool:
    return any(value is not None for value in row[1:])


def _cell(value: Any) -> Cell:
    if value is None:
        return NOT_RECORDED
    return Number(*value) if isinstance(value, tuple) else Number(value)


def _mean_cell(values: Sequence[Any]) -> Cell:
    """Return mean ± std over the runs; of the gradient norm, that of the runs' means."""
    numbers = [v[0] if isinstance(v, tuple) else v for v in values if v is not None]
    if len(numbers) < 2:
        return NOT_RECORDED
    mark = "" if len(numbers) == len(values) else f"n = {len(numbers)}"
    if len(set(numbers)) == 1:  # such as the number of parameters
        return Number(numbers[0], mark=mark)
    return Number(float(np.mean(numbers)), float(np.std(numbers, ddof=1)), mark=mark)


def _notes(found: Sequence[Training], rows: Sequence[tuple[Any, ...]]) -> Iterable[str]:
    said: dict[str, list[str]] = {}
    for each in found:
        named = "; ".join(f"{what}: {metric}" for what, metric in each.sources.items())
        for note in ([named] if named else []) + list(each.remarks):
            said.setdefault(note, []).append(each.name)
    for note, names in said.items():
        if len(names) < len(found):
            yield f"{', '.join(names)}: {note}."
        else:
            yield f"{note[0].upper()}{note[1:]}."
    there = {row[0] for row in rows}
    if "Loss Improvement (%)" in there:
        yield "Loss improvement: of the training loss, from its first finite value to its last."
    if "Convergence Epoch" in there:
        yield (
            f"Convergence: the first epoch with at most {100 * NEAR_BEST:g} % of the loss's whole"
            " improvement left."
        )
