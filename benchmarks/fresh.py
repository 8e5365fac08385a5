"""Each measurement in a fresh process that leaves nothing running behind."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36


class MeasurementError(Exception):
    """A measurement that could not be taken; its text says why."""


def adopt_orphans() -> None:
    """Become the parent of processes that measured processes leave behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def measure(
    subject: str, case: str, *, quick: bool, timeout_s: float, afterwards_s: float = 60.0
) -> dict[str, Any]:
    """Run one case of a subject in a fresh process and return its figures.

    Raises:
        MeasurementError: it failed or took too long.
    """
    folder = Path(tempfile.mkdtemp(prefix="epochal-bench-"))
    out, log = folder / "figures.json", folder / "output.txt"
    argv = [sys.executable, __file__, subject, case, "quick" if quick else "full", str(folder)]
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=folder, env=_environment(folder), start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                raise MeasurementError(f"took longer than {timeout_s:.0f} s") from None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()
                _let_end(afterwards_s)
        if not out.exists():
            lines = log.read_text(errors="replace").strip().splitlines()
            raise MeasurementError(lines[-1] if lines else f"exit status {process.returncode}")
        return json.loads(out.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which no logger finds settings, a network or a home."""
    # Without bytecode, what was edited last would be compiled at each import and timed with it.
    left_out = ("EPOCHAL_", "WANDB_", "TRACKIO_", "MLFLOW_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return {
        **kept, "WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(folder),
        "WANDB_CACHE_DIR": str(folder), "WANDB_CONFIG_DIR": str(folder),
        "WANDB_DATA_DIR": str(folder),
        "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1",
        "XDG_CACHE_HOME": str(folder / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }  # fmt: skip


def _let_end(afterwards_s: float) -> None:
    """Wait for adopted helper processes, so that they do not disturb the next measurement."""
    deadline = time.monotonic() + afterwards_s
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                time.sleep(0.02)
        for pid in children():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def children() -> list[int]:
    """Return the process ids of this process's children."""
    listed = Path("/proc/self/task").glob("*/children")
    return [int(pid) for path in listed for pid in path.read_text().split()]


def main() -> None:
    """Be the fresh process: measure and write the figures."""
    subject, case, extent, folder = sys.argv[1:]
    module = importlib.import_module(subject)
    figures = module.measure(case, quick=extent == "quick", folder=folder)
    draft = Path(folder) / "figures.draft"
    draft.write_text(json.dumps(figures))
    draft.rename(Path(folder) / "figures.json")


if __name__ == "__main__":
    main()
