"""The way of measurements from a device to the host: one copy for all numbers, nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from epochal.core.deferred import Deferred, Transfer
from epochal.core.optional import require


def to_host(names: Sequence[str], vector: Any) -> dict[str, float | Deferred]:
    """Return the elements of a tensor under names, in one copy to the host.

    Args:
        names: one for each element.
        vector: a tensor with one axis, on any device.

    Returns:
        floats where the tensor is on the CPU, else numbers that arrive later:
        ``run.log`` takes them without waiting, ``float`` waits.

    Raises:
        ValueError: there are not as many names as elements.

    Example:
        >>> import torch
        >>> to_host(["norm", "max"], torch.tensor([0.5, 2.0]))
        {'norm': 0.5, 'max': 2.0}
    """
    if len(names) != vector.numel():
        raise ValueError(f"{len(names)} names for {vector.numel()} elements: give one for each")
    if vector.device.type == "cpu":
        return dict(zip(names, vector.tolist(), strict=True))
    return dict(start(vector).split(names))


def start(vector: Any) -> Transfer:
    """Begin to bring a tensor to the host.

    On CUDA the copy is queued behind the computation, into pinned memory; on other devices, which
    cannot do that everywhere, another thread waits for it.

    Example:
        >>> import torch
        >>> transfer = start(torch.tensor([0.5, 2.0]))
        >>> transfer.ready(), transfer.numbers()
        (True, [0.5, 2.0])
    """
    vector = vector.detach()
    if vector.device.type == "cpu":
        numbers = vector.tolist()
        return Transfer(lambda: True, lambda: numbers)
    return _start_cuda(vector) if vector.device.type == "cuda" else _start_thread(vector)


def _start_cuda(vector: Any) -> Transfer:
    torch = require("torch", extra="torch", why="measuring on a device")
    host = torch.empty(vector.shape, dtype=vector.dtype, pin_memory=True)
    host.copy_(vector, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(vector.device))

    def read() -> Sequence[float]:
        copied.synchronize()
        numbers: list[float] = host.tolist()
        return numbers

    return Transfer(copied.query, read)


def _start_thread(vector: Any) -> Transfer:
    arrived: Future[list[float]] = Future()

    def read() -> None:
        try:
            arrived.set_result(vector.tolist())
        except Exception as error:  # noqa: BLE001 - raised again where the numbers are read
            arrived.set_exception(error)

    threading.Thread(target=read, name="epochal-transfer", daemon=True).start()
    return Transfer(arrived.done, arrived.result)


def constant(numbers: Sequence[float], like: Any) -> Any:
    """Return a float vector on the device of a tensor, without waiting for the device."""
    torch = require("torch", extra="torch", why="measuring on a device")
    vector = torch.tensor(numbers, dtype=like.dtype)
    if like.device.type == "cuda":  # from ordinary memory the copy would wait for the device
        vector = vector.pin_memory()
    return vector.to(like.device, non_blocking=True)
