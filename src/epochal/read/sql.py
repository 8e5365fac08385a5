"""SQL over runs: DuckDB on what is sealed and what is still in the journal.

Tables (see :func:`query`) are made when a query names them, and read as the query runs.  The
connection can reach nothing else: no file, no network, no extension, no variable of the program.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.core.errors import DamageError, QueryError
from epochal.core.optional import require
from epochal.read.contents import Contents
from epochal.read.parts import Rows
from epochal.read.runs import Runs
from epochal.read.series import big_rows, float_values
from epochal.read.sessions import SessionData, within
from epochal.read.sql_scope import metrics_of, table_functions

if TYPE_CHECKING:
    import pyarrow as pa

LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",  # nothing is spilled to a disk
    "memory_limit": "2GB",
    "threads": "2",
}
ALLOWED = frozenset({"SELECT", "EXPLAIN", "MULTI"})  # a PIVOT is parsed as several statements
CHANGING = frozenset({"enable_logging", "disable_logging", "truncate_duckdb_logs", "set_config"})

_Batches = Callable[[], Iterator["pa.RecordBatch"]]


def query(runs: Runs, text: str, *, metrics: Collection[str] | None = None) -> pa.Table:
    """Run one query over runs.

    =========== ================================================================================
    runs        run project name group_name state tags notes created duration_s steps host
                git_commit dir
    points      run project name metric step epoch elapsed_s time value session seq
    rank_points the same, and ``rank``
    events      run project name session seq elapsed_s time kind json rank
    configs     run project name key value number: a row per leaf; ``key`` is dotted, ``value`` JSON
    media       run project name key step epoch elapsed_s type format caption bytes sha256
    =========== ================================================================================

    ``run`` is the id, ``time`` unix seconds, ``value`` float64 (integers beyond 2**53 are rounded),
    ``epoch`` null where there was none.  Points and media that a resume hides are left out.
    Of a distributed job, ``rank_points`` and ``events`` have what all ranks recorded, the other
    tables what rank 0 did.

    Cost: ``runs`` and ``configs`` come from the index.  ``points`` reads every run that was given,
    but only the metrics that matter: those of ``metrics``, or those that the query itself asks for
    with ``from points where metric = '…'`` (or ``metric in (…)``, and further conditions joined by
    AND); in any other form all of them, about 0.1 µs a point.  So does ``rank_points``.

    Args:
        runs: which runs.
        text: one SELECT statement of DuckDB's SQL.
        metrics: only these metrics are in ``points``.

    Raises:
        MissingExtraError: DuckDB is not installed.
        QueryError: the query is not valid, is not a single SELECT, or reaches for anything else.
        DamageError: a sealed file is damaged.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", dir=folder) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> query(epochal.open(folder).runs(), "select max(value) as top from points").to_pydict()
        {'top': [0.5]}
    """
    duckdb = require("duckdb", extra="sql", why="SQL over runs")
    sources: list[_Source] = []
    connection = duckdb.connect(":memory:", config=LOCKED)
    try:
        connection.execute("set lock_configuration = true")
        _must_be_select(connection, text)
        for name, make in _tables(runs, text, connection, metrics).items():
            if re.search(rf"\b{name}\b", text, re.IGNORECASE):
                sources.append(_Source(*make()))
                connection.register(name, sources[-1])
        result: pa.Table = connection.sql(text).to_arrow_table()
    except duckdb.Error as error:
        for source in sources:
            if source.failed is not None:
                raise source.failed from error
        message = f"the query failed: {error}"
        raise QueryError(message) from error
    finally:
        connection.close()
    return result


class _Source:
    """A table that DuckDB reads batch by batch, as often as it likes."""

    def __init__(self, schema: pa.Schema, batches: _Batches) -> None:
        self._schema, self._batches = schema, batches
        self.failed: Exception | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self._schema, self._read())
        return reader.__arrow_c_stream__(requested_schema)

    def _read(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches()
        except (DamageError, OSError) as error:
            self.failed = error
            raise


def _must_be_select(connection: Any, text: str) -> None:
    statements = connection.extract_statements(text)
    kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
    if len(kinds) != 1 or kinds[0] not in ALLOWED:
        what = ", ".join(kinds) or "nothing"
        message = f"a query is one SELECT statement, this is {what}: runs are only read"
        raise QueryError(message)
    # External access is off, but not every version of DuckDB counts its own log among it.
    if refused := table_functions(connection, text) & CHANGING:
        raise QueryError(f"{', '.join(sorted(refused))}() changes DuckDB: runs are only read")


def _tables(
    runs: Runs, text: str, connection: Any, metrics: Collection[str] | None
) -> dict[str, Callable[[], tuple[pa.Schema, _Batches]]]:
    def points(*, ranks: bool) -> tuple[pa.Schema, _Batches]:
        wanted = metrics_of(connection, text) if metrics is None else set(metrics)
        schema = _point_schema(ranks=ranks)
        return schema, lambda: _points(runs, wanted, schema)

    return {
        "runs": lambda: _of_rows(_run_rows(runs), _run_schema()),
        "points": lambda: points(ranks=False),
        "rank_points": lambda: points(ranks=True),
        "events": lambda: (_event_schema(), lambda: _events(runs)),
        "configs": lambda: _of_rows(_config_rows(runs), _config_schema()),
        "media": lambda: _of_rows(_media_rows(runs), _media_schema()),
    }


def _of_rows(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> tuple[pa.Schema, _Batches]:
    import pyarrow as pa

    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    for name in [field.name for field in schema if pa.types.is_floating(field.type)]:
        for row in plain:  # steps may be integers that no float is: the nearest one
            row[name] = None if row[name] is None else float(row[name])
    table = pa.Table.from_pylist(plain, schema)
    return schema, lambda: iter(table.to_batches())


def _plain(value: Any) -> Any:
    """Return a text, or texts, as UTF-8 can hold it, and anything else as it is."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _schema(**columns: str) -> pa.Schema:
    import pyarrow as pa

    names = pa.dictionary(pa.int32(), pa.string())
    kinds = {"name": names, "text": pa.string(), "float": pa.float64(), "int": pa.int64(),
             "texts": pa.list_(pa.string())}  # fmt: skip
    return pa.schema([(column, kinds[kind]) for column, kind in columns.items()])


