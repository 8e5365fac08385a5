"""Runs for the commands to work on, and the commands themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

# A program that records the runs of RUNS; nothing of it outlives it, so that they can be copied.
PROGRAM = r"""
import sys, time
import epochal
from epochal.follow import plugins
from epochal.follow.follower import Follower
from epochal.store.seal import seal_run

def record(name, project="text2sign", tags=(), state="finished", **config):
    run = epochal.init(
        project=project, name=name, dir=sys.argv[1], config=config, tags=tags, seed=config["seed"],
        follow="off", capture_environment=False,
    )
    run.define("val/loss", unit="nats", goal="minimize", range=(0, None))
    for step in range(50):
        run.log({"train/loss": config["lr"] * 100 / (step + 1), "lr": config["lr"]}, step=step)
    run.log({"val/loss": config["lr"] * 100}, step=49)
    run.summary["params"] = 124
    run.finish(state)
    for sink in ("csv", "json"):
        assert Follower(run.dir, plugins.load(sink, {})).finish(time.monotonic() + 60)
    seal_run(run.dir)

record("adam", lr=0.001, seed=0, model={"depth": 12}, tags=("ablation/lr",))
record("sgd", lr=0.1, seed=0, model={"depth": 24})
record("other", project="speech", lr=0.01, seed=1, state="failed")
hostile = {"k\x1b[31m": "[/]\x07"}
record("[red]x[/] \x1b[2J\r\n\u202eevil", lr=1.0, seed=0, tags=("[b]\x07",), **hostile)
"""


@pytest.fixture(scope="session")
def recorded(tmp_path_factory) -> Path:
    """A folder of runs that nobody changes; tests work on copies."""
    base = tmp_path_factory.mktemp("recorded") / "runs"
    command = [sys.executable, "-c", PROGRAM, str(base)]
    subprocess.run(command, check=True, cwd=base.parent, timeout=120)
    return base


@pytest.fixture
def runs(recorded, tmp_path) -> Path:
    """Four runs: adam, sgd and one with a hostile name in text2sign, other in speech."""
    return Path(shutil.copytree(recorded, tmp_path / "runs"))


@pytest.fixture
def epochal(monkeypatch, tmp_path):
    """Runs a command line in this process: `epochal("ls", "--json")`."""
    from epochal.cli import main

    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object, width: int = 0, stdin: str | None = None) -> Result:
        env = {"FORCE_COLOR": "1", "COLUMNS": str(width)} if width else {}
        args = list(map(str, arguments))
        return CliRunner().invoke(main, args, env=env, input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def shell(tmp_path):
    """Runs a command line in a process of its own, with the real standard streams."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "epochal", *map(str, arguments)]
        options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 120} | options
        return subprocess.run(command, check=False, env=os.environ | {"COLUMNS": ""}, **options)

    return run


@pytest.fixture
def folder_of(runs):
    """The folder of a run of `runs` by its name's slug."""

    def find(slug: str) -> Path:
        (path,) = runs.glob(f"*/{slug}-202*")
        return path

    return find
