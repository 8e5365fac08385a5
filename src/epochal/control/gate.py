"""The gate to Gradio: the few addresses that its page needs, and nothing else that it would serve.

Gradio has some ninety routes: files by path, a proxy, uploads, its own API and its description.
The page needs seven of them.  What is not among these is not found, before Gradio sees it; headers
and queries by which a request could say who it is, or name a file, are left out of what it sees.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from epochal.web.answers import error_answer
from epochal.web.security import RIGHT

PASSED = (
    ("GET", re.compile(r"/")),
    ("GET", re.compile(r"/theme\.css")),
    ("GET", re.compile(r"/favicon\.ico")),
    ("GET", re.compile(r"/assets/(?!\.)[A-Za-z0-9_.-]{1,200}")),
    ("GET", re.compile(r"/static/(?:js|img)/(?!\.)[A-Za-z0-9_.-]{1,100}")),
    ("GET", re.compile(r"/gradio_api/app_id")),  # asked for while the panel is gone
    ("POST", re.compile(r"/gradio_api/run/predict")),
)  # fmt: skip
"""What reaches Gradio: method and address."""

KEPT_HEADERS = frozenset(
    (b"host", b"accept", b"accept-language", b"content-type", b"content-length", b"user-agent")
)
DROPPED = frozenset((b"server", b"access-control-allow-origin", b"access-control-allow-credentials",
                     b"access-control-allow-headers", b"access-control-allow-methods"))  # fmt: skip

_HEAD = re.compile(rb"<head>", re.IGNORECASE)
_OUTSIDE = re.compile(
    rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*|<link\s[^>]*rel="manifest"[^>]*>',
    re.IGNORECASE,
)
_SCRIPT = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)


class Files(NamedTuple):
    """Addresses of our own script and styles for the page."""

    script: str
    styles: str


class Gate:
    """The layer in front of Gradio.

    Args:
        app: Gradio's application.
        files: what the page loads besides.
    """

    def __init__(self, app: ASGIApp, files: Files) -> None:
        self._app = app
        self._head = (
            f'<head><script src="{files.script}"></script>'
            f'<link rel="stylesheet" href="{files.styles}">'
        ).encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have Gradio answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = scope["path"], "GET" if scope["method"] == "HEAD" else scope["method"]
        if not any(method == m and known.fullmatch(path) for m, known in PASSED):
            await error_answer(404, "there is no such page")(scope, receive, send)
            return
        if scope.get(RIGHT) != "write":
            await error_answer(401, "this browser may not use the panel")(scope, receive, send)
            return
        headers = [(name, value) for name, value in scope["headers"] if name in KEPT_HEADERS]
        seen = {**scope, "headers": headers, "query_string": b""}
        page = _Page(send, self._head) if path == "/" else None
        await self._app(seen, receive, page.send if page else _without_cors(send))


class _Page:
    """Completes the page on its way: our files, and a policy that knows its scripts."""

    def __init__(self, send: Send, head: bytes) -> None:
        self._send, self._head = send, head
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        """Take a piece of the answer; hand it on when it is whole."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = _HEAD.sub(lambda _: self._head, _OUTSIDE.sub(b"", self._body), count=1)
        headers = MutableHeaders(raw=_kept(self._start))
        headers["content-length"] = str(len(body))
        headers["content-security-policy"] = policy(body)
        headers["cache-control"] = "no-store"
        await self._send({**self._start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def policy(page: bytes) -> str:
    """Return the content security policy of a page: our own files, and the scripts that it holds.

    Styles may stand in the page, as Gradio's components set them.
    """
    hashes = []
    for found in _SCRIPT.finditer(page):
        if b"src=" not in found["attributes"]:
            digest = hashlib.sha256(found["code"]).digest()
            hashes.append(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; style-src 'self'"
        " 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self';"
        " base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    )


def _without_cors(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _kept(message)}
        await send(message)

    return sent


def _kept(start: Message) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in start["headers"] if name.lower() not in DROPPED]
