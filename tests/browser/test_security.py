"""Names that would do something if they were not shown literally, and pages of other origins."""

import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from dashboard_views import expect
from record_runs import HOSTILE

BLOCKED = ["Content Security Policy", "Blocked a frame", "blocked"]
SHOWN = {key: re.sub(r"[\u202a-\u202e\x1b]", "", text) for key, text in HOSTILE.items()}


@pytest.fixture
def hostile(recorded) -> dict[str, str]:
    """The ids of the hostile runs by the kind of their text."""
    found = {}
    for path in (recorded / "hostile").glob("*/run.json"):
        about = json.loads(path.read_text())
        (key,) = [k for k, text in HOSTILE.items() if about["name"] == f"{text} run"]
        found[key] = about["id"]
    return found


@pytest.fixture
def guarded(page):
    """A page on which nothing of what is hostile may run."""
    page.watch.expected += BLOCKED
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    popups = []
    page.on("popup", lambda popup: popups.append(popup.url))
    yield page
    assert dialogs == []
    assert popups == []
    for frame in page.frames:
        if frame.url.startswith("http"):
            assert frame.evaluate("window.__ran") is None, f"something ran in {frame.url}"
    assert page.evaluate("document.querySelectorAll('main script, main [onerror]').length") == 0


def test_the_table_shows_names_tags_notes_and_config_literally(guarded, served):
    """Every text of every run is text."""
    guarded.goto(served.url("/p/hostile", od="0", tw="1"))
    expect(guarded.locator("tbody th a.name")).to_have_count(len(HOSTILE))
    main = guarded.locator("main")
    for key, text in SHOWN.items():
        if key != "direction":
            expect(main).to_contain_text(f"{text} run")
            expect(main).to_contain_text(f"{text} tag")
    guarded.goto(served.url("/p/hostile"))
    expect(guarded.get_by_role("article").first).to_be_visible()


@pytest.mark.parametrize("key", HOSTILE)
def test_every_part_of_a_run_is_shown_literally(guarded, served, hostile, key):
    """Overview, charts, media, console and files of each run."""
    text = SHOWN[key]
    expected = {
        "overview": ["run", "tag", "notes", "group", "alert", "said"],
        "charts": ["/metric"], "media": ["cap", "cell", "prompt"], "console": ["printed"],
        "files": [],
    }  # fmt: skip
    for tab, endings in expected.items():
        guarded.goto(served.url(f"/r/{hostile[key]}/{tab}"))
        main = guarded.locator("main")
        expect(main.get_by_role("heading", level=1)).to_contain_text("run")
        for ending in endings if key != "direction" else []:
            joint = "" if ending.startswith("/") else " "
            expect(main).to_contain_text(f"{text}{joint}{ending}")
    _hover_the_first_chart(guarded, served, hostile[key])


def _hover_the_first_chart(page, served, run_id) -> None:
    page.goto(served.url(f"/r/{run_id}/charts"))
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    over.hover()
    expect(page.locator(".chart-tip")).to_be_visible()


def test_an_error_and_a_file_name_are_text(guarded, served, hostile):
    """The traceback of a failed run, and a file whose name is markup."""
    guarded.goto(served.url(f"/r/{hostile['script']}"))
    expect(guarded.locator("main")).to_contain_text(f"RuntimeError: {HOSTILE['script']} error")
    guarded.goto(served.url(f"/r/{hostile['svg']}/files"))
    name = "<img src=x onerror=window.__ran=1>.txt"
    expect(guarded.locator("main")).to_contain_text(name)
    guarded.get_by_role("row").get_by_role("button", name=name).click()
    expect(guarded.get_by_role("region", name="Preview of")).to_contain_text("<svg onload")


def test_comparing_and_searching_show_names_literally(guarded, served, hostile):
    """Differences, scatter, parallel coordinates, and the palette."""
    ids = ",".join(hostile.values())
    for tab in ("diff", "parallel", "scatter", "seeds", "curves"):
        guarded.goto(served.url(f"/c/hostile/{tab}", runs=ids))
        expect(guarded.get_by_role("group", name="Chosen runs")).to_contain_text("<script>")
    guarded.goto(served.url("/p/hostile"))
    expect(guarded.locator("tbody th a.name")).to_have_count(len(HOSTILE))
    guarded.keyboard.press("Control+k")
    guarded.keyboard.type("onerror")
    expect(guarded.get_by_role("dialog")).to_contain_text("<img src=x onerror=window.__ran=1>")
    guarded.keyboard.press("Escape")
    for group in guarded.evaluate(GROUPS):
        guarded.goto(served.url("/p/hostile", g=group))
        expect(guarded.get_by_role("article").first).to_be_visible()


GROUPS = "[...document.querySelectorAll('.group-choice option')].map(o => o.value).slice(1, 4)"


def test_a_logged_page_runs_in_a_box_without_an_origin(guarded, served, run_id):
    """It is shown, and can reach neither the dashboard nor the network."""
    guarded.goto(served.url(f"/r/{run_id('adam-0-001-s0')}/media", k="page"))
    region = guarded.get_by_role("region", name="page", exact=True)
    region.scroll_into_view_if_needed()
    expect(guarded.frame_locator("iframe").locator("#inside")).to_have_text("logged page")
    (inside,) = [frame for frame in guarded.frames if frame != guarded.main_frame]
    assert inside.evaluate("self.origin") == "null"
    assert guarded.evaluate("document.cookie") == ""
    blocked = inside.evaluate("fetch('/api/projects').then(() => 'came', () => 'blocked')")
    assert blocked == "blocked"


