"""`epochal paper`: build, check, checklist, init as commands."""

import json

import pytest

PLAN = """
[paper]
runs = "runs"
project = "text2sign"
tex = "main.tex"

[number.best_loss]
metric = "val/loss"
over = "min"

[number.runs]
over = "count"
"""


@pytest.fixture
def plan(runs):
    """A plan, a text and runs."""
    folder = runs.parent
    (folder / "paper.toml").write_text(PLAN)
    (folder / "main.tex").write_text(r"\BestLoss{} of \Runs, and \claim{best_loss}{0.1}, 4.5.")
    return folder


def test_build(epochal, plan):
    """Says what was made, and then that nothing changed."""
    result = epochal("paper", "build")
    assert result.exit_code == 0, result.output
    assert "made number.best_loss: new" in result.stdout
    assert "  numbers.tex" in result.stdout
    again = epochal("paper", "build", plan / "paper.toml")
    assert again.stdout == "3 outputs, 3 unchanged\n"
    done = json.loads(epochal("paper", "build", "--json").stdout)
    assert done["ok"]
    assert {each["what"] for each in done["done"]} == {"unchanged"}


def test_check(epochal, plan):
    """Exit status 0 if all is right, 1 if anything is not."""
    epochal("paper", "build")
    result = epochal("paper", "check")
    assert result.exit_code == 0, result.output
    assert "From the runs: 3 of 4 numbers in the text" in result.stdout
    assert "not covered: main.tex:1: 4.5" in result.stdout
    without = epochal("paper", "check", "--no-runs")
    assert without.exit_code == 0
    assert "the runs were not looked at" in without.stderr
    (plan / "main.tex").write_text(r"\claim{best_loss}{0.2}")
    wrong = epochal("paper", "check")
    assert wrong.exit_code == 1
    first = wrong.stdout.splitlines()[0]
    assert first == "no run supports it  claim best_loss: 0.2 (main.tex:1): the runs say 0.1"
    found = json.loads(epochal("paper", "check", "--json").stdout)
    assert not found["ok"]
    assert found["findings"][0]["status"] == "no run supports it"
    assert found["coverage"]["numbers"] == {"covered": 1, "total": 1}


def test_failures(epochal, plan):
    """A mistake is one line, and the exit status 1."""
    (plan / "paper.toml").write_text(PLAN.replace('"val/loss"', '"val/los"'))
    result = epochal("paper", "build")
    assert result.exit_code == 1
    assert "line 8, [number.best_loss] metric is 'val/los'" in result.stdout
    (plan / "paper.toml").write_text("[x]")
    result = epochal("paper", "check")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: paper.toml, line 1, has a section [x]")
    assert epochal("paper", "build", "none.toml").exit_code == 1


def test_checklist(epochal, plan):
    """Markdown, or JSON."""
    result = epochal("paper", "checklist", plan, "--venue", "neurips")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# NeurIPS paper checklist")
    found = json.loads(epochal("paper", "checklist", "--venue", "acl", "--json").stdout)
    assert [item["id"] for item in found["items"]] == ["C1", "C2", "C3", "C4"]
    assert epochal("paper", "checklist").exit_code == 1


def test_init(epochal, runs, tmp_path):
    """Writes a plan, once."""
    result = epochal("paper", "init", "--runs", runs, "--project", "text2sign")
    assert result.exit_code == 0, result.output
    assert 'project = "text2sign"' in (tmp_path / "paper.toml").read_text()
    again = epochal("paper", "init", "--runs", runs)
    assert again.exit_code == 1
    assert "is there already" in again.stderr
