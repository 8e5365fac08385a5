"""Whether spikes of a single step are drawn in the overview of a million points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dashboard_browser as tools
import dashboard_data as data
import numpy as np

LANES = """() => {
  const found = {};
  const read = (body, [offset, count, kind]) =>
    [...new (kind === "f4" ? Float32Array : Float64Array)(body, offset, count)];
  for (const { body, head } of window.__bench.series)
    for (const chart of JSON.parse(head).charts.filter(each => each.metric === "loss"))
      for (const lane of chart.lanes)
        found[lane.run] = { grid: read(body, chart.grid),
                            high: read(body, lane.high ?? lane.mean) };
  return found;
}"""
TOPS = """() => {
  const over = document.querySelector(".u-over").getBoundingClientRect();
  const canvas = document.querySelector("canvas.chart-layer");
  const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
  const left = Math.round((over.left - box.left) * ratio), top = (over.top - box.top) * ratio;
  const width = Math.round(over.width * ratio), height = Math.round(over.height * ratio);
  const { data } = canvas.getContext("2d").getImageData(left, Math.round(top), width, height);
  return Array.from({ length: width }, (_, x) => {
    let y = 0;
    while (y < height && data[4 * (y * width + x) + 3] < 24) y++;
    return y;
  });
}"""


def measure(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Count the spikes that are no extreme of their bucket, or not drawn, in one run and in 50."""
    made = data.spikes(root, quick=quick)
    steps = 100_000 if quick else 1_000_000
    originals = {path.name.rpartition("-")[2]: n % data.ORIGINALS for n, path in enumerate(made)}
    first = next(iter(originals))
    found: dict[str, Any] = {}
    with tools.serving(root, folder) as server, tools.chromium() as browser:
        for name, where in (("one", f"/#/r/{first}/charts"), ("many", "/#/p/bench")):
            page = tools.new_page(browser)
            page.goto(server.url + where)
            tools.painted_s(page, 1)
            page.wait_for_timeout(1000)
            lanes, tops = page.evaluate(LANES), page.evaluate(TOPS)
            wanted = [first] if name == "one" else list(originals)
            places = [
                data.spikes_of(number, steps) for number in {originals[run] for run in wanted}
            ]
            found[f"{name}_lost"] = sum(
                _lost(lanes[run], *data.spikes_of(originals[run], steps)) for run in wanted
            )
            found[f"{name}_not_drawn"] = _not_drawn(tops, places, steps)
            page.screenshot(path=str(Path(folder) / f"{name}.png"))
            page.context.close()
    return found


def _not_drawn(tops: list[int], places: list[Any], steps: int) -> int:
    """Return how many spikes do not reach the height in the picture that their value has.

    Of several spikes in neighboring pixels the tallest one counts.  The scale of y is found from
    the tallest and the least tall of those.
    """
    at, heights = (np.concatenate(part) for part in zip(*places, strict=True))
    columns = np.minimum((at / (steps - 1) * len(tops)).astype(int), len(tops) - 1)
    near = [np.abs(columns - column) <= 2 for column in columns]
    tallest = [n for n, same in enumerate(near) if heights[n] == heights[same].max()]
    height = heights[tallest]
    top = np.array([min(tops[max(0, columns[n] - 1) : columns[n] + 2]) for n in tallest], float)
    low, high = np.argmin(height), np.argmax(height)
    slope = (top[low] - top[high]) / (height[low] - height[high])
    expected = top[high] + slope * (height - height[high])
    floor = np.median(tops)  # where there is no spike
    return int((np.abs(top - expected) > 2).sum() + (top > floor - 20).sum())


def _lost(lane: dict[str, list[float]], at: np.ndarray, heights: np.ndarray) -> int:
    """Return how many spikes are not the largest value of the bucket that they fall into."""
    grid, high = np.array(lane["grid"]), np.array(lane["high"], float)
    edges = (grid[1:] + grid[:-1]) / 2
    buckets = np.searchsorted(edges, at, side="right")  # a bucket begins at its lower edge
    tallest = {}
    for bucket, height in zip(buckets.tolist(), heights.tolist(), strict=True):
        tallest[bucket] = max(height, tallest.get(bucket, 0.0))
    right = {bucket for bucket, height in tallest.items() if abs(high[bucket] - height) < 1e-4}
    return sum(bucket not in right for bucket in buckets.tolist())
