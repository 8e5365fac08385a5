"""The sink `wandb`, offline: every value is read back from W&B's own files."""

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from wandb_files import offline_folders, offline_run, wandb_home

from epochal.core.errors import SettingError, SinkError
from epochal.core.records import RunInfo
from epochal.sinks.wandb.log import OfflineFile
from epochal.sinks.wandb.options import WandbOptions, mode_of
from epochal.sinks.wandb.runs import WandbSink
from epochal.testing import SinkSuite, event, points, rows

__all__ = ["wandb_home"]

pytestmark = pytest.mark.usefixtures("wandb_home")

RUN_ID = "a1b2c3d4e5"


def about(folder, **more):
    """What a sink is told of a run in this folder."""
    given = {"name": "Run 1", "project": "p", "slug": "run-1", "created_s": 1e9} | more
    return RunInfo(id=RUN_ID, dir=str(folder), **given)


def mirrored(folder, records, *, run=None, **options):
    """Sends records to a new sink in one go, as a follower does; returns what it wrote."""
    sink = WandbSink(mode="offline", **options)
    sink.open(run or about(folder), None)
    sink.write(records)
    sink.flush()
    sink.close()
    return offline_run(folder)


def follow(sink, run, records, state=None, *, batch=1000):
    """Does what a follower does: begins anew when the sink says so; returns the last state."""
    at = 0
    while at < len(records) or state is None:
        try:
            if not at:
                sink.open(run, state)
            sink.write(records[at : at + batch])
            state = sink.flush()
            at += batch
        except SinkError:
            sink.close()
            state, at = None, 0
    return state


class TestOffline(SinkSuite):
    """The conformance suite, on offline folders; where the sink begins anew, a follower does it."""

    def make(self, folder):  # noqa: ARG002 - the sink is told of it when it is opened
        """Returns a sink that writes below the folder."""
        return WandbSink(mode="offline")

    def read_back(self, folder):
        """Returns every number in the one offline folder that is there."""
        return offline_run(folder).points()

    def test_reopening(self, tmp_path):
        """A sink that was closed begins anew; the same object may be used again."""
        records, sink, state = rows(30), self.make(tmp_path), None
        for end in (10, 20, 30):
            state = follow(sink, about(tmp_path), records[:end], state)
            sink.close()
            self._check(tmp_path, records[:end])

    def test_empty_batches(self, tmp_path):
        """Nothing is a batch too, and a run without rows is a run."""
        sink = self.make(tmp_path)
        state = follow(sink, about(tmp_path), [])
        sink.write([])
        sink.close()
        self._check(tmp_path, [])
        follow(sink, about(tmp_path), rows(1), state)
        sink.write([])
        sink.close()
        self._check(tmp_path, rows(1))

    def test_resume(self, tmp_path):
        """A resume hides what earlier sessions recorded after its step, and nothing else."""
        first, again = rows(10), rows(6, start=7, session=2)
        records = [*first, event("resume", session=2, after=6), *again]
        for batch in (100, 3):  # it comes with the rows that it hides, or after them
            sink = self.make(tmp_path)
            follow(sink, about(tmp_path), records, batch=batch)
            sink.close()
            self._check(tmp_path, [*first[:6], *again])


def test_beginning_anew(tmp_path):
    """A state is refused; what was written before goes, and nothing of another run or of a link."""
    other = tmp_path / "wandb" / "offline-run-20260101_000000-zzzzzzzzzz"
    link = tmp_path / "wandb" / f"offline-run-20260101_000000-{RUN_ID}"
    (tmp_path / "target").mkdir()
    other.mkdir(parents=True)
    link.symlink_to(tmp_path / "target")
    for _ in range(2):
        sink = WandbSink(mode="offline", dir=str(tmp_path))
        sink.open(about(tmp_path), None)
        sink.write(rows(3))
        state = sink.flush()
        sink.close()
        with pytest.raises(SinkError):
            sink.open(about(tmp_path), state)
    assert state == {"mode": "offline", "rows": 3}
    made = {*offline_folders(tmp_path)} - {other, link}
    assert (len(made), other.exists(), link.is_symlink()) == (1, True, True)
    assert (tmp_path / "target").exists()


