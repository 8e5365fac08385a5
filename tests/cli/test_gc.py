"""`epochal gc`: nothing goes unasked, and what goes is not missed."""

import json
import os
import time

import pytest


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch):
    """The memory that dead processes leave is the whole host's: other tests' may be found too."""
    monkeypatch.setattr("epochal.store.cleaning._rings", lambda: iter(()))


def snapshot(path):
    """All files below a folder with their sizes."""
    return {p.relative_to(path): p.stat().st_size for p in path.rglob("*") if p.is_file()}


def age(path, seconds):
    """Makes a file or folder older."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_nothing_to_remove(epochal, runs):
    """Sound runs have no litter."""
    assert epochal("gc", runs).stdout == "Nothing to remove.\n"


def test_litter_is_listed_then_removed(epochal, runs, folder_of):
    """Old drafts and starts that were cut off are listed by default and removed with --yes."""
    adam = folder_of("adam")
    draft = adam / "sealed" / ".0001-x.parquet.0badcafe"
    draft.write_bytes(b"x" * 1000)
    age(draft, 7200)
    young = adam / "follow" / ".csv.json.abcd1234"
    young.write_bytes(b"x")
    begun = runs / "text2sign" / "begun-20260101-000000-abcdefghij"
    begun.mkdir()
    (begun / ".run.json").write_text("{", encoding="ascii")
    age(begun / ".run.json", 7200)
    age(begun, 7200)
    before = snapshot(runs)
    listed = epochal("gc", runs, "--json")
    found = {each["kind"] for each in json.loads(listed.stdout)["found"]}
    assert found == {"draft", "unfinished run"}
    assert snapshot(runs) == before
    assert "Nothing was removed: --yes does it." in epochal("gc", runs).stdout
    assert epochal("gc", runs, "--yes").exit_code == 0
    gone = {path.relative_to(runs) for path in (draft, begun / ".run.json")}
    assert set(before) - set(snapshot(runs)) == gone


def test_sealed_segments_go_when_every_mirror_has_them(epochal, tmp_path):
    """A journal file stays as long as a mirror needs it."""
    import epochal as library
    from epochal.store.seal import seal_run

    run = library.init(project="p", dir=str(tmp_path / "runs"), follow="off", sinks=("csv",))
    run.log({"loss": 0.5}, step=1)
    run.finish()
    seal_run(run.dir)
    assert json.loads(epochal("gc", tmp_path / "runs", "--json").stdout)["found"] == []
    (segment,) = (tmp_path / "runs").glob("p/*/journal/*.seg")
    kept = segment.read_bytes()
    assert epochal("sync", run.dir).exit_code == 0
    segment.write_bytes(kept)
    (found,) = json.loads(epochal("gc", tmp_path / "runs", "--json").stdout)["found"]
    assert (found["kind"], found["path"]) == ("sealed segment", str(segment))
    assert epochal("gc", tmp_path / "runs", "--yes").exit_code == 0
    assert not segment.exists()
    assert epochal("verify", run.dir).exit_code == 0


def test_runs_go_to_the_trash_and_come_back(epochal, runs):
    """Runs that were chosen are moved as a whole, and restored as a whole."""
    before = snapshot(runs)
    listed = epochal("gc", runs, "--state", "failed", "--json")
    assert [each["kind"] for each in json.loads(listed.stdout)["found"]] == ["run"]
    assert snapshot(runs) == before
    assert epochal("gc", runs, "--state", "failed", "--yes").exit_code == 0
    assert "other" not in epochal("ls", runs).stdout
    restored = epochal("gc", runs, "--restore", "other")
    assert (restored.exit_code, restored.stdout.endswith(": restored\n")) == (0, True)
    assert snapshot(runs) == before


def test_empty_trash(epochal, runs):
    """The trash is emptied only with --yes, and then a run cannot be restored."""
    epochal("gc", runs, "--state", "failed", "--yes")
    assert "in the trash" in epochal("gc", runs, "--empty-trash").stdout
    assert (runs / ".trash").exists()
    assert epochal("gc", runs, "--empty-trash", "--yes").exit_code == 0
    assert not (runs / ".trash").exists()
    result = epochal("gc", runs, "--restore", "other")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no run 'other'" in result.stderr


def test_rules_are_joined(epochal, runs):
    """Age, state and filter must all hold; the best run of each project is kept."""

    def chosen(*rules):
        found = json.loads(epochal("gc", runs, *rules, "--json").stdout)["found"]
        found = [each for each in found if each["kind"] != "ring"]  # memory is the whole host's
        return {os.path.basename(each["path"]).partition("-202")[0] for each in found}

    assert chosen("--older-than", "1h") == set()
    assert chosen("--older-than", "0s") == {"adam", "sgd", "other", "red-x-2j-evil"}
    assert chosen("--older-than", "0s", "--state", "failed") == {"other"}
    assert chosen("--filter", "config.lr == 0.1") == {"sgd"}
    assert chosen("--state", "finished", "--keep-best", "val/loss") == {"sgd", "red-x-2j-evil"}


def test_parents_of_forks_stay(epochal, runs, folder_of):
    """A run that another one was forked from is needed to read that one."""
    import epochal as library

    parent = str(folder_of("adam"))
    library.init(project="p", dir=str(runs), fork=(parent, 10), follow="off").finish()
    result = epochal("gc", runs, "--filter", 'name == "adam"', "--json")
    assert [each for each in json.loads(result.stdout)["found"] if each["kind"] != "ring"] == []
    assert "adam (forked)" in result.stderr


def test_running_runs_stay(epochal, tmp_path):
    """A run that is being recorded is never chosen, and cannot be moved."""
    import epochal as library
    from epochal.core.errors import RunFolderError
    from epochal.store import cleaning

    run = library.init(project="p", dir=str(tmp_path / "runs"), follow="off")
    run.log({"loss": 1.0}, step=1)
    run.flush()
    result = epochal("gc", tmp_path / "runs", "--older-than", "0s", "--yes")
    assert (result.exit_code, os.path.isdir(run.dir)) == (0, True)
    with pytest.raises(RunFolderError, match="is running"):
        cleaning.discard(str(tmp_path / "runs"), run.dir)
    run.finish()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--older-than", "3x"), ("--older-than", "d"), ("--state", "running"), ("--state", ""),
        ("--keep-best", "loss"), ("--yes", "--dry-run"), ("--restore", "a", "--empty-trash"),
    ],
)  # fmt: skip
def test_wrong_usage(epochal, runs, arguments):
    """Rules that mean nothing are refused with status 2."""
    assert epochal("gc", runs, *arguments).exit_code == 2
