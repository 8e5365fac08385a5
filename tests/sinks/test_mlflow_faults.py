"""The sink `mlflow` while servers fail, packages are missing and processes are killed."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from journals import JournalMaker
from mlflow_stores import Store, copied
from ports import quiet_port
from recorded import run_script, start_script, stored, wait_until

import epochal
from epochal.core.errors import MissingExtraError, SinkError
from epochal.core.names import new_id
from epochal.core.records import RunInfo
from epochal.follow.follower import Follower
from epochal.read.view import RunView
from epochal.sinks.mlflow import client
from epochal.sinks.mlflow.runs import MlflowSink
from epochal.store import folder
from epochal.store.seal import seal_run
from epochal.testing import event, rows

pytestmark = [
    pytest.mark.usefixtures("mlflow_settings"),
    pytest.mark.filterwarnings("ignore"),  # of MLflow and what it imports
]


class Proxy(ThreadingHTTPServer):
    """Stands before the real server and treats each request as it is told.

    Attributes:
        ways: what may happen to a request: "pass", "500", "drop" (not passed on), "lose" (passed
            on, not answered), "late" (passed on after its client has given up).
        only: the part of a path that ways are for; other requests pass.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.ways, self.only = urlsplit(target).netloc, ["pass"], ""
        self.random, self.late = random.Random(1), threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_) -> None:
        """Clients that have given up are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        way = "pass"
        if self.server.only in self.path:
            way = self.server.random.choice(self.server.ways)
        if way == "500":
            self._answer(500, b"{}", {})
        elif way == "drop":
            self.close_connection = True
        elif way == "late":
            self.server.late.wait(200)
        if way in ("pass", "lose", "late"):
            connection = http.client.HTTPConnection(self.server.target, timeout=120)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            found = answer.read()
            connection.close()
            if way == "pass":
                self._answer(answer.status, found, {"Content-Type": answer.headers["Content-Type"]})
            else:
                self.close_connection = True

    def _answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the base class calls them

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy(mlflow_server):
    """A server that fails as it is told, with the real one behind it."""
    made = Proxy(mlflow_server)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.late.set()
    made.shutdown()
    thread.join()
    made.server_close()


def info(path, run_id):
    """What a sink is told of a run."""
    return RunInfo(run_id, "n", "faults", "n", str(path), created_s=1e9)


@contextmanager
def silent():
    """An address that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_is_down_is_named(tmp_path):
    """One line says where, why, and no password."""
    port = quiet_port()
    sink = MlflowSink(tracking_uri=f"http://me:hunter2@127.0.0.1:{port}")
    with pytest.raises(ConnectionError) as caught:
        sink.open(info(tmp_path, "r"), None)
    message = str(caught.value)
    assert message.startswith(f"MLflow at http://127.0.0.1:{port} cannot be reached or used: ")
    assert "hunter2" not in message + (tmp_path / "mlflow" / "run.json").read_text()
    assert "\n" not in message
    sink.close()


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    """A request ends after its time, and the follower can try again."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with silent() as address, pytest.raises(ConnectionError, match=r"cannot be reached.*timeout"):
        MlflowSink(tracking_uri=address).open(info(tmp_path, "r"), None)


def test_a_server_that_is_broken_is_given_up(proxy, tmp_path):
    """Errors of the server are passed on; the state that there was is no less good for it."""
    run_id = new_id()
    sink = MlflowSink(tracking_uri=proxy.address)
    sink.open(info(tmp_path, run_id), None)
    sink.write(rows(2))
    state = sink.flush()
    proxy.ways = ["500"]
    sink.write(rows(2, start=3))
    with pytest.raises(SinkError, match=r"MLflow at http.* refuses .*500"):
        sink.flush()
    sink.close()
    with pytest.raises(ConnectionError):  # and no SinkError, which would mean "send all again"
        sink.open(info(tmp_path, run_id), state)
    proxy.ways = ["pass"]
    sink.open(info(tmp_path, run_id), state)
    sink.write(rows(2, start=3))
    sink.flush()
    assert [step for step, _ in Store(proxy.address).history(run_id)["loss"]] == [1, 2, 3, 4]


def recorded_run(path, n):
    """A finished run of n rows on disk, to be mirrored by a follower."""
    run_dir = folder.create(
        str(path), {"id": new_id(), "name": "n", "project": "faults", "created_s": time.time()}
    )
    maker = JournalMaker(run_dir)
    for step in range(n):
        maker.row({"loss": step / 8, "same": 0.5}, step)
        if step % 35 == 0:
            maker.event("text", key="t", text=f"text {step}", step=step)
            maker.frame()
    maker.event("end", state="finished", error=None)
    maker.close()
    return run_dir, folder.info(run_dir).id


def follow(run_dir, sink):
    """Follow to the end; a hundred times faster than the clock, so that pauses are short."""

    def clock():
        return 100 * time.monotonic()

    follower = Follower(run_dir, sink, clock=clock)
    assert follower.finish(clock() + 100 * 60), follower.problem
    assert not follower.refused


def test_a_server_that_fails_all_the_time(proxy, tmp_path, monkeypatch):
    """One request of twelve fails, in three ways: in the end every value is there, once."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # as it is outside of tests
    run_dir, run_id = recorded_run(tmp_path, 350)
    proxy.ways = [*["pass"] * 33, "500", "drop", "lose"]
    follow(run_dir, MlflowSink(tracking_uri=proxy.address))
    proxy.ways = ["pass"]
    store = Store(proxy.address)
    assert store.history(run_id) == {
        "loss": [(n, n / 8) for n in range(350)],
        "same": [(n, 0.5) for n in range(350)],
    }
    assert len(store.runs(run_id, deleted=True)) == 1
    texts = sorted(body.decode() for body in store.files(run_id, "media").values())
    assert texts == sorted(f"text {n}" for n in range(0, 350, 35))
    assert store.run(run_id).info.status == "FINISHED"


