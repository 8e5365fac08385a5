"""`epochal tensorboard`: the real TensorBoard on real runs."""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

import epochal as library

if importlib.util.find_spec("tensorboard") is None:
    pytest.skip("the package tensorboard is not installed", allow_module_level=True)

QUIET = {"follow": "off", "capture_environment": False, "sinks": ()}

WRITER = """
import sys, epochal
run = epochal.init(project="p", name="live", dir=sys.argv[1], follow="off", sinks=(),
                   capture_environment=False)
print(run.dir, flush=True)
for line in sys.stdin:
    run.log({"loss": float(line)}, step=int(line))
    run.flush()
run.finish()
"""

# The command, but what is looked at every five seconds is looked at every second.
OFTEN = """
import importlib
from epochal.cli import main
module = importlib.import_module
command, runs, server = (module(f"epochal.cli.tensorboard{of}") for of in ("", "_runs", "_server"))
command.LOOK_EVERY_S = runs.CHECK_EVERY_S = 1.0
often = "sys.argv += ['--reload_interval', '1']"
server.CODE = server.CODE.replace("from tensorboard.main", often + "; from tensorboard.main")
main()
"""


class Page:
    """The command, running, and the TensorBoard behind it."""

    def __init__(self, folder, *arguments, program=("-m", "epochal")):
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, *program, "tensorboard", *map(str, arguments), "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
            env=os.environ | {"TMPDIR": str(self.temporary)},
        )  # fmt: skip
        self.said = self.process.stdout.readline()
        self.url = re.search(r"http://127\.0\.0\.1:\d+/", self.said)[0]

    def ask(self, path, **query):
        """What TensorBoard answers."""
        url = f"{self.url}data/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.load(answer)

    def steps(self, run, tag):
        """The steps of a scalar; empty: it is not there."""
        if tag not in self.ask("plugin/scalars/tags").get(run, {}):
            return []
        return [step for _, step, _ in self.ask("plugin/scalars/scalars", run=run, tag=tag)]

    def until(self, condition):
        """Waits for what TensorBoard shows when it has looked at the files again, or leaves."""
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "TensorBoard does not do it"
            time.sleep(0.2)

    def end(self, number=signal.SIGINT):
        """Ends it with a signal; returns its status and its errors."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors

    def left(self):
        """Processes and files that it has left."""
        lines = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(process.read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        processes = [line for line in lines if str(self.temporary) in line]
        return [*processes, *self.temporary.glob("epochal-*")]


@pytest.fixture
def page(tmp_path):
    """Starts the command with some arguments."""
    pages = []

    def start(*arguments, **options):
        pages.append(Page(tmp_path, *arguments, **options))
        return pages[-1]

    yield start
    for each in pages:
        each.process.kill()
        each.process.communicate()


def make_run(folder, name, steps=3, **settings):
    """Records a small run without mirrors."""
    run = library.init(project="p", name=name, dir=str(folder), **(QUIET | settings))
    for step in range(steps):
        run.log({"loss": float(step)}, step=step)
    run.finish()
    return run


def test_runs_of_a_folder(page, runs, folder_of):
    """Finished and sealed runs get event files and are shown by project and name."""
    shown = page(runs)
    assert "shows 4 runs" in shown.said
    names = {"text2sign/adam", "text2sign/sgd", "speech/other"}
    shown.until(lambda: len(shown.ask("runs")) == 4)
    assert names < set(shown.ask("runs"))
    (hostile,) = set(shown.ask("runs")) - names
    assert hostile == r"text2sign/[red]x[-] \x1b[2J\r\n\u202eevil"
    assert shown.steps("text2sign/adam", "train/loss") == list(range(50))
    points = shown.ask("plugin/scalars/scalars", run="text2sign/sgd", tag="val/loss")
    assert [(step, round(value, 6)) for _, step, value in points] == [(49, 10.0)]
    assert shown.end() == (0, "Ctrl-C ends it.\n")
    shown.until(lambda: not shown.left())
    (path,) = (folder_of("adam") / "tensorboard").glob("*.records")
    before = path.stat().st_mtime_ns
    again = page(folder_of("adam"))
    assert "shows 1 run " in again.said
    assert again.end(signal.SIGTERM)[0] == 0
    again.until(lambda: not again.left())
    assert path.stat().st_mtime_ns == before


def test_sections(page, tmp_path):
    """With --sections runs without event files have the numbered sections, and without not."""
    make_run(tmp_path, "a")
    for arguments, tag in ((("--sections",), "01_Training/Loss"), ((), "loss")):
        shown = page(tmp_path, *arguments)
        shown.until(lambda: "p/a" in shown.ask("runs"))  # noqa: B023 - called at once
        assert shown.steps("p/a", tag) == [0, 1, 2]
        assert shown.end()[0] == 0


def test_equal_names_and_resumed_runs(page, tmp_path):
    """Runs of one name are told apart; the fast loader, too, hides what a resume replaced."""
    make_run(tmp_path / "runs", "same")
    second = make_run(tmp_path / "runs", "same")
    run = library.init(project="p", name="resumed", dir=str(tmp_path / "runs"), **QUIET)
    for step in range(10):
        run.log({"loss": 1.0, "gone": 1.0}, step=step)
    run.finish("failed")
    run = library.init(project="p", dir=str(tmp_path / "runs"), resume=run.id, resume_step=4,
                       **QUIET)  # fmt: skip
    run.log({"loss": 2.0}, step=8)
    run.finish()
    shown = page("--dir", tmp_path / "runs")
    shown.until(lambda: len(shown.ask("runs")) == 3)
    assert sorted(shown.ask("runs")) == ["p/resumed", "p/same", f"p/same ({second.id})"]
    assert shown.steps("p/resumed", "loss") == [0, 1, 2, 3, 4, 8]
    assert shown.steps("p/resumed", "gone") == [0, 1, 2, 3, 4]
    assert shown.end()[0] == 0


def test_live_and_new_runs(page, tmp_path):
    """A run without a mirror of its own is followed, and one that begins later appears."""
    folder = tmp_path / "runs"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, folder], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    run_dir = Path(writer.stdout.readline().strip())

    def log(step):
        writer.stdin.write(f"{step}\n")
        writer.stdin.flush()

    log(0)
    shown = page(folder, program=("-c", OFTEN))
    shown.until(lambda: shown.steps("p/live", "loss") == [0])
    log(1)
    make_run(folder, "later")
    shown.until(lambda: shown.steps("p/live", "loss") == [0, 1])
    shown.until(lambda: shown.steps("p/later", "loss") == [0, 1, 2])
    assert shown.end(signal.SIGTERM)[0] == 0
    shown.until(lambda: not shown.left())
    # Nobody goes on with this mirror: sealing must not wait for it.
    assert not (run_dir / "follow" / "tensorboard.json").exists()
    again = page(run_dir, program=("-c", OFTEN))
    log(2)
    writer.communicate(timeout=120)
    again.until(lambda: again.steps("p/live", "loss") == [0, 1, 2])
    cursor = run_dir / "follow" / "tensorboard.json"
    again.until(lambda: cursor.exists() and json.loads(cursor.read_text())["finished"])
    assert again.end()[0] == 0
    assert cursor.exists()


def test_killed(page, tmp_path):
    """TensorBoard never outlives the command, even when that is killed."""
    make_run(tmp_path / "runs", "any")
    shown = page(tmp_path / "runs")
    assert any("--logdir" in str(each) for each in shown.left())
    shown.end(signal.SIGKILL)
    shown.until(lambda: not any("--logdir" in str(each) for each in shown.left()))


def test_port_in_use(shell, tmp_path):
    """A port that is taken is one line and status 1."""
    make_run(tmp_path / "runs", "any")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = shell("tensorboard", tmp_path / "runs", "--port", taken.getsockname()[1])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "already in use" in done.stderr


def test_one_line_errors(shell, tmp_path):
    """What is not there is named in one line."""
    done = shell("tensorboard", "--dir", tmp_path, "absent")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "absent" in done.stderr


def test_missing_package(tmp_path):
    """Without the package the command says how to get it."""
    code = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "from epochal.cli import main\n"
        "main(['tensorboard', sys.argv[1]])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pip install 'epochal[tensorboard]'" in done.stderr
