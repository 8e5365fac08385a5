"""Routes of the dashboard, served to a test without a socket, and paths that lead elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.testclient import TestClient

from epochal.web import answers
from epochal.web.state import State

ESCAPES = [
    "", ".", "..", "/", "//", "/etc/passwd", "../secret", "a/../../secret", "a/..", "a/./b.txt",
    "./a/b.txt", "a//b.txt", "a/b.txt/", "a/b.txt/.", "/a/b.txt", "..\\secret", "a\\b.txt",
    "a\0/b.txt", "a/b.txt\0", "\0", "%2e%2e/secret", "..%2fsecret", "%252e%252e%252fsecret",
    "....//secret", "..;/secret", "file:///etc/passwd", "a/b.txt#", "a/b.txt?x", "~/.ssh/id_rsa",
    "C:/secret", "C:\\secret", "\\\\host\\share", "a/" * 40 + "b.txt", "a" * 300, ".hidden",
    "a/.hidden", "\uff0e\uff0e/secret", "\u2025/secret", "a/b.txt\n", "\ud800",
]  # fmt: skip
"""Paths that lead out of a folder, or are no plain path of a file."""


@contextmanager
def serving(root: object, *modules) -> Iterator[TestClient]:
    """Yield a client of the routes of some modules over a folder of runs; no guard is in front."""
    state = State(str(root))
    routes = [route for module in modules for route in module.routes(state)]
    app = Starlette(routes=routes, exception_handlers=answers.handlers(state.root))
    app.router.redirect_slashes = False
    with TestClient(app) as client:
        client.state = state
        yield client
    state.close()
