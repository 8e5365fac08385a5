"""What figures are made from: runs however they are named, and their points."""

import math
from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal.core.errors import EvidenceError, MetricNotFoundError, RunFolderError
from epochal.present.sources import cleaned, pieces, points_of, runs_of


@pytest.fixture
def folder(tmp_path):
    """Three runs."""
    for name in ("a", "b", "c"):
        with epochal.init(project="p", name=name, dir=str(tmp_path)) as run:
            for step in range(4):
                run.log({"loss": float(step), "tokens": 100.0 * step}, step=step, epoch=step // 2)
    return tmp_path


def names(given):
    """Return the names of runs."""
    return [run.name for run in runs_of(given)]


def test_runs_however_they_are_named(folder):
    """Project, runs, run, paths, wildcards and lists of these; each run once."""
    project = epochal.open(str(folder))
    one = project.run("b")
    assert names(project) == ["a", "b", "c"]
    assert names(folder) == names(str(folder)) == names(folder / "p") == ["a", "b", "c"]
    assert sorted(names(project.runs())) == ["a", "b", "c"]
    assert names(one) == names(one.dir) == names(Path(one.dir)) == ["b"]
    assert names([one, project, one.dir]) == ["b", "a", "c"]
    assert names(f"{folder}/p/*") == sorted(names(f"{folder}/p/*"), key=names(folder).index)


def test_a_run_that_still_records(tmp_path):
    """A figure can be made while training goes on."""
    with epochal.init(project="p", name="now", dir=str(tmp_path)) as run:
        run.log({"loss": 1.0}, step=1)
        run.flush()
        assert names(run) == ["now"]


def test_nothing_and_nonsense_are_refused(tmp_path):
    """An empty folder, no folder, and what is no run at all."""
    with pytest.raises(EvidenceError, match="no runs in"):
        runs_of(tmp_path)
    with pytest.raises(EvidenceError, match="no runs"):
        runs_of([])
    with pytest.raises(RunFolderError):
        runs_of(tmp_path / "none")
    with pytest.raises(EvidenceError, match="int"):
        runs_of(3)


def test_points_on_each_axis(folder):
    """Steps, epochs (with all values of each), seconds, and another metric."""
    run = epochal.open(str(folder)).run("a")
    assert points_of(run, "loss").x.tolist() == [0, 1, 2, 3]
    assert points_of(run, "loss", "epoch").x.tolist() == [0, 0, 1, 1]
    assert (np.diff(points_of(run, "loss", "elapsed").x) > 0).all()
    assert points_of(run, "loss", "tokens").x.tolist() == [0, 100, 200, 300]
    assert not len(points_of(run, "other"))
    assert not len(points_of(run, None))
    with pytest.raises(MetricNotFoundError, match="'flops'"):
        points_of(run, "loss", "flops")


def test_repeated_and_bad_points():
    """Of several values at one place the last counts; what is not finite is a gap, and listed."""
    points = cleaned(np.array([3.0, 1, 1, 2, math.nan]), np.array([9.0, 5, math.nan, -math.inf, 1]))
    assert points.x.tolist() == [1, 2, 3]
    assert np.isnan(points.y).tolist() == [True, True, False]
    assert points.bad.tolist() == [1, 2]


def test_statistics_of_pieces():
    """Mean, sample standard deviation, extremes and count, by hand; empty pieces are NaN."""
    points = cleaned(np.array([0.0, 1, 2, 10, 11, 30]), np.array([1.0, 2, 6, math.nan, 4, 7]))
    found = pieces(points, [0, 5, 15, 20, 31])
    assert found.count.tolist() == [3, 1, 0, 1]
    np.testing.assert_allclose(found.mean, [3, 4, np.nan, 7])
    np.testing.assert_allclose(found.std, [math.sqrt(7), np.nan, np.nan, np.nan])
    np.testing.assert_allclose(found.low, [1, 4, np.nan, 7])
    np.testing.assert_allclose(found.high, [6, 4, np.nan, 7])
    outside = pieces(points, [1.0, 3.0])
    assert outside.mean.tolist() == [4.0]
