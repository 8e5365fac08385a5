"""Trainings as processes: recorded like any run, stopped in every way, and ended as chosen."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epochal.control import form
from epochal.control.fields import SWITCHES, defaults
from epochal.control.form import Places
from epochal.control.job import Job
from epochal.core.errors import SettingError
from epochal.read.view import RunView

ALL = [name for _, name in SWITCHES]

PARENT = """
import json, sys, time
from epochal.control import form
from epochal.control.form import Places
from epochal.control.job import Job
places = Places(sys.argv[1])
values, problems = form.read(json.loads(sys.argv[2]), places)
assert not problems
job = Job(places)
job.start(values, goes_on=sys.argv[3] == "goes on")
while not job.run_dir:
    time.sleep(0.01)
print(job.run_dir, job._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def places(tmp_path) -> Places:
    """A folder of runs that is not there yet."""
    return Places(str(tmp_path / "runs"))


@pytest.fixture
def job(places):
    """A job, ended with the test."""
    made = Job(places)
    yield made
    made.stop()
    made.close()


def values(**changed):
    """A checked form."""
    found, problems = form.read({**defaults(), **changed}, Places("/"))
    assert not problems
    return found


def steps_of(folder: Path) -> list[dict[str, str]]:
    """The rows of the CSV of steps, none before it is there."""
    rows = []
    for path in folder.glob("*_steps.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    return rows


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_training_is_a_run_like_any_other(job, until):
    """From start to end: its stages, its run with all that was asked for, and its CSV."""
    assert job.stage == "none"
    job.start(
        values(name="lr-{learning_rate}", project="p", tags="a, b/c", notes="why", steps=60,
               log=ALL, **{"every.train": "2", "every.histograms": "20", "every.text": "30"}),
        goes_on=False,
    )  # fmt: skip
    assert job.stage in ("starting", "running")
    until(lambda: job.stage == "ended")
    assert job.error == ""
    view = RunView(job.run_dir)
    assert (view.state, view.name, view.project) == ("finished", "lr-0.003", "p")
    assert (view.tags, view.notes, view.seed) == (["a", "b/c"], "why", 1)
    assert view.config["steps"] == 60
    assert view.config["training"] == "simulated"
    counts = {name: info.count for name, info in view.metrics.items()}
    assert counts["train/loss"] == 31  # the first step, then each whose interval is another
    assert counts["val/loss"] == 3
    assert counts["gradients/layers/steep/norm"] == 2
    assert {"numerics/nan_count", "lr", "performance/training_time_s"} <= set(counts)
    assert len(view.texts("sample")) == 3
    assert [medium.key for medium in view.media].count("parameters/histograms/bowl") == 4
    assert any("step 50" in line.text for line in view.console())
    assert not os.path.exists(os.path.join(view.dir, "control"))
    folder = Path(view.dir, "csv")
    until(lambda: any(row["step"] == "60" for row in steps_of(folder)))


def test_what_is_switched_off_is_not_recorded(job, until):
    """Without any switch and mirror the run has its config, and nothing that was measured."""
    job.start(values(steps=55, log=[], sinks=[]), goes_on=False)
    until(lambda: job.stage == "ended")
    view = RunView(job.run_dir)
    assert view.state == "finished"
    assert set(view.metrics) <= {"gradients/norm"}
    assert not list(view.media)
    assert not view.text_keys()
    assert not os.path.exists(os.path.join(view.dir, "csv"))


@pytest.mark.torch
def test_a_real_training_learns_and_keeps_checkpoints(job, until):
    """The demo's model with PyTorch: loss falls, gradients by layer and checkpoints are there."""
    job.start(
        values(training="real", steps=24, batch_size=4, log=ALL, checkpoint_dir="",
               **{"every.checkpoint": "10", "every.gradients": "10", "every.validation": "12"}),
        goes_on=False,
    )  # fmt: skip
    until(lambda: job.stage == "ended", 200)
    assert job.error == ""
    view = RunView(job.run_dir)
    assert view.state == "finished", view.error
    losses = view.series("train/loss").values
    assert losses[-1] < losses[0]
    names = [os.path.basename(each.path) for each in view.checkpoints]
    assert names == [f"checkpoint_epoch_1_step_{step}.pt" for step in (10, 20, 24)]
    assert any(name.startswith("gradients/layers/blocks.0") for name in view.metrics)
    assert "model/tree" in view.text_keys()


def test_stopping_is_clean_and_at_once(job, until):
    """A stopped training is an interrupted run, whole up to its last step; another can start."""
    job.start(values(steps=100_000), goes_on=False)
    until(lambda: job.stage == "running")
    until(lambda: RunView(job.run_dir).steps)
    with pytest.raises(SettingError, match="stop it before"):
        job.start(values(), goes_on=False)
    job.stop()
    assert job.stage in ("stopping", "ended")
    job.stop()
    assert job.wait(60)
    first = job.run_dir
    view = RunView(first)
    assert view.state == "interrupted"
    assert view.lost == 0
    job.start(values(steps=2), goes_on=False)
    until(lambda: job.stage == "ended")
    assert job.run_dir != first


def test_it_may_be_stopped_before_it_has_a_run(job):
    """Stop right after start is not lost."""
    job.start(values(steps=100_000), goes_on=False)
    job.stop()
    assert job.wait(60)
    assert not job.run_dir or RunView(job.run_dir).state == "interrupted"


def test_another_panel_finds_it_and_stops_it(job, places, until):
    """Whoever looks at the same folder sees the training and can end it."""
    job.start(values(steps=100_000), goes_on=True)
    until(lambda: job.run_dir)
    other = Job(places)
    other.find()
    assert (other.run_dir, other.stage) == (job.run_dir, "running")
    with pytest.raises(SettingError):
        other.start(values(), goes_on=False)
    other.stop()
    assert other.stage == "stopping"
    assert other.wait(60)
    assert job.wait(60)
    assert RunView(job.run_dir).state == "interrupted"
    other.close()


def test_nothing_is_found_where_nothing_runs(places, job, until):
    """Ended trainings, and runs that no panel has started, are not taken over."""
    other = Job(places)
    other.find()
    assert other.stage == "none"
    job.start(values(steps=1), goes_on=False)
    until(lambda: job.stage == "ended")
    other.find()
    assert other.stage == "none"


@pytest.mark.parametrize("ends", ["goes on", "ends"])
def test_when_the_panel_is_killed_the_training_does_what_was_chosen(places, tmp_path, until, ends):
    """SIGKILL of the panel: a training goes on where that was chosen, else it ends cleanly."""
    import json

    command = [sys.executable, "-c", PARENT, places.root, json.dumps({"steps": 100_000}), ends]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        run_dir, pid = parent.stdout.readline().split()
        steps = until(lambda: RunView(run_dir).steps)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        if ends == "ends":
            until(lambda: not is_alive(int(pid)))
            assert RunView(run_dir).state == "interrupted"
            return
        until(lambda: RunView(run_dir).steps > steps + 20)
        assert is_alive(int(pid))
        found = Job(places)
        found.find()
        found.stop()
        assert found.wait(60)
        assert RunView(run_dir).state == "interrupted"
    finally:
        parent.kill()
        parent.stdout.close()


@pytest.mark.parametrize("goes_on", [True, False])
def test_closing_the_panel_ends_or_keeps_the_training(places, until, goes_on):
    """`close` waits for a training that ends with the panel, and leaves alone one that goes on."""
    job = Job(places)
    job.start(values(steps=100_000), goes_on=goes_on)
    until(lambda: job.run_dir)
    assert job.goes_on == goes_on
    job.close()
    assert RunView(job.run_dir).state == ("running" if goes_on else "interrupted")
    if goes_on:
        steps = RunView(job.run_dir).steps or 0
        until(lambda: (RunView(job.run_dir).steps or 0) > steps + 20)
        other = Job(places)
        other.find()
        other.stop()
        assert other.wait(60)
        assert job.wait(60)


def test_what_cannot_begin_says_why(tmp_path, until):
    """No write access, recording switched off: the reason is told, and nothing runs."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="ascii")
    job = Job(Places(str(blocked)))
    job.start(values(), goes_on=False)
    until(lambda: job.stage == "ended")
    assert str(blocked) in job.error
    job.close()
    job = Job(Places(str(tmp_path / "runs")), {**os.environ, "EPOCHAL_MODE": "off"})
    job.start(values(), goes_on=False)
    until(lambda: job.stage == "ended")
    assert "EPOCHAL_MODE" in job.error
    job.close()


def test_a_training_that_diverges_is_recorded_to_its_end(job, until):
    """NaN in loss and gradients is counted in the run and does not end the training."""
    job.start(values(steps=250, learning_rate=0.5, max_gradient_norm=0, log=ALL), goes_on=False)
    until(lambda: job.stage == "ended")
    view = RunView(job.run_dir)
    assert view.state == "finished", view.error
    bad = view.metrics["train/loss"].summary
    assert bad.nan + bad.inf > 0
    assert view.metrics["numerics/nan_count"].summary.max > 0


def test_the_environment_is_the_users(places, until):
    """A training gets the environment that it is given, and not that of the panel's own server."""
    marker = f"epochal-test-{time.time()}"
    job = Job(places, {**os.environ, "EPOCHAL_NOTES": marker})
    job.start(values(steps=1), goes_on=False)
    until(lambda: job.stage == "ended")
    assert RunView(job.run_dir).state == "finished"
    environ = RunView(job.run_dir).environment
    assert "GRADIO_TEMP_DIR" not in str(environ)
    job.close()
