"""The lists of projects and runs."""

import json
import math

import pytest

import epochal


def test_projects(browser, runs):
    """Projects come with their runs, states and the newest run's curve, the latest first."""
    found = browser.get("/api/projects").json
    assert found["indexing"] is None
    assert [each["slug"] for each in found["projects"]] == ["other-one", "demo"]
    other, demo = found["projects"]
    assert (other["name"], other["runs"], demo["runs"]) == ("Other one", 1, len(runs) - 1)
    assert demo["states"] == {"finished": 3}
    assert demo["metric"] == "train/loss"
    assert demo["spark"][0] == 1.0
    assert demo["spark"][-1] == math.exp(-19 / 7)


def test_a_card_has_the_curve_of_the_newest_run_with_a_metric(browser, runs, root):
    """A run that has logged nothing yet does not take the curve away."""
    with epochal.init(project="demo", dir=str(root), follow="off", sinks=[]):
        pass
    found = browser.wait_for(
        "/api/projects", lambda each: any(one["runs"] == len(runs) for one in each["projects"])
    )
    demo = next(each for each in found["projects"] if each["slug"] == "demo")
    assert (demo["metric"], demo["spark"][0]) == ("train/loss", 1.0)


def test_runs_by_column(browser, runs):
    """The table is a list per column, the newest run first."""
    found = browser.get(
        "/api/runs", project="demo", columns=json.dumps(['summary["val/loss"].min'])
    ).json
    assert found["id"] == runs[2::-1]
    assert found["name"] == ["run 2", "run 1", "run 0"]
    assert found["state"] == ["finished"] * 3
    assert found["steps"] == [19] * 3
    assert found["seed"] == [2, 1, 0]
    assert found["config"] == {"config.lr": [0.1 * 3, 0.1 * 2, 0.1]}
    assert found["columns"] == {'summary["val/loss"].min': [0.5] * 3}
    assert (found["total"], found["matched"]) == (3, 3)
    lengths = {
        len(value) for key, value in found.items() if key in ("tags", "notes", "code", "group")
    }
    assert lengths == {3}


def test_the_place_of_a_run_in_its_project(browser, runs):
    """Colors follow the age of runs in their project, whatever is filtered and asked for."""
    assert browser.get("/api/runs", project="demo").json["ordinal"] == [2, 1, 0]
    some = browser.get("/api/runs", project="demo", filter="config.lr > 0.15").json
    assert some["ordinal"] == [2, 1]
    assert [browser.get(f"/api/run/{each}").json["ordinal"] for each in runs] == [0, 1, 2, 0]


def test_metrics_of_the_listed_runs(browser, root):
    """Each metric says how many of the runs have it, and what was defined."""
    with epochal.init(project="demo", dir=str(root), follow="off", sinks=[]) as run:
        run.log({"only/here": 1.0}, step=0)
    found = browser.wait_for("/api/runs?project=demo", lambda each: each["total"] == 4)
    metrics = {each["name"]: each for each in found["metrics"]}
    assert metrics["val/loss"] == {
        "name": "val/loss",
        "runs": 3,
        "goal": "minimize",
        "unit": "nats",
    }
    assert metrics["only/here"]["runs"] == 1
    filtered = browser.get("/api/runs", project="demo", filter="exists(config.lr)").json
    assert [each["name"] for each in filtered["metrics"]] == ["lr", "train/loss", "val/loss"]


def test_filter(browser, runs):
    """A filter selects; one that is not valid says where."""
    found = browser.get("/api/runs", project="demo", filter="config.lr > 0.15").json
    assert found["id"] == [runs[2], runs[1]]
    assert (found["total"], found["matched"]) == (3, 2)
    wrong = browser.get("/api/runs", project="demo", filter="config.lr < &1")
    assert wrong.status == 400
    assert wrong.json["at"] == len("config.lr < ")
    assert "allowed" in wrong.json["error"].lower()


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/run/aaaaaaaaaa", {}, 404), ("/api/runs", {"project": "nope"}, 404),
        ("/api/runs", {"project": "demo", "filter": "config.lr < &1"}, 400), ("/api/nope", {}, 404),
    ],
)  # fmt: skip
def test_the_page_hears_of_its_mistakes_without_a_failure(browser, path, query, status):
    """Who asks as the page does gets the same answer with status 200; scripts get the true one."""
    scripts = browser.get(path, **query)
    pages = browser.get(path, {"X-Epochal": "page"}, **query)
    assert (scripts.status, scripts.headers.get("x-epochal-status")) == (status, None)
    assert (pages.status, pages.headers["x-epochal-status"]) == (200, str(status))
    assert pages.json == scripts.json
    assert "error" in pages.json
    assert "etag" not in pages.headers
    assert browser.get(path, {"X-Epochal": "1"}, **query).status == status
    assert browser.ask("HEAD", path, None, {"X-Epochal": "page"}).status != 200


