"""A checkpoint as a file: written atomically with its hash, loaded without running code."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from epochal.checkpoints import drafts
from epochal.checkpoints.contents import plain
from epochal.core.errors import CheckpointError
from epochal.core.optional import require

_PIECE = 1 << 20


class Saved(NamedTuple):
    """A checkpoint that was saved: absolute path, size and SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


def save_file(path: str | os.PathLike[str], contents: Mapping[str, Any]) -> Saved:
    """Write a checkpoint in one step: it is there whole, and on disk, or the old file is.

    A kill at any moment leaves the old file or the new one under ``path``; what it may leave
    beside them, a hidden temporary file, is removed by the next save into that folder.  When this
    has returned, the file survives power loss, on a disk that honors flush.

    Args:
        path: the file; its folder is made if it is missing.
        contents: what to keep.  Mappings, lists, tuples, text, numbers, tensors and arrays of
            NumPy, nested as you like.  Arrays become tensors, NumPy's numbers become Python's,
            parameters and tensors of subclasses become plain tensors; tensors that share memory
            still do after loading.  Nothing else is taken, as loading it would have to run code.

    Returns:
        Path, size and hash, which was computed while writing.

    Raises:
        CheckpointError: something in it is not plain (the message names its place), or the file
            cannot be written.
        MissingExtraError: PyTorch is not installed.
    """
    torch = require("torch", extra="torch", why="saving a checkpoint")
    content = plain(contents)
    path = os.path.abspath(os.fspath(path))
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        drafts.sweep(folder)
        with drafts.replacing(path) as file:
            hashing = _Hashing(file)
            torch.save(content, hashing)
            if hashing.error is not None:
                raise hashing.error
    except OSError as error:
        why = error.strerror or str(error)
        raise CheckpointError(f"the checkpoint {path} cannot be written: {why}") from error
    return Saved(path, hashing.bytes, hashing.digest.hexdigest())


def load_file(
    path: str | os.PathLike[str], *, sha256: str = "", map_location: Any = "cpu"
) -> dict[str, Any]:
    """Return what a checkpoint holds; never runs code that stands in it.

    It is loaded with ``weights_only=True``, and there is no way around that.  Every byte is
    checked first: against ``sha256``, or else against the checksums in the file.

    Args:
        path: the file.
        sha256: what its hash must be; "": any.
        map_location: where tensors go, as for ``torch.load``.

    Raises:
        CheckpointError: it is missing, damaged, not the one of that hash, or holds anything but
            plain types and tensors.
        MissingExtraError: PyTorch is not installed.
    """
    torch = require("torch", extra="torch", why="loading a checkpoint")
    path = os.path.abspath(os.fspath(path))
    wrong = fault(path, sha256)
    if wrong:
        raise CheckpointError(f"the checkpoint {path} {wrong}")
    try:
        found = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # whatever a stranger's bytes make PyTorch raise
        why = next(iter(str(error).splitlines()), "") or type(error).__name__
        message = (
            f"the checkpoint {path} cannot be loaded: {why}; only plain types and tensors are"
            " loaded, as epochal.checkpoints.save_file writes them"
        )
        raise CheckpointError(message) from error
    if not isinstance(found, dict):
        message = f"the checkpoint {path} holds a {type(found).__name__}, not a dictionary"
        raise CheckpointError(message)
    return found


def fault(path: str, sha256: str = "") -> str:
    """Say what is wrong with the bytes of a checkpoint, "" if they are sound.

    Args:
        path: the file.
        sha256: what its hash must be; "": only its own checksums are looked at.
    """
    try:
        if not sha256:
            return _checksum_fault(path)
        found = digest(path)
    except FileNotFoundError:
        return "is not there"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if found == sha256 else "is damaged: it has not the recorded hash"


def digest(path: str) -> str:
    """Return the SHA-256 of a file in hex.

    Raises:
        OSError: it cannot be read.
    """
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def _checksum_fault(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(4)
    if start != b"PK\x03\x04":  # PyTorch's format from before 2020 has no checksums
        return "" if start else "is damaged: it is empty"
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        return f"is damaged: {error}"
    return f"is damaged: the checksum of {bad} is wrong" if bad else ""


class _Hashing:
    """Writes to a file and computes size and hash on the way.

    PyTorch calls it from C++, where an exception would be buried under others: the first one is
    kept in ``error``, and nothing is written after it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest, self.bytes = hashlib.sha256(), 0
        self.error: BaseException | None = None

    def write(self, data: Any) -> int:
        """Write a piece."""
        size = memoryview(data).nbytes
        if self.error is None:
            try:
                self._file.write(data)
                self.digest.update(data)
                self.bytes += size
            except BaseException as error:  # noqa: BLE001 - Ctrl-C too; raised when C++ has returned
                self.error = error
        return size

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is complete."""
