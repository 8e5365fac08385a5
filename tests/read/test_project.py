"""Projects: finding, filtering, sorting and comparing runs."""

import json
import math

import pytest
from journals import JournalMaker, finished_run, make_run

import epochal
from epochal.core.errors import (
    AmbiguousRunError,
    DamageError,
    FilterError,
    MetricNotFoundError,
    RunFolderError,
    RunNotFoundError,
    SettingError,
)
from epochal.read.diff import diff
from epochal.read.metrics import MetricSummary
from epochal.read.registry import ExperimentRegistry
from epochal.store.seal import seal_run


@pytest.fixture
def runs_folder(tmp_path):
    """Three runs of one project, one of another."""
    base = tmp_path / "runs"
    for number, lr in enumerate([0.1, 0.01, 0.001]):
        rows = [({"val/loss": 1.0 - lr * step, "acc": lr}, step) for step in range(3)]
        config = {"lr": lr, "model": {"depth": number}}
        finished_run(base, rows, f"run-{number}", config=config, created_s=1e9 + number,
                     tags=["ablation/lr"] if number else [])  # fmt: skip
    finished_run(base, [({"other": 1.0}, 0)], "else", project="Other one", created_s=1.0)
    return base


def names(runs) -> list[str]:
    """The names of runs, in order."""
    return [run.name for run in runs]


def test_runs_come_newest_first(runs_folder):
    """All runs of all projects, or of one, or of a project's folder."""
    assert names(epochal.open(runs_folder).runs()) == ["run-2", "run-1", "run-0", "else"]
    assert names(epochal.open(runs_folder, project="Other one").runs()) == ["else"]
    assert names(epochal.open(runs_folder / "doc").runs(limit=2)) == ["run-2", "run-1"]


def test_a_run_folder_is_a_project_of_one(runs_folder):
    """One run's folder can be opened as well."""
    run_dir = epochal.open(runs_folder).run("run-1").dir
    assert names(epochal.open(run_dir).runs()) == ["run-1"]


def test_folders_that_are_not_there(tmp_path, runs_folder):
    """The message says what to do."""
    with pytest.raises(RunFolderError, match="EPOCHAL_DIR"):
        epochal.open(tmp_path / "no")
    with pytest.raises(RunFolderError, match="did you mean 'doc'"):
        epochal.open(runs_folder, project="docs")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("config.lr < 0.05", ["run-2", "run-1"]),
        ('"ablation" in tags and config.model.depth == 1', ["run-1"]),
        ('summary["val/loss"].min < 0.99', ["run-1", "run-0"]),
        ('summary["val/loss"] == 0.8', ["run-0"]),
        ('summary["val/loss"].count == 3 and summary["val/loss"].std > 0.05', ["run-0"]),
        ('exists(config.model) and state == "finished"', ["run-2", "run-1", "run-0"]),
        ('project == "Other one" or steps > 5', ["else"]),
        ("created < 100", ["else"]),
    ],
)
def test_filters(runs_folder, expression, expected):
    """Filters see config, tags, summaries and the rest."""
    assert names(epochal.open(runs_folder).runs(expression)) == expected


def test_sorting(runs_folder):
    """Keys in both directions; what lacks the key comes last."""
    project = epochal.open(runs_folder)
    expected = ["run-0", "run-1", "run-2", "else"]
    assert names(project.runs(sort='summary["val/loss"].min')) == expected
    assert names(project.runs(sort='-summary["val/loss"].last'))[0] == "run-2"
    with pytest.raises(FilterError):
        project.runs(sort="lr +")


def test_finding_a_run(runs_folder):
    """By id, name, folder or prefix; a new name counts at once."""
    project = epochal.open(runs_folder)
    run = project.run("run-1")
    for key in (run.id, run.id[:9], run.dir, run.dir.rsplit("/", 1)[1], "run-1"):
        assert project.run(key).id == run.id
    run.rename("renamed")
    assert project.run("renamed").id == run.id
    with pytest.raises(AmbiguousRunError, match="fits"):
        project.run("run")
    with pytest.raises(RunNotFoundError, match="did you mean 'run-0'"):
        project.run("rum-0")


def test_a_new_run_is_there_at_once(runs_folder):
    """Each call looks at the folder again."""
    project = epochal.open(runs_folder)
    assert len(project) == 4
    finished_run(runs_folder, [({"a": 1.0}, 0)], "new")
    assert names(project.runs(limit=1)) == ["new"]


def test_best(runs_folder):
    """By the goal that is given, defined, or said by the name."""
    project = epochal.open(runs_folder)
    assert project.best("val/loss").name == "run-0"
    assert project.best("val/loss", goal="maximize").name == "run-0"  # equal: the oldest
    assert project.best("acc", goal="minimize").name == "run-2"
    with pytest.raises(SettingError, match="goal="):
        project.best("acc")
    with pytest.raises(SettingError, match="neither"):
        project.best("acc", goal="up")
    with pytest.raises(MetricNotFoundError, match="did you mean 'acc'"):
        project.best("accu", goal="maximize")
    run_dir = make_run(runs_folder, "defined")
    maker = JournalMaker(run_dir)
    maker.event("define", metric="acc", goal="maximize")
    maker.row({"acc": 5.0}, 0)
    maker.close()
    assert project.best("acc").name == "defined"


def test_nan_never_wins(tmp_path):
    """NaN and infinities are no best values; runs without the metric are ignored."""
    finished_run(tmp_path, [({"loss": math.nan}, 0), ({"loss": -math.inf}, 1)], "bad")
    finished_run(tmp_path, [({"other": 0.0}, 0)], "without")
    finished_run(tmp_path, [({"loss": 3.0}, 0), ({"loss": math.nan}, 1)], "good")
    assert epochal.open(tmp_path).best("loss").name == "good"


