"""Sealing while others read."""

from __future__ import annotations

import json
import mmap
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import peers
from subject import Row, Subject, total
from throughput import wait_for_csv

SEALS, READERS, ROWS = 1000, 4, 500

SUBJECT = Subject(
    title="Sealing while others read",
    how=(
        "four processes read a run of 500 rows over and over through `epochal.open` while it is"
        " sealed and its journal deleted, then go on to the next run, 1,000 times; each reading"
        " must give every row once, with its value."
    ),
    rows=(
        Row("readings with an error", "errors", "readings", 0, fold=total, peers=False),
        Row(
            "readings with a row missing, doubled or wrong", "wrong", "readings", 0,
            fold=total, peers=False,
        ),
        Row("readings", "readings", "readings", fold=total, peers=False),
        Row("readings that began before a seal and ended after it", "across", "readings",
            fold=total, peers=False),
        Row("seals", "seals", "seals", fold=total, peers=False),
    ),
    cases=("epochal",),
    repeat=1,
    timeout_s=600.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:  # noqa: ARG001 - one case
    """Measure Epochal."""
    from epochal.store.seal import seal_run

    template, place = _template(folder), Path(folder) / "copies"
    count = SEALS // 20 if quick else SEALS
    copies = [_copy(template, place, number) for number in range(1, count + 1)]
    (place / "current").write_bytes(bytes(8))
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    argv = [sys.executable, __file__, str(place)]
    readers = [subprocess.Popen(argv, **pipes) for _ in range(READERS)]
    time.sleep(1.0)
    seals = 0
    with _shared(place) as memory:
        current = memoryview(memory).cast("Q")
        for number, copy in enumerate(copies, start=1):
            current[0] = number
            time.sleep(0.02 + 0.003 * (number % 7))
            seals += seal_run(str(copy)).deleted
            time.sleep(0.02)
        current[0] = count + 1
        current.release()
    found = {"seals": seals, "readings": 0, "errors": 0, "wrong": 0, "across": 0}
    for reader in readers:
        out, problems = reader.communicate(timeout=60)
        sys.stderr.write(problems)
        for key, value in json.loads(out).items():
            found[key] += value
    return found


def _template(folder: str) -> Path:
    """Return a finished run that is not sealed."""
    logger = peers.start("epochal", folder, seal=False, capture_environment=False)
    for step in range(ROWS):
        logger.log(peers.ten(step * 0.5), step)
    logger.finish()
    wait_for_csv(logger.run.dir, ROWS)
    time.sleep(1.0)  # the mirrors' cursors
    return Path(logger.run.dir)


def _copy(template: Path, place: Path, number: int) -> Path:
    copy = place / str(number) / "project" / template.name
    shutil.copytree(template, copy, ignore=shutil.ignore_patterns("csv", "json"))
    return copy


def _shared(place: Path) -> mmap.mmap:
    with (place / "current").open("r+b") as file:
        return mmap.mmap(file.fileno(), 8)


def main() -> None:
    """Be a reader; print what was found, and the first problem."""
    place = Path(sys.argv[1])
    found = {"readings": 0, "errors": 0, "wrong": 0, "across": 0}
    with _shared(place) as memory:
        current = memoryview(memory).cast("Q")
        while (number := current[0]) == 0 or (place / str(number)).exists():
            if number:
                _read(place / str(number), found)
        current.release()
    print(json.dumps(found))


def _read(root: Path, found: dict[str, int]) -> None:
    """Read a run once and count what came of it."""
    import epochal

    (journal,) = root.glob("project/*/journal")
    before = any(journal.iterdir())
    rows, problem = [], ""
    try:
        (run,) = epochal.open(str(root)).runs()
        series = run.series(peers.KEYS[0])
        rows = list(zip(series.steps.tolist(), series.values.tolist(), strict=True))
    except Exception as error:  # noqa: BLE001 - counted: that none comes is the promise
        problem = f"{type(error).__name__}: {error}"
    right = rows == [(step, step * 0.5) for step in range(ROWS)]
    found["readings"] += 1
    found["errors"] += bool(problem)
    found["wrong"] += not problem and not right
    found["across"] += before and not any(journal.iterdir())
    if (problem or not right) and found["errors"] + found["wrong"] == 1:
        print(problem or f"{len(rows)} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
