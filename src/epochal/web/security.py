"""The guard in front of every route: who may ask, from where, for what, and how much.

It is one ASGI layer and runs before routing, so that no route can be forgotten.  In this order:

1. the ``Host`` must be a name of this server, which ends DNS rebinding (421);
2. an ``Origin`` must be this server itself, never "null" or another port of this machine (403);
3. what is not open needs the right to read (401), unless everybody on loopback may read;
4. methods that can change something need JSON and the header ``X-Epochal: 1``, which no foreign
   page can send without asking first (415, 403), and the right to write (401);
5. a body is at most ``MAX_BODY_BYTES``, counted as it arrives (413), within a time limit (408).

Every answer gets the same strict headers, and none that would let other origins read it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from epochal.web.answers import MAX_BODY_BYTES, RefusedError, error_answer
from epochal.web.tokens import Tokens

MAX_QUERY_BYTES = 100_000
"""Room for the ids of the two thousand runs that one question may name."""

BODY_S = 30.0
"""So long a body may take to arrive."""

OPEN = frozenset(
    {"/health", "/login", "/api/login", "/static/login.js", "/static/login.css", "/static/icon.svg"}
)
"""What needs no right at all: saying that one lives, and getting a right."""

READING_POSTS = frozenset({"/api/series", "/api/logout"})
"""What is posted although it changes nothing here."""

PAGES = frozenset({"/", "/login"})
"""What a link on another site may lead to."""

RIGHT = "epochal.right"
"""Where a request's scope says what the browser may do: "", "read" or "write"."""

_HOST = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Policy:
    """What the guard goes by.

    Attributes:
        tokens: makes and checks what browsers show.
        port: that the server listens on; the cookie is named after it.
        names: hosts under which it answers; those of loopback are always among them.
        any_address: it listens on all addresses of the machine: any of them is a name of it, as an
            address cannot be rebound.
        everybody_reads: reading needs no right.
        csp: returns the content security policy of the pages.
        command: what people are told to start again.
    """

    tokens: Tokens
    port: int
    names: frozenset[str] = field(default_factory=frozenset)
    any_address: bool = False
    everybody_reads: bool = True
    csp: Callable[[], str] = lambda: "default-src 'none'"
    command: str = "epochal serve"

    @property
    def cookie(self) -> str:
        """The name of the cookie."""
        return f"epochal_{self.port}"


