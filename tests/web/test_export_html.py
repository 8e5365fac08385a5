"""The exported file as a function of the library, and the curves on its projects' cards."""

import base64
import gzip
import json
import re
import subprocess
import sys

import pytest

import epochal
from epochal.core.errors import EvidenceError, FilterError, RunNotFoundError

pytest.importorskip("starlette")

from epochal.web.export_html import export_html
from epochal.web.sparks import Sparks
from epochal.web.state import State

QUIET = {"follow": "off", "sinks": (), "capture_environment": False}


def record(folder, project, **config):
    """Records a run whose loss falls; returns it as it is read."""
    with epochal.init(project=project, dir=folder, config=config, **QUIET) as run:
        for step in range(200):
            run.log({"train/loss": 1 / (step + 1), "lr": 0.1}, step=step)
    return epochal.open(folder).run(run.id)


def answers(path) -> dict:
    """What an exported page answers in the place of a server."""
    text = path.read_text(encoding="utf-8")
    data = re.search(r'id="epochal-data">([^<]+)<', text)[1]
    body = gzip.decompress(base64.b64decode(data))
    return json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])["answers"]


def test_every_card_has_its_curve(tmp_path):
    """The projects of the file have the curves that the dashboard shows."""
    for number in range(6):
        record(tmp_path / "runs", f"p{number}")
    export_html(tmp_path / "runs", tmp_path / "a.html")
    projects = answers(tmp_path / "a.html")["/api/projects"]["projects"]
    assert len(projects) == 6
    for each in projects:
        assert each["metric"] == "train/loss"
        assert each["spark"][0] > 10 * each["spark"][-1] > 0
        assert len(each["spark"]) <= 60


def test_a_list_without_time_leaves_curves_for_the_next(tmp_path):
    """An export has no next answer: it waits for all of them."""
    record(tmp_path, "p")
    state = State(str(tmp_path))
    try:
        state.watcher.bring_up_to_date()
        (run,) = state.watcher.runs().values()
        assert Sparks(state, budget_s=-1.0).of([run]) == (None, [])
        metric, curve = Sparks(state, budget_s=float("inf")).of([run])
    finally:
        state.close()
    assert metric == "train/loss"
    assert len(curve) > 2


def test_runs_of_any_kind_and_a_filter(tmp_path):
    """A folder, a project, runs and single ones; a filter; what was written is told."""
    first, second = (record(tmp_path / "runs", "p", lr=lr) for lr in (0.1, 0.2))
    other = record(tmp_path / "elsewhere", "q")
    project = epochal.open(tmp_path / "runs")
    file = tmp_path / "a.html"
    for given, number in (
        (tmp_path / "runs", 2), (project, 2), (project.runs(), 2), (first, 1),
        ([second, other.dir], 2),
    ):  # fmt: skip
        done = export_html(given, file, title="My runs")
        assert (done.runs, done.metrics, done.bytes) == (number, 2, file.stat().st_size)
        assert "<title>My runs</title>" in file.read_text(encoding="utf-8")
        assert answers(file)["/api/about"]["title"] == "My runs"
    assert export_html(project, file, filter="config.lr > 0.15", points=50).runs == 1
    assert f"/api/run/{second.id}" in answers(file)


def test_what_cannot_be_exported(tmp_path):
    """No runs, none that passes, a filter that is none."""
    run = record(tmp_path / "runs", "p")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvidenceError, match="no runs"):
        export_html(tmp_path / "empty", tmp_path / "a.html")
    with pytest.raises(RunNotFoundError):
        export_html(run, tmp_path / "a.html", filter="config.lr > 1")
    with pytest.raises(FilterError):
        export_html(run, tmp_path / "a.html", filter="config.lr >")
    assert not (tmp_path / "a.html").exists()


def test_importing_it_needs_no_server():
    """Starlette is loaded when a file is written."""
    program = "import sys, epochal.web.export_html; print('starlette' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
