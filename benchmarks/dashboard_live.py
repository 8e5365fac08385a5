"""Ten tabs on a training that is running: how old what they show is, and what it costs.

As a program it is that training: ``dashboard_live.py FOLDER`` is told with letters to go or stop.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from typing import Any

import dashboard_browser as tools

TABS, RATE = 10, 1000

WATCH = """began => {
  const bench = window.__bench;
  bench.ages = [];
  const shown = ({ body, head }) => {
    const chart = JSON.parse(head).charts.find(each => each.metric === "train/clock");
    if (!chart || !chart.lanes.length) return null;
    const [offset, count, kind] = chart.lanes[0].high ?? chart.lanes[0].mean;
    const values = new (kind === "f4" ? Float32Array : Float64Array)(body, offset, count);
    return values.reduce((best, value) => (value > best ? value : best), 0);
  };
  setInterval(() => {
    const times = bench.series.slice(-3).map(shown).filter(time => time !== null);
    if (times.length && !document.hidden)
      bench.ages.push(Date.now() / 1000 - began - Math.max(...times));
  }, 100);
}"""
HIDE = """() => {
  const hidden = true;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  Object.defineProperty(document, "visibilityState",
    { configurable: true, get: () => (hidden ? "hidden" : "visible") });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
BACK = """() => new Promise((done, fail) => {
  const bench = window.__bench, began = performance.now();
  const before = bench.series.at(-1)?.at ?? 0;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "visible" });
  document.dispatchEvent(new Event("visibilitychange"));
  const look = () => {
    const now = performance.now();
    if (bench.series.at(-1)?.at > before) return requestAnimationFrame(() =>
      requestAnimationFrame(() => done(performance.now() - began)));
    if (now - began > 20000) return fail(new Error("a tab that came back showed nothing new"));
    requestAnimationFrame(look);
  };
  look();
})"""


class Training:
    """The training in its process, alone on a core."""

    def __init__(self, root: str, cpus: set[int]) -> None:
        command = [sys.executable, __file__, root]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = json.loads(self._process.stdout.readline())
        os.sched_setaffinity(self._process.pid, cpus)
        for task in os.listdir(f"/proc/{self._process.pid}/task"):
            os.sched_setaffinity(int(task), cpus)

    def block(self, seconds: float) -> float:
        """Train so long; return the mean seconds of a step's work."""
        self.go()
        time.sleep(seconds)
        return self.stop()

    def go(self) -> None:
        """Train until told to stop."""
        os.write(self._process.stdin.fileno(), b"g")

    def stop(self) -> float:
        """Stop; return the mean seconds of a step's work since it went on."""
        os.write(self._process.stdin.fileno(), b"s")
        return json.loads(self._process.stdout.readline())["step_s"]

    def finish(self) -> None:
        """End the training."""
        self._process.stdin.close()
        self._process.wait(60)


def measure(root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure ages and slowdown."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("needs two processor cores, one of them for the training alone")
    mine, others = {cores[0]}, set(cores[1:2])
    with contextlib.ExitStack() as stack:
        training = Training(root, mine)
        stack.callback(training.finish)
        server = stack.enter_context(tools.serving(root, folder, cpus=others))
        browser = stack.enter_context(tools.chromium(others))
        training.block(2.0)
        pages = [tools.new_page(browser) for _ in range(TABS)]
        found = _ages(pages, server.url, training, 5.0 if quick else 20.0)
        found["slowdown_pct"] = _slowdown(pages, server.url, training, 2 if quick else 8)
    return found


def _open(pages: list[Any], url: str, about: dict[str, Any]) -> None:
    """Show the run in all tabs; only the first one is visible."""
    for number, page in enumerate(pages):
        page.goto(f"{url}/#/r/{about['id']}/charts")
        tools.painted_s(page, 1)
        if number:
            page.evaluate(HIDE)


def _ages(pages: list[Any], url: str, training: Training, seconds: float) -> dict[str, Any]:
    """Return how old what the visible tab shows is, and how soon hidden ones are up to date."""
    training.go()
    time.sleep(1.0)
    _open(pages, url, training.about)
    visible = pages[0]
    visible.evaluate(WATCH, training.about["clock"])
    visible.wait_for_timeout(seconds * 1000)
    ages = visible.evaluate("__bench.ages")
    returned = []
    for page in pages[1:4]:
        visible.evaluate(HIDE)
        returned.append(page.evaluate(BACK) / 1e3)
        page.evaluate(HIDE)
    training.stop()
    return {"visible_s": max(ages[10:]), "return_s": returned}


def _slowdown(pages: list[Any], url: str, training: Training, pairs: int) -> list[float]:
    """Return the slowdowns in percent of pairs of blocks, with tabs and without."""
    found = []
    for number in range(pairs):
        took = {}
        for open_tabs in (True, False) if number % 2 else (False, True):
            if open_tabs:
                training.go()
                _open(pages, url, training.about)
                training.stop()
            else:
                for page in pages:
                    page.goto("about:blank")
            training.go()
            pages[0].wait_for_timeout(6000)  # its events are taken meanwhile
            took[open_tabs] = training.stop()
        found.append((took[True] / took[False] - 1) * 100)
    return found


def train(root: str) -> None:
    """Be the training: about 0.7 ms of work and one row of six values, 1,000 times a second."""
    import numpy as np

    import epochal

    run = epochal.init(project="bench", name="live", dir=root, log_system=False, log_memory=False)
    matrix = np.random.default_rng(0).standard_normal((96, 96))
    began = time.time()  # each row says how long after this it was logged
    print(json.dumps({"id": run.id, "clock": began}), flush=True)
    while os.read(0, 1) == b"g":
        worked, steps = 0.0, 0
        step = int((time.time() - began) * RATE)
        while not select.select([0], [], [], 0)[0]:
            before = time.perf_counter()
            for _ in range(24):
                loss = float((matrix @ matrix)[0, 0])
            values = {f"train/metric{n}": loss + step * 1e-6 for n in range(5)}
            run.log({"train/clock": time.time() - began, **values}, step=step)
            worked += time.perf_counter() - before
            steps, step = steps + 1, step + 1
            time.sleep(max(0.0, began + step / RATE - time.time()))
        os.read(0, 1)
        print(json.dumps({"step_s": worked / steps, "steps": steps}), flush=True)
    run.finish()


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    train(sys.argv[1])
