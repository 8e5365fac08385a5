"""How runs stand, as read from their folders; what was read serves all tabs for half a second."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from epochal.core.errors import EpochalError
from epochal.loggers.names import STEP_METRICS
from epochal.present.roles import role_of
from epochal.read.metrics import MetricSummary
from epochal.read.project import Project
from epochal.read.project import open as open_project
from epochal.read.view import RunView
from epochal.store.verify import behind

AGAIN_S = 0.5
KEPT_VIEWS = 20
BUCKETS, MARKS = 240, 80
LISTED = 200
"""So many of the newest runs can be chosen, and all that are running."""

SUMMARY = (
    ("Loss", "train_loss"), ("Validation loss", "val_loss"), ("Accuracy", "accuracy"),
    ("Gradient norm", "grad_norm"), ("Learning rate", "lr"),
)  # fmt: skip
"""What the summary has: label and role."""

COUNTS = (("NaN", "nan_count"), ("Inf", "inf_count"))

OTHERS = 10
"""So many metrics the summary has of a run in which none has such a role."""


class Curve(NamedTuple):
    """A metric in at most ``BUCKETS`` pieces: their first steps, smallest and largest values.

    Attributes:
        points: so many numbers are in them.
        first, last: the steps of all values, also of those that are no numbers.
        bad: so many values are NaN or infinite.
        marks: steps of some of these, and whether it is "nan", "inf" or "-inf".
    """

    steps: list[float]
    low: list[float]
    high: list[float]
    points: int
    first: float = math.nan
    last: float = math.nan
    bad: int = 0
    marks: tuple[tuple[float, str], ...] = ()


class Progress(NamedTuple):
    """How a run stands.

    Attributes:
        id, name, project, state, error: as the run says; of an error the last line.
        step, steps: the last one, and how many there are to be (None: not known).
        elapsed_s: since its start.
        loss, val_loss: the last ones, None before the first.
        curve: of the training's loss.
    """

    id: str
    name: str
    project: str
    state: str
    error: str
    step: float | None
    steps: int | None
    elapsed_s: float
    loss: float | None
    val_loss: float | None
    curve: Curve


class Listed(NamedTuple):
    """A run in the list of runs."""

    id: str
    name: str
    project: str
    state: str
    steps: float | None
    created_s: float


class Details(NamedTuple):
    """What the monitoring tab says of a run.

    Attributes:
        facts: (name, value) in words.
        table: (metric, MetricSummary) of those that the run has.
        health: (subject, what is so, whether it is well).
    """

    facts: list[tuple[str, str]]
    table: list[tuple[str, MetricSummary]]
    health: list[tuple[str, str, bool]]


class Runs:
    """Reads the runs of a folder.  Threads may share it.

    Args:
        root: the folder of runs.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._project: Project | None = None
        self._views: OrderedDict[str, tuple[float, RunView]] = OrderedDict()
        self._lock = threading.RLock()

    def listed(self) -> list[Listed]:
        """Return all running runs, and then the newest."""
        with self._lock:
            try:
                self._project = self._project or open_project(self._root)
                runs = self._project.runs()
            except EpochalError:  # there is no folder yet
                return []
            columns = ("id", "name", "project", "state", "steps", "created")
            parts = (runs.filter('state == "running"'), runs[:LISTED])
            listed = {
                folder: Listed(*row)
                for part in parts
                for folder, *row in zip(part.folders, *map(part.values, columns), strict=True)
            }
            return list(listed.values())

    def view(self, run_dir: str, *, anew: bool = False) -> RunView:
        """Return a run as it was at most half a second ago, or with ``anew`` as it is now."""
        with self._lock:
            now = time.monotonic()
            read_at, view = self._views.pop(run_dir, (-math.inf, None))
            if view is None:
                view = RunView(run_dir)
            elif anew or now - read_at > AGAIN_S:
                view.refresh()
            else:
                now = read_at
            self._views[run_dir] = now, view
            while len(self._views) > KEPT_VIEWS:
                self._views.popitem(last=False)
            return view

    def of_id(self, run_id: str) -> RunView | None:
        """Return a run by its whole id, None if there is none."""
        with self._lock:
            if not any(run_id == run.id for run in self.listed()) or self._project is None:
                return None
            return self.view(self._project.run(run_id).dir)

    def progress(self, run_dir: str, *, anew: bool = False) -> Progress:
        """Return how a run stands, with ``anew`` this moment.

        Raises:
            EpochalError: it cannot be read.
        """
        with self._lock:
            view = self.view(run_dir, anew=anew)
            steps = view.config.get("steps")
            lines = [line for line in view.error.splitlines() if line.strip()]
            return Progress(
                view.id, view.name, view.project, view.state, lines[-1] if lines else "",
                view.steps, steps if isinstance(steps, int) else None, view.duration_s,
                _last(view, STEP_METRICS["loss"]), _last(view, "val/loss"), _curve(view),
            )  # fmt: skip

    def details(self, view: RunView) -> Details:
        """Return what is to be said of a run."""
        with self._lock:
            return Details(_facts(view), _table(view), _health(view))


