"""The panel over HTTP, as strangers ask it: every route, and every way around the page."""

import contextlib
import copy
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from control_process import COMMAND, JSON

OPEN = {"/health", "/login", "/api/login", "/static/login.js", "/static/login.css"}

ROUTES = """
import json, os, sys
from epochal.control.serve import Server
server = Server(sys.argv[1], port=0)
found = []
def walk(routes, below):
    for route in routes:
        if hasattr(route, "original_router"):  # as newer FastAPI keeps what it includes
            walk(route.original_router.routes, below)
            continue
        inner = getattr(route, "app", None)
        while inner is not None and not hasattr(inner, "routes"):
            inner = getattr(inner, "_app", None) or getattr(inner, "app", None)
        path = below + getattr(route, "path", "")
        if inner is not None and hasattr(route, "name") and type(route).__name__ == "Mount":
            walk(inner.routes, path.rstrip("/"))
        else:
            found.append([sorted(getattr(route, "methods", None) or ["GET"]), path])
walk(server._app.routes, "")
print(json.dumps(found))
"""

LOUD = """
import socket, sys
told = open(sys.argv.pop(1), "a", buffering=1)
asked, connect = socket.getaddrinfo, socket.socket.connect
def getaddrinfo(host, *more, **named):
    if host not in ("127.0.0.1", "localhost"):
        told.write(f"looked up {host}\\n")
    return asked(host, *more, **named)
def connected(self, address):
    if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
        told.write(f"connected to {address}\\n")
    return connect(self, address)
socket.getaddrinfo, socket.socket.connect = getaddrinfo, connected
from epochal.cli import main
main(["control", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def routes(tmp_path_factory) -> list[tuple[str, str]]:
    """Method and address of every route that is mounted, Gradio's own among them."""
    folder = tmp_path_factory.mktemp("routes")
    done = subprocess.run(
        [sys.executable, "-c", ROUTES, str(folder / "runs")], capture_output=True, text=True,
        check=True, env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )  # fmt: skip
    found = []
    for methods, template in json.loads(done.stdout):
        path = re.sub(r"\{[^}]*\}", "abcdefgh", template) or "/"
        found += [(method, path) for method in methods if method != "HEAD"]
    return sorted(set(found))


@pytest.fixture(scope="module")
def inside(panel):
    """The same panel, as one who is logged in sees it."""
    return copy.copy(panel).log_in()


def test_the_table_of_routes_is_complete(routes):
    """What the tests below go through has our routes and Gradio's."""
    paths = {path for _, path in routes}
    assert {"/", "/api/login", "/panel/abcdefgh", "/gradio_api/upload"} <= paths
    assert len(paths) > 60


def test_without_a_cookie_there_is_nothing(panel, routes):
    """Every route but health and login answers 401, whatever it is."""
    for method, path in routes:
        answer = panel.ask(method, path, b"{}" if method != "GET" else None, JSON)
        if path in OPEN:
            assert answer.status in (200, 401, 404), (method, path)
        else:
            assert answer.status == 401, (method, path, answer.status)


def test_with_a_cookie_only_the_page_is_there(inside, routes):
    """Of Gradio's routes six are reached: no files, uploads, proxy, API, description, queue."""
    reached = set()
    for method, path in routes:
        answer = inside.ask(method, path, b"{}" if method != "GET" else None, JSON)
        assert answer.status < 500, (method, path, answer.status)
        if answer.status != 404:
            reached.add((method, path))
    assert reached <= {
        ("GET", "/"), ("GET", "/theme.css"), ("GET", "/favicon.ico"), ("GET", "/login"),
        ("GET", "/health"), ("GET", "/gradio_api/app_id"), ("POST", "/gradio_api/run/abcdefgh"),
        ("POST", "/api/login"), ("POST", "/api/logout"), ("GET", "/static/login.js"),
        ("GET", "/static/login.css"),
    }  # fmt: skip


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example", "", "a@b"])
def test_a_rebound_name_reaches_no_route(inside, routes, host):
    """A Host that is not this server is refused before routing, on every route."""
    for method, path in routes:
        answer = inside.ask(
            method, path, b"{}" if method != "GET" else None, {**JSON, "Host": host}
        )
        assert answer.status in (400, 421), (method, path, answer.status)


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://localhost:9999"])
def test_another_page_reaches_no_route(inside, routes, origin):
    """A foreign Origin is refused on every route, and gets no CORS header."""
    for method, path in routes:
        headers = {**JSON, "Origin": origin}
        answer = inside.ask(method, path, b"{}" if method != "GET" else None, headers)
        assert answer.status == 403, (method, path, answer.status)
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_events_need_json_and_the_header(inside):
    """A form of another page cannot start anything: 415 and 403 before Gradio sees it."""
    body = json.dumps({"fn_index": 0, "data": [], "session_hash": "x"}).encode()
    path = "/gradio_api/run/predict"
    assert inside.ask("POST", path, body, {"Content-Type": "text/plain"}).status == 415
    assert inside.ask("POST", path, body, {"Content-Type": "application/json"}).status == 403


