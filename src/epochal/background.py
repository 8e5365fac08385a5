"""What accompanies a run in the training process: samples of the machine, and the console."""

from __future__ import annotations

from collections.abc import Callable

from epochal.core.problems import logger
from epochal.record.cadence import KINDS
from epochal.record.run import Run
from epochal.settings import Settings

STOP_S = 0.3
"""How long the end of a run waits for a last sample."""


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
