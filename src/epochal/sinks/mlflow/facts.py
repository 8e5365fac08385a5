"""What MLflow is told of a run besides its points: parameters, tags and a document of it all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from epochal.core.nested import flatten, merge
from epochal.core.records import Event, RunInfo
from epochal.sinks.json_rows import to_json
from epochal.sinks.mlflow.names import to_mlflow
from epochal.sinks.mlflow.target import MAX_PARAM_CHARS, MAX_TAG_CHARS

NOTE_TAG = "mlflow.note.content"


class Facts:
    """Follows the events of a run; its state survives in JSON.

    Args:
        run: as of its start.
        state: what :attr:`state` was, None at the beginning.
        tags: more tags for MLflow.

    Attributes:
        state: everything that is known, JSON-able.
    """

    def __init__(
        self, run: RunInfo, state: Mapping[str, Any] | None, tags: Mapping[str, str]
    ) -> None:
        self._run, self._more = run, dict(tags)
        self.state: dict[str, Any] = _plain(state or _beginning(run))

    def take(self, event: Event) -> bool:
        """Take an event; False: it changes nothing here."""
        data, state = event.data, self.state
        match event.kind:
            case "config":
                merge(state["config"], _plain(data["update"]))
            case "summary":
                state["summary"].update(_plain(data["values"]))
            case "define":
                about = {key: value for key, value in data.items() if key != "metric"}
                state["definitions"].setdefault(data["metric"], {}).update(_plain(about))
            case "environment":
                state["code"] = _code(data["values"])
            case "resume":
                state["state"], state["error"] = "running", None
                if data.get("after") is not None:
                    state["resumed"].append({"session": event.session, "after": data["after"]})
            case "end":
                state["state"], state["error"] = data["state"], data.get("error")
            case _:
                return self._take_words(event.kind, data)
        return True

    def _take_words(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Follow what people say of the run."""
        state = self.state
        match kind:
            case "tag":
                state["tags"] = list(dict.fromkeys([*state["tags"], *data["tags"]]))
            case "untag":
                state["tags"] = [tag for tag in state["tags"] if tag not in data["tags"]]
            case "note":
                state["notes"] = data["text"]
            case "rename":
                state["name"] = data["name"]
            case _:
                return False
        return True

    def params(self) -> dict[str, str]:
        """Return the flattened config as MLflow takes it: keys and values cut to their limits."""
        leaves = flatten(self.state["config"]).items()
        return {to_mlflow(key): _cut(str(value), MAX_PARAM_CHARS) for key, value in leaves if key}

    def tags(self, known_params: Mapping[str, str]) -> dict[str, str]:
        """Return all tags of the run.

        Args:
            known_params: what MLflow has; it never changes one, so the others are named in a tag.
        """
        state, run = self.state, self._run
        params = self.params()
        changed = [key for key, value in params.items() if known_params.get(key, value) != value]
        found = {
            "epochal.project": run.project,
            "epochal.group": run.group,
            "epochal.job_type": run.job_type,
            "epochal.state": state["state"],
            "epochal.tags": json.dumps(state["tags"], ensure_ascii=False),
            "epochal.error": (state["error"] or "")[-MAX_TAG_CHARS:] or None,
            "epochal.params_changed": json.dumps(changed) if changed else None,
            "epochal.resumed": json.dumps(state["resumed"]) if state["resumed"] else None,
            NOTE_TAG: state["notes"] or None,
            **state["code"],
        }
        for metric, about in state["definitions"].items():
            found[f"epochal.goal.{metric}"] = about.get("goal")
        for key, value in flatten(state["summary"]).items():
            found[f"epochal.summary.{key}"] = str(value)
        found |= self._more
        return {to_mlflow(k): _cut(v, MAX_TAG_CHARS) for k, v in found.items() if v is not None}

    def document(self, **more: Any) -> bytes:
        """Return everything as strict JSON, whole and under its own names."""
        run = self._run
        about = {
            "id": run.id, "name": self.state["name"], "project": run.project, "group": run.group,
            "job_type": run.job_type, "created_s": run.created_s,
        }  # fmt: skip
        return to_json({**about, **self.state, **more}, indented=True) + b"\n"


def _beginning(run: RunInfo) -> dict[str, Any]:
    return {
        "name": run.name, "config": run.config, "tags": list(run.tags), "notes": run.notes,
        "state": "running", "error": None, "summary": {}, "definitions": {}, "resumed": [],
        "code": {},
    }  # fmt: skip


def _code(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return MLflow's own tags of the code that ran."""
    git = environment.get("git") or {}
    argv = environment.get("argv") or [""]
    script = (environment.get("entrypoint") or {}).get("path") or argv[0]
    found = {
        "mlflow.source.name": script,
        "mlflow.source.git.commit": git.get("commit"),
        "mlflow.source.git.branch": git.get("branch"),
        "mlflow.source.git.repoURL": git.get("remote"),
    }
    return {key: str(value) for key, value in found.items() if value}


def _plain(value: Any) -> Any:
    """Return a copy of which everything is JSON-able."""
    return json.loads(json.dumps(value, default=str))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
