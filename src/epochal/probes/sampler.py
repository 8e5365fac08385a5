"""The sampler: a thread that reads the machine every so often."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epochal.probes.machine import Reading

logger = logging.getLogger("epochal")

DEFAULT_EVERY_S = 15.0
FIRST_AFTER_S = 0.5
"""Pause before the first reading, and from there to the first sample, which has rates then."""

Record = Callable[[dict[str, float]], object]


class Sampler:
    """Samples the machine in a thread of its own until it is stopped.

    The thread imports what it needs, so that nothing of it happens in the training thread.  It
    never raises: a reading that fails is left out, counted and told once at level ``DEBUG``.

    Args:
        record: takes a sample: names with units, such as ``cpu_percent`` or
            ``gpu0/memory_used_mib``, to values; called by the sampler's thread only.
        every_s: seconds between samples; the first comes after about one second.
        accelerator: sample GPUs and PyTorch's memory on them.
        machine: sample processors, memory, disk and network.
        folder: the file system of this folder is watched.

    Attributes:
        missing: package → what it would bring, known after the first sample.
        failures: reading → how often it failed.

    Each sample has ``sampler_ms``: the processor time that sampling took since the one before.

    Example:
        >>> samples = []
        >>> sampler = Sampler(samples.append, every_s=0.1)
        >>> sampler.start()
        >>> while not samples:
        ...     time.sleep(0.1)
        >>> sampler.stop(1.0)
        >>> "process_cpu_percent" in samples[0]
        True
    """

    def __init__(
        self, record: Record, *, every_s: float = DEFAULT_EVERY_S, accelerator: bool = True,
        machine: bool = True, folder: str | None = None,
    ) -> None:  # fmt: skip
        self._record, self._every_s, self._folder = record, every_s, folder
        self._accelerator, self._machine = accelerator, machine
        self.missing: dict[str, str] = {}
        self.failures: Counter[str] = Counter()
        self._ending = threading.Event()
        self._recording = threading.Lock()
        self._ended = False
        self._busy_s = 0.0
        self._readings: dict[str, Reading] = {}
        self._thread = threading.Thread(target=self._loop, name="epochal-sampler", daemon=True)

    def start(self) -> None:
        """Begin; where no thread can be had (the interpreter is ending), there are no samples."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self._failed("thread", error)

    def stop(self, timeout_s: float) -> None:
        """Take a last sample and end; nothing is recorded after this, which waits so long at most.

        There is no last sample where the one before is too fresh for rates.
        """
        deadline = time.monotonic() + timeout_s
        self._ending.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        free = self._recording.acquire(timeout=max(0.0, deadline - time.monotonic()))
        self._ended = True
        if free:
            self._recording.release()

    def _loop(self) -> None:
        if self._ending.wait(FIRST_AFTER_S):
            return
        self._readings = self._prepare()
        self._read()  # what rates are counted from
        last_s, wait_s = time.monotonic(), FIRST_AFTER_S
        while not self._ending.wait(wait_s):
            self._sample()
            last_s, wait_s = time.monotonic(), self._every_s
        if time.monotonic() - last_s >= min(FIRST_AFTER_S, self._every_s):
            self._sample()

    def _prepare(self) -> dict[str, Reading]:
        """Load what is needed; a part that cannot be loaded has no readings."""
        readings: dict[str, Reading] = {}
        for wanted, load in ((self._machine, self._of_machine), (self._accelerator, self._of_gpus)):
            try:
                readings |= load() if wanted else {}
            except Exception as error:  # noqa: BLE001 - counted and told: never ends the thread
                self._failed(load.__name__, error)
        return readings

    def _of_machine(self) -> Mapping[str, Reading]:
        from epochal.probes.machine import Machine

        machine = Machine(self._folder)
        if machine.missing:
            self.missing["psutil"] = machine.missing
        return machine.readings()

    def _of_gpus(self) -> Mapping[str, Reading]:
        from epochal.probes import gpu, torch_memory

        nvml, missing = gpu.load()
        if missing:
            self.missing["nvidia-ml-py"] = missing
        return {"GPUs": gpu.Gpus(nvml).sample, "PyTorch": torch_memory.sample}

    def _read(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, read in self._readings.items():
            try:
                found.update(read())
            except Exception as error:  # noqa: BLE001 - counted and told; the others go on
                self._failed(name, error)
        return found

    def _sample(self) -> None:
        values = self._read()
        busy_s = time.thread_time()
        values["sampler_ms"] = (busy_s - self._busy_s) * 1e3
        self._busy_s = busy_s
        with self._recording:
            if self._ended:
                return
            try:
                self._record(values)
            except Exception as error:  # noqa: BLE001 - counted and told; never ends the thread
                self._failed("record", error)

    def _failed(self, what: str, error: Exception) -> None:
        self.failures[what] += 1
        if self.failures[what] == 1:
            logger.debug("sampling: %s is left out: %s: %s", what, type(error).__name__, error)
