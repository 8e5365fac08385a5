"""Reading one metric back with each logger's own means."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

READABLE = ("epochal", "tensorboard", "trackio", "csv")
"""W&B's offline files are read by its own program only."""


def read_in_fresh_process(case: str, folder: str, metric: str) -> dict[str, Any]:
    """Return ``ms`` (imports excluded), ``count`` and the ``last`` value of one metric.

    Raises:
        RuntimeError: the metric could not be read.
    """
    argv = [sys.executable, __file__, case, folder, metric]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def reader(case: str) -> Callable[[str, str], Sequence[float]]:
    """Return a function of (folder, metric); everything that it needs is imported now."""
    return {
        "epochal": _epochal, "tensorboard": _tensorboard, "trackio": _trackio, "csv": _csv,
    }[case]()  # fmt: skip


def _epochal() -> Callable[[str, str], Sequence[float]]:
    import pyarrow.parquet  # noqa: F401 - loaded now: imports are not timed

    import epochal

    epochal.open  # noqa: B018 - loads the read layer

    def read(folder: str, metric: str) -> Sequence[float]:
        return epochal.open(str(Path(folder) / "runs")).runs()[0].series(metric).values

    return read


def _tensorboard() -> Callable[[str, str], Sequence[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def read(folder: str, metric: str) -> Sequence[float]:
        events = EventAccumulator(str(Path(folder) / "events"), size_guidance={"scalars": 0})
        events.Reload()
        return [event.value for event in events.Scalars(metric)]

    return read


def _trackio() -> Callable[[str, str], Sequence[float]]:
    from trackio import Api
    from trackio.sqlite_storage import SQLiteStorage

    def read(_: str, metric: str) -> Sequence[float]:
        run = Api().runs("bench")[0]
        found = SQLiteStorage.get_metric_values("bench", run.name, metric, run_id=run.id)
        return [point["value"] for point in found]

    return read


def _csv() -> Callable[[str, str], Sequence[float]]:
    def read(folder: str, metric: str) -> Sequence[float]:
        with (Path(folder) / "log.csv").open(newline="") as file:
            return [float(line[metric]) for line in csv.DictReader(file)]

    return read


def main() -> None:
    """Be the fresh process: read one metric and print what was found."""
    case, folder, metric = sys.argv[1:]
    os.environ["TRACKIO_DIR"] = str(Path(folder) / "trackio")  # read when it is imported
    read = reader(case)
    began = time.perf_counter()
    values = read(folder, metric)
    took_ms = (time.perf_counter() - began) * 1e3
    last = float(values[-1]) if len(values) else None
    print(json.dumps({"ms": took_ms, "count": len(values), "last": last}))


if __name__ == "__main__":
    main()
