"""Sealing while others read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import peers
from subject import Row, Subject, total
from throughput import wait_for_csv

SEALS, READERS, ROWS = 1000, 4, 500

SUBJECT = Subject(
    title="Sealing while others read",
    how=(
        "four processes read a run of 500 rows over and over through `epochal.open` while it is"
        " sealed and its journal deleted, 1,000 times; each reading must give every row once, with"
        " its value."
    ),
    rows=(
        Row("readings with an error", "errors", "readings", 0, fold=total, peers=False),
        Row("readings with a row missing, doubled or wrong", "wrong", "readings", 0, fold=total,
            peers=False),
        Row("readings", "readings", "readings", fold=total, peers=False),
        Row("seals", "seals", "seals", fold=total, peers=False),
    ),
    cases=("epochal",),
    repeat=1,
    timeout_s=600.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:  # noqa: ARG001 - one case
    """Measure Epochal."""
    from epochal.store.seal import seal_run

    template = _template(folder)
    place = Path(folder) / "now"
    (place / "project").mkdir(parents=True)
    argv = [sys.executable, __file__, str(place)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    readers = [subprocess.Popen(argv, **pipes) for _ in range(READERS)]
    seals, limit = 0, SEALS // 20 if quick else SEALS
    while seals < limit:
        copy = place / "project" / template.name
        draft = place / "draft"
        shutil.copytree(template, draft)
        os.rename(draft, copy)  # readers see a whole run or none
        time.sleep(0.002 * (seals % 5))
        seals += seal_run(str(copy)).deleted
        time.sleep(0.002 * (seals % 7))
        os.rename(copy, draft)
        shutil.rmtree(draft)
    (place / "stop").touch()
    outputs = [reader.communicate(timeout=60) for reader in readers]
    lines = [out.splitlines()[-1].split() if out else ["0", "1", "0"] for out, _ in outputs]
    readings, errors, wrong = (sum(map(int, column)) for column in zip(*lines, strict=True))
    for _, said in outputs:
        if said:
            print(said, file=sys.stderr)
    return {"seals": seals, "readings": readings, "errors": errors, "wrong": wrong}


def _template(folder: str) -> Path:
    """Return a finished run that is not sealed."""
    logger = peers.start("epochal", folder, seal=False, capture_environment=False)
    for step in range(ROWS):
        logger.log(peers.ten(step * 0.5), step)
    logger.finish()
    wait_for_csv(logger.run.dir, ROWS)
    time.sleep(1.0)  # the mirrors' cursors
    return Path(logger.run.dir)


def main() -> None:
    """Be a reader; print how many readings, errors and wrong readings there were.

    A reading during which the run was moved away as a whole does not count: a rename shows in the
    folder's inode.
    """
    import epochal

    place = Path(sys.argv[1])
    readings = errors = wrong = 0
    while not (place / "stop").exists():
        before = _inode(place)
        found, problem = [], ""
        try:
            for run in epochal.open(str(place / "project")).runs():
                series = run.series(peers.KEYS[0])
                found = list(zip(series.steps.tolist(), series.values.tolist(), strict=True))
        except Exception as error:  # noqa: BLE001 - counted: that none comes is the promise
            problem = f"{type(error).__name__}: {error}"
        if before == 0 or _inode(place) != before:
            continue
        readings += 1
        errors += bool(problem)
        wrong += not problem and found != [(step, step * 0.5) for step in range(ROWS)]
        if problem and errors == 1:
            print(problem, file=sys.stderr)
    print(readings, errors, wrong)


def _inode(place: Path) -> int:
    for entry in (place / "project").iterdir():
        try:
            return entry.stat().st_ino
        except FileNotFoundError:
            return 0
    return 0


if __name__ == "__main__":
    main()
