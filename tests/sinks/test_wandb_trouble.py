"""The sink `wandb` in trouble: training goes on, it is told once, `epochal sync` goes on later."""

import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from ports import quiet_port
from recorded import new_run, recorded, run_script
from wandb_files import gone, offline_run, wandb_home
from wandb_server import KEY, WandbServer

from epochal.core.errors import MissingExtraError, SinkError
from epochal.core.records import RunInfo
from epochal.follow.follower import Follower
from epochal.sinks.wandb.process import WandbProcess, children
from epochal.sinks.wandb.runs import WandbSink
from epochal.testing import event, points, rows

__all__ = ["new_run", "wandb_home"]

pytestmark = pytest.mark.usefixtures("wandb_home")


def about(folder):
    """What a sink is told of a run in this folder."""
    return RunInfo(id="a1b2c3d4e5", name="Run", project="p", slug="run", dir=str(folder))


@pytest.fixture
def silent_port():
    """A port at which nobody ever answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield listening.getsockname()[1]


@pytest.fixture
def closed_port():
    """A port that nobody listens at."""
    return quiet_port()


@pytest.mark.parametrize("trouble", ["closed", "silent", "500", "key"])
def test_a_server_that_does_not_work(tmp_path, monkeypatch, request, trouble):
    """Opening fails soon with the reason, asks nobody for a key and leaves no process behind."""
    url = ""
    if trouble in ("closed", "silent"):
        url = f"http://127.0.0.1:{request.getfixturevalue(f'{trouble}_port')}"
    with WandbServer() as server:
        server.status = 500 if trouble == "500" else 200
        monkeypatch.setenv("WANDB_BASE_URL", url or server.url)
        monkeypatch.setenv("WANDB_API_KEY", "short" if trouble == "key" else KEY)
        sink = WandbSink(mode="online", init_timeout_s=1)
        started = {*children(os.getpid())}
        with pytest.raises(ConnectionError, match="cannot begin"):
            sink.open(about(tmp_path), None)
        sink.close()
        assert {*children(os.getpid())} <= started
    assert not list(tmp_path.glob("wandb/offline-run-*"))


def test_without_a_key_the_run_is_offline(tmp_path, caplog):
    """Everything is in an offline folder, and how to upload it is said once."""
    sink = WandbSink()
    with caplog.at_level(logging.WARNING, "epochal"):
        for _ in range(2):
            sink.open(about(tmp_path), None)
            sink.write(rows(10))
            assert sink.flush() == {"mode": "offline", "rows": 10}
            sink.close()
    found = offline_run(tmp_path)
    assert sorted(found.points()) == sorted(points(rows(10)))
    (told,) = [record.getMessage() for record in caplog.records]
    assert "wandb login" in told
    assert found.folder in Path("/").glob(told.rpartition("wandb sync /")[2].rstrip("`"))


def test_a_run_goes_on_without_its_server(tmp_path, closed_port, monkeypatch):
    """A training whose server is down ends normally; the server up again, a sync completes it."""
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    script = """
        import os, sys, epochal
        options = {"mode": "online", "init_timeout_s": 1}
        sinks = {"csv": {}, "wandb": options}
        with epochal.init(project="p", dir=sys.argv[1], sinks=sinks, seal=False) as run:
            for step in range(50):
                run.log({"loss": 1 / (step + 1)}, step=step)
        os.write(1, run.dir.encode())
        import signal
        from epochal.sinks.wandb.process import children
        for follower in children(os.getpid()):
            os.kill(follower, signal.SIGKILL)  # it would go on trying for ten minutes
    """
    run_dir, _ = run_script(script, tmp_path)
    (csv,) = Path(run_dir, "csv").glob("*_steps.csv")
    assert len(csv.read_text().splitlines()) == 51
    with WandbServer(closed_port) as server:
        command = [sys.executable, "-m", "epochal", "sync", run_dir]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        (run,) = server.runs.values()
        logged = points(recorded(run_dir).rows)
        assert [(row["step"], "loss", row["loss"]) for row in run.rows()] == logged
        assert run.exit_codes == [0]


@pytest.mark.parametrize("who", ["client", "service"])
def test_a_client_that_dies(new_run, monkeypatch, who):
    """Its end is an error of the sink like any other; the next attempt is complete."""
    run, sink = new_run(), WandbSink(mode="offline")
    before = {*children(os.getpid())}
    follower = Follower(run.dir, sink)
    for step in range(100):
        run.log({"a": float(step)}, step=step)
    run.flush()
    follower.step()
    client = sink._process._process.pid
    os.kill(client if who == "client" else children(client)[0], signal.SIGKILL)
    for step in range(100, 200):
        run.log({"a": float(step)}, step=step)
    run.finish()
    monkeypatch.setattr("epochal.sinks.wandb.runs.WRITTEN_S", 2.0)
    assert follower.finish(time.monotonic() + 60)
    assert offline_run(Path(run.dir)).column("a") == list(range(200))
    assert {*children(os.getpid())} <= before


def test_a_client_that_hangs(tmp_path):
    """A client that does not answer is ended with its service."""
    sink = WandbSink(mode="offline", finish_timeout_s=-14)  # one second with what it is granted
    sink.open(about(tmp_path), None)
    sink.write(rows(3))
    client = sink._process._process.pid
    pids = [client, *children(client)]
    os.kill(client, signal.SIGSTOP)
    with pytest.raises(ConnectionError, match="did not finish within"):
        sink.close()
    assert gone(*pids)


def test_leftovers_are_ended(tmp_path):
    """A client that an owner could not end does not write into the files of the next one."""
    sink = WandbSink(mode="offline")
    sink.open(about(tmp_path), None)
    sink.write(rows(3))
    client = sink._process._process.pid
    pids = [client, *children(client)]
    other = WandbSink(mode="offline")
    other.open(about(tmp_path), None)
    assert gone(*pids)
    other.write(rows(5))
    other.close()
    with pytest.raises(ConnectionError, match="has ended"):
        sink.close()
    assert len(offline_run(tmp_path).history) == 5


def test_a_record_that_cannot_be_taken(tmp_path, caplog):
    """After three failures at the same record it is left out and told; the rest is there."""
    odd = event("config", update={"x": 1}, seq=50)
    odd.data["update"] = "no mapping"
    sink, tries = WandbSink(mode="offline"), 0
    with caplog.at_level(logging.WARNING, "epochal"):
        while tries < 5:
            try:
                sink.open(about(tmp_path), None)
                sink.write([*rows(5), odd, *rows(5, start=6)])
                break
            except ConnectionError:
                tries += 1
                sink.close()
    sink.close()
    assert tries == 3
    assert len(offline_run(tmp_path).history) == 10
    assert "is left out" in caplog.text


def test_the_package_is_not_there(tmp_path, monkeypatch):
    """Without the package the error names the extra; nothing is started."""
    monkeypatch.setitem(sys.modules, "wandb", None)
    sink = WandbSink(mode="offline")
    with pytest.raises(MissingExtraError, match=r"epochal\[wandb\]"):
        sink.open(about(tmp_path), None)
    assert list(tmp_path.iterdir()) == []
    importlib.invalidate_caches()


def test_a_deleted_run_is_not_brought_back(tmp_path):
    """A run folder that is gone stays gone."""
    with pytest.raises(SinkError, match="is gone"):
        WandbSink(mode="offline").open(about(tmp_path / "gone"), None)
    assert list(tmp_path.iterdir()) == []


def test_the_environment_of_the_client(tmp_path, monkeypatch):
    """Variables of another run of W&B's client do not reach ours; keys and addresses do."""
    monkeypatch.setenv("WANDB_RUN_ID", "another")
    monkeypatch.setenv("WANDB_SERVICE", "3-1-unix-/nowhere")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    monkeypatch.setenv("WANDB_ENTITY", "team")
    sink = WandbSink(mode="offline")
    sink.open(about(tmp_path), None)
    sink.write(rows(2))
    sink.close()
    found = offline_run(tmp_path)
    assert (found.run.run_id, found.run.entity, found.run.sweep_id) == ("a1b2c3d4e5", "team", "")
    assert os.environ["WANDB_RUN_ID"] == "another"


def test_a_call_that_is_unknown(tmp_path):
    """An error in the client is told with its kind; the client goes on."""
    process = WandbProcess(str(tmp_path))
    with pytest.raises(ConnectionError, match="cannot no_such: AttributeError"):
        process.call("no_such", timeout_s=30)
    with pytest.raises(ConnectionError, match="cannot finish: AttributeError"):
        process.call("finish", 0, timeout_s=30)
    process.end()
