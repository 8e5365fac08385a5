"""What changes is told, once and to every tab."""

import os
import shutil
import time
from pathlib import Path

import pytest

import epochal
from epochal.store import catalog
from epochal.web import changes, folders, watcher

YOUNG_S = 0.2
"""So long a time stamp is not trusted; file systems here count in a few milliseconds."""


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    """Looks whenever it is asked."""
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(watcher, "LOOK_SHARE", 1e9)
    for module, name in ((watcher, "SETTLED_NS"), (folders, "SETTLED_NS"), (catalog, "YOUNG_NS")):
        monkeypatch.setattr(module, name, int(YOUNG_S * 1e9))


class Tab:
    """A tab that follows what changes."""

    def __init__(self, browser, project: str | None = "demo") -> None:
        self.browser, self.project, self.cursor = browser, project, ""
        self.ask()

    def ask(self) -> dict:
        """Asks once."""
        query = {"project": self.project, "cursor": self.cursor or None}
        found = self.browser.get("/api/changes", **query).json
        self.cursor = found["cursor"]
        return found

    def wait(self, holds, timeout_s: float = 60.0) -> dict:
        """Asks until an answer is as wanted."""
        deadline = time.monotonic() + timeout_s
        while not holds(found := self.ask()):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def settle(self) -> None:
        """Asks until nothing is new: what is young is looked at twice."""
        while True:
            time.sleep(YOUNG_S + 0.1)
            if not self.ask()["changed"]:
                return


def folder_of(root: Path, run_id: str) -> Path:
    """The folder of a run."""
    return next(root.glob(f"*/*-{run_id}"))


def test_the_first_question_has_everything_to_load(browser):
    """Without a cursor, or with one of another server, the list is to be loaded."""
    for cursor in (None, "", "x", "0-0", "00000000-1795000000000", "-", "a-b", "9" * 100):
        found = browser.get("/api/changes", project="demo", cursor=cursor).json
        assert found["full"] is True
        assert found["changed"] == {}


def test_nothing_is_little(browser):
    """An answer without news is a few bytes."""
    tab = Tab(browser)
    tab.settle()
    answer = browser.get("/api/changes", project="demo", cursor=tab.cursor)
    assert answer.json == {
        "cursor": tab.cursor,
        "running": 0,
        "changed": {},
        "gone": [],
        "full": False,
    }
    assert len(answer.body) < 100


def test_a_run_from_its_start_to_its_end(root, browser):
    """It appears, grows, and ends; its version only grows."""
    tab = Tab(browser)
    run = epochal.init(project="demo", dir=str(root), follow="off", sinks=[])
    try:
        run.log({"loss": 1.0}, step=1)
        run.flush()
        first = tab.wait(lambda found: run.id in found["changed"])
        assert first["changed"][run.id]["state"] == "running"
        run.log({"loss": 1.0}, step=50)
        run.flush()
        grown = tab.wait(lambda found: found["changed"].get(run.id, {}).get("steps") == 50)
        assert grown["running"] == 1
        assert grown["changed"][run.id]["version"] > first["changed"][run.id]["version"]
    finally:
        run.finish()
    over = tab.wait(lambda found: found["changed"].get(run.id, {}).get("state") == "finished")
    assert over["running"] == 0
    assert over["changed"][run.id]["version"] > grown["changed"][run.id]["version"]
    assert over["changed"][run.id]["steps"] == 50


def test_the_table_of_a_run_that_goes_on(root, browser):
    """The table says what the last look has seen, the statistics included."""
    run = epochal.init(project="demo", dir=str(root), follow="off", sinks=[])
    try:
        for step in range(3):
            run.log({"loss": 3.0 - step}, step=step)
            run.flush()
            found = browser.wait_for(
                "/api/runs?project=demo&columns=%5B%22summary.loss%22%5D",
                lambda found, step=step: found["columns"]["summary.loss"][0] == 3.0 - step,
            )
            assert found["state"][0] == "running"
            assert found["steps"][0] == step
    finally:
        run.finish("failed")
    found = browser.wait_for("/api/runs?project=demo", lambda found: found["state"][0] == "failed")
    assert found["id"][0] == run.id


