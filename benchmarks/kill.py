"""What a SIGKILL right after a call costs."""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import peer_reading
import peers
from subject import Row, Subject, total, worst

KILLS, PEER_KILLS = 200, 8

SUBJECT = Subject(
    title="Killed",
    how=(
        "a writer stores the number of calls that have returned in shared memory, at 1 kHz or as"
        " fast as it can; after 0.05 to 0.5 s it gets SIGKILL, every second time with its whole"
        " process group; the run is recovered and every row read back is compared. Epochal: 200"
        " kills, half of them unpaced; peers: 8, paced, the most rows lost at once."
    ),
    rows=(
        Row("rows lost, all kills together", "lost", "rows", 0, fold=total, peers=False),
        Row("rows wrong or doubled, all kills together", "wrong", "rows", 0, fold=total,
            peers=False),
        Row("rows acknowledged, all kills together", "rows", "rows", fold=total, peers=False),
        Row("most rows lost by one kill, paced at 1 kHz", "most_lost", "rows", 0, fold=worst),
    ),
    cases=peer_reading.READABLE,
    repeat=1,
    timeout_s=600.0,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Kill writers of one logger again and again."""
    kills = KILLS if case == "epochal" else PEER_KILLS
    kills = max(1, kills // 16) if quick else kills
    rng = random.Random(0)
    found = {"lost": 0, "wrong": 0, "rows": 0, "most_lost": 0}
    for number in range(kills):
        place = Path(folder) / str(number)
        place.mkdir()
        paced = case != "epochal" or number % 2 == 0
        group = case == "epochal" and number // 2 % 2 == 0
        after_s = rng.uniform(0.05, 0.5) if case == "epochal" else rng.uniform(1.0, 2.0)
        said = _kill_writer(case, place, after_s=after_s, paced=paced, group=group)
        lost, wrong = (
            _check_epochal(place, said) if case == "epochal" else _check_peer(case, place, said)
        )
        found["lost"] += lost
        found["wrong"] += wrong
        found["rows"] += said
        found["most_lost"] = max(found["most_lost"], lost if paced else 0)
    return found


def _kill_writer(case: str, place: Path, *, after_s: float, paced: bool, group: bool) -> int:
    """Start a writer, kill it, and return how many of its calls had returned."""
    shared = place / "returned"
    shared.write_bytes(bytes(8))
    argv = [sys.executable, __file__, case, str(place), "paced" if paced else "tight"]
    with shared.open("r+b") as file, mmap.mmap(file.fileno(), 8) as memory:
        returned = memoryview(memory).cast("Q")
        writer = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL)
        while returned[0] == 0 and writer.poll() is None:
            time.sleep(0.001)
        time.sleep(after_s)
        if writer.poll() is not None:
            raise RuntimeError(f"the writer ended by itself with status {writer.returncode}")
        if group:
            os.killpg(writer.pid, signal.SIGKILL)
        else:
            writer.kill()
        writer.wait()
        said = returned[0]
        returned.release()
    return said


def _check_epochal(place: Path, said: int) -> tuple[int, int]:
    """Recover the run and return the rows lost and the rows wrong.

    One row more than said is right: the kill may come after it was recorded and before it was said.
    """
    from epochal.core.records import Event
    from epochal.core.records import Row as Record
    from epochal.journal import recovery
    from epochal.journal.reader import JournalReader

    (run_file,) = place.glob("runs/*/*/run.json")
    reader = JournalReader(str(run_file.parent / "journal"))
    rows: list[Record] = []
    ended, deadline = False, time.monotonic() + 20
    while not ended and time.monotonic() < deadline:  # the follower process may be at it, too
        recovery.recover()
        while records := reader.read():
            rows += [each for each in records if isinstance(each, Record)]
            ended |= any(isinstance(e, Event) and e.kind == "end" for e in records)
        time.sleep(0.005)
    wrong = sum(row.values != peers.ten(row.step * 0.5) for row in rows)
    steps = {int(row.step) for row in rows}
    wrong += len(rows) - len(steps) + len(steps - set(range(said + 1)))
    return len(set(range(said)) - steps), wrong


def _check_peer(case: str, place: Path, said: int) -> tuple[int, int]:
    try:
        count = peer_reading.read_in_fresh_process(case, str(place), peers.KEYS[0])["count"]
    except RuntimeError:  # nothing was written, not even a file
        count = 0
    return max(0, said - count), 0


def main() -> None:
    """Be the writer: log until killed."""
    case, place, pace = sys.argv[1:]
    settings = {"seal": False} if case == "epochal" else {}  # the journal is compared
    logger = peers.start(case, place, **settings)
    with (Path(place) / "returned").open("r+b") as file:
        returned = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    step = 0
    while True:
        logger.log(peers.ten(step * 0.5), step)
        step += 1
        returned[0] = step  # one aligned store: never seen half
        if pace == "paced":
            time.sleep(0.001)


if __name__ == "__main__":
    main()
