"""The page itself: static files under addresses that change with their content, and ``/``."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import os
import re
import threading
from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.web.answers import RefusedError, unchanged

if TYPE_CHECKING:
    from epochal.web.state import State

FOLDER = os.path.join(os.path.dirname(__file__), "static")
VENDOR = {
    "preact": "vendor/preact.mjs",
    "preact/hooks": "vendor/hooks.mjs",
    "htm": "vendor/htm.mjs",
    "uplot": "vendor/uPlot.esm.js",
}
"""What comes from others, by the names under which our modules import it."""

MOSTLY = ("runs_page.js",)
"""Pages that most visits come to: their modules do not wait until the address is read."""

FIRST_STYLES = ("vendor/uPlot.min.css", "base.css")
STYLES = "styles.css"
"""All style sheets of the page as one file, which nobody has to write: one question less each."""

FOREVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
    ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".txt": "text/plain",
}  # fmt: skip
_IMPORT_MAP = re.compile(r"<!--\s*import ?map\s*-->", re.IGNORECASE)
_STYLES = re.compile(r"<!--\s*styles\s*-->", re.IGNORECASE)
_IMPORT = re.compile(r"""(?:\bfrom|^import)\s*["']([^"']+)["']""", re.MULTILINE)
_ADDRESS = re.compile(r'((?:src|href)=")/static/([A-Za-z0-9_./-]+)"')


class StaticFile(NamedTuple):
    """A file: its content, a hash of it, and what it is."""

    body: bytes
    digest: str
    media_type: str
    changed_ns: int


class Assets:
    """The files below a folder that browsers may have.  Threads may share it.

    Only what was found by listing the folder can be asked for, so no name from a request ever
    becomes a path.  Files that change are read again: whoever edits them only reloads the page.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: str = FOLDER) -> None:
        self._folder = folder
        self._files: dict[str, StaticFile] = {}
        self._lock = threading.Lock()
        self._csp = ""
        self.look()

    def look(self) -> None:
        """List the folder again, and read what has changed."""
        with self._lock:
            found: dict[str, StaticFile] = {}
            for name, path, changed_ns in _listed(self._folder):
                known = self._files.get(name)
                if known is None or known.changed_ns != changed_ns:
                    known = _read(path, changed_ns)
                found[name] = known
            changed_ns = max((file.changed_ns for file in found.values()), default=0)
            found[STYLES] = _static(
                joined({name: file.body for name, file in found.items()}), "text/css", changed_ns
            )
            if found != self._files:
                self._files, self._csp = found, ""

    @property
    def missing(self) -> list[str]:
        """What should be there and is not: the files that come from others."""
        return sorted(name for name in VENDOR.values() if name not in self._files)

    @property
    def csp(self) -> str:
        """The content security policy: our own files, and the one script that the page holds."""
        if not self._csp:
            digest = hashlib.sha256(self._import_map().encode("utf-8")).digest()
            script = f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
            self._csp = _policy(script)
        return self._csp

    def get(self, name: str) -> StaticFile | None:
        """Return a file, None: there is none of that name."""
        return self._files.get(name)

    def page(self, name: str) -> bytes:
        """Return a page, with the import map, the styles and the addresses of this moment."""
        file = self._files.get(name)
        if file is None:
            return _said("The page is missing", f"static/{name} is not part of this installation.")
        text = file.body.decode("utf-8")
        script = f'<script type="importmap">{self._import_map()}</script>'
        text = _IMPORT_MAP.sub(lambda _: script + self._preloads(text), text)
        text = _STYLES.sub(f'<link rel="stylesheet" href="/static/{STYLES}" />', text)
        return _ADDRESS.sub(lambda m: f'{m[1]}{self._address(m[2])}"', text).encode("utf-8")

    def _import_map(self) -> str:
        imports = {name: self._address(path) for name, path in VENDOR.items()}
        imports["epochal/"] = "/static/"
        for name in sorted(self._files):
            if name.endswith(".js") and not name.startswith("vendor/"):
                imports[f"epochal/{name}"] = self._address(name)
        text = json.dumps({"imports": imports}, separators=(",", ":"))
        return text.replace("<", "\\u003c")

    def _preloads(self, page: str) -> str:
        """Return links to what the page's modules import: asked for at once, not one by one."""
        found = [m[2] for m in _ADDRESS.finditer(page) if m[2].endswith(".js")]
        names = dict.fromkeys([*found, *(each for each in MOSTLY if each in self._files)])
        waiting = list(names)
        while waiting:
            file = self._files.get(waiting.pop())
            imported = _IMPORT.findall(file.body.decode("utf-8", "replace")) if file else []
            for name in (VENDOR.get(each, each.removeprefix("epochal/")) for each in imported):
                if name in self._files and name not in names:
                    names[name] = None
                    waiting.append(name)
        links = (f'<link rel="modulepreload" href="{self._address(name)}" />' for name in names)
        return "\n    ".join(["", *links])

    def _address(self, name: str) -> str:
        file = self._files.get(name)
        return f"/static/{name}?v={file.digest[:16]}" if file else f"/static/{name}"


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""
    assets = state.assets

    def home(_request: Request) -> Response:
        assets.look()
        if assets.missing:
            return _page(_no_assets(assets.missing), assets.csp, 503)
        state.warm_up("charts")
        return _page(assets.page("index.html"), assets.csp)

    def login(_request: Request) -> Response:
        return login_page(assets, 200)

    async def static(request: Request) -> Response:  # from memory: no thread is needed
        name = request.path_params["path"]
        file = assets.get(name)
        if file is None:
            await run_in_threadpool(assets.look)
            file = assets.get(name)
        if file is None:
            raise RefusedError(404, "there is no such file")
        etag = f'"{file.digest[:24]}"'
        forever = request.query_params.get("v", "") == file.digest[:16]
        headers = {"etag": etag, "cache-control": FOREVER if forever else "no-cache"}
        answer = unchanged(request, etag) or Response(file.body, media_type=file.media_type)
        answer.headers.update(headers)
        return answer

    return [
        Route("/", home, methods=["GET"]),
        Route("/login", login, methods=["GET"]),
        Route("/static/{path:path}", static, methods=["GET"]),
    ]


