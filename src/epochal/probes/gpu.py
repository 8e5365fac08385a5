"""GPUs of NVIDIA, read through NVML, the library of the driver.

The GPUs that this process may use are called ``gpu0``, ``gpu1``, … as PyTorch counts them.  NVML
knows all GPUs of the machine: ``CUDA_VISIBLE_DEVICES`` says which are meant, and PyTorch itself
once it uses them, since CUDA may count them in another order than the driver.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from epochal.core.errors import MissingExtraError
from epochal.core.optional import require
from epochal.probes import torch_memory
from epochal.probes.visible import VARIABLE, positions

MIB = 1 << 20

DRIVER_PATHS = ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia")
"""One of these is there where NVIDIA's driver is; the second is Windows' in its Linux."""

QUERIES: Mapping[str, Callable[[Any, Any], float]] = {
    "utilization_percent": lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
    "memory_used_mib": lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used / MIB,
    "memory_total_mib": lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).total / MIB,
    "temperature_c": lambda nvml, gpu: nvml.nvmlDeviceGetTemperature(
        gpu, nvml.NVML_TEMPERATURE_GPU
    ),
    "power_w": lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1e3,
}
"""Name → how it is asked.  Utilization is that of the last second or less, not of the interval."""

OF_THE_WHOLE = ("temperature_c", "power_w")
"""A part of a GPU (MIG) has none of its own: they are the whole GPU's."""


class Gpu(NamedTuple):
    """A GPU, or a part of one: its name, NVML's handle, and the handle of the whole."""

    uuid: str
    handle: Any
    whole: Any


def load() -> tuple[Any, str]:
    """Return NVML ready for use, None where there is none; and what pynvml would bring, or ""."""
    if sys.platform != "win32" and not any(map(os.path.exists, DRIVER_PATHS)):
        return None, ""
    try:
        nvml: Any = require("pynvml", extra="system", why="sampling GPUs")
    except MissingExtraError:
        return None, "" if sys.platform == "win32" else "GPUs"
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # no driver, or one that does not work: the environment record says so
        return None, ""
    return nvml, ""


class Gpus:
    """Readings of the GPUs that this process may use; what a GPU does not tell is left out.

    Args:
        nvml: the module pynvml after ``nvmlInit``, None: there are no readings.
        environ: where ``CUDA_VISIBLE_DEVICES`` is looked up each time.
    """

    def __init__(self, nvml: Any, environ: Mapping[str, str] = os.environ) -> None:
        self._nvml, self._environ = nvml, environ
        self._chosen_for: object = self
        self._gpus: list[Gpu] = []

    def sample(self) -> dict[str, float]:
        """Read all GPUs."""
        if self._nvml is None:
            return {}
        wanted, used = self._environ.get(VARIABLE), torch_memory.device_uuids()
        if (wanted, used) != self._chosen_for:
            self._gpus = self._choose(wanted, used)
            self._chosen_for = wanted, used
        found = {}
        for position, gpu in enumerate(self._gpus):
            for name, query in QUERIES.items():
                handle = gpu.whole if name in OF_THE_WHOLE else gpu.handle
                try:
                    found[f"gpu{position}/{name}"] = float(query(self._nvml, handle))
                except self._nvml.NVMLError:
                    continue  # this GPU does not tell it, or not to this user
        return found

    def _choose(self, wanted: str | None, used: tuple[str, ...]) -> list[Gpu]:
        wholes = [self._gpu(position) for position in range(self._nvml.nvmlDeviceGetCount())]
        parts = {gpu.uuid: self._parts(gpu) for gpu in wholes}
        every = [*wholes, *(part for of_gpu in parts.values() for part in of_gpu)]
        known = {gpu.uuid.partition("-")[2]: gpu for gpu in every}
        if used and all(uuid in known for uuid in used):
            return [known[uuid] for uuid in used]
        if wanted is not None and "MIG-" in wanted:
            every = [part for of_gpu in parts.values() for part in of_gpu]
            return [every[i] for i in positions([part.uuid for part in every], wanted)]
        chosen = [wholes[i] for i in positions([gpu.uuid for gpu in wholes], wanted)]
        # Of a GPU that is divided into parts, CUDA gives a process the first.
        return [(parts[gpu.uuid] or [gpu])[0] for gpu in chosen]

    def _gpu(self, position: int) -> Gpu:
        handle = self._nvml.nvmlDeviceGetHandleByIndex(position)
        return Gpu(_text(self._nvml.nvmlDeviceGetUUID(handle)), handle, handle)

    def _parts(self, gpu: Gpu) -> list[Gpu]:
        """Return the parts that a GPU is divided into, none if it is not."""
        nvml, found = self._nvml, []
        try:
            if not nvml.nvmlDeviceGetMigMode(gpu.handle)[0]:
                return []
            count = nvml.nvmlDeviceGetMaxMigDeviceCount(gpu.handle)
        except nvml.NVMLError:  # it cannot be divided
            return []
        for position in range(count):
            try:
                handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu.handle, position)
            except nvml.NVMLError:  # numbers have holes
                continue
            found.append(Gpu(_text(nvml.nvmlDeviceGetUUID(handle)), handle, gpu.handle))
        return found


def _text(name: str | bytes) -> str:
    """Return a name; older versions of pynvml give bytes."""
    return name.decode() if isinstance(name, bytes) else name
