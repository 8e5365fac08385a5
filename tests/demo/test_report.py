"""What the demo says of runs that are known."""

import numpy as np
import pytest

import epochal
from epochal.demo.plot import curves
from epochal.demo.report import compared, harmless

QUIET = {"sinks": [], "capture_environment": False}


@pytest.fixture
def runs(tmp_path):
    """Runs as the demo makes them: the schedule changes where they end, and not the way there."""
    for schedule, worse in (("cosine", 0.0), ("constant", 0.1)):
        for seed in (1, 2, 3):
            config = {"lr_schedule": schedule}
            run = epochal.init("demo", config=config, seed=seed, dir=str(tmp_path), **QUIET)
            run.define("val/loss", goal="minimize")
            run.log({"val/loss": 2.0 + worse * (1 + 0.02 * seed) + 0.001 * seed**2}, step=1)
            run.log({"train/loss": 3.0 + 0.1 * ((7 * seed + len(schedule)) % 5)}, step=1)
            run.finish()
    return list(epochal.open(tmp_path).runs())


def test_one_comparison_is_decided_and_one_is_not(runs):
    """The last loss depends on the schedule, the mean does not, and the words say so."""
    loss, pace = compared(runs)
    assert loss.verdict("cosine", "constant").word == "better"
    assert "cosine is better than constant: val/loss" in str(loss.verdict("cosine", "constant"))
    assert pace.verdict("cosine", "constant").word == "undecided"
    assert loss.verdicts[0].comparisons == 2


def test_one_seed_says_nothing(runs):
    """With one run of each setting nothing is decided, and the remedy is named."""
    first = [run for run in runs if run.seed == 1]
    assert "run more seeds" in str(compared(first)[0].verdicts[0])


def test_curves_fit_and_are_named():
    """The plot keeps to its width and names each curve once, also where they end together."""
    steps = np.arange(1.0, 21.0)
    lines = {"one": (steps, 1 / steps), "other": (steps, 1 / steps + 0.001)}
    text = curves(lines, {}, width=60, rows=8).plain.split("\n")
    assert len(text) == 9
    assert max(map(len, text)) <= 60
    assert sum(" one" in line for line in text) == 1
    assert sum(" other" in line for line in text) == 1
    assert "1.00 ┤" in text[0]


def test_a_flat_curve_is_drawn():
    """Values without any spread are one straight line."""
    text = curves({"flat": ([1, 2], [3.0, 3.0])}, {}, width=40, rows=4).plain
    assert any(0x2800 < ord(char) <= 0x28FF for char in text)


def test_a_sample_cannot_reach_the_terminal():
    """Lines stay lines; every other control character of a model's text is escaped."""
    assert harmless("\n\tdef f():   \n\x1b[2J\r\x07") == "    def f():\n\\x1b[2J\\r\\x07"
