"""Tagging and noting runs, whatever their state."""

import json

import pytest


@pytest.fixture
def shown(epochal, runs):
    """What `show --json` says of a run."""
    return lambda run: json.loads(epochal("show", run, "--json", "--dir", runs).stdout)


def test_tags_are_added_and_removed(epochal, runs, shown):
    """Tags of a sealed run change, and the command prints what it has then."""
    result = epochal("tag", "adam", "paper/table-2", "[bold]x", "--dir", runs)
    assert result.stdout == "adam: ablation/lr, paper/table-2, [bold]x\n"
    assert shown("adam")["tags"] == ["ablation/lr", "paper/table-2", "[bold]x"]
    result = epochal("tag", "adam", "--remove", "ablation/lr", "--dir", runs)
    assert (result.exit_code, shown("adam")["tags"]) == (0, ["paper/table-2", "[bold]x"])


def test_a_tag_that_is_not_there(epochal, runs, shown):
    """Removing an absent tag fails and changes nothing."""
    result = epochal("tag", "adam", "--remove", "ablation/lr", "absent", "--dir", runs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no tag 'absent'" in result.stderr
    assert shown("adam")["tags"] == ["ablation/lr"]


def test_notes_are_replaced(epochal, runs, shown):
    """Notes come from the argument or from standard input, several lines included."""
    assert epochal("note", "adam", "first", "--dir", runs).exit_code == 0
    assert shown("adam")["notes"] == "first"
    assert epochal("note", "adam", "-", "--dir", runs, stdin="one\ntwo\n").exit_code == 0
    assert shown("adam")["notes"] == "one\ntwo\n"
    assert "notes     one\n          two\n" in epochal("show", "adam", "--dir", runs).stdout


def test_a_run_is_named_in_four_ways(folder_of, shown):
    """Id, name, prefix and path name the same run."""
    adam = folder_of("adam")
    run_id = adam.name.rpartition("-")[2]
    for name in (run_id, "adam", run_id[:6], adam.name[:12], adam):
        assert shown(name)["id"] == run_id


def test_a_running_run_is_tagged(epochal, tmp_path, shown):
    """A run can be annotated while it is recorded."""
    import epochal as library

    run = library.init(project="p", dir=str(tmp_path), follow="off")
    run.log({"loss": 1.0}, step=1)
    run.flush()
    assert epochal("tag", run.dir, "live").stdout == f"{run.name}: live\n"
    assert shown(run.dir)["state"] == "running"
    run.finish()
    assert shown(run.dir)["tags"] == ["live"]
