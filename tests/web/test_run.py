"""What is told of one run: all of it, exactly, and names literally."""

import json
import os
import sys

import pytest
from hostile import NAMES
from journals import JournalMaker, make_run
from recorded import QUIET
from serving import serving

import epochal
from epochal.store import folder
from epochal.web import run as run_routes


@pytest.fixture
def root(tmp_path):
    """The folder of runs."""
    return tmp_path / "runs"


def told(root, run_id):
    """What the server tells of a run."""
    with serving(root, run_routes) as client:
        answer = client.get(f"/api/run/{run_id}")
    assert answer.status_code == 200
    return json.loads(answer.content, parse_constant=pytest.fail)


def test_all_is_told(root):
    """Who, config, results with units and goals, tags, notes, sessions, and where it lies."""
    config = {"lr": 0.1, "model": {"depth": 2, "sizes": [1, 2]}}
    with epochal.init(
        dir=str(root), name="first", config=config, seed=7, tags=["a"], notes="hello", group="g",
        **QUIET,
    ) as run:  # fmt: skip
        run.define("val/loss", unit="nats", goal="minimize", range=(0, 10))
        for step in range(5):
            run.log({"val/loss": 5.0 - step, "lr": 0.1}, step=step)
        run.summary["score"] = 0.5
        run.log({"system/cpu": 3.0}, step=4)
    found = told(root, run.id)
    assert {key: found[key] for key in ("id", "name", "project", "slug", "group", "state")} == {
        "id": run.id, "name": "first", "project": "p", "slug": "p", "group": "g",
        "state": "finished",
    }  # fmt: skip
    assert (found["config"], found["seed"], found["tags"]) == (config, 7, ["a"])
    assert (found["notes"], found["steps"], found["error"]) == ("hello", 4, "")
    assert found["folder"] == os.path.relpath(run.dir, root)
    assert found["metrics"] == ["lr", "system/cpu", "val/loss"]
    loss = found["summary"]["val/loss"]
    assert {key: loss[key] for key in ("last", "min", "best", "best_step", "unit", "goal")} == {
        "last": 1.0, "min": 1.0, "best": 1.0, "best_step": 4, "unit": "nats", "goal": "minimize",
    }  # fmt: skip
    assert (loss["range"], loss["count"]) == ([0, 10], 5)
    assert found["user_summary"] == {"score": 0.5}
    assert [each["role"] for each in found["sessions"]] == ["train"]
    assert sys.argv[0] in found["command"]
    assert (found["fork"], found["alerts"], found["damage"]) == (None, [], [])


def test_code_and_its_changes(root):
    """The recorded difference of the code is a text beside commit and branch, told once."""
    run_dir = make_run(str(root))
    maker = JournalMaker(run_dir)
    diff = {"text": "--- a\n+++ b\n", "sha256": "x", "truncated": True}
    git = {"commit": "0123456789abcdef", "branch": "main", "dirty": True, "diff": diff}
    values = {"host": "h", "argv": ["train.py", "--name", "a b"], "git": git}
    maker.event("environment", values=values)
    maker.event("end", state="finished", problems={})
    maker.close()
    found = told(root, folder.describe(run_dir)["id"])
    assert found["git"]["diff"] == "--- a\n+++ b\n"
    assert found["git"]["diff_truncated"] is True
    assert (found["git"]["commit"], found["git"]["branch"]) == ("0123456789abcdef", "main")
    assert "git" not in found["environment"]
    assert found["environment"]["host"] == "h"
    assert found["command"] == "train.py --name 'a b'"


def test_numbers_that_json_lacks(root):
    """NaN and infinities are words, and integers that a browser would round are texts."""
    seed, config = 2**63 + 1, {"nan": float("nan"), "inf": -float("inf"), "big": [2**60 + 1]}
    with epochal.init(dir=str(root), config=config, seed=seed, **QUIET) as run:
        run.log({"loss": float("nan"), "up": float("inf"), "count": 2**60 + 1}, step=1)
    found = told(root, run.id)
    assert found["config"] == {"nan": "NaN", "inf": "-Infinity", "big": [str(2**60 + 1)]}
    assert found["seed"] == str(2**63 + 1)
    assert found["summary"]["loss"]["last"] == "NaN"
    assert found["summary"]["up"]["last"] == "Infinity"
    assert found["summary"]["count"]["last"] == str(2**60 + 1)


