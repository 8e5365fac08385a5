"""Answers that carry bytes or a file: whole or a range of it, and not at all if nothing changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from epochal.web.answers import has

CHUNK_BYTES = 256 << 10
FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Content:
    """What is answered with.

    Attributes:
        body: the bytes, or a file that was opened; the answer closes it.
        media_type: their kind, such as "image/png".
        etag: changes with the bytes, without quotes; "" where nothing says whether they did.
        headers: further ones.
    """

    body: bytes | BinaryIO
    media_type: str
    etag: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(request: Request, content: Content) -> Response:
    """Answer with all of it, with the range that is asked for (206), or with 304.

    Several ranges at once are answered with everything, as the standard allows.

    Example:
        >>> scope = {"type": "http", "method": "GET", "headers": [(b"range", b"bytes=1-2")]}
        >>> found = answer(Request(scope), Content(b"hello", "text/plain"))
        >>> found.status_code, found.body, found.headers["content-range"]
        (206, b'el', 'bytes 1-2/5')
    """
    headers = {"Cache-Control": ASK_AGAIN, **content.headers, "Accept-Ranges": "bytes"}
    headers |= {"X-Content-Type-Options": "nosniff"}
    etag = f'"{content.etag}"' if content.etag else ""
    headers |= {"ETag": etag} if etag else {}
    size = _size(content.body)
    start, stop, status = _wanted(request, etag, size)
    if status in (304, 416):
        _close(content.body)
        headers |= {"Content-Range": f"bytes */{size}"} if status == 416 else {}
        return Response(status_code=status, headers=headers)
    headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{size}"} if status == 206 else {}
    headers |= {"Content-Type": content.media_type, "Content-Length": str(stop - start)}
    if isinstance(content.body, bytes):
        body = b"" if request.method == "HEAD" else content.body[start:stop]
        return Response(body, status, headers)
    if request.method == "HEAD":
        _close(content.body)
        return Response(b"", status, headers)
    return _Sent(content.body, start, stop, status, headers)


def disposition(name: str, *, inline: bool = False) -> str:
    r"""Return a ``Content-Disposition`` by RFC 6266; whatever the name, it is one header.

    Example:
        >>> print(disposition('loß"\r\n.csv'))
        attachment; filename="lo___.csv"; filename*=UTF-8''lo%C3%9F%22__.csv
    """
    name = "".join(sign if sign.isprintable() and sign not in "/\\" else "_" for sign in name)
    plain = _PLAIN.sub("_", name).lstrip(".") or "file"
    text = f'{"inline" if inline else "attachment"}; filename="{plain}"'
    return text if plain == name else f"{text}; filename*=UTF-8''{quote(name, safe='')}"


def _wanted(request: Request, etag: str, size: int) -> tuple[int, int, int]:
    """Return the first byte, the end and the status."""
    if etag and has(request, etag):
        return 0, 0, 304
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    unchanged = request.headers.get("if-range", etag) == etag
    if asked is None or not unchanged or asked[1] == asked[2] == "":
        return 0, size, 200
    if asked[1]:
        start, stop = int(asked[1]), min(int(asked[2] or size) + bool(asked[2]), size)
        if asked[2] and int(asked[2]) < start:
            return 0, size, 200  # no valid range: it is as if none had been asked for
    else:
        start, stop = max(size - int(asked[2]), 0), size
    return (start, stop, 206) if start < stop else (0, 0, 416)


def _size(body: bytes | BinaryIO) -> int:
    return len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size


def _close(body: bytes | BinaryIO) -> None:
    if not isinstance(body, bytes):
        body.close()


class _Sent(StreamingResponse):
    """Sends a piece of a file, and closes it whether all of it was sent or not."""

    def __init__(
        self, file: BinaryIO, start: int, stop: int, status: int, headers: Mapping[str, str]
    ) -> None:
        self._file = file
        super().__init__(_pieces(file, start, stop), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _pieces(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """Yield a piece of a file; one that has become shorter ends early."""
    file.seek(start)
    while start < stop and (piece := file.read(min(CHUNK_BYTES, stop - start))):
        start += len(piece)
        yield piece
