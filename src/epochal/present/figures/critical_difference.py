"""``critical_difference``: mean ranks of methods over tasks, and which do not differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.analyze.ranks import RankComparison, compare_ranks
from epochal.core.errors import EvidenceError
from epochal.markup.rounding import p_value
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.standings import origin
from epochal.present.figures.task_scores import TaskScores, task_scores
from epochal.present.figures.words import count
from epochal.present.labels import literal, told_apart
from epochal.present.panel import NO_POINTS, Array, Curve, Note, Panel, Segment
from epochal.present.spec import FigureSpec
from epochal.present.venues import venue_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

MOST = 24
LONGEST = 30
FEWEST = 8
"""Names of methods are shortened to so many characters, as there is room."""

LETTER_IN, TICK_IN = 0.06, 0.16
"""Widths of a letter and of the number of a rank, in inches."""

NARROW = 6
"""More methods need the width of the page."""

UNIT_IN = 0.17
"""Height of a line of text in the diagram, in inches."""


def critical_difference(  # noqa: PLR0913 - what is drawn is chosen by name
    runs: Any, metric: str | None = None, *, task: str | None = None, by: Any = None,
    test: str = "nemenyi", control: str | None = None, statistic: str | None = None,
    goal: str | None = None, level: float = 0.95, **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw a critical-difference diagram (Demšar 2006): mean ranks of methods over tasks.

    Rank 1, on the left, is best.  Thick bars join methods between which no difference was found;
    with ``control`` the bar covers those that do not differ from it.  The scores of several runs of
    a task are averaged first.

    Args:
        runs: scores, method → shape (n_tasks,) or (n_runs, n_tasks); or runs as other figures take
            them, with ``metric`` and ``task``; or what ``epochal.analyze.ranks.compare_ranks``
            returned.
        metric: of runs: the score.
        task: of runs: the config key that says which task it is, such as "config.dataset".
        by: of runs: what tells methods apart, as for :func:`epochal.compare`.
        test: "nemenyi" (all pairs by mean ranks), "bonferroni_dunn" (all against ``control``) or
            "wilcoxon" (all pairs by signed ranks, Holm; no critical difference).
        control: the method that all others are compared with, for "bonferroni_dunn".
        statistic: of runs: which number of a run counts.
        goal: "maximize" (default for plain scores) or "minimize".
        level: 1 - alpha.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`; of more than six methods the default of
            ``column`` is "full".

    Raises:
        EvidenceError: too few tasks or methods, too many methods, NaN, or an unknown word.
        MissingExtraError: matplotlib or SciPy is not installed.

    Example:
        >>> scores = {"a": [9, 8, 9, 7], "b": [5, 6, 4, 5], "c": [1, 2, 3, 1]}
        >>> drawn = critical_difference(scores)
        >>> [note.text for note in drawn.spec.panels[0].notes if note.text.endswith(")")]
        ['a (1.00)', 'b (2.00)', 'c (3.00)']
    """
    query = {
        "figure": "critical_difference", "metric": metric, "task": task, "by": by, "test": test,
        "control": control, "goal": goal, "level": level,
    }  # fmt: skip
    if isinstance(runs, RankComparison):
        found, ranked, numbers = TaskScores({}), runs, [runs.ranks.mean]
        query |= {"level": runs.level, "test": runs.pairs[0].method}
    else:
        found = task_scores(runs, metric=metric, task=task, by=by, statistic=statistic, goal=goal)
        means = {name: scores.mean(axis=0) for name, scores in found.scores.items()}
        ranked = compare_ranks(means, goal=found.goal, level=level, test=test, control=control)
        query["goal"], numbers = found.goal, [*found.scores.values()]
    names = ranked.ranks.names
    if len(names) > MOST:
        raise EvidenceError(f"{len(names)} methods are too many for a diagram: {MOST} at most")
    if len(names) > NARROW:
        look.setdefault("column", "full")
    width = look.get("width_in") or venue_of(look.get("venue")).width_in(
        look.get("column") or "single"
    )
    diagram = _Diagram(ranked, control, width)
    notes = (*found.notes, *(f"guard: {each}" for each in ranked.guards))
    spec = FigureSpec(
        "critical_difference", (diagram.panel(),), caption=_caption(found, ranked, control),
        notes=notes, provenance=origin(found.runs, query, *numbers),
    )  # fmt: skip
    if not look.get("height_in"):
        look["height_in"] = max(1.2, UNIT_IN * (diagram.height + 1.5))
    return render(spec, **look)


