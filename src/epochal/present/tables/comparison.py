"""The table of a comparison: each setting with mean, interval and n; what is best, in bold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from epochal.markup.cells import Cell, Column, Number
from epochal.present.paragraph import sentence
from epochal.present.spec import Provenance
from epochal.present.tables.table import Table

NOT_WORSE = "†"
"""The mark of settings that are not significantly worse than the best."""

_ARROWS: Mapping[str | None, Literal["up", "down"]] = {"minimize": "down", "maximize": "up"}


class Estimated(Protocol):
    """What the table asks of an estimate; NaN for a bound that is not known."""

    @property
    def value(self) -> float:
        """The estimate."""

    @property
    def low(self) -> float:
        """Lower end of its interval."""

    @property
    def high(self) -> float:
        """Upper end of it."""

    @property
    def level(self) -> float:
        """Of the interval, such as 0.95."""

    @property
    def method(self) -> str:
        """Of the interval, in words."""

    @property
    def n(self) -> int:
        """How many runs it rests on."""


class Setting(Protocol):
    """What the table asks of a group of runs."""

    @property
    def runs(self) -> Sequence[Any]:
        """Its runs."""

    @property
    def estimate(self) -> Estimated:
        """Of its mean."""


class Compared(Protocol):
    """What tables and texts ask of a comparison; that of ``epochal.compare`` has it."""

    @property
    def groups(self) -> Mapping[str, Setting]:
        """Name → group."""

    @property
    def metric(self) -> str:
        """What was compared."""

    @property
    def statistic(self) -> str:
        """Which number of a run counts."""

    @property
    def goal(self) -> str | None:
        """Either "minimize" or "maximize"; None: nobody said."""

    @property
    def level(self) -> float:
        """Of the tests: 1 - alpha."""

    @property
    def correction(self) -> str:
        """Of the p-values, for their number."""

    @property
    def best(self) -> str | None:
        """Name of the group with the best mean."""

    @property
    def not_worse(self) -> Sequence[str]:
        """Names of the groups that are not significantly worse than it."""

    @property
    def verdicts(self) -> Sequence[Any]:
        """On pairs of groups; ``str()`` of each is a sentence."""

    @property
    def guards(self) -> Sequence[str]:
        """What stands against all this, in sentences."""


def comparison(
    compared: Compared, *, siunitx: bool = False, caption: str = "", label: str = "tab:comparison",
) -> Table:  # fmt: skip
    """Return a comparison as a table: a row for each setting with its mean, its interval and n.

    The best mean is bold, and with it every setting that the tests do not show to be worse; these
    have the mark † and a note.  Settings of one run are not marked, as nothing can be said of them,
    and none is where that would be all.

    Args:
        compared: what ``epochal.compare`` returns.
        siunitx: align the numbers at the decimal point in LaTeX.
        caption: of the table; with it the LaTeX table floats.
        label: for references to it; used with a caption.
    """
    groups = compared.groups
    best = _testable(compared, compared.best)
    counting = {name for name, group in groups.items() if group.estimate.n}
    best = best if set(compared.not_worse) < counting else None
    equal = [n for n in compared.not_worse if best and n != best and _testable(compared, n)]
    rows = [
        (name, _number(group.estimate, bold=name in (best, *equal), marked=name in equal),
         Number(group.estimate.n))
        for name, group in groups.items()
    ]  # fmt: skip
    columns = (
        Column("Setting"),
        Column(compared.metric, "r", unit_of(compared), _ARROWS.get(compared.goal, "")),
        Column("n", "r"),
    )
    query = {
        "table": "comparison", "metric": compared.metric, "statistic": compared.statistic,
        "goal": compared.goal, "level": compared.level, "correction": compared.correction,
        "groups": {name: len(group.runs) for name, group in groups.items()},
    }  # fmt: skip
    return Table(
        columns, tuple(rows), caption, label if caption else "",
        tuple(_notes(compared, best, equal)),
        Provenance.of([run for group in groups.values() for run in group.runs], query), siunitx,
    )  # fmt: skip


def unit_of(compared: Compared) -> str:
    """Return the unit of what was compared, as its runs define it; "" if they do not agree."""
    found = {
        metric.definition.unit or "" for group in compared.groups.values() for run in group.runs
        if (metric := run.metrics.get(compared.metric)) is not None
    }  # fmt: skip
    return found.pop() if len(found) == 1 else ""


def _testable(compared: Compared, name: str | None) -> str | None:
    """Return the name if a test can say anything of the group, which takes two runs."""
    group = compared.groups.get(name) if name else None
    return name if group and group.estimate.n > 1 else None


def _number(estimate: Estimated, *, bold: bool, marked: bool) -> Cell:
    error = (estimate.high - estimate.low) / 2
    return Number(
        estimate.value, None if math.isnan(error) else error, bold=bold,
        mark=NOT_WORSE if marked else "",
    )  # fmt: skip


def _notes(compared: Compared, best: str | None, equal: Sequence[str]) -> Iterator[str]:
    known = [group.estimate for group in compared.groups.values()
             if not math.isnan(group.estimate.low)]  # fmt: skip
    methods = dict.fromkeys(f"{100 * each.level:g} % {each.method}" for each in known)
    about = f"Of each run the {compared.statistic} {compared.metric}; mean over n runs"
    if methods:
        half = "" if all(map(_symmetric, known)) else "half the width of the "
        about += f" ± {half}{' or '.join(methods)}"
    yield f"{about}."
    if best:
        yield f"Bold: the best mean{' and what is not significantly worse' if equal else ''}."
    if equal:
        alpha = f"{1 - compared.level:.4g}"
        method = compared.correction.replace("_", "-").title()
        corrected = "" if method == "None" else f", {method}-corrected"
        yield (f"{NOT_WORSE} Not significantly worse than {best} (alpha = {alpha}{corrected}).")
    if not best and len(compared.groups) > 1:
        yield "No setting is marked: none is shown to be worse than the best."
    yield from map(sentence, compared.guards)


def _symmetric(estimate: Estimated) -> bool:
    width = estimate.high - estimate.low
    return abs(estimate.high + estimate.low - 2 * estimate.value) <= 0.01 * width
