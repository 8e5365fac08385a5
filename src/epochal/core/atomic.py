"""Replacing a file in one step: readers and crashes see the old content or the new, never a mix."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from typing import BinaryIO

from epochal.core.system import sync_folder

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


def write_atomically(
    path: str | os.PathLike[str], data: bytes | Iterable[bytes], *, private: bool = True
) -> None:
    """Replace a file with new content, on disk when this returns.

    The content goes to a temporary file of the same folder (mode 0600), which is synced and then
    renamed.  If anything fails, the file is as it was and the temporary file is gone.

    Args:
        path: the file; its folder must exist.
        data: the content, or pieces of it for a file that is too large for memory.
        private: only this user may read the file.  False is for what somebody asked for: its mode
            is that of the file before, or what the umask leaves to new files, and a device or pipe
            such as ``/dev/stdout`` is written to and not replaced.

    Raises:
        OSError: the folder cannot be written, or the disk is full.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "a.json")
        >>> write_atomically(path, b"{}")
        >>> open(path, "rb").read()
        b'{}'
    """
    pieces = [data] if isinstance(data, bytes) else data
    before = None if private else _mode(path)
    if before is not None and not (stat.S_ISREG(before) or stat.S_ISDIR(before)):
        with _stream(path) as stream:
            stream.writelines(pieces)
        return
    folder, name = os.path.split(os.path.abspath(path))
    draft = os.path.join(folder, f".{name[:50]}.{secrets.token_hex(8)}")
    mode = 0o600 if private else 0o666
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            with contextlib.suppress(OSError):  # a disk that knows no modes
                os.chmod(draft, stat.S_IMODE(before) & 0o777)
        os.replace(draft, path)
    except BaseException:  # Ctrl-C too: no draft stays, and the caller is told what it was
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise
    sync_folder(folder)  # the rename itself survives power loss


def _mode(path: str | os.PathLike[str]) -> int | None:
    """Return type and mode of what is there; None: nothing."""
    if os.fspath(path) in _STREAMS:  # whatever they are led to, it is not to be replaced
        return stat.S_IFCHR
    try:
        return os.stat(path).st_mode
    except OSError:
        return None


def _stream(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a device or pipe; this program's own output goes on where it is."""
    own = _STREAMS.get(os.fspath(path))
    return open(path if own is None else os.dup(own), "wb")
