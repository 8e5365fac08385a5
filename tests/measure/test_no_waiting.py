"""Measuring never waits for a device.

On tensors of the device "meta" any look at their values fails, as there are none: what measures
these waits for no device.  With a GPU PyTorch's own check against synchronization is asked as well.
"""

import math
import threading

import pytest

torch = pytest.importorskip("torch")

import epochal  # noqa: E402
from epochal.core.deferred import Deferred, Transfer  # noqa: E402
from epochal.measure import (  # noqa: E402
    Aggregates,
    Diffusion,
    Ema,
    EmaDistance,
    Gradients,
    Histograms,
    Numerics,
    Parameters,
    accuracy,
    clip_gradients,
    measure_quality,
    noise_statistics,
    perplexity,
    transfer,
    watch,
)

pytestmark = pytest.mark.torch
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def network(device=None):
    """A network in two types with gradients everywhere."""
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 4, device=device),
        torch.nn.Linear(4, 1, device=device, dtype=torch.bfloat16),
    )
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model


class Sent(list):
    """What was sent to the host; nothing of it arrives."""

    def start(self, vector):
        """Take a vector as if it were copied."""
        assert vector.device.type == "meta"
        assert vector.dim() == 1
        self.append(vector.numel())
        return Transfer(lambda: False, lambda: pytest.fail("somebody waits for the device"))


@pytest.fixture
def sent(monkeypatch):
    """Copies of tensors without values to the host, which are only counted."""
    found = Sent()
    monkeypatch.setattr(transfer, "_start_thread", found.start)
    return found


@pytest.mark.parametrize("look", ["item", "tolist", "nonzero", "__bool__", "__float__", "cpu"])
def test_a_look_at_a_value_would_be_noticed(look):
    """The device has no values to look at."""
    with pytest.raises((RuntimeError, NotImplementedError)):
        getattr(torch.ones((), device="meta"), look)()


def test_instruments_send_one_vector_and_wait_for_nothing(sent):
    """Each measurement is one copy to the host, and gives numbers that arrive later."""
    model = network("meta")
    parameters = Parameters(model, distance=True)
    parameters.before_step()
    scale = torch.ones(1, device="meta")
    loss = torch.ones((), device="meta")
    exact = Numerics(model, exact=True)
    for number, measured in enumerate(
        [
            Gradients(model).measure(scale),
            Gradients(model, per_layer=False).measure(),
            parameters.measure(),
            Numerics(model).measure(loss=loss, skipped=scale[0]),
            exact.measure(loss=0.5),
            clip_gradients(model, 1.0),
        ],
        start=1,
    ):
        assert len(sent) == 6, f"measurement {number}"
        assert all(isinstance(value, Deferred) for value in measured.values())
        assert not any(value.ready() for value in measured.values())
    assert exact.look() is None


def test_formulas_send_one_vector(sent):
    """What is measured of batches and averages is one copy each as well."""
    model = network("meta")
    ema = Ema(model)
    ema.update()
    videos = torch.empty(3, 4, 5, 8, 8, device="meta")
    t = torch.zeros(3, dtype=torch.int64, device="meta")
    diffusion = Diffusion([0.1] * 10, buckets=2)
    for _ in range(2):
        diffusion.add(videos, videos, t)
    assert not diffusion.timesteps().freeze().ready()
    for number, measured in enumerate(
        [
            EmaDistance(model, ema).measure(),
            noise_statistics(videos, videos),
            measure_quality(videos, data=videos),
            diffusion.measure(),
        ],
        start=1,
    ):
        assert len(sent) == 1 + 4, f"measurement {number}"
        values = [value for name, value in measured.items() if name != "ema/steps"]
        assert not any(value.ready() for value in values)


def test_means_of_batches_wait_for_nothing(sent):
    """Losses and shares of hits on a device are collected there, and brought away later."""
    interval = Aggregates()
    targets = torch.zeros(3, dtype=torch.int64, device="meta")
    for _ in range(2):
        loss, logits = torch.ones((), device="meta"), torch.ones(3, 4, device="meta")
        hits = accuracy(logits, targets)
        interval.add({"loss": loss, "perplexity": perplexity(loss), "accuracy": hits}, weight=3)
    assert not sent
    assert not any(value.ready() for value in interval.means().values())


