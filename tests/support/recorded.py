"""What tests of recording share: making runs, running scripts, reading back what is on disk."""

import contextlib
import csv
import os
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import epochal
from epochal.core import ring
from epochal.core.records import Event, Row
from epochal.journal import frames, recovery
from epochal.journal.frames import Damage
from epochal.journal.reader import JournalReader
from epochal.read.parts import read_parts

QUIET = {"project": "p", "follow": "off", "capture_environment": False}
"""Arguments of ``init`` for a run that starts no other process."""

THOROUGH = 20 if os.environ.get("EPOCHAL_TEST_THOROUGH") == "1" else 1
"""How many times more often random tests are tried."""

TORN = ("the header is cut off", "the payload is cut off")


@dataclass
class Recorded:
    """What the journal of a run says, read record by record."""

    rows: list[Row] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    lost: int = 0
    damage: list[Damage] = field(default_factory=list)
    descriptors: list[dict] = field(default_factory=list)

    def values(self, key: str) -> list[float]:
        """Values of one metric, in order."""
        return [row.values[key] for row in self.rows if key in row.values]

    def steps(self) -> list[float]:
        """Steps of all rows, in order."""
        return [row.step for row in self.rows]

    def kinds(self, kind: str) -> list[dict]:
        """Fields of all events of a kind, in order."""
        return [event.data for event in self.events if event.kind == kind]

    def states(self) -> list[str]:
        """The states with which sessions ended, in reading order."""
        return [data["state"] for data in self.kinds("end")]


def recorded(run_dir: str) -> Recorded:
    """Read a run's journal to its end."""
    reader = JournalReader(os.path.join(run_dir, "journal"))
    found = Recorded()
    while records := reader.read():
        for record in records:
            (found.rows if isinstance(record, Row) else found.events).append(record)
    for session in reader.sessions.values():
        found.lost += session.lost
        found.damage += [damage for _, damage in session.damage]
        found.descriptors.append(session.descriptor)
    return found


def stored(run_dir: str, metric: str) -> list[tuple[float, float]]:
    """(step, value) of one metric in recorded order, sealed or not, read as columns."""
    found = []
    for part in read_parts(run_dir):
        points = [
            (int(seq), step, value)
            for each in part.points(metric)
            for seq, step, value in zip(
                each.seq.tolist(), each.steps.tolist(), each.values.tolist(), strict=True
            )
        ]
        found += [(step, value) for _, step, value in sorted(points)]
    return found


def mirrored(run_dir: str, metric: str = "a") -> list[tuple[str, str]]:
    """(step, value) of one metric as the CSV mirror has it, as text."""
    for path in Path(run_dir, "csv").glob("*_steps.csv"):
        lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        return [(line["step"], line[metric]) for line in lines if line.get(metric)]
    return []


def recover(run_dir: str, timeout_s: float = 60) -> None:
    """Save the rings that dead writers of a run left; other processes may be at it too."""
    journal = os.path.join(run_dir, "journal")
    sessions = {segment.session for segment in frames.segments(journal)}
    deadline = time.monotonic() + timeout_s
    while True:
        for session in sessions:
            recovery.recover(session=session)
        left = [
            path
            for folder in ring.ring_folders()
            for path in (os.path.join(folder, f"{session}.ring") for session in sessions)
            if os.path.exists(path) and path not in ring.own_rings()
        ]
        if not left:
            return
        assert time.monotonic() < deadline, f"rings are still there: {left}"
        time.sleep(0.02)


def open_files() -> set[tuple[str, str]]:
    """The descriptors of this process and what they lead to; others may be closing meanwhile."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # such as the one that lists them
            found.add((entry.name, os.readlink(entry)))
    return found


def wait_until(condition, timeout_s: float = 60):
    """Return what a condition gives as soon as that is true; fail when it never is."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return result


def start_script(code: str, *args: object, env: dict | None = None, **options) -> subprocess.Popen:
    """Start a Python script as a process of its own, with pipes for its output."""
    argv = [*options.pop("before", []), sys.executable, "-c", textwrap.dedent(code)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(
        [*argv, *map(str, args)], env={**os.environ, **(env or {})}, **options
    )  # fmt: skip


def run_script(code: str, *args: object, returncode: int | None = 0, timeout: float = 120, **more):
    """Run a script to its end; returns what it printed as (output, errors)."""
    process = start_script(code, *args, **more)
    try:
        output, errors = process.communicate(timeout=timeout)
    finally:
        process.kill()
        process.wait()
    if returncode is not None:
        assert process.returncode == returncode, f"{process.returncode}: {errors}"
    return output, errors


@pytest.fixture
def new_run(tmp_path):
    """Makes runs that record into the test's folder and start no other process."""
    made = []

    def make(**arguments):
        run = epochal.init(**{**QUIET, "dir": str(tmp_path / "runs"), **arguments})
        made.append(run)
        return run

    yield make
    for run in made:
        run.finish()


@pytest.fixture
def run(new_run):
    """A run of its own for the test."""
    return new_run()
