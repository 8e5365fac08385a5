"""Looks at the data: counted outside of the run folders, and never in the way."""

import json

import pytest

from epochal.analyze import looks


@pytest.fixture
def count(tmp_path):
    """Counts a look at runs with these fingerprints, in a folder of its own."""
    return lambda *runs, metric="loss", what=("runs", "lr"): looks.count(
        what, metric, runs, str(tmp_path / "cache")
    )


def test_the_same_runs_are_one_look(count):
    """Only another set of runs is another look; their order does not matter."""
    assert [count("a", "b").times, count("b", "a").times, count("a", "b", "c").times] == [1, 1, 2]
    assert count("a", "b").times == 2


def test_metrics_and_comparisons_are_counted_apart(count):
    """Another metric, grouping or folder begins at one; metrics on the same runs are remembered."""
    count("a")
    count("b")
    assert count("b", metric="acc") == looks.Looks(1, ("loss", "acc"))
    assert count("b", what=("runs", "depth")).times == 1
    assert count("b", what=("elsewhere", "lr")).metrics == ("loss",)


def test_a_damaged_file_is_no_obstacle(count, tmp_path):
    """Lines that cannot be read are left out."""
    count("a")
    (path,) = (tmp_path / "cache" / "looks").iterdir()
    path.write_bytes(b'\xff{"metric"\n[]\n{"metric": 1}\n' + path.read_bytes() + b'{"cut')
    assert count("a").times == 1
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[4])["metric"] == "loss"
    assert path.stat().st_mode & 0o077 == 0


def test_a_cut_line_does_not_swallow_the_next_look(count, tmp_path):
    """A look is counted even after a line that was cut off."""
    count("a")
    (path,) = (tmp_path / "cache" / "looks").iterdir()
    path.write_bytes(path.read_bytes() + b'{"cut')
    assert count("b").times == 2
    assert count("b").times == 2
    assert count("c").times == 3


def test_not_counted(tmp_path):
    """Where nothing can be written the answer is "not counted"."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert looks.count(("runs",), "loss", ["a"], str(blocked)) == looks.Looks(None, ("loss",))


def test_the_default_place_is_the_cache_folder(monkeypatch, tmp_path):
    """It follows XDG_CACHE_HOME."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    looks.count(("/any/runs",), "loss", ["a"])
    (path,) = (tmp_path / "epochal" / "looks").iterdir()
    assert path.name.startswith("runs-")
