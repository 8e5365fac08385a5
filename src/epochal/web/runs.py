"""Projects and the table of runs: ``/api/projects`` and ``/api/runs``."""

from __future__ import annotations

import json
import keyword
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.core.errors import FilterError, RunNotFoundError, did_you_mean
from epochal.read.runs import Runs
from epochal.web.answers import (
    RefusedError,
    entity_tag,
    getting,
    to_json,
    unchanged,
)
from epochal.web.integers import exact
from epochal.web.sparks import BUDGET_S, Sparks

if TYPE_CHECKING:
    from epochal.store.catalog import Catalog
    from epochal.web.known import Known
    from epochal.web.state import State

FIELDS = {
    "name": "name", "group": "group", "created_s": "created", "tags": "tags", "notes": "notes",
    "seed": "seed", "code": "git.commit",
}  # fmt: skip
"""What each row has, by its name in the answer, and where it comes from."""

MOST_COLUMNS, MOST_CONFIG, KEPT_ANSWERS = 100, 300, 4
LONGEST_TEXT = 500
DESCRIBED_BY = 10
"""So many of the newest runs are asked for units and goals."""


def routes(state: State, *, curves_s: float = BUDGET_S) -> list[Route]:
    """Return the routes of this file.

    Args:
        state: of the server.
        curves_s: so long a list of projects waits for their curves, in seconds.
    """
    sparks, table = Sparks(state, curves_s), Table(state)

    def projects(_request: Request) -> dict[str, Any]:
        runs = state.runs()
        found = _by_project(state, runs)
        for each, newest_first in found:
            each["metric"], each["spark"] = sparks.of(newest_first)
        sparks.go_on()
        indexing = state.watcher.indexing
        return {
            "projects": [each for each, _ in found],
            "indexing": indexing and {"done": indexing[0], "total": indexing[1]},
        }

    return [getting("/api/projects", projects), getting("/api/runs", table.answer)]


class Table:
    """Answers what the table of runs asks, and keeps the last answers while they hold."""

    def __init__(self, state: State) -> None:
        self._state, self._lock = state, threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def answer(self, request: Request) -> Response:
        """Return the runs of a project, column by column.

        Raises:
            RefusedError: the filter is not valid.
            RunNotFoundError: there is no such project.
        """
        state, query = self._state, request.query_params
        slug, expression = query.get("project", ""), query.get("filter", "")
        columns = _columns(query.get("columns", ""))
        state.watcher.bring_up_to_date()
        if not state.watcher.runs(slug):
            state.watcher.look(soon=True)  # it may be new, or being described by another thread
        # The number comes before the data: what changes in between is told with the next change.
        version = f"{state.watcher.name}-{state.watcher.version(slug)}"
        runs = state.runs(slug)
        if not len(runs) and slug not in state.folders.slugs.values():
            near = did_you_mean(slug, state.folders.slugs.values())
            raise RunNotFoundError(f"there is no project {slug[:80]!r}{near}")
        etag = entity_tag(version, slug, expression, json.dumps(columns), len(runs))
        answer = unchanged(request, etag)
        if answer is None:
            body = self._body(etag, runs, expression, columns, version)
            answer = Response(body, media_type="application/json", headers={"etag": etag})
        return answer

    def _body(
        self, etag: str, runs: Runs, expression: str, columns: list[str], version: str
    ) -> bytes:
        with self._lock:  # tabs that ask the same together wait for one answer
            if etag not in self._kept:
                found = _filtered(runs, expression)
                known = self._state.watcher.runs()
                answer = _rows(found, known, self._state.project.catalog, columns)
                places = ordinals(runs)
                answer["ordinal"] = [
                    places[run_dir] for run_dir in found.folders if run_dir in known
                ]
                answer |= {"total": len(runs), "matched": len(answer["id"]), "version": version}
                self._kept[etag] = to_json(answer)
            self._kept.move_to_end(etag)
            while len(self._kept) > KEPT_ANSWERS:
                self._kept.popitem(last=False)
            return self._kept[etag]


def ordinals(runs: Runs) -> dict[str, int]:
    """Return the place of each run among all of its project, oldest first, by folder.

    Args:
        runs: all of a project, newest first.
    """
    return {run_dir: place for place, run_dir in enumerate(reversed(runs.folders))}


def path_text(path: Sequence[str]) -> str:
    r"""Return a path as filters write it.

    Example:
        >>> path_text(("config", "lr")), path_text(("config", "optimizer.lr", "lambda"))
        ('config.lr', 'config["optimizer.lr"]["lambda"]')
    """
    text = path[0]
    for key in path[1:]:
        plain = key.isascii() and key.isidentifier() and not key.startswith("__")
        if plain and not keyword.iskeyword(key):
            text += f".{key}"
        else:
            text += f'["{key.translate(_ESCAPED)}"]'
    return text