def test_points_of_a_run_that_goes_on(root, browser):
    """A chart that is asked for again has the new points."""
    run = epochal.init(project="demo", dir=str(root), follow="off", sinks=[])
    try:
        for step in range(3):
            run.log({"loss": 1.0}, step=step)
            run.flush()
            asked = {"runs": [run.id], "metrics": ["loss"]}
            browser.wait_for("/api/runs?project=demo", lambda found: found["total"] == 4)
            deadline = time.monotonic() + 60
            while b'"points":%d' % (step + 1) not in browser.post("/api/series", asked).body:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        run.finish()


def test_each_tab_hears_of_every_change(root, browser, editor, runs, recording):
    """New runs, annotations and removed runs; a tab of another project hears nothing."""
    tab, other = Tab(browser), Tab(browser, "other-one")
    everything = Tab(browser, None)
    tab.settle()
    other.ask(), everything.ask()
    new = recording(root)
    assert tab.wait(lambda found: new in found["changed"])["changed"][new]["state"] == "finished"
    editor.post(f"/api/run/{runs[0]}/tags", {"add": ["a"]})
    assert runs[0] in tab.ask()["changed"]
    shutil.rmtree(folder_of(root, runs[1]))
    assert tab.wait(lambda found: found["gone"])["gone"] == [runs[1]]
    assert other.ask()["changed"] == {}
    heard = everything.ask()
    assert {new, runs[0]} <= heard["changed"].keys()
    assert heard["gone"] == [runs[1]]
    assert browser.get("/api/runs", project="demo").json["total"] == 3


def test_a_run_that_moves(root, browser, runs):
    """A run in another project's folder belongs to that."""
    tab, other = Tab(browser), Tab(browser, "other-one")
    tab.settle()
    other.ask()
    before = folder_of(root, runs[0])
    os.rename(before, root / "other-one" / before.name)
    assert runs[0] in other.wait(lambda found: found["changed"])["changed"]
    assert browser.get("/api/runs", project="demo").json["total"] == 2
    assert browser.get("/api/runs", project="other-one").json["total"] == 2


def test_annotations_of_other_programs(root, browser, runs):
    """What the command line or a notebook says of a run is seen too."""
    tab = Tab(browser)
    tab.settle()
    epochal.open(root).run(runs[0]).note("from elsewhere")
    tab.wait(lambda found: runs[0] in found["changed"])
    assert "from elsewhere" in browser.get("/api/runs", project="demo").json["notes"]


def test_the_cursor_of_the_table(browser, editor, runs):
    """What the table calls its version is a cursor: nothing is missed in between."""
    Tab(browser).settle()
    version = browser.get("/api/runs", project="demo").json["version"]
    editor.post(f"/api/run/{runs[2]}/notes", {"text": "n"})
    found = browser.get("/api/changes", project="demo", cursor=version).json
    assert (found["full"], list(found["changed"])) == (False, [runs[2]])


def test_very_many_changes_are_a_new_list(root, browser, monkeypatch, recording):
    """A tab that slept through too much loads the list again."""
    monkeypatch.setattr(changes, "MOST_CHANGED", 2)
    tab = Tab(browser, None)
    tab.settle()
    for number in range(3):
        recording(root, f"new {number}")
    found = tab.wait(lambda found: found["full"] or found["changed"])
    assert found["full"] is True


def test_a_killed_training(root, browser):
    """A training that died without a word is seen as killed, without a new byte."""
    import subprocess
    import sys

    program = (
        "import epochal, os, sys\n"
        "run = epochal.init(project='demo', dir=sys.argv[1], follow='off', sinks=[])\n"
        "run.log({'loss': 1.0}, step=7); run.flush(); print(run.id, flush=True)\n"
        "sys.stdin.read(); os._exit(1)\n"
    )
    command = [sys.executable, "-c", program, str(root)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        run_id = child.stdout.readline().strip()
        tab = Tab(browser)
        browser.wait_for("/api/changes?project=demo", lambda found: found["running"] == 1)
        child.stdin.close()
    found = tab.wait(lambda found: found["changed"].get(run_id, {}).get("state") == "killed")
    assert found["running"] == 0
    assert found["changed"][run_id]["steps"] == 7
