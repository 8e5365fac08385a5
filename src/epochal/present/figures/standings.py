"""What figures of compared settings have in common: how settings stand, in words, and origins."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from epochal.analyze.comparison import MEANINGS, Comparison
from epochal.analyze.groups import Group
from epochal.analyze.pairs import TESTS
from epochal.analyze.verdicts import CORRECTIONS, Verdict
from epochal.core.errors import EvidenceError, did_you_mean
from epochal.markup.rounding import p_value
from epochal.present.figures.words import count, listed
from epochal.present.panel import Array
from epochal.present.spec import Provenance
from epochal.read.view import RunView

MOST = 40
"""More settings cannot be read in one figure."""

LOG_FROM = 100.0
"""Largest by smallest value from which an axis is logarithmic."""

LEFT_OUT_NAMED = 20


def a_comparison(given: Any, function: str) -> Comparison:
    """Return a comparison.

    Raises:
        EvidenceError: it is something else.
    """
    if isinstance(given, Comparison):
        return given
    message = (
        f"{function} draws a comparison, not {type(given).__name__}: give what"
        " epochal.compare(runs, metric) returned, of one metric"
    )
    raise EvidenceError(message)


def group_of(compared: Comparison, name: str) -> Group:
    """Return a group by its name or label.

    Raises:
        EvidenceError: there is none.
    """
    for group in compared.groups.values():
        if name in (group.name, group.label):
            return group
    known = [*compared.groups]
    hint = did_you_mean(name, known) or f": they are {', '.join(known[:8])}"
    raise EvidenceError(f"there is no group {name!r}{hint}")


def p_words(verdict: Verdict) -> str:
    """Return "p = 0.012", corrected; "" where there is none."""
    p = verdict.p_equivalent if verdict.word == "equivalent" else verdict.p_corrected
    if math.isnan(p):
        return ""
    text = p_value(p)
    return f"p {text}" if text.startswith(("<", ">")) else f"p = {text}"


def test_words(verdicts: Iterable[Verdict]) -> str:
    """Return how p was found: "Welch t, p after Holm over 3 comparisons"; "" without any."""
    tested = [each for each in verdicts if not math.isnan(each.p_corrected)]
    if not tested:
        return ""
    tests = listed(list(dict.fromkeys(TESTS[each.test] for each in tested)))
    one = tested[0]
    if one.comparisons == 1:
        return tests
    return f"{tests}, p {CORRECTIONS[one.correction]} over {one.comparisons:,} comparisons"


def n_words(counts: Sequence[int]) -> str:
    """Return how many runs settings have.

    Example:
        >>> n_words([5, 5]), n_words([5, 3]), n_words([1])
        ('n = 5 runs each', 'n = 3 to 5 runs', 'n = 1 run')
    """
    low, high = min(counts), max(counts)
    if low < high:
        return f"n = {low} to {high} runs"
    return f"n = {count(low, 'run')}{' each' if len(counts) > 1 else ''}"


def metric_words(compared: Comparison) -> str:
    """Return "val/loss (last, lower is better)"."""
    return f"{compared.metric} ({compared.statistic}, {MEANINGS[compared.goal]})"


def left_out(groups: Iterable[Group]) -> list[str]:
    """Return a note for each run that does not count; those that another one replaces too."""
    found = [each for group in groups for each in group.left_out]
    notes = [f"left out: {each.name} ({each.reason})" for each in found[:LEFT_OUT_NAMED]]
    more = len(found) - len(notes)
    return notes + ([f"left out: {count(more, 'more run')}"] if more else [])


def metric_label(groups: Iterable[Group], metric: str) -> str:
    """Return the metric with the unit that its runs define, if it is one."""
    runs = [run for group in groups for run in group.runs]
    units = {run.metrics[metric].definition.unit for run in runs if metric in run.metrics}
    unit = units.pop() if len(units) == 1 else None
    return f"{metric}, {unit}" if unit else metric


def origin(runs: Sequence[RunView], query: Mapping[str, Any], *numbers: Array) -> Provenance:
    """Return where a figure comes from; of plain numbers the hash is theirs."""
    made = Provenance.of(runs, query)
    if runs or not numbers:
        return made
    data = b"\n".join(np.ascontiguousarray(each, "<f8").tobytes() for each in numbers)
    return replace(made, data_sha256=hashlib.sha256(data).hexdigest())


def ends(*values: Array, log: bool = False, more: float = 0.05) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite values, with some room.

    Example:
        >>> ends(np.array([0.0, 100.0]))
        (-5.0, 105.0)
    """
    found = np.concatenate([np.ravel(each) for each in values])
    found = found[np.isfinite(found) & (found > 0)] if log else found[np.isfinite(found)]
    if not len(found):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(found.min()), float(found.max())
    if log:
        room = (high / low) ** more if high > low else 2.0
        return low / room, high * room
    room = more * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room
