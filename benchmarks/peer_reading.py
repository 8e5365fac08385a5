"""Reading one metric back with each logger's own means."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

READABLE = ("epochal", "tensorboard", "trackio", "csv")
"""W&B's offline files are read by its own program only."""


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
