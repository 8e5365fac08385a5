"""Runs whose checksums are right and whose contents are a stranger's: nothing fails on them."""

import itertools
import json
import math
import shlex
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from forged import ENVIRONMENT, MEDIUM, PAGE, VALID, changed, record, streams
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from journals import JournalMaker, make_run
from recorded import THOROUGH
from starlette.applications import Starlette
from starlette.testclient import TestClient

from epochal.cli import main
from epochal.core.errors import EpochalError
from epochal.read.media import Media
from epochal.read.view import RunView
from epochal.store import folder
from epochal.web import answers, app
from epochal.web.security import Policy
from epochal.web.state import State
from epochal.web.tokens import Tokens

FEW = settings(
    max_examples=3 * THOROUGH, deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a failure says where: no shrinking
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture,
                           HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
PROPERTIES = [
    name for kind in RunView.__mro__ for name, value in vars(kind).items()
    if not name.startswith("_") and not callable(value)
]  # fmt: skip
COMMANDS = [
    "show {run}", "show {run} --json", "media {run}", "media {run} --json", "console {run}",
    "verify {run}", "ls {runs}", "ls {runs} --json", "diff {run} {run}", "logbook {runs}",
    "tail {run} --no-follow --lines 0 --json --all",
    *(f"sql 'select * from {table}' --dir {{run}}" for table in ("runs", "events", "media")),
]  # fmt: skip
DRAWING = ["report {run} --output {run}/report.md", "export {run} --html {run}/page.html",
           "media {run} --export {run}/media-files"]  # fmt: skip
"""Commands that take a while."""
SLOW = ("/api/paper/figure",)
"""Routes that draw: one question each, and few at all."""


def made(base, events, **about) -> str:
    """A run with these events; the files of its media are there."""
    run_dir = make_run(base, **about)
    Path(run_dir, "media").mkdir()
    for name in ("page.html", "pack"):
        Path(run_dir, "media", name).write_bytes(PAGE)
    record(JournalMaker(run_dir), events)
    return run_dir


def ask_every_route(root, *run_dirs: str, draw: bool = THOROUGH > 1) -> dict[str, set[int]]:
    """Ask every route of the table about some runs; returns the statuses of each."""
    state = State(str(root))
    policy = Policy(Tokens(tempfile.mkdtemp(dir=root.parent), "runs"), 1)
    routes = app.table(state, policy)
    found: dict[str, set[int]] = {}
    ids = [folder.run_id(run_dir) for run_dir in run_dirs]
    served = Starlette(routes=routes, exception_handlers=answers.handlers(state.root))
    with TestClient(served) as client:
        for route in routes:
            for path, query, body in questions(route, ids):
                if route.path in SLOW and not draw:
                    continue
                if "POST" in route.methods:
                    answer = client.post(path, json=body)
                else:
                    answer = client.get(path, params=query)
                found.setdefault(route.path, set()).add(answer.status_code)
                assert answer.status_code < 500, (route.path, path, query, answer.text[:500])
    state.close()
    return found


def questions(route, ids):
    """What a route is asked: (path, query, body) for every run and part of a run."""
    query = {"project": "doc", "runs": ",".join(ids), "metric": "loss", "limit": "3",
             "name": "training_curves"}  # fmt: skip
    body = {"runs": ids, "metrics": ["loss", "tokens", "train/loss"], "width": 50, "add": ["new"],
            "text": "said", "name": "renamed", "charts": []}  # fmt: skip
    if "{id}" not in route.path:
        queries = [query] if route.path in SLOW else [{}, query, {**query, "name": "training"}]
        yield from ((route.path.replace("{path:path}", "app.js"), each, body) for each in queries)
        return
    parts = {"{n}": [str(n) for n in range(12)], "{path:path}": ["run.json", "media/page.html"]}
    named = next((name for name in parts if name in route.path), "")
    keys = [{}, {"preview": "1"}, *({"key": key} for key in ("said", "page", "weights", "video"))]
    if "POST" in route.methods:  # each writes to the disk
        keys, ids = [{}], ids[:1]
    for run_id, part in itertools.product(ids, parts.get(named, [""])):
        path = route.path.replace("{id}", run_id)
        path = path.replace(named, quote(part)) if named else path
        yield from ((path, each, body) for each in ([{}] if named == "{n}" else keys))


def read_everything(run_dir: str) -> RunView:
    """Ask a run for all that it says of itself."""
    view = RunView(run_dir)
    for name in PROPERTIES:
        getattr(view, name)
    for key in view.text_keys():
        view.texts(key)
    view.console()
    for name in view.metrics:
        view.series(name).times  # noqa: B018 - it is computed when it is asked for
    view.history()
    for each in [*view.artifacts, *view.checkpoints]:
        assert each.check() in ("same", "changed", "missing", "removed")
    for medium in view.media:
        read_medium(medium)
    return view


def read_medium(medium: Media) -> None:
    """Ask a medium for all that it says, and for its bytes."""
    for name in [name for name in dir(Media) if not name.startswith("_")]:
        try:
            value = getattr(medium, name)
            if name == "read":
                value()
        except EpochalError:
            continue
        except ValueError as error:
            if "is no" not in str(error):  # as is documented of what a medium is not
                raise


def run_commands(run_dir: str, *, draw: bool = THOROUGH > 1) -> None:
    """Run the commands that read a run."""
    for command in [*COMMANDS, *DRAWING * draw]:
        given = shlex.split(command.format(run=run_dir, runs=Path(run_dir).parents[1]))
        done = CliRunner().invoke(main, given)
        if not isinstance(done.exception, SystemExit | None):
            raise done.exception


@FEW
@given(first=streams(), second=streams(copies=1))
def test_no_route_property_or_command_fails(first, second):
    """Whatever fields of events are replaced or gone: it is left out and said."""
    with tempfile.TemporaryDirectory() as base:
        root = Path(base, "runs")
        run_dirs = [made(root, first), made(root, second, name="second")]
        for run_dir in run_dirs:
            read_everything(run_dir)
        found = ask_every_route(root, *run_dirs)
        assert 200 in found["/api/run/{id}"]
        for run_dir in run_dirs[:1]:
            run_commands(run_dir)


def test_what_is_sound_is_all_there(tmp_path):
    """Nothing that Epochal records is taken for a stranger's."""
    run_dir = made(tmp_path / "runs", [each for each in VALID if each[0] not in ("end", "resume")])
    view = read_everything(run_dir)
    assert view.damage == []
    assert (view.name, view.tags, view.notes, view.state) == ("other", ["a"], "note", "finished")
    assert view.environment == ENVIRONMENT
    assert [each.text for each in view.texts("said")] == ["one", "two"]
    assert [medium.key for medium in view.media] == ["page", "page", "video", "table", "weights"]
    assert [medium.read() for medium in view.media[:2]] == [PAGE, PAGE]
    assert (len(view.artifacts), len(view.checkpoints), len(view.annotations)) == (2, 1, 1)
    assert [line.text for line in view.console()] == ["a", "b", "c"]
    run_commands(run_dir, draw=True)
    statuses = ask_every_route(tmp_path / "runs", run_dir, draw=True)
    assert 200 in statuses["/api/run/{id}/media"]


RUN_JSON = {
    "id": "abcdefghij", "name": "n", "project": "doc", "created_s": 1.7e9, "group": None,
    "job_type": None, "tags": ["a"], "notes": "", "seed": {"data": 1}, "config": {"lr": 0.1},
    "sinks": ["csv"], "sinks_missing": [], "sink_options": {"csv": {}}, "sink_objects": [],
    "job": "", "argv": ["a"], "cwd": "/", "host": "h",
    "fork": {"run": "abcdefghik", "dir": "/nowhere", "step": 3},
}  # fmt: skip


@FEW
@given(st.lists(changed(RUN_JSON, most=3), min_size=5, max_size=5))
def test_what_describes_no_run_is_said(forged):
    """A ``run.json`` with fields of other types describes no run; others are read as ever."""
    with tempfile.TemporaryDirectory() as base:
        root, run_dirs = Path(base, "runs"), []
        for about in forged:
            run_dir = made(root, [("note", {"text": "a"})])
            Path(run_dir, "run.json").write_bytes(json.dumps(about).encode("ascii"))
            run_dirs.append(run_dir)
            try:
                read_everything(run_dir)
            except EpochalError:
                continue
        ask_every_route(root, *run_dirs, made(root, []))
        run_commands(run_dirs[0])


@pytest.mark.parametrize("wrong", [
    {"kind": "text", "key": "said", "text": "b", "step": "3"},
    {"kind": "text", "key": ["said"], "text": "b"}, {"kind": "text", "key": "said"},
    {"kind": "media", **MEDIUM, "key": None}, {"kind": "media", **MEDIUM, "bytes": -1},
    {"kind": "media", **MEDIUM, "type": "histogram"},
    {"kind": "media", **MEDIUM, "type": "histogram", "inline": {"counts": [1], "edges": [1]}},
    {"kind": "artifact", "name": "a"}, {"kind": "annotation", "text": 3},
    {"kind": "artifact", "name": "a", "type": "t", "path": "/a", "bytes": 1, "sha256": "",
     "files": [["a", 1]]},
    {"kind": "artifact", "name": "a", "type": "t", "path": "/a", "bytes": 1, "sha256": "",
     "file": "../../secret"},
    {"kind": "console", "stream": "stdout"}, {"kind": "alert", "title": {}},
    {"kind": "environment", "values": {"git": "abc"}}, {"kind": "end", "state": "perfect"},
    {"kind": "bigint", "key": "tokens", "value": "many"}, {"kind": "tag", "tags": "abc"},
    {"kind": "config", "update": ["lr"]}, {"kind": "summary"}, {"kind": "rename", "name": 7},
    {"kind": "define", "metric": "loss", "range": [0]}, {"kind": "note", "text": math.nan},
])  # fmt: skip
def test_each_is_left_out_and_counted(tmp_path, wrong):
    """The run says what was left out and why; reading finds the others as they were."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for kind, fields in VALID:
        if kind not in ("end", "resume", "media", "rename", "untag"):
            maker.event(kind, **fields)
    for _ in range(2):
        maker.event(**wrong)
    maker.close()
    view = read_everything(run_dir)
    (said,) = view.damage
    assert f"2 events ({wrong['kind']}) are left out: " in said
    assert [each.text for each in view.texts("said")] == ["one", "two"]
    assert (view.name, view.tags, view.notes) == ("run", ["a", "b"], "note")
    assert (len(view.artifacts), len(view.annotations), len(view.alerts)) == (2, 1, 1)
    assert len(view.console()) == 3
    assert view.environment["git"]["commit"] == "0123456789"
    assert (len(view.media), view.state) == (0, "finished")
    assert "left out" in CliRunner().invoke(main, ["verify", run_dir]).output
