"""How the training stands: one look, of which headline, status and buttons are."""

import re
from pathlib import Path

import pytest

from epochal.control.fields import defaults
from epochal.control.form import Places
from epochal.control.panel import Panel
from epochal.control.saved import Saved


@pytest.fixture
def training(tmp_path, until):
    """A panel whose training runs."""
    panel = Panel(Places(str(tmp_path / "runs")), Saved(str(tmp_path / "saved")))
    panel.job.start({**defaults(), "steps": 100_000}, goes_on=False)
    until(lambda: panel.standing().stage == "running")
    yield panel
    panel.close()


def states(text: str) -> list[str]:
    """The states that a piece of the page shows."""
    return re.findall(r'class="ep-state (\w+)"', text)


def test_it_never_contradicts_itself(training, until):
    """While somebody looks all the time: until its end it is running or stopping, then it ended."""
    training.job.stop()
    seen = []

    def ended() -> bool:
        stage, headline, status = training.standing()
        seen.append((stage, states(headline), states(status)))
        return stage == "ended"

    until(ended)
    alive = [(word, [word], [word]) for word in ("running", "stopping")]
    assert [each for each in seen if each not in (*alive, ("ended", [], ["interrupted"]))] == []


def test_a_run_that_cannot_be_read(training, until):
    """It is said, the buttons are right, and the next look finds the run when it is back."""
    training.job.stop()
    until(lambda: training.standing().stage == "ended")
    away = Path(training.job.run_dir).rename(f"{training.job.run_dir}-away")
    stage, headline, status = training.standing()
    assert (stage, headline) == ("ended", "")
    assert "The run cannot be read" in status
    away.rename(training.job.run_dir)
    assert states(training.standing().status) == ["interrupted"]
