"""The tables that can be made of some runs, and their cells as they are printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from epochal.core.errors import EvidenceError
from epochal.web.paper_reasons import nothing_compared, reason
from epochal.web.paper_subject import Subject

if TYPE_CHECKING:
    from epochal.markup.cells import Cell
    from epochal.present.tables.table import Table

MOST_COLUMNS = 60
"""Runs beside each other, a column for each."""


@dataclass(frozen=True)
class Kind:
    """A table that may be made: its title, what makes it, and why it cannot be made."""

    title: str
    make: Callable[[Subject, str], Table]
    why_not: Callable[[Subject], str]
    needs: tuple[str, ...] = ()


def listed(subject: Subject) -> list[dict[str, Any]]:
    """Return all tables with the reasons why some cannot be made."""
    return [
        {"name": name, "title": each.title, "why": reason(each.why_not, subject),
         "needs": list(each.needs)}
        for name, each in KNOWN.items()
    ]  # fmt: skip


def make(name: str, subject: Subject, caption: str = "") -> Table:
    """Return a table.

    Args:
        name: a key of ``KNOWN``.
        subject: of what.
        caption: of the table; with it the LaTeX table floats.

    Raises:
        EvidenceError, MetricNotFoundError: it cannot be made of these runs.
        MissingExtraError: SciPy is not installed.
    """
    if why := KNOWN[name].why_not(subject):
        raise EvidenceError(why)
    return KNOWN[name].make(subject, caption)


def cells(table: Table) -> dict[str, Any]:
    """Return a table as it is printed, cell by cell, for a page to show."""
    return {
        "columns": [{"title": each.title, "align": each.align} for each in table.columns],
        "rows": [[_cell(each) for each in row] for row in table.rows],
        "caption": table.caption, "notes": list(table.notes),
    }  # fmt: skip


def _cell(cell: Cell) -> dict[str, Any]:
    if isinstance(cell, str):
        return {"text": cell, "bold": False}
    from epochal.markup.rounding import grouped

    found = cell.rounded
    text = grouped(found.value) + (f" ± {grouped(found.error)}" if found.error else "")
    if found.exponent:
        text = f"({text})" if found.error else text
        text = f"{text} \u00d7 10^{found.exponent}"
    text = f"{text} {cell.unit}" if cell.unit else text
    return {"text": f"{text}{cell.mark}", "bold": cell.bold}


def _statistics(subject: Subject, caption: str) -> Table:
    from epochal.present.tables.statistics import statistics

    return statistics(subject.runs, caption=caption)


def _mean_statistics(subject: Subject, caption: str) -> Table:
    from epochal.present.tables.statistics import statistics

    return statistics(subject.runs, mean="only", caption=caption)


def _comparison(subject: Subject, caption: str) -> Table:
    from epochal.present.tables.comparison import comparison

    return comparison(subject.compared, caption=caption)


def _too_many(subject: Subject) -> str:
    if len(subject.runs) <= MOST_COLUMNS:
        return ""
    return f"{len(subject.runs):,} runs have no room beside each other: choose {MOST_COLUMNS}."


def _no_mean(subject: Subject) -> str:
    """Return why there is no mean: it is one over runs that differ by their seeds only."""
    from epochal.analyze.groups import find_groups

    if len(subject.runs) < 2:
        return "A mean needs several runs, and one is chosen."
    groups = find_groups(subject.runs, metric=subject.metric)
    if len(groups) > 1:
        return f"The runs have {len(groups):,} settings: choose those of one."
    return ""


def _nothing(subject: Subject) -> str:
    found = subject.compared
    return "" if any(group.n for group in found.groups.values()) else nothing_compared(subject)


KNOWN: Mapping[str, Kind] = {
    "statistics": Kind("Statistics, a column for each run", _statistics, _too_many),
    "mean_statistics": Kind("Statistics over seeds, mean ± std", _mean_statistics, _no_mean),
    "comparison": Kind("Settings compared", _comparison, _nothing, ("metric", "by", "baseline")),
}
"""Every table by its name."""
