"""The dashboard in a real browser, at sizes where it should stay fast."""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dashboard_browser as tools
import dashboard_data as data
import dashboard_live
import dashboard_spikes
import dashboard_trackio
import dashboard_zoom
import peers
from subject import PEERS, Row, Subject, total, worst

alone = functools.partial(Row, peers=False)
SUBJECT = Subject(
    title="The dashboard",
    how=(
        "`epochal serve` as a process of its own and Chromium without a GPU, which loads each page"
        " into an empty cache unless a row says otherwise. A chart is painted when its canvas shows"
        " colored pixels, counted from the start of the navigation; traffic is what the browser"
        " counts on the wire. Runs are sealed and have float32 noise. Ten tabs: training alone on"
        " one core, server and browser on the other; a tab is hidden as far as its scripts can"
        " tell. The slowdown is that of a step of about 1 ms with 10 tabs open against none, in"
        " pairs of blocks. Trackio: 100 runs of 10,000 steps, a hundredth of the points."
    ),
    rows=(
        alone("start until the first byte", "first_byte_s", "s", 0.5, case="start"),
        alone("memory then", "memory_mb", "MB", 90, case="start"),
        Row("100 runs of 1,000,000 steps with 6 metrics: first chart, the very first time",
            "cold_s", "s", 6.0, case="million"),
        Row("first chart, warm", "first_s", "s", 0.7, case="million"),
        Row("all six charts, warm", "six_s", "s", 1.5, case="million"),
        alone("what is stored for it, of the data", "cache_pct", "%", 10, case="million"),
        Row("idle traffic of that tab", "idle_kb_per_s", "kB/s", 3.0, case="million"),
        alone("zoom in 10,000,000 points: server, slowest of 20 windows", "server_ms", "ms", 50,
            case="zoom", fold=worst),
        alone("zoom in 10,000,000 points: painted, median", "zoom_ms", "ms", 150, case="zoom"),
        alone("spikes of one step lost in the overview of a run of 1,000,000", "one_lost", "of 30",
            0, case="spikes", fold=total),
        alone("spikes lost in the overview of 50 such runs", "many_lost", "of 1,500", 0,
            case="spikes", fold=total),
        alone("spikes that the picture of one run does not show", "one_not_drawn", "of 30", 0,
            case="spikes", fold=total),
        alone("spikes that the picture of 50 runs does not show", "many_not_drawn", "of 120", 0,
            case="spikes", fold=total),
        alone("1,000 metrics in a run: first chart", "metrics_first_s", "s", 1.0, case="metrics"),
        alone("1,000 metrics in a run: requests for data", "metrics_requests", "requests", 10,
            case="metrics"),
        alone("10,000 runs in the table: shown", "table_s", "s", case="table"),
        alone("10,000 runs in the table: sorted", "sorted_s", "s", 1.0, case="table"),
        alone("10,000 runs in the table: filtered", "filtered_s", "s", 1.0, case="table"),
        alone("10,000 runs in the table: scrolling, 95 % of frames within", "scroll_ms", "ms", 34,
            case="table"),
        alone("10 tabs, training at 1,000 steps/s: age of what is shown, worst", "visible_s", "s",
            2.0, case="live", fold=worst),
        alone("a hidden tab that comes back shows the present after", "return_s", "s", 1.0,
            case="live", fold=worst),
        alone("slowdown of the training by 10 tabs", "slowdown_pct", "%", 1.0, case="live"),
        alone("100 runs with 6 metrics as an HTML file", "html_mb", "MB", 5.0, case="export"),
        alone("that file opened from disk: first chart", "html_s", "s", 1.0, case="export"),
    ),
    cases=("start", "million", "zoom", "spikes", "metrics", "table", "live", "export", "trackio"),
    repeat=3,
    timeout_s=900.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, Any]:
    """Measure one part."""
    if absent := tools.missing() or ", ".join(peers.missing(case)):
        raise RuntimeError(f"not installed here: {absent}")
    return CASES[case](str(Path(folder) / "runs"), folder, quick=quick)