class Guard:
    """The layer itself.

    Args:
        app: what it protects.
        policy: what it goes by.
        login_page: answers a document that needs a right.
    """

    def __init__(
        self, app: ASGIApp, policy: Policy, login_page: Callable[[], Response] | None = None
    ) -> None:
        self._app, self._policy, self._login_page = app, policy, login_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks anything else
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope)
        try:
            right = self.check(request)
        except RefusedError as refused:
            answer = self._refusal(request, refused)
            answer.headers["connection"] = "close"  # what follows in a body is not read
            await answer(scope, receive, self._sealed(send))
            return
        scope[RIGHT] = right
        await self._app(scope, limited(receive), self._sealed(send))

    def check(self, request: Request) -> str:
        """Return what the browser may do: "", "read" or "write".

        Raises:
            RefusedError: not even this.
        """
        host = self._check_host(request.headers)
        self._check_origin(request, host)
        self._check_form(request)
        right = self._policy.tokens.right(request.cookies.get(self._policy.cookie, ""))
        path, method = request.scope["path"], request.method
        command = self._policy.command
        if path not in OPEN and not right and not self._policy.everybody_reads:
            raise RefusedError(401, f"open it with a link that `{command}` made")
        if method not in _READS:
            self._check_change(request.headers)
            if path not in OPEN | READING_POSTS and right != "write":
                raise RefusedError(401, f"this browser may only read: see `{command} --help`")
        return right

    def _check_host(self, headers: Headers) -> str:
        given = headers.getlist("host")
        match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None or not self._is_mine(match["name"].lower()):
            raise RefusedError(
                421, "this server does not answer to that host name: start it with --allow-host"
            )
        return given[0].lower()

    def _is_mine(self, name: str) -> bool:
        bare = name.strip("[]")
        if is_loopback(bare) or bare in self._policy.names:
            return True
        return self._policy.any_address and _is_address(bare)

    def _check_origin(self, request: Request, host: str) -> None:
        headers = request.headers
        for origin in headers.getlist("origin"):
            scheme, _, rest = origin.lower().partition("://")
            if scheme not in ("http", "https") or _without_port(rest, scheme) != _without_port(
                host, scheme
            ):
                raise RefusedError(403, "another site may not use this server")
        # Browsers say it themselves: pages of other sites, other ports of this machine included.
        fetched_by = headers.get("sec-fetch-site", "none")
        visits = headers.get("sec-fetch-mode") == "navigate" and request.scope["path"] in PAGES
        if fetched_by not in ("none", "same-origin") and not visits:
            raise RefusedError(403, "another site may not use this server")

    @staticmethod
    def _check_form(request: Request) -> None:
        path, headers = request.scope["path"], request.headers
        if not path.startswith("/") or _CONTROL.search(path):
            raise RefusedError(400, "the address has characters that no address here has")
        if len(request.scope["query_string"]) > MAX_QUERY_BYTES:
            raise RefusedError(414, f"a query has at most {MAX_QUERY_BYTES:,} bytes")
        if "transfer-encoding" in headers and "content-length" in headers:
            raise RefusedError(400, "a body has one length")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MAX_BODY_BYTES:
            raise _too_large()

    @staticmethod
    def _check_change(headers: Headers) -> None:
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError(415, "the body must be application/json")
        if headers.get("x-epochal") != "1":
            raise RefusedError(403, "the header X-Epochal: 1 is missing")

    def _refusal(self, request: Request, refused: RefusedError) -> Response:
        document = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if refused.status == 401 and document and self._login_page is not None:
            return self._login_page()
        return error_answer(refused.status, refused.message, **refused.more)

    def _sealed(self, send: Send) -> Send:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers.setdefault("content-security-policy", self._policy.csp())
                headers.setdefault("cache-control", "no-cache")
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "no-referrer"
                headers["cross-origin-resource-policy"] = "same-origin"
                headers["cross-origin-opener-policy"] = "same-origin"
                message = {**message, "headers": headers.raw}
            await send(message)

        return sealed


def is_name(host: str) -> bool:
    """Say whether a browser can send this as the name of a host.

    Example:
        >>> is_name("proxy.example.org"), is_name("::1"), is_name("http://proxy:80/")
        (True, True, False)
    """
    match = _HOST.fullmatch(host)
    return _is_address(host) or (match is not None and match["port"] is None)


def is_loopback(host: str) -> bool:
    """Say whether a name or address can only be reached from this machine.

    Example:
        >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("example.org")
        (True, True, False)
    """
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def limited(receive: Receive) -> Receive:
    """Return a receive that gives up on a body that is too large or too slow."""
    taken, deadline = 0, 0.0

    async def bounded() -> Message:
        nonlocal taken, deadline
        now = asyncio.get_running_loop().time()
        deadline = deadline or now + BODY_S
        try:
            message = await _within(receive(), deadline - now)
        except asyncio.TimeoutError:
            raise RefusedError(408, f"the body took longer than {BODY_S:.0f} s") from None
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            deadline = float("inf")  # what comes now is the news that the browser is gone
        return message

    return bounded


async def _within(waiting: Awaitable[Message], seconds: float) -> Message:
    if seconds == float("inf"):
        return await waiting
    return await asyncio.wait_for(waiting, max(seconds, 0.0))


def _too_large() -> RefusedError:
    return RefusedError(413, f"a body has at most {MAX_BODY_BYTES:,} bytes")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _without_port(host: str, scheme: str) -> str:
    return host.removesuffix(":443" if scheme == "https" else ":80")
