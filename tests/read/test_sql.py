"""SQL: the same points as everywhere, and a connection that reaches nothing else."""

import os
import sys

import pytest
from journals import JournalMaker, finished_run, make_run

import epochal
from epochal.core.errors import MissingExtraError, QueryError
from epochal.read.sql_scope import metrics_of
from epochal.store.seal import seal_run

pytest.importorskip("duckdb")


@pytest.fixture
def project(tmp_path):
    """A sealed run, a live one with a hidden tail and a big integer."""
    config = {"lr": 0.1, "model": {"depth": 2}}
    seal_run(finished_run(tmp_path, [({"loss": float(i), "b": 0.5}, i) for i in range(5)], "sealed",
                          config=config))  # fmt: skip
    run_dir = finished_run(tmp_path, [({"loss": 100.0 + i}, i) for i in range(5)], "live")
    maker = JournalMaker(run_dir, hides_after=2)
    maker.row({"loss": 7.5}, 3, epoch=0.5)
    maker.event("bigint", key="tokens", value=str(2**60), step=3)
    maker.close()
    return epochal.open(tmp_path)


def rows(project, query: str, **options) -> list:
    """The rows of a query."""
    return [tuple(row.values()) for row in project.sql(query, **options).to_pylist()]


def test_sealed_and_live_points(project):
    """Each visible point of each run is a row."""
    query = (
        "select name, count(*), max(value) from points where metric = 'loss' group by 1 order by 1"
    )
    assert rows(project, query) == [("live", 4, 102.0), ("sealed", 5, 4.0)]
    query = "select step, epoch, value from points where metric = 'loss' and epoch is not null"
    assert rows(project, query) == [(3.0, 0.5, 7.5)]
    assert rows(project, "select value from points where metric = 'tokens'") == [(2.0**60,)]


def test_points_are_those_of_series(project):
    """Times and steps agree with `series`."""
    found = rows(project, "select seq, step, elapsed_s, time, value from points where name = 'live'"
                          " and metric = 'loss' order by session, seq")  # fmt: skip
    series = project.run("live").series("loss")
    columns = (series.seq, series.steps, series.elapsed_s, series.times, series.values)
    assert found == [tuple(row) for row in zip(*(c.tolist() for c in columns), strict=True)]


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from points",
        "select count(*) from points where metric = 'b'",
        "select count(*) from POINTS p where 'b' = p.METRIC and step > 2",
        "select count(*) from points where metric in ('b', 'tokens')",
        "select count(*) from points where metric = 'b' or metric = 'tokens'",
        "select count(*) from points where metric != 'b'",
        "select count(*) from points where not metric = 'b'",
        "select count(*) from points where metric = 'b' and metric = 'loss'",
        "select count(*) from points where metric = (select 'b')",
        "select count(*) from points where metric like 'b'",
        "select count(*) from points where metric = 'b' and step > (select min(step) from points)",
        "from points a join points b using (seq) select count(*) where a.metric = b.metric",
        "from points a join points b using (seq) select count(*) where a.metric = 'b'",
        "select count(*) from points where metric = 'b' union all select count(*) from points",
        "with points as (select * from points where metric = 'b') select count(*) from points",
        "select count(*) from (from points where metric = 'b')",
        "select count(*) from points as p(a, b, c, d, metric) where metric = 3",
        "select count(*) from points as p(metric) where metric = (select min(run) from runs)",
        "select (select count(*) from points) from points where metric = 'tokens'",
        "from runs r, lateral (from points where r.name = 'live') select count(*)",
        "select (select count(*) from points where m.metric = 'b') from (select 'b' as metric) m",
        "select count(*) from query('from points')",
        "from (select 'b' as metric, value from points) select count(*) where metric = 'b'",
    ],
)
def test_reading_only_what_matters_changes_no_result(project, query):
    """Whatever form a restriction to metrics has, the result is that of reading everything."""
    everything = project.runs().metrics()
    assert rows(project, query) == rows(project, query, metrics=everything)


