"""GPUs: which of them are sampled under which number, and what PyTorch holds on them."""
# ruff: noqa: D102, N802 - the methods have NVML's own names

import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from epochal.probes import torch_memory
from epochal.probes.gpu import Gpus
from epochal.probes.visible import positions

MIB = 1 << 20


def script(code: str) -> list[str]:
    """Run a script in a process of its own; returns the lines that it printed."""
    argv = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


class NVMLError(Exception):
    """What NVML says of a question that it does not answer."""


class Nvml:
    """The driver's library on a machine with some GPUs, as its functions answer.

    The second GPU may be divided: its parts have memory and no utilization, and the whole is
    closed to this user.
    """

    NVMLError = NVMLError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, count=3, parts=()):
        self.uuids = [f"GPU-{n}{n}" for n in range(count)]
        self.parts = list(parts)

    def nvmlDeviceGetCount(self):
        return len(self.uuids)

    def nvmlDeviceGetHandleByIndex(self, position):
        return position

    def nvmlDeviceGetUUID(self, handle):
        return handle if isinstance(handle, str) else self.uuids[handle].encode()

    def nvmlDeviceGetMigMode(self, handle):
        if handle == 0:
            raise NVMLError("not supported")
        return [int(bool(self.parts) and handle == 1), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, _):
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, _, position):
        if position % 2 or position // 2 >= len(self.parts):
            raise NVMLError("not found")
        return self.parts[position // 2]

    def nvmlDeviceGetUtilizationRates(self, handle):
        if isinstance(handle, str):
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=10 * handle + 5)

    def nvmlDeviceGetMemoryInfo(self, handle):
        if isinstance(handle, str):
            return SimpleNamespace(used=MIB, total=1000 * MIB)
        if self.parts and handle == 1:
            raise NVMLError("no permission")
        return SimpleNamespace(used=(handle + 1) * MIB, total=8000 * MIB)

    def nvmlDeviceGetTemperature(self, handle, _):
        return 40 + handle

    def nvmlDeviceGetPowerUsage(self, handle):
        return 1000 * (handle + 100)


def used_memory(gpus: Gpus) -> list[float]:
    """Used MiB of all GPUs in their order: it tells which they are."""
    return [value for name, value in gpus.sample().items() if name.endswith("/memory_used_mib")]


def test_a_gpu():
    """All that NVML tells of a GPU, in units that the names say."""
    assert Gpus(Nvml(1), {}).sample() == {
        "gpu0/utilization_percent": 5.0, "gpu0/memory_used_mib": 1.0,
        "gpu0/memory_total_mib": 8000.0, "gpu0/temperature_c": 40.0, "gpu0/power_w": 100.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (None, [1, 2, 3]), ("", []), ("-1", []), ("2,0", [3, 1]), ("GPU-11", [2]),
        ("GPU-2, GPU-0", [3, 1]), ("GPU-", []), ("0,9,1", [1]), ("1,1", [2]), ("NoDevFiles", []),
    ],
)  # fmt: skip
def test_only_visible_gpus(wanted, seen):
    """GPUs of others are not sampled, and the numbers are those that the program counts by."""
    environ = {} if wanted is None else {"CUDA_VISIBLE_DEVICES": wanted}
    assert used_memory(Gpus(Nvml(), environ)) == seen


def test_visible_gpus_change():
    """A program may choose its GPUs after sampling began."""
    environ = {}
    gpus = Gpus(Nvml(), environ)
    assert used_memory(gpus) == [1, 2, 3]
    environ["CUDA_VISIBLE_DEVICES"] = "2"
    assert used_memory(gpus) == [3]


