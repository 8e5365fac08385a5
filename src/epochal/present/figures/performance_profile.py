"""``performance_profile``: which share of runs is beyond each score, method by method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from epochal.analyze.samples import Rng
from epochal.analyze.score_profiles import Profile
from epochal.analyze.score_profiles import performance_profile as profile_of
from epochal.core.errors import EvidenceError
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.groups import MAX_GROUPS
from epochal.present.figures.standings import origin
from epochal.present.figures.task_scores import TaskScores, task_scores
from epochal.present.figures.words import count, listed
from epochal.present.panel import NO_POINTS, Array, Curve, Panel
from epochal.present.spec import FigureSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

Of = Literal["run scores", "mean scores"]

THRESHOLDS = 201
FAR = 3.0
"""The axis ends at the 98 % quantile if the largest score is so many times as far."""

QUANTILE = 0.98

NAMED = 4
"""Of more methods the caption gives the number only."""


def performance_profile(  # noqa: PLR0913 - what is drawn is chosen by name
    runs: Any, metric: str | None = None, *, task: str | None = None, by: Any = None,
    thresholds: Sequence[float] | None = None, of: Of = "run scores",
    statistic: str | None = None, goal: str | None = None, level: float = 0.95,
    resamples: int = 2_000, rng: Rng = 0, **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw performance profiles (Agarwal et al. 2021): the share of scores beyond each threshold.

    A method whose curve is above another's everywhere is better on the whole distribution of
    scores.  The bands are pointwise, by a stratified bootstrap of the runs of each task.

    Args:
        runs: scores, method → shape (n_runs, n_tasks); or runs as other figures take them, with
            ``metric`` and ``task``.  Scores of different tasks must be comparable: normalize them.
        metric: of runs: the score.
        task: of runs: the config key that says which task it is, such as "config.env".
        by: of runs: what tells methods apart, as for :func:`epochal.compare`.
        thresholds: positions on the x-axis, shape (n_thresholds,); default: 201 over the scores,
            without the largest 2 % where these are far away.
        of: "run scores", or "mean scores": the mean of each task.
        statistic: of runs: which number of a run counts.
        goal: "maximize" or "minimize".
        level: of the bands.
        resamples: of the bootstrap; 0: no bands.
        rng: seed or generator of it.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: scores of other shapes, NaN, infinite ones, or more than eight methods.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> scores = {"a": [[0.5, 1.0], [1.5, 2.0]], "b": [[0.2, 0.4], [0.1, 0.9]]}
        >>> panel = performance_profile(scores, thresholds=[0.0, 1.0], resamples=0).spec.panels[0]
        >>> [(curve.label, curve.y.tolist()) for curve in panel.lines]
        [('a (n = 2)', [1.0, 0.5]), ('b (n = 2)', [1.0, 0.0])]
    """
    found = task_scores(runs, metric=metric, task=task, by=by, statistic=statistic, goal=goal)
    if len(found.scores) > MAX_GROUPS:
        message = f"{len(found.scores)} methods cannot be told apart: give {MAX_GROUPS} at most"
        raise EvidenceError(message)
    grid, beyond = _grid(found, thresholds)
    profiles = {
        name: profile_of(
            scores, grid, of=of, goal=found.goal, level=level, resamples=resamples, rng=rng
        )
        for name, scores in found.scores.items()
    }
    panel = _panel(found, profiles, of, beyond)
    query = {
        "figure": "performance_profile", "metric": found.metric, "task": task, "by": by, "of": of,
        "goal": found.goal, "level": level, "resamples": resamples,
        "thresholds": None if thresholds is None else [float(each) for each in thresholds],
    }  # fmt: skip
    spec = FigureSpec(
        "performance_profile", (panel,), caption=_caption(found, profiles, of, level, resamples),
        notes=found.notes, provenance=origin(found.runs, query, *found.scores.values()),
    )  # fmt: skip
    return render(spec, **look)


def _grid(found: TaskScores, thresholds: Sequence[float] | None) -> tuple[Array, int]:
    """Return thresholds, and how many scores are beyond the last one."""
    if thresholds is not None:
        return np.asarray(thresholds, np.float64), 0
    scores = np.concatenate([each.ravel() for each in found.scores.values()])
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return np.zeros(1), 0
    low, high = float(scores.min()), float(scores.max())
    near = float(np.quantile(scores, QUANTILE))
    if high - low > FAR * (near - low) > 0:
        high = near
    if high == low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, THRESHOLDS), int((scores > high).sum())


def _panel(found: TaskScores, profiles: dict[str, Profile], of: str, beyond: int) -> Panel:
    lines = []
    for index, (name, profile) in enumerate(profiles.items()):
        banded = bool(np.isfinite(profile.low).any())
        n = len(found.scores[name])
        lines.append(Curve(
            f"{name} (n = {n})", profile.share, x=profile.thresholds,
            low=profile.low if banded else None, high=profile.high if banded else None,
            n=np.full(len(profile.share), float(profile.n)), style=index,
        ))  # fmt: skip
    sign = ">" if found.goal == "maximize" else "<"
    what = "runs" if of == "run scores" else "tasks"
    return Panel(
        "", f"share of {what} with a score {sign} τ", NO_POINTS, f"{found.metric} τ",
        lines=tuple(lines), y_range=(-0.02, 1.02),
        remark=f"{count(beyond, 'score')} beyond the axis" if beyond else "",
    )  # fmt: skip


def _caption(
    found: TaskScores, profiles: dict[str, Profile], of: str, level: float, resamples: int
) -> str:
    counts, tasks = found.shape
    low, high = min(counts), max(counts)
    n = f"n = {count(low, 'run')} of each" if low == high else f"n = {low} to {high} runs of each"
    which = listed(list(profiles)) if len(profiles) <= NAMED else f"{len(profiles)} methods"
    what = "runs" if of == "run scores" else "tasks (mean over their runs)"
    side = "above" if found.goal == "maximize" else "below"
    text = (
        f"Performance profiles of {which}: share of {what} whose {found.metric} is {side} τ, over"
        f" {count(tasks, 'task')}, {n}."
    )
    if any(np.isfinite(each.low).any() for each in profiles.values()):
        return (
            f"{text} Bands: pointwise {100 * level:g} % intervals, stratified bootstrap of runs"
            f" with {resamples:,} resamples."
        )
    return f"{text} No bands: one run of each task says nothing of chance." if high == 1 else text
