"""Metrics as plug-ins: computed at their cadence, never in the way of the training."""

import os
import subprocess
import sys

import numpy as np
import pytest

import epochal
from epochal.core.errors import SettingError
from epochal.measure import Metrics, plugins, register_metric


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    """Gives each test an empty registry."""
    monkeypatch.setattr(plugins, "_registered", {})


@pytest.fixture
def run(tmp_path):
    """A run without mirrors."""
    settings = {"follow": "off", "cadence": {"diagnostics": 4}}
    with epochal.init(project="p", dir=str(tmp_path), **settings) as started:
        yield started


def series(run, name):
    """Returns steps and values of a metric."""
    run.finish()
    found = epochal.RunView(run.dir).series(name)
    return found.steps.tolist(), found.values.tolist()


def test_a_metric_is_computed_at_its_cadence(run):
    """It is called every so many steps with what it asks for, and logged at the step."""
    calls = []

    @register_metric("acc", every=3)
    def acc(model, step):
        calls.append(step)
        return model * 2

    metrics = Metrics(run)
    for step in range(7):
        logged = metrics.step(step, model=step, batch="not asked for")
        assert logged == ({"acc": step * 2} if step in (0, 3, 6) else {})
    assert calls == [0, 3, 6]
    assert series(run, "acc") == ([0, 3, 6], [0.0, 6.0, 12.0])


def test_the_settings_decide_how_often(run):
    """Without `every` the run's cadence counts; several metrics of one kind are due together."""
    register_metric("a", lambda **context: context["step"])
    register_metric("b", lambda: 1.0)
    metrics = Metrics(run)
    for step in range(10):
        metrics.step(step)
    assert series(run, "a") == ([0, 4, 8], [0.0, 4.0, 8.0])
    assert series(run, "b")[0] == [0, 4, 8]


def test_media_and_mappings(run):
    """A metric may return a picture, several numbers, or nothing."""
    register_metric("grid", lambda: epochal.Image(np.zeros((4, 4))), every=1)
    register_metric("many", lambda: {"x": 1.0, "y": 2.0}, every=1)
    register_metric("none", lambda: None, every=1)
    Metrics(run).step(5, phase="val")
    assert series(run, "val/many/y") == ([5], [2.0])
    view = epochal.RunView(run.dir)
    assert len(view.media["val/grid"]) == 1
    assert "val/none" not in view.metrics


def test_an_error_never_ends_the_training(run, caplog):
    """It is counted and told once; the other metrics go on."""
    register_metric("broken", lambda loss: 1 / loss, every=1)
    register_metric("hungry", lambda absent: absent, every=1)
    register_metric("fine", lambda loss: loss, every=1)
    metrics = Metrics(run)
    for step in range(3):
        metrics.step(step, loss=0.0)
    assert run.health().problems == {"metric broken": 3, "metric hungry": 3}
    assert caplog.text.count("ZeroDivisionError") == 1
    assert "absent" in caplog.text
    assert series(run, "fine")[0] == [0, 1, 2]


def test_intervals_are_written_as_in_the_settings(run, caplog):
    """Epochs and seconds may be counted; what is no interval is told when it would be due."""
    register_metric("epochs", lambda epoch: epoch, every="2 epochs")
    register_metric("never", lambda: 1.0, every="never")
    register_metric("wrong", lambda: 1.0, every="now and then")
    metrics = Metrics(run)
    for epoch in range(5):
        metrics.step(epoch * 10, epoch=epoch)
    assert "'now and then' is not an interval" in caplog.text
    assert run.health().problems == {"metric wrong": 5}
    assert series(run, "epochs")[1] == [0.0, 2.0, 4.0]
    assert "never" not in epochal.RunView(run.dir).metrics


def test_only_some(run):
    """Names choose among the registered metrics; an unknown one is named at once."""
    register_metric("a", lambda: 1.0, every=1)
    register_metric("b", lambda: 1.0, every=1)
    assert Metrics(run, ["b"]).step(0) == {"b": 1.0}
    with pytest.raises(SettingError, match="no metric 'c'; registered: a, b"):
        Metrics(run, ["c"])


def test_registered_again_replaces(run):
    """The last function of a name counts, also for metrics that were made before."""
    metrics = Metrics(run)
    register_metric("a", lambda: 1.0, every=1)
    register_metric("a", lambda: 2.0, every=1)
    assert metrics.step(0) == {"a": 2.0}


def test_metrics_of_installed_packages(tmp_path):
    """Entry points of other packages are found; one that cannot be loaded is told."""
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[epochal.metrics]\nplain = stranger:plain\npaced = stranger:paced\nbad = stranger:bad\n"
    )
    (tmp_path / "stranger.py").write_text(
        "from epochal.measure import register_metric\n"
        "def plain(loss): return loss + 1\n"
        "@register_metric('paced', every=2)\n"
        "def paced(loss): return loss + 2\n"
    )
    program = (
        "import epochal; from epochal.measure import Metrics\n"
        "run = epochal.init(project='p', follow='off', cadence={'diagnostics': 1})\n"
        "metrics = Metrics(run)\n"
        "print([metrics.step(s, loss=1.0) for s in range(2)], run.health().problems)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[{'paced': 3.0, 'plain': 2.0}, {'plain': 2.0}] {'metric bad': 1}"
    assert "bad" in done.stderr
