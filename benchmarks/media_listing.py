"""How long it takes to list many small media, and how many files they take."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import peers
from subject import Row, Subject

MEDIA, AT_ONCE, READ = 100_000, 1000, 2000

SUBJECT = Subject(
    title="Many media",
    how=(
        "100,000 images of 1 kB (18 x 18 pixels of noise) are logged under two names; a fresh"
        " process opens the run, finds all of them with name, step, type and caption, imports"
        " excluded, median of 3 such processes; first from the journal, then from the sealed files;"
        " then it reads the bytes of 2,000 in turn and checks their hashes."
    ),
    rows=(
        Row("list 100,000 media, from the journal", "journal_s", "s", 0.5, peers=False),
        Row("list 100,000 media, sealed", "sealed_s", "s", 0.5, peers=False),
        Row("read one of them", "read_us", "µs", peers=False),
        Row("files of the run with 100,000 media, mirrors included", "files", "files", 200,
            peers=False),
    ),
    cases=("epochal",),
    repeat=1,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure Epochal."""
    count = MEDIA // 10 if quick else MEDIA
    run_dir = _record(case, folder, count)
    journal = [_listed(run_dir, count)["list_s"] for _ in range(3)]
    _seal(run_dir)
    sealed = [_listed(run_dir, count) for _ in range(3)]
    scale = MEDIA / count
    return {
        "journal_s": statistics.median(journal) * scale,
        "sealed_s": statistics.median(each["list_s"] for each in sealed) * scale,
        "read_us": statistics.median(each["read_us"] for each in sealed),
        "files": sum(path.is_file() for path in Path(run_dir).rglob("*")),
    }


def _record(case: str, folder: str, count: int) -> str:
    import numpy as np

    import epochal

    rng = np.random.default_rng(0)
    logger = peers.start(case, folder, seal=False)
    for step in range(count):
        pixels = rng.integers(0, 256, (18, 18, 3), np.uint8)
        key = "val/samples" if step % 2 else "samples"
        logger.log({key: epochal.Image(pixels, caption=f"of step {step}")}, step=step)
        if step % AT_ONCE == 0:
            logger.flush()  # a loop of nothing but media is faster than any encoder
    logger.finish()
    return logger.run.dir


def _seal(run_dir: str) -> None:
    """Seal, as soon as the mirrors have followed."""
    from epochal.store.seal import seal_run

    deadline = time.monotonic() + 120
    while True:
        seal_run(run_dir)
        if not any(Path(run_dir, "journal").glob("*.seg")):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the journal of a finished run could not be sealed within 120 s")
        time.sleep(0.5)


def _listed(run_dir: str, count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, run_dir, str(count)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def list_and_read(run_dir: str, count: int) -> dict[str, float]:
    """List a run's media and read some of them."""
    import epochal.store.parquet  # noqa: F401 - loaded now: imports are not timed
    from epochal.read.view import RunView

    began = time.perf_counter()
    found = [(m.key, m.step, m.type, m.caption) for m in RunView(run_dir).media]
    list_s = time.perf_counter() - began
    if len(found) != count or found[-1][1:] != (count - 1, "image", f"of step {count - 1}"):
        raise RuntimeError(f"{len(found)} of {count} media, the last one is {found[-1:]}")
    media = RunView(run_dir).media[:READ]
    began = time.perf_counter()
    for each in media:
        each.read()
    return {"list_s": list_s, "read_us": (time.perf_counter() - began) / len(media) * 1e6}


if __name__ == "__main__":
    print(json.dumps(list_and_read(sys.argv[1], int(sys.argv[2]))))
