"""Models as they are met: every instrument takes them, and its numbers equal plain float64 ones."""

import math

import pytest

import epochal
from epochal.measure import (
    Ema,
    EmaDistance,
    Gradients,
    Histograms,
    Numerics,
    Parameters,
    clip_gradients,
    compute_grad_norm,
    describe_model,
    watch,
)

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

nn = torch.nn


def holding(**weights):
    """Returns a module with parameters of some values."""
    module = nn.Module()
    for name, weight in weights.items():
        module.register_parameter(name, nn.Parameter(weight))
    return module


def tied():
    """Two layers with one weight."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    return model


def frozen():
    """A body that is not trained, and a head that is."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    model[0].requires_grad_(requires_grad=False)
    return model


def materialized():
    """Lazy modules that have seen an input."""
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    model(torch.randn(4, 2))
    return model


def mixed():
    """Weights of several types."""
    return holding(a=torch.randn(3), b=torch.randn(3).double(), c=torch.ones(2).half())


def compiled():
    """A compiled model with a compiled part."""
    part = torch.compile(nn.Linear(2, 2), backend="eager")
    return torch.compile(nn.Sequential(nn.Linear(2, 2), part), backend="eager")


class Wrapper(nn.Module):
    """A stranger's wrapper, which holds a model as DistributedDataParallel does."""

    def __init__(self, module) -> None:
        super().__init__()
        self.module = module


MODELS = {
    "without parameters": nn.ReLU,
    "without elements": lambda: holding(nothing=torch.zeros(0, 3)),
    "some without elements": lambda: holding(nothing=torch.zeros(0, 3), w=torch.randn(3)),
    "all frozen": lambda: nn.Linear(2, 2).requires_grad_(requires_grad=False),
    "some frozen": frozen,
    "tied": tied,
    "scalars": lambda: holding(one=torch.tensor(2.0), two=torch.tensor([-3.0])),
    "complex": lambda: holding(w=torch.randn(4, 2, dtype=torch.complex64), v=torch.randn(3)),
    "bfloat16": lambda: nn.Linear(5, 3).bfloat16(),
    "float16": lambda: holding(w=torch.full((300,), 60_000.0).half()),  # squares overflow
    "mixed types": mixed,
    "not contiguous": lambda: holding(w=torch.randn(4, 6).t(), v=torch.randn(8)[::2]),
    "materialized": materialized,
    "compiled": compiled,
    "DataParallel": lambda: nn.DataParallel(nn.Linear(2, 2)),
    "wrapped": lambda: Wrapper(nn.Linear(2, 2)),
}  # fmt: skip


def with_gradients(model):
    """Gives trained parameters a gradient that is easy to follow: minus half of their values."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = (parameter.detach() * -0.5).clone()
    return model


def elements(tensors):
    """Returns all numbers of tensors as Python floats; real and imaginary parts of complex ones."""
    found = []
    for tensor in tensors:
        wide = tensor.detach()
        wide = torch.view_as_real(wide).double() if wide.is_complex() else wide.double()
        found += wide.reshape(-1).tolist()
    return found


def l2(numbers):
    """Returns their L2 norm."""
    return math.sqrt(math.fsum(x * x for x in numbers))


@pytest.mark.parametrize("kind", MODELS)
def test_norms_equal_a_plain_reference(kind):
    """Totals of gradients and parameters equal sums of Python floats; none is no error."""
    model = with_gradients(MODELS[kind]())
    trained = [p for p in model.parameters() if p.requires_grad]
    grads, weights = elements([p.grad for p in trained]), elements(trained)
    measured, found = Gradients(model).measure(), Parameters(model).measure()
    assert compute_grad_norm(model) == pytest.approx(l2(grads), rel=1e-12)
    if not weights:
        assert (measured, found) == ({}, {})
        return
    assert measured["gradients/norm"] == pytest.approx(l2(grads), rel=1e-12)
    assert measured["gradients/max_abs"] == max(map(abs, grads))
    mean = math.fsum(weights) / len(weights)
    assert found["parameters/norm"] == pytest.approx(l2(weights), rel=1e-12)
    assert found["parameters/mean"] == pytest.approx(mean, rel=1e-9, abs=1e-15)
    spread = l2([weight - mean for weight in weights]) / math.sqrt(len(weights))
    assert found["parameters/std"] == pytest.approx(spread, rel=1e-9, abs=1e-15)
    assert found["parameters/max_abs"] == max(map(abs, weights))
    names = {name.split("/")[2] for name in measured if name.startswith("gradients/layers/")}
    assert not any("_orig_mod" in name for name in names)


@pytest.mark.parametrize("kind", MODELS)
def test_every_instrument_takes_it(kind, new_run):
    """Counts, histograms, averages, the model's record and a watched step: nothing is refused."""
    model = with_gradients(MODELS[kind]())
    trained = [p for p in model.parameters() if p.requires_grad]
    assert not any(Numerics(model).measure(loss=0.5).values())
    counted = Histograms(model).measure().values()
    assert sum(each.encoded().about["count"] for each in counted) == 2 * len(elements(trained))
    record = describe_model(model)
    assert record.parameters == sum(p.numel() for p in model.parameters())
    assert record.trainable == sum(p.numel() for p in trained)
    ema = Ema(model)
    ema.update()
    assert EmaDistance(model, ema).measure().get("ema/distance", 0.0) == 0.0
    run = new_run(strict=True)
    watcher = watch(run, model, every=1, histograms=True, distance=True)
    watcher.clip(1.0)
    if trained:
        torch.optim.SGD(trained, lr=0.1).step()
    else:
        watcher.measure()
    run.log({"loss": 0.5}, step=0)
    run.finish()
    assert run.health().problems == {}
    assert epochal.RunView(run.dir).summary["model/parameters"] == record.parameters


