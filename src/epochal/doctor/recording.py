"""Checks that really record: written, read back, mirrored, sealed, killed."""

from __future__ import annotations

import contextlib
import csv
import glob
import importlib.util
import os
import signal
import subprocess
import sys
import time
from typing import Any

from epochal.core import ring
from epochal.doctor.finding import Finding, Patient, failed, ok, warning
from epochal.journal import frames, recovery
from epochal.store import cursor

ROWS = 1000
MIRRORS_S = 20.0

WRITES = """
import os, signal, sys
import epochal

def bytes_as_picture():
    import numpy

    return numpy.arange(256, dtype=numpy.uint8).reshape(16, 16)

folder, ends = sys.argv[1:]
run = epochal.init(
    project="doctor", name=ends, dir=folder, mode="on", strict=True, ranks="all", seal=False,
    sinks=("csv", "json"), capture_environment=False, log_system=False, log_memory=False,
    follow="process" if ends == "finished" else "off",
)
print(run.dir, flush=True)
for step in range({rows}):
    run.log({{"loss": 1 / (step + 3), "odd": [0.1, -0.0, float("inf")][step % 3]}}, step=step)
if ends == "finished":
    run.log({{"picture": epochal.Image(bytes_as_picture())}}, step=0)
if ends == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
run.finish()
"""


def _write(patient: Patient, ends: str) -> tuple[str, int]:
    """Record a run in a process of its own; return its folder and the process's status."""
    code = WRITES.format(rows=ROWS)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code, patient.folder, ends],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": path, "RANK": "0", "WORLD_SIZE": "1"}, cwd=patient.folder,
    )  # fmt: skip
    run_dir = done.stdout.strip()
    if not run_dir:
        raise RuntimeError(done.stderr or f"a process that records ended with {done.returncode}")
    return run_dir, done.returncode


def _expected() -> dict[str, list[float]]:
    odd = (0.1, -0.0, float("inf"))
    return {
        "loss": [1 / (step + 3) for step in range(ROWS)],
        "odd": [odd[step % 3] for step in range(ROWS)],
    }


def _reads_back(run_dir: str) -> str:
    """Return what is wrong with the values of a run, "" if they are what was logged, bit by bit."""
    from epochal.read.project import open as open_project

    run = open_project(run_dir).run(run_dir)
    for metric, values in _expected().items():
        found = list(map(repr, run.series(metric).values.tolist()))
        if found != list(map(repr, values)):
            return f"{len(found):,} values of {metric!r} came back, not the {len(values):,} logged"
    return ""


def records(patient: Patient) -> Finding:
    """Record a run and read it back."""
    patient.run_dir, status = _write(patient, "finished")
    wrong = _reads_back(patient.run_dir)
    if wrong or status:
        return failed(wrong or f"the process ended with status {status}", "please report this")
    return ok(f"{ROWS:,} rows written and read back, every bit the same")


def media(patient: Patient) -> Finding:
    """Read the run's picture back."""
    from epochal.read.project import open as open_project

    (picture,) = open_project(patient.run_dir).run(patient.run_dir).media
    found = picture.array().reshape(-1).tolist()
    if found != [*range(256)]:
        return failed("a picture came back with other pixels", "please report this")
    return ok("a picture written and read back, every pixel the same")


def mirrors(patient: Patient) -> Finding:
    """Compare the CSV mirror with what was logged."""
    deadline = time.monotonic() + MIRRORS_S
    while not all(_finished(patient.run_dir, sink) for sink in ("csv", "json")):
        if time.monotonic() > deadline:
            remedy = "may this user start processes? follow='thread' does without one"
            return failed(f"no complete mirrors after {MIRRORS_S:.0f} s", remedy)
        time.sleep(0.05)
    (path,) = glob.glob(os.path.join(glob.escape(patient.run_dir), "csv", "*_steps.csv"))
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for metric, values in _expected().items():
        found = [repr(float(row[metric])) for row in rows if row.get(metric)]
        if found != list(map(repr, values)):
            return failed(f"column {metric!r} of the CSV file differs", "please report this")
    return ok("CSV and JSON are complete and equal to the journal")


def _finished(run_dir: str, sink: str) -> bool:
    return cursor.load(run_dir, sink).finished


def seals(patient: Patient) -> Finding:
    """Seal the run and read it back."""
    from epochal.store.seal import seal_run
    from epochal.store.verify import verify_run

    done = seal_run(patient.run_dir)
    wrong = _reads_back(patient.run_dir)
    checked = verify_run(patient.run_dir)
    if wrong or not checked.ok or not done.segments:
        return failed(wrong or "the sealed run does not verify", "please report this")
    sizes = f"{done.journal_bytes / 1e3:.0f} kB → {done.parquet_bytes / 1e3:.0f} kB"
    return ok(f"journal sealed as Parquet ({sizes}), every bit the same")


def survives(patient: Patient) -> Finding:
    """Kill a process that records and look what is left."""
    run_dir, status = _write(patient, "killed")
    if status != -signal.SIGKILL:
        return failed(f"the process ended with {status}, not by SIGKILL", "please report this")
    for segment in frames.segments(os.path.join(run_dir, "journal")):
        with contextlib.suppress(FileNotFoundError):
            recovery.recover(session=segment.session)
    wrong = _reads_back(run_dir)
    if not wrong:
        return ok(f"a process was killed after {ROWS:,} rows: none lost")
    if ring.ring_folders(make=True):
        return failed(wrong, "please report this")
    return warning(wrong, "there is no shared memory, see above")


def queries(patient: Patient) -> Finding:
    """Ask SQL."""
    from epochal.read.project import open as open_project

    if importlib.util.find_spec("duckdb") is None:
        return Finding("", "ok", "not installed", "if you want it: pip install 'epochal[sql]'")
    query = "select count(*) as n from points where metric = 'loss'"
    found: Any = open_project(patient.folder).sql(query)
    (count,) = found.to_pydict()["n"]
    if count != 2 * ROWS:
        return failed(f"{count:,} points counted of {2 * ROWS:,}", "please report this")
    return ok(f"{count:,} points counted")
