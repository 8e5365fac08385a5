"""Settings compared and runs side by side: as the library says it, bounded, and names literal."""

import json
import math
import sys

import pytest
from hostile import NAMES
from journals import JournalMaker, make_run
from recorded import QUIET
from serving import serving

import epochal
from epochal.store import folder
from epochal.web import compare, diff


def literal(name):
    """A name without the meaning that braces have in one."""
    return name.replace("{", "{{").replace("}", "}}")


def train(root, config, seed, loss, **more):
    """Record a run that ends with a loss; returns its id."""
    with epochal.init(dir=str(root), config=config, seed=seed, **{**QUIET, **more}) as run:
        run.define("val/loss", goal="minimize")
        run.log({"val/loss": loss + 1}, step=0)
        run.log({"val/loss": loss}, step=1)
    return run.id


@pytest.fixture
def root(tmp_path):
    """Three seeds of two optimizers, and a run that failed."""
    for optimizer, loss in (("adamw", 2.3), ("sgd", 2.5)):
        for seed in range(3):
            train(tmp_path, {"optimizer": optimizer}, seed, loss + 0.01 * (seed * seed % 3))
    run = epochal.init(dir=str(tmp_path), config={"optimizer": "sgd"}, seed=9, **QUIET)
    run.log({"val/loss": 9.0}, step=0)
    run.finish("failed")
    return tmp_path


def found(root, **query):
    """What the server answers; strict JSON."""
    with serving(root, compare) as client:
        answer = client.get("/api/compare", params={"project": "p", **query})
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content, parse_constant=pytest.fail)


def test_verdicts_are_those_of_the_library(root):
    """Estimates, verdicts and guards are exactly what `epochal.compare` says."""
    library = epochal.compare(str(root), "val/loss", by="config.optimizer", paired=False)
    told = found(root, metric="val/loss", by="config.optimizer", paired=0)
    assert {each["name"]: each["value"] for each in told["groups"]} == {
        name: group.estimate.value for name, group in library.groups.items()
    }
    verdict, expected = told["verdicts"][0], library.verdicts[0]
    assert verdict["sentence"] == str(expected)
    assert (verdict["word"], verdict["p"]) == (expected.word, expected.p_corrected)
    assert verdict["difference"] == [
        expected.difference.value, expected.difference.low, expected.difference.high,
    ]  # fmt: skip
    assert told["guards"] == list(library.guards)
    assert told["settings"]["best"] == "adamw"
    assert (told["settings"]["metric"], told["settings"]["goal"]) == ("val/loss", "minimize")


def test_groups(root):
    """Each group has its setting, runs, scores and seeds, and what was left out with why."""
    told = found(root, paired=0)
    by_name = {each["name"]: each for each in told["groups"]}
    sgd = by_name["sgd"]
    assert (sgd["setting"], sgd["n"], len(sgd["runs"])) == ({"optimizer": "sgd"}, 3, 3)
    assert sorted(sgd["scores"]) == pytest.approx([2.5, 2.51, 2.51])
    assert sorted(sgd["seeds"]) == [0, 1, 2]
    assert sgd["low"] < sgd["value"] < sgd["high"]
    assert [each["reason"] for each in sgd["left_out"]] == ["failed with an exception"]
    assert by_name["adamw"]["best"]
    assert not sgd["not_worse"]


def test_options(root):
    """Margin, baseline, test, correction, statistic, goal and level reach the library."""
    told = found(
        root, baseline="sgd", margin="1 %", test="student", correction="none", statistic="max",
        goal="maximize", level="0.9", paired="no",
    )  # fmt: skip
    settings = told["settings"]
    assert (settings["baseline"], settings["correction"]) == ("sgd", "none")
    assert (settings["statistic"], settings["goal"], settings["level"]) == ("max", "maximize", 0.9)
    assert settings["margin"] == pytest.approx(0.035, rel=0.1)
    assert [(each["a"], each["b"], each["test"]) for each in told["verdicts"]] == [
        ("adamw", "sgd", "student")
    ]
    assert found(root, margin="0.5")["settings"]["margin"] == 0.5


