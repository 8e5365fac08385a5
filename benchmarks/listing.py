"""How long it takes to list and filter many runs."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from pathlib import Path

import peers
from size import wait_until_sealed
from subject import Row, Subject

RUNS = 10_000

SUBJECT = Subject(
    title="Many runs",
    how=(
        "10,000 copies of a sealed run, each with an id, name and learning rate of its own;"
        " `epochal.open(dir).runs('config.lr < 0.5 and summary[\"train/loss\"].min < 0.3')` in one"
        " process, 5 times with a warm catalog; then 5 times after a run was tagged."
    ),
    rows=(
        Row("list and filter 10,000 runs, warm catalog", "warm_ms", "ms", 150.0, peers=False),
        Row("the same after one run changed", "changed_ms", "ms", 300.0, peers=False),
        Row("the same with no catalog yet", "cold_s", "s", peers=False),
    ),
    cases=("epochal",),
    repeat=1,
)

FILTER = 'config.lr < 0.5 and summary["train/loss"].min < 0.3'


def measure(case: str, *, quick: bool, folder: str) -> dict[str, float]:  # noqa: ARG001 - one case
    """Measure Epochal."""
    import epochal

    count = RUNS // 10 if quick else RUNS
    _make_runs(folder, count)
    root = str(Path(folder) / "runs")

    def listed() -> float:
        began = time.perf_counter()
        found = len(epochal.open(root).runs(FILTER))
        took_s = time.perf_counter() - began
        if abs(found - count / 2) > 1:
            raise RuntimeError(f"the filter found {found} of {count} runs instead of half")
        return took_s

    cold_s = listed()
    warm = [listed() for _ in range(5)]
    changed = []
    for number in range(5):
        epochal.open(root).run(_id(number)).tag("changed")
        changed.append(listed())
    return {
        "cold_s": cold_s,
        "warm_ms": statistics.median(warm) * 1e3,
        "changed_ms": statistics.median(changed) * 1e3,
    }


def _id(number: int) -> str:
    return f"bench{number:05d}"


def _make_runs(folder: str, count: int) -> None:
    """Copy one real run, giving each copy an identity of its own."""
    logger = peers.start("epochal", folder, sinks=[], capture_environment=False)
    for step in range(100):
        logger.log(peers.ten(0.25 + step / 1000), step)
    logger.finish()
    wait_until_sealed(logger.run.dir)
    template = Path(logger.run.dir)
    about = json.loads((template / "run.json").read_text())
    stem = template.name.removesuffix(about["id"])
    for number in range(count):
        mine = {**about, "id": _id(number), "name": f"run {number}"}
        mine["config"] = {"lr": number / count, "seed": number % 5}
        copy = template.with_name(stem + _id(number))
        shutil.copytree(template, copy)
        (copy / "run.json").write_text(json.dumps(mine))
    shutil.rmtree(template)
