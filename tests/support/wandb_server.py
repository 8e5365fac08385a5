"""A small W&B server on 127.0.0.1: what its client needs to record a run, and ways to fail."""

import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789" * 4
"""What stands in for a key."""


@dataclass
class ServerRun:
    """What the server knows of a run."""

    history: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    summary: str = "{}"
    config: str = "{}"
    about: dict[str, Any] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the history."""
        return [json.loads(line) for line in self.history]


class WandbServer:
    """Runs in threads until the `with` block ends.

    Args:
        port: 0 takes a free one.

    Attributes:
        runs: by id.
        operations: names of the questions that were asked, in order.
        stream_status: HTTP status with which rows are refused; 200 takes them.
        status: the same for all other questions.
        hanging: while it is set, no answer comes.
        lose_after: rows beyond this number are taken and forgotten.
    """

    def __init__(self, port: int = 0) -> None:
        self.runs: dict[str, ServerRun] = {}
        self.operations: list[str] = []
        self.artifacts: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.stream_status = self.status = 200
        self.hanging = threading.Event()
        self.lose_after: int | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.answer(self)

            def do_PUT(self) -> None:
                server.keep(self)

            def do_GET(self) -> None:
                reply(self, {})

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # clients are killed in the middle

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hanging.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self) -> dict[str, str]:
        """The variables with which W&B's client finds this server."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a question, or take what was streamed."""
        body = json.loads(body_of(request))
        while self.hanging.is_set():
            time.sleep(0.02)
        stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", request.path)
        if stream:
            if self.stream_status == 200:
                self._take(self.runs[stream[1]], body)
            reply(request, {"limits": {}}, self.stream_status)
        elif self.status != 200:
            reply(request, {"errors": [{"message": "no"}]}, self.status)
        else:
            name = re.findall(r"\w+", body["query"])[1]
            self.operations.append(name)
            method = getattr(self, f"_on_{name}", None)
            data = method(body.get("variables") or {}) if method else {}
            reply(request, {"data": data})

    def keep(self, request: BaseHTTPRequestHandler) -> None:
        """Keep an uploaded file."""
        _, _, run, name = request.path.split("/", 3)
        body = body_of(request)
        if run in self.runs:
            self.runs[run].files[name] = body
        reply(request, {})

    def _take(self, run: ServerRun, body: dict[str, Any]) -> None:
        for name, chunk in (body.get("files") or {}).items():
            start, lines = chunk["offset"], chunk["content"]
            if name == "wandb-history.jsonl":
                run.history[start : start + len(lines)] = lines
                del run.history[self.lose_after or len(run.history) :]
            elif name == "output.log":
                run.log += lines if isinstance(lines, list) else [lines]
            elif name == "wandb-summary.json":
                run.summary = lines[-1]
        if body.get("complete"):
            run.exit_codes.append(body["exitcode"])

    def _bucket(self, name: str) -> dict[str, Any] | None:
        run = self.runs.get(name)
        if run is None:
            return None
        return {
            "id": name, "name": name, "displayName": run.about.get("displayName"),
            "summaryMetrics": run.summary, "config": run.config,
            "historyTail": json.dumps(run.history[-1:]), "historyLineCount": len(run.history),
            "eventsTail": "[]", "eventsLineCount": 0, "logLineCount": len(run.log),
            "tags": run.about.get("tags") or [], "notes": run.about.get("notes"),
            "wandbConfig": '{"t": 1}', "description": None, "sweepName": None, "project": PROJECT,
        }  # fmt: skip

    def _on_RunResumeStatus(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"model": {**PROJECT, "bucket": self._bucket(variables["name"])}}

    _on_EpochalRows = _on_RunResumeStatus  # noqa: N815 - named as it is asked

    def _on_UpsertBucket(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = variables["name"]
        inserted = name not in self.runs
        run = self.runs.setdefault(name, ServerRun())
        run.about |= {key: value for key, value in variables.items() if value is not None}
        if variables.get("config"):
            known = json.loads(run.config)
            run.config = json.dumps({**known, **json.loads(variables["config"])})
        return {"upsertBucket": {"bucket": self._bucket(name), "inserted": inserted}}

    def _on_Viewer(self, *_: Any) -> dict[str, Any]:  # noqa: N802
        person = {"id": "u", "username": "me", "entity": "team", "email": None, "admin": False}
        none: dict[str, Any] = {"edges": []}
        return {"viewer": {**person, "flags": "{}", "teams": none, "apiKeys": none}}

    def _on_ServerFeaturesQuery(self, *_: Any) -> dict[str, Any]:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def _on_ArtifactType(self, *_: Any) -> dict[str, Any]:  # noqa: N802
        return {"project": {"artifact": None}}

    def _on_CreateArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.artifacts.append(variables["input"])
        made = {"id": "a", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": made}}

    def _on_NotifyScriptableRunAlert(  # noqa: N802
        self, variables: dict[str, Any]
    ) -> dict[str, Any]:
        self.alerts.append(variables)
        return {"notifyScriptableRunAlert": {"success": True}}

    def _on_CreateRunFiles(self, variables: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = [
            {"name": name, "uploadUrl": f"{self.url}/upload/{variables['run']}/{name}"}
            for name in variables["files"]
        ]
        run = variables["run"]
        return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": files}}


PROJECT = {"id": "project", "name": "p", "entity": {"id": "entity", "name": "team"}}


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    """The body of a request."""
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def reply(request: BaseHTTPRequestHandler, content: Any, status: int = 200) -> None:
    """Answer with JSON."""
    body = json.dumps(content).encode("ascii")
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
