"""What the operating system counts: processor time, memory, bytes moved.

:class:`PsutilCounters` has everything on every system; :class:`ProcCounters` has processors and
memory of Linux without psutil.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

from epochal.core.errors import MissingExtraError
from epochal.core.optional import require
from epochal.probes.cgroup import ROOT, read

LOOPBACK = ("lo", "lo0", "Loopback")


class Counters(Protocol):
    """Counters that are read as often as one likes; nothing here waits."""

    def cpu_s(self, cores: Collection[int]) -> tuple[float, float]:
        """Return (busy, in total) seconds so far of these processors, of all if there are none."""

    def memory_bytes(self) -> tuple[int, int]:
        """Return the machine's memory: (used, in total)."""

    def resident_bytes(self) -> int:
        """Return the memory that this process has."""

    def disk_bytes(self) -> tuple[int, int] | None:
        """Return what the machine's disks have (read, written) so far, None where unknown."""

    def network_bytes(self) -> tuple[int, int] | None:
        """Return what the network has (received, sent) so far, None where unknown."""


def load() -> tuple[Counters | None, str]:
    """Return counters for this system, and what psutil would bring, "" if it is there."""
    try:
        return PsutilCounters(), ""
    except MissingExtraError:
        if sys.platform == "linux":
            return ProcCounters(), "disks and network"
        return None, "processors, memory, disks and network"


class PsutilCounters:
    """Counters as psutil reads them.

    Raises:
        MissingExtraError: psutil is not installed.
    """

    def __init__(self) -> None:
        self._psutil: Any = require("psutil", extra="system", why="sampling the machine")
        self._process = self._psutil.Process()

    def cpu_s(self, cores: Collection[int]) -> tuple[float, float]:
        """Return (busy, in total) seconds so far of these processors, of all if there are none."""
        if not cores:
            return _busy_and_total(self._psutil.cpu_times())
        every = self._psutil.cpu_times(percpu=True)
        pairs = [_busy_and_total(every[core]) for core in cores if core < len(every)]
        return sum(busy for busy, _ in pairs), sum(total for _, total in pairs)

    def memory_bytes(self) -> tuple[int, int]:
        """Return the machine's memory: (used, in total)."""
        memory = self._psutil.virtual_memory()
        return memory.total - memory.available, memory.total

    def resident_bytes(self) -> int:
        """Return the memory that this process has."""
        return int(self._process.memory_info().rss)

    def disk_bytes(self) -> tuple[int, int] | None:
        """Return what the machine's disks have (read, written) so far."""
        # Without nowrap psutil keeps nothing, and above all no lock that a fork could inherit.
        disks = self._psutil.disk_io_counters(nowrap=False)
        return None if disks is None else (disks.read_bytes, disks.write_bytes)

    def network_bytes(self) -> tuple[int, int] | None:
        """Return what the network has (received, sent) so far, without what stays inside."""
        cards = self._psutil.net_io_counters(pernic=True, nowrap=False)
        outside = [card for name, card in cards.items() if not name.startswith(LOOPBACK)]
        return sum(card.bytes_recv for card in outside), sum(card.bytes_sent for card in outside)


class ProcCounters:
    """Counters as Linux shows them in ``/proc``.

    Args:
        root: where ``proc`` is, for tests.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._proc = root / "proc"

    def cpu_s(self, cores: Collection[int]) -> tuple[float, float]:
        """Return (busy, in total) seconds so far of these processors, of all if there are none."""
        wanted = {f"cpu{core}" for core in cores} or {"cpu"}
        lines = [line.split() for line in read(self._proc / "stat").splitlines()]
        ticks = [[*map(int, words[1:9])] for words in lines if words and words[0] in wanted]
        total = sum(map(sum, ticks))  # without the guests' time, which the first two contain
        waiting = sum(times[3] + times[4] for times in ticks)
        per_s = os.sysconf("SC_CLK_TCK")
        return (total - waiting) / per_s, total / per_s

    def memory_bytes(self) -> tuple[int, int]:
        """Return the machine's memory: (used, in total)."""
        found = re.findall(r"(\w+):\s+(\d+) kB\n", read(self._proc / "meminfo"))
        sizes = {name: int(kib) * 1024 for name, kib in found}
        return sizes["MemTotal"] - sizes["MemAvailable"], sizes["MemTotal"]

    def resident_bytes(self) -> int:
        """Return the memory that this process has."""
        return int(read(self._proc / "self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def disk_bytes(self) -> None:
        """Return None: psutil knows which of the many devices to count."""

    def network_bytes(self) -> None:
        """Return None: psutil knows which of the many devices to count."""


def _busy_and_total(times: Any) -> tuple[float, float]:
    """Return seconds from psutil's times; guests' time is already in the user's."""
    inside = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    total = sum(times) - inside
    return total - times.idle - getattr(times, "iowait", 0.0), total
