"""How many bytes and files a run takes."""

from __future__ import annotations

import random
import time
from pathlib import Path

import peers
from subject import LOGGERS, Row, Subject

STEPS, PEER_STEPS = 100_000, 5_000

SUBJECT = Subject(
    title="Size on disk",
    how=(
        "100,000 steps (peers: 5,000) with 10 columns of Gaussian noise in float64;"
        " then the same rounded to float32; bytes of the sealed files (peers: of everything"
        " written) / values; files: everything in the run folder after the end, mirrors included,"
        " of a run with 100,000 steps of 10 values and 5,000 texts."
    ),
    rows=(
        Row("bytes per value, Gaussian float64", "bytes_f64", "B", 7.5),
        Row("bytes per value, float32-valued", "bytes_f32", "B", 5.0),
        Row("bytes per value with the csv and json mirrors, float64", "bytes_all", "B",
            peers=False),
        Row("files of 100,000 steps and 5,000 texts", "files", "files", 40, case="epochal texts",
            peers=False),
    ),
    cases=(*LOGGERS, "epochal texts"),
    repeat=2,
)  # fmt: skip


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:
    """Measure one logger."""
    if case.endswith("texts"):
        return {"files": _files(folder)}
    steps = STEPS if case == "epochal" else PEER_STEPS
    steps = steps // 4 if quick else steps
    found = {}
    for kind in ("bytes_f64", "bytes_f32"):
        place = Path(folder) / kind
        place.mkdir()
        before = _bytes(Path(folder))
        logger = peers.start(case, str(place))
        _log_noise(logger, steps, single=kind.endswith("32"))
        logger.finish()
        values = steps * len(peers.KEYS)
        if case == "epochal":
            wait_until_sealed(logger.run.dir)
            sealed = Path(logger.run.dir) / "sealed"
            found[kind] = _bytes(sealed) / values
            found.setdefault("bytes_all", _bytes(Path(logger.run.dir)) / values)
        else:
            time.sleep(0.5)  # a service process may still write
            found[kind] = (_bytes(Path(folder)) - before) / values
    return found


def _log_noise(logger, steps: int, *, single: bool) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    noise = rng.standard_normal((steps, len(peers.KEYS)))
    if single:
        noise = noise.astype(np.float32).astype(np.float64)
    for step, row in enumerate(noise.tolist()):
        logger.log(dict(zip(peers.KEYS, row, strict=True)), step)


def _bytes(folder: Path) -> int:
    skip = ("figures.json", "output.txt")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files if path.name not in skip)


def wait_until_sealed(run_dir: str, limit_s: float = 120.0) -> None:
    """Wait for the follower process to seal a finished run."""
    journal, sealed = Path(run_dir) / "journal", Path(run_dir) / "sealed"
    deadline = time.monotonic() + limit_s
    while any(journal.glob("0001-*.seg")) or not any(sealed.glob("*.parquet")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the run was not sealed within {limit_s:.0f} s")
        time.sleep(0.05)


def _files(folder: str) -> int:
    logger = peers.start("epochal", folder)
    rng = random.Random(0)
    for step in range(100_000):
        logger.log(peers.ten(rng.random()), step)
        if step % 20 == 0:
            logger.log({"sample": f"text {step}: " + "word " * 10}, step)
    logger.finish()
    wait_until_sealed(logger.run.dir)
    return sum(path.is_file() for path in Path(logger.run.dir).rglob("*"))
