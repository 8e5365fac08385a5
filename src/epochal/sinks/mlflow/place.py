"""Where a run is mirrored in MLflow: the tracking store, and the note of it in the run folder.

A run stays where its mirror began.  ``<run>/mlflow/run.json`` names the store and the MLflow run,
without user name and password.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from epochal.core.atomic import write_atomically
from epochal.core.errors import SettingError
from epochal.core.redact import strip_userinfo

NOTE = os.path.join("mlflow", "run.json")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]*)(.*)", re.DOTALL)
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[/\\]")


def resolve(run_dir: str, asked: str | None) -> str:
    """Return the tracking URI of a run; it may have a user name and a password in it.

    It is the one that was asked for, else the one where the run is already, else that of
    ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the folder of all runs.

    Args:
        run_dir: the run.
        asked: the option ``tracking_uri``.

    Raises:
        SettingError: MLflow cannot mirror a run there.
    """
    note, environment = read_note(run_dir), os.environ.get("MLFLOW_TRACKING_URI") or None
    if asked is not None:
        known = note.get("asked") == shown(asked)
        uri = note["tracking_uri"] if known else absolute(asked)
    elif note.get("run_id") or not environment:
        uri = note.get("tracking_uri", "")
    else:
        uri = absolute(environment)
    if not uri:
        return default(run_dir)
    for full in filter(None, (asked, environment)):
        with contextlib.suppress(SettingError):
            if shown(absolute(full)) == uri != absolute(full):
                return absolute(full)  # with the password that the note does not have
    return str(uri)


def default(run_dir: str) -> str:
    """Return the URI of the store that all runs of a folder share."""
    return sqlite_uri(os.path.join(_folder_of_runs(run_dir), "mlflow.db"))


def absolute(uri: str) -> str:
    """Return a tracking URI that means the same in any folder.

    Raises:
        SettingError: it is a folder of MLflow's file store, or a database in memory.

    Example:
        >>> absolute("http://localhost:5000/")
        'http://localhost:5000'
    """
    scheme, colon, _ = uri.partition(":")
    if not colon and scheme == "databricks":
        return uri
    if not colon or scheme == "file" or _WINDOWS_PATH.match(uri):
        raise SettingError(
            f"tracking_uri {uri!r} is a folder of MLflow's file store, which keeps everything twice"
            " that is sent twice, and which MLflow has given up: give sqlite:///path/to/mlflow.db"
            " or the address of a server"
        )
    if scheme.partition("+")[0] != "sqlite":
        return uri.rstrip("/")
    parts = _SQLITE.fullmatch(uri)
    if parts is None or parts[2] in ("", ":memory:"):
        raise SettingError(f"tracking_uri {uri!r} is a database in memory: name a file")
    return f"{parts[1]}{os.path.abspath(parts[2])}{parts[3]}"


def shown(uri: str) -> str:
    """Return a tracking URI without user name and password, as it may be stored and told.

    Example:
        >>> shown("https://me:secret@host/x")
        'https://host/x'
    """
    return strip_userinfo(uri)


def sqlite_uri(path: str) -> str:
    """Return the URI of a database file; ``%`` and ``?`` mean something else in one."""
    return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")


def artifact_folder(run_dir: str, uri: str) -> str:
    """Return the folder for artifacts of a database that has no server: beside it.

    In the folder of all runs, if the database is not a file.
    """
    parts = _SQLITE.fullmatch(uri)
    if parts is None:
        return os.path.join(_folder_of_runs(run_dir), "mlflow.artifacts")
    return os.path.splitext(unquote(parts[2]))[0] + ".artifacts"


def is_database(uri: str) -> bool:
    """Say whether the store is a database that this process opens itself."""
    return uri.partition(":")[0].partition("+")[0] in ("sqlite", "postgresql", "mysql", "mssql")


def read_note(run_dir: str) -> Mapping[str, Any]:
    """Return what the run folder says of its MLflow run; empty if nothing or nothing readable."""
    try:
        with open(os.path.join(run_dir, NOTE), "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "tracking_uri" in found else {}


def write_note(run_dir: str, asked: str | None, uri: str, **more: str) -> None:
    """Keep where the run is.

    Args:
        run_dir: the run.
        asked: the option ``tracking_uri``.
        uri: as :func:`resolve` returned it.
        **more: ``experiment_id`` and ``run_id``, once they are known.

    Raises:
        OSError: the run folder cannot be written.
    """
    moves_along = asked is None and uri == default(run_dir)
    note = {
        "asked": shown(asked) if asked else None,
        "tracking_uri": "" if moves_along else shown(uri),
        **more,
    }
    if note != read_note(run_dir):
        path = os.path.join(run_dir, NOTE)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_atomically(path, json.dumps(note, indent=1).encode("ascii") + b"\n")


def _folder_of_runs(run_dir: str) -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(run_dir)))