def test_a_page_that_may_not_is_told_as_anybody(browser, runs):
    """What is wrong with who asks, or with what is changed, stays a failure."""
    body = {"remove": "nothing"}
    as_page = {"X-Epochal": "page"}
    assert browser.post(f"/api/run/{runs[0]}/annotations", body, as_page).status == 403
    assert browser.get("/api/about", {**as_page, "Origin": "http://a.invalid"}).status == 403
    fine = browser.get(f"/api/run/{runs[0]}", as_page)
    assert (fine.status, fine.headers.get("x-epochal-status")) == (200, None)


def test_the_place_of_a_mistake_in_a_long_filter(browser):
    """The place counts from the beginning of what was typed, also far behind it."""
    text = " or ".join(['name == "x"'] * 20) + " or nme == 1"
    wrong = browser.get("/api/runs", project="demo", filter=text)
    assert wrong.status == 400
    assert wrong.json["at"] == text.index("nme")


def test_columns_that_are_none(browser):
    """Columns are checked before anything is read."""
    for columns in ("{", '"name"', "[1]", json.dumps(["config.x"] * 200)):
        assert browser.get("/api/runs", project="demo", columns=columns).status == 400
    wrong = browser.get("/api/runs", project="demo", columns='["__class__"]')
    assert wrong.status == 400


def test_not_modified(browser, editor, runs):
    """Who has the answer is not sent it again, until something changes."""
    first = browser.get("/api/runs", project="demo")
    tag = {"If-None-Match": first.headers["etag"]}
    again = browser.get("/api/runs", headers=tag, project="demo")
    assert (again.status, again.body) == (304, b"")
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": "n"}).status == 200
    after = browser.get("/api/runs", headers=tag, project="demo")
    assert after.status == 200
    assert after.json["notes"] == ["", "", "n"]


def test_an_unknown_project(browser):
    """It is said which ones there are."""
    found = browser.get("/api/runs", project="dmo")
    assert found.status == 404
    assert "demo" in found.json["error"]


def test_a_new_project_is_found_at_once(browser, root, recording):
    """Whoever follows a link to a project whose first run just ended sees the run."""
    assert browser.get("/api/runs", project="brand-new").status == 404
    run = recording(root, project="brand-new")
    assert browser.get("/api/runs", project="brand-new").json["id"] == [run]


def test_an_empty_folder(serve, browse):
    """A folder without runs has no projects."""
    found = browse(serve()).get("/api/projects").json
    assert found == {"projects": [], "indexing": None}


def test_configs_of_all_shapes(root, serve, browse, recording):
    """Leaves are listed by the path that filters use; what JSON cannot say is text."""
    odd = {"a.b": {"lambda": 1, 'q"\\': 2}, "nan": math.nan, "big": 2**63, "list": [1, 2],
           "long": "x" * 10_000, "none": None, "empty": {}}  # fmt: skip
    recording(root, config=odd)
    found = browse(serve()).get("/api/runs", project="demo").json["config"]
    assert found['config["a.b"]["lambda"]'] == [1]
    assert found['config["a.b"]["q\\"\\\\"]'] == [2]
    assert found["config.nan"] == ["NaN"]
    assert found["config.big"] == [str(2**63)]
    assert found["config.list"] == [[1, 2]]
    assert len(found["config.long"][0]) < 1000
    assert "config.empty" not in found
    for path in found:
        filtered = browse(serve()).get("/api/runs", project="demo", filter=f"exists({path})")
        assert filtered.json["matched"] == 1, path