def test_the_columns_of_a_row(tmp_path):
    """Step, epoch and time of the record are there; W&B's own step is only a count."""
    first, second = rows(2, start=5), rows(2, ("val",), start=2, epoch=1.5)
    large = event("bigint", key="tokens", value=str(2**70), step=2**53 + 1)
    found = mirrored(tmp_path, [*first, *second, large])
    assert [row["_step"] for row in found.history] == [0, 1, 2, 3, 4]
    assert found.column("step") == [5, 6, 2, 3, 2**53 + 1]
    assert found.column("epoch") == [1.5, 1.5]
    assert found.column("_timestamp")[:4] == [row.time_s for row in [*first, *second]]
    assert found.column("tokens") == [float(2**70)], "what W&B makes of it"
    assert found.metrics["*"].step_metric == "step"


def test_names_are_mapped(tmp_path):
    """The name map is for metrics, texts and definitions; a taken column gets an underscore."""
    records = [
        *rows(1, ("train/loss", "grad/a", "step", "epoch", "step_"), epoch=1.0),
        event("text", key="grad/note", text="hello", step=1),
        event("define", metric="grad/*", x="train/loss"),
    ]
    found = mirrored(tmp_path, records, names={"train/loss": "Loss", "grad/*": "G/*"})
    metrics = {*found.history[0]} - {"_step", "_runtime", "_timestamp"}
    assert metrics == {"step", "epoch", "Loss", "G/a", "step_", "epoch_", "step__"}
    assert "G/note" in found.history[1]
    assert found.metrics["G/*"].step_metric == "Loss"


ENVIRONMENT = {
    "host": "node7", "argv": ["train.py", "--lr"], "packages": {"numpy": "2.0"},
    "git": {"commit": "abc", "remote": "https://host/x", "diff": {"text": "diff --git\n"}},
    "python": {"implementation": "CPython", "version": "3.11.7"},
}  # fmt: skip


def test_what_is_said_of_a_run(tmp_path):
    """Name, tags, config, machine and the end are W&B's, also what changed on the way."""
    run = about(
        tmp_path, project="a/b: c", config={"lr": 0.1, "model": {"depth": 2}},
        tags=("one", "x" * 70), notes="first", group="g", job_type="train",
    )  # fmt: skip
    records = [
        *rows(1),
        event("config", update={"model": {"depth": 3}, "seed": 1}),
        event("tag", tags=["two", "three"]),
        event("untag", tags=["one"]),
        event("note", text="second"),
        event("rename", name="Another"),
        event("summary", values={"best": 0.5, "nested": {"a": [1, 2]}, "step": 7}),
        event("alert", title="t" * 100, text="why", level="error"),
        event("console", stream="stdout", text="a\nb"),
        event("console", stream="log", text="c", level="INFO", logger="mine"),
        event("environment", values=ENVIRONMENT),
        event("end", state="failed", error="Traceback"),
    ]
    found = mirrored(tmp_path, records, run=run)
    files = ("wandb-metadata.json", "requirements.txt", "diff.patch")
    machine, requirements, diff = ((found.folder / "files" / name).read_text() for name in files)
    assert json.loads(machine)["git"] == {"remote": "https://host/x", "commit": "abc"}
    assert json.loads(machine)["python"] == "CPython 3.11.7"
    assert (requirements, diff) == ("numpy==2.0\n", "diff --git\n")
    assert {*files} <= {*found.files}
    config = {key: value for key, value in found.config.items() if key != "_wandb"}
    assert config == {"lr": 0.1, "model": {"depth": 3}, "seed": 1}
    said = found.run
    assert (said.run_id, said.project, said.run_group) == (RUN_ID, "a-b- c", "g")
    assert (said.job_type, said.notes, said.display_name) == ("train", "second", "Another")
    assert list(said.tags) == ["x" * 64, "two", "three"]
    assert found.summary["best"] == 0.5
    assert found.summary["nested"] == {"a": [1, 2]}
    assert (found.summary["step"], found.summary["step_"]) == (1, 7)
    assert found.alerts == [("t" * 63, "why", "ERROR")]
    assert found.log == "a\nb\nINFO:mine:c\n"
    assert found.exit_codes == [1]


