"""Windows as they are meant: point by point, in plain Python."""

import bisect
import math
from collections import Counter, defaultdict

from epochal.read.grids import Uniform
from epochal.read.view import RunView

CLOCKS = {"step": "steps", "elapsed": "elapsed_s", "time": "times", "epoch": "epochs"}


def points_of(view: RunView, metric: str, x: str) -> list[tuple[float, float]]:
    """Every point (x, value) that has a place on the axis."""
    if metric not in view.metrics or (x not in CLOCKS and x not in view.metrics):
        return []
    if x in CLOCKS:
        series = view.series(metric)
        pairs = zip(getattr(series, CLOCKS[x]).tolist(), series.values.tolist(), strict=True)
    else:
        table = view.history(metric, x=x)
        pairs = zip(*(column.to_pylist() for column in table.columns), strict=True)
    known = [(number(a), number(b)) for a, b in pairs if a is not None and b is not None]
    return [(a, b) for a, b in known if math.isfinite(a)]


def number(value) -> float:
    """A value as a float; integers beyond its range are infinite."""
    try:
        return float(int(value)) if not isinstance(value, float) else value
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:
        return float(value)


class Place:
    """The points of one run at one place of a grid."""

    def __init__(self) -> None:
        self.finite: list[float] = []
        self.bad: Counter[str] = Counter()

    def add(self, value: float) -> None:
        """Takes a value."""
        if math.isfinite(value):
            self.finite.append(value)
        else:
            self.bad["nan" if math.isnan(value) else "inf" if value > 0 else "-inf"] += 1


def filled(points, edges) -> dict[int, Place]:
    """The places of a grid with edges[i] <= x < edges[i + 1] that have points."""
    found: dict[int, Place] = defaultdict(Place)
    for x, value in points:
        at = bisect.bisect_right(edges, x) - 1
        if 0 <= at < len(edges) - 1:
            found[at].add(value)
    return found


class PlainWindow:
    """What a window of some runs has to show."""

    def __init__(self, views, metric, x, start, stop, width, lead, repeated) -> None:
        every = {view.id: points_of(view, metric, x) for view in views}
        self.runs = {run: points for run, points in every.items() if points}
        xs = [x for points in self.runs.values() for x, _ in points]
        self.extent = (min(xs), max(xs)) if xs else None
        self.lead = None
        if not xs:
            self.grid, self.exact, self.edges = [], True, [0.0]
            return
        low, high = self.extent
        begin = start if start is not None else min(low, high if stop is None else stop)
        end = stop if stop is not None else max(high, begin)
        buckets = Uniform.over(begin, end, width)
        self.buckets, first, last = buckets, buckets.edges[0], buckets.edges[-1]
        inside = {run: [x for x, _ in points if first <= x < last]
                  for run, points in self.runs.items()}  # fmt: skip
        different = sorted({x for found in inside.values() for x in found})
        few = all(len(found) <= repeated * width for found in inside.values())
        self.exact = few and len(different) <= 2 * width
        self.grid = different if self.exact else buckets.centers.tolist()
        self.edges = [*different, math.inf] if self.exact else buckets.edges.tolist()
        if self.exact:  # nothing beyond the window
            self.edges[-1] = math.nextafter(last, -math.inf) if not different else math.inf
            self.cut = (first, last)
        else:
            self.cut = (-math.inf, math.inf)
        if start is not None and lead and low < buckets.origin:
            self.lead = buckets.before(max(low, buckets.origin - lead), 400)

    def places(self, run: str) -> dict[int, Place]:
        """A run's places in the window."""
        first, last = self.cut
        return filled([(x, v) for x, v in self.runs[run] if first <= x < last], self.edges)

    def lead_places(self, run: str) -> dict[int, Place]:
        """A run's places before the window."""
        return {} if self.lead is None else filled(self.runs[run], self.lead.edges.tolist())

    def beside(self, run: str) -> dict[float, list[float]]:
        """A run's nearest points on the two sides of an exact window, by x."""
        start, stop = self.buckets.edges[0], self.buckets.edges[-1]
        left = [] if self.lead else [x for x, _ in self.runs[run] if x < start]
        right = [x for x, _ in self.runs[run] if x >= stop]
        places = [*([max(left)] if left else []), *([min(right)] if right else [])]
        return {at: [v for x, v in self.runs[run] if x == at] for at in places}