def test_keys_that_no_filter_can_have_are_shown_all_the_same(root, serve, browse, recording):
    """One odd key of one run takes nothing from the table of its project, or of another one."""
    odd = {"a\0b": 1, "a\rb": 2, "\ud800": 3, "__x__": 4, "lr": 0.1}
    recording(root, config=odd)
    recording(root, project="other", config={"lr": 0.2})
    browser = browse(serve())
    found = browser.get("/api/runs", project="demo").json["config"]
    assert sorted(values[0] for values in found.values()) == [0.1, 1, 2, 3, 4]
    assert found['config["a\0b"]'] == [1]
    assert found['config["__x__"]'] == [4]
    assert browser.get("/api/runs", project="other").json["config"] == {"config.lr": [0.2]}


def test_a_project_folder_or_one_run(root, runs, serve, browse):
    """What can be opened can be served: one project, or a single run."""
    project = root / "demo"
    found = browse(serve(project)).get("/api/projects").json["projects"]
    assert [(each["slug"], each["runs"]) for each in found] == [("demo", 3)]
    (run_dir,) = (each for each in project.iterdir() if each.name.endswith(runs[0]))
    alone = browse(serve(run_dir)).get("/api/runs", project="demo").json
    assert alone["id"] == [runs[0]]
    assert browse(serve(run_dir)).get(f"/api/run/{runs[1]}").status == 404


def test_folders_that_are_no_slugs(root, serve, browse, recording):
    """A renamed project's folder gets a slug of its own."""
    recording(root)
    (root / "demo").rename(root / "My Demo")
    recording(root, project="my demo")
    found = browse(serve()).get("/api/projects").json["projects"]
    assert sorted(each["slug"] for each in found) == ["my-demo", "my-demo-2"]
    for each in found:
        assert browse(serve()).get("/api/runs", project=each["slug"]).json["total"] == 1


def test_many_new_runs_are_indexed_while_the_page_shows_them(root, serve, browse, monkeypatch):
    """A first visit shows what is described so far, and how far it is."""
    from journals import finished_run

    from epochal.store import catalog
    from epochal.web import watcher

    monkeypatch.setattr(watcher, "MANY", 10)
    monkeypatch.setattr(catalog, "BATCH", 5)
    for number in range(40):
        finished_run(root, [({"loss": 1.0}, 0)], f"r{number}", created_s=float(number))
    browser = browse(serve())
    totals = []

    def all_there(found) -> bool:
        totals.append(found["indexing"])
        return sum(each["runs"] for each in found["projects"]) == 40

    browser.wait_for("/api/projects", all_there)
    assert all(each is None or each["total"] == 40 for each in totals)


def test_hostile_names(root, serve, browse, recording):
    """Names are data: they come back as they were, whatever they look like."""
    name = "<script>alert(1)</script>\"'\u202e"
    recording(root, name, tags=[name], notes=name, config={name: name})
    found = browse(serve()).get("/api/runs", project="demo")
    assert found.json["name"] == [name]
    assert found.json["tags"] == [[name]]
    assert found.json["notes"] == [name]
    assert found.headers["content-type"] == "application/json"


def test_a_run_is_found_at_once(root, runs, serve, browse):
    """Whoever follows a link to a run need not have seen the list; a new run is there too."""
    browser = browse(serve())
    assert browser.get(f"/api/run/{runs[0]}").status == 200
    with epochal.init(project="demo", dir=str(root), follow="off", sinks=[]) as run:
        assert browser.get(f"/api/run/{run.id}").json["state"] == "running"


def test_a_run_that_cannot_be_read(root, runs, serve, browse):
    """It is left out of the lists, and its link says so."""
    for text in ("{", '{"format": 1, "id": "x"}', "[]"):
        (next(root.glob(f"*/*-{runs[1]}")) / "run.json").write_text(text)
        browser = browse(serve())
        assert browser.get("/api/runs", project="demo").json["id"] == [runs[2], runs[0]]
        answer = browser.get(f"/api/run/{runs[1]}")
        assert (answer.status, "verify" in answer.json["error"]) == (404, True)
