"""Readings of the machine are metrics that do not get in the way of the training's."""

import pytest
from journals import JournalMaker, make_run

import epochal
from epochal.read.view import RunView


@pytest.fixture
def run_dir(tmp_path):
    """A run with two metrics and two readings of the machine."""
    maker = JournalMaker(make_run(tmp_path, "first", config={"lr": 0.1}))
    for step in range(4):
        maker.row({"loss": 1 / (step + 1)}, step)
        readings = {"system/cpu_percent": 10.0 * step, "system/gpu0/power_w": 300.0}
        maker.row(readings, step, given=False, phase="system")
    maker.close()
    return maker.run_dir


def test_readings_by_name(run_dir):
    """A mapping without the prefix, of series that are complete."""
    system = RunView(run_dir).system
    assert list(system) == ["cpu_percent", "gpu0/power_w"]
    assert system["cpu_percent"].values.tolist() == [0, 10, 20, 30]
    assert system["cpu_percent"].steps.tolist() == [0, 1, 2, 3]
    assert (len(system), "cpu_percent" in system, "loss" in system) == (2, True, False)
    assert system.get("loss") is None
    with pytest.raises(KeyError):
        system["absent"]


def test_they_are_metrics(run_dir):
    """By their full names they are found wherever a metric is named."""
    view = RunView(run_dir)
    assert view.series("system/cpu_percent").values.max() == 30
    assert view.metrics["system/gpu0/power_w"].summary.mean == 300
    table = view.history("loss", "system/cpu_percent", x="elapsed")
    assert table.column_names == ["elapsed", "loss", "system/cpu_percent"]
    assert table["system/cpu_percent"].to_pylist() == [0, 10, 20, 30]
    runs = epochal.open(run_dir).runs('summary["system/cpu_percent"].max > 20')
    assert [run.name for run in runs] == ["first"]


def test_they_are_left_out_where_nobody_asked(run_dir, tmp_path):
    """Summary, history, comparison, difference and registry show the training's metrics only."""
    view = RunView(run_dir)
    assert list(view.summary) == ["loss"]
    assert view.history().column_names == ["step", "loss"]
    assert list(epochal.diff(view, view).summary) == ["loss"]
    registry = epochal.ExperimentRegistry(tmp_path)
    assert registry.compare().column_names == ["id", "name", "state", "loss"]
    asked = registry.compare(metrics=["system/cpu_percent"])
    assert asked["system/cpu_percent"].to_pylist() == [30]
    written = registry.write(tmp_path / "registry.json")
    with open(written, encoding="utf-8") as file:
        assert "system/" not in file.read()
