"""The longest pause that a training thread sees."""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

import peers
from subject import LOGGERS, Row, Subject

WINDOW_S = 10.0

SUBJECT = Subject(
    title="Worst stall",
    how=(
        "a loop of 1 ms of pure Python and one call with 10 scalars; the longest iteration of a"
        " window of 10 s, median over windows with logging minus median over windows without"
        " (in random order; Epochal 3 of each, peers 1 of each); pure Python"
        " shows who else takes the interpreter lock."
    ),
    rows=(
        Row("worst extra stall of a 1 ms loop in 10 s", "extra_ms", "ms", 6.0),
        Row("longest iteration without logging", "without_ms", "ms", peers=False),
        Row('worst extra stall, mirrors in a thread (`follow="thread"`)', "extra_ms", "ms",
            case="epochal in a thread", peers=False),
    ),
    cases=(*LOGGERS, "epochal in a thread"),
    repeat=1,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    settings = {"follow": "thread"} if case.endswith("thread") else {}
    logger = peers.start(case.split(maxsplit=1)[0], folder, **settings)
    turns, window_s = _turns_of_1_ms(), 1.0 if quick else WINDOW_S
    count = 1 if quick or not case.startswith("epochal") else 3
    longest: dict[bool, list[float]] = {True: [], False: []}
    step = _window(logger, turns, 0.5, 0)[1]
    rng = random.Random(0)
    for _ in range(count):
        for logging in rng.sample((True, False), 2):
            _, step = _window(logger if logging else None, turns, 0.5, step)
            found, step = _window(logger if logging else None, turns, window_s, step)
            longest[logging].append(found)
    if case.startswith("epochal"):
        logger.finish()
    with_ms, without_ms = statistics.median(longest[True]), statistics.median(longest[False])
    return {"extra_ms": with_ms - without_ms, "without_ms": without_ms}


def _turns_of_1_ms() -> int:
    turns = 1000
    while min(_busy_s(turns) for _ in range(5)) < 0.001:
        turns = int(turns * 1.05)
    return turns


def _busy_s(turns: int) -> float:
    began = time.perf_counter()
    _busy(turns)
    return time.perf_counter() - began


def _busy(turns: int) -> float:
    x = 0.0
    for _ in range(turns):
        x += 1.0
    return x


def _window(logger: Any, turns: int, seconds: float, step: int) -> tuple[float, int]:
    """Return the longest iteration in ms, and the next step."""
    longest = 0.0
    began = now = time.perf_counter()
    while now - began < seconds:
        before = now
        values = peers.ten(_busy(turns))
        if logger is not None:
            logger.log(values, step)
        step += 1
        now = time.perf_counter()
        longest = max(longest, now - before)
    return longest * 1e3, step
