"""``ablation``: by how much each setting differs from the baseline, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.analyze.comparison import MEANINGS, Comparison
from epochal.analyze.groups import Group, Groups
from epochal.analyze.judging import Plan, judge
from epochal.analyze.verdicts import Verdict
from epochal.core.errors import EvidenceError
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.standings import (
    MOST,
    ends,
    group_of,
    left_out,
    metric_label,
    n_words,
    origin,
    p_words,
    test_words,
)
from epochal.present.figures.words import count, sentence
from epochal.present.panel import NO_POINTS, Curve, Panel
from epochal.present.spec import FigureSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

STYLES = {"better": 2, "worse": 1, "equivalent": 3, "undecided": None}
"""Color and marker of what is said of a setting."""


def ablation(
    compared: Any, *, baseline: str | None = None, most: int = MOST, **look: Unpack[Look]
) -> Drawn:
    """Draw settings as differences from one of them: what each change brings or costs.

    A row has the difference of the means with its interval, the verdict as color and marker, the
    corrected p, and n.  Where runs with the same seed are pairs, the difference is
    that of the pairs.

    Args:
        compared: what :func:`epochal.compare` returned, best with ``baseline=``; or the results of
            a sweep with a goal (``epochal.sweep(...)`` and its ``results``).
        baseline: the setting that all others are compared with; default: that of the comparison,
            or the setting "baseline" of a sweep.
        most: so many settings are drawn, those with the largest differences.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: it is neither, there is no such setting, or no goal.
        MissingExtraError: matplotlib or SciPy is not installed.

    Example:
        >>> full, less = Group.of("full", [2.30, 2.31, 2.29]), Group.of("less", [2.47, 2.45, 2.5])
        >>> found = judge(Groups((full, less), "loss"), Plan(baseline="full"))
        >>> ablation(found).spec.panels[0].points[0].label
        'worse'
    """
    found, runs, notes = _comparison(compared, baseline)
    base = group_of(found, baseline or found.baseline or "")
    others = [group for group in found.groups.values() if group is not base]
    verdicts = [found.verdict(group.name, base.name) for group in others if group.n]
    sign = 1 if found.goal == "minimize" else -1
    shown = sorted(verdicts, key=lambda v: -abs(v.difference.value))[: max(1, most)]
    shown.sort(key=lambda v: sign * v.difference.value)
    notes = [*map(str, shown), *(f"guard: {each}" for each in found.guards),
             *left_out(found.groups.values()), *notes]  # fmt: skip
    notes += [f"{group.name}: no run counts" for group in others if not group.n]
    if len(shown) < len(verdicts):
        notes.append(f"{count(len(verdicts) - len(shown), 'more setting')} not drawn")
    query = {
        "figure": "ablation", "metric": found.metric, "statistic": found.statistic,
        "goal": found.goal, "by": found.by, "baseline": base.name, "level": found.level,
        "correction": found.correction, "margin": found.margin,
    }  # fmt: skip
    groups = [base, *(found.groups[v.a] for v in shown)]
    every = [run for group in found.groups.values() for run in group.runs]
    made = origin(every, query, *(group.scores for group in found.groups.values()))
    if runs:
        made = _of_runs(made, runs)
    spec = FigureSpec(
        "ablation", (_panel(found, base, shown),), caption=_caption(found, base, groups, shown),
        notes=tuple(notes), provenance=made,
    )  # fmt: skip
    return render(spec, **look)


def _of_runs(provenance: Any, runs: Sequence[str]) -> Any:
    from dataclasses import replace

    return replace(provenance, runs=tuple(runs))


def _comparison(given: Any, baseline: str | None) -> tuple[Comparison, list[str], list[str]]:
    """Return a comparison with a baseline, ids of runs that it does not know, and notes."""
    if isinstance(given, Comparison):
        if baseline is None and given.baseline is None:
            names = ", ".join([*given.groups][:8])
            raise EvidenceError(f"an ablation needs a baseline: give baseline=, one of {names}")
        return given, [], []
    if not hasattr(given, "rows") or not hasattr(given, "against"):
        message = (
            f"ablation draws a comparison or the results of a sweep, not {type(given).__name__}:"
            " give what epochal.compare(runs, metric, baseline=...) returned"
        )
        raise EvidenceError(message)
    if given.goal is None:
        message = f"what is better for {given.metric!r}? Read the results of the sweep with a goal"
        raise EvidenceError(message)
    groups = tuple(Group.of(row.label, row.values, seeds=row.seeds) for row in given.rows)
    family = Groups(groups, given.metric, given.statistic, given.goal, f"sweep {given.name}")
    runs = [run for row in given.rows for run in row.runs]
    notes = [f"left out of {row.label}: {row.left_out}" for row in given.rows if row.left_out]
    return judge(family, Plan(baseline=baseline or "baseline")), runs, notes


def _panel(found: Comparison, base: Group, verdicts: list[Verdict]) -> Panel:
    label = f"difference in {metric_label(found.groups.values(), found.metric)}"
    if not verdicts:
        why = f"No setting beside the baseline, {base.name}, has a run that counts."
        return Panel("", label, NO_POINTS, empty=why)
    difference = [verdict.difference for verdict in verdicts]
    low, middle, high = (
        np.array([getattr(each, name) for each in difference], np.float64)
        for name in ("low", "value", "high")
    )
    n = np.array([min(verdict.n) for verdict in verdicts], np.float64)
    curves = []
    for word, style in STYLES.items():
        rows = np.array([verdict.word == word for verdict in verdicts])
        if rows.any():
            at = np.flatnonzero(rows).astype(np.float64)
            curves.append(Curve(word, middle[rows], "muted", x=at, low=low[rows], high=high[rows],
                                n=n[rows], style=style))  # fmt: skip
    limits = ends(middle, low, high, np.zeros(1), _margins(found))
    margin = found.margin
    bounds = ((f"margin ±{margin:.4g}", margin), ("", -margin)) if margin else ()
    return Panel(
        "", label, NO_POINTS, "", points=tuple(curves), references=bounds,
        categories=tuple(verdict.a for verdict in verdicts), horizontal=True, zero_line=True,
        beneath=tuple(map(_beneath, verdicts)), y_range=limits, dodged=False,
    )  # fmt: skip


def _margins(found: Comparison) -> Any:
    return np.array([-found.margin, found.margin]) if found.margin else np.empty(0)


def _beneath(verdict: Verdict) -> str:
    """Return p and n of a setting."""
    n = f"n = {verdict.n[0]}"
    if verdict.paired:
        n += " pairs"
    elif verdict.n[0] != verdict.n[1]:
        n += f", {verdict.n[1]}"
    return ", ".join(each for each in (p_words(verdict), n) if each)


def _caption(found: Comparison, base: Group, groups: list[Group], verdicts: list[Verdict]) -> str:
    mean = base.estimate
    error = "" if math.isnan(mean.error) else f" ± {mean.error:.2g}"
    interval = f"{100 * found.level:g} % t interval"
    what = f"difference in {found.metric} ({found.statistic}, {MEANINGS[found.goal]}) from the"
    sentences = [
        sentence(f"{what} baseline, {base.name} (mean {mean.value:.4g}{error}, n = {base.n})"),
        f"Points: difference of the means with {interval}, {n_words([g.n for g in groups])}",
    ]
    if tested := test_words(verdicts):
        sentences.append(f"Colors and p: {tested}")
    return " ".join(f"{each}." for each in sentences)
