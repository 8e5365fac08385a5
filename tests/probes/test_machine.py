"""Samples of the machine: limits of containers, counters, and a thread that never fails."""

import logging
import os
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest

from epochal.probes import cgroup
from epochal.probes.counters import ProcCounters, PsutilCounters
from epochal.probes.machine import Machine
from epochal.probes.sampler import Sampler

MIB = 1 << 20
PID = os.getpid()

VERSION_2 = {
    f"proc/{PID}/cgroup": "0::/pod/box\n",
    "sys/fs/cgroup/pod/box/cpu.max": "400000 100000\n",
    "sys/fs/cgroup/pod/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/pod/cpu.stat": "usage_usec 1000000\nuser_usec 1\n",
    "sys/fs/cgroup/pod/box/memory.max": f"{200 * MIB}\n",
    "sys/fs/cgroup/pod/box/memory.current": f"{150 * MIB}\n",
    "sys/fs/cgroup/pod/box/memory.stat": f"anon 5\ninactive_file {50 * MIB}\n",
    "sys/fs/cgroup/pod/memory.max": "max\n",
}
VERSION_1 = {
    f"proc/{PID}/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "1000000000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{200 * MIB}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{150 * MIB}\n",
    "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {50 * MIB}\n",
}
UNLIMITED = {
    f"proc/{PID}/cgroup": "4:memory:/\n3:cpu:/\n0::/\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/unified/cpu.max": "max 100000\n",
}
PROC = {
    "proc/stat": """\
        cpu  1000 200 300 4000 500 60 70 80 90 10
        cpu0 900 200 300 1000 100 60 70 80 90 10
        cpu1 100 0 0 3000 400 0 0 0 0 0
        intr 5
        """,
    "proc/meminfo": "MemTotal: 4096 kB\nMemFree: 9 kB\nMemAvailable: 1024 kB\nBuffers: 0 kB\n"
    "Cached: 0 kB\nShmem: 0 kB\nActive: 0 kB\nInactive: 0 kB\n",
    "proc/self/statm": "1000 25 5 1 0 9 0\n",
    "proc/cpuinfo": "processor : 0\n",
}


def put(root, files):
    """Write a tree of the kernel's files; returns its root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


def script(code: str) -> list[str]:
    """Run a script in a process of its own; returns the lines that it printed."""
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def samples_of(count=1, **options) -> tuple[list[dict[str, float]], Sampler]:
    """Let a sampler take some samples."""
    samples, enough = [], threading.Event()

    def record(values):
        samples.append(values)
        if len(samples) >= count:
            enough.set()

    sampler = Sampler(record, every_s=0.05, **options)
    sampler.start()
    assert enough.wait(60)
    sampler.stop(10)
    return samples, sampler


# -- containers ------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [VERSION_2, VERSION_1], ids=["v2", "v1"])
def test_memory_of_a_container(tmp_path, files):
    """Memory counts against the container's limit, without the cache that is given back."""
    machine = Machine(root=put(tmp_path, files))
    assert machine.memory() == {"memory_used_mib": 100.0, "memory_percent": 50.0}


@pytest.mark.parametrize(
    ("files", "usage", "text"),
    [
        (VERSION_2, "sys/fs/cgroup/pod/cpu.stat", "usage_usec 4000000\n"),
        (VERSION_1, "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "4000000000\n"),
    ],
    ids=["v2", "v1"],
)
def test_processors_of_a_container(tmp_path, files, usage, text):
    """Use counts against the tightest quota, here half a processor of the group around."""
    root = put(tmp_path, files)
    machine = Machine(root=root)
    earliest = time.monotonic()
    assert machine.cpu() == {}  # the first reading is where counting begins
    latest = time.monotonic()
    put(root, {usage: text})
    begin = time.monotonic()
    percent = machine.cpu()["cpu_percent"]
    end = time.monotonic()
    assert 100 * 3.0 / 0.5 / (end - earliest) <= percent <= 100 * 3.0 / 0.5 / (begin - latest)


@pytest.mark.parametrize("files", [UNLIMITED, {}], ids=["unlimited", "no groups"])
def test_no_container(tmp_path, files):
    """Without a limit the whole machine counts."""
    root = put(tmp_path, files)
    assert cgroup.cpu_limit(PID, root) is None
    assert cgroup.memory_limit(PID, root) is None
    machine = Machine(source=ProcCounters(put(tmp_path, PROC)), root=root)
    assert machine.memory() == {"memory_used_mib": 3.0, "memory_percent": 75.0}


def test_a_limit_above_the_machine(tmp_path):
    """A limit that is larger than the machine is none."""
    files = {**VERSION_2, **PROC, "sys/fs/cgroup/pod/box/memory.max": f"{1 << 40}\n"}
    root = put(tmp_path, files)
    machine = Machine(source=ProcCounters(root), root=root)
    assert machine.memory()["memory_percent"] == 75.0


# -- counters --------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_counters_with_and_without_psutil(tmp_path, monkeypatch):
    """What psutil says and what is read from /proc without it agree on every number."""
    root = put(tmp_path, PROC)
    with_psutil, without = PsutilCounters(), ProcCounters(root)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(root / "proc"))
    tick = os.sysconf("SC_CLK_TCK")
    for cores, busy, total in ((), 1710, 6210), ((1,), 100, 3500), ((0, 1), 1710, 6210):
        expected = pytest.approx((busy / tick, total / tick))
        assert without.cpu_s(cores) == expected
        assert with_psutil.cpu_s(cores) == expected
    assert without.memory_bytes() == with_psutil.memory_bytes() == (3 * MIB, 4 * MIB)
    assert without.resident_bytes() == 25 * os.sysconf("SC_PAGE_SIZE")