def curve(steps: Any, values: Any) -> Curve:
    """Return points in at most ``BUCKETS`` pieces; NaN and infinity are marked.

    Example:
        >>> found = curve([1, 2, 3], [0.5, float("nan"), 0.25])
        >>> found.steps, found.low, found.bad, found.marks
        ([1.0, 3.0], [0.5, 0.25], 1, ((2.0, 'nan'),))
    """
    x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    good, marks = np.isfinite(y), _marks(x, y)
    ends = (float(x[0]), float(x[-1])) if len(x) else (math.nan, math.nan)
    bad = int((~good).sum())
    x, y = x[good], y[good]
    starts = np.unique(np.linspace(0, len(x), min(len(x), BUCKETS), endpoint=False, dtype=int))
    if not len(x):
        return Curve([], [], [], 0, *ends, bad, marks)
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    return Curve(x[starts].tolist(), low.tolist(), high.tolist(), len(x), *ends, bad, marks)


def _marks(x: Any, y: Any) -> tuple[tuple[float, str], ...]:
    """Return where there is NaN or infinity, of each at most ``MARKS`` + 1 steps, spread evenly."""
    found = []
    for kind, is_so in (("nan", np.isnan(y)), ("inf", y == math.inf), ("-inf", y == -math.inf)):
        at = x[is_so]
        if len(at):
            place = (at - x[0]) / ((x[-1] - x[0]) or 1.0) * MARKS
            _, first = np.unique(place.astype(int), return_index=True)
            found += [(step, kind) for step in at[first].tolist()]
    return tuple(found)


def _curve(view: RunView) -> Curve:
    if STEP_METRICS["loss"] not in view.metrics:
        return Curve([], [], [], 0)
    series = view.series(STEP_METRICS["loss"])
    return curve(series.steps, series.values)


def _last(view: RunView, metric: str) -> float | None:
    found = view.metrics.get(metric)
    return None if found is None else found.summary.last


def _facts(view: RunView) -> list[tuple[str, str]]:
    facts = [
        ("Run", f"{view.name} ({view.id})"), ("Project", view.project), ("State", view.state),
        ("Tags", ", ".join(view.tags)), ("Notes", view.notes), ("Host", view.host or ""),
    ]  # fmt: skip
    facts += [(str(name), str(value)) for name, value in view.config.items()]
    saved = view.checkpoints
    if saved:
        facts.append(("Checkpoints", str(len(saved))))
    return [(name, value) for name, value in facts if value]


def _table(view: RunView) -> list[tuple[str, MetricSummary]]:
    metrics, roles = view.metrics, role_of(view.metrics)
    found = [(label, roles[role]) for label, role in SUMMARY if role in roles]
    if not found:
        found = [(name, name) for name in metrics if not name.startswith("system/")][:OTHERS]
    return [(label, metrics[name].summary) for label, name in found]


def _health(view: RunView) -> list[tuple[str, str, bool]]:
    lag = behind(view.dir)
    known, roles = view.metrics, role_of(view.metrics)
    counts = {word: known[roles[role]].summary for word, role in COUNTS if role in roles}
    bad = {word: found.mean * found.count for word, found in counts.items()}
    numbers = ", ".join(f"{count:,.0f} {word}" for word, count in bad.items() if count)
    problems = ", ".join(f"{count:,} of {topic}" for topic, count in view.problems.items())
    mirrors = ", ".join(f"{sink} {size:,} bytes behind" for sink, size in lag.items())
    behind_while = view.state == "running"
    rows = [
        ("Records", f"{view.lost:,} lost" if view.lost else "all there", not view.lost),
        ("Stored bytes", view.damage[0] if view.damage else "sound", not view.damage),
        ("Values", f"{view.refused:,} refused" if view.refused else "all recorded",
         not view.refused),
        ("Problems", problems or "none", not problems),
        ("Mirrors", mirrors or "up to date", not lag or behind_while),
    ]  # fmt: skip
    if bad:
        rows.append(("Numbers", numbers or "no NaN, no Inf", not numbers))
    loss = known[roles["train_loss"]].summary if "train_loss" in roles else None
    if loss is not None and loss.nan + loss.inf:
        words = f"{loss.nan + loss.inf:,} of {loss.count:,} points NaN or infinite"
        rows.append(("Loss", f"{words}, first at step {loss.first_bad_step:,.10g}", False))
    rows += [(f"Alert: {alert['title']}", str(alert["text"]), False) for alert in view.alerts[-5:]]
    return rows
