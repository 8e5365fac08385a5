"""A paper and its runs, recorded by `epochal.init`."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from papers import LOSSES, Paper, record

from epochal.paper import state


@pytest.fixture(scope="session")
def recorded(tmp_path_factory) -> Path:
    """Three seeds of two optimizers, and a run that failed."""
    folder = tmp_path_factory.mktemp("paper") / "runs"
    for optimizer, losses in LOSSES.items():
        for seed, loss in enumerate(losses):
            record(folder, f"{optimizer}-{seed}", loss, seed, optimizer=optimizer, lr=0.001)
    record(folder, "broken", 9.0, 3, "failed", optimizer="adamw", lr=0.001)
    return folder


@pytest.fixture
def paper(recorded, tmp_path) -> Paper:
    """A paper with a plan, a text and runs of its own."""
    shutil.copytree(recorded, tmp_path / "runs")
    return Paper(tmp_path).write()


@pytest.fixture
def number(paper):
    """The facts of one number that a section asks for: `number('path = "config.lr"')`."""

    def of(lines: str) -> dict:
        comparison = '[comparison.main]\nmetric = "val/loss"\nby = "config.optimizer"\n'
        paper.write(f'[paper]\nruns = "runs"\n{comparison}[number.x]\n{lines}')
        (done,) = [each for each in paper.built().done if each.title == "number.x"]
        if done.what == "failed":
            raise AssertionError(done.why)
        return dict(state.read(str(paper.folder / "generated"))["number.x"].facts)

    return of
