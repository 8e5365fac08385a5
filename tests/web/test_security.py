"""The guard: tests over every route of the table, and over raw sockets."""

import os
import re
import stat
import time
from pathlib import Path

import pytest
from starlette.routing import Route

from epochal.core.errors import SettingError
from epochal.web.security import OPEN, READING_POSTS
from epochal.web.serve import Dashboard

READS = {"GET", "HEAD"}
CSP = (
    "default-src 'none'", "style-src 'self'", "img-src 'self' data: blob:",
    "media-src 'self' blob:", "connect-src 'self'", "font-src 'self'", "frame-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
)  # fmt: skip


def every_route(dashboard) -> list[tuple[str, str]]:
    """Method and path of each route of the application, with parameters filled in."""
    found = []
    for route in dashboard.app.routes:
        assert isinstance(route, Route), f"{route} is not in the table"
        path = re.sub(r"\{path:path\}", "login.js", route.path)
        path = re.sub(r"\{n(:int)?\}", "0", path)
        path = re.sub(r"\{\w+(:\w+)?\}", "zzzzzzzzzz", path)
        found += [(method, path) for method in sorted(route.methods)]
    assert len(found) > 20
    return found


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


@pytest.fixture
def closed(serve, runs) -> Dashboard:  # noqa: ARG001 - the runs are there before
    """A dashboard that asks everybody for a right, as one that other machines can reach does."""
    return serve(token=True)


# -- B1: where it listens ------------------------------------------------------------------------


