"""Asking everything of runs that may be a stranger's: all routes, properties and commands."""

import itertools
import shlex
import tempfile
from pathlib import Path
from urllib.parse import quote

from click.testing import CliRunner
from forged import PAGE, record
from hypothesis import HealthCheck, Phase, settings
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


def few(examples: int) -> settings:
    """Returns settings of a property test whose every example asks much: so many, no shrinking."""
    return settings(
        max_examples=examples, deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a failure says where
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture,
                               HealthCheck.data_too_large, HealthCheck.large_base_example],
    )  # fmt: skip


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
