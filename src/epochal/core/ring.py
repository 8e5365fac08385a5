"""The ring: a piece of memory that outlives the process.

The training thread writes items into it and publishes them with one aligned store; the writer
thread copies them to the journal and frees them with another.  The memory is a file on tmpfs, so a
SIGKILL leaves it as it was, and whoever finds its lock free can finish what the process began
(:mod:`epochal.journal.recovery`).

File layout: one page of head, then ``capacity`` bytes of data.

====== ==================================================================
bytes  content
====== ==================================================================
0      magic ``EPOCRING``
8      u64 format version
16     u64 capacity of the data in bytes
64     u64 **head**: bytes ever published (only the training thread stores)
128    u64 **tail**: bytes ever taken (only the writer stores)
192    u64 rows dropped because the ring stayed full
256    u32 length and JSON: run folder, session, process, host, boot id
4096   data; position ``p`` lives at ``p % capacity``, items never wrap
====== ==================================================================
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import stat
import struct
from collections import deque
from collections.abc import Iterator
from typing import Any

from epochal.core.items import CODE_AND_SIZE, PAD
from epochal.core.system import LINUX, PRIVATE_FLAGS, user_id

if LINUX:
    import fcntl

MAGIC = b"EPOCRING"
VERSION = 1
PAGE = 4096
HEAD, TAIL, DROPPED = 0, 8, 16
"""Indices of the counters, a cache line apart."""

PROCESS_BUDGET_BYTES = 4 << 20
SMALLEST_BYTES = 256 << 10
PIECE_BYTES = 1 << 20
"""So much is handed on at once: what a frame of the journal holds."""

_START = struct.Struct("<8sQQ")
_LOCK = struct.Struct("hhqqi")
"""The system's ``struct flock``: type, whence, start, length, process."""
_COUNTERS_AT, _IDENTITY_AT = 64, 256
_IDENTITY = {"run_dir": str, "session": str, "ordinal": int, "boot": str, "descriptor": dict}
"""What recovery needs to know of a ring's owner."""

_own: dict[str, int] = {}
"""Rings of this process by path, with their size.

Opening and closing such a file again would drop our POSIX lock on it, so recovery skips them.
"""


def forget_own_rings() -> None:
    """Start afresh in a forked child: the rings belong to the parent."""
    _own.clear()


def own_rings() -> frozenset[str]:
    """Return the paths of the rings that this process owns."""
    return frozenset(_own)


def choose_capacity() -> int:
    """Return the size of the next ring: half of what this process may still take.

    The first ring of a process gets 2 MiB, the second 1 MiB, and so on; what a ring took is given
    back when its run finishes.
    """
    left = PROCESS_BUDGET_BYTES - sum(_own.values())
    size = SMALLEST_BYTES
    while size * 2 <= left // 2:
        size *= 2
    return size


class Ring:
    """A ring in shared memory, private memory if there is no place for a file.

    One thread at a time may publish and one thread may take; they share no lock.

    Attributes:
        data: the writable bytes, ``capacity`` long.
        counters: u64 view; index it with HEAD, TAIL and DROPPED.
        marks: boundaries at which takers may cut, as (stop, resume) positions.
        path: the file, or "" for private memory.
    """

    __slots__ = ("_fd", "_map", "capacity", "counters", "data", "marks", "path")

    def __init__(self, memory: mmap.mmap, capacity: int, path: str, fd: int) -> None:
        view = memoryview(memory)
        self._map, self._fd = memory, fd
        self.capacity, self.path = capacity, path
        self.counters = view[_COUNTERS_AT:_IDENTITY_AT].cast("Q")
        self.data = view[PAGE : PAGE + capacity]
        self.marks: deque[tuple[int, int]] = deque()

    @property
    def survives_the_process(self) -> bool:
        """Whether the memory is a file that another process can open."""
        return bool(self.path)

    def pending(self) -> Iterator[tuple[int, int, memoryview]]:
        """Yield (stop, resume, bytes) for each contiguous piece that was not yet taken.

        A piece holds whole items.  After it is safe elsewhere, call ``take(resume)``.
        """
        head, tail = self.counters[HEAD], self.counters[TAIL]
        marks = [mark for mark in list(self.marks) if mark[1] <= head]  # one copy: it grows
        for stop, resume in [*marks, (head, head)]:
            if stop > tail:
                start = tail % self.capacity
                yield stop, resume, self.data[start : start + stop - tail]
            tail = max(tail, resume)

    def take(self, resume: int) -> None:
        """Free everything before position ``resume``."""
        with contextlib.suppress(IndexError):  # the publishing thread may take one back
            while self.marks[0][1] <= resume:
                self.marks.popleft()
        self.counters[TAIL] = resume

    def close(self, *, unlink: bool) -> None:
        """Give the memory back; the file stays for recovery unless ``unlink``."""
        if unlink and self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        _own.pop(self.path, None)
        self.counters.release()
        self.data.release()
        with contextlib.suppress(BufferError):  # a piece is still being written by a stuck disk
            self._map.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def abandon(self) -> None:
        """Close in a forked child, leaving the parent's file and lock alone."""
        self.path = ""
        self.close(unlink=False)


def create(capacity: int, identity: dict[str, Any]) -> Ring:
    """Make a ring in the best place there is and lock it.

    Args:
        capacity: bytes of data, a multiple of the page size.
        identity: JSON-able; what recovery needs: run folder, session, boot id, process.
    """
    for folder in ring_folders(make=True):
        with contextlib.suppress(OSError):
            return _create_file(folder, capacity, identity)
    return Ring(mmap.mmap(-1, PAGE + capacity), capacity, "", -1)