_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def _columns(given: str) -> list[str]:
    try:
        columns = json.loads(given) if given else []
    except (ValueError, RecursionError):
        columns = None
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        raise RefusedError(400, 'columns= is a JSON list of paths, such as ["config.lr"]')
    if len(columns) > MOST_COLUMNS:
        raise RefusedError(400, f"a table has at most {MOST_COLUMNS} columns")
    return columns


def _filtered(runs: Runs, expression: str) -> Runs:
    if not expression.strip():
        return runs
    try:
        return runs.filter(expression)
    except FilterError as error:
        message, at = _located(expression, error)
        raise RefusedError(400, message, at=at) from error


def _located(expression: str, error: FilterError) -> tuple[str, int]:
    """Return an error's sentence, and the place in the filter that it is about."""
    lines = str(error).split("\n")
    if len(lines) < 3 or not lines[-1].endswith("^"):
        return lines[0], 0
    text = expression.replace("\r", " ").replace("\n", " ")
    start = max(text.find(lines[-2][2:]), 0)  # long filters are shown in part
    return " ".join(lines[:-2]), start + len(lines[-1]) - 3


def _rows(
    runs: Runs, known: dict[str, Known], catalog: Catalog, columns: list[str]
) -> dict[str, Any]:
    """Return the table; what runs go on say of themselves stands before what the catalog knows."""
    listed = [known[run_dir] for run_dir in runs.folders if run_dir in known]
    runs = Runs(catalog, [each.place.dir for each in listed])
    facts = [each.facts for each in listed if each.facts is not None]
    answer: dict[str, Any] = {
        "id": [each.place.id for each in listed],
        "state": [each.state for each in facts],
        "steps": [each.steps for each in facts],
        "duration_s": [each.duration_s for each in facts],
    }
    answer |= {name: runs.values(path) for name, path in FIELDS.items()}
    answer["seed"] = [exact(seed) for seed in answer["seed"]]
    answer["tags"] = [tags or [] for tags in answer["tags"]]
    answer["columns"] = {path: _shortened(runs.values(path)) for path in columns}
    answer["config"] = _config(runs, catalog)
    answer["metrics"] = _metrics(runs, catalog)
    return answer


def _config(runs: Runs, catalog: Catalog) -> dict[str, list[Any]]:
    """Return every leaf of the configs that any of the runs has."""
    found: dict[str, list[Any]] = {}
    for path in sorted(catalog.paths("config")):
        if len(found) >= MOST_CONFIG:
            break
        column = catalog.column(path)  # some keys can be read, but no filter can have them
        values = [column.get(run_dir) for run_dir in runs.folders]
        if any(value is not None and type(value) is not dict for value in values):
            found[path_text(path)] = _shortened(values)
    return found


def _shortened(values: list[Any]) -> list[Any]:
    """Return values as a table shows them: no long texts, no trees."""
    return [v if type(v) in _PLAIN else _short(v) for v in values]


_PLAIN = frozenset({float, bool, type(None)})


def _short(value: Any) -> Any:
    if isinstance(value, int):
        return exact(value)
    if isinstance(value, dict):
        return None
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    text = json.dumps(value, ensure_ascii=False)
    return exact(value) if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _metrics(runs: Runs, catalog: Catalog) -> list[dict[str, Any]]:
    """Return the metrics of the runs, with what the newest runs define."""
    counts = catalog.counts("metrics", runs.folders)
    goals = {path[1] for path in catalog.paths("goals")}
    defined: dict[str, Any] = {}
    for view in runs[:DESCRIBED_BY]:
        for name, metric in view.metrics.items():
            defined.setdefault(name, metric.definition)
    found = []
    for (_, name), count in sorted(counts.items()):
        goal = defined[name].goal if name in defined else None
        if name not in defined and name in goals:
            goal = next(iter(runs.goals(name)), None)
        unit = defined[name].unit if name in defined else None
        found.append({"name": name, "runs": count, "goal": goal, "unit": unit})
    return found


def _by_project(state: State, runs: Runs) -> list[tuple[dict[str, Any], list[Known]]]:
    """Return what is told of each project, the latest first, with its runs, newest first."""
    known = state.watcher.runs()
    found: dict[str, tuple[dict[str, Any], list[Known]]] = {}
    names, created = runs.values("project"), runs.values("created")
    for run_dir, name, created_s in zip(runs.folders, names, created, strict=True):
        each = known.get(run_dir)
        if each is None or each.facts is None:
            continue
        slug, facts = each.place.slug, each.facts
        if slug not in found:
            about = {"slug": slug, "name": name, "runs": 0, "running": 0, "last_s": 0.0,
                     "states": {}}  # fmt: skip
            found[slug] = (about, [])
        about, newest_first = found[slug]
        newest_first.append(each)
        about["runs"] += 1
        about["running"] += facts.state == "running"
        about["last_s"] = max(about["last_s"], (created_s or 0.0) + facts.duration_s)
        about["states"][facts.state] = about["states"].get(facts.state, 0) + 1
    return sorted(found.values(), key=lambda pair: -pair[0]["last_s"])