def _run_schema() -> pa.Schema:
    return _schema(
        run="text", project="text", name="text", group_name="text", state="text", tags="texts",
        notes="text", created="float", duration_s="float", steps="float", host="text",
        git_commit="text", dir="text",
    )  # fmt: skip


def _point_schema(*, ranks: bool) -> pa.Schema:
    return _schema(
        run="name", project="name", name="name", metric="name", step="float", epoch="float",
        elapsed_s="float", time="float", value="float", session="int", seq="int",
        **({"rank": "int"} if ranks else {}),
    )  # fmt: skip


def _event_schema() -> pa.Schema:
    return _schema(
        run="name", project="name", name="name", session="int", seq="int", elapsed_s="float",
        time="float", kind="text", json="text", rank="int",
    )  # fmt: skip


def _config_schema() -> pa.Schema:
    return _schema(run="text", project="text", name="text", key="text", value="text",
                   number="float")  # fmt: skip


def _media_schema() -> pa.Schema:
    return _schema(
        run="text", project="text", name="text", key="text", step="float", epoch="float",
        elapsed_s="float", type="text", format="text", caption="text", bytes="int", sha256="text",
    )  # fmt: skip


def _run_rows(runs: Runs) -> Iterator[dict[str, Any]]:
    for run in runs:
        yield {
            "run": run.id, "project": run.project, "name": run.name, "group_name": run.group,
            "state": run.state, "tags": run.tags, "notes": run.notes, "created": run.created_s,
            "duration_s": run.duration_s, "steps": run.steps, "host": run.host,
            "git_commit": run.git.get("commit"), "dir": run.dir,
        }  # fmt: skip


def _config_rows(runs: Runs) -> Iterator[dict[str, Any]]:
    for run in runs:
        about = {"run": run.id, "project": run.project, "name": run.name}
        for path, value in _leaves((), run.config):
            number = isinstance(value, int | float)
            yield {
                **about,
                "key": ".".join(path),
                "value": json.dumps(value),
                "number": float(float_values(np.array([value], object))[0]) if number else None,
            }


def _media_rows(runs: Runs) -> Iterator[dict[str, Any]]:
    fields = ("key", "step", "epoch", "elapsed_s", "type", "format", "caption", "bytes", "sha256")
    for run in runs:
        about = {"run": run.id, "project": run.project, "name": run.name}
        for media in run.media:
            yield {**about, **{field: getattr(media, field) for field in fields}}


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves((*path, str(key)), inner)
    else:
        yield path, value


def _points(
    runs: Runs, metrics: Collection[str] | None, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for run in runs:
        about = (run.id, run.project, run.name)
        contents = Contents(run.dir)
        for session in contents.everyone if "rank" in schema.names else contents.sessions:
            for part in session.parts:
                for rows in part.rows(metrics):
                    yield from _point_batches(about, session, rows, schema)
            for rows in big_rows(session, metrics):
                yield from _point_batches(about, session, rows, schema)


def _point_batches(
    about: tuple[str, str, str], session: SessionData, rows: Rows, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    from epochal.store.arrow import numbers

    rows = within(rows, session.limit)
    n = len(rows.seq)
    if not n:
        return
    names = [_repeated(text, n) for text in about]
    epochs = np.full(n, np.nan) if rows.epochs is None else rows.epochs
    clock = session.clock
    shared = [
        numbers(rows.steps.astype(np.float64)), numbers(epochs, np.isnan(epochs)),
        numbers(clock.elapsed_s(rows.elapsed_ns)),
        numbers(clock.time_s(rows.seq, rows.elapsed_ns)),
    ]  # fmt: skip
    order = [numbers(np.full(n, session.ordinal)), numbers(rows.seq)]
    if "rank" in schema.names:
        order.append(numbers(np.full(n, session.rank)))
    for metric, values in rows.values.items():
        value = numbers(float_values(values))
        columns = [*names, _repeated(metric, n), *shared, value, *order]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _repeated(text: str, count: int) -> pa.Array:
    import pyarrow as pa

    from epochal.store.arrow import numbers

    body = text.encode("utf-8", "replace")
    offsets = pa.py_buffer(np.array([0, len(body)], np.int32))
    value = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(body))
    return pa.DictionaryArray.from_arrays(numbers(np.zeros(count, np.int32)), value)


def _events(runs: Runs) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for run in runs:
        for session in Contents(run.dir).own:
            events = session.events()
            if not events:
                continue
            seq = np.array([event.seq for event in events], np.int64)
            elapsed_ns = np.array([event.elapsed_ns for event in events], np.int64)
            clock, n = session.clock, len(events)
            columns = [
                *(_repeated(text, n) for text in (run.id, run.project, run.name)),
                pa.array(np.full(n, session.ordinal)), pa.array(seq),
                pa.array(clock.elapsed_s(elapsed_ns)), pa.array(clock.time_s(seq, elapsed_ns)),
                pa.array([_plain(event.data["kind"]) for event in events]),
                pa.array([json.dumps(event.data) for event in events]),
                pa.array(np.full(n, session.rank)),
            ]  # fmt: skip
            yield pa.RecordBatch.from_arrays(columns, schema=_event_schema())
