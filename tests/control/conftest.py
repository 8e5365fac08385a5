"""What tests of the control panel share: panels that run, and patience."""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from control_process import ControlPanel
from visits import PASSWORD, Visit

import epochal

# Other Pythons have no Gradio: what needs it is not collected there.
collect_ignore_glob = [
    f"test_panel_{subject}*.py"
    for subject in ("http", "browser", "process")
    if importlib.util.find_spec("gradio") is None
]


def until(condition: Callable, timeout_s: float = 60.0):
    """Waits until a condition holds and returns what it gave."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return result


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that was asked to end does so by itself, also on a machine that is busy."""
    monkeypatch.setattr("epochal.control.job.END_S", 120.0)


@pytest.fixture(name="until")
def _until() -> Callable:
    return until


@pytest.fixture
def start_panel(tmp_path: Path) -> Iterator[Callable[..., ControlPanel]]:
    """Starts panels, and ends them with the test."""
    started: list[ControlPanel] = []

    def start(*arguments: str, folder: Path = tmp_path, **more) -> ControlPanel:
        started.append(ControlPanel(folder, *arguments, **more))
        return started[-1]

    yield start
    for panel in started:
        panel.stop()


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPanel]:
    """One panel for the tests of a file, not logged in."""
    made = ControlPanel(tmp_path_factory.mktemp("panel"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def chromium():
    """What starts browsers."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A panel for tests that change nothing in it; its password lets each of them in."""
    panel = ControlPanel(
        tmp_path_factory.mktemp("shared"), "--dashboard", "http://127.0.0.1:9/x",
        environ={"EPOCHAL_TOKEN": PASSWORD},
    )  # fmt: skip
    panel.link = f"{panel.url}login#token={PASSWORD}"
    with epochal.init("p", "a", dir=str(panel.runs)) as run:
        run.log({"train/loss": 0.5}, 1)
    yield panel
    panel.stop()


@pytest.fixture
def visit(tmp_path: Path, start_panel: Callable, chromium):  # noqa: ARG001 - panels end later
    """Makes visits; none of them may have seen anything wrong."""
    made = []

    def start(panel, **options) -> Visit:
        made.append(Visit(panel, chromium, tmp_path / f"profile{len(made)}", **options))
        return made[-1]

    yield start
    for each in made:
        each.close()
    assert [(each.wrong, each.panel.lines) for each in made if each.wrong] == []
