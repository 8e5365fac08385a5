"""recover, seal, sync and doctor: what they do, say and answer."""

import json
import os
import signal
import subprocess
import sys

import pytest

KILLED = """
import os, signal, sys, epochal
from epochal.core import ring
ring.ring_folders = lambda *, make=False: [sys.argv[2]]
run = epochal.init(project="p", name="victim", dir=sys.argv[1], follow="off", sinks=("csv", "json"))
print(run.dir, flush=True)
for step in range(500):
    run.log({"loss": 1 / (step + 1)}, step=step)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed(tmp_path, tmp_path_factory, monkeypatch):
    """The folder of a run whose process was killed; nobody has saved its last rows.

    Its memory is where no other test's follower process looks for what it could save.
    """
    rings = str(tmp_path_factory.mktemp("rings"))
    monkeypatch.setattr("epochal.core.ring.ring_folders", lambda *, make=False: [rings])  # noqa: ARG005
    command = [sys.executable, "-c", KILLED, str(tmp_path / "runs"), rings]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    return done.stdout.strip()


def test_recover_saves_what_a_killed_process_left(epochal, killed, tmp_path):
    """After `recover` the run is complete, and a second time there is nothing to do."""
    before = json.loads(epochal("verify", killed, "--json").stdout)[0]
    assert "still in memory" in " ".join(before["remarks"])
    result = epochal("recover", tmp_path / "runs")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{killed}: ")
    assert " saved" in result.stdout
    found = json.loads(epochal("show", killed, "--json").stdout)
    assert found["state"] == "killed"
    assert found["metrics"]["loss"]["count"] == 500
    assert epochal("recover", tmp_path / "runs").stdout == "Nothing to recover.\n"


@pytest.mark.usefixtures("killed")
def test_recover_leaves_other_folders_alone(epochal, tmp_path):
    """With DIR only runs below it are recovered."""
    other = tmp_path / "other"
    other.mkdir()
    assert epochal("recover", other).stdout == "Nothing to recover.\n"
    assert len(json.loads(epochal("recover", tmp_path / "runs", "--json").stdout)) == 1


def test_sync_then_seal(epochal, killed):
    """Mirrors of a killed run are brought up to date, then its journal can be sealed and goes."""
    epochal("recover", os.path.dirname(killed))
    synced = json.loads(epochal("sync", killed, "--json").stdout)
    assert [(each["state"], set(each["behind_bytes"])) for each in synced] == [
        ("synced", {"csv", "json"})
    ]
    assert "up to date" in epochal("sync", killed).stdout
    (result,) = json.loads(epochal("seal", killed, "--json").stdout)["sealed"]
    assert result["deleted"] == 2  # the training's, and the one that recovery added
    assert os.listdir(os.path.join(killed, "journal")) == []
    assert epochal("seal", killed).stdout == "Nothing to seal in 1 run.\n"
    assert epochal("verify", killed).exit_code == 0


def test_sync_leaves_a_running_run_alone(epochal, tmp_path):
    """A run that is being recorded has a follower of its own."""
    import epochal as library

    run = library.init(project="p", dir=str(tmp_path), follow="off")
    run.log({"loss": 1.0}, step=1)
    run.flush()
    (result,) = json.loads(epochal("sync", run.dir, "--json").stdout)
    assert result["state"] == "followed"
    run.finish()


def test_sync_names_a_mirror_that_cannot_be_had(epochal, folder_of):
    """A sink that is not installed is a failure that names it; the others are synced."""
    adam = folder_of("adam")
    about = json.loads((adam / "run.json").read_text(encoding="ascii"))
    about["sinks"].append("absent")
    (adam / "run.json").write_text(json.dumps(about), encoding="ascii")
    epochal("tag", adam, "late")
    result = epochal("sync", adam)
    assert result.exit_code == 1
    assert "there is no sink 'absent'" in result.stdout
    behind = json.loads(epochal("verify", adam, "--json").stdout)[0]["behind_bytes"]
    assert set(behind) == {"absent"}


def test_doctor_finds_nothing_wrong_here(epochal, tmp_path, monkeypatch):
    """On a machine that works every check is good, and nothing is left behind."""
    for limit in ("installation.CLOCK_S", "installation.SAMPLE_S", "recording.MIRRORS_S"):
        monkeypatch.setattr(f"epochal.doctor.{limit}", 120.0)  # a machine that is busy works too
    result = epochal("doctor", "--dir", tmp_path)
    assert result.exit_code == 0, result.stdout + result.stderr
    assert result.stdout.endswith("Everything works.\n")
    for name in ("Recording", "Mirrors", "Sealing", "Surviving a kill"):
        assert f"ok      {name}" in result.stdout
    assert os.listdir(tmp_path) == []


def test_doctor_names_what_is_wrong(epochal, tmp_path, monkeypatch):
    """A package of a foreign version breaks an import: the check fails, and the rest goes on."""
    broken = tmp_path / "broken" / "subprocess.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('no subprocess here')", encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    monkeypatch.setattr("epochal.doctor.recording.MIRRORS_S", 1.0)
    result = epochal("doctor", "--dir", tmp_path, "--json")
    assert result.exit_code == 1
    states = {each["name"]: each["state"] for each in json.loads(result.stdout)}
    assert states["Mirrors"] == "failed"
    assert states["Disk"] == "ok"
    assert "checks failed: " in result.stderr


def test_settings_tell_their_source(epochal, tmp_path, monkeypatch):
    """Values come with the place that gave them, and a wrong name with a near one."""
    (tmp_path / "epochal.toml").write_text("[epochal]\nseal = false\n", encoding="ascii")
    monkeypatch.setenv("EPOCHAL_STRICT", "1")
    monkeypatch.delenv("EPOCHAL_LOG_SYSTEM")
    monkeypatch.delenv("EPOCHAL_LOG_MEMORY")
    found = {each["name"]: each for each in json.loads(epochal("settings", "--json").stdout)}
    assert (found["strict"]["value"], found["strict"]["source"]) == ("true", "EPOCHAL_STRICT")
    assert found["seal"]["value"] == "false"
    assert "epochal.toml" in found["seal"]["source"]
    assert found["mode"]["source"] == "default"
    changed = json.loads(epochal("settings", "--changed", "--json").stdout)
    assert {each["name"] for each in changed} == {"strict", "seal"}
    result = epochal("settings", "stict")
    assert (result.exit_code, "did you mean 'strict'" in result.stderr) == (1, True)
    monkeypatch.setenv("EPOCHAL_PRESET", "stability")
    found = {each["name"]: each for each in json.loads(epochal("settings", "--json").stdout)}
    assert found["cadence.gradients"]["source"] == "preset stability"
