"""The sink `mlflow`: real stores are read back with MLflow's own client, every value."""

import json
import math
import os
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mlflow_stores import LARGEST, Store, copied
from recorded import run_script

from epochal.core.errors import SettingError, SinkError
from epochal.core.records import RunInfo
from epochal.sinks.mlflow.runs import MlflowSink
from epochal.testing import SinkSuite, event, rows
from epochal.testing.fakes import CREATED_S

pytestmark = [
    pytest.mark.usefixtures("mlflow_settings"),
    pytest.mark.filterwarnings("ignore"),  # of MLflow and what it imports
]


def points_of(store, run_id):
    """(step, Epochal's name, value) of everything, in the order of time."""
    names = store.document(run_id)["metric_names"]
    return [
        (step, names.get(key, key), value)
        for key, points in store.history(run_id).items()
        for step, value in points
    ]


class TestInDatabase(SinkSuite):
    """The conformance suite, on a database file."""

    keeps_non_finite = False
    keeps_float_steps = False
    hides_resumed = False

    @pytest.fixture(autouse=True)
    def _place(self, mlflow_template):
        self.template = mlflow_template

    def make(self, folder):
        """A sink on the folder's own database."""
        return MlflowSink(tracking_uri=copied(self.template, folder))

    def read_back(self, folder):
        """What MLflow's client finds in the database."""
        return points_of(Store(copied(self.template, folder)), "a1b2c3d4e5")

    def test_non_finite_values(self, tmp_path):
        """NaN stays, infinities are the largest numbers, minus zero is zero; all else is exact."""
        finite = [5e-324, LARGEST, 0.1, 1 / 3, 2.0**53, -1e-9]
        logged = [math.nan, math.inf, -math.inf, -0.0, *finite]
        sink = self.make(tmp_path)
        send(sink, tmp_path, [
            row._replace(values={"loss": value})
            for row, value in zip(rows(10), logged, strict=True)
        ])  # fmt: skip
        found = [value for _, _, value in self.read_back(tmp_path)]
        assert repr(found) == repr([math.nan, LARGEST, -LARGEST, 0.0, *finite])


def info(folder, **about):
    """What a sink is told of a run in a folder of runs."""
    about = {
        "id": "a1b2c3d4e5", "name": 'suite / "run" 1', "project": "p", "slug": "suite-run-1",
        "created_s": CREATED_S,
    } | about  # fmt: skip
    return RunInfo(dir=str(folder), **about)


def send(sink, folder, records, state=None, **about):
    """Opens, writes, flushes and closes; returns the state as it is stored."""
    sink.open(info(folder, **about), state)
    sink.write(records)
    state = json.loads(json.dumps(sink.flush()))
    sink.close()
    return state


@pytest.fixture
def store(mlflow_template, tmp_path):
    """An empty database."""
    return Store(copied(mlflow_template, tmp_path))


@pytest.fixture(params=["database", "server"])
def either(request, mlflow_template, tmp_path):
    """A store, once opened here and once behind a real server."""
    if request.param == "database":
        return Store(copied(mlflow_template, tmp_path))
    return Store(request.getfixturevalue("mlflow_server"))


def unique(tmp_path):
    """An id and a project of the test's own: tests share the server."""
    import zlib

    return f"{zlib.crc32(str(tmp_path).encode()):010d}"


def test_every_value_is_there(either, tmp_path):
    """Six hundred rows of ten values, some of them sent again after a crash."""
    keys = [f"m{k}" for k in range(10)]
    records = rows(600, keys)
    sink = MlflowSink(tracking_uri=either.uri)
    about = {"id": unique(tmp_path)}
    state = send(sink, tmp_path, records[:200], **about)
    sink.open(info(tmp_path, **about), state)
    sink.write(records[200:500])
    sink.flush()  # and then it is killed: the state was never stored
    again = MlflowSink(tracking_uri=either.uri)
    send(again, tmp_path, records[200:], state, **about)
    found = either.history(about["id"])
    assert found == {key: [(r.step, r.values[key]) for r in records] for key in keys}
    run = either.run(about["id"])
    assert run.data.metrics == records[-1].values
    (point, *_) = either.client.get_metric_history(run.info.run_id, "m0")
    assert point.timestamp == round(records[0].time_s * 1000)


