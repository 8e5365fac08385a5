"""Whether eight ranks of a distributed job write one run without losing or mixing a row."""

from __future__ import annotations

import mmap
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

from subject import Row, Subject, total

RANKS, STEPS = 8, 10_000
STEP_S = 0.0002

SUBJECT = Subject(
    title="Ranks",
    how=(
        f"{RANKS} processes with a process group of gloo log {STEPS:,} steps each to one run with"
        ' ranks="all", and meet in an `all_reduce` every 100 steps; then the same without meeting,'
        " and one rank gets SIGKILL somewhere in the middle, whose calls that have returned are"
        " counted in shared memory; every row read back is compared with what its rank logged."
    ),
    rows=(
        Row("rows lost, all ranks end", "lost", "rows", 0, fold=total, peers=False),
        Row("rows wrong, doubled or of another rank", "wrong", "rows", 0, fold=total, peers=False),
        Row("rows lost, one rank killed", "killed_lost", "rows", 0, fold=total, peers=False),
        Row("rows wrong, doubled or of another rank, one rank killed", "killed_wrong", "rows", 0,
            fold=total, peers=False),
        Row("rows compared", "rows", "rows", fold=total, peers=False),
        Row("lines of other ranks in the CSV mirror", "mixed_lines", "lines", 0, fold=total,
            peers=False),
    ),
    cases=("epochal",),
    repeat=3,
    timeout_s=600.0,
)  # fmt: skip


def measure(_case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Let the ranks record twice, and compare."""
    steps = STEPS // 10 if quick else STEPS
    whole, killed = Path(folder) / "whole", Path(folder) / "killed"
    all_steps = _launch(whole, steps, victim=-1)
    said = _launch(killed, steps, victim=random.Random(steps).randrange(RANKS))
    lost, wrong, rows = _compare(whole, all_steps)
    killed_lost, killed_wrong, killed_rows = _compare(killed, said)
    return {
        "lost": lost, "wrong": wrong, "killed_lost": killed_lost, "killed_wrong": killed_wrong,
        "rows": rows + killed_rows, "mixed_lines": _mixed_lines(whole, steps),
    }  # fmt: skip


def _launch(place: Path, steps: int, *, victim: int) -> list[int]:
    """Run the ranks, kill the victim if there is one; return how many calls of each returned."""
    place.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = place / "returned"
    shared.write_bytes(bytes(8 * RANKS))
    with shared.open("r+b") as file, mmap.mmap(file.fileno(), 8 * RANKS) as memory:
        returned = memoryview(memory).cast("Q")
        meets = "meets" if victim < 0 else "alone"
        argv = [sys.executable, __file__, str(place), str(steps), meets]
        place_of = {"WORLD_SIZE": str(RANKS), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
                    "OMP_NUM_THREADS": "1"}  # fmt: skip
        ranks = [
            subprocess.Popen(argv, env={**os.environ, **place_of, "RANK": str(rank)})
            for rank in range(RANKS)
        ]
        if victim >= 0:
            while returned[victim] < steps // 2 and ranks[victim].poll() is None:
                time.sleep(0.001)
            ranks[victim].kill()
        ends = [rank.wait() for rank in ranks]
        if any(end for rank, end in enumerate(ends) if rank != victim):
            raise RuntimeError(f"the ranks ended with {ends}")
        said = list(returned)
        returned.release()
    return said


def _compare(place: Path, said: list[int]) -> tuple[int, int, int]:
    """Return the rows lost, the rows wrong, and all that were read.

    One row more than said is right: a kill may come after it was recorded and before it was said.
    """
    import epochal
    from epochal.journal import recovery

    recovery.recover()
    (view,) = epochal.open(place / "runs").runs()
    lost = wrong = rows = 0
    for rank, count in enumerate(said):
        value, owner = view.series("value", rank=rank), view.series("rank", rank=rank)
        steps = value.steps.tolist()
        known = set(steps)
        lost += len(set(range(count)) - known)
        wrong += len(steps) - len(known) + len(known - set(range(count + 1)))
        wrong += sum(v != rank * 1e6 + s for v, s in zip(value.values.tolist(), steps, strict=True))
        wrong += int((owner.values != rank).sum()) + abs(len(owner) - len(steps))
        rows += len(steps)
    return lost, wrong, rows


def _mixed_lines(place: Path, steps: int) -> int:
    """Wait for the CSV mirror; return its lines that are not one of rank 0's."""
    import csv

    deadline = time.monotonic() + 60
    lines: list[dict[str, str]] = []
    while len(lines) < steps and time.monotonic() < deadline:
        time.sleep(0.2)
        for path in place.glob("runs/*/*/csv/*_steps.csv"):
            lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return abs(len(lines) - steps) + sum(float(line["rank"]) != 0 for line in lines)


def main() -> None:
    """Be a rank."""
    import torch
    import torch.distributed as dist

    import epochal

    place, steps, meets = sys.argv[1:]
    rank = int(os.environ["RANK"])
    dist.init_process_group("gloo")
    run = epochal.init(
        project="ranks", dir=os.path.join(place, "runs"), ranks="all", sinks=("csv",),
        capture_environment=False,
    )  # fmt: skip
    with (Path(place) / "returned").open("r+b") as file:
        returned = memoryview(mmap.mmap(file.fileno(), 8 * RANKS)).cast("Q")
    dist.barrier()
    for step in range(int(steps)):
        run.log({"value": rank * 1e6 + step, "rank": float(rank)}, step=step)
        returned[rank] = step + 1  # one aligned store: never seen half
        if meets == "alone":
            time.sleep(STEP_S)
        elif step % 100 == 0:
            dist.all_reduce(torch.zeros(1))
    run.finish()
    os._exit(0)  # the killed rank is missing from what the process group does at its end


if __name__ == "__main__":
    main()
