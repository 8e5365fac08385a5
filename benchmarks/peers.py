"""The loggers that are measured, each behind the same four calls."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import os
from pathlib import Path
from typing import Any

NAMES = {
    "epochal": "Epochal", "tensorboard": "TensorBoard", "wandb": "W&B offline",
    "trackio": "Trackio", "csv": "csv module",
}  # fmt: skip
NEEDS = {
    "epochal": ("epochal",), "tensorboard": ("torch", "tensorboard"), "wandb": ("wandb",),
    "trackio": ("trackio",), "csv": (),
}  # fmt: skip
KEYS = (
    "train/loss", "train/accuracy", "lr", "grad_norm", "tokens_per_s",
    "memory_mb", "loss_scale", "momentum", "weight_norm", "update_ratio",
)  # fmt: skip


def missing(case: str) -> list[str]:
    """Return the packages that a case needs and that are not installed."""
    needs = NEEDS.get(case, ())
    return [package for package in needs if importlib.util.find_spec(package) is None]


def ten(x: float) -> dict[str, float]:
    """Return ten scalars as a training step logs them."""
    return {
        "train/loss": x, "train/accuracy": x + 0.1, "lr": 1e-3, "grad_norm": x * 2.0,
        "tokens_per_s": 1e5 + x, "memory_mb": 812.5, "loss_scale": 65536.0, "momentum": 0.9,
        "weight_norm": x + 12.5, "update_ratio": x * 1e-3,
    }  # fmt: skip


class Epochal:
    """``epochal.init`` with its defaults: csv and json mirrors, in a follower process."""

    def __init__(self, folder: str, **settings: Any) -> None:
        import epochal

        self.run = epochal.init(project="bench", dir=str(Path(folder) / "runs"), **settings)
        self.log = self.run.log

    def flush(self) -> None:
        """Wait until the journal has everything."""
        if not self.run.flush(timeout=60):
            raise RuntimeError("flush took longer than 60 s")

    def finish(self) -> None:
        """End the run."""
        self.run.finish()


class TensorBoard:
    """``torch.utils.tensorboard.SummaryWriter``: one call for each scalar, as its users do."""

    def __init__(self, folder: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(Path(folder) / "events"))

    def log(self, values: dict[str, float], step: int) -> None:
        """Write each scalar."""
        for key, value in values.items():
            self._writer.add_scalar(key, value, step)

    def flush(self) -> None:
        """Write the queue to the file."""
        self._writer.flush()

    def finish(self) -> None:
        """Close the file."""
        self._writer.close()


class Wandb:
    """``wandb`` in offline mode; it has no flush, so ``flush`` is ``finish``."""

    def __init__(self, folder: str) -> None:
        import wandb

        self._run = wandb.init(project="bench", dir=folder, mode="offline")

    def log(self, values: dict[str, float], step: int) -> None:
        """Hand a row to the service process."""
        self._run.log(values, step=step)

    def flush(self) -> None:
        """End the run."""
        self.finish()

    def finish(self) -> None:
        """End the run; the second time does nothing."""
        self._run.finish()


class Trackio:
    """``trackio`` with its local database; it has no flush, so ``flush`` is ``finish``."""

    def __init__(self, folder: str) -> None:
        os.environ["TRACKIO_DIR"] = str(Path(folder) / "trackio")  # read when it is imported
        import trackio

        self._finished = False
        with contextlib.redirect_stdout(io.StringIO()):
            self._run = trackio.init(project="bench", embed=False, auto_log_gpu=False)

    def log(self, values: dict[str, float], step: int) -> None:
        """Queue a row."""
        self._run.log(values, step)

    def flush(self) -> None:
        """End the run."""
        self.finish()

    def finish(self) -> None:
        """End the run; the second time does nothing."""
        if not self._finished:
            self._finished = True
            with contextlib.redirect_stdout(io.StringIO()):
                self._run.finish()


class PlainCsv:
    """The csv module, flushed at each row: what is logged is in the file when the call returns."""

    def __init__(self, folder: str) -> None:
        self._file = (Path(folder) / "log.csv").open("w", newline="")
        self._writer = csv.writer(self._file)
        self._head = False

    def log(self, values: dict[str, float], step: int) -> None:
        """Write a line."""
        if not self._head:
            self._head = True
            self._writer.writerow(["step", *values])
        self._writer.writerow([step, *values.values()])
        self._file.flush()

    def flush(self) -> None:
        """Do nothing: each row was flushed."""

    def finish(self) -> None:
        """Close the file."""
        self._file.close()


def start(case: str, folder: str, **settings: Any) -> Any:
    """Start a logger; settings are Epochal's."""
    if case == "epochal":
        return Epochal(folder, **settings)
    made = {"tensorboard": TensorBoard, "wandb": Wandb, "trackio": Trackio, "csv": PlainCsv}
    return made[case](folder)
