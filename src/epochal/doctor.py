"""The doctor: does recording work here, from the first row to the sealed file, killed or not?

Nothing is assumed: a run is really written in a temporary folder beside the runs, read back,
sealed and read again; another one is killed and saved.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from epochal.core import ring
from epochal.core.errors import EpochalError
from epochal.journal import frames, recovery
from epochal.store import cursor

ROWS = 1000
MIRRORS_S = 20.0
LOW_DISK_BYTES = 1_000_000_000
CLOCK_S = 2.0

EXTRAS = {
    "sql": ("duckdb", "SQL over runs"),
    "torch": ("torch", "tensors as values, and `epochal demo`"),
    "pandas": ("pandas", "tables as data frames"),
}

WRITES = """
import os, signal, sys
import epochal

folder, ends = sys.argv[1:]
run = epochal.init(
    project="doctor", name=ends, dir=folder, mode="on", strict=True, ranks="all", seal=False,
    sinks=("csv", "json"), capture_environment=False,
    follow="process" if ends == "finished" else "off",
)
print(run.dir, flush=True)
for step in range({rows}):
    run.log({{"loss": 1 / (step + 3), "odd": [0.1, -0.0, float("inf")][step % 3]}}, step=step)
if ends == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
run.finish()
"""


class Finding(NamedTuple):
    """What one check found.

    Attributes:
        name: what was checked.
        state: "ok", "warning" (something is missing that can be missing) or "failed".
        detail: what was found.
        remedy: what to do about it, "" if nothing has to be done.
    """

    name: str
    state: str
    detail: str
    remedy: str = ""


class _Patient:
    """Where the checks write: a temporary folder, in the folder of runs where that can be."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.parent = base
        while not os.path.isdir(self.parent):
            self.parent = os.path.dirname(self.parent)
        writable = os.access(self.parent, os.W_OK | os.X_OK)
        place = self.parent if writable else None
        self.folder = tempfile.mkdtemp(prefix=".epochal-doctor-", dir=place)
        self.run_dir = ""


def examine(base: str) -> Iterator[Finding]:
    """Yield the findings of all checks, one after the other; takes a few seconds.

    Args:
        base: folder of runs, which need not exist; nothing in it is changed.

    Example:
        >>> import tempfile
        >>> next(examine(tempfile.gettempdir())).name
        'Python'
    """
    patient = _Patient(base)
    try:
        for name, check in CHECKS.items():
            try:
                yield check(patient)._replace(name=name)
            except Exception as error:  # noqa: BLE001 - a check that breaks is a finding, told
                why = str(error).strip() or type(error).__name__
                remedy = "" if isinstance(error, EpochalError) else "please report this"
                yield Finding(name, "failed", why.splitlines()[-1], remedy)
    finally:
        shutil.rmtree(patient.folder, ignore_errors=True)


def _ok(detail: str) -> Finding:
    return Finding("", "ok", detail)


def _failed(detail: str, remedy: str) -> Finding:
    return Finding("", "failed", detail, remedy)


def _warning(detail: str, remedy: str) -> Finding:
    return Finding("", "warning", detail, remedy)


# -- the machine -----------------------------------------------------------------------------


def _python(_: _Patient) -> Finding:
    version = f"{sys.implementation.name} {sys.version.split()[0]} on {sys.platform}"
    if sys.platform != "linux":
        return _warning(version, "a killed process may lose its last 200 ms; only Linux keeps them")
    return _ok(version)


def _packages(_: _Patient) -> Finding:
    wrong, there = [], []
    for line in importlib.metadata.requires("epochal") or []:
        requirement, _sep, marker = line.partition(";")
        match = re.match(r"([A-Za-z0-9_.-]+)(?:>=([0-9.]+))?", requirement.strip())
        if match is None or "extra" in marker or ("python_version" in marker and _has_toml()):
            continue
        name, least = match.groups()
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        there.append(f"{name} {version}")
        if least and _numbers(version) < _numbers(least):
            wrong.append(f"{name} {version} is older than {least}")
    if wrong:
        return _failed("; ".join(wrong), "pip install --upgrade epochal")
    return _ok(", ".join(there))


def _has_toml() -> bool:
    return sys.version_info >= (3, 11)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _extras(_: _Patient) -> Finding:
    there, missing = [], []
    for extra, (module, gives) in EXTRAS.items():
        try:
            there.append(f"{extra} ({module} {importlib.metadata.version(module)})")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{extra} ({gives})")
    detail = "installed: " + (", ".join(there) or "none")
    if not missing:
        return _ok(detail)
    names = ",".join(entry.partition(" ")[0] for entry in missing)
    how = f"if you want them: pip install 'epochal[{names}]'"
    return Finding("", "ok", f"{detail}; not installed: {', '.join(missing)}", how)


def _memory(_: _Patient) -> Finding:
    places = ring.ring_folders(make=True)
    need = 2 * ring.PROCESS_BUDGET_BYTES
    found = []
    for place in places:
        room = os.statvfs(place)
        free = room.f_bavail * room.f_frsize
        if free >= need:
            detail = f"{place}, {free / 1e6:,.0f} MB free"
            if place.startswith("/dev/shm"):  # noqa: S108 - only its name is looked at
                return _ok(detail)
            return _warning(detail, "without /dev/shm each row may cost a disk write")
        found.append(f"{place} has {free / 1e6:.1f} MB free")
    remedy = "mount more at /dev/shm (containers: --shm-size=64m); until then a killed process may"
    return _warning("; ".join(found) or "none", f"{remedy} lose its last 200 ms")


