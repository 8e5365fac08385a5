"""The sink `json`: configuration, summary and full snapshot, strict JSON at any time."""

import contextlib
import importlib.util
import json
import math
import random
import statistics

import pytest

from epochal.core.errors import SinkError
from epochal.core.records import Row, RunInfo
from epochal.sinks.json_files import JsonSink
from epochal.testing import event, rows


class Clock:
    """Stands still until it is told to move."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        """Returns seconds."""
        return self.now


def strict_loads(data):
    """Parses JSON as the standard has it: UTF-8, no NaN, no key twice."""

    def no_constant(name):
        raise ValueError(f"{name} is not JSON")

    def no_doubles(pairs):
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)

    return json.loads(
        data.decode("utf-8"), parse_constant=no_constant, object_pairs_hook=no_doubles
    )


class Files:
    """A sink on a folder, with what a test asks of it."""

    def __init__(self, folder, **about):
        self.folder, self.clock = folder, Clock()
        about = {"name": "Run 1", "project": "p", "slug": "run-1", "created_s": 1e9} | about
        self.run = RunInfo(id="id", dir=str(folder), **about)
        self.made = []
        self.sink = self.make()
        self.sink.open(self.run, None)

    def make(self):
        """Returns another sink for the same folder."""
        sink = JsonSink(clock=self.clock)
        self.made.append(sink)
        return sink

    def send(self, kind, **data):
        """Writes one event."""
        self.sink.write([event(kind, **data)])

    def read(self, what):
        """Returns the content of a file."""
        name = "training_metrics.json" if what == "metrics" else f"run-1_{what}.json"
        return strict_loads((self.folder / "json" / name).read_bytes())


@pytest.fixture
def make_files():
    """Makes sinks on folders and closes all of them at the end, the crashed ones too."""
    made = []

    def make(folder, **options):
        folder.mkdir(exist_ok=True)
        made.append(Files(folder, **options))
        return made[-1]

    yield make
    for files in made:
        for sink in files.made:
            with contextlib.suppress(SinkError):  # others went on with the files of a crashed one
                sink.close()


@pytest.fixture
def files(make_files, tmp_path):
    """A sink that is open on an empty folder."""
    return make_files(tmp_path)


def test_all_files_are_there_from_the_first_flush(files):
    """A run without rows has three valid files."""
    assert files.read("metrics")["rows"] == []
    files.sink.flush()
    assert files.read("config") == {}
    assert files.read("summary")["metrics"] == {}


def test_config_follows_its_events(make_files, tmp_path):
    """Updates are merged into nested mappings; what JSON cannot hold becomes text."""
    config = {"model": {"depth": 2, "act": "gelu"}, "lr": 0.1, "none": None, "path": tmp_path}
    files = make_files(tmp_path, config=config)
    files.send("config", update={"model": {"depth": 3}, "lr": {"start": math.nan}})
    files.send("config", update={"model": {"norm": (1, math.inf)}, "\ud800": 1})
    files.sink.close()
    assert files.read("config") == {
        "model": {"depth": 3, "act": "gelu", "norm": [1, "Infinity"]},
        "lr": {"start": "NaN"},
        "none": None,
        "path": str(tmp_path),
        "?": 1,
    }
    assert files.read("metrics")["config"] == files.read("config")
    assert config["model"] == {"depth": 2, "act": "gelu"}, "the caller's mapping is untouched"


def test_summary_has_the_statistics(files):
    """Mean and deviation are those of the textbook; non-finite values are counted apart."""
    seed = random.Random(1)
    values = [1e6 + seed.gauss(0, 1) for _ in range(1000)]
    odd = {200: math.nan, 400: math.inf, 600: -math.inf, 999: math.nan}
    logged = [odd.get(i, value) for i, value in enumerate(values)]
    finite = [value for value in logged if math.isfinite(value)]
    for row, value in zip(rows(1000), logged, strict=True):
        files.sink.write([row._replace(values={"loss": value})])
    files.sink.close()
    found = files.read("summary")["metrics"]["loss"]
    assert found["mean"] == pytest.approx(statistics.fmean(finite), rel=1e-14)
    assert found["std"] == pytest.approx(statistics.stdev(finite), rel=1e-9)
    assert (found["min"], found["max"]) == (min(finite), max(finite))
    counts = ("count", "nan_count", "inf_count", "first_step", "last_step", "last")
    assert [found[name] for name in counts] == [996, 2, 2, 1, 1000, "NaN"]
    assert "best" not in found


def test_metrics_without_finite_values_have_no_mean(files):
    """Nothing is made up where nothing finite was logged, nor a deviation of one value."""
    files.sink.write([rows(1)[0]._replace(values={"a": math.nan, "b": 2.0})])
    files.sink.close()
    found = files.read("summary")["metrics"]
    assert [found["a"][name] for name in ("count", "mean", "std", "min")] == [0, None, None, None]
    assert [found["b"][name] for name in ("count", "mean", "std")] == [1, 2.0, None]


def test_best_needs_a_goal(files):
    """The best value stands there with its step and epoch, also if the goal came late."""
    for step, value in enumerate([3.0, 1.0, math.nan, 1.0, 2.0]):
        row = rows(1, start=step, epoch=step / 2)[0]
        files.sink.write([row._replace(values={"val/loss": value, "val/acc": value, "x": 1.0})])
    files.send("define", metric="val/*", goal="minimize")
    files.send("define", metric="val/acc", goal="maximize", unit="%")
    files.send("define", metric="x", unit="m")
    files.sink.close()
    found = files.read("summary")["metrics"]
    assert found["val/loss"]["best"] == {"value": 1.0, "step": 1, "epoch": 0.5}
    assert found["val/acc"]["best"] == {"value": 3.0, "step": 0, "epoch": 0.0}
    assert "best" not in found["x"]


def test_summary_says_what_the_run_is(make_files, tmp_path):
    """Tags, notes, name, state, error and duration follow their events."""
    files = make_files(tmp_path, tags=("a", "b"), notes="old", group="g")
    files.send("tag", tags=["c", "a"])
    files.send("untag", tags=["b", "unknown"])
    files.send("note", text="new")
    files.send("rename", name="other")
    files.send("summary", values={"params": 10, "odd": -math.inf})
    files.send("summary", values={"params": 11})
    files.sink.flush()
    assert files.read("metrics")["run"]["state"] == "running"
    files.sink.write([event("end", seq=1250, state="failed", error="Traceback")])
    found = files.read("summary")
    assert found["run"] == {
        "id": "id", "name": "other", "project": "p", "group": "g", "created_s": 1e9,
        "tags": ["a", "c"], "notes": "new", "state": "failed", "error": "Traceback",
        "duration_s": 12.5,
    }  # fmt: skip
    assert found["summary"] == {"params": 11, "odd": "-Infinity"}
    assert files.read("metrics")["run"] == found["run"]


def test_summary_is_written_seldom_and_at_the_end(files):
    """Between two seconds the summary stands still; closing brings it up to date."""
    files.sink.flush()
    files.sink.write(rows(1, ("loss",)))
    files.sink.flush()
    assert files.read("summary")["metrics"] == {}
    assert len(files.read("metrics")["rows"]) == 1
    files.clock.now += 2.1
    files.sink.flush()
    assert files.read("summary")["metrics"]["loss"]["count"] == 1
    files.sink.write(rows(1, ("loss",), start=2))
    files.sink.close()
    assert files.read("summary")["metrics"]["loss"]["count"] == 2


def test_snapshot_holds_every_row(files):
    """Rows come with all their clocks; non-finite numbers are texts, big integers exact."""
    row = Row(2, 0, 12.5, 2.5, 7, 1, 1.0, "val", {"val/a": math.nan, "val/b": -0.0})
    files.sink.write([row, row._replace(step=0.5, epoch=None, phase=None, values={"c": 1e300})])
    files.send("bigint", key="tokens", value=str(2**70), step=8)
    files.sink.flush()
    first, second, third = files.read("metrics")["rows"]
    assert first == {
        "session": 2, "step": 7, "epoch": 1.0, "phase": "val", "time_s": 12.5, "elapsed_s": 2.5,
        "values": {"val/a": "NaN", "val/b": -0.0},
    }  # fmt: skip
    assert math.copysign(1, first["values"]["val/b"]) == -1
    assert (second["step"], second["values"]) == (0.5, {"c": 1e300})
    assert third["values"] == {"tokens": 2**70}


def test_snapshot_is_valid_after_every_flush(files):
    """Also when what follows the rows gets longer or shorter."""
    seed = random.Random(3)
    for step in range(60):
        files.sink.write(rows(seed.randrange(3), start=step))
        files.send("note", text="é" * seed.randrange(2000))
        files.sink.flush()
        assert len(files.read("metrics")["run"]["notes"]) <= 2000
    assert files.read("metrics")["rows"]
    raw = (files.folder / "json" / "training_metrics.json").read_bytes()
    assert raw.endswith(b"}\n"), "no padding stays behind"


def test_memory_is_bounded(files):
    """Rows do not pile up until somebody flushes."""
    for start in range(0, 20_000, 1000):
        files.sink.write(rows(1000, start=start))
        assert len(files.sink._rows._new) <= 4096
    files.sink.close()
    assert len(files.read("metrics")["rows"]) == 20_000


def test_resume_recomputes_the_statistics(files):
    """After a resume the summary is that of a run in which the hidden rows never were."""
    first, again = rows(10), rows(3, start=5, session=2)
    files.send("define", metric="loss", goal="maximize")
    files.sink.write([*first, event("end", state="killed"), event("resume", session=2, after=4)])
    files.sink.flush()
    assert files.read("metrics")["run"]["state"] == "running"
    files.sink.write(again)
    files.sink.close()
    assert [row["step"] for row in files.read("metrics")["rows"]] == [1, 2, 3, 4, 5, 6, 7]
    found = files.read("summary")["metrics"]["loss"]
    assert (found["count"], found["mean"], found["max"]) == (7, 4.0, 7.0)
    assert found["best"] == {"value": 7.0, "step": 7, "epoch": None}


@pytest.mark.parametrize("harm", ["missing", "shorter", "changed"])
def test_other_files_are_refused(files, harm):
    """A snapshot that is not the one of the state is said to be so."""
    files.sink.write(rows(5))
    state = files.sink.flush()
    files.sink.close()
    path = files.folder / "json" / "training_metrics.json"
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"shorter": content[:200], "changed": b"[" + content[1:]}[harm])
    with pytest.raises(SinkError, match="training_metrics"):
        files.sink.open(files.run, state)


def test_a_file_that_others_cut_is_noticed(files):
    """Rows that vanish while the sink is open are an error, not an endless search for them."""
    files.sink.write(rows(9))
    files.sink.flush()
    (files.folder / "json" / "training_metrics.json").write_bytes(b'{"rows": [\n')
    with pytest.raises(SinkError, match="somebody else"):
        files.sink.write([event("resume", session=2, after=3)])


@pytest.mark.parametrize("state", [{"format": 1}, {"format": 99}, {"other": 1}])
def test_states_of_others_are_refused(files, state):
    """A state that cannot be understood is an error that followers know."""
    with pytest.raises(SinkError):
        files.sink.open(files.run, state)


def test_closed_sinks_say_so(files):
    """Writing to a closed sink is an error of ours, not an accident."""
    files.sink.close()
    with pytest.raises(SinkError, match="closed"):
        files.sink.write(rows(1))


def random_records(seed):
    """Rows, events and a resume."""
    records = []
    for seq in range(seed.randrange(5, 60)):
        values = {name: seed.choice([seed.random(), math.nan]) for name in seed.sample("abcd", 2)}
        records.append(Row(1, seq, 1e9, seq / 8, seq % 11, 1, None, None, values))
        if seed.random() < 0.2:
            kind = seed.choice([("tag", {"tags": [str(seq)]}), ("summary", {"values": {"x": seq}})])
            records.append(event(kind[0], seq=seq, **kind[1]))
    cut = seed.randrange(len(records))
    later = [record._replace(session=2) for record in records[cut:]]
    return [*records[:cut], event("resume", session=2, after=seed.randrange(12)), *later]


@pytest.mark.parametrize("number", range(20))
def test_crashes_leave_no_trace(make_files, number, tmp_path):
    """Killed and restarted at random places, the files are those of a run without a crash."""
    seed = random.Random(number)
    records = random_records(seed)
    calm, wild = make_files(tmp_path / "calm"), make_files(tmp_path / "wild")
    calm.sink.write(records)
    calm.sink.close()

    done, stored, state = 0, 0, None
    while done < len(records):
        count = seed.randrange(1, 9)
        wild.sink.write(records[done : done + count])
        done = min(done + count, len(records))
        wild.clock.now += seed.random()
        if seed.random() < 0.6:
            flushed = json.loads(json.dumps(wild.sink.flush(), allow_nan=False))
            assert wild.read("metrics")["rows"] is not None
            if seed.random() < 0.8:  # else the follower dies before it can store the state
                stored, state = done, flushed
        if seed.random() < 0.3:
            wild.sink, done = wild.make(), stored  # the old one just stops
            try:
                wild.sink.open(wild.run, state)
            except SinkError:
                wild.sink.open(wild.run, None)
                done, stored, state = 0, 0, None
    wild.sink.close()
    for what in ("metrics", "summary", "config"):
        assert wild.read(what) == calm.read(what)


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="needs pandas")
def test_pandas_reads_the_snapshot(files):
    """Rows become a table in one line."""
    import pandas as pd

    files.sink.write([*rows(4), *rows(2, start=5, phase="val")])
    files.sink.close()
    table = pd.json_normalize(files.read("metrics")["rows"])
    assert table["values.loss"].dropna().tolist() == [1.0, 2.0, 3.0, 4.0]
    assert table["values.val/loss"].dropna().tolist() == [5.0, 6.0]


def test_configurations_in_a_folder_of_their_own(tmp_path):
    """With ``config_dir`` the configurations of all runs lie together, under unique names."""
    folder = tmp_path / "configs"
    for number in range(2):
        run_dir = tmp_path / f"run-{number}"
        run_dir.mkdir()
        sink = JsonSink(config_dir=str(folder))
        sink.open(
            RunInfo(f"id{number}", "same", "p", "same", str(run_dir), config={"n": number}), None
        )
        sink.close()
        assert not (run_dir / "json" / "same_config.json").exists()
    found = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert found == {f"run-{n}_config.json": {"n": n} for n in range(2)}
