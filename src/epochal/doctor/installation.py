"""Checks of the machine and of what is installed."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import time

from epochal.core import ring
from epochal.doctor.finding import Finding, Patient, failed, ok, warning

LOW_DISK_BYTES = 1_000_000_000
CLOCK_S = 2.0
SAMPLE_S = 5.0

EXTRAS = {
    "sql": ("duckdb", "SQL over runs"),
    "torch": ("torch", "tensors as values, and `epochal demo`"),
    "pandas": ("pandas", "tables as data frames"),
    "media": ("av", "videos as MP4"),
    "system": ("psutil", "samples of the machine"),
    "tensorboard": ("tensorboard", "a mirror, and `epochal tensorboard`"),
    "wandb": ("wandb", "a mirror in Weights & Biases"),
    "mlflow": ("mlflow", "a mirror in MLflow"),
}


def python(_: Patient) -> Finding:
    """Say which interpreter and system this is."""
    version = f"{sys.implementation.name} {sys.version.split()[0]} on {sys.platform}"
    if sys.platform != "linux":
        return warning(version, "a killed process may lose its last 200 ms; only Linux keeps them")
    return ok(version)


def packages(_: Patient) -> Finding:
    """Compare the installed packages with what Epochal needs."""
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
        return failed("; ".join(wrong), "pip install --upgrade epochal")
    return ok(", ".join(there))


def _has_toml() -> bool:
    return sys.version_info >= (3, 11)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def extras(_: Patient) -> Finding:
    """List which extras are installed."""
    there, missing = [], []
    for extra, (module, gives) in EXTRAS.items():
        try:
            there.append(f"{extra} ({module} {importlib.metadata.version(module)})")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{extra} ({gives})")
    detail = "installed: " + (", ".join(there) or "none")
    if not missing:
        return ok(detail)
    names = ",".join(entry.partition(" ")[0] for entry in missing)
    how = f"if you want them: pip install 'epochal[{names}]'"
    return Finding("", "ok", f"{detail}; not installed: {', '.join(missing)}", how)


def memory(_: Patient) -> Finding:
    """Look for shared memory that outlives a process."""
    places = ring.ring_folders(make=True)
    need = 2 * ring.PROCESS_BUDGET_BYTES
    found = []
    for place in places:
        room = os.statvfs(place)
        free = room.f_bavail * room.f_frsize
        if free >= need:
            detail = f"{place}, {free / 1e6:,.0f} MB free"
            if place.startswith("/dev/shm"):  # noqa: S108 - only its name is looked at
                return ok(detail)
            return warning(detail, "without /dev/shm each row may cost a disk write")
        found.append(f"{place} has {free / 1e6:.1f} MB free")
    remedy = "mount more at /dev/shm (containers: --shm-size=64m); until then a killed process may"
    return warning("; ".join(found) or "none", f"{remedy} lose its last 200 ms")


def folder(patient: Patient) -> Finding:
    """Write, sync, rename and read a file in the folder of runs."""
    base = patient.base
    if not os.access(patient.parent, os.W_OK | os.X_OK):
        remedy = "give another folder: dir= of epochal.init, or EPOCHAL_DIR"
        return failed(f"{patient.parent} cannot be written", remedy)
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
        return failed(f"{base} gives back other bytes than were written", "check that disk")
    return ok(base if os.path.isdir(base) else f"{base} (made by the first run)")


def disk(patient: Patient) -> Finding:
    """Look how much room there is."""
    room = os.statvfs(patient.folder)
    free = room.f_bavail * room.f_frsize
    detail = f"{free / 1e9:,.1f} GB free"
    if free < LOW_DISK_BYTES:
        return warning(detail, "free some space, or see what `epochal gc` can remove")
    if room.f_files and room.f_favail < 10_000:
        return warning(f"{detail}, but only {room.f_favail:,} files", "remove some files there")
    return ok(detail)


def clock(patient: Patient) -> Finding:
    """Compare the clock with that of the disk."""
    path = os.path.join(patient.folder, "clock")
    before = time.time()
    with open(path, "x", encoding="ascii"):
        off = os.stat(path).st_mtime - before
    os.unlink(path)
    if abs(off) > CLOCK_S:
        remedy = "set both clocks (NTP); until then a run may be called lost, or alive, too early"
        return warning(f"the clock of the run folder's disk is {off:+.1f} s off", remedy)
    if before < 1_700_000_000:
        return failed(time.strftime("it says %Y-%m-%d", time.gmtime(before)), "set the clock")
    return ok(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(before)))


def machine(_: Patient) -> Finding:
    """Take one sample of the machine."""
    from epochal.probes.sampler import Sampler

    samples: list[dict[str, float]] = []
    sampler = Sampler(samples.append, every_s=60.0)
    sampler.start()
    deadline = time.monotonic() + SAMPLE_S
    while not samples and time.monotonic() < deadline:
        time.sleep(0.05)
    sampler.stop(1.0)
    lacking = ", ".join(f"{package} ({gives})" for package, gives in sampler.missing.items())
    remedy = f"for more, {lacking}: pip install 'epochal[system]'" if lacking else ""
    if not samples:
        return warning("no sample of the machine could be taken", remedy or "please report this")
    return Finding("", "ok", f"{len(samples[0])} readings, such as {_some(samples[0])}", remedy)


def _some(sample: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in [*sample.items()][:3])
