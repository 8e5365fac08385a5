"""Drafts: a checkpoint is written under another name and renamed when it is on disk.

Whoever writes a draft holds a lock on it, which the system takes away when the process dies,
however that happens.  A draft without a lock is what a killed process left: anyone may remove it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from typing import IO

from epochal.core.system import BINARY_FLAG, PRIVATE_FLAGS, sync_folder

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be removed, which is as good
    fcntl = None  # type: ignore[assignment]

NAME = re.compile(r"\..+\.saving\.[0-9a-f]{16}\Z")
UNLOCKABLE_AGE_S = 3600.0
"""Where a file system knows no locks, a draft of this age is nobody's."""

_TRIES = 5


@contextlib.contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """Give a file to write; at the end it replaces ``path`` in one step and is on disk.

    If anything fails, the old file is as it was and the draft is gone.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    folder, name = os.path.split(os.path.abspath(path))
    draft, file = _begin(folder, name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # elsewhere an open file cannot be renamed
                os.replace(draft, path)
        if fcntl is None:
            os.replace(draft, path)
    except BaseException:  # Ctrl-C too: no draft stays, and the caller is told what it was
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    sync_folder(folder)  # the rename itself survives power loss


def link(source: str, path: str) -> None:
    """Let ``path`` be the same file as ``source`` in one step; a copy where links cannot be.

    Raises:
        OSError: neither can be made.
    """
    folder, name = os.path.split(os.path.abspath(path))
    draft = new_name(folder, name)
    try:
        os.link(source, draft)
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        _copy(source, path)
        return
    with contextlib.suppress(OSError):
        os.unlink(draft)  # still there if both were the same file already
    sync_folder(folder)


def sweep(folder: str) -> None:
    """Remove the drafts that killed processes left in a folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in [each.path for each in entries if NAME.match(each.name)]:
            with contextlib.suppress(OSError):
                _remove_abandoned(entry)


def new_name(folder: str, name: str) -> str:
    """Return the path of a new draft of a file."""
    return os.path.join(folder, f".{name[:100]}.saving.{secrets.token_hex(8)}")


def _begin(folder: str, name: str) -> tuple[str, IO[bytes]]:
    """Return a locked draft that is open for writing, and its path."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE_FLAGS | BINARY_FLAG
    for _ in range(_TRIES):
        draft = new_name(folder, name)
        file = open(os.open(draft, flags, 0o666), "wb", buffering=1 << 20)  # noqa: SIM115
        if _locked(file.fileno()) is not False and os.path.exists(draft):
            return draft, file
        file.close()  # another process swept it before it was locked
        with contextlib.suppress(OSError):
            os.unlink(draft)
    raise OSError(None, "other processes remove the temporary file", folder)


def _remove_abandoned(draft: str) -> None:
    if fcntl is None:
        os.unlink(draft)  # refused while its writer has it open
        return
    with open(draft, "rb") as file:
        locked = _locked(file.fileno())
        if locked is None:
            locked = time.time() - os.fstat(file.fileno()).st_mtime > UNLOCKABLE_AGE_S
        if locked:
            os.unlink(draft)  # under the lock: a writer that just began sees that it is gone


def _locked(fd: int) -> bool | None:
    """Take the lock of a draft; False: another has it; None: the file system knows no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _copy(source: str, path: str) -> None:
    with open(source, "rb") as whole, replacing(path) as file:
        while piece := whole.read(1 << 20):
            file.write(piece)
