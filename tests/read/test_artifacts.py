"""Artifacts as they are read: what was recorded, and whether it is still that."""

import pytest
from recorded import QUIET

import epochal
from epochal.read.view import RunView


@pytest.fixture
def files(tmp_path):
    """A file and a folder with two files."""
    (tmp_path / "weights.bin").write_bytes(b"\x00\x01" * 1000)
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "inner" / "b.txt").write_text("bb")
    return tmp_path


@pytest.fixture
def artifacts(files):
    """Both, as a run that recorded them shows them."""
    with epochal.init(dir=str(files / "runs"), **QUIET) as run:
        run.log_artifact(files / "weights.bin", type="checkpoint")
        run.log_artifact(files / "data", name="corpus")
    return RunView(run.dir).artifacts


def test_what_was_recorded(artifacts, files):
    """Name, type, path, sizes and hashes, of a folder those of each file."""
    weights, corpus = artifacts
    assert (weights.name, weights.type, weights.bytes) == ("weights.bin", "checkpoint", 2000)
    assert (weights.path, weights.files) == (str(files / "weights.bin"), ())
    assert len(weights.sha256) == 64
    assert (corpus.name, corpus.bytes, corpus.sha256) == ("corpus", 3, "")
    assert [(path, size) for path, size, _ in corpus.files] == [("a.txt", 1), ("inner/b.txt", 2)]
    assert 0 <= weights.elapsed_s <= corpus.elapsed_s


def test_check_tells_what_became_of_them(artifacts, files):
    """The same, changed even at the same length, or missing."""
    weights, corpus = artifacts
    assert (weights.check(), corpus.check()) == ("same", "same")
    (files / "weights.bin").write_bytes(b"\x00\x02" * 1000)
    (files / "data" / "new.txt").write_text("files that are added do not matter")
    assert (weights.check(), corpus.check()) == ("changed", "same")
    (files / "weights.bin").write_bytes(b"")
    (files / "data" / "a.txt").write_text("b")
    assert (weights.check(), corpus.check()) == ("changed", "changed")
    (files / "weights.bin").unlink()
    (files / "data" / "inner" / "b.txt").unlink()
    assert (weights.check(), corpus.check()) == ("missing", "missing")
