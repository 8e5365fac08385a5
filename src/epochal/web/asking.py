"""Asking the application's own routes, in this process and without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast
from urllib.parse import quote, urlencode

from starlette.types import ASGIApp, Message

from epochal.core.errors import EpochalError


class Asked:
    """An application whose routes can be asked, without the guard in front of them.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON that a path answers.

        Raises:
            EpochalError: it answered with an error.
        """
        return json.loads(self._ask("GET", path, urlencode(query), b""))

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        """Return what a path answers to a JSON object.

        Raises:
            EpochalError: it answered with an error.
        """
        return self._ask("POST", path, "", json.dumps(body).encode("ascii"))

    def _ask(self, method: str, path: str, query: str, body: bytes) -> bytes:
        status, answer = asyncio.run(_exchange(self._app, method, path, query, body))
        if status != 200:
            raise EpochalError(f"{path}: {json.loads(answer)['error']}")
        return answer


async def _exchange(
    app: ASGIApp, method: str, path: str, query: str, body: bytes
) -> tuple[int, bytes]:
    """Return status and body of one request."""
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": quote(path).encode("ascii"),
        "query_string": query.encode("ascii"), "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 0), "server": ("127.0.0.1", 0),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    parts = [cast("bytes", each.get("body", b"")) for each in sent[1:]]
    return int(sent[0]["status"]), b"".join(parts)