def _folder(patient: _Patient) -> Finding:
    base = patient.base
    if not os.access(patient.parent, os.W_OK | os.X_OK):
        remedy = "give another folder: dir= of epochal.init, or EPOCHAL_DIR"
        return _failed(f"{patient.parent} cannot be written", remedy)
    draft, final = (os.path.join(patient.folder, name) for name in ("draft", "final"))
    with open(draft, "x", encoding="ascii") as file:
        file.write("a" * 4096)
        file.flush()
        os.fsync(file.fileno())
    os.rename(draft, final)
    with open(final, encoding="ascii") as file:
        same = file.read() == "a" * 4096
    os.unlink(final)
    if not same:
        return _failed(f"{base} gives back other bytes than were written", "check that disk")
    return _ok(base if os.path.isdir(base) else f"{base} (made by the first run)")


def _disk(patient: _Patient) -> Finding:
    room = os.statvfs(patient.folder)
    free = room.f_bavail * room.f_frsize
    detail = f"{free / 1e9:,.1f} GB free"
    if free < LOW_DISK_BYTES:
        return _warning(detail, "free some space, or see what `epochal gc` can remove")
    if room.f_files and room.f_favail < 10_000:
        return _warning(f"{detail}, but only {room.f_favail:,} files", "remove some files there")
    return _ok(detail)


def _clock(patient: _Patient) -> Finding:
    path = os.path.join(patient.folder, "clock")
    before = time.time()
    with open(path, "x", encoding="ascii"):
        off = os.stat(path).st_mtime - before
    os.unlink(path)
    if abs(off) > CLOCK_S:
        remedy = "set both clocks (NTP); until then a run may be called lost, or alive, too early"
        return _warning(f"the clock of the run folder's disk is {off:+.1f} s off", remedy)
    if before < 1_700_000_000:
        return _failed(time.strftime("it says %Y-%m-%d", time.gmtime(before)), "set the clock")
    return _ok(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(before)))


# -- recording -------------------------------------------------------------------------------


def _write(patient: _Patient, ends: str) -> tuple[str, int]:
    """Record a run in a process of its own; return its folder and the process's status."""
    code = WRITES.format(rows=ROWS)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code, patient.folder, ends],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": path}, cwd=patient.folder,
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


def _records(patient: _Patient) -> Finding:
    patient.run_dir, status = _write(patient, "finished")
    wrong = _reads_back(patient.run_dir)
    if wrong or status:
        return _failed(wrong or f"the process ended with status {status}", "please report this")
    return _ok(f"{ROWS:,} rows written and read back, every bit the same")


def _mirrors(patient: _Patient) -> Finding:
    deadline = time.monotonic() + MIRRORS_S
    while not all(_finished(patient.run_dir, sink) for sink in ("csv", "json")):
        if time.monotonic() > deadline:
            remedy = "may this user start processes? follow='thread' does without one"
            return _failed(f"no complete mirrors after {MIRRORS_S:.0f} s", remedy)
        time.sleep(0.05)
    (path,) = glob.glob(os.path.join(glob.escape(patient.run_dir), "csv", "*_steps.csv"))
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for metric, values in _expected().items():
        found = [repr(float(row[metric])) for row in rows if row.get(metric)]
        if found != list(map(repr, values)):
            return _failed(f"column {metric!r} of the CSV file differs", "please report this")
    return _ok("CSV and JSON are complete and equal to the journal")


def _finished(run_dir: str, sink: str) -> bool:
    return cursor.load(run_dir, sink).finished


def _seals(patient: _Patient) -> Finding:
    from epochal.store.seal import seal_run
    from epochal.store.verify import verify_run

    done = seal_run(patient.run_dir)
    wrong = _reads_back(patient.run_dir)
    checked = verify_run(patient.run_dir)
    if wrong or not checked.ok or not done.segments:
        return _failed(wrong or "the sealed run does not verify", "please report this")
    sizes = f"{done.journal_bytes / 1e3:.0f} kB → {done.parquet_bytes / 1e3:.0f} kB"
    return _ok(f"journal sealed as Parquet ({sizes}), every bit the same")


def _survives(patient: _Patient) -> Finding:
    run_dir, status = _write(patient, "killed")
    if status != -signal.SIGKILL:
        return _failed(f"the process ended with {status}, not by SIGKILL", "please report this")
    for segment in frames.segments(os.path.join(run_dir, "journal")):
        with contextlib.suppress(FileNotFoundError):
            recovery.recover(session=segment.session)
    wrong = _reads_back(run_dir)
    if not wrong:
        return _ok(f"a process was killed after {ROWS:,} rows: none lost")
    if ring.ring_folders(make=True):
        return _failed(wrong, "please report this")
    return _warning(wrong, "there is no shared memory, see above")


def _queries(patient: _Patient) -> Finding:
    from epochal.read.project import open as open_project

    if importlib.util.find_spec("duckdb") is None:
        return Finding("", "ok", "not installed", "if you want it: pip install 'epochal[sql]'")
    query = "select count(*) as n from points where metric = 'loss'"
    found: Any = open_project(patient.folder).sql(query)
    (count,) = found.to_pydict()["n"]
    if count != 2 * ROWS:
        return _failed(f"{count:,} points counted of {2 * ROWS:,}", "please report this")
    return _ok(f"{count:,} points counted")


CHECKS: dict[str, Callable[[_Patient], Finding]] = {
    "Python": _python,
    "Packages": _packages,
    "Extras": _extras,
    "Shared memory": _memory,
    "Run folder": _folder,
    "Disk": _disk,
    "Clock": _clock,
    "Recording": _records,
    "Mirrors": _mirrors,
    "Sealing": _seals,
    "Surviving a kill": _survives,
    "SQL": _queries,
}
