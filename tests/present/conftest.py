"""Lets the tests here import what ``tests/support`` has."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """Runs without their environment: it is found beside the training, and may come after its end.

    A figure that is drawn before and one that is drawn after say another state of the code.
    """
    monkeypatch.setenv("EPOCHAL_CAPTURE_ENVIRONMENT", "false")
