"""How long it takes to read one metric back."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import peer_reading
import peers
from subject import Row, Subject
from throughput import wait_for_csv

STEPS = 200_000

SUBJECT = Subject(
    title="Reading",
    how=(
        "a run of 200,000 steps with 10 metrics (TensorBoard and Trackio: 50,000, figure times 4);"
        " a fresh process imports what it needs and reads one metric with the logger's own reader,"
        " 3 times, each in a process of its own; W&B's offline files have no reader but its own"
        " program."
    ),
    rows=(
        Row("one metric of 200,000 steps, sealed", "sealed_ms", "ms", 30.0),
        Row("one metric of 200,000 steps, from the journal", "journal_ms", "ms", 150.0,
            peers=False),
    ),
    cases=peer_reading.READABLE,
    repeat=2,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    steps = STEPS if case in ("epochal", "csv") else STEPS // (40 if quick else 4)
    settings = {"seal": False} if case == "epochal" else {}
    logger = peers.start(case, folder, **settings)
    for step in range(steps):
        logger.log(peers.ten(step * 0.5), step)
    logger.finish()
    if case != "epochal":
        return {"sealed_ms": _read_ms(case, folder, steps) * STEPS / steps}
    from epochal.store.seal import seal_run

    wait_for_csv(logger.run.dir, steps)
    journal_ms = _read_ms(case, folder, steps)
    _seal(logger.run.dir, seal_run)
    return {"journal_ms": journal_ms, "sealed_ms": _read_ms(case, folder, steps)}


def _seal(run_dir: str, seal_run) -> None:
    """Seal; a mirror that stores its cursor at this moment makes the journal stay a little."""
    journal = Path(run_dir) / "journal"
    for _ in range(100):
        seal_run(run_dir)
        if not any(journal.glob("*.seg")):
            return
        time.sleep(0.1)
    raise RuntimeError("the journal of a finished run could not be sealed within 10 s")


def _read_ms(case: str, folder: str, steps: int) -> float:
    """Return the median over three fresh processes."""
    took = []
    for _ in range(3):
        found = peer_reading.read_in_fresh_process(case, folder, peers.KEYS[0])
        if found["count"] != steps or found["last"] != (steps - 1) * 0.5:
            raise RuntimeError(f"{case} gave back {found} of {steps} values")
        took.append(found["ms"])
    return statistics.median(took)
