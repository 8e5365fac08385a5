"""What figures say in words: captions, labels with units; and what their functions end with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from epochal.present.figures.groups import Bundle, RunGroup
from epochal.present.panel import Curve
from epochal.read.view import RunView


def caption(
    shown: Sequence[str], groups: Sequence[RunGroup], bundles: Iterable[Bundle], x: str
) -> str:
    """Return what a figure of curves shows, with n, bands and how curves were shortened.

    Args:
        shown: what the panels are about.
        groups: that are drawn.
        bundles: of all curves.
        x: the label of the x-axis.
    """
    bundles = list(bundles)
    sentences = [f"{sentence(listed(shown))} by {x}" if shown else "Nothing was recorded to show"]
    sentences.append(who(groups))
    spreads = list(dict.fromkeys(each.spread for each in bundles if each.spread))
    sentences += [f"Bands: {'; '.join(spreads)}"] if spreads else []
    reduced = list(dict.fromkeys(each.reduced for each in bundles if each.reduced))
    sentences += [f"Of long curves {_one(reduced)}"] if reduced else []
    if any(len(each.bad) for each in bundles):
        sentences.append("Crosses: values that were NaN or infinite")
    return " ".join(f"{each}." for each in sentences)


def who(groups: Sequence[RunGroup]) -> str:
    """Return how many runs each curve is of."""
    if len(groups) == 1:
        group = groups[0]
        runs = len(group.runs)
        return f"One run ({group.label})" if runs == 1 else f"Lines: mean over n = {runs} runs"
    counts = sorted({len(group.runs) for group in groups})
    if counts == [1]:
        return f"{len(groups)} runs, one line each"
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{len(groups)} groups, lines: mean over n = {many} runs each"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else list(words))


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def count(number: int, what: str) -> str:
    """Return a number with its noun.

    Example:
        >>> count(1, "run"), count(2000, "run")
        ('1 run', '2,000 runs')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def y_label(runs: Sequence[RunView], label: str, metrics: Iterable[str]) -> str:
    """Return a label with the unit that the runs define for the metrics, if it is one."""
    units = {
        run.metrics[metric].definition.unit
        for metric in metrics
        for run in runs
        if metric in run.metrics
    }
    unit = units.pop() if len(units) == 1 else None
    return f"{label}, {unit}" if unit else label


def above_zero(curve: Curve) -> Curve:
    """Return a curve whose band stays above zero, as a logarithmic axis needs it."""
    if curve.low is None:
        return curve
    return replace(curve, low=np.maximum(curve.low, float(np.nanmin(curve.y)) / 3))


def _one(reduced: Sequence[str]) -> str:
    return reduced[0] if len(reduced) == 1 else "each point is the mean of a piece of the axis"
