"""A first plan for a folder of runs."""

import pytest
from papers import record

from epochal.core.errors import RunFolderError, SettingError
from epochal.paper.build import build
from epochal.paper.check import check
from epochal.paper.plan import load
from epochal.paper.start import start


def test_it_works_as_it_is(paper):
    """What is written can be built and checked at once."""
    (paper.folder / "paper.toml").unlink()
    text = start(str(paper.folder / "paper.toml"), str(paper.folder / "runs"))
    assert 'metric = "val/loss"\nby = "config.optimizer"' in text
    assert 'runs = "runs"' in text
    plan = load(paper.folder)
    without = text.partition("[figure.curves]")[0] + text[text.index("[number.result]") :]
    (paper.folder / "paper.toml").write_text(without)
    (paper.folder / "main.tex").write_text("\\Result \\input{generated/tables/main}")
    assert set(plan.figures) == {"curves"}
    assert build(load(paper.folder)).ok
    assert check(load(paper.folder)).ok


def test_a_number_is_of_one_setting(paper):
    """A mean over different settings means little: the first number has a filter, and an error."""
    (paper.folder / "paper.toml").unlink()
    text = start(str(paper.folder / "paper.toml"), str(paper.folder / "runs"))
    assert "\nfilter = 'config.optimizer == \"" in text
    assert '\nerror = "interval"' in text
    assert "# project" not in text  # there is one only
    assert '\ntex = ["main.tex"]' in text
    (paper.folder / "main.tex").unlink()
    (paper.folder / "paper.toml").unlink()
    text = start(str(paper.folder / "paper.toml"), str(paper.folder / "runs"))
    assert '\n# tex = ["main.tex"]' in text


def test_hostile_names(tmp_path):
    """Names of metrics and keys that are code are quoted as TOML has it."""
    metric = 'a"b\\c\n[paper]\x7f'
    for seed, kind in enumerate(("x", "y")):
        record(tmp_path / "runs", "r", 1.0 + seed, seed, metric=metric, **{'k"=1\n': kind})
    start(str(tmp_path / "paper.toml"), str(tmp_path / "runs"))
    assert load(tmp_path).comparisons["main"].get("metric") == metric
    assert build(load(tmp_path)).ok


def test_one_setting(tmp_path):
    """With one setting only there is nothing to compare, and the plan can be built."""
    for seed in range(2):
        record(tmp_path / "runs", "r", 1.0 + seed, seed, lr=0.1)
    start(str(tmp_path / "paper.toml"), str(tmp_path / "runs"))
    plan = load(tmp_path)
    assert not plan.comparisons
    assert not plan.tables
    assert set(plan.numbers) == {"result", "runs"}


def test_refusals(paper):
    """A file is never replaced, and an empty folder is named."""
    with pytest.raises(SettingError, match="is there already"):
        start(str(paper.folder / "paper.toml"), str(paper.folder / "runs"))
    (paper.folder / "none").mkdir()
    with pytest.raises(RunFolderError, match="there are no runs in"):
        start(str(paper.folder / "new.toml"), str(paper.folder / "none"))
