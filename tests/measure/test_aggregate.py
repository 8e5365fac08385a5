"""Aggregation: exact, weighted, without waiting for a device."""

import math
import random
import statistics
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import epochal
from epochal.core.deferred import Transfer
from epochal.core.errors import SettingError
from epochal.measure import Aggregate, Aggregates


def filled(values, weights=None):
    """Returns an aggregate of values."""
    aggregate = Aggregate()
    for value, weight in zip(values, weights or [1] * len(values), strict=True):
        aggregate.add(value, weight)
    return aggregate


def test_equals_an_exact_reference():
    """Mean, spread and median agree with rational arithmetic, whatever the magnitudes."""
    rng = random.Random(1)
    for count in (1, 2, 5, 1000):
        values = [rng.uniform(-1, 1) * 10 ** rng.randint(-9, 9) for _ in range(count)]
        found = filled(values).result()
        assert found.mean == statistics.fmean(values)
        assert found.std == pytest.approx(statistics.pstdev(values), rel=1e-14)
        assert found.median == statistics.median(values)
        assert (found.min, found.max, found.last) == (min(values), max(values), values[-1])
        assert (found.count, found.non_finite) == (count, 0)


def test_weights_are_exact_too():
    """A last batch that is smaller counts as much as its samples."""
    rng = random.Random(2)
    values = [rng.gauss(2, 0.5) for _ in range(500)]
    weights = [64] * 499 + [17]
    found = filled(values, weights).result()
    total = sum(weights)
    mean = sum(Fraction(v) * w for v, w in zip(values, weights, strict=True)) / total
    square = sum(w * (Fraction(v) - mean) ** 2 for v, w in zip(values, weights, strict=True))
    assert found.mean == pytest.approx(float(mean), rel=1e-15)
    assert found.std == pytest.approx(math.sqrt(square / total), rel=1e-14)
    assert found.weight == total


def test_nothing_is_lost_beside_large_values():
    """Small values that cancel large ones remain."""
    assert filled([1e16, 1.0, -1e16, 1.0]).result().mean == 0.5
    assert filled([1.7e308, 1.7e308, 1e308]).result().mean == pytest.approx(1.46666666666667e308)
    assert filled([1e308, -1e308, 1e308], [64, 64, 32]).result().mean == pytest.approx(2e307)


def test_nan_is_never_hidden():
    """One NaN makes the numbers NaN and is counted; infinities are what they are."""
    found = filled([1.0, math.nan, 3.0, math.inf]).result()
    assert found.non_finite == 2
    assert all(math.isnan(x) for x in (found.mean, found.std, found.min, found.max, found.median))
    found = filled([1.0, math.inf]).result()
    assert (found.mean, found.min, found.max) == (math.inf, 1.0, math.inf)
    assert math.isnan(filled([-math.inf, math.inf]).result().mean)
    assert math.isnan(filled([2.0], [0]).result().mean)


def test_nothing_added_gives_nothing():
    """An empty aggregate has no numbers to log."""
    found = Aggregate().result()
    assert found.count == 0
    assert math.isnan(found.mean)
    assert found.as_dict("train_loss_") == {}
    assert Aggregates().means() == {}


def test_names_of_an_epoch_row():
    """The statistics come under names with the prefix that a table wants."""
    found = filled([1.0, 2.0, 6.0]).result().as_dict("train_loss_")
    assert found["train_loss_mean"] == 3.0
    assert set(found) == {f"train_loss_{name}" for name in ("mean", "std", "min", "max", "median")}


def test_reset_begins_anew():
    """After a reset only what comes next counts."""
    aggregate = filled([5.0])
    aggregate.reset()
    aggregate.add(1.0)
    assert aggregate.result().mean == 1.0