def test_equal_points_stay_apart_and_resent_ones_do_not(either, tmp_path):
    """A hundred equal points of one millisecond are a hundred, also when half come again."""
    (row,) = rows(1, ("loss", "nan"))
    row = row._replace(values={"loss": 0.5, "nan": math.nan})
    about = {"id": unique(tmp_path)}
    records = [row._replace(seq=seq) for seq in range(100)]
    state = send(MlflowSink(tracking_uri=either.uri), tmp_path, records[:50], **about)
    for _ in range(2):
        sink = MlflowSink(tracking_uri=either.uri)
        sink.open(info(tmp_path, **about), state)
        sink.write(records[50:])
        sink.flush()
    found = either.history(about["id"])
    assert found["loss"] == [(1, 0.5)] * 100
    assert len(found["nan"]) == 100
    assert all(math.isnan(value) for _, value in found["nan"])


def test_what_the_run_is(either, tmp_path):
    """Config, name, tags, notes, goals, summary, code and state are where MLflow has them."""
    about = {
        "id": unique(tmp_path), "name": "Überlauf", "project": f"p{unique(tmp_path)}",
        "group": "g", "job_type": "train", "tags": ("ablation/lr",), "notes": "Why?",
        "config": {"lr": 0.1, "model": {"depth": 2, "act": "gelu"}, "no,name": None, "l": [1]},
    }  # fmt: skip
    environment = {
        "git": {"commit": "abc123", "branch": "main", "remote": "https://host/x.git"},
        "entrypoint": {"path": "/code/train.py"},
        "packages": {"torch": "2"},
    }
    sink = MlflowSink(tracking_uri=either.uri, tags={"team": 7})
    send(sink, tmp_path, [
        *rows(1),
        event("environment", values=environment),
        event("tag", tags=["b", "c"]),
        event("untag", tags=["c"]),
        event("define", metric="val/*", goal="minimize", unit="nats"),
        event("summary", values={"params": 10, "best": {"loss": 0.5}}),
        event("rename", name="new name"),
        event("note", text="Because."),
        event("end", seq=500, state="failed", error="Traceback: boom"),
    ], **about)  # fmt: skip
    run = either.run(about["id"])
    assert run.info.run_name == "new name"
    assert (run.info.status, run.info.start_time) == ("FAILED", int(CREATED_S * 1000))
    assert run.info.end_time == int((CREATED_S + 1005) * 1000)
    assert either.client.get_experiment(run.info.experiment_id).name == about["project"]
    assert run.data.params == {
        "lr": "0.1", "model.depth": "2", "model.act": "gelu", "no_u002c_name": "None", "l": "[1]",
    }  # fmt: skip
    expected = {
        "epochal.run_id": about["id"], "epochal.project": about["project"], "epochal.group": "g",
        "epochal.job_type": "train", "epochal.state": "failed",
        "epochal.error": "Traceback: boom", "epochal.tags": '["ablation/lr", "b"]',
        "epochal.goal.val/_u002a_": "minimize", "epochal.summary.params": "10",
        "epochal.summary.best.loss": "0.5", "team": "7", "mlflow.note.content": "Because.",
        "mlflow.source.git.commit": "abc123", "mlflow.source.git.branch": "main",
        "mlflow.source.git.repoURL": "https://host/x.git",
        "mlflow.source.name": "/code/train.py",
    }  # fmt: skip
    assert expected.items() <= run.data.tags.items()
    document = either.document(about["id"])
    assert document["config"] == {**about["config"], "no,name": None}
    assert document["summary"] == {"params": 10, "best": {"loss": 0.5}}
    assert document["definitions"] == {"val/*": {"goal": "minimize", "unit": "nats"}}
    files = either.files(about["id"], "epochal")
    assert json.loads(files["epochal/environment.json"]) == environment


def test_parameters_never_change(store, tmp_path):
    """A key that changes keeps its first value, is named in a tag and is right in the document."""
    sink = MlflowSink(tracking_uri=store.uri)
    state = send(sink, tmp_path, [
        event("config", update={"lr": 0.2, "model": {"width": 8}})
    ], config={"lr": 0.2, "model": {"depth": 1}})  # fmt: skip
    assert store.run("a1b2c3d4e5").data.params == {
        "lr": "0.2", "model.depth": "1", "model.width": "8",
    }  # fmt: skip
    again = [event("config", update={"lr": 0.3, "model": {"depth": 2, "norm": "rms"}})]
    send(MlflowSink(tracking_uri=store.uri), tmp_path, again, state)
    run = store.run("a1b2c3d4e5")
    assert run.data.params == {
        "lr": "0.2", "model.depth": "1", "model.width": "8", "model.norm": "rms",
    }  # fmt: skip
    assert run.data.tags["epochal.params_changed"] == '["lr", "model.depth"]'
    config = store.document("a1b2c3d4e5")["config"]
    assert config == {"lr": 0.3, "model": {"depth": 2, "width": 8, "norm": "rms"}}


