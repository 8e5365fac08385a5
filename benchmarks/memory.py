"""How much memory a training has left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import fresh
import peers
from subject import Row, Subject

CALLS, PEER_CALLS = 1_000_000, 100_000

SUBJECT = Subject(
    title="Memory",
    how=(
        "resident memory of the process that logs 10 million values in a tight loop (peers:"
        " 1 million) at its peak, imports included, minus that of the same loop without a logger;"
        " growth: between a tenth and the end of the loop; helper processes are counted apart."
    ),
    rows=(
        Row("peak above the bare loop", "above_mb", "MB", 40.0),
        Row("growth over the last 90 % of the loop", "growth_mb", "MB", ratio=False),
        Row("follower or service process, until `finish()`", "helper_mb", "MB", ratio=False),
        Row("follower process, peak with sealing afterwards", "helper_after_mb", "MB",
            peers=False),
    ),
    repeat=1,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    fresh.adopt_orphans()
    calls = CALLS if case == "epochal" else PEER_CALLS
    calls = calls // 10 if quick else calls
    bare_mb = _loop("bare", calls, folder)["peak_mb"]
    found = _loop(case, calls, folder)
    after_mb = _peak_of_adopted()
    return {**found, "above_mb": found["peak_mb"] - bare_mb, "helper_after_mb": after_mb}


def _loop(case: str, calls: int, folder: str) -> dict[str, float]:
    """Run the loop in a process of its own."""
    argv = [sys.executable, __file__, case, str(calls), folder]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    keys = ("peak_mb", "growth_mb", "helper_mb")
    return dict(zip(keys, map(float, done.stdout.splitlines()[-1].split()), strict=True))


def _status_mb(pid: int | str, field: str) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
    return 0.0


def _peak_of_adopted() -> float:
    """Return the highest memory of helper processes that went on, when the last has ended."""
    peak, deadline = 0.0, time.monotonic() + 60
    while time.monotonic() < deadline:
        peak = max([peak, *(_status_mb(pid, "VmHWM") for pid in fresh.children())])
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
            time.sleep(0.005)
            continue
        break
    return peak


def main() -> None:
    """Be the process with the loop; print its peak, its growth and its helpers' peak."""
    case, calls, folder = sys.argv[1:]
    logger = None if case == "bare" else peers.start(case, folder)
    early_mb = 0.0
    for step in range(int(calls)):
        values = peers.ten(step * 0.5)
        if logger is not None:
            logger.log(values, step)
        if step == int(calls) // 10:
            early_mb = _status_mb("self", "VmRSS")
    late_mb = _status_mb("self", "VmRSS")
    helpers = sum(_status_mb(pid, "VmHWM") for pid in fresh.children())
    peak_mb = _status_mb("self", "VmHWM")
    if case == "epochal":
        logger.finish()
    print("\n", peak_mb, late_mb - early_mb, helpers, flush=True)
    if case != "epochal":
        os._exit(0)  # ending can take minutes


if __name__ == "__main__":
    main()
