"""The machine: processors, memory and GPUs.  What is not there is left out, silently."""

from __future__ import annotations

import csv
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochal.core.errors import EpochalError
from epochal.probes import cgroup, command
from epochal.probes.cgroup import ROOT, read
from epochal.probes.visible import VARIABLE, positions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_S = 5.0
_QUERY = ("index", "uuid", "name", "memory.total", "driver_version")
_MIB = 1 << 20


def cpu(pid: int, environ: Mapping[str, str], root: Path = ROOT) -> dict[str, Any]:
    """Return what there is of processors and how much of it a process may use.

    Args:
        pid: the process.
        environ: its environment, in which programs are found.
        root: where ``proc`` and ``sys`` are, for tests.

    Returns:
        ``model``; ``count`` of logical processors; ``available`` to the process by its affinity;
        ``limit``, the processors' worth of time that its control group grants, where it does.
    """
    found = {
        "model": _cpu_model(environ, root),
        "count": os.cpu_count(),
        "available": _affinity(pid),
        "limit": limit.cores if (limit := cgroup.cpu_limit(pid, root)) else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def memory(pid: int, environ: Mapping[str, str], root: Path = ROOT) -> dict[str, int]:
    """Return ``total_bytes`` of the machine and ``limit_bytes`` of the process's control group."""
    found = {}
    total = re.search(r"^MemTotal:\s*(\d+) kB", read(root / "proc/meminfo"), re.MULTILINE)
    if total:
        found["total_bytes"] = int(total[1]) * 1024
    elif sysctl("hw.memsize", environ).isdigit():
        found["total_bytes"] = int(sysctl("hw.memsize", environ))
    limit = cgroup.memory_limit(pid, root)
    if limit is not None:
        found["limit_bytes"] = limit.limit_bytes
    return found


def gpus(environ: Mapping[str, str], attempt: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the GPUs that a process sees.

    Args:
        environ: its environment: ``PATH`` and ``CUDA_VISIBLE_DEVICES`` count.
        attempt: called with the name of a part and what reads it; returns the part, or None after
            it has noted what went wrong.

    Returns:
        ``count``; ``devices``, each with ``name`` and, of NVIDIA, ``index``, ``uuid`` and
        ``memory_bytes``; ``installed``, the count without CUDA_VISIBLE_DEVICES; ``driver`` and
        ``cuda``, the newest CUDA version that the driver supports.  None where there is no GPU.

    Raises:
        EpochalError: ``nvidia-smi`` is there and failed or took longer than 5 s.
    """
    program = command.find("nvidia-smi", environ)
    if program is None:
        return _apple_gpu(environ)
    args = [program, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    rows = parse_gpus(_ask(args, environ))
    if not rows:
        return None
    devices = visible(rows, environ.get(VARIABLE))
    header = attempt("gpus.cuda", lambda: _ask([program], environ)) or ""
    version = re.search(r"CUDA Version:\s*([\d.]+)", header)
    return {
        "count": len(devices),
        "devices": [{k: v for k, v in device.items() if k != "driver"} for device in devices],
        "installed": len(rows),
        "driver": rows[0]["driver"],
        **({"cuda": version[1]} if version else {}),
    }


def parse_gpus(text: str) -> list[dict[str, Any]]:
    """Read what ``nvidia-smi --query-gpu`` prints; a memory that it does not know is left out."""
    devices = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) != len(_QUERY):
            continue
        index, uuid, name, memory_mib, driver = (cell.strip() for cell in row)
        device: dict[str, Any] = {"index": int(index), "uuid": uuid, "name": name}
        if memory_mib.isdigit():
            device["memory_bytes"] = int(memory_mib) * _MIB
        devices.append({**device, "driver": driver})
    return devices


def visible(devices: list[dict[str, Any]], wanted: str | None) -> list[dict[str, Any]]:
    """Return the devices that ``CUDA_VISIBLE_DEVICES`` leaves, in its order, as CUDA reads it.

    The first entry that names no device hides itself and all that follow.  Parts of a device
    (``MIG-…``) are not told apart: all devices are returned.

    Example:
        >>> [d["index"] for d in visible([{"index": 0, "uuid": "GPU-a"}], "0,7")]
        [0]
    """
    if wanted is not None and "MIG-" in wanted:
        return devices
    return [devices[i] for i in positions([device["uuid"] for device in devices], wanted)]


def sysctl(name: str, environ: Mapping[str, str]) -> str:
    """Return a value of the kernel of macOS, "" elsewhere."""
    program = command.find("sysctl", environ) if sys.platform == "darwin" else None
    return _ask([program, "-n", name], environ).strip() if program else ""


def _ask(args: list[str], environ: Mapping[str, str]) -> str:
    output = command.run(args, environ=environ, timeout_s=TIMEOUT_S)
    if output.status:
        why = output.errors or output.text.strip()
        message = f"{Path(args[0]).name} failed with status {output.status}: {why[:500]}"
        raise EpochalError(message)
    return output.text


def _apple_gpu(environ: Mapping[str, str]) -> dict[str, Any] | None:
    chip = sysctl("machdep.cpu.brand_string", environ)
    if not chip.startswith("Apple"):
        return None
    return {"count": 1, "devices": [{"name": chip}], "installed": 1}


def _cpu_model(environ: Mapping[str, str], root: Path) -> str | None:
    # "Model" and "Hardware" are how ARM boards say it
    pattern = r"^(?:model name|Model|Hardware|cpu model|cpu)\s*:\s*(.+)$"
    model = re.search(pattern, read(root / "proc/cpuinfo"), re.MULTILINE)
    return model[1].strip() if model else sysctl("machdep.cpu.brand_string", environ) or None


def _affinity(pid: int) -> int | None:
    if not hasattr(os, "sched_getaffinity"):
        return None
    try:
        return len(os.sched_getaffinity(pid))
    except OSError:  # the process is gone
        return None
