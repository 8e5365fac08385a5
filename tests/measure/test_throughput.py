"""Throughput against a clock that only moves when told to."""

import pytest

from epochal.measure import Throughput


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Returns the time."""
        return self.now


@pytest.fixture
def clock():
    """A clock at 100 s."""
    return Clock()


def short(measured):
    """Takes the common prefix off."""
    return {name.removeprefix("performance/"): value for name, value in measured.items()}


def test_rates_since_the_last_call(clock):
    """Each call of measure has the rates since the one before; total has them all."""
    throughput = Throughput(clock=clock)
    for seconds in (1.0, 1.0, 2.0):
        clock.now += seconds
        throughput.step(samples=32, tokens=320)
    assert short(throughput.measure()) == {
        "samples_per_s": 24.0, "batches_per_s": 0.75, "steps_per_s": 0.75, "tokens_per_s": 240.0,
        "step_s": 4 / 3, "elapsed_s": 4.0,
    }  # fmt: skip
    clock.now += 4.0
    throughput.step(samples=32, tokens=320)
    assert short(throughput.measure())["samples_per_s"] == 8.0
    assert short(throughput.total())["samples_per_s"] == 16.0
    assert (throughput.steps, throughput.samples, throughput.tokens) == (4, 128, 1280)


def test_warmup_counts_for_no_rate(clock):
    """The first steps are left out of rates, but not of counts and the epoch's duration."""
    throughput = Throughput(warmup_steps=2, clock=clock)
    for seconds in (50.0, 50.0):
        clock.now += seconds
        throughput.step(samples=10)
    assert short(throughput.measure()) == {"elapsed_s": 100.0}
    clock.now += 2.0
    throughput.step(samples=10)
    assert short(throughput.measure())["samples_per_s"] == 5.0
    epoch = short(throughput.end_epoch())
    assert (epoch["epoch_s"], epoch["samples_per_s"], throughput.samples) == (102.0, 5.0, 30)


def test_share_of_waiting_for_data(clock):
    """Time until a batch is there is a share of the time of the steps."""

    def loader():
        for batch in range(3):
            clock.now += 1.0
            yield [batch] * 4

    throughput = Throughput(clock=clock)
    for batch in throughput.batches(loader()):
        clock.now += 3.0
        throughput.step(samples=len(batch))
    measured = short(throughput.measure())
    assert measured["data_wait_share"] == 0.25
    assert measured["samples_per_s"] == 1.0
    with throughput.waiting():
        clock.now += 2.0
    clock.now += 2.0
    throughput.step()
    assert short(throughput.measure())["data_wait_share"] == 0.5


def test_unknown_is_left_out(clock):
    """Without batch sizes there are no samples/s, without waiting() no share of it."""
    throughput = Throughput(clock=clock)
    clock.now += 1.0
    throughput.step(samples=8)
    clock.now += 1.0
    throughput.step()
    measured = short(throughput.measure())
    assert set(measured) == {"batches_per_s", "steps_per_s", "step_s", "elapsed_s"}
    assert short(throughput.measure()) == {"elapsed_s": 2.0}


def test_accumulated_batches(clock):
    """A step of several batches counts them all."""
    throughput = Throughput(clock=clock)
    clock.now += 2.0
    throughput.step(samples=64, batches=4)
    measured = short(throughput.measure())
    assert (measured["steps_per_s"], measured["batches_per_s"]) == (0.5, 2.0)


def test_pauses_are_not_training(clock):
    """Validation in a pause is in no rate and no epoch, only in the time that elapsed."""
    throughput = Throughput(clock=clock)
    clock.now += 1.0
    throughput.step(samples=4)
    with throughput.paused():
        clock.now += 60.0
    clock.now += 1.0
    throughput.step(samples=4)
    epoch = short(throughput.end_epoch())
    assert (epoch["epoch_s"], epoch["samples_per_s"], epoch["elapsed_s"]) == (2.0, 4.0, 62.0)
    clock.now += 3.0
    throughput.step(samples=3)
    epoch = short(throughput.end_epoch())
    assert (epoch["epoch_s"], epoch["samples_per_s"]) == (3.0, 1.0)


def test_pauses_may_be_nested(clock):
    """The time inside two pauses is left out once."""
    throughput = Throughput(clock=clock)
    clock.now += 1.0
    with throughput.paused():
        clock.now += 10.0
        with throughput.paused():
            clock.now += 20.0
    throughput.step(samples=4)
    assert short(throughput.measure())["samples_per_s"] == 4.0


def test_waiting_and_pauses_inside_each_other(clock):
    """The batches of a validation are not waited for by the training, nor is a pause waiting."""
    throughput = Throughput(clock=clock)
    with throughput.waiting():
        clock.now += 1.0
        with throughput.paused():
            clock.now += 5.0
    clock.now += 3.0
    with throughput.paused():
        for _ in throughput.batches([1, 2]):
            clock.now += 10.0
        with throughput.waiting():
            clock.now += 10.0
    throughput.step(samples=8)
    measured = short(throughput.measure())
    assert (measured["data_wait_share"], measured["samples_per_s"]) == (0.25, 2.0)


@pytest.mark.torch
def test_counts_on_a_device_are_not_looked_at(clock):
    """A number of tokens that is still computed gives a rate that is, too."""
    torch = pytest.importorskip("torch")
    throughput = Throughput(clock=clock)
    for _ in range(3):
        clock.now += 1.0
        throughput.step(tokens=torch.ones((), dtype=torch.int64, device="meta"))
    assert throughput.measure()["performance/tokens_per_s"].device.type == "meta"
    assert throughput.tokens.device.type == "meta"


def test_a_real_clock_moves():
    """With the clock of the machine the rates are positive numbers."""
    throughput = Throughput()
    for batch in throughput.batches([[1], [2]]):
        sum(range(10_000))
        throughput.step(samples=len(batch))
    measured = throughput.measure()
    assert measured["performance/samples_per_s"] > 0
    assert 0 <= measured["performance/data_wait_share"] < 1