def test_what_a_query_can_see():
    """A plain restriction is understood, so that nothing else is read."""
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(":memory:") as connection:
        for query, expected in (
            ("select * from points where metric = 'it''s'", {"it's"}),
            ("select * from points p where step > 1 and p.metric in ('a', 'b')", {"a", "b"}),
            ("select * from points where metric = 'a' or step = 1", None),
            ("select * from points where metric = 'a' and metric not in ('b')", {"a"}),
            ("select * from points", None),
            ("select 'points' from points where metric = 'a'", None),
        ):
            assert metrics_of(connection, query) == expected, query


def test_the_other_tables(project):
    """Runs, configs and events."""
    assert rows(project, "select name, state from runs order by name") == [
        ("live", "finished"), ("sealed", "finished"),
    ]  # fmt: skip
    assert rows(project, "select key, number from configs order by key") == [
        ("lr", 0.1), ("model.depth", 2.0),
    ]  # fmt: skip
    query = "select name, kind, json->>'value' from events where kind = 'bigint'"
    assert rows(project, query) == [("live", "bigint", str(2**60))]
    query = """select c.number, min(p.value) from points p join configs c using (run)
               where p.metric = 'loss' and c.key = 'lr' group by 1"""
    assert rows(project, query) == [(0.1, 0.0)]


def test_only_some_metrics(project):
    """`metrics` restricts what is read."""
    assert rows(project, "select distinct metric from points", metrics=["b"]) == [("b",)]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('{path}')", "select * from '{path}'",
        "select * from read_text('{path}')", "select * from read_blob('{path}')",
        "select * from glob('/*')", "select * from read_parquet('{path}')",
        "select * from sniff_csv('{path}')", "select * from read_json('http://127.0.0.1:1/')",
        "copy (select 1) to '{path}'", "copy points from '{path}'", "attach '{path}' as x",
        "install httpfs", "load httpfs", "set enable_external_access = true",
        "set lock_configuration = false", "pragma enable_profiling", "export database '{path}'",
        "select 1; copy (select 1) to '{path}'", "explain analyze copy (select 1) to '{path}'",
        "create table t as select 1", "call enable_logging(storage = 'file')",
        "select * from enable_logging(storage = 'file', storage_config = {{'path': '{path}'}})",
        "select * from secret_table", "select * from query('from read_csv(''{path}'')')",
        "", "select", "drop table points", "select * from no_such_table",
    ],
)  # fmt: skip
def test_nothing_else_can_be_reached(project, tmp_path, query):
    """No file is read or written, nothing is loaded or set, and no variable is seen."""
    path = tmp_path / "secret.csv"
    path.write_text("a\n1\n")
    secret_table = epochal.RunView(project.run("live").dir).history()
    with pytest.raises(QueryError):
        project.sql(query.format(path=path))
    assert path.read_text() == "a\n1\n"
    assert secret_table.num_rows


def test_without_duckdb(project, monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r"epochal\[sql\]"):
        project.sql("select 1")


def test_nothing_is_left_behind(project, tmp_path, monkeypatch):
    """A large sort leaves no files in the working folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    project.sql("select * from points, range(1000) order by value desc, range limit 5")
    assert os.listdir(folder) == []


def test_runs_without_points(tmp_path):
    """Empty tables can be queried."""
    make_run(tmp_path)
    assert rows(epochal.open(tmp_path), "select count(*) from points, events") == [(0,)]


def test_media(tmp_path):
    """A row for each medium of all runs, what a resume hides left out."""
    for name in ("a", "b"):
        with epochal.init(dir=str(tmp_path), name=name, follow="off") as run:
            for step in range(3):
                run.log({"page": epochal.Html("x" * step, caption="é")}, step=step, epoch=0.5)
    found = rows(
        epochal.open(tmp_path),
        "select name, key, type, format, caption, epoch, count(*), max(step), sum(bytes) from media"
        " group by all order by name",
    )
    assert found == [
        (name, "page", "html", "html", "é", 0.5, 3, 2.0, 3) for name in ("a", "b")
    ]  # fmt: skip