def test_limits_of_requests(either, tmp_path):
    """Long names and values, many parameters, tags and metrics: all in requests that are taken."""
    about = {
        "id": unique(tmp_path),
        "config": {f"k{i}" + "é" * 300: "ü" * 9000 for i in range(120)},
    }
    keys = [f"{i:04d}" + "損" * 246 for i in range(1500)]
    summary = {f"s{i}": "x" * 9000 for i in range(120)}
    records = [*rows(1, keys), event("summary", values=summary)]
    send(MlflowSink(tracking_uri=either.uri), tmp_path, records, **about)
    run = either.run(about["id"])
    assert len(run.data.params) == 120
    assert {len(value) for value in run.data.params.values()} == {6000}
    assert run.data.metrics == records[0].values
    assert sum(key.startswith("epochal.summary.") for key in run.data.tags) == 120
    document = either.document(about["id"])
    assert (document["config"], document["summary"]) == (about["config"], summary)


def test_the_same_run_after_everything_is_lost(store, tmp_path):
    """Killed between making the run and the first flush: found again by its tag."""
    MlflowSink(tracking_uri=store.uri).open(info(tmp_path), None)
    (first,) = store.runs("a1b2c3d4e5")
    (tmp_path / "mlflow" / "run.json").unlink()
    for _ in range(2):
        send(MlflowSink(tracking_uri=store.uri), tmp_path, rows(5))
        (tmp_path / "mlflow" / "run.json").unlink()
    (run,) = store.runs("a1b2c3d4e5", deleted=True)
    assert run.info.run_id == first.info.run_id
    assert store.history("a1b2c3d4e5")["loss"] == [(n, float(n)) for n in range(1, 6)]


def test_a_deleted_run_is_made_anew(store, tmp_path):
    """Followers are told that the state is of no use, and begin with a new run."""
    sink = MlflowSink(tracking_uri=store.uri)
    state = send(sink, tmp_path, rows(3))
    gone = store.run("a1b2c3d4e5").info.run_id
    store.client.delete_run(gone)
    with pytest.raises(SinkError, match=f"has no run {gone}"):
        sink.open(info(tmp_path), state)
    send(sink, tmp_path, rows(5))
    assert store.run("a1b2c3d4e5").info.run_id != gone
    assert len(store.history("a1b2c3d4e5")["loss"]) == 5


def test_a_deleted_experiment_is_named(store, tmp_path):
    """What to do stands in the message."""
    store.client.delete_experiment(store.client.create_experiment("p"))
    with pytest.raises(SinkError, match=r"'p'.*deleted.*restore it"):
        MlflowSink(tracking_uri=store.uri).open(info(tmp_path), None)


def test_empty_doubles_are_deleted(store, tmp_path):
    """A run that a slow server made twice is there once in the end."""
    sink = MlflowSink(tracking_uri=store.uri)
    sink.open(info(tmp_path), None)
    sink.write(rows(3))
    sink.flush()
    ours = store.run("a1b2c3d4e5")
    late = store.client.create_run(ours.info.experiment_id, tags={"epochal.run_id": "a1b2c3d4e5"})
    sink.write([event("end", state="finished", error=None)])
    sink.flush()
    assert store.run("a1b2c3d4e5").info.run_id == ours.info.run_id
    assert store.client.get_run(late.info.run_id).info.lifecycle_stage == "deleted"


def test_a_resume_goes_on_in_the_same_run(store, tmp_path):
    """What it hides stays in MLflow, and a tag says from which step on."""
    sink = MlflowSink(tracking_uri=store.uri)
    first = [*rows(5), event("end", seq=6, state="killed", error=None)]
    state = send(sink, tmp_path, first)
    assert store.run("a1b2c3d4e5").info.status == "KILLED"
    state = send(sink, tmp_path, [
        event("resume", session=2, after=3), *rows(2, start=4, session=2)
    ], state)  # fmt: skip
    run = store.run("a1b2c3d4e5")
    assert run.info.status == "RUNNING"
    assert run.data.tags["epochal.resumed"] == '[{"session": 2, "after": 3}]'
    send(sink, tmp_path, [event("end", session=2, state="finished", error=None)], state)
    assert store.run("a1b2c3d4e5").info.status == "FINISHED"
    assert len(store.history("a1b2c3d4e5")["loss"]) == 7


def test_names_are_the_ones_asked_for(store, tmp_path):
    """Metrics are called by the map, the run and its experiment by the options."""
    sink = MlflowSink(
        tracking_uri=store.uri, experiment="mine", name="fixed", names={"train/*": "Train/*"}
    )
    records = [*rows(2, ("loss",), phase="train"), event("rename", name="other")]
    send(sink, tmp_path, records)
    run = store.run("a1b2c3d4e5")
    assert run.info.run_name == "fixed"
    assert store.client.get_experiment(run.info.experiment_id).name == "mine"
    assert set(run.data.metrics) == {"Train/loss"}
    assert store.document("a1b2c3d4e5")["metric_names"] == {"Train/loss": "train/loss"}


