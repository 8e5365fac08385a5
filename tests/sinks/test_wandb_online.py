"""The sink `wandb`, online: what a small W&B server has received is what was logged, once."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from wandb_files import gone, own_name, wandb_home
from wandb_server import WandbServer

from epochal.core.records import RunInfo
from epochal.sinks.wandb.process import children
from epochal.sinks.wandb.runs import WandbSink
from epochal.sinks.wandb.sent import Sent
from epochal.testing import event, points, rows

__all__ = ["wandb_home"]

pytestmark = pytest.mark.usefixtures("wandb_home")


@pytest.fixture
def server(monkeypatch):
    """A server that the client is told of."""
    with WandbServer() as found:
        for name, value in found.environment().items():
            monkeypatch.setenv(name, value)
        yield found


def about(folder, run_id="a1b2c3d4e5"):
    """What a sink is told of a run in this folder."""
    return RunInfo(id=run_id, name="Run", project="p", slug="run", dir=str(folder), tags=("t",))


def begun(folder, **options):
    """A sink that is open."""
    sink = WandbSink(**{"mode": "online", "init_timeout_s": 60, "finish_timeout_s": 60} | options)
    sink.open(about(folder), None)
    return sink


def processes_of(sink):
    """The services of a sink's client, and the client."""
    client = sink._process._process.pid
    return [*children(client), client]


def killed(sink):
    """Kills the client of a sink with its service, as a kill of everything does."""
    for pid in processes_of(sink):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ConnectionError):
        sink.write(rows(1))
    sink.close()


def received(server, run_id="a1b2c3d4e5"):
    """(step, name, value) of what the server has, row by row with names sorted."""
    return [
        (row["step"], own_name(key), value)
        for row in server.runs[run_id].rows()
        for key, value in sorted(row.items())
        if key not in ("step", "epoch", "_step", "_runtime", "_timestamp")
        and isinstance(value, int | float)
    ]


END = event("end", state="finished", seq=10**6)