def start(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure the server's start over a folder with some runs."""
    data.table(root, quick=True)
    found: dict[str, list[float]] = {"first_byte_s": [], "memory_mb": []}
    for _ in range(2 if quick else 6):
        with tools.serving(root, folder) as server:
            found["first_byte_s"].append(server.first_byte_s)
            found["memory_mb"].append(server.memory_mb)
    return {key: values[1:] for key, values in found.items()}  # the first one compiles bytecode


def million(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure the page of many long runs, for the first time and again, and while nothing runs."""
    data.million(root, quick=quick)
    stored = tools.size_bytes(root, "*.parquet")
    found: dict[str, Any] = {"first_s": [], "six_s": []}
    with tools.serving(root, folder) as server, tools.chromium() as browser:
        for visit in range(4):
            page = tools.new_page(browser)
            page.goto(f"{server.url}/#/p/bench")
            first_s, six_s = tools.painted_s(page, 1), tools.painted_s(page, len(data.METRICS))
            if visit == 0:
                found["cold_s"] = first_s
            else:
                found["first_s"].append(first_s)
                found["six_s"].append(six_s)
            if visit < 3:
                page.context.close()
        traffic = tools.Traffic(page)
        page.wait_for_timeout(2000)
        before, seconds = traffic.bytes, 10 if quick else 40
        page.wait_for_timeout(seconds * 1000)
        found["idle_kb_per_s"] = (traffic.bytes - before) / 1000 / seconds
    extra = tools.size_bytes(root, "*.levels") + tools.size_bytes(f"{folder}/cache", "*")
    found["cache_pct"] = 100 * extra / stored
    return found


def metrics(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure the page of a run with very many metrics."""
    (run_dir,) = data.metrics(root, quick=quick)
    run_id = run_dir.name.rpartition("-")[2]
    found: dict[str, Any] = {"metrics_first_s": [], "metrics_requests": []}
    with tools.serving(root, folder) as server, tools.chromium() as browser:
        for visit in range(4):
            page = tools.new_page(browser)
            traffic = tools.Traffic(page)
            page.goto(f"{server.url}/#/r/{run_id}/charts")
            first_s = tools.painted_s(page, 1)
            page.wait_for_timeout(500)
            if visit:
                found["metrics_first_s"].append(first_s)
                found["metrics_requests"].append(len(traffic.api))
            page.context.close()
    return found


def table(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure the table of very many runs."""
    data.table(root, quick=quick)
    found: dict[str, Any] = {"table_s": [], "sorted_s": [], "filtered_s": [], "scroll_ms": []}
    with tools.serving(root, folder) as server, tools.chromium() as browser:
        for visit in range(3):
            page = tools.new_page(browser)
            page.goto(f"{server.url}/#/p/bench")
            page.wait_for_selector(ROW)
            shown_s = page.evaluate("performance.now()") / 1e3
            if not visit:
                page.context.close()  # it made the index
                continue
            found["table_s"].append(shown_s)
            page.wait_for_timeout(2000)
            for key, query in (
                ("sorted_s", "so=name"),
                ("filtered_s", "f=config.lr%20%3C%200.002"),
            ):
                found[key].append(page.evaluate(CHANGE, [ROW, query]) / 1e3)
            page.evaluate("location.hash = '#/p/bench'")
            page.wait_for_timeout(1500)
            frames = sorted(page.evaluate(SCROLL, ROW))
            found["scroll_ms"].append(frames[int(len(frames) * 0.95)])
            page.context.close()
    return found


ROW = "table tbody tr"
CHANGE = """([row, query]) => new Promise((done, fail) => {
  const text = () => document.querySelector(row)?.closest("tbody").textContent;
  const before = text(), began = performance.now();
  let last = before, changed = 0, still = 0;
  location.hash = "#/p/bench?" + query;
  const look = () => {
    const now = performance.now(), here = text();
    if (here !== last) { last = here; changed = now; still = 0; }
    else if (changed && ++still >= 30) return done(changed - began);
    if (now - began > 20000) return fail(new Error("the table did not change"));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
SCROLL = """row => new Promise(done => {
  let box = document.querySelector(row).closest("table");
  while (box && box.scrollHeight <= box.clientHeight + 1) box = box.parentElement;
  const frames = [];
  let last = performance.now();
  const go = now => {
    frames.push(now - last);
    last = now;
    box.scrollTop += 137;
    if (frames.length < 240) requestAnimationFrame(go);
    else done(frames.slice(5));
  };
  requestAnimationFrame(go);
})"""


def export(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure the page that is one file."""
    data.million(root, quick=True) if quick else _hundred(root)
    target = f"{folder}/runs.html"
    command = [sys.executable, "-m", "epochal", "export", "--html", target, root]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = {"html_mb": os.path.getsize(target) / 1e6, "html_s": []}
    with tools.chromium() as browser:
        for _ in range(4):
            page = tools.new_page(browser)
            page.goto(f"file://{target}#/p/bench")
            found["html_s"].append(tools.painted_s(page, 1))
            page.context.close()
    return found


def _hundred(root: str) -> None:
    """Make 100 runs of 20,000 steps: an export has 400 points of each, however long it is."""
    for number in range(100):
        data.record(
            root, f"run-{number:03d}", data.curves_of(number, 20_000), data.config_of(number)
        )


CASES: dict[str, Callable[..., dict[str, Any]]] = {
    "start": start, "million": million, "zoom": dashboard_zoom.measure,
    "spikes": dashboard_spikes.measure,
    "metrics": metrics, "table": table, "live": dashboard_live.measure, "export": export,
    "trackio": dashboard_trackio.measure,
}  # fmt: skip


def main() -> None:
    """Measure parts here and now, and print each figure beside its bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", metavar="FILE", help="write every value there")
    arguments = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    for case in arguments.cases or CASES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="epochal-bench-") as folder:
            try:
                results[case] = measure(case, quick=arguments.quick, folder=folder)
            except RuntimeError as error:
                print(f"{case}: left out: {error}")
                continue
        print(f"{case}, {time.monotonic() - began:.0f} s")
        for row in SUBJECT.rows:
            mine = row.case == case or (row.peers and case in PEERS)
            if mine and (values := results[case].get(row.figure)) is not None:
                figure = row.fold(values if isinstance(values, list) else [values])
                bar = "" if row.limit is None else f"≤ {row.limit:g}"
                print(
                    f"  {row.met(figure):4} {bar:8} {figure.value:10.3f} {row.unit:10} {row.what}"
                )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
