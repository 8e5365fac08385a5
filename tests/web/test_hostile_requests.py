"""Requests that no browser sends: odd paths, heads and bodies, over raw sockets."""

import contextlib
import json
import socket
import threading
import time

import pytest

from epochal.web import security
from epochal.web.answers import MAX_BODY_BYTES
from epochal.web.serve import Dashboard


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A dashboard for tests that only ask; starting one for each would take a second in all."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        (folder / "runs").mkdir()
        made = Dashboard(str(folder / "runs"), port=0)
        made.start()
        yield made
        made.close()


def send(port: int, data: bytes, timeout_s: float = 60.0) -> bytes:
    """Sends bytes and returns everything that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        with contextlib.suppress(ConnectionError):  # it may hang up before it has everything
            connection.sendall(data)
        return drained(connection)


def drained(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def status(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(b" ", 2)[1])


# -- B2: the host ------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [
    b"Host: 127.0.0.1\r\nHost: attacker.example", b"Host: attacker.example\r\nHost: 127.0.0.1",
    b"Host: 127.0.0.1\r\nHost: 127.0.0.1", b"X: y", b"Host : 127.0.0.1", b"Host: 127.0.0.1\r\n x",
])  # fmt: skip
def test_two_hosts_or_none(shared, lines):
    """A request has one host."""
    head = b"GET /api/about HTTP/1.1\r\n" + lines + b"\r\nConnection: close\r\n\r\n"
    assert status(send(shared.port, head)) in (400, 421)


def test_the_old_protocol_without_a_host(dashboard):
    """HTTP/1.0 may leave the host out; the guard does not."""
    assert status(send(dashboard.port, b"GET /api/about HTTP/1.0\r\n\r\n")) == 421


@pytest.mark.parametrize("target", [
    b"http://attacker.example/api/about", b"http://127.0.0.1/api/about", b"//attacker.example/",
    b"attacker.example:443", b"*",
])  # fmt: skip
def test_request_lines_that_name_a_host(shared, target):
    """A proxy's form of request is not ours."""
    request = b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = send(shared.port, request)
    assert status(answer) in (400, 404), answer
    assert b"version" not in answer.split(b"\r\n\r\n", 1)[1]


# -- B7: paths (files of runs: test_files.py, test_media.py) ---------------------------------------

TRAVERSAL = [
    "..", "../", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252fetc%252fpasswd", "%252e%252e%252fetc%252fpasswd", "..\\..\\etc\\passwd",
    "..%5c..%5cetc%5cpasswd", "C:\\Windows\\win.ini", "C:/Windows/win.ini", "%00", "x%00.js",
    "/etc/passwd", "%2fetc%2fpasswd", "....//....//etc/passwd", ".%2e/", "~root", "file:///etc/passwd",
    "%c0%ae%c0%ae/", "..;/", "..%00/", "..%0d%0a", "..#/etc", "..?/etc", "\u2025/", "%ff%fe",
    "vendor/../../serve.py", "./app.js", "app.js/", "App.js", "..%2fserve.py", "__init__.py",
]  # fmt: skip


@pytest.mark.parametrize("place", TRAVERSAL)
def test_traversal(shared, place):
    """No route with a part of a path in it hands out what is not its own."""
    paths = ["/static/{}", "/api/run/{}", "/api/run/{}/media", "/api/run/{}/console",
             "/api/run/{}/files", "/{}"]  # fmt: skip
    for template in paths:
        target = template.format(place).encode("utf-8")
        if b" " in target:
            continue
        request = b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        answer = send(shared.port, request)
        if template.format(place) in ("/..#/etc", "/..?/etc"):
            continue
        assert status(answer) in (400, 404), (target, answer[:200])
        assert b"root:" not in answer
        assert b"import " not in answer


def test_traversal_in_questions(browser):
    """Neither do projects, and ids in bodies."""
    for place in TRAVERSAL:
        for path in ("/api/runs", "/api/charts"):
            assert browser.get(path, project=place).status == 404, (path, place)
        asked = {"runs": [place], "metrics": ["train/loss"]}
        assert b"zzz" not in browser.post("/api/series", asked).body