def test_table(runs_folder):
    """Columns of one type, of numbers of both kinds, and of anything at all."""
    make_run(runs_folder, "odd", config={"lr": "auto", "model": {"depth": 0.5}})
    runs = epochal.open(runs_folder).runs('project == "doc"', sort="name")
    table = runs.table(["name", "config.lr", "config.model.depth", "config.model", "tags"])
    assert table["name"].to_pylist() == ["odd", "run-0", "run-1", "run-2"]
    assert table["config.lr"].to_pylist() == ["auto", "0.1", "0.01", "0.001"]
    assert table["config.model.depth"].to_pylist() == [0.5, 0.0, 1.0, 2.0]
    assert json.loads(table["config.model"][1].as_py()) == {"depth": 0}
    assert table["tags"].to_pylist()[2] == ["ablation/lr"]


def test_diff(runs_folder):
    """Only what differs, as rows, as a mapping and as text."""
    project = epochal.open(runs_folder)
    a, b = project.run("run-0"), project.run("run-1")
    found = diff(a, b)
    assert [(c.path[1:], c.a, c.b) for c in found.config] == [
        (("lr",), 0.1, 0.01), (("model", "depth"), 0, 1),
    ]  # fmt: skip
    assert found.to_dict()["config"]["model"]["depth"] == {"change": "changed", "a": 0, "b": 1}
    assert found.summary["acc"] == (0.1, 0.01)
    assert "config model.depth" in repr(found)
    assert not diff(a, a)


def test_diff_of_shapes(tmp_path):
    """A mapping against a value, added and removed keys, NaN and booleans."""
    a = epochal.RunView(
        make_run(tmp_path, config={"x": {"y": 1}, "n": math.nan, "t": True, "l": [1]})
    )
    b = epochal.RunView(
        make_run(tmp_path, config={"x": 1, "n": math.nan, "t": 1, "z": 0, "l": [1]})
    )
    assert [(c.path[-1], c.kind) for c in diff(a, b).config] == [
        ("x", "changed"), ("t", "changed"), ("z", "added"),
    ]  # fmt: skip


def test_registry(runs_folder, tmp_path):
    """Runs are listed, searched, tagged, compared, and written as strict JSON."""
    registry = ExperimentRegistry(runs_folder, project="doc")
    assert len(registry.list()) == 3
    registry.tag("run-0", "baseline")
    assert names(registry.search('"baseline" in tags')) == ["run-0"]
    assert registry.best("val/loss").name == "run-0"
    table = registry.compare(["run-0", "run-2"], ["acc", "none"])
    assert table.column_names == [
        "id", "name", "state", "config.lr", "config.model.depth", "acc", "none",
    ]  # fmt: skip
    assert table["acc"].to_pylist() == [0.1, 0.001]
    path = registry.write(tmp_path / "experiment_registry.json")
    with open(path, encoding="utf-8") as file:
        written = json.load(file, parse_constant=pytest.fail)
    assert [run["name"] for run in written["runs"]] == ["run-2", "run-1", "run-0"]
    assert written["runs"][0]["summary"]["val/loss"]["best"] is None


def test_registering_a_run_from_elsewhere(runs_folder, tmp_path):
    """A run of another folder is listed with the others, also by the next registry."""
    other = finished_run(tmp_path / "far", [({"loss": -9.0}, 0)], "far")
    ExperimentRegistry(runs_folder).register(epochal.RunView(other))
    registry = ExperimentRegistry(runs_folder)
    assert "far" in names(registry.list())
    assert registry.get("far").dir == other
    with pytest.raises(RunFolderError):
        registry.register(tmp_path)


def test_an_empty_folder(tmp_path):
    """No runs are no error."""
    project = epochal.open(tmp_path)
    assert (len(project), names(project.runs("config.lr > 1", "name"))) == (0, [])
    assert repr(project.runs()) == "<Runs 0: >"
    assert project.runs().table(["name"]).num_rows == 0


def test_summaries_survive_the_catalog(runs_folder):
    """A run of a list says the same as one that was read from its folder."""
    for run in epochal.open(runs_folder).runs():
        fresh = epochal.RunView(run.dir)
        assert repr(run.summary) == repr(fresh.summary)  # NaN equals NaN
        assert all(isinstance(each, MetricSummary) for each in run.summary.values())
        assert (run.config, run.tags, run.sessions) == (fresh.config, fresh.tags, fresh.sessions)


def test_one_bad_run_does_not_cost_the_others(runs_folder):
    """A run.json that says too little, or is cut off, is left out; damage is told and listed."""
    for name, text in (
        ("a-20260101-000000-aaaaaaaaaa", '{"id": "x"}'),
        ("b-20260101-000000-bbbbbbbbbb", "{"),
    ):
        (runs_folder / "doc" / name).mkdir()
        (runs_folder / "doc" / name / "run.json").write_text(text)
    run_dir = make_run(runs_folder, "damaged")
    maker = JournalMaker(run_dir)
    maker.event("define", metric="a", range=[0, 1])
    for step in range(500):
        maker.row({"a": float(step)}, step)
        maker.event("text", key="t", text="x", step=step)
    maker.close()
    maker = JournalMaker(run_dir, hides_after=100)
    maker.close()
    seal_run(run_dir)
    for path in (runs_folder / "doc").glob("damaged*/sealed/*.parquet"):
        path.write_bytes(path.read_bytes()[:-1])
    runs = epochal.open(runs_folder).runs()
    assert names(runs)[0] == "damaged"
    assert len(runs) == 5
    assert len(runs[0].damage) == 2
    with pytest.raises(DamageError):
        runs[0].series("a")