def test_samples_of_the_machine_are_metrics(store, tmp_path):
    """Rows of the phase "system" have their names already."""
    (row,) = rows(1, ("system/cpu",))
    send(MlflowSink(tracking_uri=store.uri), tmp_path, [row._replace(phase="system")])
    assert store.history("a1b2c3d4e5") == {"system/cpu": [(1, 1.0)]}


def test_big_integers_and_their_steps(store, tmp_path):
    """An integer beyond floats is the nearest float, or as good as infinite."""
    records = [
        event("bigint", seq=n, key="tokens", value=digits, step=n)
        for n, digits in enumerate([str(2**70), "9" * 5000, "-" + "9" * 5000])
    ]
    send(MlflowSink(tracking_uri=store.uri), tmp_path, records)
    expected = [(0, float(2**70)), (1, LARGEST), (2, -LARGEST)]
    assert store.history("a1b2c3d4e5")["tokens"] == expected


def test_several_runs_at_once(either, tmp_path):
    """Eight threads, as the follower process has them, write eight runs into one store."""
    ids = [f"{unique(tmp_path)}x{n}" for n in range(8)]
    errors = []

    def mirror(run_id):
        try:
            folder = tmp_path / run_id
            folder.mkdir()
            sink = MlflowSink(tracking_uri=either.uri)
            sink.open(info(folder, id=run_id, project=f"p{unique(tmp_path)}"), None)
            for start in range(1, 200, 40):
                sink.write(rows(40, start=start))
                sink.flush()
            sink.close()
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=mirror, args=(run_id,)) for run_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for run_id in ids:
        assert either.history(run_id)["loss"] == [(n, float(n)) for n in range(1, 201)]


@pytest.mark.parametrize(
    "uri", ["mlruns", "/x/mlruns", "file:///x", "sqlite://", "sqlite:///:memory:"]
)
def test_stores_that_cannot_work_are_refused(uri):
    """What would keep everything twice, or nothing, is said to be so at once."""
    with pytest.raises(SettingError, match="tracking_uri"):
        MlflowSink(tracking_uri=uri)


@pytest.mark.parametrize("state", [{"format": 1}, {"format": 99}, {"other": 1}])
def test_states_of_others_are_refused(store, tmp_path, state):
    """A state that cannot be understood is an error that followers know."""
    with pytest.raises(SinkError):
        MlflowSink(tracking_uri=store.uri).open(info(tmp_path), state)


def test_closed_sinks_say_so(store, tmp_path):
    """Writing to a closed sink is an error of ours, not an accident."""
    sink = MlflowSink(tracking_uri=store.uri)
    send(sink, tmp_path, [])
    with pytest.raises(SinkError, match="closed"):
        sink.write(rows(1))


QUIET = """
    import os, sys
    from epochal.core.records import RunInfo
    from epochal.sinks.mlflow.runs import MlflowSink
    from epochal.testing import event, rows

    assert "mlflow" not in sys.modules
    run_dir, uri = sys.argv[1:]
    sink = MlflowSink(tracking_uri=uri or None)
    sink.open(RunInfo(os.path.basename(run_dir), "n", "p", "n", run_dir), None)
    text = event("text", key="t", text="hello", step=1)
    sink.write([*rows(3), text, event("end", state="finished", error=None)])
    sink.flush()
    sink.close()
    from mlflow.telemetry.client import get_telemetry_client
    assert get_telemetry_client() is None
    import mlflow
    assert mlflow.active_run() is None
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"
"""


def test_nothing_is_printed_or_left_behind(mlflow_server, tmp_path, monkeypatch):
    """A process of its own: silent, no telemetry, the database beside the project's folder."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    place = tmp_path / "cwd"
    place.mkdir()
    for uri in ("", mlflow_server):
        run_dir = tmp_path / "runs" / "p" / f"{unique(tmp_path)}{len(uri)}"
        run_dir.mkdir(parents=True)
        assert run_script(QUIET, run_dir, uri, cwd=place) == ("", "")
        assert not list(place.iterdir())
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    assert names == {"p", "mlflow.db", "mlflow.artifacts"}
    store = Store(f"sqlite:///{tmp_path}/runs/mlflow.db")
    (path, *_) = store.files(f"{unique(tmp_path)}0", "media")
    assert path.startswith("media/t/step-00000001-")
