"""A real server over real runs, and a real Chromium that looks at it.

Everything here has the marker ``browser``.  Without Chromium or Playwright tests are skipped, and
fail where CI=true.  A page fails its test on any console error, any error in a script and any
request to another host.
"""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
PATIENCE_MS = 60_000
"""How long a condition may take on a slow machine before a test fails."""

BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker."""
    config.addinivalue_line("markers", "browser: needs Chromium and Playwright")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("browser")


class Served:
    """``epochal serve``, running.

    Attributes:
        origin: ``http://127.0.0.1:PORT``.
        entry: the address that was printed, with the one-time token.
        folder: the folder of runs.
        lines: what was printed so far.
    """

    def __init__(self, folder: Path, *arguments: str, state: Path) -> None:
        self.folder, self.lines = folder, []
        environment = {
            **os.environ, "XDG_CACHE_HOME": str(state / "cache"), "PYTHONUNBUFFERED": "1",
            "XDG_STATE_HOME": str(state / "state"), "XDG_CONFIG_HOME": str(state / "config"),
        }  # fmt: skip
        command = [sys.executable, "-m", "epochal", "serve", str(folder), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, *arguments], env=environment, text=True, cwd=state,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._told = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._told.wait(PATIENCE_MS / 1000):
            self.stop()
            raise AssertionError(f"no address was printed: {self.lines}")
        (self.entry,) = self._addresses()[:1] or [""]
        assert self.entry, f"it ended: {self.lines}"
        parts = urlsplit(self.entry)
        self.origin = f"{parts.scheme}://{parts.netloc}"

    def _addresses(self) -> list[str]:
        return [found[0] for line in self.lines if (found := re.search(r"https?://\S+", line))]

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if self._addresses():
                self._told.set()
        self._told.set()

    def url(self, hash_path: str = "/", **query: str) -> str:
        """Returns the address of a view, such as ``url("/p/text2sign", f="config.lr < 1")``."""
        asked = f"?{urlencode(query, quote_via=quote)}" if query else ""
        return f"{self.origin}/#{hash_path}{asked}"

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._reader.join(20)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs that nobody changes."""
    folder = tmp_path_factory.mktemp("recorded") / "runs"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EPOCHAL_")}
    command = [sys.executable, str(HERE / "record_runs.py"), str(folder)]
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def _shared_server(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(recorded, state=tmp_path_factory.mktemp("state"))
    yield served
    served.stop()


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Served:
    """A server over :func:`recorded`, shared by tests that change nothing."""
    _need(request)
    return request.getfixturevalue("_shared_server")


@pytest.fixture
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers of the test's own: ``serve(folder, "--token")``."""
    _need(request)
    started = []

    def start(folder: Path, *arguments: str) -> Served:
        state = tmp_path / f"state{len(started)}"
        state.mkdir()
        started.append(Served(folder, *arguments, state=state))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def runs(recorded: Path, tmp_path: Path) -> Path:
    """A copy of :func:`recorded` that the test may change."""
    return Path(shutil.copytree(recorded, tmp_path / "runs"))


@pytest.fixture(scope="module")
def _writable_server(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    state = tmp_path_factory.mktemp("writable")
    served = Served(Path(shutil.copytree(recorded, state / "runs")), state=state)
    served.login = None
    yield served
    served.stop()


@pytest.fixture
def writable(request: pytest.FixtureRequest) -> Served:
    """A server over a copy of :func:`recorded`, shared by a file's tests that change something.

    Each of them changes something else.
    """
    _need(request)
    return request.getfixturevalue("_writable_server")


@pytest.fixture
def editor(writable: Served, new_page):
    """A page that may write to what :func:`writable` serves."""
    page = new_page(storage_state=writable.login)
    if writable.login is None:  # the link works once
        page.goto(writable.entry)
        page.get_by_role("heading", name="Projects").wait_for()
        writable.login = page.context.storage_state()
    return page


@pytest.fixture
def run_id(recorded: Path) -> Callable[[str], str]:
    """Returns the id of a recorded run by the beginning of its folder's name."""

    def find(name: str) -> str:
        (folder,) = recorded.glob(f"*/{name}-2*")
        return folder.name.rpartition("-")[2]

    return find


def _need(request: pytest.FixtureRequest) -> None:
    """Skips or fails where there is no browser, or nothing to serve with."""
    say = request.getfixturevalue("skip_or_fail")
    if shutil.which("chromium") is None and shutil.which("chromium-browser") is None:
        say("needs the system command chromium")
    for package in ("playwright", "starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            say(f"needs the package {package}")


@pytest.fixture(scope="module")  # while it is open an event loop runs in this thread
def _browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_ARGS)
        yield browser
        browser.close()


class Watch:
    """What a page must not do, collected.

    Attributes:
        errors: console errors and exceptions.
        elsewhere: requests to other hosts.
        expected: regular expressions; an error that one of them matches is part of the test.
    """

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.expected: list[str] = []

    def attach(self, page) -> None:
        """Listens to a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def _console(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _request(self, request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob", "about", "file") or parts.hostname == "127.0.0.1":
            return
        self.elsewhere.append(request.url)

    def _failed(self, request) -> None:
        if "csp" in (request.failure or "").lower():  # the browser did not send it
            self.elsewhere.remove(request.url)

    def check(self) -> None:
        """Fails if anything was collected that the test does not expect."""
        unexpected = [
            error for error in self.errors if not any(re.search(e, error) for e in self.expected)
        ]
        assert not unexpected, "the page said: " + "\n".join(unexpected)
        assert not self.elsewhere, f"requests left for {self.elsewhere}"


@pytest.fixture
def new_page(request: pytest.FixtureRequest, serve: object) -> Iterator[Callable[..., object]]:
    """Opens pages in fresh contexts: ``new_page(color_scheme="dark")``; they are watched."""
    assert serve  # made first, so that it is ended last
    browser = request.getfixturevalue("_browser")
    made = []

    def make(**options):
        size = {"width": 1400, "height": 900}
        context = browser.new_context(**{"viewport": size, **options})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.watch = Watch()
        page.watch.attach(page)
        made.append(page)
        return page

    yield make
    for page in made:
        page.context.close()
    for page in made:
        page.watch.check()


@pytest.fixture
def page(new_page):
    """A page in a fresh context; ``page.watch`` says what it must not do."""
    return new_page()


@pytest.fixture
def adam(page, served):
    """The charts of six runs with two learning rates."""
    from dashboard_views import expect, note

    page.goto(served.url("/p/text2sign", f="config.lr < 0.5"))
    expect(note(page, "train/loss")).to_contain_text("6 runs")
    return page


SERIOUS = ("serious", "critical")
OF_COLORS = ["color-contrast", "link-in-text-block"]


@pytest.fixture
def accessible() -> Callable[..., None]:
    """Looks at a page with axe, in both themes, and fails on what is serious."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def check(page, themes: tuple[str, ...] = ("light", "dark")) -> None:
        for theme in themes:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.wait_for_function(THEMED, arg=theme)
            options = {"resultTypes": ["violations"]}
            if theme != themes[0]:  # the same page in other colors
                options["runOnly"] = {"type": "rule", "values": OF_COLORS}
            found = axe.run(page, options=options).response["violations"]
            told = [
                f"{theme}: {each['id']} ({each['impact']}): {each['help']}\n"
                + "\n".join(f"    {node['html'][:160]}" for node in each["nodes"][:4])
                for each in found
                if each["impact"] in SERIOUS
            ]
            assert not told, "\n".join(told)

    return check


THEMED = """theme => {
  const told = document.documentElement.dataset.theme;
  return told === undefined || told === theme;
}"""


@pytest.fixture
def until() -> Callable[..., object]:
    """Returns what a condition gives as soon as that is true: ``until(lambda: …)``."""

    def wait(condition: Callable[[], object], timeout_s: float = PATIENCE_MS / 1000) -> object:
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)
        return found

    return wait


@pytest.fixture
def painted() -> Callable[..., None]:
    """Waits until a chart's canvas shows something: ``painted(page, index)``."""

    def wait(page, number: int = 1) -> None:
        page.wait_for_function(PAINTED, arg=number, timeout=PATIENCE_MS)

    return wait


PAINTED = """number => {
  const full = canvas => {
    if (!canvas.width || !canvas.height) return false;
    const copy = new OffscreenCanvas(canvas.width, canvas.height);  // reading slows a canvas down
    const context = copy.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 30 && Math.max(data[i], data[i+1], data[i+2]) -
          Math.min(data[i], data[i+1], data[i+2]) > 24) return true;
    return false;
  };
  return [...document.querySelectorAll("canvas")].filter(full).length >= number;
}"""
