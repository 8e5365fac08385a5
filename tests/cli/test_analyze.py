"""``epochal analyze``, ``report`` and ``logbook`` on the command line."""

import json
import os

import pytest

from epochal import init
from epochal.read.view import RunView

UNSAFE = ("\x1b[2J", "\x1b[31m", "\r", "\x07", "\u202e")


@pytest.fixture
def study(tmp_path):
    """Two optimizers with three seeds each."""
    base = tmp_path / "runs"
    for optimizer, level in (("adamw", 1.0), ("sgd", 1.5)):
        for seed in range(3):
            with init(
                project="study", name=f"{optimizer}-{seed}", dir=str(base), seed=seed,
                config={"optimizer": optimizer}, follow="off", capture_environment=False,
            ) as run:  # fmt: skip
                for step in range(30):
                    run.log({"train/loss": level + 1 / (1 + step)}, step=step)
                noise = 0.01 * (int(10 * level) * seed % 7)
                run.log({"val/loss": level + noise, "train/last": level + noise}, step=29)
    return base


@pytest.mark.parametrize("flag", ["_", "-"])
def test_flags_of_older_scripts(epochal, study, tmp_path, flag):
    """--log_dir several times with a glob, --output_dir, --compare; hyphens mean the same."""
    result = epochal(
        "analyze", f"--log{flag}dir", f"{study}/study/adamw-*", f"--log{flag}dir",
        f"{study}/study/sgd-*", f"--output{flag}dir", tmp_path / "out", "--compare",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "adamw is better than sgd: val/loss 1.03 against 1.5" in result.stdout
    assert os.path.isfile(tmp_path / "out" / "index.html")
    assert os.path.isfile(tmp_path / "out" / "runs" / "sgd-2" / "training_curves.pdf")
    assert os.path.join("out", "index.html") in result.stdout


def test_a_run_by_its_name(epochal, study, tmp_path):
    """A name is looked up in --dir; the default folder is analysis/."""
    result = epochal("analyze", "adamw-1", "--dir", study)
    assert result.exit_code == 0, result.stderr
    names = os.listdir(tmp_path / "analysis")
    for name in ("training_curves.png", "loss_distribution.pdf", "statistics_table.tex",
                 "training_report.md", "index.html"):  # fmt: skip
        assert name in names


def test_json_has_files_and_verdicts(epochal, study, tmp_path):
    """--json is strict JSON with every path and the comparison."""
    result = epochal("analyze", study, "--output_dir", tmp_path / "o", "--compare", "--json")
    found = json.loads(result.stdout)
    assert all(os.path.isfile(path) for path in found["files"])
    assert found["comparison"]["best"] == "adamw"
    assert len(found["runs"]) == 6
    assert found["problems"] == []


def test_options_of_a_comparison(epochal, study, tmp_path):
    """A metric or a margin asks for a comparison by itself."""
    result = epochal(
        "analyze", study, "--output_dir", tmp_path / "o", "--metric", "train/last", "--goal",
        "minimize", "--margin", "80 %",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "adamw and sgd are equivalent within" in result.stdout


def test_what_cannot_be_made_is_said_and_the_rest_is_made(epochal, study, tmp_path):
    """Exit status 1, one line on standard error, and the files of the runs."""
    result = epochal("analyze", study, "--output_dir", tmp_path / "o", "--metric", "val/los")
    assert result.exit_code == 1
    assert "no comparison was made: none of 6 runs has 'val/los' (did you mean" in result.stderr
    assert os.path.isfile(tmp_path / "o" / "runs" / "adamw-0" / "training_report.md")


def test_options_are_checked_before_the_work(epochal, study, tmp_path):
    """A venue that is not known is one error, and nothing is written."""
    result = epochal("analyze", study, "--output_dir", tmp_path / "o", "--venue", "neurisp")
    assert result.exit_code == 1
    assert "neurips" in result.stderr
    assert not os.path.exists(tmp_path / "o")


def test_no_runs(epochal, tmp_path):
    """An empty folder, and a name that is none, end with status 1 and write nothing."""
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", "nothing-like-this"):
        result = epochal("analyze", place, "--output_dir", tmp_path / "o", "--dir", tmp_path)
        assert result.exit_code == 1
        assert "Error: " in result.stderr
    assert not os.path.exists(tmp_path / "o")


def test_hostile_names_do_not_reach_the_terminal(epochal, runs, tmp_path):
    """Names are shown with their control characters as escapes."""
    result = epochal("analyze", runs / "text2sign", "--output_dir", tmp_path / "o", "--compare")
    assert not any(each in result.stdout + result.stderr for each in UNSAFE)


def test_report_and_card(epochal, study, tmp_path):
    """Both print where they are; --card and --replicates give n = 3."""
    result = epochal("report", "adamw-0", "--dir", study, "--output", tmp_path / "page.md")
    assert result.stdout == f"{tmp_path / 'page.md'}\n"
    assert os.path.isfile(tmp_path / "page_figures" / "training_curves.png")
    result = epochal(
        "report", "adamw-0", "--card", "--license", "mit", "--dir", study, "--replicates",
        "adamw-1", "--replicates", "adamw-2",
    )  # fmt: skip
    assert result.stdout == f"{tmp_path / 'README.md'}\n"
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license: mit" in text
    assert "| val/loss | 1.03" in text.replace("\\", "")
    result = epochal("report", "adamw-0", "--dir", study, "--replicates", "sgd-0")
    assert result.exit_code == 1
    assert "these differ in optimizer" in result.stderr


def test_logbook(epochal, study):
    """The log lies in the folder of runs, or of one project, and keeps what was written."""
    result = epochal("logbook", study)
    path = study / "EXPERIMENT_LOG.md"
    assert result.stdout == f"{path}\n"
    with open(path, "a", encoding="utf-8") as file:
        file.write("\nRemember this.\n")
    (run,) = study.glob("study/sgd-2-*")
    RunView(run).tag("odd")
    assert epochal("logbook", "--dir", study).exit_code == 0
    text = path.read_text(encoding="utf-8")
    assert "Remember this." in text
    assert "odd" in text
    result = epochal("logbook", study, "--project", "study", "--key", "optimizer")
    assert result.stdout == f"{study / 'study' / 'EXPERIMENT_LOG.md'}\n"