@pytest.mark.parametrize(
    "run_id", ["ABCDEFGH", "abc", "a" * 65, "abcdefg-", "zzzzzzzzzz", "é" * 10]
)
def test_ids_that_are_none(shared, browse, quoted, run_id):
    """An id is 8 to 64 of a-z and 0-9; everything else is not found."""
    answer = browse(shared).get(f"/api/run/{quoted(run_id)}")
    assert answer.status == 404
    assert "run" in answer.json["error"]


# -- B16: headers ----------------------------------------------------------------------------------


def test_no_header_can_be_injected(dashboard):
    """Line ends in a path, a query or a shared view do not get into the head of an answer."""
    for path in ("/%0d%0aX-Evil:1", "/static/%0d%0aX-Evil:1", "/api/run/%0d%0aX-Evil:1",
                 "/api/runs?project=%0d%0aX-Evil:1", "/?x=%0d%0aX-Evil:1"):  # fmt: skip
        answer = send(dashboard.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                      "Connection: close\r\n\r\n".encode())  # fmt: skip
        assert b"x-evil" not in answer.split(b"\r\n\r\n")[0].lower()


# -- B19: too much ---------------------------------------------------------------------------------

POST = (
    b"POST /api/series HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"X-Epochal: 1\r\n"
)


def test_a_declared_body_that_is_too_large(dashboard):
    """The length is enough to refuse it; nothing is read."""
    head = POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
    assert status(send(dashboard.port, head)) == 413


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"0x10", b"", b"9" * 400, b"1, 1"])
def test_lengths_that_are_none(shared, length):
    """A length is a number."""
    head = POST + b"Content-Length: " + length + b"\r\nConnection: close\r\n\r\n{}"
    assert status(send(shared.port, head)) in (400, 413)


def test_a_chunked_body_past_the_limit(dashboard):
    """The limit counts what arrives, not what was announced."""
    chunk = b"%x\r\n%s\r\n" % (65536, b" " * 65536)
    with socket.create_connection(("127.0.0.1", dashboard.port), timeout=60) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 100 * MAX_BODY_BYTES:
                connection.sendall(chunk)
                sent += 65536
        except OSError:
            pass  # it has closed the connection: nobody reads on
        assert sent < 50 * MAX_BODY_BYTES


