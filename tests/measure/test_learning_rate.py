"""Learning rates and the state of schedulers."""

import numpy as np
import pytest

from epochal.core.deferred import Transfer
from epochal.measure import LearningRate, transfer

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


def sgd(*groups, lr=0.1):
    """Returns an optimizer with a parameter group for each mapping."""
    return torch.optim.SGD([{"params": [torch.zeros(1)], **group} for group in groups], lr=lr)


def test_one_group_is_lr():
    """The rate of one group has the plain name, and follows the scheduler."""
    optimizer = sgd({})
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    rate = LearningRate(optimizer, scheduler)
    assert rate.measure()["lr"] == 0.1
    optimizer.step()
    scheduler.step()
    measured = rate.measure()
    assert (measured["lr"], measured["schedule/last_epoch"]) == (0.05, 1.0)
    assert all(type(value) is float for value in measured.values())


def test_groups_have_names():
    """Groups are called by their name or index; names that are not unique are not used."""
    assert LearningRate(sgd({"name": "body", "lr": 0.5}, {})).measure() == {
        "lr/body": 0.5,
        "lr/1": 0.1,
    }
    assert set(LearningRate(sgd({"name": "a"}, {"name": "a"})).measure()) == {"lr/0", "lr/1"}


def test_schedulers_inside_others_have_their_own_state():
    """The state of chained schedulers is told one by one."""
    optimizer = sgd({})
    parts = [
        torch.optim.lr_scheduler.ConstantLR(optimizer, total_iters=2),
        torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5),
    ]
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, parts, milestones=[2])
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    measured = LearningRate(optimizer, scheduler).measure()
    assert measured["schedule/last_epoch"] == 3.0
    assert measured["schedule/1/last_epoch"] == 1.0
    assert measured["schedule/1/gamma"] == 0.5


def test_rates_that_are_tensors():
    """A rate that is a tensor is a number in the result."""
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=torch.tensor(0.25))
    assert float(LearningRate(optimizer).measure()["lr"]) == 0.25


def test_rates_on_a_device_come_in_one_copy(monkeypatch):
    """However many groups there are; rates of the host are there at once."""
    sent = []

    def taken(vector):
        sent.append(vector.numel())
        return Transfer(lambda: False, lambda: pytest.fail("somebody waits for the device"))

    monkeypatch.setattr(transfer, "_start_thread", taken)
    optimizer = sgd({}, {}, {})
    for group, dtype in zip(
        optimizer.param_groups[1:], (torch.float32, torch.float64), strict=True
    ):
        group["lr"] = torch.zeros((), dtype=dtype, device="meta")
    measured = LearningRate(optimizer).measure()
    assert sent == [2]
    assert measured["lr/0"] == 0.1
    assert not measured["lr/2"].ready()


def test_rates_of_other_kinds():
    """A rate of NumPy is a number; a group without a rate has no metric."""
    optimizer = sgd({}, {}, {})
    optimizer.param_groups[0]["lr"] = np.float64(0.5)
    optimizer.param_groups[1]["lr"] = None  # as Adafactor, which chooses its own
    del optimizer.param_groups[2]["lr"]
    assert LearningRate(optimizer).measure() == {"lr/0": 0.5}