def test_bodies_are_capped(inside):
    """More than a million bytes are refused by their announced length."""
    headers = {**JSON, "Content-Length": "1100000"}
    assert inside.ask("POST", "/gradio_api/run/predict", b"{", headers).status == 413


@pytest.mark.parametrize(
    "base",
    ["/assets/", "/static/js/", "/static/", "/panel/", "/panel/figure/x/", "/panel/document/",
     "/gradio_api/file=", "/file=", "/gradio_api/file/"],
)  # fmt: skip
@pytest.mark.parametrize(
    "name",
    ["../../../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd",
     "/etc/passwd", "%2fetc%2fpasswd", "..\\..\\etc\\passwd", "..%5c..%5cetc%5cpasswd", "C:/x",
     "a%00.css", ".", "..", "%2e%2e", "__init__.py", "control.css/..", "http://127.0.0.1:1/x"],
)  # fmt: skip
def test_no_path_of_a_request_reaches_a_file(inside, base, name):
    """Traversal in every form gives an error, and never the content of a file."""
    answer = inside.ask("GET", base + name)
    assert answer.status in (400, 404), answer.status
    assert b"root:" not in answer.body


def test_the_headers_are_strict(inside):
    """The page allows its own scripts by hash, no eval, no other host, and no frame around it."""
    answer = inside.ask("GET", "/")
    assert answer.status == 200
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    assert policy["connect-src"] == policy["font-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers
    page = answer.body.decode()
    assert not re.search(r'(?:src|href|content)="(?:https?:)?//', page)
    assert str(inside.runs) not in page


def test_a_link_works_once_and_its_token_is_nowhere(start_panel):
    """The second use of a link is refused; neither it nor the cookie is printed or stored."""
    panel = start_panel().log_in()
    cookie = panel.ask("POST", "/api/login", json.dumps({"token": panel.token}).encode(), JSON)
    assert cookie.status == 401
    value = panel.cookie.partition("=")[2]
    assert panel.ask("GET", "/").status == 200
    assert sum(panel.token in line for line in panel.lines) == 1
    assert not any(value in line for line in panel.lines)
    stored = [path for path in panel.home.rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        assert panel.token.encode() not in path.read_bytes()


def test_what_it_writes_is_for_its_user_only(start_panel):
    """With the most open mask nothing of it can be read by others, and its files go with it."""
    before = os.umask(0)
    try:
        panel = start_panel()
    finally:
        os.umask(before)
    panel.log_in().ask("GET", "/")
    found = [panel.home / "state" / "epochal", *(panel.home / "tmp").iterdir()]
    for path in found:
        assert not stat.S_IMODE(path.lstat().st_mode) & 0o077, path
    assert any(path.name.startswith("epochal-control-") for path in found)
    panel.stop()
    assert not [p for p in (panel.home / "tmp").iterdir() if p.name.startswith("epochal-control-")]
    assert not panel.runs.exists()


def test_nobody_outside_is_asked(tmp_path):
    """Starting and using the panel looks up no name and connects to no other machine."""
    told = tmp_path / "told"
    told.touch()
    command = [
        sys.executable,
        "-c",
        LOUD,
        str(told),
        "--dir",
        str(tmp_path / "runs"),
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path), "GRADIO_ANALYTICS_ENABLED": "True"},
    )  # fmt: skip
    try:
        assert "http://127.0.0.1" in process.stdout.readline()
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
    assert told.read_text(encoding="utf-8") == ""


def test_it_listens_on_loopback_only(panel):
    """The only listening socket of the process is on 127.0.0.1."""
    inodes = set()
    for entry in Path(f"/proc/{panel.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: it listened to nothing
            inodes.add(os.readlink(entry))
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{panel.process.pid}/net/{table}").read_text().splitlines()[1:]:
            part = line.split()
            if part[3] == "0A" and f"socket:[{part[9]}]" in inodes:
                listening.append(part[1].partition(":")[0])
    assert listening == ["0100007F"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "--token"),
        (["--dashboard", "javascript:alert(1)"], "no address"),
        (["--host", "0.0.0.0", "--port", "0"], "EPOCHAL_TOKEN"),
    ],
)
def test_what_would_be_unsafe_is_refused(tmp_path, arguments, words):
    """Another address without a token, and a link that is none: it says so and does not start."""
    done = subprocess.run(
        [*COMMAND, "--dir", str(tmp_path), *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line


def test_a_password_lets_one_in(start_panel):
    """EPOCHAL_TOKEN works as often as wanted, and trainings do not get it in their environment."""
    password = "correct horse battery staple"
    panel = start_panel(environ={"EPOCHAL_TOKEN": password})
    for _ in range(2):
        body = json.dumps({"token": password}).encode()
        assert panel.ask("POST", "/api/login", body, JSON).status == 204
    wrong = json.dumps({"token": password + "!"}).encode()
    tried = [panel.ask("POST", "/api/login", wrong, JSON).status for _ in range(15)]
    assert tried[0] == 401
    assert tried[-1] == 429