@pytest.mark.parametrize("wanted", ["MIG-bb", "MIG-b", "1"])
def test_a_part_of_a_gpu(wanted):
    """A part has its own memory, and temperature and power of the whole."""
    parts = ["MIG-aa", "MIG-bb"] if wanted != "1" else ["MIG-bb", "MIG-cc"]
    found = Gpus(Nvml(parts=parts), {"CUDA_VISIBLE_DEVICES": wanted}).sample()
    assert found == {
        "gpu0/memory_used_mib": 1.0, "gpu0/memory_total_mib": 1000.0,
        "gpu0/temperature_c": 41.0, "gpu0/power_w": 101.0,
    }  # fmt: skip


def test_positions_of_nothing():
    """Where there is no GPU, none is visible."""
    assert positions([], "0,GPU-1,MIG-2") == positions([], None) == []


def torch_that_uses(uuids, held=()):
    """PyTorch's module as the sampler sees it: initialized, with these GPUs."""
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: len(uuids),
        get_device_properties=lambda i: SimpleNamespace(uuid=uuids[i]),
        memory_stats_as_nested_dict=lambda i: held[i] if i < len(held) else {},
    )
    return SimpleNamespace(
        cuda=cuda, backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False))
    )


def test_order_of_pytorch(monkeypatch):
    """CUDA may count GPUs by speed: once the program uses them, its own order holds."""
    monkeypatch.setitem(sys.modules, "torch", torch_that_uses(["22", "00"]))
    assert used_memory(Gpus(Nvml(), {"CUDA_VISIBLE_DEVICES": "0,2"})) == [3, 1]
    monkeypatch.setitem(sys.modules, "torch", torch_that_uses(["unknown", "00"]))
    assert used_memory(Gpus(Nvml(), {"CUDA_VISIBLE_DEVICES": "0,2"})) == [1, 3]


def test_memory_of_pytorch(monkeypatch):
    """Allocated, reserved and peak of each GPU that this process has used."""
    used = {
        "allocated_bytes": {"all": {"current": 3 * MIB, "peak": 7 * MIB}},
        "reserved_bytes": {"all": {"current": 8 * MIB, "peak": 8 * MIB}},
    }
    idle = {
        "allocated_bytes": {"all": {"current": 0, "peak": 0}},
        "reserved_bytes": {"all": {"current": 0, "peak": 0}},
    }
    monkeypatch.setitem(sys.modules, "torch", torch_that_uses(["a", "b", "c"], [idle, used]))
    assert torch_memory.sample() == {
        "gpu1/torch_allocated_mib": 3.0, "gpu1/torch_reserved_mib": 8.0, "gpu1/torch_peak_mib": 7.0,
    }  # fmt: skip


@pytest.mark.torch
def test_pytorch_is_not_touched():
    """With PyTorch loaded, sampling neither starts CUDA nor fails."""
    lines = script("""
        import threading, torch
        from epochal.probes.sampler import Sampler
        sampled = threading.Event()
        sampler = Sampler(lambda values: sampled.set(), every_s=0.1)
        sampler.start()
        print(sampled.wait(60))
        sampler.stop(5)
        print(torch.cuda.is_initialized(), dict(sampler.failures))
    """)
    assert lines == ["True", "False {}"]


@pytest.mark.torch
def test_a_real_gpu():
    """On a machine with a GPU: NVML and PyTorch speak of the same one, and CUDA stays as it is."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available() or torch.version.hip:
        pytest.skip("there is no GPU of NVIDIA")
    lines = script("""
        import threading, torch
        from epochal.probes.sampler import Sampler
        samples, sampled = [], threading.Event()
        sampler = Sampler(lambda values: (samples.append(values), sampled.set()), every_s=0.1)
        x = torch.zeros(16, 1 << 20, device="cuda")
        sampler.start()
        sampled.wait(60)
        sampler.stop(5)
        total = torch.cuda.get_device_properties(0).total_memory / 2**20
        first = samples[0]
        print(abs(first["gpu0/memory_total_mib"] / total - 1) < 0.1)
        print(first["gpu0/torch_allocated_mib"], first["gpu0/torch_peak_mib"])
        print(sorted(sampler.failures))
    """)
    assert lines == ["True", "64.0 64.0", "[]"]
