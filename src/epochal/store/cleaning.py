"""Cleaning: what can go without losing anything, and the trash for runs that somebody chose.

Nothing here is done by itself: :func:`litter` lists, :meth:`Litter.remove` frees; a run that is
moved to the trash (:func:`discard`) can be brought back (:func:`restore`) until the trash is
emptied (:func:`empty_trash`).
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from epochal.core import ring
from epochal.core.errors import DamageError, RunFolderError
from epochal.journal import frames, recovery
from epochal.journal.session import boot_id
from epochal.store import catalog, cursor, folder, sealed
from epochal.store.liveness import Life, life

TRASH = ".trash"
DRAFT_AGE_S = 3600.0
"""A draft of this age is nobody's: whoever wrote it is gone."""

CATALOG_AGE_S = 90 * 86400.0
_CATALOG = re.compile(r"catalog-(\d+)-[0-9a-f]+\.sqlite(?:-\w+)?\Z")
_DRAFT = re.compile(r"\.(run\.json|.+\.(?:[a-z0-9_]{8}|[a-f0-9]{16})|\d{4,}-[0-9a-f]{16}\.\w+)\Z")
_FOLDERS = ("", "sealed", "follow", "csv", "json", "media", "checkpoints")


class Litter(NamedTuple):
    """Something that can go.

    Attributes:
        kind: "draft", "unfinished run", "sealed segment", "ring" or "catalog".
        path: the file or folder.
        bytes: what it takes.
        reason: why nothing is lost with it.
    """

    kind: str
    path: str
    bytes: int
    reason: str

    def remove(self) -> None:
        """Remove it; gone already is as good.

        Raises:
            OSError: it cannot be removed.
        """
        if self.kind == "ring":
            _remove_ring(self.path)
        elif os.path.isdir(self.path) and not os.path.islink(self.path):
            shutil.rmtree(self.path)
        else:
            Path(self.path).unlink(missing_ok=True)


def litter(
    base: str, *, catalogs: str | None = None, now_s: float | None = None
) -> Iterator[Litter]:
    """Yield what can go below a folder of runs, and what deleted runs left in memory.

    Args:
        base: folder of all runs, of a project, or of one run.
        catalogs: folder of catalogs of runs, to find those that are stale.
        now_s: seconds since 1970; default now.

    Example:
        >>> import tempfile
        >>> [each for each in litter(tempfile.mkdtemp()) if each.kind != "ring"]
        []
    """
    now_s = time.time() if now_s is None else now_s
    oldest_s = now_s - DRAFT_AGE_S
    for run_dir in folder.run_folders(base):
        if not folder.is_run(run_dir):
            if _newest_s(run_dir) < oldest_s and not frames.segments(f"{run_dir}/journal"):
                reason = "its start was cut off before anything was recorded"
                yield Litter("unfinished run", run_dir, size_bytes(run_dir), reason)
            continue
        for name in _FOLDERS:
            yield from _drafts(os.path.join(run_dir, name), oldest_s)
        yield from _passed_segments(run_dir)
    yield from _rings()
    if catalogs is not None:
        yield from _catalogs(catalogs, now_s)


def _drafts(path: str, oldest_s: float) -> Iterator[Litter]:
    for entry in _scan(path):
        if _DRAFT.match(entry.name) and entry.is_file(follow_symlinks=False):
            info = entry.stat(follow_symlinks=False)
            if info.st_mtime < oldest_s:
                reason = "a file whose writing was cut off; what it was to replace is untouched"
                yield Litter("draft", entry.path, info.st_size, reason)


def _passed_segments(run_dir: str) -> Iterator[Litter]:
    """Yield journal files whose content is sealed, complete, and taken by every mirror."""
    journal, target = os.path.join(run_dir, "journal"), os.path.join(run_dir, "sealed")
    done = set(sealed.sealed_segments(target))
    for segment in frames.segments(journal):
        if segment not in done:
            continue
        try:
            manifest = sealed.read_manifest(target, segment)
            about = folder.describe(run_dir)
            sinks, objects = about.get("sinks", ()), about.get("sink_objects", ())
            whole = all(
                os.path.getsize(os.path.join(target, file.name)) == file.bytes
                for file in manifest.files
            )
        except (OSError, DamageError):
            continue  # damaged or missing: the journal may be the only copy
        size = manifest.source_bytes
        taken = cursor.passed(run_dir, segment.session, segment.index, size, sinks, objects)
        if whole and taken:
            reason = "it is sealed and every mirror has taken it"
            yield Litter("sealed segment", os.path.join(journal, segment.name), size, reason)


