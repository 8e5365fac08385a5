"""What accompanies a run in the training process: machine, console, and its checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from epochal.core.problems import logger
from epochal.record.cadence import KINDS
from epochal.record.recording import Checkpoints
from epochal.record.run import Run
from epochal.settings import Settings
from epochal.store import continuing, folder
from epochal.store.continuing import Target

STOP_S = 0.3
"""How long the end of a run waits for a last sample."""

RESUMABLE = ("last", "best")
"""Checkpoints whose step ``resume_step`` may name."""


def start(run: Run, settings: Settings) -> None:
    """Start what the settings ask for; it ends just before the run does."""
    if settings.console:
        run.before_end(_console(run))
    if settings.cadence["system"].count and (settings.log_system or settings.log_memory):
        run.before_end(_machine(run, settings))


def _console(run: Run) -> Callable[[], None]:
    from epochal.record import console

    listener = console.listen(
        lambda stream, text: run.record_console({"stream": stream, "text": text})
    )

    def stop() -> None:
        listener.stop()
        if listener.failed:
            logger.warning("%d pieces of the console could not be recorded", listener.failed)

    return stop


def _machine(run: Run, settings: Settings) -> Callable[[], None]:
    from epochal.probes.sampler import Sampler

    every = settings.cadence["system"]
    every_s = every.count if every.unit == "s" else KINDS["system"].every.count
    sampler = Sampler(
        lambda values: run.record_background(values, "system"),
        every_s=float(every_s), machine=settings.log_system, accelerator=settings.log_memory,
        folder=run.dir,
    )  # fmt: skip
    sampler.start()
    return lambda: sampler.stop(STOP_S)


def checkpoints(settings: Settings, target: Target | None = None, rank: int = 0) -> Checkpoints:
    """Return what saves and loads a run's checkpoints; without a target nothing is saved."""
    from epochal.checkpoints.folder import Known  # loaded by the first checkpoint
    from epochal.checkpoints.of_run import RunCheckpoints

    if target is None:
        return RunCheckpoints(settings.checkpoint_dir, writes=False)
    run_dir = target.run_dir

    def earlier() -> list[Known]:
        if not rank and not target.resumed and folder.describe(run_dir).get("fork") is None:
            return []
        from epochal.read import checkpoints as recorded  # loads NumPy

        return [Known(*each) for each in recorded.recorded(run_dir)]

    return RunCheckpoints(
        settings.checkpoint_dir or os.path.join(run_dir, "checkpoints"), run_dir=run_dir,
        writes=rank == 0, earlier=earlier, limit=target.hides_after,
    )  # fmt: skip


def target(run_dir: str, step: float | str | None) -> Target:
    """Return how a new session goes on with a run: after a step, or after that of a checkpoint."""
    if not isinstance(step, str):
        return continuing.target(run_dir, step)
    from epochal.read import checkpoints as recorded  # loads NumPy

    found = recorded.step_of(run_dir, step)
    if found is None:  # nothing to go on from: what was recorded will be recorded again
        return replace(continuing.target(run_dir, -1.0), last_step=None)
    return continuing.target(run_dir, found)
