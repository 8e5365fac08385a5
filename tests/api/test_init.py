"""Starting runs: arguments, places, refusals, and the current run."""

import asyncio
import json
import os
import stat
import time
from pathlib import Path

import pytest
from recorded import QUIET, recorded, run_script

import epochal
from epochal.core.errors import (
    AmbiguousRunError,
    ConfigError,
    LogError,
    RunFolderError,
    RunNotFoundError,
    SettingError,
)
from epochal.testing import MemorySink


def test_a_run_has_a_folder_of_its_own(new_run, tmp_path):
    """The folder is private, its name safe, and run.json says who and what."""
    run = new_run(
        project="../My project", name="näme / 1", tags=["a"], notes="n", group="g", seed=3
    )
    assert os.path.dirname(run.dir) == str(tmp_path / "runs" / "my-project")
    assert os.path.basename(run.dir).startswith("n-me-1-")
    assert stat.S_IMODE(os.stat(run.dir).st_mode) == 0o700
    with open(f"{run.dir}/run.json") as file:
        about = json.load(file)
    wanted = {"id": run.id, "name": "näme / 1", "project": "../My project", "tags": ["a"]}
    assert about.items() >= {**wanted, "notes": "n", "group": "g", "seed": 3}.items()


def test_names_may_be_templates_and_are_readable(new_run):
    """A name may use the config; without one, a readable name is made."""
    assert new_run(name="lr-{lr}", config={"lr": 0.1}).name == "lr-0.1"
    assert new_run().name != new_run().name


def test_mode_off_does_nothing(tmp_path, monkeypatch):
    """With mode="off" every call works, returns, and leaves nothing on disk."""
    monkeypatch.chdir(tmp_path)
    run = epochal.init(mode="off", project="p", config={"lr": 1})
    run.log({"a": object()}, step="nonsense")
    run.log(None)
    run.tag("x")
    run.note("y")
    run.alert("z")
    run.define("a", goal="minimize")
    run.summary["x"] = 1
    run.config.update({"lr": 2})
    assert (run.config["lr"], run.step, run.flush(), run.health().ok) == (2, None, True, True)
    with run:
        pass
    run.finish()
    assert os.listdir(tmp_path) == []
    assert epochal.current_run() is not run


def test_mode_comes_from_the_environment(tmp_path, monkeypatch):
    """EPOCHAL_MODE=off turns recording off without a change of code."""
    monkeypatch.setenv("EPOCHAL_MODE", "off")
    run = epochal.init(dir=str(tmp_path / "runs"), **QUIET)
    run.log({"a": 1.0})
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID"])
def test_only_rank_zero_records(tmp_path, monkeypatch, variable):
    """Other ranks of a distributed job record nothing, and every call works."""
    monkeypatch.setenv(variable, "3")
    run = epochal.init(dir=str(tmp_path / "runs"), **QUIET)
    run.log({"a": 1.0})
    run.finish()
    assert not (tmp_path / "runs").exists()
    monkeypatch.setenv(variable, "0")
    with epochal.init(dir=str(tmp_path / "runs"), **QUIET) as run:
        run.log({"a": 1.0})
    assert recorded(run.dir).values("a") == [1.0]


