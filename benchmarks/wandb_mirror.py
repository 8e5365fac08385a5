"""Whether W&B's offline folder has everything, also after a kill, and how fast it is written."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import peers
from subject import Row, Subject, total, worst

STEPS, SINK_ROWS = 5_000, 50_000
BATCH = 2_048

SUBJECT = Subject(
    title="W&B mirror",
    how=(
        "5,000 steps with 10 values at 1 kHz with the mirror `wandb` in offline mode; killed: after"
        " half of them, training, follower and W&B's processes get SIGKILL, and `epochal recover`"
        " and `epochal sync` complete the folder; every value in W&B's file is compared with what"
        " was logged. Rows per second: 50,000 rows handed to the sink in batches, until all of them"
        " are in the file; memory: of W&B's client and service, at most, while the mirror works."
    ),
    rows=(
        Row("mirror complete after `finish()` returned", "complete_s", "s", 15.0, fold=worst,
            peers=False),
        Row("values lost, doubled or changed", "wrong", "values", 0, fold=total, peers=False),
        Row("the same, killed half-way and synced", "wrong", "values", 0, fold=total,
            case="killed", peers=False),
        Row("offline folders left after the kill", "folders", "folders", 1, fold=worst,
            case="killed", peers=False),
        Row("rows per second", "rows_per_s", "rows/s", 5_000, larger=True, case="sink",
            peers=False),
        Row("memory of W&B's two processes", "memory_mib", "MiB", fold=worst, peers=False),
    ),
    cases=("epochal", "killed", "sink"),
    repeat=3,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure the mirror one way."""
    steps = STEPS // 10 if quick else STEPS
    if case == "sink":
        return {"rows_per_s": _rows_per_s(SINK_ROWS // 10 if quick else SINK_ROWS, folder)}
    if case == "killed":
        return _killed(steps, folder)
    return _complete(steps, folder)


def _complete(steps: int, folder: str) -> dict[str, float]:
    logger = peers.start("epochal", folder, **_settings())
    for step in range(steps):
        logger.log(peers.ten(step * 0.5), step)
        time.sleep(0.001)
    memory = sum(_most_mib(pid) for pid in _descendants(os.getpid())[1:])  # after the follower
    logger.finish()
    run_dir = Path(logger.run.dir)
    seconds = _wait_for_mirror(run_dir)
    return {
        "complete_s": seconds, "wrong": _wrong_values(run_dir, steps), "memory_mib": memory,
    }  # fmt: skip


def _killed(steps: int, folder: str) -> dict[str, float]:
    """Kill everything half-way, complete the mirror by the command line, and look."""
    argv = [sys.executable, __file__, folder, str(steps // 2)]
    training = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert training.stdout is not None
    run_dir = Path(training.stdout.readline().strip())
    training.stdout.readline()  # half of the steps are logged
    for pid in [training.pid, *_descendants(training.pid)]:
        os.kill(pid, signal.SIGKILL)
    training.communicate()
    for command in ("recover", "sync"):
        argv = [sys.executable, "-m", "epochal", command, str(run_dir)]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return {
        "wrong": _wrong_values(run_dir, steps // 2),
        "folders": len([*run_dir.glob("wandb/offline-run-*")]),
    }


def _rows_per_s(count: int, folder: str) -> float:
    """Return how many rows a second the sink takes, all of them on disk at the end."""
    from epochal.core import records
    from epochal.sinks.wandb.runs import WandbSink

    clock = {"session": 1, "step_given": True, "epoch": None, "phase": None}
    rows = [
        records.Row(
            seq=step, time_s=float(step), elapsed_s=float(step), step=step,
            values=peers.ten(step * 0.5), **clock,
        )
        for step in range(count)
    ]  # fmt: skip
    sink = WandbSink(mode="offline")
    sink.open(records.RunInfo("a1b2c3d4e5", "run", "p", "run", folder), None)
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        sink.write(rows[start : start + BATCH])
    sink.flush()
    seconds = time.perf_counter() - began
    sink.close()
    return count / seconds


def _settings() -> dict[str, object]:
    return {"sinks": {"wandb": {"mode": "offline"}}, "seal": False}


def _wait_for_mirror(run_dir: Path, limit_s: float = 120.0) -> float:
    """Return after how many seconds W&B's file has its last record."""
    began = time.perf_counter()
    while time.perf_counter() - began < limit_s:
        if not (run_dir / "wandb").exists() or not [
            *run_dir.glob("wandb/epochal-*/processes.json")
        ]:
            return time.perf_counter() - began
        time.sleep(0.02)
    raise RuntimeError(f"the offline folder is not complete after {limit_s:.0f} s")


def _wrong_values(run_dir: Path, steps: int) -> int:
    """Return how many values are not those that were logged, each once."""
    (path,) = run_dir.glob("wandb/offline-run-*/*.wandb")
    found: dict[str, list[tuple[int, float]]] = {key: [] for key in peers.KEYS}
    for row in _history(path):
        for key in peers.KEYS:
            if key in row:
                found[key].append((int(row["step"]), row[key]))
    wrong = 0
    for key, points in found.items():
        expected = [(step, peers.ten(step * 0.5)[key]) for step in range(steps)]
        wrong += abs(len(points) - len(expected))
        wrong += sum(a != b for a, b in zip(points, expected, strict=False))
    return wrong


def _history(path: Path) -> Iterator[dict[str, float]]:
    """Yield the rows of history in a ``.wandb`` file: a log as LevelDB writes it."""
    from wandb.proto import wandb_internal_pb2

    data, at, whole = path.read_bytes(), 7, b""
    while at < len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        piece = data[at + 7 : at + 7 + length]
        whole = piece if kind in (1, 2) else whole + piece
        at += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record.FromString(whole)
            if record.WhichOneof("record_type") == "history":
                items = record.history.item
                yield {item.nested_key[0]: json.loads(item.value_json) for item in items}


def _descendants(pid: int) -> list[int]:
    from epochal.sinks.wandb.process import children

    found = children(pid)
    return [*found, *(each for child in found for each in _descendants(child))]


def _most_mib(pid: int) -> float:
    """Return the most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    most = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(most[1]) / 1024 if most else 0.0


def _train(folder: str, steps: int) -> None:
    """Log so many steps, say so, and wait to be killed."""
    logger = peers.start("epochal", folder, **_settings())
    os.write(1, logger.run.dir.encode() + b"\n")
    for step in range(steps):
        logger.log(peers.ten(step * 0.5), step)
        time.sleep(0.001)
    os.write(1, b"logged\n")
    time.sleep(600)


if __name__ == "__main__":
    _train(sys.argv[1], int(sys.argv[2]))
