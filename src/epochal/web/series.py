"""The points of charts: ``/api/series``, one question for all that are in view."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.core.errors import EpochalError
from epochal.web.answers import RefusedError, is_number, posting

if TYPE_CHECKING:
    from epochal.read.view import RunView
    from epochal.web.state import State

MOST_RUNS, MOST_METRICS, MOST_WIDTH, LONGEST = 2_000, 200, 4_000, 512
FARTHEST = 1e300
"""What a window may reach to: differences of such numbers are still finite."""


class Question(NamedTuple):
    """What is asked for; see ``read.windows.Windows.read``.

    Attributes:
        runs: ids; none means none.
        metrics: names.
        x: "step", "elapsed", "time", "epoch" or a metric.
        start, stop: the window, None: everything.
        width: buckets.
        lead: so far before the window there are some too.
        counts: say also how many points stand behind each.
    """

    runs: list[str]
    metrics: list[str]
    x: str
    start: float | None
    stop: float | None
    width: int
    lead: float
    counts: bool


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def series(_request: Request, body: dict[str, Any]) -> Response:
        from epochal.web.frames import encode  # NumPy: not before the first byte

        began = time.perf_counter()
        asked = question(body)
        views, missing = _views(state, asked.runs)
        windows = state.windows.read(
            views, asked.metrics, x=asked.x, start=asked.start, stop=asked.stop,
            width=asked.width, lead=asked.lead, beside=True,
        ) if views else []  # fmt: skip
        for window in windows:
            missing.update(window.problems)
        left_out = [{"run": run_id, "reason": reason} for run_id, reason in missing.items()]
        if any(view.contents.is_sealed for view in views):
            state.warm_up("zoom")
        ms = (time.perf_counter() - began) * 1e3
        content = encode(windows, counts=asked.counts, missing=left_out, ms=ms)
        return Response(content, media_type="application/octet-stream")

    return [posting("/api/series", series)]


def question(body: Mapping[str, Any]) -> Question:
    """Return what a body asks for.

    Raises:
        RefusedError: it is not valid, or asks for more than one answer can have.
    """
    runs = _texts(body.get("runs"), "runs", MOST_RUNS)
    metrics = _texts(body.get("metrics"), "metrics", MOST_METRICS)
    (x,) = _texts([body.get("x", "step")], "x", 1)
    start = stop = None
    if body.get("range") is not None:
        start, stop = _range(body["range"])
    width, lead, counts = body.get("width", 1000), body.get("lead", 0), body.get("counts", False)
    if not isinstance(width, int) or isinstance(width, bool) or not 1 <= width <= MOST_WIDTH:
        raise RefusedError(400, f"width is a whole number from 1 to {MOST_WIDTH:,}")
    if not _is_place(lead) or lead < 0:
        raise RefusedError(400, "lead is a number that is not negative")
    if not isinstance(counts, bool):
        raise RefusedError(400, "counts is true or false")
    return Question(runs, metrics, x, start, stop, width, float(lead), counts)


def _texts(value: Any, name: str, most: int) -> list[str]:
    if not isinstance(value, list) or len(value) > most:
        raise RefusedError(400, f"{name} is a list of at most {most:,} names")
    if not all(isinstance(each, str) and 0 < len(each) <= LONGEST for each in value):
        raise RefusedError(400, f"{name}: a name is text of at most {LONGEST} characters")
    return list(dict.fromkeys(value))


def _range(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_place, value)):
        raise RefusedError(400, "range is null or [low, high]")
    low, high = value
    if low > high:
        raise RefusedError(400, "range is [low, high], the lower one first")
    return float(low), float(high)


def _is_place(value: Any) -> bool:
    return is_number(value) and abs(value) < FARTHEST


def _views(state: State, run_ids: Sequence[str]) -> tuple[list[RunView], dict[str, str]]:
    """Return the runs, and why some of them cannot be read."""
    views: list[RunView] = []
    missing: dict[str, str] = {}
    for run_id in run_ids:
        try:
            views.append(state.read_view(run_id))
        except (EpochalError, OSError) as error:  # the others are shown
            missing[run_id] = str(error).split("\n", 1)[0]
    return views, missing
