"""Training while a mirror hangs or raises, or the disk is full."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faulty_sinks
import peers
from subject import Row, Subject, total, trimmed_mean, worst
from training_step import Model, Training, compare

FULL_S = 10.0
SMALL_DISK = 64 << 20

WHAT = {
    "hanging": "a mirror hangs",
    "raising": "a mirror raises",
    "hanging object": "a Sink object in the training process hangs",
    "raising object": "a Sink object in the training process raises",
    "disk full": "disk full for 10 s",
    "overflow": "disk full, logging without pause",
}

SUBJECT = Subject(
    title="Faults",
    how=(
        "the training step of above, blocks with and without logging in turn, csv and json on; a"
        " third mirror whose `write` never returns, or always raises; or a tmpfs of 64 MB with the"
        " run in it that another file fills for 10 s. Afterwards every row that was logged is"
        " looked for in the journal. Logging without pause while the disk is full is meant to drop"
        " rows: they must be counted."
    ),
    rows=(
        *(
            Row(f"slowdown of a 0.8 ms step, {what}", "slowdown_pct", "%",
                None if "object" in case else 1.5, fold=trimmed_mean, case=case, peers=False)
            for case, what in WHAT.items() if case != "overflow"
        ),
        *(
            Row(f"rows neither in the journal nor counted, {what}", "unaccounted", "rows", 0,
                fold=total, case=case, peers=False)
            for case, what in WHAT.items()
        ),
        Row("rows dropped and counted, disk full for 10 s", "dropped", "rows", 0, fold=total,
            case="disk full", peers=False),
        Row("rows of 100,000 dropped and counted, disk full, logging without pause", "dropped",
            "rows", case="overflow", peers=False),
        Row("`finish()` with a mirror that hangs", "finish_s", "s", 2.0, fold=worst,
            case="hanging", peers=False),
    ),
    cases=tuple(WHAT),
    repeat=1,
    afterwards_s=5.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, Any]:
    """Measure one fault."""
    logging.getLogger("epochal").setLevel(logging.ERROR)
    if case in ("disk full", "overflow"):
        return _on_small_disk(case, folder, quick=quick)
    where = faulty_sinks.install(Path(folder) / "plugins")
    os.environ["PYTHONPATH"] = where  # the follower process finds the plug-in by it
    sys.path[:0] = where.split(":")
    fault, _, as_object = case.partition(" ")
    sink = getattr(faulty_sinks, fault.capitalize())() if as_object else fault
    logger = peers.start("epochal", folder, seal=False, sinks=["csv", "json", sink])
    training = Training(Model(), logger.log)
    training.block(0.5, logging=True)
    found = compare(training, least=6, limit_s=25.0, quick=quick)
    return {**found, **_end(logger, training.logged)}


def _end(logger: peers.Epochal, logged: int) -> dict[str, float]:
    began = time.perf_counter()
    logger.finish()
    finish_s = time.perf_counter() - began
    dropped = logger.run.health().dropped
    return {
        "finish_s": finish_s, "dropped": dropped,
        "unaccounted": abs(logged - _rows(logger.run.dir) - dropped),
    }  # fmt: skip


def _rows(run_dir: str) -> int:
    """Count the rows in the journal that the training logged: the machine's samples are ours."""
    from epochal.core.records import Row as Record
    from epochal.journal.reader import JournalReader

    reader, rows = JournalReader(str(Path(run_dir) / "journal")), 0
    while records := reader.read():
        own = (record for record in records if isinstance(record, Record))
        rows += sum(record.phase != "system" for record in own)
    return rows


# -- the full disk ---------------------------------------------------------------------------------


def _on_small_disk(case: str, folder: str, *, quick: bool) -> dict[str, Any]:
    """Go on in a mount namespace of its own, with a small tmpfs at ``folder``/disk."""
    if not shutil.which("unshare"):
        raise RuntimeError("needs unshare (util-linux) for a small disk of its own")
    disk = Path(folder) / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'
    full_s = FULL_S * (0.3 if quick else 1.0)
    argv = [sys.executable, __file__, case, str(disk), str(full_s)]
    for flags in ("-m", "-Urm"):
        ways = ["unshare", flags, "sh", "-c", script, "sh", str(SMALL_DISK), str(disk)]
        done = subprocess.run([*ways, *argv], check=False, capture_output=True, text=True)
        if done.stdout.startswith("{"):
            return json.loads(done.stdout)
    raise RuntimeError(f"no small disk could be had: {done.stderr.strip().splitlines()[-1:]}")


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def _train_on_full_disk(disk: Path, full_s: float) -> dict[str, Any]:
    logger = peers.start("epochal", str(disk), seal=False)
    training = Training(Model(), logger.log)
    training.block(1.0, logging=True)
    filler = _fill(disk)
    rng, began, slowdowns = random.Random(0), time.monotonic(), []
    while time.monotonic() - began < full_s:
        slowdowns.append(training.pair(rng, 0.5)[0])
    filler.unlink()
    logger.flush()
    return {"slowdown_pct": slowdowns, **_end(logger, training.logged)}


def _overflow(disk: Path) -> dict[str, Any]:
    logger = peers.start("epochal", str(disk), seal=False)
    logger.log(peers.ten(0.5), 0)
    logger.flush()
    filler = _fill(disk)
    logged = 100_000
    for step in range(1, logged):
        logger.log(peers.ten(0.5), step)
    filler.unlink()
    logger.flush()
    return _end(logger, logged)


def main() -> None:
    """Be the process on the small disk; print the figures."""
    case, disk, full_s = sys.argv[1:]
    os.environ["TMPDIR"] = tempfile.gettempdir()
    logging.getLogger("epochal").setLevel(logging.ERROR)
    if case == "overflow":
        found = _overflow(Path(disk))
    else:
        found = _train_on_full_disk(Path(disk), float(full_s))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
