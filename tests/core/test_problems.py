"""Problems: told once, counted always, raised in strict mode."""

import logging

import pytest

from epochal.core.errors import LogError, did_you_mean
from epochal.core.problems import Problems


def test_told_once_counted_always(caplog):
    """The same topic is told once and counted each time; another detail is told again."""
    problems = Problems()
    with caplog.at_level(logging.WARNING, logger="epochal"):
        for _ in range(5):
            problems.report("value", "a is no number", detail="a")
        problems.report("value", "b is no number", detail="b")
    assert caplog.messages == ["a is no number", "b is no number"]
    assert problems.totals() == {"value": 6}


def test_strict_raises_and_counts():
    """In strict mode the caller gets the message as LogError; threads of our own never raise."""
    problems = Problems(strict=True)
    with pytest.raises(LogError, match="a is no number"):
        problems.report("value", "a is no number")
    assert problems.totals() == {"value": 1}
    problems.tell("journal", "disk full")


def test_noted_problems_are_told_later(caplog):
    """What is noted is counted at once and told when asked for, once, in order."""
    problems = Problems()
    for _ in range(2):
        problems.note("value", "a is no number", detail="a")
        problems.note("key", "b is no name", detail="b")
    assert caplog.messages == []
    assert problems.totals() == {"value": 2, "key": 2}
    problems.tell_noted()
    problems.tell_noted()
    assert caplog.messages == ["a is no number", "b is no name"]


def test_suggestions():
    """A near name is suggested, a far one is not."""
    assert did_you_mean("val/los", ["val/loss", "lr"]) == " (did you mean 'val/loss'?)"
    assert did_you_mean("x", ["val/loss"]) == ""
