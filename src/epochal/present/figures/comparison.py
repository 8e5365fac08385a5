"""``comparison``: every run of each setting, their means with intervals, and the verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from epochal.analyze.comparison import Comparison
from epochal.analyze.groups import Group
from epochal.core.errors import EvidenceError
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.standings import (
    LOG_FROM,
    MOST,
    a_comparison,
    ends,
    group_of,
    left_out,
    metric_label,
    metric_words,
    n_words,
    origin,
    p_words,
    test_words,
)
from epochal.present.figures.words import count
from epochal.present.panel import NO_POINTS, Array, Curve, Panel
from epochal.present.spec import FigureSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

Order = Literal["goal", "setting"]


def comparison(
    compared: Comparison, *, order: Order = "goal", most: int = MOST, **look: Unpack[Look]
) -> Drawn:
    """Draw settings that were compared: a row for each, with all its runs.

    A row has a faint point for each run, the mean with its interval, n, and how the setting stands
    against the baseline, or without one against the best: a word and the corrected p.  All verdicts
    as sentences, the guards and the runs left out are in ``.spec.notes``.

    Args:
        compared: what :func:`epochal.compare` returned.
        order: "goal", the best mean first; "setting", as they are in the comparison.
        most: so many settings are drawn, those that come first.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: it is no comparison, or there is no such order.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> from epochal.analyze.judging import judge
        >>> from epochal.analyze.groups import Group, Groups
        >>> new, old = Group.of("new", [2.30, 2.31, 2.29]), Group.of("old", [2.47, 2.45, 2.50])
        >>> drawn = comparison(judge(Groups((new, old), "loss")))
        >>> drawn.spec.panels[0].beneath
        ('n = 3, best mean', 'n = 3, worse, p = 0.003')
    """
    found = a_comparison(compared, "comparison")
    if order not in ("goal", "setting"):
        raise EvidenceError(f"order={order!r} is neither 'goal' nor 'setting'")
    groups = ordered(found, order)
    shown = groups[: max(1, most)]
    notes = [*map(str, found.verdicts), *(f"guard: {each}" for each in found.guards)]
    notes += left_out(groups)
    if len(shown) < len(groups):
        rest = ", ".join(group.name for group in groups[len(shown) :])
        notes.append(f"{count(len(groups) - len(shown), 'more setting')} not drawn: {rest}")
    query = {
        "figure": "comparison", "metric": found.metric, "by": found.by, "goal": found.goal,
        "statistic": found.statistic, "correction": found.correction, "margin": found.margin,
        "baseline": found.baseline, "level": found.level, "order": order,
    }  # fmt: skip
    spec = FigureSpec(
        "comparison", (_panel(found, shown),), caption=_caption(found, shown),
        notes=tuple(notes),
        provenance=origin([run for g in groups for run in g.runs], query,
                          *(group.scores for group in groups)),
    )  # fmt: skip
    return render(spec, **look)


def ordered(compared: Comparison, order: Order) -> list[Group]:
    """Return the groups; those without a run that counts last."""
    groups = [*compared.groups.values()]
    if order == "goal":
        sign = 1 if compared.goal == "minimize" else -1
        groups.sort(key=lambda group: sign * group.estimate.value if group.n else 0.0)
    return sorted(groups, key=lambda group: not group.n)


def standing(compared: Comparison, group: Group) -> str:
    """Return how a group stands against the baseline, or against the best, in a few words."""
    reference = group_of(compared, compared.baseline or compared.best)
    if not group.n:
        return "no run counts"
    if group is reference:
        return "baseline" if compared.baseline else "best mean"
    verdict = compared.verdict(group.name, reference.name)
    return ", ".join(each for each in (verdict.word, p_words(verdict)) if each)


def _panel(compared: Comparison, groups: list[Group]) -> Panel:
    scores = np.concatenate([group.scores for group in groups])
    at = np.concatenate([np.full(group.n, float(row)) for row, group in enumerate(groups)])
    middle, low, high, n = (
        np.array([getattr(group.estimate, name) for group in groups], np.float64)
        for name in ("value", "low", "high", "n")
    )
    log = bool(len(scores) and scores.min() > 0 and scores.max() > LOG_FROM * scores.min())
    if log:
        low = _above_zero(low, scores)
    limits = ends(scores, low, high, log=log)
    label = metric_label(groups, compared.metric)
    level = f"mean, {100 * compared.level:g} % t interval"
    beneath = tuple(f"n = {group.n}, {standing(compared, group)}" for group in groups)
    return Panel(
        "", f"{label}, logarithmic" if log else label, NO_POINTS, "",
        points=(
            Curve("single runs", scores, "muted", x=at, faint=True),
            Curve(level, middle, x=np.arange(float(len(groups))), low=low, high=high, n=n, style=0),
        ),
        categories=tuple(group.name for group in groups), beneath=beneath, horizontal=True, log=log,
        y_range=limits,
    )  # fmt: skip


def _above_zero(low: Array, scores: Array) -> Array:
    """Return lower ends that a logarithmic axis has a place for."""
    return np.where(low > 0, low, np.where(np.isnan(low), np.nan, float(scores.min()) / 3))


def _caption(compared: Comparison, groups: list[Group]) -> str:
    counting = [group.n for group in groups if group.n]
    what = f"{count(len(groups), 'setting')}{f' ({compared.by})' if compared.by else ''}"
    mean = f"mean with {100 * compared.level:g} % t interval, {n_words(counting)}"
    sentences = [
        f"{what} by {metric_words(compared)}",
        f"Faint points: single runs; others: {mean}",
    ]
    reference = compared.baseline or compared.best
    against = [v for v in compared.verdicts if reference in (v.a, v.b)]
    if len(groups) > 1 and counting:
        tested = test_words(against or compared.verdicts)
        whom = f"the baseline, {reference}" if compared.baseline else f"the best, {reference}"
        sentences.append(f"Words: against {whom}" + (f" ({tested})" if tested else ""))
    return " ".join(f"{each}." for each in sentences)