def test_chosen_runs(root):
    """Only the runs that are named are compared."""
    ids = [run.id for run in epochal.open(str(root)).runs("config.optimizer == 'adamw'")]
    told = found(root, runs=",".join(ids))
    assert [each["n"] for each in told["groups"]] == [3]
    assert (told["verdicts"], told["verdicts_total"]) == ([], 0)


@pytest.mark.parametrize(("query", "status", "word"), [
    ({"project": ""}, 400, "project="), ({"project": "none"}, 404, "none"),
    ({"project": "../p"}, 404, "project"), ({"project": "x" * 300}, 400, "project="),
    ({"runs": "aaaaaaaa"}, 404, "aaaaaaaa"), ({"runs": "../../etc"}, 400, "no id"),
    ({"runs": "A" * 10}, 400, "no id"),
    ({"runs": ",".join([f"aaaaaaaa{i}" for i in range(2001)])}, 400, "2,001"),
    ({"metric": "nothing"}, 404, "nothing"), ({"by": "config.none"}, 422, "none"),
    ({"statistic": "sum"}, 422, "sum"), ({"goal": "up"}, 400, "goal="),
    ({"margin": "x"}, 400, "margin="), ({"paired": "maybe"}, 400, "paired="),
    ({"baseline": "lion"}, 422, "lion"), ({"test": "z"}, 422, "z"),
    ({"correction": "magic"}, 422, "magic"), ({"level": "2"}, 422, "level"),
    ({"level": "x"}, 400, "level="), ({"level": "nan"}, 422, "level"),
    ({"metric": "m" * 3000}, 400, "metric="), ({"by": "x" * 3000}, 400, "by="),
])  # fmt: skip
def test_what_cannot_be_asked(root, query, status, word):
    """A question that has no answer is an error that names what is wrong."""
    with serving(root, compare) as client:
        answer = client.get("/api/compare", params={"project": "p", **query})
    assert answer.status_code == status, answer.text
    assert word in answer.json()["error"]