def test_strict_raises_in_the_callers_thread(new_run):
    """strict=True: what would be told is raised, with the value and the remedy."""
    run = new_run(strict=True)
    with pytest.raises(LogError, match="takes a mapping"):
        run.log(3)
    with pytest.raises(LogError, match="step="):
        run.log({"a": 1.0}, step=2**64)
    with pytest.raises(LogError, match="level"):
        run.alert("x", level="fatal")
    with pytest.raises(LogError, match="goal"):
        run.define("a", goal="up")
    run.finish()
    with pytest.raises(LogError, match="finished"):
        run.log({"a": 1.0})


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"sinks": ["csvv"]}, SettingError, "csvv"),
        ({"sinks": ["csv", "nothing like it"]}, SettingError, "nothing like it"),
        ({"mode": "maybe"}, SettingError, "maybe"),
        ({"follow": "pigeon"}, SettingError, "pigeon"),
        ({"id": "../../x"}, SettingError, "../../x"),
        ({"id": "short"}, SettingError, "short"),
        ({"no_such_switch": 1}, SettingError, "no_such_switch"),
        ({"resume": "nowhere"}, RunNotFoundError, "nowhere"),
        ({"resume": "auto"}, SettingError, "EPOCHAL_JOB"),
        ({"resume_step": 3}, SettingError, "resume="),
        ({"resume_step": "3", "resume": "auto"}, SettingError, "resume_step"),
        ({"fork": ("nowhere", 3)}, RunNotFoundError, "nowhere"),
        ({"fork": 7}, SettingError, "pair"),
        ({"config": 3}, ConfigError, "int"),
        ({"config": "missing.yaml"}, ConfigError, "missing.yaml"),
    ],
    ids=range(15),
)
def test_wrong_arguments_are_named(tmp_path, arguments, error, text):
    """A wrong argument gives one error that names it and its value, before anything is made."""
    with pytest.raises(error, match=text.replace(".", r"\.")):
        epochal.init(**{**QUIET, "dir": str(tmp_path / "runs"), **arguments})
    assert not (tmp_path / "runs").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path):
    """A path that is no folder gives one error with the path and the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"file.*EPOCHAL_DIR"):
        epochal.init(dir=str(tmp_path / "file"), **QUIET)


READ_ONLY = """
    import os, sys, epochal
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    try:
        epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    except epochal.EpochalError as error:
        print(type(error).__name__, error)
"""


def test_a_read_only_folder_is_named(tmp_path, skip_or_fail):
    """A folder that may not be written gives one clear error when the run starts."""
    if os.geteuid():
        skip_or_fail("needs root, to become a user who may not write")
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    target = tmp_path / "runs"
    target.mkdir(mode=0o555)
    output, _ = run_script(READ_ONLY, target, env={"PYTHONPATH": os.path.dirname(
        os.path.dirname(epochal.__file__))}, returncode=None)  # fmt: skip
    if not output:
        pytest.skip("another user cannot use this Python")
    assert "RunFolderError" in output
    assert "Permission denied" in output


def test_missing_folders_are_made(new_run, tmp_path):
    """A folder of runs that is not there yet is made, however deep."""
    run = new_run(dir=str(tmp_path / "a" / "b" / "c"))
    assert run.dir.startswith(str(tmp_path / "a" / "b" / "c"))


def test_an_id_of_ones_own(new_run):
    """A run may have an id of the user's; it is what identifies it."""
    run = new_run(id="0123456789abcdef")
    assert run.id == "0123456789abcdef"
    assert run.dir.endswith("-0123456789abcdef")


def test_names_that_fit_several_runs_are_refused(new_run):
    """A name that two runs have does not choose one of them."""
    for _ in range(2):
        new_run(name="same").finish()
    with pytest.raises(AmbiguousRunError, match="same"):
        new_run(resume="same")


def test_the_current_run(new_run, caplog):
    """epochal.log records on the innermost run that is active."""
    assert epochal.current_run() is None
    epochal.log({"a": 0.0}, step=0)
    with new_run() as outer:
        epochal.log({"a": 1.0}, step=1, epoch=2, phase="val")
        with new_run() as inner:
            assert epochal.current_run() is inner
            epochal.log({"a": 2.0})
        assert epochal.current_run() is outer
        epochal.log({"a": 3.0}, step=3)
    assert epochal.current_run() is None
    assert recorded(inner.dir).values("a") == [2.0]
    rows = recorded(outer.dir).rows
    assert [(row.values, row.step, row.epoch) for row in rows] == [
        ({"val/a": 1.0}, 1, 2.0), ({"a": 3.0}, 3, None),
    ]  # fmt: skip
    assert any("epochal.init()" in message for message in caplog.messages)


def test_each_task_has_its_current_run(new_run):
    """Concurrent tasks each log to the run that they started."""

    async def work(n):
        run = new_run()
        for step in range(5):
            await asyncio.sleep(0)
            epochal.log({"n": float(n)}, step=step)
        return run

    async def all_of_them():
        return await asyncio.gather(*map(work, range(4)))

    for n, run in enumerate(asyncio.run(all_of_them())):
        run.finish()
        assert recorded(run.dir).values("n") == [float(n)] * 5


