"""Files beneath a folder, opened part by part: nothing outside is reached, and no link is followed.

A path of a request is never joined to a folder.  Each part is opened in the folder before it, by
that folder's descriptor and without following links, so that neither ``..`` nor a link that is put
there meanwhile leads anywhere else.  What is not a plain relative path is refused, never cleaned.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from epochal.core.errors import NotFoundError, RunFolderError
from epochal.core.names import printable

MAX_DEPTH = 12
"""Parts that a path has at most."""

_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]")
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FILE = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO))


class Found(NamedTuple):
    """A file: path relative to the folder with ``/``, size, and when it was changed (unix)."""

    path: str
    bytes: int
    modified_s: float


class Listing(NamedTuple):
    """The files of a folder in order, and whether there are more than these."""

    files: list[Found]
    truncated: bool


def opened(folder: str, path: str) -> BinaryIO:
    """Open a file beneath a folder for reading.

    Args:
        folder: trusted; it may itself be reached through links.
        path: relative, its parts divided by ``/``.

    Raises:
        NotFoundError: the path is not plain, leads through a link, or there is no such file.
        RunFolderError: the file cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> base = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (base / "a.txt").write_text("hello")
        >>> with opened(str(base), "a.txt") as file:
        ...     file.read()
        b'hello'
        >>> opened(str(base), "../a.txt")
        Traceback (most recent call last):
        ...
        epochal.core.errors.NotFoundError: '../a.txt' is no path of a file of this folder
    """
    *above, name = parts_of(path)
    fd = -1
    try:
        parent = _descend(folder, above)
        try:
            fd = os.open(name, _FILE, dir_fd=parent)
        finally:
            os.close(parent)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise NotFoundError(f"{printable(path)!r} is no file")
        file, fd = os.fdopen(fd, "rb", buffering=0), -1
    except OSError as error:
        raise _said(error, path) from error
    finally:
        if fd >= 0:
            os.close(fd)
    return file


def parts_of(path: str) -> list[str]:
    """Return the parts of a plain relative path.

    Raises:
        NotFoundError: it is none: absolute, with empty parts, backslashes or control characters,
            or with a part that begins with a dot.

    Example:
        >>> parts_of("media/a.png")
        ['media', 'a.png']
    """
    parts = path.split("/")
    wrong = any(part[:1] in ("", ".") or not _named(part) for part in parts)
    # Of a drive letter ("C:x") only Windows makes an absolute path.
    if wrong or os.path.splitdrive(path)[0] or len(parts) > MAX_DEPTH:
        raise NotFoundError(f"{printable(path)!r} is no path of a file of this folder")
    return parts


def listing(folder: str, most: int) -> Listing:
    """Return the files beneath a folder, ordered by path.

    Links, whatever is no file, and names that begin with a dot are left out; so is what cannot be
    looked into.

    Args:
        folder: where.
        most: so many files at most.

    Raises:
        RunFolderError: the folder itself cannot be read.
    """
    found: list[Found] = []
    try:
        for each in _files(folder):
            if len(found) >= most:
                return Listing(sorted(found), truncated=True)
            found.append(each)
    except OSError as error:
        raise _said(error, ".") from error
    return Listing(sorted(found), truncated=False)


def _files(folder: str) -> Iterator[Found]:
    waiting: list[list[str]] = [[]]
    while waiting:
        above = waiting.pop()
        try:
            entries = _entries(folder, above)
        except OSError:
            if not above:
                raise
            continue  # it went away, or may not be looked into
        inside = []
        for name, about in entries:
            if stat.S_ISDIR(about.st_mode) and len(above) + 2 <= MAX_DEPTH:
                inside.append([*above, name])
            elif stat.S_ISREG(about.st_mode):
                yield Found("/".join([*above, name]), about.st_size, about.st_mtime)
        waiting += reversed(inside)


def _entries(folder: str, above: list[str]) -> list[tuple[str, os.stat_result]]:
    """Return the names in a folder that can be asked for, with what they are; links as links."""
    fd = _descend(folder, above)
    found = []
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not _named(entry.name):
                    continue
                try:
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:  # it went away
                    continue
    finally:
        os.close(fd)
    return sorted(found)


def _named(name: str) -> bool:
    """Say whether a name can stand in a path of a request."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return _REFUSED.search(name) is None


def _descend(folder: str, parts: list[str]) -> int:
    """Return a descriptor of a folder; no part may be a link.

    Raises:
        OSError: there is none.
        RunFolderError: this system opens nothing relative to a descriptor.
    """
    if not _NO_LINK or os.open not in os.supports_dir_fd:
        raise RunFolderError("on this system files of runs cannot be opened safely: use Linux")
    fd = os.open(folder, _FOLDER)
    for part in parts:
        try:
            inner = os.open(part, _FOLDER | _NO_LINK, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd


def _said(error: OSError, path: str) -> Exception:
    """Return an error of Epochal for one of the system; where the folder is stays untold."""
    if isinstance(error, RunFolderError):
        return error
    shown = printable(path)
    if error.errno in _ABSENT:
        return NotFoundError(f"there is no file {shown!r} in this folder")
    return RunFolderError(f"cannot read {shown!r}: {error.strerror or type(error).__name__}")