def test_a_run_whose_making_was_not_answered(proxy, tmp_path):
    """The run is found again by its tag."""
    run_dir, run_id = recorded_run(tmp_path, 5)
    proxy.only, proxy.ways = "runs/create", ["lose"]
    follow(run_dir, MlflowSink(tracking_uri=proxy.address))
    assert len(Store(proxy.address).runs(run_id, deleted=True)) == 1


def test_a_run_that_is_made_too_late(proxy, tmp_path, monkeypatch):
    """A server that makes the run after its client gave up makes a double; it is deleted."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    run_id = new_id()
    sink = MlflowSink(tracking_uri=proxy.address)
    proxy.only, proxy.ways = "runs/create", ["late"]
    with pytest.raises(ConnectionError):
        sink.open(info(tmp_path, run_id), None)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    proxy.ways = ["pass"]
    sink.open(info(tmp_path, run_id), None)
    sink.write(rows(3))
    sink.flush()
    proxy.late.set()
    store = Store(proxy.address)
    wait_until(lambda: len(store.runs(run_id)) == 2)
    sink.write([event("end", state="finished", error=None)])
    sink.flush()
    assert len(store.runs(run_id)) == 1
    assert len(store.history(run_id)["loss"]) == 3


def test_no_database_where_none_can_be(tmp_path):
    """A file that is none, and a folder that is a file: said at once."""
    (tmp_path / "bad.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(ConnectionError, match=r"bad\.db cannot be used for MLflow: .*not a data"):
        MlflowSink(tracking_uri=f"sqlite:///{tmp_path}/bad.db").open(info(tmp_path, "r"), None)
    with pytest.raises(OSError, match="bad"):
        MlflowSink(tracking_uri=f"sqlite:///{tmp_path}/bad.db/x.db").open(info(tmp_path, "r"), None)


def test_databases_are_made_whole(tmp_path):
    """Runs that start at the same time share a database that one of them made."""
    uris = [f"sqlite:///{tmp_path}/new/mlflow.db"] * 3
    errors = []

    def begin(n, uri):
        try:
            path = tmp_path / str(n)
            path.mkdir()
            MlflowSink(tracking_uri=uri).open(info(path, f"run{n}"), None)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=begin, args=each) for each in enumerate(uris)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    store = Store(uris[0])
    assert [len(store.runs(f"run{n}")) for n in range(3)] == [1, 1, 1]
    assert not list((tmp_path / "new").glob(".*"))
    assert (tmp_path / "new" / "mlflow.db").stat().st_mode & 0o777 == 0o600


WITHOUT = """
    import sys
    sys.modules[sys.argv[1]] = None  # as if it were not installed
    from epochal.core.errors import MissingExtraError
    from epochal.core.records import RunInfo
    from epochal.sinks.mlflow.runs import MlflowSink
    try:
        MlflowSink(tracking_uri=sys.argv[3]).open(RunInfo("r", "n", "p", "n", sys.argv[2]), None)
    except MissingExtraError as error:
        print(error)
"""


@pytest.mark.parametrize("package", ["mlflow", "alembic"])
def test_a_missing_package_is_named(tmp_path, package):
    """MLflow's smaller package brings none for databases; the extra of Epochal does."""
    output, _ = run_script(WITHOUT, package, tmp_path, f"sqlite:///{tmp_path}/x.db")
    assert repr(package) in output
    assert "pip install 'epochal[mlflow]'" in output