def test_names_are_literal(root):
    """Whatever a config, tag, note, metric or name says arrives as it was said."""
    config = {name: name for name in NAMES}
    with epochal.init(
        dir=str(root), project="<b>p", name=NAMES[27], config=config, tags=NAMES, notes=NAMES[27],
        follow="off", capture_environment=False,
    ) as run:  # fmt: skip
        run.log(dict.fromkeys(NAMES, 1.0), step=1)
        run.log({name: name for name in NAMES[:30]}, step=1)
    found = told(root, run.id)
    assert set(found["tags"]) == {name.strip() for name in NAMES}
    assert set(found["config"]) == set(NAMES)
    # A metric's name is one that every format can hold.
    safe = {name.encode("utf-8", "backslashreplace").decode() for name in NAMES}
    assert set(found["metrics"]) == safe
    assert (found["name"], found["project"], found["notes"]) == (NAMES[27], "<b>p", NAMES[27])
    with serving(root, run_routes) as client:
        assert {each["key"] for each in client.get(f"/api/run/{run.id}/texts").json()["keys"]} == {
            *NAMES[:30]
        }
        for name in NAMES[:30]:
            found = client.get(f"/api/run/{run.id}/texts", params={"key": name}).json()
            assert [each["text"] for each in found["items"]] == [name]


def test_texts(root):
    """Keys with their steps; texts of a key with step, caption and how they were made."""
    with epochal.init(dir=str(root), **QUIET) as run:
        for step in (0, 10):
            sample = epochal.Text(f"text {step}", caption="c", prompt="p", temperature=0.5)
            run.log({"sample": sample, "other": "x" * 250_000}, step=step)
    with serving(root, run_routes) as client:
        keys = client.get(f"/api/run/{run.id}/texts").json()["keys"]
        assert [(each["key"], each["count"], each["steps"]) for each in keys] == [
            ("other", 2, [0, 10]), ("sample", 2, [0, 10]),
        ]  # fmt: skip
        found = client.get(f"/api/run/{run.id}/texts", params={"key": "sample"}).json()
        first = found["items"][0]
        assert (first["text"], first["step"], first["caption"]) == ("text 0", 0, "c")
        assert first["about"] == {"prompt": "p", "temperature": 0.5}
        long = client.get(f"/api/run/{run.id}/texts?key=other").json()
        assert [len(each["text"]) for each in long["items"]] == [250_000] * 2
        assert client.get(f"/api/run/{run.id}/texts?key=none").json()["items"] == []


def test_very_long_texts_are_bounded(root):
    """Of very many texts the latest are sent, and how many were left out."""
    with epochal.init(dir=str(root), **QUIET) as run:
        for step in range(10):
            run.log({"t": f"{step} " + "x" * 1_000_000}, step=step)
            run.flush()
    with serving(root, run_routes) as client:
        found = client.get(f"/api/run/{run.id}/texts?key=t").json()
    assert (found["total"], found["left_out"], len(found["items"])) == (10, 6, 4)
    assert found["items"][-1]["text"].startswith("9 ")


def test_a_run_that_goes_on(root):
    """What is recorded meanwhile is told at the next question."""
    with epochal.init(dir=str(root), **QUIET) as run, serving(root, run_routes) as client:
        run.log({"loss": 1.0}, step=1)
        run.flush()
        client.state.watcher.look()
        assert client.get(f"/api/run/{run.id}").json()["state"] == "running"
        run.log({"loss": 0.5}, step=2)
        run.flush()
        found = wait_for_step(client, run.id, 2)
        assert found["summary"]["loss"]["last"] == 0.5


def wait_for_step(client, run_id, step):
    """What is told of a run once it has come so far."""
    from recorded import wait_until

    def there():
        found = client.get(f"/api/run/{run_id}").json()
        return found if found["steps"] == step else None

    return wait_until(there)


@pytest.mark.parametrize(
    "run_id", ["none0000", "..", "%2e%2e", "a" * 65, "A" * 10, "abc", "x y z a b c", "%00abcdefgh"]
)
def test_unknown_runs(root, run_id):
    """An id of no run is not found, whatever it is."""
    epochal.init(dir=str(root), **QUIET).finish()
    with serving(root, run_routes) as client:
        for path in (f"/api/run/{run_id}", f"/api/run/{run_id}/texts"):
            answer = client.get(path)
            assert answer.status_code == 404, path
