"""Makes the folders of runs that the dashboard is measured on.

Usage: python benchmarks/dashboard_data.py KIND FOLDER [--quick]

Kinds: million, long, spikes, metrics, table.  What is recorded goes through Epochal's own writer
and is sealed; further runs are copies of these with an id, a name and a config of their own.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

METRICS = ("train/loss", "train/accuracy", "val/loss", "val/accuracy", "lr", "grad_norm")
SPIKES = 30
BATCH = 50_000
"""Rows between two flushes, so that the writer keeps up and nothing is dropped."""

ORIGINALS = 4
"""Runs of a folder that are recorded; the others are copies of these in turn."""


def million(root: str, *, quick: bool = False) -> list[Path]:
    """Make 100 runs of 1,000,000 steps with 6 metrics: two learning rates with 50 seeds each."""
    runs, steps = (10, 100_000) if quick else (100, 1_000_000)
    return _many(root, runs, lambda number: curves_of(number, steps))


def long(root: str, *, quick: bool = False) -> list[Path]:
    """Make a run whose only metric has ten million points."""
    steps = 1_000_000 if quick else 10_000_000
    return _many(root, 1, lambda number: {"loss": _noisy(number, steps)})


def spikes(root: str, *, quick: bool = False) -> list[Path]:
    """Make 50 runs of a million noisy points, each with 30 spikes of a single step."""
    runs, steps = (5, 100_000) if quick else (50, 1_000_000)

    def values(number: int) -> dict[str, np.ndarray]:
        loss = _noisy(number, steps)
        at, heights = spikes_of(number % ORIGINALS, steps)
        loss[at] = heights
        return {"loss": loss}

    return _many(root, runs, values)


def spikes_of(original: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the spikes of an original are, and how high."""
    rng = np.random.default_rng(1000 + original)
    at = np.sort(rng.choice(steps, SPIKES, replace=False))
    return at, 10.0 + np.arange(SPIKES) / 8.0


def metrics(root: str, *, quick: bool = False) -> list[Path]:
    """Make a run with 1,000 metrics in 20 sections."""
    names = [f"section{n // 50:02d}/metric{n:04d}" for n in range(200 if quick else 1000)]
    return _many(root, 1, lambda _: {name: _noisy(n, 1000) for n, name in enumerate(names)})


def table(root: str, *, quick: bool = False) -> list[Path]:
    """Make 10,000 runs of 100 steps."""
    return _many(root, 500 if quick else 10_000, lambda number: curves_of(number, 100))


KINDS: dict[str, Callable[..., list[Path]]] = {
    "million": million, "long": long, "spikes": spikes, "metrics": metrics, "table": table,
}  # fmt: skip


def record(
    root: str, name: str, columns: Mapping[str, np.ndarray], config: Mapping[str, Any]
) -> Path:
    """Record a run of the project "bench" and seal it.

    Args:
        root: folder of all runs.
        name: the run's.
        columns: values by metric, one for each step from 0 on.
        config: the run's.
    """
    import epochal
    from epochal.store.seal import seal_run

    run = epochal.init(
        project="bench", name=name, config=dict(config), dir=root, follow="off", sinks=(),
        seed=config["seed"], capture_environment=False, log_system=False, log_memory=False,
    )  # fmt: skip
    keys = list(columns)
    length = len(columns[keys[0]])
    for start in range(0, length, BATCH):
        part = np.column_stack([columns[key][start : start + BATCH] for key in keys])
        for step, row in enumerate(part.tolist(), start):
            run.log(dict(zip(keys, row, strict=True)), step)
            if step % 2000 == 0:
                run.flush()  # a ring holds about that many rows
    run.finish()
    seal_run(run.dir)
    return Path(run.dir)


def copy(original: Path, number: int, config: Mapping[str, Any]) -> Path:
    """Copy a sealed run, giving it an identity of its own."""
    about = json.loads((original / "run.json").read_text())
    mine = {
        **about, "id": f"bench{number:05d}", "name": f"run-{number:05d}", "config": dict(config),
        "seed": config["seed"], "created_s": about["created_s"] + number,
    }  # fmt: skip
    target = original.with_name(original.name.removesuffix(about["id"]) + mine["id"])
    shutil.copytree(original, target)
    (target / "run.json").write_text(json.dumps(mine))
    return target


def _many(root: str, count: int, values: Callable[[int], dict[str, np.ndarray]]) -> list[Path]:
    """Return so many runs: a few that are recorded, and copies of them."""
    originals = [
        record(root, f"original-{number}", values(number), config_of(number))
        for number in range(min(ORIGINALS, count))
    ]
    made = [
        copy(originals[number % ORIGINALS], number, config_of(number)) for number in range(count)
    ]
    for original in originals:
        shutil.rmtree(original)
    return made


def config_of(number: int) -> dict[str, Any]:
    """Return the config of a run."""
    return {
        "lr": (1e-3, 3e-3)[number % 2], "seed": number // 2,
        "model": {"width": 64 << number % 3, "dropout": round(number * 0.618 % 1, 4)},
    }  # fmt: skip


def curves_of(number: int, steps: int) -> dict[str, np.ndarray]:
    """Return what a training of so many steps may have logged, as float32 numbers are."""
    rng = np.random.default_rng(number)
    done = np.arange(1, steps + 1) / steps
    falling = (0.3 + 0.02 * (number % ORIGINALS)) + 2.0 * np.exp(-done * (4 + number % 2))
    noise = 0.05 * rng.standard_normal((len(METRICS), steps))
    columns = (
        falling + noise[0], 1 - falling / 3 + noise[1] / 5, falling * 1.1 + noise[2] / 2,
        1 - falling / 2.8 + noise[3] / 10, 1e-3 * np.minimum(done * 20, 1 - done),
        np.abs(1 + noise[5] * 4),
    )  # fmt: skip
    single = (each.astype(np.float32).astype(np.float64) for each in columns)
    return dict(zip(METRICS, single, strict=True))


def _noisy(number: int, steps: int) -> np.ndarray:
    """Return a falling loss with noise, as float32 numbers are."""
    rng = np.random.default_rng(number)
    values = np.exp(-np.linspace(0, 3, steps)) + 0.05 * rng.standard_normal(steps)
    return values.astype(np.float32).astype(np.float64)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    arguments = parser.parse_args()
    made = KINDS[arguments.kind](arguments.folder, quick=arguments.quick)
    print(f"{len(made):,} runs in {arguments.folder}")


if __name__ == "__main__":
    main()
