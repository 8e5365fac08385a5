"""How fast values get to the disk, and whether all of them do."""

from __future__ import annotations

import time
from pathlib import Path

import peers
from subject import Row, Subject, total, worst

CALLS, PEER_CALLS = 200_000, 20_000

SUBJECT = Subject(
    title="Throughput",
    how=(
        "200,000 calls (peers: 20,000) with 10 values in a tight loop, then `flush()`; W&B and"
        " Trackio have no flush, `finish()` is timed, though W&B's service process may"
        " write on after it. Then every row is read back from the journal and compared, and the CSV"
        " file is looked at until it has all lines."
    ),
    rows=(
        Row(
            "tight loop until all is on disk", "mvalues_per_s", "million values/s", 2.5, larger=True
        ),
        Row("rows lost or changed", "lost", "rows", 0, fold=total, peers=False),
        Row("CSV complete after `finish()` returned", "csv_s", "s", 5.0, fold=worst, peers=False),
    ),
    repeat=3,
)


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    calls = CALLS if case == "epochal" else PEER_CALLS
    calls = calls // 10 if quick and case != "epochal" else calls
    settings = {"seal": False} if case == "epochal" else {}
    logger = peers.start(case, folder, **settings)
    log, ten = logger.log, peers.ten
    began = time.perf_counter()
    for step in range(calls):
        log(ten(step * 0.5), step)
    logger.flush()
    took_s = time.perf_counter() - began
    logger.finish()
    found = {"mvalues_per_s": calls * 10 / took_s / 1e6}
    if case == "epochal":
        found["csv_s"] = wait_for_csv(logger.run.dir, calls)
        found["lost"] = lost_rows(logger.run.dir, calls)
    return found


def wait_for_csv(run_dir: str, rows: int, limit_s: float = 120.0) -> float:
    """Return after how many seconds the CSV file of steps has all rows and a header."""
    began = time.perf_counter()
    while time.perf_counter() - began < limit_s:
        lines = 0
        for path in Path(run_dir).glob("csv/*_steps.csv"):
            lines = path.read_bytes().count(b"\n")
        if lines >= rows + 1:
            return time.perf_counter() - began
        time.sleep(0.05)
    raise RuntimeError(f"the CSV file has {lines} of {rows + 1} lines after {limit_s:.0f} s")


def lost_rows(run_dir: str, rows: int) -> int:
    """Return how many rows are missing from the journal, doubled or changed."""
    from epochal.core.records import Row as Record
    from epochal.journal.reader import JournalReader

    reader = JournalReader(str(Path(run_dir) / "journal"))
    expected, wrong = 0, 0
    while records := reader.read():
        for record in records:
            if isinstance(record, Record):
                good = record.step == expected and record.values == peers.ten(record.step * 0.5)
                wrong += not good
                expected += 1
    return wrong + abs(rows - expected)