def test_everything_arrives(server, tmp_path):
    """Rows, config, summary, tags, media, alerts, console and the end are with the server."""
    records = [
        *rows(50, ("loss", "lr", "a/b c", "step")),
        event("config", update={"model": {"depth": 3}}),
        event("summary", values={"best": 1.5}),
        event("tag", tags=["two"]),
        event("note", text="notes"),
        event("text", key="sample", text="hello", step=50),
        event("alert", title="title", text="why", level="info"),
        event("console", stream="stdout", text="a\nb"),
        END,
    ]
    sink = begun(tmp_path)
    sink.write(records)
    assert sink.flush() == {"mode": "online", "rows": 51}
    run = server.runs["a1b2c3d4e5"]
    assert received(server) == sorted(points(records), key=lambda point: point[:2])
    assert [row["_timestamp"] for row in run.rows()[:50]] == [r.time_s for r in records[:50]]
    config = json.loads(run.config)
    assert config["model"]["value"] == {"depth": 3}
    assert json.loads(run.summary)["best"] == 1.5
    assert (run.about["tags"], run.about["notes"]) == (["t", "two"], "notes")
    assert run.about["displayName"] == "Run"
    assert [alert["title"] for alert in server.alerts] == ["title"]
    assert [each["artifactCollectionName"] for each in server.artifacts] == [
        "run-a1b2c3d4e5-sample"
    ]
    assert any("media/table/sample" in name for name in run.files)

    assert [line.partition(" ")[2] for line in run.log] == ["a", "b"]
    assert run.exit_codes == [0]
    sink.close()
    left = [path.name for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert left == ["sent"], "what has arrived is not kept"


def test_a_crash_costs_nothing_and_doubles_nothing(server, tmp_path):
    """After a kill only what the server does not have is sent."""
    records = [*rows(2000), event("alert", seq=2001, title="late", text="", level="warn"), END]
    sink = begun(tmp_path)
    for start in range(0, 1500, 100):
        sink.write(records[start : start + 100])
    killed(sink)
    had = len(server.runs["a1b2c3d4e5"].history)
    sink = begun(tmp_path)
    sink.write(records)
    sink.flush()
    sink.close()
    assert had < 2000
    assert received(server) == points(records)
    assert [alert["title"] for alert in server.alerts] == ["late"]


def test_sessions_in_another_order(server, tmp_path):
    """Rows of processes that recorded at the same time are recognized in any order."""
    first, second = rows(40, ("a",)), rows(40, ("b",), session=2)
    sink = begun(tmp_path)
    for start in (0, 10):  # as they came
        sink.write(second[start : start + 10])
        sink.write(first[start : start + 10])
    sink.close()
    assert len(received(server)) == 40
    sink = begun(tmp_path)
    sink.write([*first, *second, END])  # as they are read again
    sink.flush()
    sink.close()
    found = received(server)
    assert sorted(found) == sorted(points([*first, *second]))
    assert [point for point in found if point[1] == "a"] == points(first)


def test_what_comes_after_the_end(server, tmp_path):
    """A run that was complete goes on in W&B, in the same process and in a new one."""
    sink = begun(tmp_path)
    sink.write([*rows(5), END])
    sink.flush()
    sink.write([event("tag", seq=10, tags=["later"])])
    sink.flush()
    sink.close()
    again = [event("resume", session=2, after=None), *rows(3, start=6, session=2), END]
    sink = begun(tmp_path)
    sink.write([*rows(5), END, *again])
    sink.flush()
    sink.close()
    run = server.runs["a1b2c3d4e5"]
    assert received(server) == points([*rows(5), *rows(3, start=6)])
    assert run.exit_codes == [0, 0, 0]


@pytest.mark.parametrize("fault", ["refused", "forgotten"])
def test_rows_that_did_not_arrive_are_sent_again(server, tmp_path, fault):
    """W&B's client ends without an error when the server refused the rows; the sink does not."""
    sink = begun(tmp_path)
    sink.write(rows(5))
    if fault == "refused":
        server.stream_status = 400
    else:
        server.lose_after = 3
    sink.write([*rows(5, start=6), END])
    with pytest.raises(ConnectionError, match=r"W&B has \d of 10 rows"):
        sink.flush()
    sink.close()
    server.stream_status, server.lose_after = 200, None
    sink = begun(tmp_path)
    sink.write([*rows(10), END])
    sink.flush()
    sink.close()
    assert received(server) == points(rows(10))


def test_a_hanging_server_at_the_end(server, tmp_path):
    """The end waits as long as it may; nothing is left running, and it is done later."""
    sink = begun(tmp_path, finish_timeout_s=1)
    pids = processes_of(sink)
    server.hanging.set()
    sink.write([*rows(10), END])
    with pytest.raises(ConnectionError, match="finish"):
        sink.flush()
    sink.close()
    assert gone(*pids)
    server.hanging.clear()
    sink = begun(tmp_path)
    sink.write([*rows(10), END])
    sink.flush()
    sink.close()
    assert received(server) == points(rows(10))


def test_several_runs_at_once(server, tmp_path):
    """Sinks of different runs in threads of one process do not touch each other."""
    done = []

    def follow(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        sink = WandbSink(mode="online" if number else "offline")
        sink.open(about(folder, f"run{number}"), None)
        for row in rows(20, (f"m{number}",)):
            sink.write([row])
        sink.write([END])
        sink.flush()
        sink.close()
        done.append(number)

    threads = [threading.Thread(target=follow, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2]
    for number in (1, 2):
        assert received(server, f"run{number}") == points(rows(20, (f"m{number}",)))
    assert {*server.runs} == {"run1", "run2"}


def test_what_was_sent_is_kept_by_session(tmp_path):
    """The counts by session are right for any number of rows, and after a cut."""
    sessions = [1, 1, 2, 2, 2, 1, 3]
    sent = Sent(str(tmp_path / "sent"))
    for session in sessions:
        sent.add(session)
    for rows_there in range(len(sessions), -1, -1):
        again = Sent(str(tmp_path / "sent"))
        part = sessions[:rows_there]
        assert again.there(rows_there) == {each: part.count(each) for each in part}
        assert again.rows == rows_there
    (tmp_path / "sent").write_text("nonsense\n")
    assert Sent(str(tmp_path / "sent")).there(5) == {}
