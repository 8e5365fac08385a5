"""Control groups of Linux: how much of the machine a container or a job may use, and uses.

Both versions are read.  A limit of the process's own group and of each group around it counts, and
the tightest one is the limit; what is used is read where that limit is set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/")

UNLIMITED_BYTES = 1 << 60
"""Version 1 writes a number of this size for no limit."""


class CpuLimit(NamedTuple):
    """A limit on processor time.

    Attributes:
        cores: how many cores' worth of time the group gets.
        folder: where the limit is set.
    """

    cores: float
    folder: Path

    def used_s(self) -> float | None:
        """Return the processor time that the group has used so far, None where it is not told."""
        told = re.search(r"^usage_usec (\d+)", read(self.folder / "cpu.stat"), re.MULTILINE)
        if told:
            return int(told[1]) / 1e6
        nanoseconds = read(self.folder / "cpuacct.usage").strip()
        return int(nanoseconds) / 1e9 if nanoseconds.isdigit() else None


class MemoryLimit(NamedTuple):
    """A limit on memory: its size, and the folder where it is set."""

    limit_bytes: int
    folder: Path

    def used_bytes(self) -> int | None:
        """Return what the group uses, without file cache that is given back when memory is short.

        None where it is not told.
        """
        for name, idle in (
            ("memory.current", "inactive_file"),
            ("memory.usage_in_bytes", "total_inactive_file"),
        ):
            used = read(self.folder / name).strip()
            if used.isdigit():
                stat = read(self.folder / "memory.stat")
                cached = re.search(rf"^{idle} (\d+)", stat, re.MULTILINE)
                return max(0, int(used) - (int(cached[1]) if cached else 0))
        return None


def cpu_limit(pid: int, root: Path = ROOT) -> CpuLimit | None:
    """Return the tightest limit on a process's processor time, None where there is none.

    Args:
        pid: the process.
        root: where ``proc`` and ``sys`` are, for tests.
    """
    return min(_cpu_limits(pid, root), default=None)


def memory_limit(pid: int, root: Path = ROOT) -> MemoryLimit | None:
    """Return the tightest limit on a process's memory, None where there is none."""
    return min(_memory_limits(pid, root), default=None)


def read(path: Path) -> str:
    """Return a file of the kernel, "" where there is none or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cpu_limits(pid: int, root: Path) -> Iterator[CpuLimit]:
    for folder in _groups(pid, "cpu", root):
        quota, _, period = read(folder / "cpu.max").partition(" ")
        if not period:
            quota = read(folder / "cpu.cfs_quota_us")
            period = read(folder / "cpu.cfs_period_us")
        if quota.strip().isdigit() and period.strip().isdigit() and int(period):
            yield CpuLimit(int(quota) / int(period), folder)


def _memory_limits(pid: int, root: Path) -> Iterator[MemoryLimit]:
    for folder in _groups(pid, "memory", root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = read(folder / name).strip()
            if text.isdigit() and int(text) < UNLIMITED_BYTES:
                yield MemoryLimit(int(text), folder)


def _groups(pid: int, controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of a process's control group and of those around it: each may limit it.

    In a container the path may be the one outside of it; then only the last folder exists.
    """
    base = root / "sys/fs/cgroup"
    for line in read(root / f"proc/{pid}/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and controller not in controllers.split(","):
            continue
        mounts = (".", "unified") if number == "0" else (controllers, controller)
        inner = Path(path.lstrip("/"))
        for mount in dict.fromkeys(mounts):
            yield from (base / mount / part for part in (inner, *inner.parents) if ".." not in path)