EVERY_PAGE = ["/", "/p/text2sign", "/r/{run}", "/r/{run}/charts", "/r/{run}/system",
              "/r/{run}/media", "/r/{run}/console", "/r/{run}/files", "/c/text2sign/diff",
              "/c/text2sign/curves?runs={run}", "/c/text2sign/parallel", "/c/text2sign/scatter",
              "/c/text2sign/seeds", "/paper/text2sign"]  # fmt: skip


def test_every_answer_has_a_policy_and_comes_from_here(guarded, served, run_id):
    """On a tour of all pages each answer carries the strict policy, and none is from elsewhere."""
    answers = []

    def keep(answer):
        answers.append(answer)

    guarded.on("response", keep)
    for where in EVERY_PAGE:
        guarded.goto("about:blank")  # or nothing would be loaded that could be waited for
        guarded.goto(f"{served.origin}/#{where.format(run=run_id('adam-0-001-s0'))}")
        expect(guarded.locator("main h1").first).to_be_attached()
        guarded.wait_for_load_state("networkidle")
    assert len({answer.url for answer in answers}) > 60
    for answer in answers:
        if answer.url.startswith("http"):
            assert answer.url.startswith(served.origin + "/")
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, answer.url
            assert "unsafe-eval" not in policy, answer.url
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_scripts_that_get_into_the_page_do_not_run(guarded, served):
    """Inline scripts, handlers and styles are blocked, and whatever is elsewhere."""
    guarded.goto(served.url("/p/text2sign"))
    expect(guarded.locator("tbody th a.name")).to_have_count(7)
    blocked = guarded.evaluate(INJECTED)
    assert blocked == ["connect-src", "img-src", "script-src-attr", "script-src-elem",
                       "style-src-attr"]  # fmt: skip
    assert guarded.evaluate("window.__ran") is None


INJECTED = """() => new Promise(done => {
  const seen = new Set();
  document.addEventListener("securitypolicyviolation", event => {
    seen.add(event.effectiveDirective);
    if (seen.size === 5) done([...seen].sort());
  });
  const script = document.createElement("script");
  script.textContent = "window.__ran = 1";
  document.head.append(script);
  const outside = document.createElement("script");
  outside.src = "http://attacker.invalid/x.js";
  document.head.append(outside);
  const place = document.createElement("div");
  place.setAttribute("onclick", "window.__ran = 1");
  place.setAttribute("style", "color: red");
  document.body.append(place);
  place.click();
  new Image().src = "http://attacker.invalid/x.png";
  fetch("http://attacker.invalid/").catch(() => {});
})"""


def test_an_svg_of_a_run_opened_alone_runs_nothing(guarded, served, hostile):
    """A file of a run is a download, never a page of the dashboard's origin."""
    guarded.goto(served.url())
    with guarded.expect_download() as download:
        guarded.evaluate(
            "url => { location.href = url }",
            f"{served.origin}/api/run/{hostile['svg']}/files/drawing.svg",
        )
    assert download.value.suggested_filename == "drawing.svg"


@pytest.fixture
def elsewhere():
    """A page of another origin on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_other_origins_read_nothing(page, served, elsewhere, method):
    """A page on another port of this machine gets no answer that it could read."""
    page.watch.expected += ["CORS", "403", "ERR_FAILED", "ERR_BLOCKED", "frame-ancestors"]
    page.goto(elsewhere)
    answer = page.evaluate(
        """([url, method]) => fetch(url, {method, credentials: "include"})
           .then(answer => answer.text(), () => "nothing")""",
        [f"{served.origin}/api/projects", method],
    )
    assert answer == "nothing"
    framed = page.evaluate(
        """url => new Promise(done => {
          const frame = document.createElement("iframe");
          frame.onload = () => done("loaded");
          frame.src = url;
          document.body.append(frame);
          setTimeout(() => done("not loaded"), 3000);
        })""",
        served.origin + "/",
    )
    inside = [frame for frame in page.frames if frame.url.startswith(served.origin)]
    assert framed == "not loaded" or all(
        frame.evaluate("document.querySelector('#app')") is None for frame in inside
    )


def test_a_name_that_leads_here_is_refused(served):
    """Another Host header is answered by 421 and nothing else (DNS rebinding)."""
    host, port = served.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /api/projects HTTP/1.1\r\nHost: attacker.invalid\r\n\r\n")
        assert connection.recv(20).split()[1] == b"421"


def test_the_link_works_once(new_page, serve, runs):
    """The first browser may write; the same link gives nothing to the second."""
    served = serve(runs)
    first, second = new_page(), new_page()
    second.watch.expected += ["401", "403"]
    for page in (first, second):
        page.goto(served.entry)
        expect(page.get_by_role("heading", name="Projects")).to_be_visible()
        expect(page).not_to_have_url(re.compile("token"))
    ask = "fetch('/api/about').then(answer => answer.json()).then(about => about.write)"
    assert first.evaluate(ask) is True
    assert second.evaluate(ask) is False
    assert first.evaluate("document.cookie") == ""