def test_it_listens_on_loopback_only(dashboard):
    """By default no other machine can connect."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = [row[1] for row in rows if row[1].endswith(f":{dashboard.port:04X}") and row[3] == "0A"]
    assert mine == [f"0100007F:{dashboard.port:04X}"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_another_address_needs_a_token(root, host):
    """It does not start, and no port is opened."""
    with pytest.raises(SettingError, match="--token"):
        Dashboard(str(root), host)


def test_a_short_password_is_refused(root):
    """There is no default password, and no short one."""
    with pytest.raises(SettingError, match="16"):
        Dashboard(str(root), "0.0.0.0", password="short")


# -- B2: DNS rebinding ---------------------------------------------------------------------------


def test_a_foreign_host_gets_nothing_from_any_route(dashboard, browser, editor):
    """Checked before routing and rights: every route, also those that are not there."""
    for who in (browser, editor):
        for method, path in [*every_route(dashboard), ("GET", "/nothing"), ("OPTIONS", "/")]:
            answer = who.ask(method, path, headers={"Host": "attacker.example"})
            assert answer.status == 421, (method, path)


@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.1:1", "localhost:65535", "[::1]:80",
])  # fmt: skip
def test_names_of_loopback_with_any_port(shared, browse, host):
    """A tunnel changes the port, so the name alone counts."""
    assert browse(shared).get("/health", {"Host": host}).status == 200


@pytest.mark.parametrize("host", [
    "attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example", "10.0.0.1",
    "localhost@attacker.example", "attacker.example@localhost", "localhost:80:80", "localhost:x",
    "localhost, attacker.example", "localhost/", "local host", "[::1", "::1", "", "localhost.",
    "[::ffff:10.0.0.1]", "0.0.0.0", "localhost\\", "169.254.169.254",
])  # fmt: skip
def test_hosts_that_only_look_like_ours(shared, browse, host):
    """Nothing but exact names is taken."""
    assert browse(shared).get("/health", {"Host": host}).status in (400, 421)


def test_allowed_hosts(serve, browse):
    """The name of a proxy can be allowed, and only that."""
    browser = browse(serve(allow_hosts=["Box.example"]))
    assert browser.get("/health", {"Host": "box.example:8443"}).status == 200
    assert browser.get("/health", {"Host": "other.example"}).status == 421


def test_on_all_addresses_any_address_but_no_foreign_name(serve, browse):
    """An address cannot be rebound; a name can."""
    browser = browse(serve(host="0.0.0.0", token=True))
    assert browser.get("/health", {"Host": "192.0.2.7:80"}).status == 200
    assert browser.get("/health", {"Host": "attacker.example"}).status == 421


# -- B3, B4: other sites ---------------------------------------------------------------------------

FOREIGN = [
    "https://attacker.example", "null", "http://localhost:9999", "http://127.0.0.1:1",
    "https://127.0.0.1", "file://", "chrome-extension://abc", "http://localhost", "",
]  # fmt: skip


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_origin_gets_nothing_from_any_route(dashboard, editor, origin):
    """Not even with the cookie, and no header would let it read an answer."""
    for method, path in every_route(dashboard):
        body = b"{}" if method == "POST" else None
        headers = {"Origin": origin, "Content-Type": "application/json", "X-Epochal": "1"}
        answer = editor.ask(method, path, body, headers)
        assert answer.status == 403, (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_our_own_origin(dashboard, editor, runs):
    """The page itself may."""
    own = {"Origin": f"http://127.0.0.1:{dashboard.port}"}
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": "x"}, own).status == 200
    tunnel = {"Origin": "http://localhost:9000", "Host": "localhost:9000"}
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": "y"}, tunnel).status == 200
    proxy = {"Origin": "https://localhost", "Host": "localhost"}
    assert editor.post(f"/api/run/{runs[0]}/notes", {"text": "z"}, proxy).status == 200


def test_pages_of_other_sites_are_told_by_the_browser(browser):
    """What a browser says of the page that asks counts too; links to the page are allowed."""
    for site in ("cross-site", "same-site"):
        assert browser.get("/api/about", {"Sec-Fetch-Site": site}).status == 403
        link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
        assert browser.get("/", link).status in (200, 503)
        assert browser.get("/api/about", link).status == 403
    assert browser.get("/api/about", {"Sec-Fetch-Site": "same-origin"}).status == 200


def test_preflight_allows_nothing(browser):
    """No answer lets another origin send more."""
    headers = {"Origin": "https://x.example", "Access-Control-Request-Method": "POST"}
    answer = browser.ask("OPTIONS", "/api/runs", headers=headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def changing_routes(dashboard) -> list[str]:
    """Paths of all routes that change something."""
    changing = [path for method, path in every_route(dashboard) if method not in READS]
    return [path for path in changing if path not in OPEN | READING_POSTS]


def test_changes_need_json_a_header_and_a_right(dashboard, browser, editor):
    """What a form can send is not enough, and neither is a reader's cookie."""
    paths = changing_routes(dashboard)
    assert len(paths) >= 6
    for path in paths:
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            None,
        ):
            assert editor.post(path, {}, {"Content-Type": kind}).status == 415, path
        assert editor.post(path, {}, {"X-Epochal": None}).status == 403, path
        assert browser.post(path).status == 401, path
        assert editor.post(path).status not in (401, 403, 415), path


def test_methods_that_nobody_has(editor):
    """Every other method is refused, whatever the right."""
    for method in ("PUT", "DELETE", "PATCH"):
        for path in ("/api/runs", "/", "/api/run/zzzzzzzzzz/tags", "/health"):
            headers = {"Content-Type": "application/json", "X-Epochal": "1"}
            assert editor.ask(method, path, b"{}", headers).status == 405, (method, path)


def test_getting_changes_nothing(dashboard, editor, root):
    """No GET writes anything below the folder of runs."""

    def state() -> set:
        return {
            (path, os.stat(os.path.join(path, name)).st_mtime_ns)
            for path, folders, files in os.walk(root) for name in [*folders, *files]
        }  # fmt: skip

    before = state()
    for method, path in every_route(dashboard):
        if method in READS:
            editor.ask(method, path)
    assert state() == before


# -- B5: rights on every route ---------------------------------------------------------------------


