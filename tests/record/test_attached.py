"""Values that are measured inside a step: deferred numbers, and rows that wait for the next one."""

import threading

import pytest
from recorded import recorded

from epochal.core.deferred import Transfer


class Device:
    """A vector on a device that must not be waited for."""

    def __init__(self, numbers):
        self.numbers, self.arrived, self.reads = numbers, threading.Event(), 0

    def read(self):
        """What only a thread of ours may call."""
        assert self.arrived.is_set(), "the training thread waited for the device"
        self.reads += 1
        return self.numbers

    def split(self, *names):
        """One deferred number for each name."""
        return Transfer(self.arrived.is_set, self.read).split(names)


def by_metric(run_dir):
    """(step, value) by metric, in recorded order."""
    found = {}
    for row in recorded(run_dir).rows:
        for name, value in row.values.items():
            found.setdefault(name, []).append((row.step, value))
    return found


def test_deferred_numbers_are_not_waited_for(new_run):
    """A row with numbers of a device is recorded when they arrive, read once, with its step."""
    run, device = new_run(), Device([1.5, -2.0])
    values = device.split("norm", "max")
    assert repr(values["norm"]) == "<on a device>"
    run.log({"loss": 0.5, **values}, step=3)
    assert run.health().waiting_for_device == 1
    device.arrived.set()
    run.finish()
    assert by_metric(run.dir) == {"loss": [(3, 0.5)], "norm": [(3, 1.5)], "max": [(3, -2.0)]}
    assert device.reads == 1
    assert (float(values["max"]), repr(values["norm"])) == (-2.0, "1.5")


def test_a_device_that_fails_costs_its_numbers_only(new_run):
    """Numbers that cannot be read are told and counted; the others of the row are recorded."""

    def read():
        raise RuntimeError("the device is gone")

    run = new_run()
    run.log({"loss": 0.5, **Transfer(lambda: True, read).split(["norm"])}, step=1)
    run.finish()
    assert by_metric(run.dir) == {"loss": [(1, 0.5)]}
    assert run.health().problems == {"value": 1}


def test_what_waits_gets_the_step_of_the_next_row(new_run):
    """Values are recorded once, with the step and epoch of the next row, whatever its phase."""
    run = new_run()
    run.log({"loss": 1.0}, step=1)
    run.with_next_row({"norm": 2.0})
    run.with_next_row({"ratio": 3.0})
    run.log({"loss": 0.5}, step=9, epoch=2, phase="val")
    run.log({"loss": 0.4}, step=10)
    run.finish()
    found = by_metric(run.dir)
    assert found["norm"] == [(9, 2.0)]
    assert found["ratio"] == [(9, 3.0)]
    assert {row.epoch for row in recorded(run.dir).rows if "norm" in row.values} == {2.0}
    assert [step for step, _ in found["loss"]] == [1, 10]


def test_without_steps_what_waits_is_no_call_of_its_own(new_run):
    """The counter of calls counts the calls of the user."""
    run = new_run()
    for number in range(3):
        run.with_next_row({"norm": float(number)})
        run.log({"loss": 0.0})
    run.finish()
    assert by_metric(run.dir)["norm"] == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert [step for step, _ in by_metric(run.dir)["loss"]] == [0, 1, 2]


def test_what_still_waits_at_the_end_is_recorded(new_run):
    """Values without a next row get the last step."""
    run = new_run()
    run.log({"loss": 1.0}, step=4)
    run.with_next_row({"norm": 2.0})
    run.finish()
    assert by_metric(run.dir)["norm"] == [(4, 2.0)]


def test_a_refused_row_does_not_take_along_what_waited(new_run):
    """The step of a row that cannot be recorded is not used; what waited is kept and told."""
    run = new_run()
    run.with_next_row({"norm": 2.0})
    run.log({"loss": 1.0}, step=float("nan"))
    run.log({"loss": 1.0}, step=5)
    run.finish()
    kept = [event["value"] for event in recorded(run.dir).kinds("refused")]
    assert any("norm" in text for text in kept)
    assert by_metric(run.dir)["loss"] == [(5, 1.0)]


@pytest.mark.parametrize("off", [True, False])
def test_nothing_waits_for_a_run_that_is_off_or_over(new_run, off):
    """Values for a run that records nothing are let go."""
    run = new_run(mode="off") if off else new_run()
    run.finish()
    run.with_next_row({"norm": 2.0})
    run.log({"loss": 1.0}, step=1)
    assert off or "norm" not in by_metric(run.dir)