def login_page(assets: Assets, status: int = 401) -> Response:
    """Return the page that exchanges a link for a cookie."""
    assets.look()
    return _page(assets.page("login.html"), assets.csp, status)


def _page(body: bytes, csp: str, status: int = 200) -> Response:
    headers = {"content-security-policy": csp, "cache-control": "no-cache"}
    return Response(body, status, headers, media_type="text/html")


def _no_assets(missing: list[str]) -> bytes:
    return _said(
        "The dashboard has no charts yet",
        f"This installation lacks {len(missing)} files of other projects, such as {missing[0]}:"
        " they are brought by npm when Epochal is built. Install it again from a wheel with"
        " pip install --force-reinstall 'epochal[dashboard]', or in a checkout run"
        " pip install -e . with a network and npm.",
    )


def _said(title: str, text: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title></head><body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main>"
        "</body></html>"
    ).encode()


def _policy(script: str) -> str:
    return (
        f"default-src 'none'; script-src 'self' {script}; style-src 'self';"
        " img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self';"
        " font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )


def _listed(folder: str, below: str = "") -> Iterator[tuple[str, str, int]]:
    """Yield name, path and time of the files that browsers may have."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _listed(entry.path, f"{below}{entry.name}/")
            elif os.path.splitext(entry.name)[1] in {*_TYPES, ".html"}:
                yield f"{below}{entry.name}", entry.path, entry.stat().st_mtime_ns


def _read(path: str, changed_ns: int) -> StaticFile:
    with open(path, "rb") as file:
        body = file.read()
    kind = os.path.splitext(path)[1]
    media_type = _TYPES.get(kind) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return _static(body, media_type, changed_ns)


def _static(body: bytes, media_type: str, changed_ns: int) -> StaticFile:
    return StaticFile(body, hashlib.sha256(body).hexdigest(), media_type, changed_ns)


def joined(files: Mapping[str, bytes]) -> bytes:
    """Return the style sheets of the page among some files as one, in the order that they need."""
    names = sorted(name for name in files if name.endswith(".css") and name != "login.css")
    first = [name for name in FIRST_STYLES if name in names]
    ordered = [*first, *(name for name in names if name not in {*first, STYLES})]
    return b"\n".join(files[name] for name in ordered)