def test_the_answer_to_a_chunked_body_past_the_limit(dashboard):
    """Who stops in time is told why."""
    size = MAX_BODY_BYTES + 1
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b" " * size)
    answer = send(dashboard.port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert status(answer) == 413
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("lines", [
    b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity\r\nContent-Length: 2", b"Transfer-Encoding: xchunked",
    b"Content-Length: 2\r\nContent-Length: 3", b"Transfer-Encoding : chunked",
])  # fmt: skip
def test_no_smuggling(shared, lines):
    """A body whose end could be read in two ways is refused, and nothing after it is answered."""
    second = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    answer = send(shared.port, POST + lines + b"\r\n\r\n0\r\n\r\n" + second)
    assert status(answer) in (400, 501)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_slow_clients_hold_up_nobody(dashboard, browser):
    """A hundred requests that do not end cost others nothing."""
    slow = [socket.create_connection(("127.0.0.1", dashboard.port)) for _ in range(100)]
    try:
        for number, connection in enumerate(slow):
            half = POST + b"Content-Length: 10\r\n\r\n{" if number % 2 else b"GET / HTTP/1.1\r\nHo"
            connection.sendall(half)
        assert browser.get("/api/about").status == 200
        assert browser.get("/api/runs", project="demo").status == 200
        assert browser.post("/api/series", {"runs": [], "metrics": []}).status == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_head_that_does_not_end(serve, monkeypatch):
    """A byte now and then keeps no connection open."""
    monkeypatch.setattr("epochal.web.protocol.HEAD_S", 0.3)
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        stop = threading.Event()

        def trickle() -> None:
            try:
                while not stop.wait(0.05):
                    connection.sendall(b"a")
            except OSError:
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert drained(connection) == b""
        finally:
            stop.set()
            thread.join()


def test_a_body_that_does_not_end(dashboard, monkeypatch):
    """It is given up after a while."""
    monkeypatch.setattr(security, "BODY_S", 0.2)
    answer = send(dashboard.port, POST + b"Content-Length: 10\r\n\r\n{")
    assert status(answer) == 408


def test_deep_json(browser):
    """Brackets without end are no valid question, and end nothing."""
    bodies = [b"[" * 500_000, b'{"a":' * 100_000, b"NaN", b'{"lead": NaN}', b"\xff", b'"x"']
    bodies += [b'{"lead": 1e400}', b'{"lead": ' + b"9" * 400 + b"}", b'{"x": "\\ud800"}']
    for body in bodies:
        headers = {"Content-Type": "application/json", "X-Epochal": "1"}
        assert browser.ask("POST", "/api/series", body, headers).status == 400
    assert browser.get("/health").status == 200


def test_numbers_and_texts_that_are_none(editor, runs):
    """Neither infinite numbers nor halves of characters get to any route."""
    headers = {"Content-Type": "application/json", "X-Epochal": "1"}
    run = f"/api/run/{runs[0]}"
    chart = b'{"charts": [{"metrics": ["a"], "smoothing": %s}]}' % (b"9" * 400)
    for path, body in ((f"{run}/annotations", b'{"text": "a", "step": %s}' % (b"9" * 400)),
                       (f"{run}/tags", b'{"add": ["\\udfff"]}'),
                       ("/api/share", b'{"hash": "\\ud800"}'),
                       ("/api/login", b'{"token": "\\ud800"}'),
                       ("/api/charts?project=demo", chart)):  # fmt: skip
        assert editor.ask("POST", path, body, headers).status == 400, path


def test_a_browser_that_leaves_in_the_middle(dashboard, browser, caplog):
    """A body that ends early is nobody's error."""
    with socket.create_connection(("127.0.0.1", dashboard.port)) as connection:
        connection.sendall(POST + b"Content-Length: 10\r\n\r\n{")
    assert browser.get("/api/about").status == 200
    time.sleep(0.1)
    assert caplog.text == ""


def test_questions_without_bounds(browser, runs):
    """Numbers beyond what an answer can have are refused."""
    asked = {"runs": runs, "metrics": ["train/loss"]}
    for more in ({"width": 10**9}, {"width": 0}, {"width": True}, {"lead": -1}, {"lead": "1"},
                 {"runs": ["a" * 10] * 2001}, {"metrics": ["a"] * 201}, {"runs": "all"},
                 {"range": [1]}, {"range": [2, 1]}, {"range": [None, 1]}, {"x": ""}, {"x": None},
                 {"lead": 10**400}, {"metrics": [1]}, {"counts": 1}):  # fmt: skip
        assert browser.post("/api/series", {**asked, **more}).status == 400, more
    assert browser.get(f"/api/run/{runs[0]}/media/{'9' * 5000}").status == 404


def test_long_questions(browser):
    """A question that names as many runs as one may is short enough; more is refused."""
    ids = ",".join(f"run{number:08d}" for number in range(2_000))
    assert browser.get(f"/api/compare?project=demo&runs={ids}").status == 404
    assert browser.get("/health?" + "x" * 100_001).status == 414


def test_filters_have_no_way_out(browser):
    """Neither code nor patterns that take forever get through the filter language."""
    for text in ("__import__('os')", "config.__class__", "(1).__class__", "().__class__.__bases__",
                 "matches(name, '(a+)+$')", "[x for x in tags]", "lambda: 1", "name == 'a' * 10**9",
                 "(" * 3000, "9**9**9", "open('x')"):  # fmt: skip
        answer = browser.get("/api/runs", project="demo", filter=text)
        assert answer.status == 400 or answer.json["matched"] == 0, text
    slow = "matches(name, '" + "*a" * 30 + "b')"  # tried in every way there would be no answer
    assert browser.get("/api/runs", project="demo", filter=slow).json["matched"] == 0


def test_errors_do_not_end_the_server(browser, monkeypatch):
    """Rubbish is answered or hung up on, and the next question is answered."""
    monkeypatch.setattr("epochal.web.protocol.HEAD_S", 1.0)  # some looks like a head's beginning
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\x00" * 100,
                 b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000):  # fmt: skip
        send(browser.port, data)
    assert browser.get("/health").json["ok"] is True
    assert json.loads(browser.get("/api/about").body)["write"] is False
