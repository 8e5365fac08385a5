"""What operating systems offer differently, in one place.

Linux is what the promises are made for.  Elsewhere the ring is private memory, so that a row is
safe once the writer has put it into the run folder (at most 200 ms later).
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from typing import BinaryIO

LINUX = sys.platform == "linux"

PRIVATE_FLAGS: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
"""For opening files: not inherited by other programs, and never through a link."""

BINARY_FLAG: int = getattr(os, "O_BINARY", 0)


def open_plain(path: str) -> BinaryIO:
    """Open a file for reading if it is a plain one: a link leads elsewhere, a pipe never ends.

    Raises:
        OSError: there is none, or it is no plain file.
    """
    fd = os.open(path, os.O_RDONLY | PRIVATE_FLAGS | BINARY_FLAG | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no plain file", path)
    return os.fdopen(fd, "rb")


def write_some(fd: int, parts: Sequence[bytes | memoryview]) -> int:
    """Write the beginning of the parts with one system call; return how many bytes it took."""
    if hasattr(os, "writev"):
        return os.writev(fd, parts[:64])
    return os.write(fd, parts[0])


def sync_data(fd: int) -> None:
    """Make the disk keep a file's data."""
    getattr(os, "fdatasync", os.fsync)(fd)


def sync_folder(path: str) -> None:
    """Make the disk keep a folder's entries, where folders can be opened at all."""
    if os.name == "posix":
        fd = os.open(path, os.O_RDONLY | PRIVATE_FLAGS)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def host_name() -> str:
    """Return the name of this computer."""
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def user_id() -> int:
    """Return a number for this user, 0 where there are none."""
    return os.getuid() if hasattr(os, "getuid") else 0
