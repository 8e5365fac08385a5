"""How soon TensorBoard has everything, and how large its files are."""

from __future__ import annotations

import json
import time
from pathlib import Path

import peers
from subject import Row, Subject, total, worst

ROWS, PEER_ROWS = 200_000, 5_000

SUBJECT = Subject(
    title="TensorBoard mirror",
    how=(
        "200,000 calls (SummaryWriter: 5,000) with 10 values in a tight loop with the mirror"
        " `tensorboard` alone; after `finish()` it is awaited that the mirror has taken the end of"
        " the run, then every value is read back with TensorBoard's own reader and compared with"
        " the float32 of what was logged; bytes of the event files / values."
    ),
    rows=(
        Row("mirror complete after `finish()` returned", "complete_s", "s", 15.0, fold=worst,
            peers=False),
        Row("values lost, doubled or changed", "wrong", "values", 0, fold=total, peers=False),
        Row("bytes per value", "bytes_per_value", "B"),
    ),
    cases=("epochal", "tensorboard"),
    repeat=3,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    rows = ROWS if case == "epochal" else PEER_ROWS
    rows = rows // 10 if quick else rows
    settings = {"sinks": ["tensorboard"], "seal": False} if case == "epochal" else {}
    logger = peers.start(case, folder, **settings)
    for step in range(rows):
        logger.log(peers.ten(step * 0.5), step)
    logger.finish()
    if case != "epochal":
        return {"bytes_per_value": _bytes(Path(folder) / "events") / (rows * len(peers.KEYS))}
    events = Path(logger.run.dir) / "tensorboard"
    return {
        "complete_s": _wait_for_mirror(logger.run.dir),
        "wrong": _wrong_values(events, rows),
        "bytes_per_value": _bytes(events) / (rows * len(peers.KEYS)),
    }


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _wait_for_mirror(run_dir: str, limit_s: float = 120.0) -> float:
    """Return after how many seconds the mirror has taken the end of the run."""
    cursor, began = Path(run_dir) / "follow" / "tensorboard.json", time.perf_counter()
    while time.perf_counter() - began < limit_s:
        if cursor.exists() and json.loads(cursor.read_text())["finished"]:
            return time.perf_counter() - began
        time.sleep(0.02)
    raise RuntimeError(f"the event files are not complete after {limit_s:.0f} s")


def _wrong_values(events: Path, rows: int) -> int:
    """Return how many values are not those that were logged, rounded to float32."""
    import numpy as np
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found: dict[str, list[tuple[int, float]]] = {key: [] for key in peers.KEYS}
    for path in events.glob("*.records"):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag in found:
                    found[value.tag].append((event.step, value.simple_value))
    logged = [peers.ten(step * 0.5) for step in range(rows)]
    wrong = 0
    for key, points in found.items():
        if len(points) != rows:
            wrong += abs(len(points) - rows)
            continue
        expected = np.array([row[key] for row in logged], np.float32)
        steps, values = (np.array(each) for each in zip(*points, strict=True))
        wrong += int(((values != expected) | (steps != np.arange(rows))).sum())
    return wrong
