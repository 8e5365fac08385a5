"""A dashboard that really listens, and a browser without a screen."""

import http.client
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import epochal
from epochal.web.serve import Dashboard

JSON = {"Content-Type": "application/json", "X-Epochal": "1"}


@dataclass
class Answer:
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """The body as JSON; strict: NaN is none."""

        def refuse(name: str):
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.body, parse_constant=refuse)


@dataclass
class Browser:
    """Asks a dashboard; keeps the cookie that it is given."""

    port: int
    cookie: str = ""
    seen: list[Answer] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes | None = None, headers=None) -> Answer:
        """Sends one request as it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {**({"Cookie": self.cookie} if self.cookie else {}), **(headers or {})}
        try:
            connection.request(method, path, body, headers)
            found = connection.getresponse()
            answer = Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, b"")
            answer.body = found.read()
        finally:
            connection.close()
        if cookie := answer.headers.get("set-cookie"):
            self.cookie = cookie.split(";")[0]
        self.seen.append(answer)
        return answer

    def get(self, path: str, headers=None, **query) -> Answer:
        """Gets a page or data."""
        given = {name: value for name, value in query.items() if value is not None}
        return self.ask("GET", f"{path}?{urlencode(given)}" if given else path, None, headers)

    def post(self, path: str, body=None, headers=None) -> Answer:
        """Posts JSON as the page does; a header that is None is left out."""
        merged = {**JSON, **(headers or {})}
        sent = {name: value for name, value in merged.items() if value is not None}
        return self.ask("POST", path, json.dumps(body or {}).encode(), sent)

    def log_in(self, dashboard: Dashboard) -> "Browser":
        """Uses the printed link."""
        token = dashboard.link.partition("#token=")[2]
        assert self.post("/api/login", {"token": token}).status == 204
        return self

    def wait_for(self, path: str, holds, timeout_s: float = 60.0):
        """Asks until an answer is as wanted, and returns it."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.get(path).json
            if holds(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


@pytest.fixture(autouse=True)
def _own_state(monkeypatch, tmp_path_factory) -> None:
    """Keeps keys and links of tests out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def record(root, name: str = "run", project: str = "demo", steps: int = 20, **options) -> str:
    """Records a small run and returns its id."""
    options = {"follow": "off", "capture_environment": False, "sinks": [], **options}
    with epochal.init(project=project, name=name, dir=str(root), **options) as run:
        run.define("val/loss", goal="minimize", unit="nats")
        for step in range(steps):
            run.log({"train/loss": math.exp(-step / 7), "lr": 0.1}, step=step)
        run.log({"val/loss": 0.5}, step=steps - 1)
    return run.id


@pytest.fixture
def root(tmp_path) -> Path:
    """An empty folder of runs."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def runs(root) -> list[str]:
    """Three runs of "demo" and one of "Other one"; their ids, the oldest first."""
    ids = [record(root, f"run {i}", config={"lr": 0.1 * (i + 1)}, seed=i) for i in range(3)]
    return [*ids, record(root, "fourth", project="Other one")]


@pytest.fixture
def serve(root):
    """Starts dashboards; they end with the test."""
    started: list[Dashboard] = []

    def start(folder=root, **options) -> Dashboard:
        made = Dashboard(str(folder), port=0, **options)
        started.append(made)
        made.start()
        return made

    yield start
    for each in started:
        each.close()


@pytest.fixture
def dashboard(serve, runs) -> Dashboard:  # noqa: ARG001 - the runs are there before
    """A dashboard of the runs of `runs`."""
    return serve()


@pytest.fixture
def browser(dashboard) -> Browser:
    """A browser that may only read."""
    return Browser(dashboard.port)


@pytest.fixture
def editor(dashboard) -> Browser:
    """A browser that may change things."""
    return Browser(dashboard.port).log_in(dashboard)


@pytest.fixture
def browse():
    """Makes further browsers: `browse(dashboard)`."""
    return lambda dashboard: Browser(dashboard.port)


@pytest.fixture
def recording():
    """Records small runs: `recording(root, name=..., project=...)`."""
    return record


@pytest.fixture
def quoted():
    """Text as a part of an address."""
    return lambda text: quote(text, safe="")
