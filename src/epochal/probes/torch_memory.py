"""Memory of the accelerator as PyTorch has it, where the program uses PyTorch.

Nothing here imports PyTorch or makes it touch a device: a process that only counts its GPUs must
not become one that holds half a gigabyte on each of them.
"""

from __future__ import annotations

import sys
from typing import Any

MIB = 1 << 20

KINDS = ("allocated", "reserved")


def sample() -> dict[str, float]:
    """Read what PyTorch's allocator holds on each GPU that this process has used.

    ``torch_allocated_mib`` is held by tensors, ``torch_reserved_mib`` by the allocator,
    ``torch_peak_mib`` the most that was ever held by tensors (since the program reset it).  On
    Apple's GPU ``torch_driver_mib`` is what the driver has given.
    """
    found = {}
    cuda = _cuda()
    for position in range(cuda.device_count() if cuda else 0):
        held = cuda.memory_stats_as_nested_dict(position)
        allocated, reserved = (held.get(f"{kind}_bytes", {}).get("all") for kind in KINDS)
        if allocated and reserved and reserved["peak"]:
            found[f"gpu{position}/torch_allocated_mib"] = allocated["current"] / MIB
            found[f"gpu{position}/torch_reserved_mib"] = reserved["current"] / MIB
            found[f"gpu{position}/torch_peak_mib"] = allocated["peak"] / MIB
    torch = sys.modules.get("torch")
    if sys.platform == "darwin" and torch is not None and torch.backends.mps.is_available():
        found["gpu0/torch_allocated_mib"] = torch.mps.current_allocated_memory() / MIB
        found["gpu0/torch_driver_mib"] = torch.mps.driver_allocated_memory() / MIB
    return found


def device_uuids() -> tuple[str, ...]:
    """Return the names of the GPUs in PyTorch's order, none before the program has used one."""
    cuda = _cuda()
    if cuda is None:
        return ()
    devices = (cuda.get_device_properties(i) for i in range(cuda.device_count()))
    return tuple(str(getattr(device, "uuid", "")) for device in devices)


def _cuda() -> Any:
    """Return ``torch.cuda`` if the program has begun to use it, else None."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None
