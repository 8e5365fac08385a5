"""How long it takes to make figures, tables and verdicts of many runs, and to build a paper."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from size import wait_until_sealed
from subject import Row, Subject

RUNS, STEPS = 30, 200_000
POLL_S = 0.05
PAPER = """
[paper]
runs = "runs"
out = "generated"
tex = ["main.tex"]

[comparison.optimizer]
metric = "val/loss"
by = "config.optimizer"

[table.main]
kind = "comparison"
of = "optimizer"

[figure.bands]
kind = "seed_bands"
metric = "val/loss"

[number.best_loss]
metric = "val/loss"
statistic = "best"
over = "min"
"""

SUBJECT = Subject(
    title="Evidence and paper",
    how=(
        "30 sealed runs of 200,000 steps, 3 settings with 10 seeds: `epochal analyze` as a command,"
        " with memory summed over its processes every 0.05 s; `epochal.compare` in a process that"
        " has read nothing yet, then again; `epochal paper build` again as a command, with nothing"
        " changed; the bootstrap draws 10,000 times from 10 runs of 26 tasks, with the"
        " interquartile mean."
    ),
    rows=(
        Row("all figures, tables and reports of 30 runs, compared", "analyze_s", "s", 20.0,
            peers=False),
        Row("memory while they are made", "analyze_mb", "MB", 600.0, peers=False),
        Row("the verdicts alone, first time", "compare_s", "s", peers=False),
        Row("the verdicts alone, again", "again_s", "s", peers=False),
        Row("stratified bootstrap, 10,000 draws of 10 by 26", "bootstrap_s", "s", 0.3, peers=False),
        Row("a paper built again, nothing changed", "rebuild_s", "s", 1.0, peers=False),
        Row("files that this changed", "changed", "files", 0.0, peers=False),
    ),
    cases=("epochal",),
    repeat=1,
    timeout_s=400.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, Any]:  # noqa: ARG001 - one case
    """Measure Epochal."""
    import numpy as np

    import epochal
    from epochal.analyze import stratified_bootstrap, tasks

    steps = STEPS // 20 if quick else STEPS
    base = Path(folder)
    for setting in range(3):
        for seed in range(RUNS // 3):
            _record(base / "runs", setting, seed, steps)
    made = _command(base, ["analyze", "runs", "--output_dir", "out", "--compare"])
    compare_s = _timed(lambda: epochal.compare(str(base / "runs"), "val/loss"))
    again_s = _timed(lambda: epochal.compare(str(base / "runs"), "val/loss"))
    scores = np.random.default_rng(0).normal(size=(10, 26))
    draw = [_timed(lambda: stratified_bootstrap(scores, tasks.iqm)) for _ in range(5)]
    (base / "paper.toml").write_text(PAPER)
    (base / "main.tex").write_text("\\input{generated/numbers}\n\\BestLoss\n")
    _command(base, ["paper", "build"])
    before = _hashes(base / "generated")
    again = [_command(base, ["paper", "build"])[0] for _ in range(5)]
    changed = sum(before.get(path) != now for path, now in _hashes(base / "generated").items())
    return {
        "analyze_s": made[0], "analyze_mb": made[1], "compare_s": compare_s, "again_s": again_s,
        "bootstrap_s": sorted(draw)[2], "rebuild_s": sorted(again)[2], "changed": changed,
    }  # fmt: skip


def _record(runs: Path, setting: int, seed: int, steps: int) -> None:
    import numpy as np

    import epochal

    rng = np.random.default_rng(1000 * setting + seed)
    noise = rng.normal(scale=0.05, size=steps).tolist()
    config = {"optimizer": ("adamw", "sgd", "lion")[setting], "lr": 1e-3}
    run = epochal.init(
        "evidence", config=config, seed=seed, dir=str(runs), sinks=[], capture_environment=False
    )
    for step, each in enumerate(noise):
        loss = 1.0 / (1 + step / 1000) + 0.02 * setting + each
        run.log({"train/loss": loss, "lr": 1e-3, "gradients/norm": 1.0 + each}, step=step)
        if step % 1000 == 999:
            run.log({"val/loss": loss + 0.1}, step=step)
    run.finish()
    wait_until_sealed(run.dir)


def _command(base: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """Run a command of Epochal; return its seconds and the most memory in MB of all of it."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "epochal", *arguments], cwd=base, stdout=subprocess.DEVNULL
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    status = process.wait()
    took_s = time.perf_counter() - began
    watcher.join()
    if status:
        raise RuntimeError(f"epochal {' '.join(arguments)} ended with {status}")
    return took_s, peak[0]


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    import psutil

    while process.poll() is None:
        try:
            top = psutil.Process(process.pid)
            family = [top, *top.children(recursive=True)]
            peak[0] = max(peak[0], sum(each.memory_info().rss for each in family) / 1e6)
        except psutil.Error:  # one has just ended
            pass
        time.sleep(POLL_S)


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _hashes(folder: Path) -> dict[str, str]:
    return {
        os.fspath(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
