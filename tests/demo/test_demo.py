"""`epochal demo`: what it prints is what the runs recorded."""

import csv
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scipy import stats

import epochal
from epochal import demo
from epochal.core.errors import SettingError

SMALL = {"width": 16, "layers": 1, "heads": 2, "context": 16, "batch": 4, "steps": 8,
         "lr": 3e-3, "lr_schedule": "cosine", "evaluations": 2}  # fmt: skip
COMMAND = [sys.executable, "-c", "from epochal.cli import main; main()", "demo"]


def run_demo(folder: Path, *arguments: str) -> str:
    """The output of `epochal demo` with its runs in a folder, on a terminal of 100 columns."""
    done = subprocess.run(
        [*COMMAND, "--dir", str(folder), *arguments], env=os.environ | {"COLUMNS": "100"},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def final_losses(folder: Path, schedule: str) -> list[float]:
    """The last validation loss in the CSV file of each run of a setting."""
    found = []
    for path in folder.glob(f"demo/{schedule}-*/csv/*_steps.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            found.append([row["loss"] for row in csv.DictReader(file) if row["phase"] == "val"][-1])
    return [float(text) for text in found]


def wait_until(condition, timeout_s: float = 120.0):
    """Waits until a condition holds and returns what it gave."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return result


@pytest.mark.torch
def test_the_table_is_of_its_own_runs_and_says_what_csv_says(tmp_path):
    """Mean and interval are those that SciPy finds in the CSV files; a second demo stands alone."""
    first = run_demo(tmp_path, "--quick", "--steps", "3")
    assert "epochal show cosine-seed1" in first
    for schedule in ("cosine", "constant"):
        losses = wait_until(
            lambda name=schedule: len(found := final_losses(tmp_path, name)) == 2 and found
        )
        low, high = stats.t.interval(
            0.95, 1, loc=statistics.fmean(losses), scale=statistics.stdev(losses) / 2**0.5
        )
        expected = f"{schedule} 2 {statistics.fmean(losses):.3f} [{low:.3f}, {high:.3f}]"
        assert expected in re.sub(r" +", " ", first)

    # Names that are taken become ids.
    second = run_demo(tmp_path, "--steps", "3", "--seeds", "1")
    runs = epochal.open(tmp_path).runs()
    assert len(runs) == 6
    assert len({run.group for run in runs}) == 2
    assert re.search(r"cosine +1 ", second)
    shown = re.search(r"epochal show (\w+) ", second)
    assert shown
    assert shown[1] in {run.id for run in runs}


@pytest.mark.torch
def test_the_same_seed_gives_the_same_losses(tmp_path):
    """Two runs of one seed and config agree in every bit; another seed does not."""
    from epochal.demo.train import train

    ids = [train(SMALL, seed, dir=str(tmp_path)) for seed in (1, 1, 2)]
    project = epochal.open(tmp_path)
    one, again, other = (project.run(each) for each in ids)
    for metric in ("train/loss", "val/loss", "grad_norm_total"):
        values = one.series(metric).values
        assert values.tobytes() == again.series(metric).values.tobytes()
        assert values.tobytes() != other.series(metric).values.tobytes()
    assert one.texts("sample")[0].text == again.texts("sample")[0].text


@pytest.mark.torch
def test_a_run_records_what_the_tutorial_says(tmp_path):
    """Every step has loss, rate, norm and speed; validation and the sample are there."""
    from epochal.demo.train import train

    run = epochal.open(tmp_path).run(train(SMALL, 3, dir=str(tmp_path), group="g"))
    for metric in ("train/loss", "lr", "grad_norm_total", "tokens_per_s"):
        assert run.series(metric).steps.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert run.series("val/perplexity").steps.tolist() == [4, 8]
    assert run.texts("sample")[0].text.startswith("\n\tdef ")
    assert (run.state, run.seed, run.group) == ("finished", 3, "g")
    assert run.metrics["val/loss"].definition.goal == "minimize"
    assert run.summary["parameters"] > 0


@pytest.fixture
def endless(tmp_path):
    """A demo of two runs that are training and would go on for long."""
    process = subprocess.Popen(
        [*COMMAND, "--dir", str(tmp_path), "--steps", "1000000", "--seeds", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: list(tmp_path.glob("demo/*/run.json")))
        wait_until(lambda: all(run.steps for run in epochal.open(tmp_path).runs()))
        yield process
    finally:
        process.kill()
        process.communicate()


def states(folder: Path) -> set[str]:
    """The states of all runs in a folder."""
    return {run.state for run in epochal.open(folder).runs()}


@pytest.mark.torch
@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "parent only"])
def test_ctrl_c_ends_all_runs_as_interrupted(endless, tmp_path, whole_group):
    """After SIGINT the exit status is 130, no run goes on, and the output says where they are."""
    (os.killpg if whole_group else os.kill)(endless.pid, signal.SIGINT)
    output, errors = endless.communicate(timeout=120)
    assert endless.returncode == 130
    assert errors == ""
    assert f"epochal ls {tmp_path}\n" in output
    assert states(tmp_path) == {"interrupted"}


@pytest.mark.torch
def test_runs_do_not_outlive_the_demo(endless, tmp_path):
    """When the demo itself is killed, its runs end as interrupted."""
    endless.kill()
    wait_until(lambda: states(tmp_path) == {"interrupted"})


@pytest.mark.torch
def test_a_killed_process_is_said(endless):
    """When a training process is killed the demo fails with one line that says so."""
    listed = Path(f"/proc/{endless.pid}/task/{endless.pid}/children").read_text().split()
    for pid in map(int, listed):
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    _, errors = endless.communicate(timeout=120)
    assert endless.returncode == 1
    assert "exit code -9" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.torch
def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """Where runs cannot be made the demo says so in one line and leaves with status 1."""
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [*COMMAND, "--dir", str(tmp_path / "file" / "runs"), "--quick"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot make the run folder" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_pytorch_the_extra_is_named(tmp_path):
    """Where PyTorch is missing the error says how to install it."""
    code = "import sys; sys.modules['torch'] = None; from epochal import demo; demo.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "MissingExtraError" in done.stderr
    assert "pip install 'epochal[torch]'" in done.stderr


def test_a_wrong_argument_is_refused(tmp_path, monkeypatch):
    """No seeds, and recording switched off, are errors before anything is trained."""
    with pytest.raises(SettingError, match="seeds=0"):
        demo.main(seeds=0, dir=str(tmp_path))
    monkeypatch.setenv("EPOCHAL_MODE", "off")
    with pytest.raises(SettingError, match="EPOCHAL_MODE"):
        demo.main(dir=str(tmp_path))
