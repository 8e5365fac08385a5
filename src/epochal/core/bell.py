"""Waking a thread from another one that may be interrupted at any instant."""

from __future__ import annotations

import contextlib
import threading


class Bell:
    """What one thread waits for and others ring; several rings before it listens are one.

    Ringing is one call into C, so that Ctrl-C or a signal handler in the middle of it leaves
    nothing locked; ``threading.Event.set`` holds a lock meanwhile, and would hold it for ever.

    Example:
        >>> bell = Bell()
        >>> bell.ring()
        >>> bell.wait(1.0), bell.wait(0.01)
        (True, False)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the thread that waits, or will wait next."""
        with contextlib.suppress(RuntimeError):  # it was rung already
            self._lock.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the next ring; False: there was none in that time."""
        return self._lock.acquire(timeout=-1 if timeout_s is None else timeout_s)
