"""Charts that people have saved."""

import json
import os
import shutil

import pytest

CHART = {"title": "Losses", "metrics": ["train/loss", "val/*"], "x": "step", "log": True,
         "smoothing": 1000, "group": "config.lr", "kind": "line"}  # fmt: skip
PATH = "/api/charts?project=demo"


def test_saved_and_read(editor, browser, root, runs):  # noqa: ARG001 - the runs are there before
    """They come back as they were, to everybody, also from another server; nothing else changes."""
    assert browser.get(PATH).json == {"charts": []}
    assert editor.post(PATH, {"charts": [CHART]}).json == {"charts": [CHART]}
    assert browser.get(PATH).json == {"charts": [CHART]}
    assert browser.get("/api/charts?project=other-one").json == {"charts": []}
    assert browser.get("/api/projects").json["projects"][1]["runs"] == 3
    stored = json.loads((root / "demo" / ".dashboard" / "charts.json").read_text())
    assert stored["charts"] == [CHART]
    assert editor.post(PATH, {"charts": []}).json == {"charts": []}


def test_what_is_left_out_has_a_default(editor):
    """Only metrics are needed; what does not belong to a chart is dropped."""
    (chart,) = editor.post(PATH, {"charts": [{"metrics": ["a"], "onload": "x"}]}).json["charts"]
    assert chart == {"title": "", "metrics": ["a"], "x": "step", "log": False, "smoothing": 0,
                     "group": None, "kind": "line"}  # fmt: skip


@pytest.mark.parametrize("change", [
    {"metrics": []}, {"metrics": "a"}, {"metrics": [1]}, {"metrics": ["x" * 513]},
    {"metrics": ["a"] * 101}, {"title": 1}, {"title": "x" * 513}, {"x": None}, {"smoothing": -1},
    {"smoothing": "1"}, {"smoothing": True}, {"group": 1}, {"kind": "pie"}, {"kind": None},
])  # fmt: skip
def test_what_is_no_chart(editor, browser, change):
    """Nothing is saved of what is not valid."""
    assert editor.post(PATH, {"charts": [{**CHART, **change}]}).status == 400
    assert browser.get(PATH).json == {"charts": []}


def test_what_is_no_list(editor):
    """Charts are a list of objects."""
    for charts in (None, {}, "x", [1], [None], [CHART] * 201):
        assert editor.post(PATH, {"charts": charts}).status == 400


def test_too_large(editor, browser):
    """All charts of a project together have a limit."""
    large = {**CHART, "metrics": ["é" * 512] * 100}
    assert editor.post(PATH, {"charts": [large] * 3}).status == 413
    assert browser.get(PATH).json == {"charts": []}


@pytest.mark.parametrize("project", ["nope", "", "..", "../demo", "demo/..", "/", ".dashboard"])
def test_projects_that_are_none(editor, quoted, project):
    """A project is one of those that are there."""
    path = f"/api/charts?project={quoted(project)}"
    assert editor.get(path).status == 404
    assert editor.post(path, {"charts": [CHART]}).status == 404


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b'{"charts": 1}', b'{"charts": [{"metrics": [1]}]}', b"[" * 100_000,
    b"\xff", b" " * 300_000,
])  # fmt: skip
def test_a_file_that_is_none(editor, browser, root, content):
    """Whatever stands in the file, the page works, and it can be saved again."""
    folder = root / "demo" / ".dashboard"
    folder.mkdir()
    (folder / "charts.json").write_bytes(content)
    assert browser.get(PATH).json == {"charts": []}
    assert editor.post(PATH, {"charts": [CHART]}).json == {"charts": [CHART]}


def test_a_project_that_is_gone_does_not_come_back(editor, root):
    """Saving charts makes no folder but their own."""
    shutil.rmtree(root / "demo")
    assert editor.post(PATH, {"charts": [CHART]}).status == 404
    assert not (root / "demo").exists()


def test_one_run_alone(serve, browse, root, runs):
    """Where only a run's folder is shown there are no charts, and none can be saved beside it."""
    dashboard = serve(next((root / "demo").glob(f"*-{runs[0]}")))
    editor = browse(dashboard).log_in(dashboard)
    assert editor.get(PATH).json == {"charts": []}
    assert editor.post(PATH, {"charts": [CHART]}).status == 409
    assert not (root / "demo" / ".dashboard").exists()


def test_links_are_not_followed(editor, browser, root, tmp_path):
    """Neither the file nor its folder may lead elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "charts.json").write_text(json.dumps({"charts": [CHART]}))
    folder = root / "demo" / ".dashboard"
    os.symlink(outside, folder)
    assert browser.get(PATH).json == {"charts": []}
    assert editor.post(PATH, {"charts": []}).status == 409
    assert json.loads((outside / "charts.json").read_text()) == {"charts": [CHART]}
    folder.unlink()
    folder.mkdir()
    os.symlink(outside / "charts.json", folder / "charts.json")
    assert browser.get(PATH).json == {"charts": []}
    assert editor.post(PATH, {"charts": []}).json == {"charts": []}
    assert json.loads((outside / "charts.json").read_text()) == {"charts": [CHART]}


def test_one_run_alone_has_none(root, runs, serve, browse):
    """Nothing is written outside the folder that is shown."""
    run_dir = next(root.glob(f"*/*-{runs[0]}"))
    dashboard = serve(run_dir)
    browser = browse(dashboard).log_in(dashboard)
    assert browser.post(PATH, {"charts": [CHART]}).status == 409
    assert not (root / "demo" / ".dashboard").exists()
