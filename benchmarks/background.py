"""What sampling the machine and recording the console cost."""

from __future__ import annotations

import statistics
import sys
import threading
import time

import peers
from subject import Row, Subject
from training_step import Model

TRAINING_S = 35.0
PRINT_EVERY = 50
PRINTS = 8_000
"""Prints in a row: fewer than a second may have, so that all are recorded."""

LINE = "epoch 3 step 1200 loss 0.123456"

SUBJECT = Subject(
    title="Machine and console",
    how=(
        "a small MLP in PyTorch on one thread that logs 10 scalars each step of 0.8 ms and prints"
        " a line every 50 steps, for 35 s from `init` on, imports of the sampler included;"
        " processor time of the two threads by their own clocks, as a share of the wall time;"
        " a print: processor time of 8,000 in a row into a file, median of 21 turns with recording"
        " minus median of 21 turns without."
    ),
    rows=(
        Row("sampling and console, share of one processor", "share_pct", "%", 0.3, peers=False),
        Row("of it: samples at the default interval", "sampler_pct", "%", peers=False),
        Row("of it: the console", "console_pct", "%", peers=False),
        Row("longest sample after the first, processor time", "sample_ms", "ms", peers=False),
        Row("extra time of a print (two writes)", "print_extra_us", "µs", 2.0, peers=False),
        Row("a recorded print / a plain print", "print_ratio", "times", peers=False),
    ),
    cases=("epochal",),
    repeat=3,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure a training, then printing alone."""
    model = Model()
    logger = peers.start(case, folder, console=True)
    shares = _train(model, logger, 3.0 if quick else TRAINING_S)
    logger.finish()
    return {**shares, "sample_ms": _longest_sample_ms(logger), **_prints(5 if quick else 21)}


def _train(model: Model, logger: peers.Epochal, seconds: float) -> dict[str, float]:
    """Train; return the share of each thread in percent of one processor."""
    began, step = time.perf_counter(), 0
    while (passed_s := time.perf_counter() - began) < seconds:
        loss = model.step()
        logger.log(peers.ten(loss), step)
        if step % PRINT_EVERY == 0:
            print(f"step {step} loss {loss:.6f}")
        step += 1
    busy = {name: _busy_s(f"epochal-{name}") / passed_s * 100 for name in ("sampler", "console")}
    found = {f"{name}_pct": share for name, share in busy.items()}
    return {**found, "share_pct": sum(busy.values())}


def _busy_s(name: str) -> float:
    """Return the processor time of a living thread."""
    (thread,) = (thread for thread in threading.enumerate() if thread.name == name)
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def _longest_sample_ms(logger: peers.Epochal) -> float:
    import epochal

    samples = epochal.open(logger.run.dir).runs()[0].system["sampler_ms"].values
    return float(max(samples[1:], default=samples[0]))


def _prints(turns: int) -> dict[str, float]:
    """Return what recording adds to a print, and how many times as long it takes."""
    from epochal.record import console

    took: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * turns):
        listener = console.listen(lambda _stream, _text: None) if turn % 2 else None
        began = time.thread_time()
        for _ in range(PRINTS):
            print(LINE)
        took[bool(turn % 2)].append((time.thread_time() - began) / PRINTS * 1e6)
        sys.stdout.flush()
        if listener is not None:
            listener.stop()
    recorded_us, plain_us = statistics.median(took[True]), statistics.median(took[False])
    return {"print_extra_us": recorded_us - plain_us, "print_ratio": recorded_us / plain_us}
