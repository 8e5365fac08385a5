"""What a call costs the training thread."""

from __future__ import annotations

import statistics
import time
from typing import Any

import peers
from subject import Row, Subject

SUBJECT = Subject(
    title="Time of a call",
    how=(
        "`perf_counter_ns` before and after each call, its own 0.05 µs included; the tight loop"
        " makes 200,000 calls, slow loggers as many as fit in 5 s; the paced loop sleeps to a"
        " schedule of 1 ms for 5 s, so that each call finds cold caches."
    ),
    rows=(
        Row("10 floats, tight loop, p50", "tight_p50_us", "µs", 2.0),
        Row("10 floats, tight loop, total time / calls", "mean_us", "µs"),
        Row("the same in processor time of the calling thread", "thread_us", "µs"),
        Row("10 floats, paced at 1 kHz, p50", "paced_p50_us", "µs"),
        Row("10 floats, paced at 1 kHz, p99", "paced_p99_us", "µs", 15.0),
        Row("1,000 floats in one call, p50", "wide_p50_us", "µs", 60.0),
    ),
    repeat=3,
)


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    limit_s = 0.5 if quick else 5.0
    logger = peers.start(case, folder)
    for step in range(200):  # warm up
        logger.log(peers.ten(0.5), step)
    time.sleep(0.5)
    paced = _paced(logger, 1.0 if quick else 5.0)
    step = 10_000
    mean_us, thread_us = _mean_us(logger, 100_000 if case == "epochal" else 2_000, step)
    tight = _tight(logger, 200_000, step + 100_000, limit_s)
    wide = _wide(logger, step + 400_000, 100 if quick else 500, limit_s / 2)
    if case == "epochal":
        logger.finish()  # the others are ended with the process: it takes some of them long
    return {
        "tight_p50_us": statistics.median(tight) / 1e3,
        "mean_us": mean_us,
        "thread_us": thread_us,
        "paced_p50_us": statistics.median(paced) / 1e3,
        "paced_p99_us": _percentile(paced, 0.99) / 1e3,
        "wide_p50_us": statistics.median(wide) / 1e3,
    }


def _percentile(values: list[int], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def _mean_us(logger: Any, calls: int, start: int) -> tuple[float, float]:
    """Return wall and processor time of a call, the making of its dict included."""
    log, ten = logger.log, peers.ten
    began, busy = time.perf_counter(), time.thread_time()
    for step in range(start, start + calls):
        log(ten(0.25), step)
    busy = time.thread_time() - busy
    return (time.perf_counter() - began) / calls * 1e6, busy / calls * 1e6


def _tight(logger: Any, calls: int, start: int, limit_s: float) -> list[int]:
    log, ten, clock = logger.log, peers.ten, time.perf_counter_ns
    took, deadline = [], clock() + int(limit_s * 1e9)
    for step in range(start, start + calls):
        values = ten(0.25)
        before = clock()
        log(values, step)
        after = clock()
        took.append(after - before)
        if after > deadline:
            break
    return took


def _paced(logger: Any, seconds: float) -> list[int]:
    log, ten, clock = logger.log, peers.ten, time.perf_counter_ns
    took, due = [], clock()
    for step in range(200, 200 + int(seconds * 1000)):
        values = ten(0.25)
        due += 1_000_000
        time.sleep(max(0, due - clock()) / 1e9)
        before = clock()
        log(values, step)
        took.append(clock() - before)
    return took


def _wide(logger: Any, start: int, calls: int, limit_s: float) -> list[int]:
    values = {f"layer_{i:04d}/grad_norm": i * 0.001 for i in range(1000)}
    logger.log(values, start - 1)
    clock, took = time.perf_counter_ns, []
    deadline = clock() + int(limit_s * 1e9)
    for step in range(start, start + calls):
        row = dict(values)
        before = clock()
        logger.log(row, step)
        after = clock()
        took.append(after - before)
        if after > deadline:
            break
        time.sleep(0.002)  # 8 kB a call: as a training would, not as fast as memory goes
    return took
