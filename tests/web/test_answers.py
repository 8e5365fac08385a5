"""Who has to wait, who does not, and what a folder that is not as it should be is answered with."""

import http.client
import shutil
import threading
import time

import pytest

from epochal.web import answers, runs, watcher

ABOUT_A_RUN = ("", "/media", "/media/0", "/texts", "/console", "/files", "/files/run.json")


def test_a_slow_route_holds_up_no_other(dashboard, browse, monkeypatch):
    """More requests of one route than there are threads leave the others alone."""
    go_on, inside = threading.Event(), []

    def slow(*_args):
        inside.append(1)
        assert go_on.wait(200)
        return b"{}"

    monkeypatch.setattr(runs.Table, "_body", slow)
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.append(browse(dashboard).get("/api/runs", project="demo").status)
        )
        for _ in range(60)
    ]
    try:
        for thread in threads:
            thread.start()
        while len(inside) < answers.AT_ONCE:
            time.sleep(0.01)
        browser = browse(dashboard)
        for path in ("/health", "/", "/api/about", "/api/projects", "/api/changes"):
            assert browser.get(path).status == 200, path
        assert len(inside) == answers.AT_ONCE
    finally:
        go_on.set()
        for thread in threads:
            thread.join()
    assert found == [200] * 60


def test_who_left_while_waiting_costs_nothing(dashboard, browse, monkeypatch):
    """A request whose browser is gone is not worked on when its turn comes."""
    go_on, inside = threading.Event(), []

    def slow(*_args):
        inside.append(1)
        assert go_on.wait(200)
        return b"{}"

    monkeypatch.setattr(runs.Table, "_body", slow)

    def ask(timeout_s):
        connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=timeout_s)
        try:
            connection.request("GET", "/api/runs?project=demo")
            connection.getresponse()
        except TimeoutError:
            pass
        finally:
            connection.close()

    patient = [threading.Thread(target=ask, args=(200,)) for _ in range(answers.AT_ONCE)]
    for thread in patient:
        thread.start()
    while len(inside) < answers.AT_ONCE:
        time.sleep(0.01)
    hasty = [threading.Thread(target=ask, args=(0.2,)) for _ in range(20)]
    for thread in hasty:
        thread.start()
    for thread in hasty:
        thread.join()
    for _ in range(3):  # answered in turn: the server has heard by then who asked and left
        assert browse(dashboard).get("/health").status == 200
    go_on.set()
    for thread in patient:
        thread.join()
    assert browse(dashboard).get("/api/runs", project="demo").status == 200
    assert len(inside) == answers.AT_ONCE + 1


def test_a_run_that_was_renamed_is_found_at_once(browser, editor, root, runs, monkeypatch):
    """Nobody waits for the next look at the folders."""
    monkeypatch.setattr(watcher, "LOOK_EVERY_S", 3600.0)
    monkeypatch.setattr(watcher, "LONGEST_PAUSE_S", 3600.0)
    assert browser.get(f"/api/run/{runs[0]}").status == 200
    (before,) = root.glob(f"demo/*-{runs[0]}")
    before.rename(root / "demo" / f"other-20260101-000000-{runs[0]}")
    browser.wait_for(  # what is missing is not looked for all the time
        f"/api/run/{runs[0]}", lambda found: found.get("folder", "").startswith("demo/other")
    )
    assert editor.post(f"/api/run/{runs[0]}/tags", {"add": ["a"]}).json == {"tags": ["a"]}


def test_a_run_that_was_deleted(browser, editor, root, runs, caplog):
    """It is not found, whatever is asked of it, and the others are still there."""
    assert browser.get(f"/api/run/{runs[0]}").status == 200
    shutil.rmtree(next(root.glob(f"demo/*-{runs[0]}")))
    while browser.get(f"/api/run/{runs[0]}").status != 404:  # until the server has looked again
        time.sleep(0.05)
    for what in ABOUT_A_RUN:
        assert browser.get(f"/api/run/{runs[0]}{what}").status == 404, what
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": "a"}).status == 404
    browser.wait_for("/api/runs?project=demo", lambda found: found["matched"] == 2)
    assert caplog.text == ""


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"\xff"])
def test_a_run_whose_description_is_damaged(browser, root, runs, content, caplog):
    """It is said in words, without a status that means a failure of the server."""
    (folder,) = root.glob(f"demo/*-{runs[0]}")
    (folder / "run.json").write_bytes(content)
    for what in ABOUT_A_RUN:
        answer = browser.get(f"/api/run/{runs[0]}{what}")
        assert answer.status < 500, (what, answer)
    assert caplog.text == ""


def test_runs_that_are_none_are_looked_for_once(dashboard, browser, runs, monkeypatch):
    """Two thousand ids that nobody has do not mean two thousand looks at the folders."""
    browser.get(f"/api/run/{runs[0]}")
    looks = []
    monkeypatch.setattr(watcher, "LOOK_SHARE", 1e-6)
    real = dashboard.state.folders.look
    monkeypatch.setattr(dashboard.state.folders, "look", lambda: looks.append(1) or real())
    time.sleep(watcher.LOOK_EVERY_S)
    asked = {"runs": [f"{i:010d}" for i in range(2_000)], "metrics": ["train/loss"]}
    assert browser.post("/api/series", asked).status == 200
    assert len(looks) <= 2
