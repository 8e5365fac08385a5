"""A training that goes on while the page is open."""

import re
import subprocess
import sys

import pytest
from dashboard_views import chart, expect, expect_names, note
from ports import quiet_port

import epochal

TRAINING = """
import sys
import epochal
run = epochal.init(project="live", name=sys.argv[2], dir=sys.argv[1], follow="off", sinks=(),
                   capture_environment=False, console=True, log_system=False)
print(run.id, file=sys.stderr, flush=True)
for line in sys.stdin:
    step = int(line)
    run.log({"loss": 1 / (step + 1)}, step=step)
    if step % 10 == 0:
        run.log({"val/loss": 2 / (step + 1)}, step=step)
        print(f"step {step} is done", flush=True)
    run.flush()
run.finish()
"""
LOOP = """
import pathlib
import sys
import time

import numpy as np

import epochal

run = epochal.init(project="live", name="a loop", dir=sys.argv[1], console=True, config={"lr": 0.1})
run.define("loss", goal="minimize")
stop, step = pathlib.Path(sys.argv[2]), 0
while not stop.exists():
    values = {"loss": 1 / (step + 1), "train/accuracy": step / (step + 9)}
    run.log(values, step=step, epoch=step / 100)
    if step % 20 == 0:
        picture = np.full((8, 8, 3), step % 256, np.uint8)
        run.log({"val/loss": 2 / (step + 1), "sample": epochal.Image(picture)}, step=step)
        print(f"step {step} is done", flush=True)
    step += 1
    time.sleep(0.01)
run.finish()
"""
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  Object.defineProperty(document, "visibilityState",
    { configurable: true, get: () => (hidden ? "hidden" : "visible") });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Training:
    """A training in a process of its own that logs the steps it is told to."""

    def __init__(self, folder, name="a run") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRAINING, str(folder), name], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.id = self.process.stderr.readline().strip()

    def log(self, *steps: int) -> None:
        """Log steps."""
        for step in steps:
            self.process.stdin.write(f"{step}\n")
        self.process.stdin.flush()

    def finish(self) -> None:
        """End the run."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(60)
            self.process.stderr.close()


@pytest.fixture
def training(tmp_path):
    """Starts trainings into ``tmp_path / "runs"``."""
    started = []

    def start(name="a run"):
        started.append(Training(tmp_path / "runs", name))
        return started[-1]

    yield start
    for each in started:
        each.finish()


@pytest.fixture
def loop(tmp_path):
    """A training as anybody writes it, which logs until it is told to stop."""
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", LOOP, str(tmp_path / "runs"), str(stop)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end():
        stop.touch()
        assert process.wait(60) == 0

    yield end
    if process.poll() is None:
        end()


POINTS = r"([\d,]+) points"


def test_everything_follows_a_training_that_nobody_waits_for(page, loop, serve, tmp_path, until):
    """Table, charts, zoom, media, console and edits while a loop logs; then all of it is there."""
    (tmp_path / "runs").mkdir(exist_ok=True)
    served = serve(tmp_path / "runs")
    page.goto(served.entry)
    page.get_by_role("link", name=re.compile("^live")).click()

    def grows(locator, pattern, times):
        def number(above):
            said = re.search(pattern, locator.inner_text())
            found = int(said[1].replace(",", "")) if said else 0
            return found if found > above else None

        seen = 0
        for _ in range(times + 1):
            seen = until(lambda above=seen: number(above))

    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="a loop", exact=True))
    expect(row).to_contain_text("running")
    grows(note(page, "loss"), POINTS, 2)
    row.hover()
    row.get_by_role("button", name="Add a tag").click()
    page.get_by_role("textbox", name="New tags").fill("watched")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("watched")
    page.get_by_role("combobox", name="x").select_option("epoch")
    grows(note(page, "train/accuracy by epoch"), POINTS, 1)
    page.get_by_role("combobox", name="x").select_option("step")
    page.goto(served.url("/p/live", r="0,50"))
    expect(note(page, "loss")).to_contain_text("all 51 points")
    page.get_by_role("link", name="a loop", exact=True).click()
    parts = page.get_by_role("navigation", name="Parts of the run")
    parts.get_by_role("link", name="Media").click()
    grows(page.locator(".step-slider output .muted"), r"of ([\d,]+)", 1)
    parts.get_by_role("link", name="Console").click()
    grows(page.get_by_role("status").filter(has_text="lines"), r"([\d,]+) lines", 1)
    page.go_back()
    page.go_back()
    page.go_back()
    expect(note(page, "loss")).to_contain_text("all 51 points")
    page.get_by_role("button", name="Reset zoom").click()
    loop()
    expect(row).to_contain_text("finished")
    (view,) = epochal.open(tmp_path / "runs").runs()
    logged = view.history("loss").num_rows
    expect(note(page, "loss")).to_contain_text(f"{logged:,} points")
    assert (view.state, view.tags) == ("finished", ["watched"])


def test_a_run_that_has_logged_nothing_yet_says_so(page, training, serve, tmp_path):
    """Its charts and results say what is missing, and appear with the first values."""
    begun = training()
    served = serve(tmp_path / "runs")
    page.goto(served.url(f"/r/{begun.id}"))
    expect(page.get_by_role("region", name="Results")).to_contain_text("No metric has been logged")
    page.goto(served.url(f"/r/{begun.id}/charts"))
    expect(page.locator("main")).to_contain_text("No metric has been logged")
    begun.log(*range(10))
    expect(note(page, "loss")).to_contain_text("all 10 points")
    page.goto(served.url(f"/r/{begun.id}"))
    expect(page.get_by_role("region", name="Results")).to_contain_text("val/loss")


def test_a_project_whose_page_was_open_before_its_first_run(page, serve, tmp_path):
    """Its page says that there is none, and shows the run once there is."""
    (tmp_path / "runs").mkdir()
    served = serve(tmp_path / "runs")
    page.watch.expected.append("404")
    page.goto(served.url("/p/soon"))
    expect(page.locator("main")).to_contain_text("There is no project soon")
    with epochal.init(
        project="soon", name="first", dir=tmp_path / "runs", follow="off", sinks=()
    ) as run:
        run.log({"loss": 1.0}, step=0)
    expect_names(page, ["first"])


@pytest.fixture
def live(training, serve, tmp_path):
    """A training with ten steps, and the server that shows it."""
    begun = training()
    begun.log(*range(10))
    return begun, serve(tmp_path / "runs")


def test_the_header_of_a_phone_is_one_row_while_something_runs(new_page, training, serve, tmp_path):
    """What runs, the control panel and every icon stand side by side."""
    training()
    page = new_page(viewport={"width": 390, "height": 844})
    served = serve(tmp_path / "runs", "--control", "http://127.0.0.1:9/")
    page.goto(served.url())
    expect(page.get_by_title("1 run recording now")).to_be_visible()
    running, panel = page.get_by_title("1 run recording now"), page.get_by_text("Control panel")
    help_icon = page.get_by_role("button", name="Help and keys")
    boxes = [each.bounding_box() for each in (running, panel, help_icon)]
    assert max(b["y"] for b in boxes) < min(b["y"] + b["height"] for b in boxes)
    assert page.get_by_role("banner").bounding_box()["height"] < 60


def test_charts_follow_a_training(page, live):
    """What is logged appears without anybody touching the page, until the run has ended."""
    training, served = live
    page.goto(served.url(f"/r/{training.id}/charts"))
    expect(note(page, "loss")).to_contain_text("all 10 points")
    expect(page.locator("main")).to_contain_text("running")
    training.log(*range(10, 60))
    expect(note(page, "loss")).to_contain_text("all 60 points")
    expect(note(page, "val/loss")).to_contain_text("all 6 points")
    training.finish()
    expect(page.locator("main")).to_contain_text("finished")


def test_the_table_follows_too(page, live, training):
    """Steps and states change in place; a run that starts appears."""
    first, served = live
    page.goto(served.url("/p/live", co="state,steps"))
    expect_names(page, ["a run"])
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="a run", exact=True))
    expect(row).to_contain_text("9")
    first.log(77)
    expect(row).to_contain_text("77")
    expect(page.get_by_role("banner")).to_contain_text("1 running")
    second = training("another")
    second.log(1, 2)
    expect(page.get_by_role("link", name="another")).to_be_visible()
    first.finish()
    expect(row).to_contain_text("finished")


def test_the_console_follows(page, live):
    """New lines arrive at the end."""
    training, served = live
    page.goto(served.url(f"/r/{training.id}/console"))
    log = page.get_by_role("log", name="Console")
    expect(log).to_contain_text("step 0 is done")
    training.log(10)
    expect(log).to_contain_text("step 10 is done")


@pytest.mark.parametrize("where", ["runs", "compare"])
def test_a_new_metric_gets_a_chart(page, live, where):
    """A metric that is first logged while the page is open."""
    training, served = live
    if where == "runs":
        page.goto(served.url("/p/live", m="loss"))
    else:
        page.goto(served.url("/c/live/curves", runs=training.id, m="loss"))
    expect(note(page, "loss")).to_contain_text("10 points")
    training.log(*range(10, 31))
    expect(chart(page, "val/loss")).to_be_visible()
    expect(note(page, "val/loss")).to_contain_text("all 4 points")


def test_a_hidden_tab_asks_for_nothing_and_catches_up(page, live, until):
    """While hidden it is silent; when it comes back it shows the present."""
    training, served = live
    asked, answered = [], []
    page.on("request", lambda request: asked.append(request.url))
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: answered.append(request.url))

    def silent():
        before = len(asked)
        page.wait_for_timeout(2500)
        return len(asked) == before == len(answered)

    page.goto(served.url(f"/r/{training.id}/charts"))
    expect(note(page, "loss")).to_contain_text("all 10 points")
    page.evaluate(HIDE, True)  # noqa: FBT003 - an argument of the script
    until(silent)  # a question may have been on its way
    training.log(*range(10, 40))
    assert silent()
    page.evaluate(HIDE, False)  # noqa: FBT003 - an argument of the script
    expect(note(page, "loss")).to_contain_text("all 40 points")


def test_a_server_that_is_gone_is_told_and_comes_back(page, training, serve, tmp_path):
    """A banner says so while charts stay; it goes when the server answers again."""
    page.watch.expected.append("net::ERR_")
    begun = training()
    begun.log(*range(10))
    port = str(quiet_port())
    served = serve(tmp_path / "runs", "--port", port)
    page.goto(served.url(f"/r/{begun.id}/charts"))
    expect(note(page, "loss")).to_contain_text("all 10 points")
    served.stop()
    banner = page.locator(".banner")
    expect(banner).to_contain_text("does not answer")
    expect(note(page, "loss")).to_contain_text("10 points")
    begun.log(*range(10, 20))
    serve(tmp_path / "runs", "--port", port)
    expect(banner).to_have_count(0)
    expect(note(page, "loss")).to_contain_text("all 20 points")


def test_ten_tabs_at_once(new_page, live):
    """Each of ten tabs shows the training and goes on doing so."""
    training, served = live
    pages = [new_page() for _ in range(10)]
    for each in pages:
        each.goto(served.url(f"/r/{training.id}/charts"), wait_until="commit")
    for each in pages:
        expect(note(each, "loss")).to_contain_text("all 10 points")
    training.log(*range(10, 30))
    for each in pages:
        expect(note(each, "loss")).to_contain_text(re.compile("all 30 points"))
