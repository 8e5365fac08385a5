"""Numbers on their way: there, absent or lost, and never 0 instead."""

import math

import pytest

import epochal
from epochal.core.deferred import Deferred, Transfer


def broken(*_):
    """A device that has failed."""
    raise RuntimeError("an illegal memory access was encountered")


LOST = {
    "asked": Transfer(broken, broken),  # as an event on CUDA after an error
    "read": Transfer(lambda: True, broken),
}


def test_a_number_that_arrives():
    """It is read once, however often it is asked for."""
    reads = []
    transfer = Transfer(lambda: bool(reads), lambda: reads.append(1) or [0.5, 2.0])
    first, second = transfer.split(["a", "b"]).values()
    assert repr(first) == "<on a device>"
    assert (float(first), float(second), second.read()) == (0.5, 2.0, 2.0)
    assert reads == [1]
    assert repr(second) == "2.0"


def test_a_mean_of_nothing_is_no_number():
    """It is None where its count is 0; a NaN of something stays NaN."""
    transfer = Transfer(lambda: True, lambda: [math.nan, math.nan, 0.0, 3.0])
    nothing, something = Deferred(transfer, 0, count=2), Deferred(transfer, 1, count=3)
    assert nothing.read() is None
    assert math.isnan(float(nothing))
    assert repr(nothing) == "None"
    assert math.isnan(something.read())


@pytest.mark.parametrize("how", LOST)
def test_a_lost_number_raises_where_it_is_read(how):
    """Asking whether it is there neither raises nor waits for ever; reading it does raise."""
    number = Deferred(LOST[how], 0)
    assert number.ready()
    assert repr(number) == "<lost on a device: RuntimeError>"
    with pytest.raises(RuntimeError, match="illegal memory access"):
        float(number)


@pytest.mark.parametrize("how", LOST)
def test_a_lost_number_is_counted_by_a_run(how, new_run, caplog):
    """The row keeps its other values, those after it are recorded, and the loss is told."""
    run = new_run()
    run.log({"lost": Deferred(LOST[how], 0), "kept": 1.0}, step=0)
    run.log({"lost": Deferred(LOST[how], 0)}, step=1)
    run.log({"kept": 2.0}, step=2)
    run.finish()
    assert run.health().problems == {"value": 2}
    assert "illegal memory access" in caplog.text
    view = epochal.RunView(run.dir)
    assert sorted(view.series("kept").values.tolist()) == [1.0, 2.0]
    assert "lost" not in view.metrics
