"""What a SIGKILL in the middle of saving a checkpoint leaves."""

from __future__ import annotations

import mmap
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

from subject import Row, Subject, total

KILLS = 50
VALUES = 2_000_000
"""Numbers in the weights of a checkpoint: 8 MB."""

SUBJECT = Subject(
    title="Killed while saving a checkpoint",
    how=(
        "a training saves checkpoints of 8 MB one after another, each a new best one, keeping"
        " three, and stores in shared memory when a save begins and when it has returned; it gets"
        " SIGKILL at a random moment of a save, 50 times, each time in a run of its own. Every file"
        " under a final name is then loaded and its values are compared, and the run is resumed"
        " and loads its last checkpoint."
    ),
    rows=(
        Row("kills after which the run goes on from a checkpoint", "loadable", "of 50", KILLS,
            larger=True, fold=total, peers=False),
        Row("torn or wrong files under a final name", "torn", "files", 0, fold=total, peers=False),
        Row("checkpoints whose save had returned and that are gone", "lost", "files", 0,
            fold=total, peers=False),
        Row("kills in the middle of a save", "inside", "of 50", fold=total, peers=False),
    ),
    cases=("epochal",),
    repeat=1,
    timeout_s=900.0,
)  # fmt: skip

_NAME = re.compile(r"checkpoint_epoch_1_step_\d+\.pt|best_model\.pt")


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:  # noqa: ARG001 - one case
    """Kill trainings again and again."""
    kills = max(1, KILLS // 10) if quick else KILLS
    rng = random.Random(0)
    found = {"loadable": 0, "torn": 0, "lost": 0, "inside": 0}
    for number in range(kills):
        place = Path(folder) / str(number)
        place.mkdir()
        begun, returned = _kill(place, saves=rng.randint(2, 5), share=rng.random())
        found["inside"] += begun > returned
        (checkpoints,) = place.glob("runs/*/*/checkpoints")
        steps, torn = _whole(checkpoints)
        found["torn"] += torn
        found["lost"] += max(steps, default=0) < returned
        found["loadable"] += _goes_on(place, checkpoints.parent, returned)
    if quick:  # the bar is for all of them
        found["loadable"] *= KILLS / kills
    return found


def _kill(place: Path, *, saves: int, share: float) -> tuple[int, int]:
    """Start a training and kill it in a save; return how many had begun, and had returned."""
    shared = place / "shared"
    shared.write_bytes(bytes(24))
    argv = [sys.executable, __file__, str(place)]
    with shared.open("r+b") as file, mmap.mmap(file.fileno(), 24) as memory:
        counters = memoryview(memory).cast("Q")
        training = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL)
        while (counters[0] <= saves or counters[1] < saves) and training.poll() is None:
            time.sleep(0.0002)
        time.sleep(share * counters[2] / 1e9)  # somewhere in the time that a save takes
        if training.poll() is not None:
            raise RuntimeError(f"the training ended by itself, status {training.returncode}")
        training.kill()
        training.wait()
        seen = counters[0], counters[1]
        counters.release()
    return seen


def _whole(folder: Path) -> tuple[list[int], int]:
    """Return the steps of the whole checkpoints, and how many others there are."""
    import torch

    steps, torn = [], 0
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            content = torch.load(path, weights_only=True)
            weights = content["model_state_dict"]["w"]
            right = _NAME.fullmatch(path.name) and len(weights) == VALUES
            right = right and bool((weights == content["step"]).all())
        except Exception:  # noqa: BLE001 - however a torn file fails
            right = False
        if right:
            steps.append(int(content["step"]))
        else:
            torn += 1
    return steps, torn


def _goes_on(place: Path, run_dir: Path, returned: int) -> bool:
    """Say whether the run can be resumed with a checkpoint that is none too old."""
    import epochal

    with epochal.init(
        project="kill", dir=str(place / "runs"), resume=str(run_dir), sinks=(), seal=False,
        follow="off", capture_environment=False,
    ) as run:  # fmt: skip
        state = run.load_checkpoint("last")
    whole = bool((state["model_state_dict"]["w"] == state["step"]).all())
    return whole and state["step"] >= returned


def main() -> None:
    """Be the training: save until killed."""
    import torch

    import epochal

    place = Path(sys.argv[1])
    run = epochal.init(
        project="kill", dir=str(place / "runs"), sinks=(), seal=False, follow="off",
        capture_environment=False,
    )  # fmt: skip
    with (place / "shared").open("r+b") as file:
        counters = memoryview(mmap.mmap(file.fileno(), 24)).cast("Q")
    for step in range(1, 1_000_000):
        weights = torch.full((VALUES,), float(step))
        began_ns = time.perf_counter_ns()
        counters[0] = step
        path = run.save_checkpoint(
            {"w": weights}, epoch=1, step=step, metrics={"loss": 1 / step}, monitor="loss",
            keep_last=3,
        )  # fmt: skip
        if path is None:
            os._exit(3)
        counters[1] = step
        counters[2] = time.perf_counter_ns() - began_ns


if __name__ == "__main__":
    main()
