"""Answers: JSON with entity tags, and every error as ``{"error": sentence}``.

Browsers log each answer that is a failure in their console, also where the page says itself that a
project is not there or a filter not finished.  So the page's questions have the header
``X-Epochal: page``, and what is wrong with them is answered with status 200 and the true one in
``X-Epochal-Status``.  All others are answered as HTTP has it.

A module's ``routes(state)`` makes its routes with :func:`getting` and :func:`posting`; the handlers
are plain functions that return JSON-able data, or a ``Response``.  They run in threads, a few of
each route at a time, so that slow ones hold up no other route.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.core import errors
from epochal.core.names import printable

MAX_BODY_BYTES = 1_000_000

AT_ONCE = 6
"""So many requests of one route are worked on, as many as one browser sends; the server has forty
threads for all."""

LEFT = 499
"""The status of an answer that nobody waits for anymore."""

OF_THE_QUESTION = (400, 404, 422)
"""What is wrong with a question, not with the server or with who asks."""

Handler = Callable[[Request], Any]
PostHandler = Callable[[Request, dict[str, Any]], Any]

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (errors.NotFoundError, 404),
    (errors.FilterError, 400),
    (errors.SettingError, 400),
    (errors.ConfigError, 400),
    (errors.QueryError, 400),
    (errors.EvidenceError, 422),
    (errors.DamageError, 422),
    (errors.MissingExtraError, 501),
    (FileNotFoundError, 404),
    (OSError, 409),  # a run's folder cannot be read or written, which is not the server's failure
    (errors.EpochalError, 500),
)


class RefusedError(Exception):
    """A request that is not answered as asked.

    Args:
        status: of the answer.
        message: one sentence for the person.
        **more: further fields of the answer.
    """

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.more = status, message, more


def getting(path: str, handler: Handler) -> Route:
    """Return a route that answers GET with what a plain function returns."""
    turns = _Turns()

    async def endpoint(request: Request) -> Response:
        return await turns.take(request, lambda: _answer(request, handler(request)))

    return Route(path, endpoint, methods=["GET"])


def posting(path: str, handler: PostHandler) -> Route:
    """Return a route that answers POST; the function is given the body, a JSON object."""
    turns = _Turns()

    async def endpoint(request: Request) -> Response:
        try:
            body = _json_object(await request.body())
        except ClientDisconnect:
            return Response(status_code=LEFT)
        return await turns.take(request, lambda: _answer(request, handler(request, body)))

    return Route(path, endpoint, methods=["POST"])


class _Turns:
    """Lets a few requests of a route be worked on at once; the others wait and hold no thread."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._of = WeakKeyDictionary()  # a semaphore belongs to one loop, and tests have several

    async def take(self, request: Request, work: Callable[[], Response]) -> Response:
        """Do the work in a thread when it is its turn, if somebody still waits for it."""
        turns = self._of.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
        waits = turns.locked()
        async with turns:
            if waits and await request.is_disconnected():
                return Response(status_code=LEFT)
            return await run_in_threadpool(work)


def json_answer(request: Request, value: Any, *, status: int = 200) -> Response:
    """Return data as strict JSON with a tag of its content; not again to whom has it already.

    Non-finite numbers become the strings NaN, Infinity and -Infinity.
    """
    body = to_json(value)
    if request.method not in ("GET", "HEAD") or status != 200:
        return Response(body, status, media_type="application/json")
    etag = entity_tag(body)
    headers = {"etag": etag}
    return unchanged(request, etag) or Response(body, 200, headers, media_type="application/json")


def error_answer(status: int, message: str, **more: Any) -> Response:
    """Return an error as JSON."""
    return Response(to_json({"error": message, **more}), status, media_type="application/json")


def unchanged(request: Request, etag: str) -> Response | None:
    """Return the answer "not modified" if the browser has what the tag names, else None."""
    return Response(status_code=304, headers={"etag": etag}) if has(request, etag) else None