def test_sparse_gradients():
    """Rows that an embedding looked up twice are added, those it did not are zeros."""
    model = nn.Embedding(5, 2, sparse=True)
    model(torch.tensor([1, 1, 3])).sum().backward()
    measured = Gradients(model).measure()
    dense = elements([model.weight.grad.to_dense()])
    assert measured["gradients/norm"] == pytest.approx(l2(dense), rel=1e-12)
    assert measured["gradients/layers/weight/mean"] == pytest.approx(sum(dense) / 10, rel=1e-12)
    assert not any(Numerics(model).measure().values())
    assert Histograms(model, parameters=False).measure()["gradients/histograms/weight"].encoded()


def test_a_layer_that_is_replaced(new_run):
    """Another head in the middle of training is measured from its first step on."""
    run = new_run(strict=True)
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    watcher = watch(run, model, every=1, histograms=True, distance=True)
    for step in range(4):
        if step == 2:
            model[1] = nn.Linear(2, 3)
        with_gradients(model)
        watcher.measure()
        run.log({"loss": 0.5}, step=step)
    run.finish()
    view = epochal.RunView(run.dir)
    assert view.series("gradients/layers/1.weight/norm").steps.tolist() == [0, 1, 2, 3]
    last = view.series("parameters/layers/1.weight/norm").values[-1]
    assert last == pytest.approx(l2(elements([model[1].weight])), rel=1e-12)
    assert run.health().problems == {}


def test_lazy_modules_before_their_first_input(new_run):
    """They have no values yet: they are left out, counted apart, and measured once they have."""
    run = new_run(strict=True)
    model = nn.Sequential(nn.LazyLinear(2), nn.Linear(2, 1))
    assert describe_model(model, torch.zeros(1, 3)).uninitialized == 2
    assert "parameters/layers/0.weight/norm" not in Parameters(model).measure()
    numerics = Numerics(model)
    numerics.measure()
    watcher = watch(run, model, every=1, histograms=True, distance=True)
    model(torch.ones(1, 3)).sum().backward()
    watcher.measure()
    run.log({"loss": 0.5}, step=0)
    run.finish()
    assert run.health().problems == {}
    assert epochal.RunView(run.dir).series("parameters/layers/0.weight/norm").steps.tolist() == [0]


def test_a_device_without_values_is_counted_and_told(new_run, caplog):
    """Tensors of the device "meta" have no numbers: none is recorded as 0, and training goes on."""
    run = new_run()
    model = nn.Linear(2, 2, device="meta")
    with_gradients(model)
    numerics = Numerics(model)
    for step in range(2):
        clipped = clip_gradients(model, 1.0)
        measured = {**Gradients(model).measure(), **numerics.measure(), **clipped}
        run.log({"loss": 0.5, **measured}, step=step)
    assert numerics.look(wait_s=60) is None
    run.finish()
    assert run.health().problems == {"value": 2 * len(measured)}
    assert "cannot read 'gradients/norm' from a device" in caplog.text
    assert set(epochal.RunView(run.dir).metrics) == {"loss"}
