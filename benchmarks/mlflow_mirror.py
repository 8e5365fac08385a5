"""How soon MLflow has everything, also when training and follower are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import peers
from subject import Row, Subject, total, worst

STEPS = 5_000

SUBJECT = Subject(
    title="MLflow mirror",
    how=(
        "5,000 steps of 10 values in a tight loop with the mirror `mlflow` alone, into a new"
        " database file; after `finish()` it is awaited that the mirror has taken the end of the"
        " run. Or 1 ms a step, and SIGKILL for training and follower process half-way, then"
        " `epochal recover` and `epochal sync`. Every value is read back with MLflow's own client"
        " and compared with what was logged."
    ),
    rows=(
        Row("mirror complete after `finish()` returned", "complete_s", "s", 30.0, fold=worst,
            peers=False),
        Row("values lost, doubled or changed", "wrong", "values", 0, fold=total, peers=False),
        Row("`epochal recover` and `epochal sync` after the kill", "complete_s", "s", fold=worst,
            case="killed half-way", peers=False),
        Row("values lost, doubled or changed after the kill", "wrong", "values", 0, fold=total,
            case="killed half-way", peers=False),
        Row("memory of the follower process", "memory_mb", "MB", peers=False),
    ),
    cases=("epochal", "killed half-way"),
    repeat=3,
    timeout_s=600.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one case."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING")]:
        del os.environ[name]
    steps = STEPS // 10 if quick else STEPS
    if case == "epochal":
        return _whole(folder, steps)
    return _killed(folder, steps)


def _whole(folder: str, steps: int) -> dict[str, float]:
    from epochal.mirrors import _companion

    logger = peers.start("epochal", folder, sinks=["mlflow"], seal=False)
    for step in range(steps):
        logger.log(peers.ten(step * 0.5), step)
    logger.finish()
    began = time.perf_counter()
    _wait_for_mirror(logger.run.dir)
    complete_s = time.perf_counter() - began
    memory_mb = _memory_mb(_companion._pid)  # noqa: SLF001 - nobody else asks
    return {
        "complete_s": complete_s,
        "wrong": _wrong_values(logger.run.dir, steps),
        "memory_mb": memory_mb,
    }


def _killed(folder: str, steps: int) -> dict[str, float]:
    argv = [sys.executable, __file__, folder, str(steps // 2)]
    writer = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    run_dir, follower = writer.stdout.readline().split()
    done = int(writer.stdout.readline())
    for pid in (int(follower), writer.pid):
        os.kill(pid, signal.SIGKILL)
    writer.wait()
    began = time.perf_counter()
    for command in ("recover", "sync"):
        subprocess.run(
            [sys.executable, "-m", "epochal", command, run_dir], check=True, capture_output=True
        )
    return {
        "complete_s": time.perf_counter() - began,
        "wrong": _wrong_values(run_dir, _recorded(run_dir, at_least=done)),
    }


def _wait_for_mirror(run_dir: str, limit_s: float = 300.0) -> None:
    """Wait until the mirror has taken the end of the run."""
    cursor, began = Path(run_dir) / "follow" / "mlflow.json", time.perf_counter()
    while time.perf_counter() - began < limit_s:
        if cursor.exists() and json.loads(cursor.read_text())["finished"]:
            return
        time.sleep(0.02)
    raise RuntimeError(f"the mirror is not complete after {limit_s:.0f} s")


def _memory_mb(pid: int) -> float:
    """Return the memory that a process holds, 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    (resident,) = [line.split()[1] for line in lines if line.startswith("VmRSS")] or ["0"]
    return int(resident) / 1024


def _recorded(run_dir: str, *, at_least: int) -> int:
    """Return how many steps the journal has."""
    from epochal.core.records import Row as Record
    from epochal.journal.reader import JournalReader

    reader, rows = JournalReader(str(Path(run_dir) / "journal")), 0
    while records := reader.read():
        rows += sum(isinstance(each, Record) and peers.KEYS[0] in each.values for each in records)
    if rows < at_least:
        raise RuntimeError(f"{at_least} calls had returned, the journal has {rows} rows")
    return rows


def _wrong_values(run_dir: str, steps: int) -> int:
    """Return how many values in MLflow are not those that were logged."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{Path(run_dir).parents[1]}/mlflow.db")
    run_id = json.loads((Path(run_dir) / "mlflow" / "run.json").read_text())["run_id"]
    experiments = [each.experiment_id for each in client.search_experiments()]
    if [run.info.run_id for run in client.search_runs(experiments)] != [run_id]:
        raise RuntimeError("there is not exactly one run in MLflow")
    logged = [peers.ten(step * 0.5) for step in range(steps)]
    wrong = 0
    for key in peers.KEYS:
        found = [(p.step, p.value) for p in client.get_metric_history(run_id, key)]
        expected = [(step, row[key]) for step, row in enumerate(logged)]
        pairs = zip(found, expected, strict=False)
        wrong += abs(len(found) - len(expected)) + sum(one != two for one, two in pairs)
    return wrong


def main() -> None:
    """Be the training that gets killed: say when half of the steps are logged, and go on."""
    from epochal.mirrors import _companion

    folder, half = sys.argv[1], int(sys.argv[2])
    logger = peers.start("epochal", folder, sinks=["mlflow"], seal=False)
    print(logger.run.dir, _companion._pid, flush=True)  # noqa: SLF001 - nobody else asks
    step = 0
    while True:
        logger.log(peers.ten(step * 0.5), step)
        step += 1
        if step == half:
            print(step, flush=True)
        time.sleep(0.001)


if __name__ == "__main__":
    main()