def test_everything_about_a_run_is_recorded(new_run):
    """Tags, notes, summary, definitions, alerts and config updates are events of the run."""
    import numpy as np

    alerts = []
    run = new_run(config={"lr": 0.1}, on_alert=lambda **given: alerts.append(given))
    run.tag("a", "b/c")
    run.untag("a")
    run.note("two\nlines")
    run.summary["params"] = 10
    del run.summary["params"]
    low = np.float32(0)  # numbers of any kind are limits
    run.define("loss", unit="nats", goal="minimize", range=(low, None), summary="best", x="tokens")
    run.alert("title", "text", level="error")
    run.config.update({"lr": 0.2, "model": {"depth": 3}})
    run.finish()
    found = [(event.kind, event.data) for event in recorded(run.dir).events]
    assert found[:-1] == [
        ("tag", {"tags": ["a", "b/c"]}),
        ("untag", {"tags": ["a"]}),
        ("note", {"text": "two\nlines"}),
        ("summary", {"values": {"params": 10}}),
        ("summary", {"values": {"params": None}}),
        ("define", {"metric": "loss", "unit": "nats", "goal": "minimize", "range": [0, None],
                    "x": "tokens", "summary": "best"}),
        ("alert", {"title": "title", "text": "text", "level": "error"}),
        ("config", {"update": {"lr": 0.2, "model": {"depth": 3}}}),
    ]  # fmt: skip
    assert alerts == [{"title": "title", "text": "text", "level": "error"}]


def test_bad_facts_do_not_stop_training(run, caplog):
    """Callbacks that raise, wrong definitions and values that are no JSON are told, not raised."""
    import numpy as np

    run._on_alert = lambda **_: 1 / 0
    run.alert("x")
    run.define("a", goal="sideways")
    run.define("a", range=3)
    run.define("a", range=("low", 1))
    run.define("a", summary="median")
    run.summary["array"] = np.zeros(3)
    run.summary["scalar"] = np.float32(1.5)
    run.summary["object"] = object()
    cyclic = {}
    cyclic["me"] = cyclic
    run.summary["cycle"] = cyclic
    run.log({"a": 1.0}, step=1)
    run.finish()
    found = recorded(run.dir)
    assert found.values("a") == [1.0]
    assert found.kinds("define") == []
    assert {"values": {"scalar": 1.5}} in found.kinds("summary")
    assert set(run.health().problems) == {"on_alert", "define", "event"}
    assert len(caplog.messages) == 3


def test_an_id_is_used_once(tmp_path):
    """A second run with the id of another is refused, and the way to go on with that is named."""
    quiet = {"dir": str(tmp_path), "follow": "off", "capture_environment": False}
    epochal.init(project="p", id="12345678", **quiet).finish()
    with pytest.raises(SettingError, match="resume='12345678'"):
        epochal.init(project="q", id="12345678", **quiet)


def test_two_sinks_of_one_name_are_refused(tmp_path):
    """Sinks are told apart by name, so two objects cannot share one."""
    with pytest.raises(SettingError, match="two sinks are named"):
        epochal.init(dir=str(tmp_path), sinks=[MemorySink(), MemorySink()])


def test_what_a_mirror_says_is_heard_while_training(tmp_path, caplog):
    """A mirror that cannot be had is told when it is known, not when the run ends."""
    with epochal.init(project="p", dir=str(tmp_path), sinks={"csv": {"nonsense": 1}, "json": {}}):
        deadline = time.monotonic() + 60
        while "nonsense" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "sink 'csv' is off" in caplog.text


def test_a_missing_package_is_told_at_once(tmp_path, caplog, monkeypatch):
    """A mirror without its package is named with the remedy; the run goes on and keeps its name."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with epochal.init(project="p", dir=str(tmp_path), sinks=["json", "wandb"]) as run:
        run.log({"loss": 1.0}, step=1)
    assert caplog.text.count("pip install 'epochal[wandb]'") == 1
    described = json.loads((Path(run.dir) / "run.json").read_text())
    assert (described["sinks"], described["sinks_missing"]) == (["json"], ["wandb"])
