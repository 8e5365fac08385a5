"""Replacing a file in one step: readers and crashes see the old content or the new, never a mix."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable

from epochal.core.system import sync_folder


def write_atomically(path: str | os.PathLike[str], data: bytes | Iterable[bytes]) -> None:
    """Replace a file with new content, on disk when this returns.

    The content goes to a temporary file of the same folder (mode 0600), which is synced and then
    renamed.  If anything fails, the file is as it was and the temporary file is gone.

    Args:
        path: the file; its folder must exist.
        data: the content, or pieces of it for a file that is too large for memory.

    Raises:
        OSError: the folder cannot be written, or the disk is full.

    Example:
        >>> import tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "a.json")
        >>> write_atomically(path, b"{}")
        >>> open(path, "rb").read()
        b'{}'
    """
    folder, name = os.path.split(os.path.abspath(path))
    draft = os.path.join(folder, f".{name[:50]}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    sync_folder(folder)  # the rename itself survives power loss
