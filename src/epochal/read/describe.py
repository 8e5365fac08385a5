"""The document of a run: everything about it but its points, as plain JSON-able data.

:class:`~epochal.read.view.RunView` shows a document; the catalog keeps documents, so that listing
ten thousand runs opens none of their folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from epochal.core.errors import RunFolderError
from epochal.core.nested import merge
from epochal.read.contents import Contents
from epochal.read.expressions import FieldPath
from epochal.read.metrics import Definition, resolve
from epochal.store.catalog import Entry, Watch
from epochal.store.liveness import of_process

_FIELDS = (
    "id",
    "name",
    "project",
    "group",
    "state",
    "tags",
    "notes",
    "seed",
    "duration_s",
    "steps",
)
OFTEN_ASKED = ("last", "min", "max", "mean", "best")
"""Statistics that are found without decoding the others."""

_ALERT = ("title", "text", "level")
_GIT = ("commit", "branch", "dirty", "remote", "changed_files", "untracked_files")


def document(contents: Contents) -> dict[str, Any]:
    """Return the document of a run."""
    about, main = contents.about, contents.main
    states = {session.id: contents.state_of(session) for session in contents.own}
    environment = _environment(contents)
    git = environment.get("git") or {}
    alive = [s.last_elapsed_ns for s in contents.own if s.role != "annotate"]
    stats = contents.stats
    steps = [s.step_high for s in stats.values() if s.count and s.step_high == s.step_high]
    refused = list(contents.events("refused"))
    return {
        "id": about["id"],
        "name": _last(contents, "rename", "name", about["name"]),
        "project": about["project"],
        "group": about.get("group"),
        "state": states[main.id] if main else "unknown",
        "error": str((main.end() or {}).get("error") or "") if main else "",
        "tags": _tags(contents),
        "notes": _last(contents, "note", "text", about.get("notes", "")),
        "config": _config(contents),
        "seed": about.get("seed"),
        "created": about["created_s"],
        "duration_s": max(alive, default=0) / 1e9,
        "steps": max(steps, default=None),
        "git": {key: git[key] for key in _GIT if key in git},
        "host": environment.get("host") or about.get("host"),
        "fork": about.get("fork"),
        "missing_parent": contents.missing_parent,
        "definitions": {name: d.to_dict() for name, d in contents.definitions.items()},
        "metrics": {name: contents.summary_of(name).to_dict() for name in contents.metrics},
        "summary": _user_summary(contents),
        "sessions": [_session(session, states[session.id]) for session in contents.own],
        "alerts": _alerts(contents),
        "problems": _problems(contents),
        "refused": len(refused),
        "lost": sum(part.lost for part in contents.parts),
        "damage": contents.damage,
    }


def entry(run_dir: str, contents: Contents | None = None) -> Entry:
    """Describe a run for the catalog.

    Args:
        run_dir: its folder.
        contents: what it holds, if that was read already.

    Raises:
        RunFolderError, OSError: it cannot be read.
    """
    try:
        contents = contents or Contents(run_dir)
        about = document(contents)
        return Entry(about, dict(fields(about)), _watch(contents))
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # a stranger's run.json
        message = f"{run_dir} does not describe a run: {type(error).__name__}: {error}"
        raise RunFolderError(message) from error


def fields(about: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the fields of a document that filters can read, by path.

    A metric's statistics stand together at ``("metrics", name)``.
    """
    for name in _FIELDS:
        yield (name,), about[name]
    yield ("created",), about["created"]
    for root in ("config", "git"):
        yield from _flat((root,), about[root])
    if isinstance(about["seed"], Mapping):
        yield from _flat(("seed",), about["seed"])
    yield ("host",), about["host"]
    definitions = {n: Definition().updated(d) for n, d in about["definitions"].items()}
    for metric, summary in about["metrics"].items():
        yield ("metrics", metric), summary
        yield ("summary", metric), summary["value"]
        for field in OFTEN_ASKED:
            if summary[field] is not None:
                yield ("summary", metric, field), summary[field]
        goal = resolve(definitions, metric).goal
        if goal is not None:
            yield ("goals", metric), goal
    yield from _flat(("summary",), about["summary"])


def _flat(path: FieldPath, value: Any) -> Iterator[tuple[FieldPath, Any]]:
    """Yield a tree's nodes and leaves."""
    if len(path) > 1:
        yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat((*path, str(key)), inner)


def _watch(contents: Contents) -> list[Watch]:
    """Return what tells whether the sessions that have not ended have gone on."""
    found = []
    for session in contents.own:
        if session.role == "annotate" or session.end() is not None:
            continue
        last = os.path.join("journal", session.parts[-1].segment.name)
        path = os.path.join(contents.run_dir, last)
        size = os.path.getsize(path) if os.path.exists(path) else -1
        about = {key: session.descriptor.get(key) for key in ("host", "boot", "ring", "pid")}
        said = of_process(session.descriptor, session.seen_s()).value
        found.append(Watch(last, size, about, session.seen_s(), said))
    return found


def _last(contents: Contents, kind: str, key: str, default: Any) -> Any:
    found = [event.data[key] for _, event in contents.events(kind) if key in event.data]
    return found[-1] if found else default


def _tags(contents: Contents) -> list[str]:
    tags = dict.fromkeys(map(str, contents.about.get("tags", ())))
    for _, event in contents.events("tag", "untag"):
        for tag in map(str, event.data.get("tags", ())):
            if event.data["kind"] == "tag":
                tags[tag] = None
            else:
                tags.pop(tag, None)
    return list(tags)


def _config(contents: Contents) -> dict[str, Any]:
    config: dict[str, Any] = {}
    merge(config, contents.about.get("config") or {})
    for _, event in contents.events("config"):
        merge(config, event.data.get("update") or {})
    return config


def _user_summary(contents: Contents) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _, event in contents.events("summary"):
        for key, value in (event.data.get("values") or {}).items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
    return values


def _alerts(contents: Contents) -> list[dict[str, Any]]:
    found = []
    for session, event in contents.events("alert"):
        alert: dict[str, Any] = {"time_s": _time_s(session, event)}
        alert |= {key: event.data[key] for key in _ALERT if key in event.data}
        found.append(alert | ({"rank": session.rank} if session.rank else {}))
    return found


def _environment(contents: Contents) -> dict[str, Any]:
    """Return what was found out about the latest start."""
    found = [event.data.get("values") or {} for _, event in contents.events("environment")]
    return found[-1] if found else {}


def _problems(contents: Contents) -> dict[str, int]:
    """Add up what the sessions counted when they ended."""
    totals: dict[str, int] = {}
    for session in contents.own:
        for topic, count in ((session.end() or {}).get("problems") or {}).items():
            totals[topic] = totals.get(topic, 0) + int(count)
    return totals


def _session(session: Any, state: str) -> dict[str, Any]:
    about = session.descriptor
    return {
        "ordinal": session.ordinal, "id": session.id, "host": about.get("host", ""),
        "pid": about.get("pid", 0), "rank": session.rank, "role": session.role, "state": state,
        "started_s": about["wall_ns"] / 1e9 if about else float("nan"),
        "hides_after": session.hides_after,
    }  # fmt: skip


def _time_s(session: Any, event: Any) -> float:
    import numpy as np

    at = (np.array([event.seq]), np.array([event.elapsed_ns]))
    return float(session.clock.time_s(*at)[0])
