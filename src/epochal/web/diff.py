"""How several runs differ, leaf by leaf: ``/api/diff``."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.routing import Route

from epochal.core.errors import SettingError
from epochal.core.names import printable
from epochal.web import query
from epochal.web.answers import getting
from epochal.web.integers import exact

if TYPE_CHECKING:
    from epochal.read.view import RunView
    from epochal.web.state import State

MOST_RUNS = 50
MOST_LINES = 5_000
"""Of each run's recorded changes; the time to compare them grows with their square."""

_CODE = ("commit", "branch", "dirty", "remote")
_ABSENT = object()

Path = tuple[str, ...]


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""

    def differences(request: Request) -> Any:
        ids = query.run_ids(request, MOST_RUNS)
        if len(ids) < 2:
            raise SettingError("a difference needs two runs: runs=ID,ID")
        return difference([state.view(each) for each in ids])

    return [getting("/api/diff", differences)]


def difference(runs: Sequence[RunView]) -> dict[str, Any]:
    """Return the config, code, packages and results of runs side by side.

    Every leaf that any run has is a row: ``values`` are those of the runs in their order,
    ``missing`` the places of runs that have none, ``same`` whether all have the same; ``rule``
    says which number of a metric they are, such as "best".  Equal is
    what :func:`epochal.read.diff.diff` takes for equal: 1 and 1.0 are, True and 1 are not.
    ``unrecorded`` are the runs whose code had changes that nobody knows.

    Args:
        runs: at least two.
    """
    from epochal.read.diff import diff  # NumPy: not before the first byte

    pairs = [diff(runs[0], other) for other in runs[1:]]
    rows = [
        row
        for kind in ("config", "code", "packages")
        for row in _rows(
            kind,
            [_told(run, kind) for run in runs],
            {change.path for pair in pairs for change in getattr(pair, kind)},
        )
    ]
    results: set[Path] = {
        ("summary", name) for pair in pairs for name, (a, b) in pair.summary.items()
        if not _alike(a, b)
    }  # fmt: skip
    rules = [_rules(run) for run in runs]
    for row in _rows("summary", [_results(run) for run in runs], results):
        said = dict.fromkeys(each[name] for each in rules if (name := row["path"][1]) in each)
        rows.append({**row, "rule": " / ".join(said)} if said else row)
    return {
        "rows": rows, "runs": [{"id": run.id, "name": run.name} for run in runs],
        "code": code_difference(*runs) if len(runs) == 2 else "",
        "unrecorded": [run.id for run in runs if run.git.get("dirty") and not _recorded(run).lines],
    }  # fmt: skip


def _told(run: RunView, kind: str) -> Mapping[str, Any]:
    if kind == "config":
        return run.config
    if kind == "code":
        return {key: run.git[key] for key in _CODE if key in run.git}
    packages = run.environment.get("packages")
    return packages if isinstance(packages, Mapping) else {}


def _results(run: RunView) -> dict[str, Any]:
    from epochal.read.metrics import MetricSummary  # as above

    return {
        name: each.value if isinstance(each, MetricSummary) else each
        for name, each in run.summary.items()
    }


def _rules(run: RunView) -> dict[str, str]:
    """Return which number of each metric is its result."""
    from epochal.read.metrics import MetricSummary  # as above

    rules: dict[str, str] = {}
    for name, each in run.summary.items():
        if isinstance(each, MetricSummary):
            rule = run.metrics[name].definition.summary or "last"
            rules[name] = "last" if rule == "best" and each.best is None else rule
    return rules


def _rows(
    kind: str, told: Sequence[Mapping[str, Any]], changed: set[Path]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each leaf of any run.

    Args:
        kind: what they are; paths begin with it.
        told: what each run says.
        changed: the leaves that differ between the first run and another.
    """
    leaves = [dict(_leaves((kind,), each)) for each in told]
    for path in dict.fromkeys(path for each in leaves for path in each):
        values = [each.get(path, _ABSENT) for each in leaves]
        missing = [i for i, value in enumerate(values) if value is _ABSENT]
        if kind == "packages":  # a run whose environment was not recorded says nothing
            said = [value for value, each in zip(values, leaves, strict=True) if each]
            differs = any(value != said[0] for value in said)
        else:
            differs = path in changed or bool(missing)
        yield {
            "path": list(path), "kind": kind, "same": not differs, "missing": missing,
            "values": [None if value is _ABSENT else exact(value) for value in values],
        }  # fmt: skip


def _leaves(above: Path, values: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for key, value in values.items():
        here = (*above, str(key))
        if isinstance(value, Mapping) and value:
            yield from _leaves(here, value)
        else:
            yield here, value


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


class _Recorded(NamedTuple):
    """What was changed in the code of a run and not committed."""

    lines: list[str]
    commit: str


def code_difference(a: RunView, b: RunView) -> str:
    """Return how the recorded changes of two runs differ, as a unified text; "" if not at all."""
    one, other = _recorded(a), _recorded(b)
    if one.lines == other.lines:
        return ""
    if max(len(one.lines), len(other.lines)) > MOST_LINES:
        return f"the recorded changes have more than {MOST_LINES:,} lines: see each run\n"
    lines = difflib.unified_diff(
        one.lines, other.lines, f"{printable(a.name)} ({one.commit})",
        f"{printable(b.name)} ({other.commit})", lineterm="",
    )  # fmt: skip
    return "\n".join(lines) + "\n"


def _recorded(run: RunView) -> _Recorded:
    git = run.environment.get("git") or {}
    text = (git.get("diff") or {}).get("text") or ""
    return _Recorded(str(text).splitlines(), str(git.get("commit") or "no commit")[:12])
