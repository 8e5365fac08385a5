"""Checklists: facts with pointers, what is missing with a remedy, and never a yes."""

import json

import pytest
from papers import PLAN, record

import epochal
from epochal.core.errors import SettingError
from epochal.journal.append import append_events
from epochal.paper.checklist import VENUES, checklist
from epochal.paper.plan import load

MACHINE = {
    "gpus": {"count": 8, "devices": [{"name": "NVIDIA H100"}] * 8, "driver": "550.1",
             "cuda": "12.4"},
    "cpu": {"model": "EPYC", "count": 64}, "memory": {"total_bytes": 512 << 30},
    "platform": {"system": "Linux", "machine": "x86_64", "distribution": "Debian 12"},
    "python": {"version": "3.12.1"}, "frameworks": {"torch": "2.9"}, "packages": {"torch": "2.9"},
    "argv": ["train.py", "--lr", "0.1"], "git": {"commit": "1234567890", "dirty": True},
}  # fmt: skip


def items(paper, venue):
    """Id → item of a checklist."""
    return {item.id: item for item in checklist(load(paper.folder), venue).items}


def test_neurips(paper):
    """Seeds, error bars, tests and compute come from the record, the failed run included."""
    paper.build()
    found = items(paper, "neurips")
    statistics = " ".join(found["7"].answer.facts)
    assert "Comparison main (val/loss): adamw: n = 3, sgd: n = 3." in statistics
    assert "broken failed with an exception" in statistics
    assert "half the width of a 95 % t interval" in statistics
    assert "tests: 1 paired t; correction: holm; alpha = 0.05." in statistics
    assert "Seeds: 0, 1, 2, 3 (4 different)." in statistics
    assert "6 finished, 1 failed" in found["8"].answer.facts[0]
    assert "Wall time of all 7 runs" in found["8"].answer.facts[0]
    assert found["7"].answer.pointers


def test_missing(paper):
    """What was not recorded is named with how to record it."""
    found = items(paper, "acl")
    missing = " ".join(found["C1"].answer.missing)
    assert 'run.summary["parameters"] = ...' in missing
    assert "peak memory: log it with epochal.init(log_system=True)" in missing
    assert "the machine of adamw-0" in missing
    assert "epochal paper build" in " ".join(found["C3"].answer.missing)
    assert found["C4"].status == "missing"


def test_settings(paper):
    """The values that were tried are listed, seeds are none of them."""
    record(paper.folder / "runs", "high", 3.5, 0, optimizer="adamw", lr=0.01, dataset="fineweb")
    found = items(paper, "aaai")
    facts = " ".join(found["tried"].answer.facts)
    assert "Tried for lr: 0.001, 0.01." in facts
    assert "Tried for optimizer: adamw, sgd." in facts
    assert "seed" not in facts
    assert "Number of trials: 8 runs, of 3 settings." in facts
    assert "Config dataset: fineweb." in found["data"].answer.facts


def test_environment(paper):
    """Devices, versions and commands are read from what was recorded of the machine."""
    for run in epochal.open(paper.folder / "runs").runs():
        summary = {"values": {"parameters": 124_000_000}}
        append_events(run.dir, run.id, [("environment", {"values": MACHINE}), ("summary", summary)])
    c1, c4 = (items(paper, "acl")[each].answer for each in ("C1", "C4"))
    assert "Parameters: 124,000,000." in c1.facts
    devices = (
        "Devices: NVIDIA H100 \u00d7 8 (driver 550.1, CUDA 12.4), CPU EPYC \u00d7 64 cores,"
        " 512 GiB of memory (7 runs)."
    )
    assert devices in c1.facts
    assert any(fact.startswith("GPU hours, visible GPUs \u00d7 wall time: ") for fact in c1.facts)
    assert "Operating system: Debian 12 Linux x86_64." in c1.facts
    assert "Versions: Python 3.12.1, torch 2.9." in c4.facts
    assert "Command: train.py --lr 0.1 (7 runs)." in c4.facts
    assert "Code: git 12345678+changes (7 runs)." in c4.facts
    assert any("is not committed: 12345678+changes" in each for each in c4.missing)


@pytest.mark.parametrize("venue", VENUES)
def test_no_yes(paper, venue):
    """No question is answered: there are facts, pointers and what is missing."""
    paper.build()
    filled = checklist(load(paper.folder), venue)
    text = filled.to_markdown()
    assert "yes" not in text.lower().replace("bayes", "").split()
    json.dumps(filled.to_dict(), allow_nan=False)
    for item in filled.items:
        assert item.answer.facts or item.answer.missing
        assert bool(item.answer.facts) == item.status.startswith("evidence")
        assert f"## {item.id}. " in text


def test_venue(paper):
    """The venue is that of the plan; without one, or with an unknown one, it is asked for."""
    with pytest.raises(SettingError, match=r"no venue is named: there are neurips, aaai, acl"):
        checklist(load(paper.folder))
    with pytest.raises(SettingError, match="did you mean 'neurips'"):
        checklist(load(paper.folder), "neurip")
    paper.write(PLAN.replace('runs = "runs"', 'runs = "runs"\nvenue = "ACL"'))
    assert checklist(load(paper.folder)).title.startswith("ACL")


def test_empty_folder(tmp_path):
    """No run at all is no crash."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "paper.toml").write_text("")
    for venue in VENUES:
        assert {item.status for item in checklist(load(tmp_path), venue).items} == {"missing"}