class _Diagram:
    """The parts of a diagram; heights are counted in lines of text, 0 is the axis."""

    def __init__(self, ranked: RankComparison, control: str | None, width_in: float) -> None:
        self.ranked, self.k = ranked, len(ranked.ranks.names)
        axis_in = min(0.5 * width_in, max(0.35 * width_in, TICK_IN * self.k))
        self.longest = max(FEWEST, min(LONGEST, int((width_in - axis_in) / 2 / LETTER_IN) - 8))
        names = max(map(len, ranked.ranks.names))
        axis_in = width_in - 2 * LETTER_IN * (min(names, self.longest) + 8)
        self.every = max(1, round(TICK_IN * self.k / axis_in + 0.49))
        means = ranked.ranks.mean
        self.order = [int(i) for i in np.argsort(means, kind="stable")]
        self.means: Array = means
        self.bars = [self._ends(clique) for clique in ranked.cliques]
        if control is not None and ranked.critical_difference is not None:
            at, gap = self._rank(control), ranked.critical_difference
            self.bars = [(max(1.0, at - gap), min(float(self.k), at + gap))]
        self.levels = _levels(self.bars)
        self.below = 0.9 + 0.45 * (max(self.levels, default=-1) + 1)
        self.rows = -(-self.k // 2)
        self.top = 3.4 if ranked.critical_difference is not None else 1.6
        self.height = self.top + self.below + 1.15 * self.rows

        every = [literal(name) for name in ranked.ranks.names]
        self.names = told_apart(every, lambda name: len(name) <= self.longest)

    def panel(self) -> Panel:
        """Return the axis, the critical difference, the bars and the methods."""
        segments, notes = self._axis()
        for name_segments, note in map(self._method, range(self.k)):
            segments += name_segments
            notes.append(note)
        for (low, high), level in zip(self.bars, self.levels, strict=True):
            y = -0.65 - 0.45 * level
            segments.append(Segment((low - 0.04, high + 0.04), (y, y), "main", width=2.6))
        room = 0.03 * (self.k - 1)
        return Panel(
            "", "", NO_POINTS, "", points=self._ranks(), segments=tuple(segments),
            notes=tuple(notes), bare=True, legend=False,
            x_range=(1 - room, self.k + room), y_range=(self.top - self.height - 0.4, self.top),
            remark="Friedman test: no difference found" if self._undecided() else "",
        )  # fmt: skip

    def _ranks(self) -> tuple[Curve, ...]:
        """Return the methods as points of the axis: the table of points has their mean ranks."""
        n = np.array([float(len(self.ranked.ranks.ranks))])
        return tuple(
            Curve(self.ranked.ranks.names[at], np.zeros(1), x=self.means[at : at + 1], n=n)
            for at in self.order
        )

    def _undecided(self) -> bool:
        return self.ranked.friedman.p > 1 - self.ranked.level

    def _rank(self, name: str) -> float:
        return float(self.means[self.ranked.ranks.names.index(name)])

    def _ends(self, clique: tuple[str, ...]) -> tuple[float, float]:
        ranks = [self._rank(name) for name in clique]
        return min(ranks), max(ranks)

    def _axis(self) -> tuple[list[Segment], list[Note]]:
        segments = [Segment((1.0, float(self.k)), (0.0, 0.0), "muted")]
        notes = []
        for rank in np.arange(1.0, self.k + 0.5, 0.5).tolist():
            whole = rank.is_integer()
            segments.append(Segment((rank, rank), (0.0, 0.35 if whole else 0.18), "muted"))
            if whole and (rank - 1) % self.every == 0:
                notes.append(Note(rank, 0.5, f"{rank:.0f}", "center", "muted", above=True))
        gap = self.ranked.critical_difference
        if gap is not None:
            end, y = 1 + min(gap, self.k - 1.0), 2.0
            segments.append(Segment((1.0, end), (y, y), "second"))
            segments += [Segment((x, x), (y - 0.25, y + 0.25), "second") for x in (1.0, end)]
            more = " (longer than the axis)" if gap > self.k - 1 else ""
            notes.append(Note(1, y + 0.3, f"CD = {gap:.2f}{more}", above=True))
        return segments, notes

    def _method(self, place: int) -> tuple[list[Segment], Note]:
        """Return the elbow and the text of a method, the better half on the left."""
        at = self.order[place]
        rank = float(self.means[at])
        name = self.names[at]
        left = place < self.rows
        row = place if left else self.k - 1 - place
        y = -self.below - 1.15 * row - 0.4
        edge = 1 - 0.02 * (self.k - 1) if left else self.k + 0.02 * (self.k - 1)
        segments = [
            Segment((rank, rank), (0.0, y), "muted"),
            Segment((rank, edge), (y, y), "muted"),
        ]
        shift = -0.01 * (self.k - 1) if left else 0.01 * (self.k - 1)
        text = f"{name} ({rank:.2f})"
        return segments, Note(edge + shift, y, text, "right" if left else "left")


def _levels(bars: list[tuple[float, float]]) -> list[int]:
    """Return for each bar the first line on which it touches no other.

    Example:
        >>> _levels([(1.0, 2.0), (1.5, 3.0), (3.5, 4.0)])
        [0, 1, 0]
    """
    taken: list[float] = []
    found = []
    for low, high in bars:
        level = next((i for i, end in enumerate(taken) if end + 0.15 < low), len(taken))
        taken[level : level + 1] = [high]
        found.append(level)
    return found


def _caption(found: TaskScores, ranked: RankComparison, control: str | None) -> str:
    what = found.metric if found.scores else "score"
    tasks = ranked.friedman.n[0] if ranked.friedman.n else 0
    p = p_value(ranked.friedman.p)
    gap = ranked.critical_difference
    methods = count(len(ranked.ranks.names), "method")
    sentences = [
        f"Mean ranks of {methods} by {what} over n = {count(tasks, 'task')}, 1 is best",
        f"Friedman test: p {p if p.startswith(('<', '>')) else f'= {p}'}",
    ]
    if found.scores and max(found.shape[0]) > 1:
        low, high = min(found.shape[0]), max(found.shape[0])
        runs = f"{low}" if low == high else f"{low} to {high}"
        sentences.append(f"Scores are means over {runs} runs of each task")
    joined = (
        f"The bar covers methods that do not differ from {control}"
        if control is not None
        else "Bars join methods between which no difference was found"
    )
    detail = f"{ranked.pairs[0].method}, level {100 * ranked.level:g} %"
    detail += f", critical difference {gap:.2f}" if gap is not None else ""
    sentences.append(f"{joined} ({detail})")
    return " ".join(f"{each}." for each in sentences)
