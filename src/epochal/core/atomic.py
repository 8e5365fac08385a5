"""Replacing a file in one step: readers and crashes see the old content or the new, never a mix."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from epochal.core.system import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable


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
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> write_atomically(path, b"{}")
        >>> path.read_bytes()
        b'{}'
    """
    target = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:50]}.", dir=target.parent)
    draft = Path(name)
    try:
        with open(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink()
        raise
    sync_folder(str(target.parent))  # the rename itself survives power loss
