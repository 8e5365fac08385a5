"""The catalog: an index of runs in the user's cache folder, so that listing opens no run folder.

It is an SQLite file that may be deleted at any time: nothing is in it that the run folders do not
say.  A run's row is trusted while the time stamp of its ``journal`` folder is the same, which
changes with every session, annotation and sealed segment; for runs that have not ended, the size of
their last file and the life of their process are looked at too.  A file that is damaged, locked or
cannot be written is replaced by a new one, or by an index in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from epochal.core.errors import RunFolderError
from epochal.core.problems import logger
from epochal.core.shapes import TEXT, listed
from epochal.store import folder
from epochal.store.catalog_entry import (
    Described,
    Entry,
    Path,
    Watch,
    check_column,
    check_row,
    encoded,
    parsed,
    patched,
    went_on,
)
from epochal.store.catalog_file import FORMAT, connect, database_path, in_memory, is_damage

__all__ = ["FORMAT", "Catalog", "Entry", "Watch", "database_path"]

YOUNG_NS = 2_000_000_000
"""A folder that changed so shortly before it was described may change again unseen: file systems
count time in steps."""

BATCH = 500
FEW = 50
"""So few changes are made in the columns that were read; after more, they are read again."""

T = TypeVar("T")
_PATHS = listed(listed(TEXT))


class _Row(NamedTuple):
    id: int
    mtime: int
    checked: int
    created: float
    watch: str


class Catalog:
    """The index of all runs below one folder.  Threads may share it.

    Args:
        root: the folder of runs.
        describe: returns what there is to say of a run folder; may raise RunFolderError or OSError
            for one that cannot be read, which is then left out.
        cache_dir: where the index is kept; default ``$XDG_CACHE_HOME/epochal`` or
            ``~/.cache/epochal``.
    """

    def __init__(
        self, root: str, describe: Callable[[str], Entry], cache_dir: str | None = None
    ) -> None:
        self.root, self._describe = os.path.abspath(root), describe
        self._lock = threading.RLock()
        self._path = database_path(self.root, cache_dir)
        self._db = self._open()
        self._version: object = None
        self._rows: dict[str, _Row] = {}
        self._dirs: dict[int, str] = {}
        self._paths: dict[str, int] = {}
        self._projects: list[str] | None = None
        self._columns: dict[Path, dict[str, Any]] = {}

    def refresh(self, projects: Iterable[str] | None = None) -> list[str]:
        """Bring the index up to date; return the runs' folders, newest first.

        Args:
            projects: only these project folders; default all.
        """
        with self._lock:
            self._projects = None if projects is None else list(projects)
            found, changed, gone = self._guarded(self._look)
        # While runs are described others may ask: a first visit shows what is there so far.
        for start in range(0, len(changed), BATCH):
            entries = self._described(changed[start : start + BATCH])
            with self._lock:
                self._guarded(partial(self._write, entries, ()))
        with self._lock:
            if gone:
                self._guarded(partial(self._write, (), gone))
            return self._newest_first(found)

    def known(self) -> list[str]:
        """Return the folders of the runs that are in the index, newest first, without a look."""
        with self._lock:
            if self._version is None:
                self._guarded(self._read_rows)
            return self._newest_first(self._rows)

    def unfinished(self) -> dict[str, list[Watch]]:
        """Return what to look at of the runs that have not ended, by folder."""
        with self._lock:
            found = [(run_dir, row.watch) for run_dir, row in self._rows.items() if row.watch]
        return {run_dir: [Watch(*each) for each in json.loads(watch)] for run_dir, watch in found}

    def paths(self, root: str) -> list[Path]:
        """Return the paths that begin with a name, such as those of all metrics or configs."""
        with self._lock:
            self._guarded(self._read_rows)
            return list(self._below(root))

    def counts(self, root: str, run_dirs: Iterable[str]) -> dict[Path, int]:
        """Return how many of some runs have each of the fields that begin with a name."""
        with self._lock:
            return self._guarded(lambda: self._count(root, run_dirs))

    def column(self, path: Path) -> dict[str, Any]:
        """Return one field of all runs that have it, by folder, as of the last refresh."""
        with self._lock:
            if path not in self._columns:
                self._columns[path] = self._guarded(lambda: self._read_column(path))
            return self._columns[path]

    def document(self, run_dir: str) -> dict[str, Any]:
        """Return the document of a run as of the last refresh.

        Raises:
            KeyError: it is not in the index.
        """
        with self._lock:
            return self._guarded(lambda: self._read_document(run_dir))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, sqlite3.Error):  # it was never opened
            self._db.close()

    # -- refreshing --------------------------------------------------------------------------

    def _look(self) -> tuple[dict[str, int], list[tuple[str, int]], list[str]]:
        """Return the folders that are there, those that must be described, and those that left."""
        projects = self._projects
        self._read_rows()
        rows = self._rows
        found: dict[str, int] = {}
        changed: list[tuple[str, int]] = []
        for run_dir in self._folders():
            try:
                mtime = os.stat(run_dir + "/journal").st_mtime_ns
            except OSError:
                mtime = 0
            row = rows.get(run_dir)
            if (
                row is None
                or row.mtime != mtime
                or row.checked - mtime < YOUNG_NS
                or (row.watch and went_on(run_dir, row.watch))
            ):
                changed.append((run_dir, mtime))
            found[run_dir] = mtime
        below = None if projects is None else tuple(f"{p}{os.sep}" for p in projects)
        gone = [d for d in self._rows if d not in found and (below is None or d.startswith(below))]
        return found, changed, gone

    def _newest_first(self, found: Iterable[str]) -> list[str]:
        rows = self._rows
        return sorted(
            (run_dir for run_dir in found if run_dir in rows),
            key=lambda run_dir: (rows[run_dir].created, run_dir), reverse=True,
        )  # fmt: skip

    def _folders(self) -> Iterator[str]:
        """Yield all run folders: what is known is not looked at again."""
        for each in [self.root] if self._projects is None else self._projects:
            if folder.is_run(each):
                yield each
                continue
            for below in _entries(each):
                if below in self._rows or folder.run_id(below) is not None:
                    yield below
                else:
                    for run_dir in _entries(below):
                        if run_dir in self._rows or folder.run_id(run_dir) is not None:
                            yield run_dir

    def _described(self, changed: Sequence[tuple[str, int]]) -> list[Described]:
        entries = []
        for run_dir, mtime in changed:
            checked = time.time_ns()
            try:
                entries.append(Described(run_dir, mtime, checked, self._describe(run_dir)))
            except (RunFolderError, OSError) as error:
                logger.debug("the catalog leaves %s out: %s", run_dir, error)
                entries.append(Described(run_dir, mtime, checked, None))
        return entries

    def _write(self, entries: Sequence[Described], gone: Sequence[str]) -> None:
        """Write one batch of what was described, so that the file is never locked for long."""
        with self._transaction():
            self._delete(gone)
            for each in entries:
                if each.entry is None:
                    self._rows.pop(each.run_dir, None)
                else:
                    self._put(each.run_dir, each.mtime, each.checked, each.entry)
        self._columns = {path: patched(self._columns[path], path, entries, gone)
                         for path in self._columns if len(entries) < FEW}  # fmt: skip
        self._dirs = {row.id: where for where, row in self._rows.items()}

    def _delete(self, gone: Iterable[str]) -> None:
        for run_dir in gone:
            row = self._rows.pop(run_dir, None)
            for table, column in (("runs", "id"), ("documents", "run"), ("fields", "run")):
                if row is not None:
                    self._db.execute(f"delete from {table} where {column} = ?", (row.id,))  # noqa: S608

    def _put(self, run_dir: str, mtime: int, checked: int, entry: Entry) -> None:
        execute = self._db.execute
        watch = json.dumps(entry.watch) if entry.watch else ""
        row = (os.path.relpath(run_dir, self.root), mtime, checked,
               float(entry.document["created"]), watch)  # fmt: skip
        execute(
            "insert into runs (dir, mtime, checked, created, watch) values (?, ?, ?, ?, ?)"
            " on conflict (dir) do update set mtime = excluded.mtime, created ="
            " excluded.created, checked = excluded.checked, watch = excluded.watch",
            row,
        )
        ((run,),) = execute("select id from runs where dir = ?", row[:1]).fetchall()
        execute("insert or replace into documents values (?, ?)",
                (run, json.dumps(entry.document, default=str)))  # fmt: skip
        execute("delete from fields where run = ?", (run,))
        self._db.executemany(
            "insert or replace into fields values (?, ?, ?)",
            [(self._path_id(path), run, encoded(value)) for path, value in entry.fields.items()],
        )
        self._rows[run_dir] = _Row(run, *row[1:])

    def _path_id(self, path: Path) -> int:
        text = json.dumps(path)
        known = self._paths.get(text)
        if known is None:
            self._db.execute("insert or ignore into paths (path) values (?)", (text,))
            ((known,),) = self._db.execute("select id from paths where path = ?", (text,))
            self._paths[text] = known
        return int(known)

    # -- reading -----------------------------------------------------------------------------

    def _read_rows(self) -> None:
        """Read the rows again if another process has changed them."""
        (version,) = self._db.execute("pragma data_version").fetchone()
        if version == self._version:
            return
        self._columns = {}
        rows = self._db.execute("select dir, id, mtime, checked, created, watch from runs")
        self._rows = {}
        for where, *rest in rows:
            check_row(where, rest[:3], *rest[3:])
            self._rows[_absolute(self.root, where)] = _Row(*rest)
        self._dirs = {row.id: where for where, row in self._rows.items()}
        self._paths = dict(self._db.execute("select path, id from paths"))
        if not _PATHS.holds([parsed(text) for text in self._paths]):
            raise sqlite3.DatabaseError("a path of the index is none")
        self._version = version

    def _read_column(self, path: Path) -> dict[str, Any]:
        self._read_rows()
        number = self._paths.get(json.dumps(path))
        found = self._db.execute("select run, value from fields where path = ?", (number,))
        dirs = self._dirs
        column = {dirs[run]: value for run, value in found if run in dirs}
        stored = [run_dir for run_dir, value in column.items() if type(value) is bytes]
        if stored:  # one call for all of them is several times faster than one for each
            texts = b",".join([column[run_dir] for run_dir in stored])
            found = parsed(b"[" + texts + b"]")
            if len(found) != len(stored):
                raise sqlite3.DatabaseError(f"the column {path} has other values than runs")
            column.update(zip(stored, found, strict=True))
        check_column(path, column)
        return column

    def _below(self, root: str) -> dict[Path, int]:
        begin = json.dumps([root])[:-1]  # '["config"', which "," or "]" follows
        found = [each for each in self._paths if each.startswith(begin)]
        return {tuple(json.loads(path)): self._paths[path] for path in found}

    def _count(self, root: str, run_dirs: Iterable[str]) -> dict[Path, int]:
        self._read_rows()
        ids = [(self._rows[run_dir].id,) for run_dir in run_dirs if run_dir in self._rows]
        self._db.execute("create temp table if not exists chosen (run integer primary key)")
        self._db.execute("begin")  # only the temporary table is locked
        self._db.execute("delete from chosen")
        self._db.executemany("insert or ignore into chosen values (?)", ids)
        self._db.execute("commit")
        # "cross": those that have the field are few, or they are as many as were chosen.
        query = "select count(*) from fields cross join chosen using (run) where path = ?"
        below = self._below(root).items()
        counted = {path: self._db.execute(query, (number,)).fetchone()[0] for path, number in below}
        return {path: count for path, count in counted.items() if count}

    def _read_document(self, run_dir: str) -> dict[str, Any]:
        self._read_rows()
        query = "select body from documents where run = ?"
        found = self._db.execute(query, (self._rows[run_dir].id,)).fetchone()
        if found is None:
            raise KeyError(run_dir)
        document = parsed(found[0])
        if not isinstance(document, dict):
            raise sqlite3.DatabaseError(f"the document of {run_dir} is none")
        return document

    # -- the file ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _guarded(self, work: Callable[[], T]) -> T:
        """Do something with the file; if that fails, with a new one; then in memory."""
        for last in (False, True):
            try:
                return work()
            except sqlite3.Error as error:
                logger.debug("the catalog %s is replaced: %s", self._path, error)
                with contextlib.suppress(sqlite3.Error):
                    self._db.close()
                self._db = in_memory() if last else self._open(after=error)
                self._version, self._rows = None, {}
                with contextlib.suppress(sqlite3.Error):
                    _, changed, gone = self._look()
                    self._write(self._described(changed), gone)
        return work()

    def _open(self, after: sqlite3.Error | None = None) -> sqlite3.Connection:
        """Open the file; after damage, a new one in its place."""
        if after is not None and is_damage(after):
            for suffix in ("", "-journal", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    os.unlink(self._path + suffix)
        elif after is not None:
            return in_memory()
        try:
            return connect(self._path)
        except (OSError, sqlite3.Error) as error:
            logger.debug("the catalog %s cannot be used: %s", self._path, error)
            if after is None and isinstance(error, sqlite3.Error):
                return self._open(after=error)
            return in_memory()


def _entries(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [e.path for e in entries if not e.name.startswith(".") and e.is_dir()]
    except OSError:
        return []


def _absolute(root: str, where: str) -> str:
    if where.startswith(os.curdir):  # "." or ".."
        return os.path.normpath(os.path.join(root, where))
    return f"{root}{os.sep}{where}"
