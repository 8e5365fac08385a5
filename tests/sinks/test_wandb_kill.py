"""Killed in the middle and synced: one offline folder, every value in it once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import recorded, recover, start_script, wait_until
from wandb_files import gone, offline_folders, offline_run, wandb_home

from epochal.sinks.wandb.process import children
from epochal.testing import points

__all__ = ["wandb_home"]

pytestmark = pytest.mark.usefixtures("wandb_home")

TRAINING = """
    import os, sys, time, epochal
    folder, resume = sys.argv[1:3]
    options = {"resume": resume, "resume_step": int(sys.argv[3])} if resume else {}
    sinks = {"wandb": {"mode": "offline"}}
    run = epochal.init(project="p", dir=folder, sinks=sinks, seal=False, **options)
    os.write(1, run.dir.encode() + b"\\n")
    step = int(sys.argv[3]) + 1 if resume else 0
    while True:
        run.log({"a": float(step), "b": -0.5 * step, "c": 1 / (step + 1)}, step=step)
        if step % 100 == 0:
            run.log({"note": f"text {step}"}, step=step)
        step += 1
        time.sleep(0.0005)
"""


def descendants(pid):
    """Every process that a process has started, and those that these have."""
    found = children(pid)
    return [*found, *(each for child in found for each in descendants(child))]


class Training:
    """A training process that mirrors into an offline folder until it is killed."""

    def __init__(self, folder, resume="", after=0) -> None:
        self.process = start_script(TRAINING, folder, resume, after)
        self._before = {*Path(folder).glob("*/*/wandb/offline-run-*/*.wandb")}
        self.run_dir = Path(self.process.stdout.readline().strip())
        self.all: list[int] = []

    def see(self, kib=100):
        """Waits until something is in a new file of W&B; returns the processes that are at it."""
        wait_until(lambda: sum(self._sizes()) > 1024 * kib)
        self.all = descendants(self.process.pid)
        return self.all

    def _sizes(self):
        files = {*self.run_dir.glob("wandb/offline-run-*/*.wandb")} - self._before
        return [path.stat().st_size for path in files]

    def kill(self, *more):
        """Kills the training and other processes at once."""
        for pid in (self.process.pid, *more):
            os.kill(pid, signal.SIGKILL)
        self.process.communicate()


def synced(run_dir):
    """Runs `epochal sync` and returns what the offline folder says then."""
    recover(str(run_dir))
    command = [sys.executable, "-m", "epochal", "sync", str(run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return offline_run(run_dir)


def series(found):
    """The (step, value) of points by metric."""
    by_name = {}
    for step, name, value in found:
        by_name.setdefault(name, []).append((step, value))
    return by_name


def logged(run_dir):
    """The (step, value) of every row in the journal by metric."""
    return series(points(recorded(str(run_dir)).rows))


@pytest.mark.parametrize("who", ["training and follower", "everything"])
def test_killed_in_the_middle(tmp_path, who):
    """The folder is complete after `epochal sync`, and no process is left behind."""
    training = Training(tmp_path)
    follower, *others = training.see()
    time.sleep(random.random() / 2)
    training.kill(follower, *(others if who == "everything" else ()))
    found = synced(training.run_dir)
    assert len(offline_folders(training.run_dir)) == 1
    assert series(found.points()) == logged(training.run_dir)
    assert found.column("step")[-1] > 100
    assert len(found.column("note")) > 0
    assert found.exit_codes == [255]
    assert gone(*training.all)


def test_killed_training(tmp_path):
    """The follower that lives on completes the folder by itself."""
    training = Training(tmp_path)
    pids = training.see()
    training.kill()
    assert gone(*pids)
    found = offline_run(training.run_dir)
    assert series(found.points()) == logged(training.run_dir)
    assert found.exit_codes == [255]


def test_resumed(tmp_path):
    """A run that was resumed is one folder, without what the resume has replaced."""
    first = Training(tmp_path)
    follower, *_ = first.see()
    first.kill(follower)
    second = Training(tmp_path, resume=first.run_dir.name.rpartition("-")[2], after=100)
    assert second.run_dir == first.run_dir
    follower, *_ = second.see()
    second.kill(follower)
    found = synced(second.run_dir)
    rows = recorded(str(second.run_dir)).rows
    assert len({row.session for row in rows}) == 2
    visible = [row for row in rows if row.session > 1 or row.step <= 100]
    assert series(found.points()) == series(points(visible))
    assert found.column("step").count(100) == 1 + 1  # a row and a text
