"""What a person may change of a run: name, tags, notes, annotations."""

import threading

import pytest

import epochal

LONE = "\ud800"


def test_tags(editor, browser, runs, root):
    """They are added and removed, and stand in the run itself."""
    path = f"/api/run/{runs[0]}/tags"
    assert editor.post(path, {"add": ["a/b", " c "]}).json == {"tags": ["a/b", "c"]}
    assert editor.post(path, {"add": ["d"], "remove": ["c"]}).json == {"tags": ["a/b", "d"]}
    assert editor.post(path, {"remove": ["never"]}).json == {"tags": ["a/b", "d"]}
    assert editor.post(path, {}).json == {"tags": ["a/b", "d"]}
    assert browser.get("/api/runs", project="demo").json["tags"][2] == ["a/b", "d"]
    assert epochal.open(root).run(runs[0]).tags == ["a/b", "d"]


def test_notes_and_name(editor, browser, runs, root):
    """The latest counts; lines of notes stay lines."""
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": "one\n\ttwo"}).json == {
        "notes": "one\n\ttwo"
    }
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": ""}).json == {"notes": ""}
    assert editor.post(f"/api/run/{runs[0]}/name", {"name": " new é "}).json == {"name": "new é"}
    assert browser.get(f"/api/run/{runs[0]}").json["name"] == "new é"
    assert epochal.open(root).run(runs[0]).name == "new é"


def test_annotations(editor, browser, runs):
    """At a step, of a metric or of all, or of the run as a whole."""
    path = f"/api/run/{runs[0]}/annotations"
    editor.post(path, {"text": "whole"})
    editor.post(path, {"text": "here", "step": 7, "metric": "train/loss"})
    said = editor.post(path, {"text": "there", "step": 1.5}).json["annotations"]
    assert [(each["text"], each["step"], each["metric"]) for each in said] == [
        ("whole", None, None), ("here", 7, "train/loss"), ("there", 1.5, None),
    ]  # fmt: skip
    assert browser.get(f"/api/run/{runs[0]}").json["annotations"] == said
    said[2]["text"] = "where\nand why"
    edit = {"edit": said[2]["id"], "text": " where\nand why "}
    assert editor.post(path, edit).json["annotations"] == said
    assert browser.get(f"/api/run/{runs[0]}").json["annotations"] == said
    assert browser.post(path, edit).status == 401
    left = editor.post(path, {"remove": said[1]["id"]}).json["annotations"]
    assert left == [said[0], said[2]]
    assert browser.get(f"/api/run/{runs[0]}").json["annotations"] == left
    for gone in ({"remove": said[1]["id"]}, {"edit": said[1]["id"], "text": "a"}):
        answer = editor.post(path, gone)
        assert (answer.status, answer.json["error"]) == (
            404, "this annotation is not there any more",
        )  # fmt: skip
    assert browser.post(path, {"remove": said[0]["id"]}).status == 401


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("tags", {"add": "a"}), ("tags", {"add": [1]}), ("tags", {"add": [""]}),
        ("tags", {"add": ["a\nb"]}), ("tags", {"add": ["x" * 201]}), ("tags", {"add": ["x"] * 101}),
        ("tags", {"add": [LONE]}), ("tags", {"add": [{}]}), ("tags", {"remove": {}}),
        ("notes", {}), ("notes", {"text": None}), ("notes", {"text": "\x1b[2J"}),
        ("notes", {"text": "x" * 200_001}), ("notes", {"text": LONE}), ("notes", {"text": ["a"]}),
        ("name", {}), ("name", {"name": "  "}), ("name", {"name": "a\r\nb"}),
        ("name", {"name": "\x00"}), ("name", {"name": "x" * 201}),
        ("annotations", {"text": " "}), ("annotations", {"text": "a", "step": "1"}),
        ("annotations", {"text": "a", "step": True}), ("annotations", {"text": "a", "metric": 1}),
        ("annotations", {"text": "a", "metric": ""}), ("annotations", {"text": "x" * 10_001}),
        ("annotations", {"remove": None}), ("annotations", {"remove": ["a"]}),
        ("annotations", {"edit": None, "text": "a"}), ("annotations", {"edit": "a"}),
        ("annotations", {"edit": "a", "text": " "}), ("annotations", {"edit": "a", "text": 1}),
    ],
)  # fmt: skip
def test_what_is_refused(editor, runs, root, what, body):
    """Nothing is written of what is not valid."""
    answer = editor.post(f"/api/run/{runs[0]}/{what}", body)
    assert answer.status == 400
    assert answer.json["error"]
    run = epochal.open(root).run(runs[0])
    assert (run.name, run.tags, run.notes, len(run.sessions)) == ("run 0", [], "", 1)


def test_who_may_not(browser, runs):
    """Without the link nothing is changed."""
    assert browser.post(f"/api/run/{runs[0]}/notes", {"text": "x"}).status == 401
    assert browser.get(f"/api/run/{runs[0]}").json["notes"] == ""


def test_an_unknown_run(editor):
    """There is nothing to annotate."""
    assert editor.post("/api/run/zzzzzzzzzz/notes", {"text": "x"}).status == 404


def test_several_at_once(editor, browse, dashboard, runs, root):
    """Changes from many tabs are all kept."""
    answers = []

    def add(number: int) -> None:
        tab = browse(dashboard)
        tab.cookie = editor.cookie
        answers.append(tab.post(f"/api/run/{runs[0]}/tags", {"add": [f"t{number}"]}).status)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8
    assert sorted(epochal.open(root).run(runs[0]).tags) == [f"t{number}" for number in range(8)]


def test_while_the_training_goes_on(root, browser, editor):
    """A run that is recorded can be annotated, and goes on."""
    with epochal.init(project="demo", dir=str(root), follow="off", sinks=[]) as run:
        run.log({"loss": 1.0}, step=0)
        run.flush()
        browser.wait_for("/api/runs?project=demo", lambda found: found["total"] == 4)
        assert editor.post(f"/api/run/{run.id}/tags", {"add": ["a"]}).json == {"tags": ["a"]}
        run.log({"loss": 2.0}, step=1)
    found = epochal.open(root).run(run.id)
    assert (found.tags, found.state, found.summary["loss"].count) == (["a"], "finished", 2)


def test_a_folder_that_cannot_be_written(editor, browser, runs, root, monkeypatch):
    """It is said, and the server goes on."""
    from epochal.journal import append

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(append, "SegmentFile", full)
    answer = editor.post(f"/api/run/{runs[0]}/notes", {"text": "x"})
    assert answer.status == 409
    assert "No space left" in answer.json["error"]
    assert str(root) not in answer.json["error"]
    assert browser.get("/health").status == 200