def test_without_scipy(root, monkeypatch):
    """Where SciPy is missing the answer names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    with serving(root, compare) as client:
        answer = client.get("/api/compare", params={"project": "p"})
    assert answer.status_code == 501
    assert "epochal[paper]" in answer.json()["error"]


def test_numbers_that_are_none(tmp_path):
    """One run of each setting has no interval: NaN is a word, and the verdict says why."""
    for rate in (0.1, 0.2):
        train(tmp_path, {"lr": rate}, 0, rate)
    told = found(tmp_path)
    assert [each["low"] for each in told["groups"]] == ["NaN", "NaN"]
    assert told["verdicts"][0]["word"] == "undecided"
    assert told["verdicts"][0]["p"] == "NaN"


def test_many_settings_are_bounded(tmp_path, monkeypatch):
    """Of many verdicts those on the best are sent; of too many settings none is made."""
    for number in range(8):
        train(tmp_path, {"k": number}, 0, float(number))
    assert len(found(tmp_path)["verdicts"]) == 28
    monkeypatch.setattr(compare, "MOST_VERDICTS", 10)
    told = found(tmp_path)
    assert (len(told["verdicts"]), told["verdicts_total"]) == (7, 28)
    assert all(
        "0" in (each["a"], each["b"]) or "k=0" in (each["a"], each["b"])
        for each in told["verdicts"]
    )
    monkeypatch.setattr(compare, "MOST_GROUPS", 7)
    with serving(tmp_path, compare) as client:
        answer = client.get("/api/compare", params={"project": "p"})
    assert (answer.status_code, "8 settings" in answer.json()["error"]) == (422, True)


def test_new_runs_count_at_once(root):
    """An answer is kept only as long as the runs are the same."""
    with serving(root, compare) as client:
        first = client.get("/api/compare", params={"project": "p"}).json()
        assert client.get("/api/compare", params={"project": "p"}).json() == first
        train(root, {"optimizer": "sgd"}, 3, 2.5)
        from recorded import wait_until

        def more():
            told = client.get("/api/compare", params={"project": "p"}).json()
            return [each["n"] for each in told["groups"]] == [3, 4]

        assert wait_until(more)


def test_hostile_settings(tmp_path):
    """Values of a config, names of metrics and of runs are text in every sentence."""
    names = [name for name in NAMES if "\ud800" not in name and "passwd" not in name][:12]
    for name in names:
        train(tmp_path, {"<b>key": name}, 0, 1.0, name=literal(name))
    told = found(tmp_path)
    assert sorted(each["setting"]["<b>key"] for each in told["groups"]) == sorted(names)
    for name in names:
        with serving(tmp_path, compare) as client:
            for option in ("metric", "by", "baseline", "statistic", "test", "correction"):
                answer = client.get("/api/compare", params={"project": "p", option: name})
                assert answer.status_code in (200, 400, 404, 422), (option, name)


# -- differences -------------------------------------------------------------------------------


def differences(root, *ids):
    """The answer for some runs."""
    with serving(root, compare) as client:
        answer = client.get("/api/diff", params={"runs": ",".join(ids)})
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content, parse_constant=pytest.fail)


def by_path(told, kind="config"):
    """Rows of a kind by their path below it."""
    return {tuple(row["path"][1:]): row for row in told["rows"] if row["kind"] == kind}


def test_leaves_side_by_side(tmp_path):
    """A row for each leaf of any run; what only some have is said, and nothing else is the same."""
    configs = [
        {"lr": 0.1, "depth": 2, "model": {"name": "a", "sizes": [1, 2]}, "flag": True},
        {"lr": 0.2, "depth": 2.0, "model": {"name": "a", "sizes": [1, 3]}, "flag": 1},
        {"lr": 0.1, "depth": 2, "model": "small", "flag": True, "new": None},
    ]
    ids = [train(tmp_path, {**config, "nan": math.nan}, 0, 1.0) for config in configs]
    told = differences(tmp_path, *ids)
    assert [each["id"] for each in told["runs"]] == ids
    assert (told["code"], {row["kind"] for row in told["rows"]}) == ("", {"config", "summary"})
    rows = by_path(told)
    assert {path: row["same"] for path, row in rows.items()} == {
        ("lr",): False, ("depth",): True, ("model", "name"): False, ("model", "sizes"): False,
        ("flag",): False, ("nan",): True, ("model",): False, ("new",): False,
    }  # fmt: skip
    assert rows["lr",]["values"] == [0.1, 0.2, 0.1]
    assert (rows["model", "name"]["values"], rows["model", "name"]["missing"]) == (
        ["a", "a", None],
        [2],
    )
    assert (rows["new",]["values"], rows["new",]["missing"]) == ([None] * 3, [0, 1])
    assert by_path(told, "summary")["val/loss",]["same"]


def test_results_and_large_numbers(tmp_path):
    """Results differ where they differ; integers that a browser would round stay apart."""
    ids = [train(tmp_path, {"seed": 2**60 + i}, i, 1.0 + i) for i in range(2)]
    told = differences(tmp_path, *ids)
    assert by_path(told)["seed",]["values"] == [str(2**60), str(2**60 + 1)]
    loss = by_path(told, "summary")["val/loss",]
    assert (loss["values"], loss["same"]) == ([1.0, 2.0], False)


def test_results_say_which_number_they_are(tmp_path):
    """Each metric's rule, also where runs have different ones; what the training said has none."""
    ids = []
    for rule in ("best", "min"):
        with epochal.init(project="p", dir=tmp_path, follow="off", sinks=()) as run:
            run.define("val/loss", goal="minimize", summary=rule)
            run.define("aimless", summary="best")
            for loss in (2.0, 1.0, 3.0):
                run.log({"val/loss": loss, "train/loss": loss, "aimless": loss})
            run.summary["note"] = rule
        ids.append(run.id)
    rows = by_path(differences(tmp_path, *ids), "summary")
    assert rows["train/loss",]["rule"] == "last"
    assert (rows["val/loss",]["rule"], rows["val/loss",]["values"]) == ("best / min", [1.0, 1.0])
    assert rows["aimless",]["rule"] == "last"
    assert "rule" not in rows["note",]