def test_use_of_processors(tmp_path):
    """Busy time is divided by all time that passed since the reading before."""
    machine = Machine(source=ProcCounters(tmp_path), root=tmp_path)
    names = ["cpu", *(f"cpu{n}" for n in range(os.cpu_count()))]
    found = []
    for busy, idle in ((1000, 5000), (1100, 5300), (1100, 5300), (1100, 5400), (1300, 5400)):
        put(tmp_path, {"proc/stat": "".join(f"{n} {busy} 0 0 {idle} 0 0 0 0 0 0\n" for n in names)})
        found.append(machine.cpu().get("cpu_percent"))
    assert found == [None, pytest.approx(25), None, 0, pytest.approx(100)]


class Moved:
    """Counters that move by hand."""

    def __init__(self):
        self.moved = (0, 0)

    def disk_bytes(self):
        """(read, written)."""
        return self.moved

    network_bytes = disk_bytes


def test_rates(tmp_path):
    """Rates are growth over time; a counter that falls, as when a device goes, has no rate."""
    counters = Moved()
    machine = Machine(source=counters, root=tmp_path)
    for read in (machine.disk, machine.network):
        counters.moved = (0, 5 * MIB)
        earliest = time.monotonic()
        assert read() == {}
        latest = time.monotonic()
        counters.moved = (3 * MIB, 0)
        begin = time.monotonic()
        ((name, rate),) = read().items()
        end = time.monotonic()
        assert name in ("disk_read_mib_per_s", "network_received_mib_per_s")
        assert 3 / (end - earliest) <= rate <= 3 / (begin - latest)


def test_disk_space(tmp_path):
    """Free and used space are those of the folder's file system."""
    found = Machine(str(tmp_path)).disk_space()
    there = os.statvfs(tmp_path)
    assert found["disk_free_mib"] == pytest.approx(there.f_bavail * there.f_frsize / MIB, rel=0.05)
    assert 0 <= found["disk_used_percent"] <= 100


# -- the thread ------------------------------------------------------------------------------


def test_samples(tmp_path):
    """Every name says its unit, and values are what they can be."""
    samples, sampler = samples_of(3, folder=str(tmp_path))
    assert not sampler.failures
    units = ("_percent", "_mib", "_mib_per_s", "_c", "_w", "_ms")
    for values in samples:
        assert all(name.endswith(units) for name in values)
        assert all(isinstance(value, float) and value >= 0 for value in values.values())
    assert {
        "cpu_percent", "process_cpu_percent", "process_memory_mib", "memory_used_mib",
        "memory_percent", "disk_free_mib", "disk_used_percent", "sampler_ms",
    } <= set(samples[0])  # fmt: skip
    assert samples[0]["memory_percent"] <= 100


def test_only_what_is_asked_for():
    """Machine and accelerator are switched one by one."""
    samples, _ = samples_of(machine=False)
    assert not [name for name in samples[0] if not name.startswith(("gpu", "sampler"))]
    samples, _ = samples_of(accelerator=False)
    assert "process_memory_mib" in samples[0]
    assert not [name for name in samples[0] if name.startswith("gpu")]


