"""Trackio's dashboard in the same browser: 100 runs of 10,000 steps, a hundredth of the points."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from typing import Any

import dashboard_browser as tools
import dashboard_data as data

RUNS, STEPS = 100, 10_000

SHOW = """
import trackio
_, url, _, _ = trackio.show(project="bench", open_browser=False, block_thread=False)
print(url, flush=True)
import time
time.sleep(3600)
"""


def measure(_root: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Measure its first chart, its sixth, and what an idle tab receives."""
    os.environ["TRACKIO_DIR"] = f"{folder}/trackio"
    _record(10 if quick else RUNS, 1000 if quick else STEPS)
    server = subprocess.Popen(
        [sys.executable, "-c", SHOW], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    found: dict[str, Any] = {}
    try:
        lines = iter(server.stdout.readline, "")
        url = next(line.strip() for line in lines if line.startswith("http"))
        _wait(url)
        with tools.chromium() as browser:
            page = tools.new_page(browser)
            page.goto(f"{url.rstrip('/')}/?project=bench")
            found["cold_s"] = tools.painted_s(page, 1)
            page.context.close()
            page = tools.new_page(browser)
            traffic = tools.Traffic(page)
            page.goto(f"{url.rstrip('/')}/?project=bench")
            found["first_s"] = tools.painted_s(page, 1)
            with contextlib.suppress(Exception):
                found["six_s"] = tools.painted_s(page, len(data.METRICS))
            page.wait_for_timeout(10_000)
            before, seconds = traffic.bytes, 10 if quick else 40
            page.wait_for_timeout(seconds * 1000)
            found["idle_kb_per_s"] = (traffic.bytes - before) / 1000 / seconds
            page.screenshot(path=f"{folder}/trackio.png")
    finally:
        server.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        server.kill()
    return found


def _record(runs: int, steps: int) -> None:
    """Write the runs into its database with its own function."""
    from trackio.sqlite_storage import SQLiteStorage

    for number in range(runs):
        columns = data.curves_of(number, steps)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(
            *(values.tolist() for values in columns.values()), strict=True)]  # fmt: skip
        SQLiteStorage.bulk_log(
            "bench", f"run-{number:03d}", rows, steps=list(range(steps)),
            config={"lr": 1e-3}, run_id=f"run-{number:03d}",
        )  # fmt: skip


def _wait(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).read(1)
            return
        time.sleep(0.1)