def test_an_old_package_is_named(tmp_path, monkeypatch):
    """Versions that cannot do what is needed are not tried."""
    monkeypatch.setattr("mlflow.__version__", "2.22.1")
    with pytest.raises(MissingExtraError, match=r"3\.9 or newer, 2\.22\.1 is installed"):
        MlflowSink(tracking_uri=f"sqlite:///{tmp_path}/x.db").open(info(tmp_path, "r"), None)


def test_large_files_are_waited_for(monkeypatch):
    """Requests with files may take longer, for as long as one of them is on its way."""
    monkeypatch.setattr(client, "_is_ours", True)
    monkeypatch.setattr(client, "_usual_s", 10)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")

    def wait_s():
        return int(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])

    with client.patience(4_000_000_000):
        with client.patience(40_000_000):
            assert wait_s() == 1010
        assert wait_s() == 1010
    assert wait_s() == 10


def test_begun_anew_from_sealed_files(mlflow_template, tmp_path):
    """Without its position and its note the mirror takes everything again, and nothing doubles."""
    uri = copied(mlflow_template, tmp_path)
    run = epochal.init(project="faults", dir=str(tmp_path), sinks=[], follow="off")
    for step in range(50):
        run.log({"loss": step / 3}, step=step)
        run.log({"same": 0.5}, step=0)
    run.finish()
    follow(run.dir, MlflowSink(tracking_uri=uri))
    before = Store(uri).history(run.id)
    seal_run(run.dir)
    assert not list(Path(run.dir, "journal").iterdir())
    Path(run.dir, "follow", "mlflow.json").unlink()
    Path(run.dir, "mlflow", "run.json").unlink()
    follow(run.dir, MlflowSink(tracking_uri=uri))
    assert Store(uri).history(run.id) == before
    assert [len(points) for points in before.values()] == [50, 50]


VICTIM = """
    import sys, time, epochal
    from epochal.mirrors import _companion
    uri = sys.argv[2]
    sinks = {"mlflow": {"tracking_uri": uri} if uri else {}}
    run = epochal.init(
        project="faults", dir=sys.argv[1], sinks=sinks, capture_environment=False, config={"lr": 1}
    )
    print(run.id, run.dir, _companion._pid, flush=True)
    step = 0
    while True:
        run.log({f"m{k}": step + k / 8 for k in range(5)}, step=step)
        run.log({"same": 0.5}, step=0)
        step += 1
        if step % 100 == 0:
            run.log({"t": epochal.Text(f"text {step}")}, step=step)
        time.sleep(0.004)
"""


@pytest.mark.parametrize("where", ["database", "server"])
def test_killed_in_the_middle(where, request, mlflow_template, tmp_path, monkeypatch):
    """Training and follower get SIGKILL; `epochal sync` makes the mirror equal, nothing doubled."""
    for name in client._BEHAVIOR:
        monkeypatch.delenv(name)
    uri = (
        copied(mlflow_template, tmp_path)
        if where == "database"
        else request.getfixturevalue("mlflow_server")
    )
    store = Store(uri)
    victim = start_script(VICTIM, tmp_path / "runs", uri)
    try:
        run_id, run_dir, follower = victim.stdout.readline().split()
        wait_until(lambda: store.runs(run_id) and "m4" in store.run(run_id).data.metrics, 200)
        before = len(store.history(run_id)["m4"])
        wait_until(lambda: len(store.history(run_id)["m4"]) > before)
        os.kill(int(follower), signal.SIGKILL)
    finally:
        victim.kill()
        victim.communicate()
    for command in ("recover", "sync"):
        argv = [sys.executable, "-m", "epochal", command, str(tmp_path / "runs")]
        subprocess.run(argv, check=True, capture_output=True, timeout=120)
    found = store.history(run_id)
    for metric in (*(f"m{k}" for k in range(5)), "same"):
        assert found[metric] == stored(run_dir, metric)
    steps = len(found["m0"])
    assert steps > before > 0
    assert store.run(run_id).info.status == "KILLED"
    assert len(store.runs(run_id, deleted=True)) == 1
    texts = sorted(body.decode() for body in store.files(run_id, "media").values())
    assert texts == sorted(logged.text for logged in RunView(run_dir).texts("t"))
    assert len(texts) >= (steps - 1) // 100
    state = json.loads(Path(run_dir, "follow", "mlflow.json").read_text())
    assert state["finished"]
