"""MLflow's package as the mirror uses it: quiet, patient where it must be, and safe to start.

Whoever imports MLflow first in a process decides how it behaves there, as it reads environment
variables.  In the follower process that is the mirror; in a training that uses MLflow itself
nothing is changed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
import sys
import threading
from collections.abc import Iterator
from typing import Any

from epochal.core.errors import MissingExtraError, SinkError
from epochal.core.optional import require
from epochal.core.redact import redact_text
from epochal.sinks.mlflow.place import artifact_folder, is_database, shown

OLDEST = (3, 9)
"""Older ones send artifacts to the process's one server, or make folders where they are."""

TIMEOUT_S = 10
SLOWEST_BYTES_PER_S = 4e6
"""A file is given this much more time to be stored on the other side of a server."""

_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_BEHAVIOR = {
    _TIMEOUT: str(TIMEOUT_S),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # the follower tries again, with growing pauses
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is the follower's pipe
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
_WHY = "the sink 'mlflow'"
NOT_THE_RECORD = (401, 403, 404, 408, 429, 502, 503, 504)
"""Answers that say nothing of what was sent."""

MAX_REASON_CHARS = 300

_lock, _opening = threading.Lock(), threading.Lock()  # Alembic migrates one database at a time
_is_ours = False
_usual_s = TIMEOUT_S
_waits: list[int] = []


def load() -> Any:
    """Import MLflow and return the package.

    Raises:
        MissingExtraError: it is not installed, or too old.
    """
    global _is_ours, _usual_s
    with _lock:
        if "mlflow" not in sys.modules:
            for name, value in _BEHAVIOR.items():
                os.environ.setdefault(name, value)
            os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
            _is_ours, _usual_s = True, int(os.environ[_TIMEOUT])
        mlflow = require("mlflow", extra="mlflow", why=_WHY)
        major, minor = mlflow.__version__.split(".")[:2]
        if (int(major), int(minor)) < OLDEST:
            needed = ".".join(map(str, OLDEST))
            message = (
                f"{_WHY} needs MLflow {needed} or newer, {mlflow.__version__} is installed:"
                " pip install -U 'epochal[mlflow]'"
            )
            raise MissingExtraError(message)
        return mlflow


def connect(run_dir: str, uri: str) -> Any:
    """Return a client of a tracking store; a database file that is missing is made.

    Raises:
        MissingExtraError: a package is not installed.
        OSError: a database cannot be had; servers are not asked yet.
    """
    mlflow = load()
    if not is_database(uri):
        return mlflow.MlflowClient(tracking_uri=uri)
    sqlalchemy = require("sqlalchemy", extra="mlflow", why=f"{_WHY} with a database")
    require("alembic", extra="mlflow", why=f"{_WHY} with a database")
    try:
        with _opening, explained(uri, opening=True):
            _prepare(run_dir, uri)
            return mlflow.MlflowClient(tracking_uri=uri)
    except sqlalchemy.exc.SQLAlchemyError as error:
        text = redact_text(str(error)).partition("\n")[0]
        message = f"the database {shown(uri)} cannot be used for MLflow: {text}"
        raise ConnectionError(message) from None


@contextlib.contextmanager
def explained(uri: str, *, opening: bool = False) -> Iterator[None]:
    """Turn what MLflow raises into an error of one line, without passwords.

    Args:
        uri: the tracking store.
        opening: nothing was sent, so that no record can be to blame.

    Raises:
        ConnectionError: MLflow cannot be reached or does not work.
        SinkError: MLflow refuses what it was sent.
    """
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        text = redact_text(str(error)).strip().partition("\n")[0]
        status = getattr(error, "get_http_status_code", lambda: 0)()
        if isinstance(error, requests.HTTPError) and error.response is not None:
            status = error.response.status_code
        unanswered = text.startswith("API request to") and "too many 500 error" not in text
        lost = unanswered or status in NOT_THE_RECORD or isinstance(error, requests.ConnectionError)
        why = text.rpartition("(Caused by ")[2][:MAX_REASON_CHARS]
        where = f"MLflow at {shown(uri)}"
        # Without what caused them: its text may have the password in it.
        if opening or lost:
            raise ConnectionError(f"{where} cannot be reached or used: {why}") from None
        raise SinkError(f"{where} refuses a part of the run: {why}") from None


@contextlib.contextmanager
def patience(size_bytes: int) -> Iterator[None]:
    """Let requests that carry a file of this size wait longer for their answer."""
    wait_s = _usual_s + int(size_bytes / SLOWEST_BYTES_PER_S)
    _wait(wait_s)
    try:
        yield
    finally:
        _wait(-wait_s)


def _wait(change_s: int) -> None:
    """Begin to wait so long, or, with a minus, no longer: the longest counts for all threads."""
    with _lock:
        if change_s > 0:
            _waits.append(change_s)
        else:
            _waits.remove(-change_s)
        if _is_ours:
            os.environ[_TIMEOUT] = str(max([_usual_s, *_waits]))


def _prepare(run_dir: str, uri: str) -> None:
    """Make a missing database file; fail at once if one cannot be used.

    MLflow itself would try for an hour, holding up all mirrors of the process.
    """
    import sqlalchemy

    url = sqlalchemy.engine.make_url(uri)
    if url.get_backend_name() == "sqlite" and not os.path.exists(str(url.database)):
        _make_database(run_dir, uri, url)
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
    sqlalchemy.inspect(engine).get_table_names()


def _make_database(run_dir: str, uri: str, url: Any) -> None:
    """Make a database file in one step: several runs may begin at the same time."""
    from mlflow.store.tracking import sqlalchemy_store

    make_store: Any = sqlalchemy_store.SqlAlchemyStore  # its constructor has no types
    folder, name = os.path.split(url.database)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    draft = os.path.join(folder, f".{name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        artifacts = pathlib.Path(artifact_folder(run_dir, uri)).as_uri()
        store = make_store(url.set(database=draft).render_as_string(), artifacts)
        store.engine.dispose()
        _publish(draft, url.database)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def _publish(draft: str, path: str) -> None:
    """Give a complete file its name, unless another run was faster."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        if not os.path.exists(path):
            os.rename(draft, path)
