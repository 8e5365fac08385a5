"""Figures and tables on demand: all that there are, why some cannot be made, one at a time."""

import csv
import io
import json
import sys
import threading

import pytest
from hostile import NAMES
from recorded import QUIET
from serving import serving

import epochal
from epochal.present import figures as all_figures
from epochal.web import paper, paper_figures, paper_tables


def literal(name):
    """A name without the meaning that braces have in one."""
    return name.replace("{", "{{").replace("}", "}}")


def train(root, config, seed, loss, **more):
    """Record a small training; returns its id."""
    with epochal.init(dir=str(root), config=config, seed=seed, **{**QUIET, **more}) as run:
        run.define("val/loss", goal="minimize")
        for step in range(30):
            run.log({"train/loss": loss + 1 / (1 + step), "lr": 0.1}, step=step, epoch=step // 10)
        run.log({"val/loss": loss, "gradients/layers/a.weight/norm": 1.0}, step=29, epoch=2)
        run.log({"val/loss": loss, "gradients/layers/a.weight/norm": 1.0}, step=30, epoch=3)
    return run.id


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two optimizers on two tasks, three seeds each."""
    folder = tmp_path_factory.mktemp("runs")
    for optimizer, loss in (("adamw", 2.3), ("sgd", 2.5)):
        for task in ("a", "b"):
            for seed in range(3):
                config = {"optimizer": optimizer, "task": task}
                train(folder, config, seed, loss + 0.01 * (seed * seed % 3))
    return folder


@pytest.fixture
def client(root):
    """A client of the paper's routes."""
    with serving(root, paper) as client:
        yield client


def of_one_task(client):
    """The ids of the runs of one task."""
    runs = client.state.runs("p").filter("config.task == 'a'")
    return ",".join(run.id for run in runs)


ALL = {
    "by": "config.optimizer", "metric": "val/loss", "baseline": "sgd", "task": "config.task",
}  # fmt: skip
STATUS = {"performance_profile", "critical_difference"}


def test_every_figure_of_the_library_is_there():
    """No figure that the library draws is forgotten; charts by epochs stand one by one."""
    from epochal.present.epoch_charts import CHARTS

    expected = set(all_figures.__all__) - {"epoch_charts"} | {f"epoch_{name}" for name in CHARTS}
    assert set(paper_figures.known()) == expected


def test_what_there_is(client):
    """Names, titles and reasons of all figures and tables, venues, and what can be chosen."""
    found = client.get("/api/paper", params={"project": "p"}).json()
    why = {each["name"]: each["why"] for each in found["figures"]}
    assert all(each["title"] for each in found["figures"] + found["tables"])
    assert why["training_curves"] == why["comparison"] == why["gradient_flow"] == ""
    assert why["training_progress"] == "It shows one run, and 12 are chosen."
    assert "others are compared with" in why["ablation"]
    assert "which task" in why["critical_difference"]
    tables = {each["name"]: each["why"] for each in found["tables"]}
    assert (tables["statistics"], tables["comparison"]) == ("", "")
    assert "4 settings" in tables["mean_statistics"]
    assert {"neurips", "icml"} <= {each["name"] for each in found["venues"]}
    options = found["options"]
    assert options["metric"] == "val/loss"
    assert set(options["keys"]) == {"config.optimizer", "config.task"}
    assert len(options["groups"]) == 4
    assert "train/loss" in options["metrics"]


def test_of_one_run(client):
    """What one run cannot show says why; what it can is there."""
    run_id = client.state.runs("p")[0].id
    found = client.get("/api/paper", params={"runs": run_id}).json()
    why = {each["name"]: each["why"] for each in found["figures"]}
    assert why["training_progress"] == why["epoch_loss_linear"] == ""
    assert "one setting" in why["comparison"]
    assert "GPU memory" in why["epoch_gpu_memory"]
    tables = {each["name"]: each["why"] for each in found["tables"]}
    assert "several runs" in tables["mean_statistics"]


def test_what_can_be_made_is_made(client):
    """Each figure whose reason is empty can be drawn; each other answers with its reason."""
    one = client.state.runs("p")[0].id
    for question in ({"project": "p", **ALL}, {"runs": one}):
        listed = client.get("/api/paper", params=question).json()["figures"]
        assert sum(not each["why"] for each in listed) >= 9
        for each in listed:
            answer = client.get("/api/paper/figure", params={**question, "name": each["name"]})
            if each["why"]:
                assert answer.status_code in (404, 422), each
                assert answer.json()["error"] == each["why"]
            else:
                assert answer.status_code == 200, (each, answer.text)
                assert answer.content.startswith(b"\x89PNG"), each


def test_each_is_as_wide_as_it_is_said_to_be(client):
    """What a figure's width is unless one is chosen; and each takes the one that is chosen."""
    question = {"project": "p", **ALL}
    figures = client.get("/api/paper", params=question).json()["figures"]
    drawn = [each for each in figures if not each["why"]]
    inches = {"single": 3.5, "full": 7.0, "": 3.5}  # two methods need no more than a column
    assert {each["column"] for each in drawn} == {*inches}
    for each in drawn:
        asked = {**question, "name": each["name"], "dpi": 100}
        assert width(client, asked) == pytest.approx(100 * inches[each["column"]], abs=2), each
        other = "single" if each["column"] == "full" else "full"
        chosen = width(client, {**asked, "column": other})
        assert chosen == pytest.approx(100 * inches[other], abs=2), each
    one = {"runs": client.state.runs("p")[0].id}
    found = {each["name"]: each["column"]
             for each in client.get("/api/paper", params=one).json()["figures"]}  # fmt: skip
    assert found["epoch_loss_linear"] is None
    assert found["training_progress"] == "full"


def width(client, question):
    """The width of a PNG in pixels."""
    body = client.get("/api/paper/figure", params=question).content
    return int.from_bytes(body[16:20], "big")


def test_formats(client):
    """PNG and SVG to be seen, PDF to be saved; the provenance is inside, as ever."""
    query = {"project": "p", "name": "training_curves"}
    for kind, start, shown in (
        ("png", b"\x89PNG", "inline"), ("svg", b"<?xml", "inline"), ("pdf", b"%PDF", "attachment"),
    ):  # fmt: skip
        answer = client.get("/api/paper/figure", params={**query, "format": kind})
        assert answer.content.startswith(start)
        assert answer.headers["content-type"] == paper.FORMATS[kind]
        name = f'filename="training_curves-p.{kind}"'
        assert answer.headers["content-disposition"] == f"{shown}; {name}"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
    png = client.get("/api/paper/figure", params={**query, "download": 1})
    assert png.headers["content-disposition"].startswith("attachment; ")
    assert len(png.content) > len(client.get("/api/paper/figure", params=query).content)


def test_a_figure_is_drawn_once(client):
    """The same again is not drawn again, and a browser that has it is told so."""
    query = {"project": "p", "name": "learning_rate", "venue": "icml", "style": "dark"}
    first = client.get("/api/paper/figure", params=query)
    again = client.get(
        "/api/paper/figure", params=query, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/paper/figure", params=query).content == first.content
    for other in ({"venue": "neurips"}, {"style": "print"}, {"column": "full"}, {"x": "epoch"}):
        answer = client.get("/api/paper/figure", params={**query, **other})
        assert answer.headers["etag"] != first.headers["etag"]
        assert answer.content != first.content


def test_tables(client):
    """LaTeX, Markdown and CSV to be saved, and cells as they are printed."""
    query = {"project": "p", "name": "comparison", "by": "config.optimizer"}
    starts = {
        "latex": "% Made by Epochal",
        "markdown": "<!-- epochal-prov",
        "csv": "# epochal-prov",
    }
    for form, suffix in (("latex", "tex"), ("markdown", "md"), ("csv", "csv")):
        answer = client.get("/api/paper/table", params={**query, "format": form})
        assert answer.text.startswith(starts[form]), form
        said = answer.headers["content-disposition"]
        assert said == f'attachment; filename="comparison_table-p.{suffix}"'
        assert answer.headers["content-type"].startswith("text/")
    cells = client.get("/api/paper/table", params=query).json()
    assert [each["title"] for each in cells["columns"]] == ["Setting", "val/loss ↓", "n"]
    assert [row[0]["text"] for row in cells["rows"]] == ["adamw", "sgd"]
    assert cells["rows"][0][1]["bold"]
    assert "±" in cells["rows"][0][1]["text"]
    body = client.get("/api/paper/table", params={**query, "format": "csv"}).text
    rows = list(csv.reader(io.StringIO(body.partition("\n")[2])))
    assert [row[0] for row in rows[1:]] == ["adamw", "sgd"]
    captioned = {**query, "format": "latex", "caption": "50 % of it", "siunitx": 1}
    assert r"50~\% of it" in client.get("/api/paper/table", params=captioned).text


def test_statistics_over_seeds(client):
    """The mean over the seeds of one setting."""
    ids = client.state.runs("p").filter("config.task == 'a' and config.optimizer == 'sgd'")
    query = {"name": "mean_statistics", "runs": ",".join(run.id for run in ids)}
    cells = client.get("/api/paper/table", params=query).json()
    assert cells["columns"][1]["title"] == "Mean ± std (n = 3)"


@pytest.mark.parametrize(("path", "query", "status"), [
    ("figure", {"name": "none"}, 404), ("figure", {"name": "../x"}, 404), ("figure", {}, 404),
    ("figure", {"name": "__class__"}, 404),
    ("figure", {"name": "learning_rate", "format": "eps"}, 400),
    ("figure", {"name": "learning_rate", "venue": "none"}, 400),
    ("figure", {"name": "learning_rate", "column": "x"}, 400),
    ("figure", {"name": "learning_rate", "style": "x"}, 400),
    ("figure", {"name": "learning_rate", "dpi": "100000"}, 400),
    ("figure", {"name": "learning_rate", "dpi": "x"}, 400),
    ("figure", {"name": "training_curves", "x": "none"}, 404),
    ("figure", {"name": "seed_bands", "metric": "none"}, 422),
    ("figure", {"name": "comparison", "by": "config.none"}, 422),
    ("table", {"name": "none"}, 404), ("table", {"name": "statistics", "format": "docx"}, 400),
    ("table", {"name": "comparison", "metric": "none"}, 404),
    ("table", {"name": "statistics", "caption": "x" * 3000}, 400),
    ("", {"project": "none"}, 404), ("", {"project": "../../etc"}, 404), ("", {"runs": "x"}, 400),
])  # fmt: skip
def test_what_cannot_be_asked(client, path, query, status):
    """What there is not is an error in words."""
    answer = client.get(f"/api/paper/{path}".rstrip("/"), params={"project": "p", **query})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]


def test_without_packages(client, monkeypatch):
    """Without matplotlib or SciPy the answer names the extra; lists say it for each figure."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = client.get("/api/paper/figure", params={"project": "p", "name": "training_curves"})
    assert (answer.status_code, "epochal[paper]" in answer.json()["error"]) == (501, True)
    monkeypatch.delitem(sys.modules, "matplotlib")
    monkeypatch.setitem(sys.modules, "scipy", None)
    answer = client.get("/api/paper/table", params={"project": "p", "name": "comparison"})
    assert (answer.status_code, "epochal[paper]" in answer.json()["error"]) == (501, True)
    found = client.get("/api/paper", params={"project": "p"}).json()
    why = {each["name"]: each["why"] for each in found["figures"]}
    assert "epochal[paper]" in why["comparison"]
    assert why["training_curves"] == ""


def test_hostile_names(tmp_path):
    """Names of runs, settings, metrics and projects are drawn and written as text."""
    names = [name for name in NAMES if name.strip()]
    for name in names[:20]:
        train(tmp_path, {name: name}, 0, 1.0, name=literal(name), project=r"\input{x} <b>")
    with serving(tmp_path, paper) as client:
        slug = client.state.known(client.state.runs()[0].id).place.slug
        found = client.get("/api/paper", params={"project": slug})
        json.loads(found.content, parse_constant=pytest.fail)
        for name in ("training_curves", "comparison", "parallel_coordinates"):
            answer = client.get("/api/paper/figure", params={"project": slug, "name": name})
            assert answer.content.startswith(b"\x89PNG"), answer.text
            assert answer.headers["content-disposition"].isascii()
        for form in ("latex", "markdown", "csv", "json"):
            for name in paper_tables.KNOWN:
                query = {"project": slug, "name": name, "format": form}
                answer = client.get("/api/paper/table", params=query)
                assert answer.status_code == (422 if name == "mean_statistics" else 200)
        for name in names[:20]:
            for option in ("metric", "by", "task", "baseline", "x", "name", "venue", "caption"):
                query = {"project": slug, "name": "statistics", option: name}
                assert client.get("/api/paper/table", params=query).status_code < 500


def test_threads_draw_the_same(client):
    """Figures that are asked for at once come out as they do one by one."""
    names = ["training_curves", "learning_rate", "comparison", "loss_distribution"]
    queries = [{"project": "p", "name": name, "dpi": 60} for name in names]
    found = {}
    assert client.get("/api/paper", params={"project": "p"}).status_code == 200

    def ask(query):
        found[query["name"]] = client.get("/api/paper/figure", params=query).content

    threads = [threading.Thread(target=ask, args=(query,)) for query in queries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with serving(client.state.root, paper) as other:
        for query in queries:
            assert other.get("/api/paper/figure", params=query).content == found[query["name"]]
