"""The machine under the training: processors, memory, disk and network.

What a container or a batch job may use counts as the whole: its limits are read from its control
group, its processors from its affinity.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from epochal.probes import cgroup, counters
from epochal.probes.counters import Counters

MIB = 1 << 20

Reading = Callable[[], Mapping[str, float]]
"""Takes one reading: names with units to values; what cannot be had is left out, or it raises."""


class Machine:
    """Readings of the machine; rates are means since the reading before.

    ============================= ==============================================================
    name                          what
    ============================= ==============================================================
    cpu_percent                   use of the processors, of those that this process may use
    process_cpu_percent           of this process and its threads; 100 is one processor in full
    memory_used_mib               in use; in a limited container: in the container
    memory_percent                the same, of what there is or of the container's limit
    process_memory_mib            resident memory of this process
    disk_free_mib                 free on the file system of the folder, for this user
    disk_used_percent             used of the file system of the folder
    disk_read_mib_per_s           read from all disks of the machine
    disk_write_mib_per_s          written to all disks of the machine
    network_received_mib_per_s    received by the machine, or by the container if it has a
                                  network of its own
    network_sent_mib_per_s        the same for sent
    ============================= ==============================================================

    Args:
        folder: a folder on the file system that is watched, None for none.
        source: counters of the operating system, None: those that there are.
        root: where ``proc`` and ``sys`` are, for tests.

    Attributes:
        missing: what psutil would bring, "" if it is there.

    Example:
        >>> machine = Machine(folder="/")
        >>> sorted(machine.disk_space())
        ['disk_free_mib', 'disk_used_percent']
    """

    def __init__(
        self, folder: str | None = None, source: Counters | None = None, root: Path = cgroup.ROOT
    ) -> None:
        self.missing = ""
        if source is None:
            source, self.missing = counters.load()
        self._source, self._folder = source, folder
        self._cpu_limit = cgroup.cpu_limit(os.getpid(), root)
        self._memory_limit = cgroup.memory_limit(os.getpid(), root)
        self._before: dict[str, tuple[float, ...]] = {}

    def readings(self) -> dict[str, Reading]:
        """Return all readings by name; each may fail for itself."""
        return {
            "cpu": self.cpu, "process": self.process, "memory": self.memory,
            "disk space": self.disk_space, "disk": self.disk, "network": self.network,
        }  # fmt: skip

    def cpu(self) -> dict[str, float]:
        """Read the use of the processors."""
        cores, limit = _usable_cores(), self._cpu_limit
        used_s = limit.used_s() if limit and limit.cores < _count(cores) else None
        if limit and used_s is not None:
            now_s = time.monotonic()
            used, passed = self._growth("cpu", used_s, now_s * limit.cores)
        elif self._source is not None:
            used, passed = self._growth("cpu", *self._source.cpu_s(cores))
        else:
            return {}
        return {"cpu_percent": 100 * used / passed} if passed > 0 and used >= 0 else {}

    def process(self) -> dict[str, float]:
        """Read the use of processors and memory by this process."""
        used, passed = self._growth("process", time.process_time(), time.monotonic())
        found = {"process_cpu_percent": 100 * used / passed} if passed > 0 else {}
        if self._source is not None:
            found["process_memory_mib"] = self._source.resident_bytes() / MIB
        return found

    def memory(self) -> dict[str, float]:
        """Read the use of memory."""
        used = total = None
        if self._source is not None:
            used, total = self._source.memory_bytes()
        limit = self._memory_limit
        if limit and (total is None or limit.limit_bytes < total):
            inside = limit.used_bytes()
            if inside is not None:
                used, total = inside, limit.limit_bytes
        if used is None or not total:
            return {}
        return {"memory_used_mib": used / MIB, "memory_percent": 100 * used / total}

    def disk_space(self) -> dict[str, float]:
        """Read how full the folder's file system is."""
        if self._folder is None:
            return {}
        total, used, free = shutil.disk_usage(self._folder)
        found = {"disk_free_mib": free / MIB}
        if used + free:  # what is kept back for the superuser is neither: as `df` counts
            found["disk_used_percent"] = 100 * used / (used + free)
        return found if total else {}

    def disk(self) -> dict[str, float]:
        """Read how much is read from and written to disks."""
        moved = None if self._source is None else self._source.disk_bytes()
        return self._rates("disk", moved, "disk_read_mib_per_s", "disk_write_mib_per_s")

    def network(self) -> dict[str, float]:
        """Read how much goes over the network."""
        moved = None if self._source is None else self._source.network_bytes()
        names = ("network_received_mib_per_s", "network_sent_mib_per_s")
        return self._rates("network", moved, *names)

    def _rates(self, what: str, moved: tuple[int, int] | None, *names: str) -> dict[str, float]:
        if moved is None:
            return {}
        *grown, passed_s = self._growth(what, *moved, time.monotonic())
        if passed_s <= 0:
            return {}
        # A counter falls when a device goes: that time has no rate.
        return {
            name: n / MIB / passed_s for name, n in zip(names, grown, strict=True) if n >= 0
        }  # fmt: skip

    def _growth(self, what: str, *now: float) -> tuple[float, ...]:
        """Return by how much counters have grown since the last time; zeros the first time."""
        before = self._before.get(what, now)
        self._before[what] = now
        return tuple(b - a for a, b in zip(before, now, strict=True))


def _usable_cores() -> Collection[int]:
    """Return the processors that this process is bound to, none if it may use all."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    cores = os.sched_getaffinity(0)
    return () if len(cores) == os.cpu_count() else cores


def _count(cores: Collection[int]) -> int:
    return len(cores) or os.cpu_count() or 1
