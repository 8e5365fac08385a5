"""The file of the catalog: where it is, how it is opened, and when it is given up."""

from __future__ import annotations

import hashlib
import os
import sqlite3

FORMAT = 1
LOCK_WAIT_S = 5.0

_SCHEMA = """
create table runs (id integer primary key, dir text not null unique, mtime integer not null,
                   checked integer not null, created real not null, watch text not null);
create table documents (run integer primary key, body text not null);
create table paths (id integer primary key, path text not null unique);
create table fields (path integer not null, run integer not null, value,
                     primary key (path, run)) without rowid;
create index fields_of_run on fields (run);
"""


def database_path(root: str, cache_dir: str | None = None) -> str:
    """Return where the index of a folder of runs is kept."""
    if cache_dir is None:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        cache_dir = os.path.join(base, "epochal")
    digest = hashlib.sha256(os.fsencode(os.path.abspath(root))).hexdigest()[:24]
    return os.path.join(cache_dir, f"catalog-{FORMAT}-{digest}.sqlite")


def connect(path: str) -> sqlite3.Connection:
    """Open the file, making it if need be; only this user can read it.

    Raises:
        OSError, sqlite3.Error: it cannot be used.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(path, flags, 0o600))
    db = _prepared(sqlite3.connect(
        path, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False
    ))  # fmt: skip
    try:
        (version,) = db.execute("pragma user_version").fetchone()
        tables = db.execute("select count(*) from sqlite_master").fetchone()[0]
        if tables and version != FORMAT:
            raise sqlite3.DatabaseError(f"it has format {version}, not {FORMAT}")  # noqa: TRY301
        if not tables:
            db.executescript(f"begin immediate; {_SCHEMA} pragma user_version = {FORMAT}; commit;")
    except BaseException:
        db.close()
        raise
    return db


def in_memory() -> sqlite3.Connection:
    """Return an empty index in memory."""
    db = _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
    db.executescript(_SCHEMA)
    return db


def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("pragma cache_size = -32768")
    db.execute("pragma synchronous = normal")
    return db


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether the file is at fault, and not its place, another process or that it is closed."""
    return not isinstance(error, sqlite3.OperationalError | sqlite3.ProgrammingError)
