"""Which GPUs ``CUDA_VISIBLE_DEVICES`` leaves to a process."""

from __future__ import annotations

from collections.abc import Sequence

VARIABLE = "CUDA_VISIBLE_DEVICES"


def positions(uuids: Sequence[str], wanted: str | None) -> list[int]:
    """Return the positions of the devices that are left, in the order in which CUDA counts them.

    The first entry that names no device, or one twice, hides itself and all that follow.

    Args:
        uuids: names of all devices (``GPU-…``, or ``MIG-…`` for parts), in the order of the driver.
        wanted: the variable; None: it is not set.

    Example:
        >>> positions(["GPU-1a", "GPU-2b"], "1,GPU-1"), positions(["GPU-1a"], None)
        ([1, 0], [0])
        >>> positions(["GPU-1a", "GPU-2b"], "1,7,0")
        [1]
    """
    if wanted is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for entry in (part.strip() for part in wanted.split(",")):
        is_index = entry.isascii() and entry.isdigit()
        fits = [
            position
            for position, uuid in enumerate(uuids)
            if (position == int(entry) if is_index else entry and uuid.startswith(entry))
        ]
        if len(fits) != 1 or fits[0] in chosen:
            break
        chosen += fits
    return chosen
