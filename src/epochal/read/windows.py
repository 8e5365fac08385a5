"""Windows: what charts show of metrics of many runs, in at most so many buckets.

Nothing that a chart must not miss is lost on the way: each bucket keeps the extremes of its points,
NaN and infinities come back as marks, and what a window has few enough of is there point by point.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from epochal.core.errors import EpochalError, SettingError
from epochal.read.buckets import Mark, Sums
from epochal.read.curve_pieces import curve_of
from epochal.read.curves import Curve, Points
from epochal.read.grids import Exact, Uniform
from epochal.read.level_cache import Cache
from epochal.read.view import RunView
from epochal.store.columns import Array

MEMORY_BYTES = 160 << 20
"""Six charts of 100 runs of a million steps take 111 MiB condensed; the rest is for deep zooms."""
LEAD_BUCKETS = 400
REPEATED = 16
"""A window is shown exactly if no run has more than so many times ``width`` points in it."""

_NO_POINTS: Points = (np.empty(0), np.empty(0))
_FARTHEST = 1e300
"""Beyond this nothing is drawn: distances would be infinite."""


@dataclass(frozen=True, eq=False)
class Lane:
    """One run in a window; arrays of shape (n,) like the window's grid.

    Attributes:
        run: id.
        mean, low, high: float64, of the finite values at each place; NaN where there is none.
        count: int64, how many finite values there are.
        points: of the metric in the window, NaN and infinities counted.
        marks: (x, "nan" | "inf" | "-inf", how many) where values are not finite, at most 200:
            where there are more, neighbors are told as one, at the x of the first.
        marks_total: how many points they stand for.
    """

    run: str
    mean: Array
    low: Array
    high: Array
    count: Array
    points: int
    marks: list[Mark] = field(default_factory=list)
    marks_total: int = 0


@dataclass(frozen=True, eq=False)
class Window:
    """A metric of several runs between two places of an x-axis.

    Attributes:
        metric: its name.
        x: "step", "elapsed", "time", "epoch" or a metric.
        grid: float64 of shape (n,), ascending: the centers of buckets of equal width, or if
            ``exact`` every x at which any of the runs has a point (and those asked for beside it).
        lead: so many places at the beginning are coarser buckets that lie before the window.
        exact: the values are the points themselves; where a run repeats an x, those of its points
            there.
        lanes: of the runs that have anything to show here, in the order of the views.
        extent: (lowest, highest) x of all points of the metric in these runs, None: there is none.
        points: of all lanes, without the lead.
        problems: run id → why what it has of the metric cannot be read.
    """

    metric: str
    x: str
    grid: Array
    lead: int
    exact: bool
    lanes: list[Lane]
    extent: tuple[float, float] | None
    points: int
    problems: dict[str, str] = field(default_factory=dict)


class _Asked(NamedTuple):
    """What was asked for of each metric."""

    x: str
    start: float | None
    stop: float | None
    width: int
    lead: float
    beside: bool


class Windows:
    """Reads windows.  One serves many threads and is kept: it remembers what it read.

    Args:
        memory_bytes: how much memory that may take.

    Example:
        >>> import epochal, tempfile
        >>> from epochal.read.view import RunView
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(5000):
        ...         run.log({"loss": 1.0 if step == 1234 else 0.5}, step=step)
        >>> (window,) = Windows().read([RunView(run.dir)], ["loss"], width=1000)
        >>> (lane,) = window.lanes
        >>> len(window.grid), lane.points, float(lane.mean[0]), float(lane.high.max())
        (1000, 5000, 0.5, 1.0)
    """

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._cache = Cache(memory_bytes)

    @property
    def memory_bytes(self) -> int:
        """How much memory it takes now."""
        return self._cache.bytes

    def read(
        self, views: Sequence[RunView], metrics: Sequence[str], *, x: str = "step",
        start: float | None = None, stop: float | None = None, width: int = 1000, lead: float = 0.0,
        beside: bool = False,
    ) -> list[Window]:  # fmt: skip
        """Return a window of each metric.

        Buckets have "round" widths and begin at multiples of them: the first and the last one may
        reach beyond what was asked for, and there may be a fifth fewer than ``width``.

        Of long runs only blocks of 128 rows are read where they are short enough: those that lie in
        one bucket, or in two and have at most half the width of one.  The extremes of the latter
        are in their right bucket; the shares of the two in number and mean are estimates.
        Everything else is exact.

        Args:
            views: the runs; none: nothing.
            metrics: names.
            x: "step", "elapsed" (seconds since the run began), "time" (unix seconds), "epoch" or a
                metric, whose points are those where both are known.
            start: of the window; default: where the first of these runs begins.
            stop: of the window; default: where the last of these runs ends.
            width: at most so many buckets, but two where a window reaches across 0.
            lead: with ``start``, show also so much before it, in at most 400 coarser buckets, so
                that what is smoothed does not depend on where the window begins.
            beside: an exact window has also the nearest points on its two sides (before it only
                without a lead), so that lines go on to its edges, and cross it where nothing is in
                it.  They are not counted, and marks are left out.

        Raises:
            SettingError: the window is none.
        """
        limits = [each for each in (start, stop, lead) if each is not None]
        if width < 1 or lead < 0 or not all(map(math.isfinite, limits)) or _empty(start, stop):
            raise SettingError(
                f"no window has start={start}, stop={stop}, width={width}, lead={lead}: give finite"
                " numbers, start before stop, at least one bucket"
            )
        asked = _Asked(x, start, stop, width, lead, beside)
        return [_Reading(views, metric, asked, self._cache).window() for metric in metrics]


def _empty(start: float | None, stop: float | None) -> bool:
    return start is not None and stop is not None and stop < start


class _Reading:
    """Reads one window; a run that cannot be read is left out and named."""

    def __init__(self, views: Sequence[RunView], metric: str, asked: _Asked, cache: Cache) -> None:
        self._metric, self._asked = metric, asked
        self._problems: dict[str, str] = {}
        self._curves: list[tuple[str, Curve]] = []
        extents = []
        for view in views:
            with self._problem_of(view.id):
                curve = curve_of(view.contents, metric, asked.x, cache)
                if curve.extent is not None:
                    self._curves.append((view.id, curve))
                    extents.append(curve.extent)
        self._extent = None
        if extents:
            self._extent = min(low for low, _ in extents), max(high for _, high in extents)

    @contextlib.contextmanager
    def _problem_of(self, run: str) -> Iterator[None]:
        try:
            yield
        except (EpochalError, OSError) as error:
            self._problems[run] = str(error)

    def window(self) -> Window:
        """Return the window."""
        if self._extent is None:
            return self._shown(Exact(np.empty(0)), None, [])
        buckets = self._buckets(*self._extent)
        lead = self._lead(buckets, self._extent[0])
        points = self._points(buckets)
        exact = None if points is None else _exact(points.values(), self._asked.width)
        beside = self._beside(buckets, lead) if exact and self._asked.beside else {}
        grid = buckets if exact is None else exact.joined([x for x, _ in beside.values()])
        lanes = []
        for run, curve in self._curves:
            with self._problem_of(run):
                sums, before = Sums(grid), None if lead is None else Sums(lead)
                if points is None:
                    curve.fill(sums)
                else:
                    sums.add_points(*points.get(run, _NO_POINTS))
                if before is not None:
                    curve.fill(before)
                lane = _lane(run, sums, before, beside.get(run, _NO_POINTS))
                if lane.count.any() or lane.points:
                    lanes.append(lane)
        return self._shown(grid, lead, lanes)

    def _shown(self, grid: Uniform | Exact, lead: Uniform | None, lanes: list[Lane]) -> Window:
        centers = [grid.centers] if lead is None else [lead.centers, grid.centers]
        return Window(
            self._metric, self._asked.x, np.concatenate(centers), 0 if lead is None else lead.n,
            isinstance(grid, Exact), lanes, self._extent, sum(lane.points for lane in lanes),
            self._problems,
        )  # fmt: skip

    def _buckets(self, low: float, high: float) -> Uniform:
        """Return the buckets of the window."""
        start, stop, width = self._asked.start, self._asked.stop, self._asked.width
        begin = min(low, high if stop is None else stop) if start is None else start
        end = max(high, begin) if stop is None else stop
        begin, end = (min(max(each, -_FARTHEST), _FARTHEST) for each in (begin, end))
        return Uniform.over(begin, end, width)

    def _lead(self, buckets: Uniform, low: float) -> Uniform | None:
        """Return the coarser buckets before the window, None if there are none."""
        if self._asked.start is None or not self._asked.lead or low >= buckets.origin:
            return None
        return buckets.before(max(low, buckets.origin - self._asked.lead), LEAD_BUCKETS)

    def _points(self, buckets: Uniform) -> dict[str, Points] | None:
        """Return every point in the window by run; None: there are too many to look at each."""
        start, stop, most = buckets.origin, float(buckets.edges[-1]), REPEATED * self._asked.width
        if any(curve.surely_more(start, stop, most) for _, curve in self._curves):
            return None
        found = {}
        for run, curve in self._curves:
            with self._problem_of(run):
                found[run] = curve.points(start, stop)
        return found

    def _beside(self, buckets: Uniform, lead: Uniform | None) -> dict[str, Points]:
        """Return the points next to the window by run."""
        start, stop, found = buckets.origin, float(buckets.edges[-1]), {}
        for run, curve in self._curves:
            with self._problem_of(run):
                left = _NO_POINTS if lead else curve.beside(start, after=False)
                right = curve.beside(stop, after=True)
                found[run] = np.append(left[0], right[0]), np.append(left[1], right[1])
        return found


def _exact(points: Iterable[Points], width: int) -> Exact | None:
    """Return all x as places; None: they are too many."""
    places = last = np.empty(0)
    for x, _ in points:
        if len(x) > REPEATED * width:
            return None
        if not np.array_equal(x, last):  # runs are often logged at the same steps
            places, last = np.union1d(places, x), x
        if len(places) > 2 * width:
            return None
    return Exact(places)


def _lane(run: str, sums: Sums, before: Sums | None, beside: Points) -> Lane:
    points, (marks, total) = sums.points, sums.marks()
    sums.add_points(*beside)
    parts = [each.filled() for each in (before, sums) if each is not None]
    return Lane(
        run, np.concatenate([part.mean for part in parts]),
        np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts]),
        np.concatenate([part.count for part in parts]), points, marks, total,
    )  # fmt: skip
