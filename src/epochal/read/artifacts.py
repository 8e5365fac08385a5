"""Artifacts of a run: files that were recorded with their hashes and stayed where they were."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from epochal.read.contents import Contents


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or folder that ``run.log_artifact`` was given, or a checkpoint that was saved.

    Attributes:
        name: as given, by default its base name.
        type: what it is: "checkpoint", "dataset", …
        path: where it was, absolute; a checkpoint in the run folder is found where that is now.
        bytes: size, of a folder that of all its files.
        sha256: of the file in hex; "" for a folder.
        files: of a folder, each file's (relative path, bytes, sha256).
        elapsed_s: when it was recorded, seconds since the run began.
        removed: the run itself removed it, as ``keep_last`` asks for.

    Example:
        >>> import epochal, os, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with open(os.path.join(folder, "notes.txt"), "w") as file:
        ...     _ = file.write("hello")
        >>> with epochal.init(project="doc", dir=folder) as run:
        ...     run.log_artifact(os.path.join(folder, "notes.txt"))
        >>> artifact = epochal.RunView(run.dir).artifacts[0]
        >>> artifact.name, artifact.bytes, artifact.check()
        ('notes.txt', 5, 'same')
    """

    name: str
    type: str
    path: str
    bytes: int
    sha256: str
    files: tuple[tuple[str, int, str], ...]
    elapsed_s: float
    removed: bool = False

    def check(self) -> str:
        """Read it again and compare.

        Returns:
            "same"; "changed": a recorded file has other content; "missing": it, or one of a
            folder's recorded files, is not there or cannot be read; "removed": the run itself
            removed it.  Files that were added to a folder do not matter.
        """
        if self.removed and not os.path.exists(self.path):
            return "removed"
        if self.sha256:
            return compared(self.path, self.bytes, self.sha256)
        if not os.path.isdir(self.path):
            return "missing"
        found = {compared(os.path.join(self.path, p), n, h) for p, n, h in self.files}
        return next((answer for answer in ("missing", "changed") if answer in found), "same")


def read(contents: Contents) -> Iterator[Artifact]:
    """Yield the artifacts of a run's own sessions, in order."""
    removed = {
        (path_of(session.run_dir, event.data), event.data.get("sha256"))
        for session, event in contents.events("artifact_removed")
    }
    for session, event in contents.events("artifact"):
        said, path = event.data, path_of(session.run_dir, event.data)
        files = tuple((str(p), int(n), str(h)) for p, n, h in said.get("files") or ())
        yield Artifact(
            str(said.get("name", "")), str(said.get("type", "")), path,
            int(said.get("bytes", 0)), str(said.get("sha256", "")), files, event.elapsed_ns / 1e9,
            (path, said.get("sha256")) in removed,
        )  # fmt: skip


def path_of(run_dir: str, data: Mapping[str, Any]) -> str:
    """Return where an artifact is: of one in the run folder, where that is now."""
    if data.get("file"):
        return os.path.join(run_dir, *str(data["file"]).split("/"))
    return str(data.get("path", ""))


def compared(path: str, size: int, sha256: str) -> str:
    """Say how a file stands to what was recorded of it."""
    digest = hashlib.sha256()
    try:
        if os.path.getsize(path) != size:
            return "changed"
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError:
        return "missing"
    return "same" if digest.hexdigest() == sha256 else "changed"
