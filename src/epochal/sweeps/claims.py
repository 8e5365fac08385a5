"""Claims: of the processes that run the same sweep each takes trials that no other one has.

They share one small file in the folder of runs.  Who runs a trial holds a lock on a place in that
file, which the system takes away when the process ends, however that happens.  Who has ended a
trial says so at the file's end, for those that looked for finished runs before.
"""

from __future__ import annotations

import contextlib
import os

from epochal.core.system import PRIVATE_FLAGS

try:
    import fcntl
except ImportError:  # Windows: processes share a sweep by part=
    fcntl = None  # type: ignore[assignment]

_PLACES = 1 << 40
"""Where the places that are locked begin: beyond anything that is written."""


class Claims:
    """Which trials other processes run, or have ended since this was made.

    Where there are no locks, every trial is free.  Threads of one process are not told apart.

    Args:
        path: the file; None: nobody shares the sweep.

    Example:
        >>> import os, tempfile
        >>> claims = Claims(os.path.join(tempfile.mkdtemp(), "claims"))
        >>> claims.take("00c0ffee00c0ffee")
        True
        >>> claims.give_back("00c0ffee00c0ffee", ended=True)
        >>> claims.take("00c0ffee00c0ffee")
        False
        >>> claims.close()
    """

    def __init__(self, path: str | None) -> None:
        self._fd: int | None = None
        self._begin = 0
        if path is not None and fcntl is not None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | PRIVATE_FLAGS
            with contextlib.suppress(OSError):  # a folder that cannot be written is told by init
                os.makedirs(os.path.dirname(path), exist_ok=True)
                self._fd = os.open(path, flags, 0o666)
                self._begin = os.fstat(self._fd).st_size

    def take(self, trial: str) -> bool:
        """Claim a trial by its id; False: another process has it, or has ended it."""
        if self._fd is None:
            return True
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(trial))
            free = trial not in self._ended()
        except (BlockingIOError, PermissionError):
            return False
        except OSError:  # a file system without locks
            return True
        if not free:
            self.give_back(trial, ended=False)
        return free

    def give_back(self, trial: str, *, ended: bool) -> None:
        """Let go of a trial; if it has ended, no process that runs the sweep now takes it."""
        if self._fd is None:
            return
        with contextlib.suppress(OSError):
            if ended:
                os.write(self._fd, f"{trial}\n".encode("ascii"))
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, _place(trial))

    def close(self) -> None:
        """Let go of everything."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _ended(self) -> set[str]:
        assert self._fd is not None
        new = max(0, os.fstat(self._fd).st_size - self._begin)
        return set(os.pread(self._fd, new, self._begin).decode("ascii", "replace").split())


def _place(trial: str) -> int:
    return _PLACES + int(trial[:12], 16)