def test_scalars_of_arrays_are_numbers():
    """NumPy scalars, booleans and big integers are taken; what is no number is refused whole."""
    aggregate = filled([np.float32(0.5), True, 2, np.array([3.0])])
    assert aggregate.result().mean == 6.5 / 4
    for wrong in ("0.5", np.zeros(3), [1.0], 1j):
        with pytest.raises(SettingError):
            aggregate.add(wrong)
    with pytest.raises(SettingError):
        aggregate.add(1.0, weight=-1)
    with pytest.raises(SettingError):
        aggregate.add(1.0, weight="many")
    assert len(aggregate) == 4
    assert aggregate.result().mean == 6.5 / 4


def test_interval_means_begin_anew():
    """An interval is the mean with minimum and maximum since the last one."""
    interval = Aggregates()
    for loss in (1.0, 3.0):
        interval.add({"loss": loss, "accuracy": None}, weight=8)
    assert interval.means("train/") == {
        "train/loss": 2.0,
        "train/loss_min": 1.0,
        "train/loss_max": 3.0,
    }
    assert interval.means("train/") == {}


def test_results_and_reset_of_many():
    """The statistics of each metric can be had by name until they are reset."""
    epoch = Aggregates()
    epoch.add({"loss": 1.0, "accuracy": 0.5})
    assert set(epoch.results()) == {"loss", "accuracy"}
    assert epoch["loss"].result().mean == 1.0
    epoch.reset()
    assert epoch.results() == {}


def test_numbers_on_their_way_are_waited_for_only_when_read():
    """Deferred numbers give deferred means, which are right once they have arrived."""
    arrived, reads = [False], []

    def read():
        reads.append(1)
        return [4.0]

    interval = Aggregates()
    interval.add({"loss": Transfer(lambda: arrived[0], read).split(["loss"])["loss"]})
    interval.add({"loss": 2.0})
    means = interval.means()
    assert not means["loss"].ready()
    assert not reads
    arrived[0] = True
    assert means["loss"].ready()
    assert [float(value) for value in means.values()] == [3.0, 2.0, 4.0]


def test_interval_in_a_run(tmp_path):
    """What an interval came to is recorded under its step."""
    interval = Aggregates()
    with epochal.init(project="p", dir=str(tmp_path), follow="off") as run:
        for step in range(6):
            interval.add({"loss": float(step)})
            if step % 3 == 2:
                run.log(interval.means("train/"), step=step)
    view = epochal.RunView(run.dir)
    assert view.series("train/loss").values.tolist() == [1.0, 4.0]
    assert view.series("train/loss_max").steps.tolist() == [2, 5]


def test_no_pytorch_is_loaded_for_numbers_of_the_host():
    """Aggregating floats loads neither PyTorch nor NumPy."""
    program = (
        "import sys; from epochal.measure import Aggregates; a = Aggregates();"
        "a.add({'loss': 1.0}); a.means(); print({'torch', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.torch
def test_tensors_are_numbers():
    """Losses with gradients and of half precision are taken as they are, as of now."""
    torch = pytest.importorskip("torch")
    loss = torch.tensor(2.0, requires_grad=True)
    half = torch.tensor([4.0], dtype=torch.bfloat16)
    aggregate = filled([loss, half, loss * 3])
    with torch.no_grad():
        loss.fill_(100.0)
    assert aggregate.result().mean == 4.0
    with pytest.raises(SettingError):
        aggregate.add(torch.zeros(2))


@pytest.mark.torch
def test_a_device_is_never_waited_for():
    """Losses on a CUDA device are added and averaged without a synchronization."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    losses = torch.arange(3000.0, device="cuda")
    interval, epoch = Aggregates(), Aggregate()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for loss in losses:
            interval.add({"loss": loss}, weight=loss.new_ones(()))
            epoch.add(loss)
        losses.zero_()
        means = interval.means()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert float(means["loss"]) == 1499.5
    assert (float(means["loss_min"]), float(means["loss_max"])) == (0.0, 2999.0)
    assert epoch.result().median == 1499.5
