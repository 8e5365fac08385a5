"""Whose turn it is: at any time, one follower brings a certain mirror of a run up to date.

Several processes may follow a run: two that resumed it, or one that is about to end while the next
has begun.  They would write into the same files.  Whoever has the turn follows all sessions, so the
others can wait.
"""

from __future__ import annotations

import contextlib
import os

from epochal.core.names import slug
from epochal.core.system import LINUX, PRIVATE_FLAGS

if LINUX:
    import fcntl


class Turn:
    """A lock on one sink of one run, between processes and between threads of one.

    Where the file system knows no locks, everybody has the turn.

    Example:
        >>> import tempfile
        >>> first, second = (Turn(run_dir, "csv") for run_dir in [tempfile.mkdtemp()] * 2)
        >>> first.take(), second.take()
        (True, False)
        >>> first.give()
        >>> second.take()
        True
    """

    def __init__(self, run_dir: str, sink: str) -> None:
        self._path = os.path.join(run_dir, "follow", f"{slug(sink)}.lock")
        self._fd = -1

    def take(self) -> bool:
        """Take the turn, or keep it; False: another one has it.

        Raises:
            OSError: the run folder cannot be written.
        """
        if not LINUX or self._fd >= 0:
            return True
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(self._path), 0o700)  # never brings a deleted run back
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | PRIVATE_FLAGS, 0o600)
        try:
            # Of the open file, not of the process: one process may follow a run twice.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except OSError:  # no locks here
            os.close(fd)
            return True
        self._fd = fd
        return True

    def give(self) -> None:
        """Give the turn to whoever wants it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
