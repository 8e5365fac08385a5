"""The demo's runs, trained side by side in processes of one thread each.

For a model this small two processes of one thread are faster than one of two threads, and
the losses do not depend on how many cores the machine has.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from typing import Any, NamedTuple

from epochal.core.errors import EpochalError

MAX_PROCESSES = 6
"""PyTorch takes about 400 MB in each."""

POLL_S = 0.1
STOP_S = 10.0
"""How long interrupted runs may take to end."""


class Job(NamedTuple):
    """What one run is to do: the arguments of :func:`epochal.demo.train.train`."""

    config: Mapping[str, Any]
    seed: int
    group: str
    dir: str


class Shared(NamedTuple):
    """What the processes share: indexes of jobs to do, and how far each is."""

    todo: Any
    steps: Any
    losses: Any
    errors: Any
    stop: Any


def train_all(
    jobs: Sequence[Job], on_progress: Callable[[Sequence[int], Sequence[float]], None]
) -> None:
    """Train all jobs; return when the last has ended.

    Call it from the main thread: while the processes start, Ctrl-C is held off.

    Args:
        jobs: taken from the first on, by as many processes as :func:`at_once` says.
        on_progress: called about ten times a second as ``on_progress(steps, train_losses)``, with
            the last step and loss of each job; 0 before its first.

    Raises:
        EpochalError: what a run could not be started for, such as a folder without write access;
            or one of the processes was killed.
        KeyboardInterrupt: passed on after all processes have ended their runs as interrupted.
    """
    context = multiprocessing.get_context("spawn")
    shared = Shared(
        todo=context.SimpleQueue(), steps=context.RawArray("q", len(jobs)),
        losses=context.RawArray("d", len(jobs)), errors=context.SimpleQueue(),
        stop=context.Event(),
    )  # fmt: skip
    workers = at_once(jobs)
    for each in [*range(len(jobs)), *[None] * workers]:
        shared.todo.put(each)
    processes = [
        context.Process(target=_work, args=(jobs, shared), daemon=True) for _ in range(workers)
    ]
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the processes inherit it
    try:
        for process in processes:
            process.start()
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        while waiting := [process.sentinel for process in processes if process.is_alive()]:
            connection.wait(waiting, POLL_S)
            on_progress(shared.steps, shared.losses)
    finally:
        shared.stop.set()
        for process in processes:
            process.join(STOP_S)
    if not shared.errors.empty():
        raise shared.errors.get()
    for process in processes:
        if process.exitcode:
            raise EpochalError(
                f"a process of the demo ended with exit code {process.exitcode} before its runs"
                " were done (-9: killed, often for lack of memory): see what it said above"
            )


def at_once(jobs: Sequence[Job]) -> int:
    """Return how many jobs are trained at a time: one for each core that may be used."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(len(jobs), cores or 1, MAX_PROCESSES)


def _work(jobs: Sequence[Job], shared: Shared) -> None:
    """Train jobs until none is left, in a process of its own."""
    import torch

    from epochal.demo.train import train

    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None
    while (index := shared.todo.get()) is not None:
        job = jobs[index]

        def on_step(step: int, loss: float, index: int = index) -> None:
            shared.steps[index], shared.losses[index] = step, loss
            if shared.stop.is_set() or not parent.is_alive():
                raise KeyboardInterrupt

        try:
            train(job.config, job.seed, group=job.group, dir=job.dir, on_step=on_step)
        except KeyboardInterrupt:
            return
        except EpochalError as error:
            shared.errors.put(error)
            return