def environment(root, **values):
    """A run with this environment; returns its id."""
    run_dir = make_run(str(root))
    maker = JournalMaker(run_dir)
    if values:
        maker.event("environment", values=values)
    maker.event("end", state="finished", problems={})
    maker.close()
    return folder.describe(run_dir)["id"]


def test_code_and_packages(tmp_path):
    """States of the code and versions; a run that recorded no packages says nothing of them."""
    one = environment(
        tmp_path, packages={"numpy": "1.0", "torch": "2.0"},
        git={"commit": "a" * 40, "dirty": True, "diff": {"text": "-x\n+y\n"}},
    )  # fmt: skip
    two = environment(
        tmp_path, packages={"numpy": "1.1", "torch": "2.0"},
        git={"commit": "a" * 40, "dirty": True, "diff": {"text": "-x\n+z\n"}},
    )  # fmt: skip
    silent = environment(tmp_path)
    told = differences(tmp_path, one, two)
    packages = by_path(told, "packages")
    assert {path: row["same"] for path, row in packages.items()} == {
        ("numpy",): False, ("torch",): True,
    }  # fmt: skip
    assert by_path(told, "code")["commit",]["same"]
    assert "-+y\n" in told["code"]
    assert "++z\n" in told["code"]
    assert f"({'a' * 12})" in told["code"]
    three = differences(tmp_path, silent, one, two)
    packages = by_path(three, "packages")
    assert (packages["torch",]["same"], packages["torch",]["missing"]) == (True, [0])
    assert not packages["numpy",]["same"]
    assert three["code"] == ""


def test_changes_that_were_not_recorded(tmp_path):
    """Runs with uncommitted changes of which no diff is known are named; others are not."""
    dirty, other, clean, known = (
        environment(tmp_path, git={"commit": "a" * 40, **more})
        for more in (
            {"dirty": True}, {"dirty": True}, {"dirty": False},
            {"dirty": True, "diff": {"text": "-x\n+y\n"}},
        )
    )  # fmt: skip
    assert differences(tmp_path, dirty, other)["unrecorded"] == [dirty, other]
    assert differences(tmp_path, clean, dirty, known)["unrecorded"] == [dirty]
    assert differences(tmp_path, clean, known)["unrecorded"] == []


def test_very_different_code_is_not_compared(tmp_path, monkeypatch):
    """The work of comparing two recorded changes is bounded."""
    monkeypatch.setattr(diff, "MOST_LINES", 10)
    ids = [
        environment(tmp_path, git={"commit": "c", "diff": {"text": f"{i}\n" * 20}})
        for i in range(2)
    ]
    assert "more than 10 lines" in differences(tmp_path, *ids)["code"]


def test_hostile_leaves(tmp_path):
    """Keys and values arrive as they are, but for what looks like a secret."""
    names = [name for name in NAMES if "\ud800" not in name and "passwd" not in name]
    ids = [
        train(tmp_path, {name: name + str(i) for name in names}, 0, 1.0, name="two\nlines")
        for i in range(2)
    ]
    rows = by_path(differences(tmp_path, *ids))
    assert {path[0]: row["values"] for path, row in rows.items()} == {
        name: [f"{name}0", f"{name}1"] for name in names
    }


@pytest.mark.parametrize(("runs", "status"), [
    ("", 400), ("aaaaaaaa", 400), ("aaaaaaaa,bbbbbbbb", 404), ("../x,../y", 400),
    (",".join(f"aaaaaaa{i:02d}" for i in range(51)), 400), ("aaaaaaaa,aaaaaaaa", 400),
])  # fmt: skip
def test_what_has_no_difference(tmp_path, runs, status):
    """Two to fifty runs that there are."""
    with serving(tmp_path, compare) as client:
        assert client.get("/api/diff", params={"runs": runs}).status_code == status