def test_nothing_is_imported_in_the_training_thread():
    """The thread that starts a sampler imports neither psutil nor NVML, and PyTorch nobody does."""
    lines = script("""
        import builtins, sys, threading
        real, importers = builtins.__import__, {}
        def watched(name, *rest, **options):
            importers.setdefault(name.partition(".")[0], threading.current_thread().name)
            return real(name, *rest, **options)
        builtins.__import__ = watched
        from importlib import import_module as really
        import importlib
        def module(name, *rest):
            importers.setdefault(name, threading.current_thread().name)
            return really(name, *rest)
        importlib.import_module = module
        from epochal.probes.sampler import Sampler
        sampled = threading.Event()
        sampler = Sampler(lambda values: sampled.set(), every_s=0.1)
        sampler.start()
        print(sampled.wait(60))
        sampler.stop(5)
        print(importers.get("psutil"), importers.get("pynvml", "epochal-sampler"))
        print([name for name in ("torch", "numpy") if name in sys.modules])
    """)
    assert lines == ["True", "epochal-sampler epochal-sampler", "[]"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_without_psutil():
    """Without psutil processors and memory are sampled, and what is missing is said."""
    lines = script("""
        import sys, threading
        sys.modules["psutil"] = sys.modules["pynvml"] = None
        from epochal.probes.sampler import Sampler
        samples, sampled = [], threading.Event()
        sampler = Sampler(lambda values: (samples.append(values), sampled.set()), every_s=0.1)
        sampler.start()
        sampled.wait(60)
        sampler.stop(5)
        print({"cpu_percent", "memory_percent", "process_memory_mib"} <= set(samples[0]))
        print([name for name in samples[0] if "per_s" in name])
        print(sampler.missing["psutil"])
        print(dict(sampler.failures))
    """)
    assert lines[:2] == ["True", "[]"]
    assert lines[2] == "disks and network"
    assert lines[3] == "{}"


def test_a_reading_that_fails(tmp_path, caplog):
    """It is left out, counted and told once; the other readings go on."""
    with caplog.at_level(logging.DEBUG, "epochal"):
        samples, sampler = samples_of(3, folder=str(tmp_path / "absent"))
    assert set(sampler.failures) == {"disk space"}
    assert sampler.failures["disk space"] >= 3
    assert "disk_free_mib" not in samples[0]
    assert "process_cpu_percent" in samples[-1]
    (message,) = caplog.messages
    assert "disk space" in message


def test_a_record_that_raises():
    """Whatever happens to a sample, sampling goes on."""
    often = threading.Event()
    calls = []

    def record(values):
        calls.append(values)
        if len(calls) == 3:
            often.set()
        raise ValueError("full")

    sampler = Sampler(record, every_s=0.02, accelerator=False)
    sampler.start()
    assert often.wait(60)
    sampler.stop(10)
    assert sampler.failures["record"] == len(calls)


def test_stopping_takes_a_last_sample():
    """What happened since the last sample is sampled at the end, and nothing after it."""
    samples, first = [], threading.Event()
    sampler = Sampler(lambda values: (samples.append(values), first.set()), every_s=3600)
    sampler.start()
    assert first.wait(60)
    time.sleep(0.6)  # or there would be nothing to count rates from
    sampler.stop(30)
    assert len(samples) == 2
    assert samples[1]["process_cpu_percent"] >= 0
    time.sleep(0.1)
    assert len(samples) == 2


def test_stopping_early_or_twice(monkeypatch):
    """A sampler that never began, or has ended, is stopped without a sample."""
    monkeypatch.setattr("epochal.probes.sampler.FIRST_AFTER_S", 60.0)
    samples = []
    idle = Sampler(samples.append, every_s=1)
    idle.stop(1)
    short = Sampler(samples.append, every_s=1)
    short.start()
    short.stop(10)
    short.stop(10)
    assert samples == []


def test_stopping_while_a_record_hangs():
    """The end does not wait for a sample that hangs, and nothing is recorded afterwards."""
    entered, go_on = threading.Event(), threading.Event()
    samples = []

    def record(values):
        samples.append(values)
        entered.set()
        go_on.wait()

    sampler = Sampler(record, every_s=0.01, accelerator=False)
    sampler.start()
    assert entered.wait(60)
    sampler.stop(0.1)
    go_on.set()
    sampler._thread.join(60)
    assert len(samples) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child():
    """A child has no sampler of its own, and can stop its parent's without waiting."""
    lines = script("""
        import os, threading, warnings
        warnings.simplefilter("ignore")  # 3.12 warns of forks in programs with threads
        from epochal.probes.sampler import Sampler
        sampled = threading.Event()
        sampler = Sampler(lambda values: sampled.set(), every_s=0.05)
        sampler.start()
        sampled.wait(60)
        child = os.fork()
        if not child:
            sampler.stop(600)
            os._exit(threading.active_count())
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        sampled.clear()
        print(sampled.wait(60))
        sampler.stop(5)
    """)
    assert lines == ["1", "True"]