def test_histograms_send_one_vector(sent):
    """All counts of all tensors come in one copy, a fixed number for each."""
    histograms = Histograms(network("meta"), bins=8).measure(torch.ones(1, device="meta"))
    assert len(histograms) == 8
    assert sent == [8 * (7 + 9 + 8)]
    assert not histograms["gradients/histograms/0.weight"].freeze().ready()


def test_a_watched_training_waits_for_nothing(sent, new_run):
    """Also where everything is measured at each step."""
    run = new_run(strict=True)
    model = network("meta")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watcher = watch(run, model, optimizer, every=1, histograms=True, distance=True)
    for _ in range(3):
        watcher.loss(torch.ones((), device="meta"))
        watcher.clip(1.0)
        optimizer.step()
    assert watcher.steps == 3
    assert len(sent) == 3 * 5
    watcher.numerics._pending.clear()  # the run's end would wait for what never arrives
    run._attached.clear()


def test_other_devices_are_read_in_another_thread():
    """Where a copy cannot be queued, a thread waits for it, and the training goes on."""
    arrive = threading.Event()

    class Slow:
        """A vector on a device that takes its time."""

        device = torch.device("mps")
        numel = staticmethod(lambda: 2)

        def detach(self):
            return self

        def tolist(self):
            assert arrive.wait(60)
            return [0.5, 2.0]

    measured = transfer.to_host(["norm", "max"], Slow())
    assert not measured["norm"].ready()
    arrive.set()
    assert float(measured["max"]) == 2.0
    assert measured["norm"].ready()


def test_names_and_numbers_must_match():
    """A name too few is a mistake of the program that calls."""
    with pytest.raises(ValueError, match="1 names for 2 elements"):
        transfer.to_host(["a"], torch.zeros(2))


@needs_cuda
def test_a_watched_training_on_cuda(new_run):
    """PyTorch's check finds no synchronization, and the numbers equal those of the CPU."""
    run = new_run(strict=True)
    model = network("cuda")
    reference = network()
    reference.load_state_dict({name: value.cpu() for name, value in model.state_dict().items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watcher = watch(run, model, optimizer, every=1, histograms=True, distance=True)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step in range(3):
            loss = torch.ones((), device="cuda")
            watcher.loss(loss)
            watcher.clip(100.0)
            optimizer.step()
            run.log({"loss": loss}, step=step)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    run.finish()
    view = epochal.RunView(run.dir)
    optimizer = torch.optim.SGD(reference.parameters(), lr=0.1)
    optimizer.step()
    expected = {**Gradients(reference).measure(), **Parameters(reference).measure()}
    for name, value in expected.items():
        assert view.series(name).values[0] == pytest.approx(value, rel=1e-5, abs=1e-7)
    assert view.series("parameters/update_ratio").values.tolist()[0] > 0
    assert len(view.media["parameters/histograms/0.weight"]) == 3


@needs_cuda
def test_elements_are_counted_once_the_host_knows():
    """On a device tensors are counted first, elements when the first finding has arrived."""
    model = network("cuda")
    model[0].weight.grad[:, 0] = math.nan
    numerics = Numerics(model)
    assert float(numerics.measure()["numerics/nan_gradients"]) == 1.0
    assert numerics.look(wait_s=60).tensor == "0.weight"
    assert float(numerics.measure()["numerics/nan_gradients"]) == 4.0
    exact = Numerics(model, exact=True)
    assert float(exact.measure()["numerics/nan_gradients"]) == 4.0


@needs_cuda
def test_an_optimizer_step_in_a_cuda_graph():
    """Nothing is measured while a graph is captured: it would become part of it."""
    model = network("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = epochal.init(mode="off")
    watcher = watch(run, model, optimizer)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        assert not watcher._live()