def ring_folders(*, make: bool = False) -> list[str]:
    """Return this user's private folders for rings: shared memory, then the temporary folder."""
    found: list[str] = []
    if not LINUX:
        return found
    temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - made 0700 and checked below
    for parent in ("/dev/shm", temporary):  # noqa: S108 - as above
        folder = os.path.join(parent, f"epochal-{user_id()}")
        with contextlib.suppress(OSError):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
            info = os.lstat(folder)
            private = stat.S_ISDIR(info.st_mode) and not info.st_mode & 0o077
            if private and info.st_uid == user_id():
                found.append(folder)
    return found


def _create_file(folder: str, capacity: int, identity: dict[str, Any]) -> Ring:
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < 2 * (capacity + PAGE):
        raise OSError(28, "too little room for a ring", folder)
    path = os.path.join(folder, f"{identity['session']}.ring")
    draft = path + ".new"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | PRIVATE_FLAGS
    fd = os.open(draft, flags, 0o600)
    try:
        # Reserved in full now: a full disk is an error here and never a SIGBUS later.
        os.posix_fallocate(fd, 0, PAGE + capacity)
        # Mapped at once: a page fault in the middle of training would cost more than the row.
        memory = mmap.mmap(fd, PAGE + capacity, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        body = json.dumps(identity).encode("ascii")
        _START.pack_into(memory, 0, MAGIC, VERSION, capacity)
        struct.pack_into(f"<I{len(body)}s", memory, _IDENTITY_AT, len(body), body)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(draft, path)
    except BaseException:  # Ctrl-C too: no draft stays, and the caller is told what it was
        os.unlink(draft)
        os.close(fd)
        raise
    _own[path] = capacity
    return Ring(memory, capacity, path, fd)


def is_alive(path: str) -> bool | None:
    """Say whether the owner of a ring lives: its lock is held.  None: there is no such ring."""
    if path in _own:
        return True
    try:
        fd = os.open(path, os.O_RDWR | PRIVATE_FLAGS)
    except OSError:
        return None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def is_being_saved(session: str) -> bool:
    """Say whether a ring is held by another process than its owner: somebody recovers it."""
    for folder in ring_folders():
        path = os.path.join(folder, f"{session}.ring")
        if path in _own:
            return False
        with contextlib.suppress(OSError, ValueError, struct.error):
            with open(path, "rb") as file:
                start = file.read(PAGE)
                asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                found = _LOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
            (length,) = struct.unpack_from("<I", start, _IDENTITY_AT)
            owner = json.loads(start[_IDENTITY_AT + 4 :][:length])["pid"]
            return bool(found[0] != fcntl.F_UNLCK and found[4] > 0 and found[4] != owner)
    return False


class Orphan:
    """The ring of a process that ended without finishing; holds the lock while it is open.

    Attributes:
        identity: what :func:`create` was given.
        dropped: rows that the dead process could not place.
    """

    def __init__(self, fd: int, path: str, image: bytes) -> None:
        """Take over what :func:`_open_orphan` has read; ValueError: it is not a whole ring."""
        self._fd, self.path, self._image = fd, path, image
        magic, version, self.capacity = _START.unpack_from(image)
        if magic != MAGIC or version != VERSION or len(image) != PAGE + self.capacity:
            raise ValueError("not a ring of this version")
        (length,) = struct.unpack_from("<I", image, _IDENTITY_AT)
        self.identity: dict[str, Any] = json.loads(image[_IDENTITY_AT + 4 :][:length])
        if {name: type(self.identity.get(name)) for name in _IDENTITY} != _IDENTITY:
            raise ValueError("the ring does not say whose it is")
        counters = memoryview(image)[_COUNTERS_AT:_IDENTITY_AT].cast("Q")
        self._head, self._tail, self.dropped = counters[HEAD], counters[TAIL], counters[DROPPED]
        if not self._tail <= self._head <= self._tail + self.capacity:
            raise ValueError("the ring's counters are damaged")

    def pieces(self) -> Iterator[memoryview]:
        """Yield what was published and not taken, without padding, in pieces of whole items."""
        data = memoryview(self._image)[PAGE : PAGE + self.capacity]
        position = start = self._tail
        while position < self._head:
            offset = position % self.capacity
            code, size = CODE_AND_SIZE.unpack_from(data, offset)
            if size < 8 or size % 8 or offset + size > self.capacity:
                break  # damaged memory: what follows cannot be told apart
            if code == PAD or not offset or position + size - start > PIECE_BYTES:
                if position > start:
                    yield data[start % self.capacity :][: position - start]
                start = position + size if code == PAD else position
            position += size
        if position > start:
            yield data[start % self.capacity :][: position - start]

    def close(self, *, unlink: bool) -> None:
        """Release the lock; ``unlink`` when the journal has everything."""
        if unlink:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        os.close(self._fd)


def orphans(*, session: str | None = None) -> Iterator[Orphan]:
    """Yield each ring of this host whose owner is gone, locked; the caller closes it.

    Args:
        session: only the ring of that session.
    """
    for folder in ring_folders():
        for name in sorted(os.listdir(folder)):
            wanted = name.endswith(".ring") if session is None else name == f"{session}.ring"
            path = os.path.join(folder, name)
            if wanted and path not in _own:
                orphan = _open_orphan(path)
                if orphan is not None:
                    yield orphan


def _open_orphan(path: str) -> Orphan | None:
    try:
        fd = os.open(path, os.O_RDWR | PRIVATE_FLAGS)
    except OSError:
        return None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        info = os.fstat(fd)
        image = os.pread(fd, info.st_size, 0)
        if info.st_nlink and info.st_uid == user_id():
            return Orphan(fd, path, image)
    except (OSError, ValueError, AttributeError, struct.error):
        pass
    os.close(fd)
    return None