def foreign_cookies(dashboard, tmp_path_factory) -> list[str]:
    """Cookies that are none of this server's: forged, changed, old, another user's, another's."""
    from epochal.web.tokens import Tokens

    mine = dashboard._tokens
    other_user = Tokens(str(tmp_path_factory.mktemp("other")), mine._scope)
    other_root = Tokens(os.path.dirname(mine._links), "/elsewhere")
    good = mine.cookie("read")
    raised = good.replace("read", "write", 1)
    old = f"write.{int(time.time()) - 1}"
    late = good.replace(good.split(".")[1], "9999999999")
    return ["", "write", "write.9999999999.", "write.9999999999.x", raised, late, good[:-1],
            f"{old}.{mine._signature(old)}", other_user.cookie("write"),
            other_root.cookie("write"), "\x80", "..", "write.x.y.z"]  # fmt: skip


def test_without_a_right_there_is_nothing_but_the_door(closed, browse, tmp_path_factory):
    """Every route of a server that others can reach asks for a right."""
    browser = browse(closed)
    for cookie in foreign_cookies(closed, tmp_path_factory):
        browser.cookie = f"epochal_{closed.port}={cookie}"
        for method, path in every_route(closed):
            if path in OPEN:
                continue
            body = b"{}" if method not in READS else None
            headers = {"Content-Type": "application/json", "X-Epochal": "1"}
            answer = browser.ask(method, path, body, headers)
            assert answer.status == 401, (method, path, cookie)
    browser.cookie = ""
    for path in ("/nothing", "/static/app.js", "/static/../serve.py", "/api"):
        assert browser.get(path).status == 401, path


def test_what_is_open_says_nothing_of_runs(closed, browse):
    """Without a right one gets the version, and the page where a link is used."""
    browser = browse(closed)
    assert browser.get("/health").json.keys() == {"ok", "version"}
    page = browser.get("/", {"Accept": "text/html"})
    assert page.status == 401
    assert b"/static/login.js" in page.body
    for path in ("/login", "/static/login.js", "/static/login.css", "/static/icon.svg"):
        assert browser.get(path).status == 200, path


def test_a_reader_reads_and_changes_nothing(closed, browse, runs):
    """A shared link gives what it says and not more."""
    owner, reader = browse(closed).log_in(closed), browse(closed)
    url = owner.post("/api/share", {"hash": "#/p/demo"}).json["url"]
    token = re.search(r"#token=([^&]+)&view=%23%2Fp%2Fdemo$", url)[1]
    assert reader.post("/api/login", {"token": token}).status == 204
    assert reader.get("/api/about").json["write"] is False
    assert reader.get("/api/runs", project="demo").json["total"] == 3
    asked = {"runs": [runs[0]], "metrics": ["train/loss"]}
    assert reader.post("/api/series", asked).status == 200
    for path in changing_routes(closed):
        if path != "/api/logout":
            assert reader.post(path).status == 401, path
    own = owner.post("/api/share", {}).json["url"]
    owner.post("/api/login", {"token": own.partition("#token=")[2].partition("&")[0]})
    assert owner.get("/api/about").json["write"] is True


def test_the_password(serve, browse):
    """A password lets one in as often as wanted, and nobody without it."""
    server = serve(password="a long enough password")
    for _ in range(2):
        browser = browse(server)
        assert browser.post("/api/login", {"token": "a long enough password"}).status == 204
        assert browser.get("/api/about").json["write"] is True
    assert browse(server).get("/api/about").status == 401


# -- B6: tokens (more in test_tokens.py) -----------------------------------------------------------