def test_options_go_before_what_the_run_says(tmp_path):
    """Each option stands in W&B instead of what the run has."""
    given = {
        "project": "P", "name": "N", "entity": "E", "group": "G", "job_type": "J", "notes": "O",
        "tags": ("T",), "resume": "must",
    }  # fmt: skip
    options = WandbOptions(**given, dir=str(tmp_path / "d"), anonymous="allow", code=True)
    spec = options.client_spec(about(tmp_path), (), "")
    assert given.items() <= spec["init"].items()
    assert spec["init"]["dir"] == str(tmp_path / "d")
    assert spec["records"]["code"] == os.getcwd()


@pytest.mark.parametrize(
    ("given", "axis", "rule"),
    [
        ({"x": "epoch"}, "epoch", set()),
        ({"x": "tokens"}, "tokens", set()),
        ({"x": "elapsed"}, "_runtime", set()),
        ({"goal": "minimize"}, "step", {"min", "last"}),
        ({"goal": "maximize", "summary": "best"}, "step", {"max"}),
        ({"summary": "mean", "unit": "s"}, "step", {"mean"}),
    ],
)
def test_definitions(tmp_path, given, axis, rule):
    """Axis, goal and summary rule of a metric are W&B's."""
    from epochal.sinks.wandb.records import Records

    class Run:
        """Takes the definition."""

        id = "x"

        def define_metric(self, name, step_metric, summary=None):
            """Keep it."""
            self.defined = name, step_metric, {*(summary or "").split(",")} - {""}

    settings = {"names": {}, "tags": (), "save_media": True, "tensorboard": "", "code": ""}
    written = Records(run_dir="", skip=(), sent=str(tmp_path / "sent"), **settings)
    run = Run()
    written.begin(run, 0)
    written.write([event("define", metric="loss", **given)])
    assert run.defined == ("loss", axis, rule)


def test_off_is_off(tmp_path, monkeypatch):
    """Nothing is written, started or refused; turned on later, the sink sends everything."""
    for sink in (WandbSink(mode="off"), WandbSink()):
        monkeypatch.setenv("WANDB_MODE", "disabled")
        sink.open(about(tmp_path), None)
        sink.write(rows(3))
        state = sink.flush()
        sink.close()
        sink.open(about(tmp_path), state)
        sink.close()
        assert (list(tmp_path.iterdir()), state) == ([], {"mode": "off"})
    with pytest.raises(SinkError):
        WandbSink(mode="offline").open(about(tmp_path), state)


def test_modes():
    """W&B's own words for a mode are understood, others are refused by name."""
    assert mode_of(None, {"WANDB_DISABLED": "true"}) == "off"
    assert mode_of("online", {"WANDB_MODE": "offline", "WANDB_DISABLED": "true"}) == "online"
    assert mode_of(None, {"WANDB_MODE": "dryrun"}) == "offline"
    with pytest.raises(SettingError, match="WANDB_MODE 'sideways'"):
        mode_of(None, {"WANDB_MODE": "sideways"})
    with pytest.raises(TypeError, match="no_such"):
        WandbSink(no_such=1)
    with pytest.raises(ValueError, match="name map"):
        WandbSink(names={"a*": "b"})


def test_rows_in_a_growing_file_are_counted(tmp_path):
    """The count of the rows on disk is right at any length of the file, piece by piece."""
    records = rows(300, [f"metric {k}" for k in range(20)])
    found = mirrored(tmp_path, records)
    (path,) = found.folder.glob("*.wandb")
    data, growing = path.read_bytes(), tmp_path / "growing"
    count = OfflineFile(str(growing))
    assert not count.wait(1, 0)
    for end in [*range(0, len(data), 997), len(data)]:
        growing.write_bytes(data[:end])
        count.wait(10**9, 0)
    assert (count.rows, count.ended) == (len(records), True)
    assert sorted(found.points()) == sorted(points(records))
