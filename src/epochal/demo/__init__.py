"""``epochal demo``: a small language model, two learning-rate schedules, several seeds.

========================= =====================================================================
:mod:`epochal.demo.train` the example to read: model, data and loop, with Epochal in it
``workers``               trains the runs side by side
``report``                reads the runs back and says what they show
========================= =====================================================================
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn

from epochal.core.errors import SettingError
from epochal.core.names import new_id
from epochal.core.optional import require
from epochal.demo import report, workers
from epochal.demo.workers import Job
from epochal.settings import load

SCHEDULES = ("cosine", "constant")
"""The two settings that are compared, the rest of the config being equal."""

QUICK_STEPS, QUICK_SEEDS = 30, 2


def main(
    *, quick: bool = False, seeds: int | None = None, steps: int | None = None,
    dir: str | None = None, no_color: bool = False,
) -> int:  # fmt: skip
    """Train, then report; everything is written to standard output.

    Args:
        quick: two seeds of 30 steps each, to see that everything works.
        seeds: runs of each setting; default 3.
        steps: steps of each run; default as in ``train.CONFIG``.
        dir: folder of all runs; default: the setting ``dir``, ``./runs`` unless changed.
        no_color: plain text.

    Returns:
        The exit status: 0, or 130 after Ctrl-C.

    Raises:
        MissingExtraError: PyTorch, SciPy or matplotlib is not installed.
        SettingError: an argument is below 1, or recording is switched off.
        RunFolderError: the folder of runs cannot be written.
    """
    settings = load({"dir": dir})
    if settings.mode == "off":
        raise SettingError("the demo shows what it recorded, and mode='off': unset EPOCHAL_MODE")
    seeds = _at_least_one("seeds", seeds, QUICK_SEEDS if quick else 3)
    for package, extra in (("torch", "torch"), ("scipy", "paper"), ("matplotlib", "paper")):
        require(package, extra=extra, why="epochal demo")
    from epochal.demo.train import CONFIG

    steps = _at_least_one("steps", steps, QUICK_STEPS if quick else CONFIG["steps"])
    console = Console(no_color=no_color or None, highlight=False)
    group = f"demo-{time.strftime('%Y%m%d-%H%M%S')}-{new_id()[:4]}"
    jobs = [
        Job({**CONFIG, "steps": steps, "lr_schedule": schedule}, seed, group, settings.dir)
        for seed in range(1, seeds + 1)
        for schedule in SCHEDULES
    ]
    try:
        _train(console, jobs)
    except KeyboardInterrupt:
        report.interrupted(console, settings.dir)
        return 130
    report.show(console, settings.dir, group, SCHEDULES)
    return 0


def _at_least_one(name: str, given: int | None, default: int) -> int:
    value = default if given is None else given
    if value < 1:
        raise SettingError(f"{name}={value!r} is below 1")
    return value


def _train(console: Console, jobs: Sequence[Job]) -> None:
    """Train all jobs under a bar for each and one for all."""
    total, cores = jobs[0].config["steps"], workers.at_once(jobs)
    console.print(
        "A small transformer learns to write Python, byte by byte, from the standard library's own"
        f" sources: {len(SCHEDULES)} learning-rate schedules, {len(jobs) // len(SCHEDULES)} seeds"
        f" each, {total:,} steps a run, {cores} at a time on one core each.\n",
        width=min(console.width, 100),
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=max(10, min(40, console.width - 50))),
        TextColumn("{task.percentage:3.0f} %"),
        TextColumn("{task.fields[says]}", style="dim"),
    )
    with Progress(*columns, console=console) as bars:
        tasks = [
            bars.add_task(f"{job.config['lr_schedule']:8}  seed {job.seed}", total=total, says="")
            for job in jobs
        ]
        everything = bars.add_task("all runs", total=total * len(jobs), says="")

        def on_progress(steps: Sequence[int], losses: Sequence[float]) -> None:
            for task, step, loss in zip(tasks, steps, losses, strict=True):
                bars.update(task, completed=step, says=f"train loss {loss:.3f}" if step else "")
            bars.update(everything, completed=sum(steps), says=_time_left(bars.tasks[-1]))

        workers.train_all(jobs, on_progress)


def _time_left(task: Task) -> str:
    if task.finished:
        return ""
    left = task.time_remaining
    return "" if left is None else f"{left // 60:.0f}:{left % 60:02.0f} left"