def test_a_link_works_once(dashboard, browse):
    """The first browser gets the cookie, no other one does."""
    first, second = browse(dashboard), browse(dashboard)
    token = {"token": dashboard.link.partition("#token=")[2]}
    answer = first.post("/api/login", token)
    assert answer.status == 204
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part in answer.headers["set-cookie"]
    assert answer.headers["set-cookie"].startswith(f"epochal_{dashboard.port}=write.")
    assert second.post("/api/login", token).status == 401
    assert first.get("/api/about").json["write"] is True
    assert first.post("/api/logout").status == 204
    assert first.get("/api/about").json["write"] is False


def test_too_many_attempts(dashboard, browse):
    """Guessing ends after a few tries, also for the right token."""
    browser = browse(dashboard)
    answers = [browser.post("/api/login", {"token": f"guess {i}"}).status for i in range(12)]
    assert answers == [401] * 10 + [429] * 2
    token = dashboard.link.partition("#token=")[2]
    assert browser.post("/api/login", {"token": token}).status == 429


@pytest.mark.parametrize("token", [None, 1, [], {}, "", "x" * 100_000, "../../etc"])
def test_tokens_that_are_none(shared, browse, token):
    """Whatever is sent as a token, the answer is no."""
    assert browse(shared).post("/api/login", {"token": token}).status == 401


def test_no_token_in_any_log_or_answer(dashboard, editor, caplog, capfd):
    """The token is in the printed link and nowhere else; neither is the cookie."""
    caplog.set_level(0)
    token = dashboard.link.partition("#token=")[2]
    editor.post("/api/login", {"token": token})
    editor.get("/?token=" + token)
    for path in ("/api/about", "/nothing", "/"):
        editor.get(path)
    said = caplog.text + "".join(capfd.readouterr())
    secrets = (token, editor.cookie.partition("=")[2])
    assert not [secret for secret in secrets if secret in said]
    assert not [a for a in editor.seen if token.encode() in a.body or secrets[1].encode() in a.body]
    assert {a.headers["referrer-policy"] for a in editor.seen} == {"no-referrer"}


# -- B13: what is sent with every answer -----------------------------------------------------------


def test_headers_of_every_answer(dashboard, browser, editor):
    """Every route, success and failure, with strict headers and no CORS."""
    for who in (browser, editor):
        for method, path in every_route(dashboard):
            who.ask(method, path, b"{}" if method == "POST" else None)
        who.get("/nothing")
        who.get("/health", {"Host": "attacker.example"})
        who.get("/health", {"Origin": "null"})
    for answer in [*browser.seen, *editor.seen]:
        policy = answer.headers["content-security-policy"].split("; ")
        assert not set(CSP) - set(policy) or "sandbox" in policy
        script = [each for each in policy if each.startswith("script-src")]
        assert "sandbox" in policy or re.fullmatch(
            r"script-src 'self' 'sha256-[A-Za-z0-9+/=]+'", script[0]
        )
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_errors_are_json_and_name_no_folder(browser, root):
    """An error is a sentence, not a page with what was typed, and not a path of the machine."""
    for path in ("/<script>alert(1)</script>", "/api/run/zzzzzzzzzz", "/api/runs?project=<b>",
                 "/api/diff?runs=<b>", "/static/<b>"):  # fmt: skip
        answer = browser.get(path.replace("<", "%3C").replace(">", "%3E"))
        assert answer.status in (400, 404)
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json["error"]
        assert str(root) not in answer.json["error"]


# -- B20: other users of the machine ---------------------------------------------------------------


def test_what_is_kept_is_private(editor, root):
    """Keys, links and what is saved belong to the user alone, whatever the umask."""
    chart = {"title": "t", "metrics": ["train/loss"]}
    assert editor.post("/api/charts?project=demo", {"charts": [chart]}).status == 200
    editor.post("/api/share", {"hash": ""})
    state = os.path.join(os.environ["XDG_STATE_HOME"], "epochal")
    checked = 0
    for top in (state, str(root / "demo" / ".dashboard")):
        for path, _, files in os.walk(top):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
            for name in files:
                assert stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) == 0o600
                checked += 1
    assert checked >= 3