def has(request: Request, etag: str) -> bool:
    """Say whether the browser has already what a tag names."""
    given = request.headers.get("if-none-match", "").split(",")
    return not {etag, "*"}.isdisjoint(each.strip().removeprefix("W/") for each in given)


def entity_tag(*parts: object) -> str:
    """Return an entity tag of what an answer depends on."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode("utf-8", "replace"))
        digest.update(b"\0")
    return f'"{digest.hexdigest()[:24]}"'


def to_json(value: Any) -> bytes:
    """Return strict JSON in UTF-8.

    Example:
        >>> to_json({"loss": float("nan")})
        b'{"loss":"NaN"}'
    """
    try:
        text = _dumps(value)
    except (ValueError, TypeError):  # non-finite numbers, keys that are no text, foreign types
        text = _dumps(strict(value))
    return text.encode("utf-8", "backslashreplace")


def strict(value: Any) -> Any:
    """Return a value as strict JSON has it; types that JSON lacks become text."""
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): strict(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [strict(inner) for inner in value]
    plain = getattr(value, "tolist", None)  # NumPy scalars and arrays
    return strict(plain()) if callable(plain) else str(value)


def handlers(root: str) -> dict[Any, Any]:
    """Return what turns errors into answers; a message names no folder above the folder of runs."""
    root = os.path.abspath(root)

    def failed(request: Request, error: Exception) -> Response:
        answer = described(error)
        by_page = request.method == "GET" and request.headers.get("x-epochal") == "page"
        if by_page and answer.status_code in OF_THE_QUESTION:
            answer.headers["x-epochal-status"] = str(answer.status_code)
            answer.status_code = 200
        return answer

    def described(error: Exception) -> Response:
        if isinstance(error, RefusedError):
            answer = error_answer(error.status, error.message, **error.more)
            if error.status in (408, 413):
                answer.headers["connection"] = "close"  # the rest of the body is not read
            return answer
        if isinstance(error, HTTPException):
            answer = error_answer(error.status_code, str(error.detail))
            answer.headers.update(error.headers or {})
            return answer
        status = _status(error)
        message = _told(error).replace(root + os.sep, "").replace(root, os.path.basename(root))
        return error_answer(status, message)

    def broken(_request: Request, error: Exception) -> Response:
        kind = type(error).__name__
        return error_answer(500, f"the server failed ({kind}); its terminal says where")

    kinds = (RefusedError, HTTPException, errors.EpochalError, OSError)
    return {**dict.fromkeys(kinds, failed), Exception: broken}


def is_number(value: object) -> TypeGuard[float]:
    """Say whether a part of a body is a number; all of them are finite."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _status(error: Exception) -> int:
    """Return the status for an error; a run's folder that went away is not there anymore."""
    if isinstance(error, errors.RunFolderError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)


def _answer(request: Request, value: Any) -> Response:
    return value if isinstance(value, Response) else json_answer(request, value)


def _json_object(body: bytes) -> dict[str, Any]:
    """Return a body's object, in which all numbers are finite and all texts valid Unicode."""
    try:
        value = json.loads(
            body, parse_int=_integer, parse_float=_finite, parse_constant=_finite
        ) if body else {}  # fmt: skip
        if b"\\u" in body:  # half of a pair may be written so
            _dumps(value).encode("utf-8")
    except (ValueError, OverflowError, RecursionError):
        raise RefusedError(400, "the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "the body must be a JSON object")
    return value


def _integer(text: str) -> int:
    number = int(text)
    _finite(text)
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _told(error: Exception) -> str:
    """Return an error as a sentence; the caret under a filter is left out."""
    if isinstance(error, OSError) and not isinstance(error, errors.EpochalError):
        name = os.path.basename(str(error.filename or ""))
        return printable(f"{name}: {error.strerror or error}".removeprefix(": "))
    return printable(str(error).split("\n", 1)[0])
