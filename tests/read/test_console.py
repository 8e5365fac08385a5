"""The console as it is read: a line at a time, searched, and by stream."""

import pytest
from journals import JournalMaker, make_run

from epochal.core.errors import SettingError
from epochal.read.view import RunView
from epochal.store.seal import seal_run


@pytest.fixture(params=["journal", "sealed"])
def view(request, tmp_path):
    """A run that printed, wrote errors and logged; live in the journal or sealed."""
    maker = JournalMaker(make_run(tmp_path))
    maker.event("console", stream="stdout", text="epoch 1\n\nepoch 2 [x]")
    maker.row({"loss": 0.5}, 0)
    maker.event("console", stream="stderr", text="Warning: é")
    maker.heartbeat(wall_shift_ns=3_000_000_000)
    maker.event("console", stream="log", text="slow\nepoch", level="INFO", logger="a.b")
    maker.close()
    if request.param == "sealed":
        seal_run(maker.run_dir)
    return RunView(maker.run_dir)


def test_a_line_is_a_line(view):
    """Lines are separate, empty ones too, with stream, level and logger."""
    assert [(line.stream, line.level, line.logger, line.text) for line in view.console()] == [
        ("stdout", "", "", "epoch 1"), ("stdout", "", "", ""), ("stdout", "", "", "epoch 2 [x]"),
        ("stderr", "", "", "Warning: é"),
        ("log", "INFO", "a.b", "slow"), ("log", "INFO", "a.b", "epoch"),
    ]  # fmt: skip


def test_lines_have_times(view):
    """Since the run began by the monotonic clock, and by the wall clock as it was set then."""
    lines = view.console()
    assert [line.elapsed_s for line in lines] == [0.001, 0.001, 0.001, 0.004, 0.006, 0.006]
    began = view.sessions[0].started_s
    shifts = [round(line.time_s - began - line.elapsed_s) for line in lines]
    assert shifts == [0, 0, 0, 0, 3, 3]


def test_lines_are_found(view):
    """By a regular expression, by stream, and by both."""
    assert [line.text for line in view.console("epoch")] == ["epoch 1", "epoch 2 [x]", "epoch"]
    assert [line.text for line in view.console(r"^epoch \d$")] == ["epoch 1"]
    assert [line.text for line in view.console("epoch", stream="log")] == ["epoch"]
    assert [line.text for line in view.console(stream="stderr")] == ["Warning: é"]
    assert view.console("nowhere") == []


@pytest.mark.parametrize(("grep", "stream"), [("[x", None), (None, "stdin")])
def test_what_cannot_be_meant(view, grep, stream):
    """No regular expression, or no stream."""
    with pytest.raises(SettingError):
        view.console(grep, stream)
