"""Runs whose checksums are right and whose contents are a stranger's: nothing fails on them."""

import json
import math
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from forged import ENVIRONMENT, MEDIUM, PAGE, VALID, changed, streams
from hypothesis import given
from hypothesis import strategies as st
from journals import JournalMaker, make_run
from recorded import THOROUGH
from strangers import ask_every_route, few, made, read_everything, run_commands

from epochal.cli import main
from epochal.core.errors import EpochalError

FEW = few(3 * THOROUGH)


@FEW
@given(first=streams(), second=streams(copies=1))
def test_no_route_property_or_command_fails(first, second):
    """Whatever fields of events are replaced or gone: it is left out and said."""
    with tempfile.TemporaryDirectory() as base:
        root = Path(base, "runs")
        run_dirs = [made(root, first), made(root, second, name="second")]
        for run_dir in run_dirs:
            read_everything(run_dir)
        found = ask_every_route(root, *run_dirs)
        assert 200 in found["/api/run/{id}"]
        for run_dir in run_dirs[:1]:
            run_commands(run_dir)


def test_what_is_sound_is_all_there(tmp_path):
    """Nothing that Epochal records is taken for a stranger's."""
    run_dir = made(tmp_path / "runs", [each for each in VALID if each[0] not in ("end", "resume")])
    view = read_everything(run_dir)
    assert view.damage == []
    assert (view.name, view.tags, view.notes, view.state) == ("other", ["a"], "note", "finished")
    assert view.environment == ENVIRONMENT
    assert [each.text for each in view.texts("said")] == ["one", "two"]
    assert [medium.key for medium in view.media] == ["page", "page", "video", "table", "weights"]
    assert [medium.read() for medium in view.media[:2]] == [PAGE, PAGE]
    assert (len(view.artifacts), len(view.checkpoints), len(view.annotations)) == (2, 1, 1)
    assert [line.text for line in view.console()] == ["a", "b", "c"]
    run_commands(run_dir, draw=True)
    statuses = ask_every_route(tmp_path / "runs", run_dir, draw=True)
    assert 200 in statuses["/api/run/{id}/media"]


RUN_JSON = {
    "id": "abcdefghij", "name": "n", "project": "doc", "created_s": 1.7e9, "group": None,
    "job_type": None, "tags": ["a"], "notes": "", "seed": {"data": 1}, "config": {"lr": 0.1},
    "sinks": ["csv"], "sinks_missing": [], "sink_options": {"csv": {}}, "sink_objects": [],
    "job": "", "argv": ["a"], "cwd": "/", "host": "h",
    "fork": {"run": "abcdefghik", "dir": "/nowhere", "step": 3},
}  # fmt: skip


@FEW
@given(st.lists(changed(RUN_JSON, most=3), min_size=5, max_size=5))
def test_what_describes_no_run_is_said(forged):
    """A ``run.json`` with fields of other types describes no run; others are read as ever."""
    with tempfile.TemporaryDirectory() as base:
        root, run_dirs = Path(base, "runs"), []
        for about in forged:
            run_dir = made(root, [("note", {"text": "a"})])
            Path(run_dir, "run.json").write_bytes(json.dumps(about).encode("ascii"))
            run_dirs.append(run_dir)
            try:
                read_everything(run_dir)
            except EpochalError:
                continue
        ask_every_route(root, *run_dirs, made(root, []))
        run_commands(run_dirs[0])


@pytest.mark.parametrize("wrong", [
    {"kind": "text", "key": "said", "text": "b", "step": "3"},
    {"kind": "text", "key": ["said"], "text": "b"}, {"kind": "text", "key": "said"},
    {"kind": "media", **MEDIUM, "key": None}, {"kind": "media", **MEDIUM, "bytes": -1},
    {"kind": "media", **MEDIUM, "type": "histogram"},
    {"kind": "media", **MEDIUM, "type": "histogram", "inline": {"counts": [1], "edges": [1]}},
    {"kind": "artifact", "name": "a"}, {"kind": "annotation", "text": 3},
    {"kind": "artifact", "name": "a", "type": "t", "path": "/a", "bytes": 1, "sha256": "",
     "files": [["a", 1]]},
    {"kind": "artifact", "name": "a", "type": "t", "path": "/a", "bytes": 1, "sha256": "",
     "file": "../../secret"},
    {"kind": "console", "stream": "stdout"}, {"kind": "alert", "title": {}},
    {"kind": "environment", "values": {"git": "abc"}}, {"kind": "end", "state": "perfect"},
    {"kind": "bigint", "key": "tokens", "value": "many"}, {"kind": "tag", "tags": "abc"},
    {"kind": "config", "update": ["lr"]}, {"kind": "summary"}, {"kind": "rename", "name": 7},
    {"kind": "define", "metric": "loss", "range": [0]}, {"kind": "note", "text": math.nan},
])  # fmt: skip
def test_each_is_left_out_and_counted(tmp_path, wrong):
    """The run says what was left out and why; reading finds the others as they were."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for kind, fields in VALID:
        if kind not in ("end", "resume", "media", "rename", "untag"):
            maker.event(kind, **fields)
    for _ in range(2):
        maker.event(**wrong)
    maker.close()
    view = read_everything(run_dir)
    (said,) = view.damage
    assert f"2 events ({wrong['kind']}) are left out: " in said
    assert [each.text for each in view.texts("said")] == ["one", "two"]
    assert (view.name, view.tags, view.notes) == ("run", ["a", "b"], "note")
    assert (len(view.artifacts), len(view.annotations), len(view.alerts)) == (2, 1, 1)
    assert len(view.console()) == 3
    assert view.environment["git"]["commit"] == "0123456789"
    assert (len(view.media), view.state) == (0, "finished")
    assert "left out" in CliRunner().invoke(main, ["verify", run_dir]).output