def _rings() -> Iterator[Litter]:
    """Yield the memory of processes that are gone, where there is no run to save it to."""
    for orphan in ring.orphans():
        try:
            if orphan.identity["boot"] != boot_id():
                reason = "from before this computer's last start"
            elif not os.path.isdir(orphan.identity["run_dir"]):
                reason = f"its run was deleted: {orphan.identity['run_dir']}"
            else:
                continue
            yield Litter("ring", orphan.path, os.path.getsize(orphan.path), reason)
        finally:
            orphan.close(unlink=False)


def _remove_ring(path: str) -> None:
    session = os.path.basename(path).removesuffix(".ring")
    for orphan in ring.orphans(session=session):  # locked again: nobody saves it meanwhile
        orphan.close(unlink=orphan.path == path)


def _catalogs(cache_dir: str, now_s: float) -> Iterator[Litter]:
    """Yield indexes of runs that nobody has used for long, or that another version wrote."""
    for entry in _scan(cache_dir):
        match = _CATALOG.match(entry.name)
        if match is None or not entry.is_file(follow_symlinks=False):
            continue
        info = entry.stat(follow_symlinks=False)
        if int(match[1]) != catalog.FORMAT:
            yield Litter("catalog", entry.path, info.st_size, "another version's index of runs")
        elif max(info.st_mtime, info.st_atime) < now_s - CATALOG_AGE_S:
            reason = "an index of runs that was not used for long; it is made again when needed"
            yield Litter("catalog", entry.path, info.st_size, reason)


# -- the trash -------------------------------------------------------------------------------


def is_live(run_dir: str) -> bool:
    """Say whether any process may still be writing to a run."""
    journal = os.path.join(run_dir, "journal")
    names = {segment.session for segment in frames.segments(journal)}
    return any(life(run_dir, name) is Life.ALIVE for name in names)


def discard(base: str, run_dir: str) -> str:
    """Move a run to the trash of its folder of runs; return where it is now.

    Records that are still in the memory of a killed process are saved first.

    Raises:
        RunFolderError: it is running, or it cannot be moved.
    """
    if is_live(run_dir):
        message = f"{run_dir} is running: end it before you move it to the trash"
        raise RunFolderError(message)
    for segment in frames.segments(os.path.join(run_dir, "journal")):
        recovery.recover(session=segment.session)
    target = os.path.join(base, TRASH, os.path.relpath(run_dir, base))
    _move(run_dir, target)
    return target


def restore(base: str, run: str) -> str:
    """Bring a run back from the trash; return its folder.

    Args:
        base: folder of runs that has the trash.
        run: id, name, prefix or folder name.

    Raises:
        RunNotFoundError, AmbiguousRunError: no single run in the trash has that name.
        RunFolderError: it cannot be moved back.
    """
    trash = os.path.join(base, TRASH)
    found = folder.find(trash, run)
    target = os.path.join(base, os.path.relpath(found, trash))
    _move(found, target)
    return target


def trashed(base: str) -> list[str]:
    """Return the folders of the runs in the trash."""
    trash = os.path.join(base, TRASH)
    return list(folder.run_folders(trash)) if os.path.isdir(trash) else []


def empty_trash(base: str) -> None:
    """Delete all runs in the trash for good.

    Raises:
        RunFolderError: not everything could be deleted.
    """
    trash = os.path.join(base, TRASH)
    try:
        if os.path.lexists(trash):
            shutil.rmtree(trash)  # refuses a link: what it points to is not ours
    except OSError as error:
        message = f"cannot empty {trash}: {error.strerror or error} ({error.filename})"
        raise RunFolderError(message) from error


def _move(source: str, target: str) -> None:
    try:
        if os.path.lexists(target):
            raise FileExistsError(17, "a run is there already", target)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.rename(source, target)
    except OSError as error:
        message = f"cannot move {source} to {target}: {error.strerror or error}"
        raise RunFolderError(message) from error


# -- sizes -----------------------------------------------------------------------------------


def size_bytes(path: str) -> int:
    """Return what all files below a path take together; links are not followed."""
    total = 0
    for entry in _scan(path):
        if entry.is_dir(follow_symlinks=False):
            total += size_bytes(entry.path)
        else:
            total += entry.stat(follow_symlinks=False).st_size
    return total


def _newest_s(path: str) -> float:
    times = [entry.stat(follow_symlinks=False).st_mtime for entry in _scan(path)]
    return max([os.stat(path).st_mtime, *times])


def _scan(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
