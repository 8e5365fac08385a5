"""A series: every point of one metric, exact, as NumPy arrays."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.core.items import Layout
from epochal.core.optional import require
from epochal.read.parts import PartEvent, Points, Rows, points_of
from epochal.read.sessions import Clock, SessionData, within
from epochal.store.columns import Array

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Series:
    """Every point of one metric of one run, in the order of (session, seq); nothing is thinned.

    Arrays of shape (n_points,), not to be written to.

    Attributes:
        metric: its name.
        steps: int64, or float64 if any step was a float.
        values: float64, bit for bit as logged (NaN payloads, infinities and -0.0 too).  A metric
            with integers beyond 2**53 is exact as well: int64 if every value is whole and fits,
            else Python numbers (dtype object).
        seq: int64, position in its session.
        sessions: int64, ordinal of the session; what a fork took over from its parent has ordinals
            of 0 and below.

    Example:
        >>> series = Series("loss", *(np.array([0, 1]) for _ in range(4)))
        >>> len(series)
        2
    """

    metric: str
    steps: Array
    values: Array
    seq: Array
    sessions: Array
    _elapsed_ns: Array = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    _epochs: Array | None = field(default=None, repr=False)
    _clocks: Mapping[int, Clock] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.values)

    def __repr__(self) -> str:
        """Return the metric, the number of points and the last one."""
        if not len(self):
            return f"<Series {self.metric!r}, no points>"
        points = f"{len(self):,} point{'s' * (len(self) != 1)}"
        return (
            f"<Series {self.metric!r}, {points}, last {self.values[-1]} at step {self.steps[-1]}>"
        )

    @cached_property
    def epochs(self) -> Array:
        """The epochs, float64; NaN where a point was logged without one."""
        return np.full(len(self), np.nan) if self._epochs is None else self._epochs

    @cached_property
    def elapsed_s(self) -> Array:
        """Seconds since the run began, float64, by the monotonic clock: it never jumps."""
        return self._by_session(lambda clock, at: clock.elapsed_s(self._elapsed_ns[at]))

    @cached_property
    def times(self) -> Array:
        """Wall time, float64 seconds since 1970 UTC, by the clock of the host that trained."""
        return self._by_session(lambda clock, at: clock.time_s(self.seq[at], self._elapsed_ns[at]))

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with a column for each array.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        pandas = require("pandas", extra="pandas", why="Series.to_pandas")
        names = ("steps", "epochs", "elapsed_s", "times", "values", "seq", "sessions")
        singular = ("step", "epoch", "elapsed_s", "time", "value", "seq", "session")
        columns = {new: getattr(self, old) for old, new in zip(names, singular, strict=True)}
        frame: pd.DataFrame = pandas.DataFrame(columns)
        return frame

    def _by_session(self, read: Any) -> Array:
        """Compute something with each session's clock; sessions are neighbors in the arrays."""
        if not len(self):
            return np.empty(0)
        edges = np.flatnonzero(np.diff(self.sessions)) + 1
        bounds = [0, *edges.tolist(), len(self)]
        pieces = [
            read(self._clocks[int(self.sessions[start])], slice(start, stop))
            for start, stop in itertools.pairwise(bounds)
        ]
        return np.concatenate(pieces)


def build(sessions: Sequence[SessionData], metric: str, *, hidden: bool = False) -> Series:
    """Put the points of a metric together.

    Args:
        sessions: in order, with their limits.
        metric: which one; one that does not exist has no points.
        hidden: also what a resume has hidden (never more of a fork's parent than was taken over).

    Raises:
        DamageError: a sealed file is damaged.
    """
    pieces: list[Points] = []
    ordinals: list[Array] = []
    for session in sessions:
        limit = session.own_limit if hidden else session.limit
        stored = [rows for part in session.parts for rows in part.rows((metric,))]
        seen = [within(rows, limit) for rows in [*stored, *big_rows(session, (metric,))]]
        found = [points_of(rows, metric) for rows in seen if len(rows.seq)]
        if found:
            pieces.append(_in_order(found))
            ordinals.append(np.full(len(pieces[-1].seq), session.ordinal, np.int64))
    clocks = {session.ordinal: session.clock for session in sessions}
    if not pieces:
        empty = np.empty(0, np.int64)
        return Series(metric, empty, np.empty(0), empty, empty, empty, None, clocks)
    points = _concatenated(pieces)
    return Series(
        metric, points.steps, exact_values(points.values), points.seq, np.concatenate(ordinals),
        points.elapsed_ns, points.epochs, clocks,
    )  # fmt: skip


def big_rows(session: SessionData, metrics: Collection[str] | None) -> list[Rows]:
    """Return a session's integers beyond 2**53, which are events, as rows of Python integers."""
    by_metric: dict[str, list[PartEvent]] = {}
    for event in session.events("bigint"):
        by_metric.setdefault(str(event.data.get("key")), []).append(event)
    found = []
    for metric, events in by_metric.items():
        if metrics is not None and metric not in metrics:
            continue
        values = np.empty(len(events), dtype=object)
        values[:] = [int(event.data["value"]) for event in events]
        found.append(
            Rows(
                Layout(0, (metric,), None, 0),
                np.array([event.seq for event in events], np.int64),
                np.array([event.elapsed_ns for event in events], np.int64),
                step_array([event.data.get("step") or 0 for event in events]),
                None, {metric: values},
            )
        )  # fmt: skip
    return found


def _in_order(pieces: list[Points]) -> Points:
    points = _concatenated(pieces)
    if len(pieces) == 1 or (np.diff(points.seq) >= 0).all():
        return points
    order = np.argsort(points.seq, kind="stable")
    seq, elapsed_ns, steps, epochs, values = points
    epochs = None if epochs is None else epochs[order]
    return Points(seq[order], elapsed_ns[order], steps[order], epochs, values[order])


def _concatenated(pieces: list[Points]) -> Points:
    if len(pieces) == 1:
        return pieces[0]
    epochs = None
    if any(piece.epochs is not None for piece in pieces):
        known = [np.full(len(p.seq), np.nan) if p.epochs is None else p.epochs for p in pieces]
        epochs = np.concatenate(known)
    return Points(
        np.concatenate([p.seq for p in pieces]), np.concatenate([p.elapsed_ns for p in pieces]),
        np.concatenate([p.steps for p in pieces]), epochs,
        np.concatenate([p.values for p in pieces]),
    )  # fmt: skip


def step_array(steps: list[Any]) -> Array:
    """Return steps as int64, or float64 if any is a float or does not fit."""
    array = np.array(steps)
    return array if array.dtype == np.int64 else array.astype(np.float64)


def exact_values(values: Array) -> Array:
    """Return values of dtype object as int64 if all are whole and fit, else whole ones as int."""
    if values.dtype != object:
        return values
    whole = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values.tolist()]
    if all(isinstance(v, int) and -(2**63) <= v < 2**63 for v in whole):
        return np.array(whole, dtype=np.int64)
    exact = np.empty(len(whole), dtype=object)
    exact[:] = whole
    return exact


def float_values(values: Array) -> Array:
    """Return values as float64; integers beyond its range become infinite."""
    if values.dtype != object:
        return values.astype(np.float64, copy=False)
    return np.array([_as_float(value) for value in values.tolist()])


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
