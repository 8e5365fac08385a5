"""The moving average of weights: kept, measured, compared."""

import copy
import math

import pytest

from epochal.core.errors import SettingError
from epochal.measure import Ema, EmaDistance, compare_ema

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


def model(dtype=None):
    """Returns a small network with parameters and buffers."""
    torch.manual_seed(0)
    made = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    )
    return made.to(dtype or torch.float32)


def moved(net, by=0.1):
    """Returns a copy of a network with other weights."""
    other = copy.deepcopy(net)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in other.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
            weight.add_(by * noise.to(weight))
    return other


def reference(net, other):
    """Returns distance and norm in float64."""
    pairs = list(zip(net.parameters(), other.parameters(), strict=True))
    square = sum((a.double() - b.double()).square().sum().item() for a, b in pairs)
    size = sum(a.double().square().sum().item() for a, _ in pairs)
    return math.sqrt(square), math.sqrt(square / size)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_distance_is_the_l2_norm(dtype):
    """The distance equals a float64 reference, for each type of weight."""
    net = model(getattr(torch, dtype))
    other = moved(net)
    measured = EmaDistance(net, other).measure()
    distance, relative = reference(net, other)
    assert float(measured["ema/distance"]) == pytest.approx(distance, rel=1e-6)
    assert float(measured["ema/relative_distance"]) == pytest.approx(relative, rel=1e-6)
    assert "ema/steps" not in measured


def test_large_models_are_measured_in_pieces(monkeypatch):
    """The distance does not depend on how many weights are compared at a time."""
    net = model()
    other = moved(net)
    whole = EmaDistance(net, other).measure()
    monkeypatch.setattr("epochal.measure.tensors.BLOCK", 1)
    assert EmaDistance(net, other).measure() == pytest.approx(whole, rel=1e-12)


def test_averages_of_every_kind_are_understood():
    """Ema, AveragedModel, a state dict, and an average in another precision give one distance."""
    net = model()
    averaged = torch.optim.swa_utils.AveragedModel(net)
    averaged.update_parameters(net)
    other = moved(net)
    expected = reference(other, net)[0]
    kinds = [averaged, averaged.state_dict(), net.state_dict(), copy.deepcopy(net).double()]
    for average in kinds:
        measured = EmaDistance(other, average).measure()
        assert float(measured["ema/distance"]) == pytest.approx(expected, rel=1e-6)
    assert float(EmaDistance(other, averaged).measure()["ema/steps"]) == 1.0
    wrapped = torch.nn.Module()
    wrapped.module = other  # as DistributedDataParallel does
    assert float(EmaDistance(wrapped, averaged).measure()["ema/distance"]) == pytest.approx(
        expected, rel=1e-6
    )


def test_another_model_is_refused():
    """An average without the model's parameters is no silent zero."""
    with pytest.raises(SettingError, match="4 of 6"):
        EmaDistance(model(), torch.nn.Sequential(torch.nn.Linear(4, 8))).measure()


def test_ema_follows_the_weights():
    """The average obeys its formula; buffers are copied; the model is untouched."""
    net = model()
    ema = Ema(net, decay=0.9)
    expected = [p.detach().double().clone() for p in net.parameters()]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        net(torch.randn(16, 4)).square().sum().backward()
        optimizer.step()
        ema.update()
        expected = [
            0.9 * e + 0.1 * p.detach().double()
            for e, p in zip(expected, net.parameters(), strict=True)
        ]
    for average, value in zip(ema.model.parameters(), expected, strict=True):
        torch.testing.assert_close(average.double(), value, rtol=1e-5, atol=1e-6)
        assert not average.requires_grad
    for average, latest in zip(ema.model.buffers(), net.buffers(), strict=True):
        assert torch.equal(average, latest)
    assert ema.steps == 5
    assert not ema.model.training
    assert net.training
    assert EmaDistance(net, ema).measure()["ema/steps"] == 5.0


def test_complex_weights_are_averaged():
    """They are numbers like others; integers are copied."""
    net = torch.nn.Module()
    net.complex = torch.nn.Parameter(torch.full((2,), 1 + 1j))
    net.brief = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    net.count = torch.nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)
    ema = Ema(net, decay=0.5)
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(3)
    ema.update()
    values = {name: weight[0].item() for name, weight in ema.model.named_parameters()}
    assert values == {"complex": 2 + 2j, "brief": 2.0, "count": 3}
    distance = EmaDistance(net, ema).measure()["ema/distance"]
    assert distance == pytest.approx(math.sqrt(2 * abs(1 + 1j) ** 2 + 2))


@pytest.mark.parametrize("weights", [[], [torch.zeros(0, 3)]])
def test_a_model_without_weights(weights):
    """There is nothing to average, and no distance."""
    net = torch.nn.Module()
    net.weights = torch.nn.ParameterList(weights)
    ema = Ema(net)
    ema.update()
    assert EmaDistance(net, ema).measure() == {}


def test_lazy_modules_must_have_seen_an_input():
    """Before there is nothing that could be averaged, which is said at once."""
    net = torch.nn.Sequential(torch.nn.LazyLinear(2))
    with pytest.raises(SettingError, match="lazy"):
        Ema(net)
    net(torch.zeros(1, 3))
    Ema(net).update()


def test_warmup_forgets_the_first_weights_sooner():
    """With warm-up the first decays are 1/10, 2/11 and so on."""
    net = torch.nn.Linear(1, 1, bias=False)
    net.weight.data.fill_(1.0)
    ema = Ema(net, decay=0.999, warmup=True)
    net.weight.data.fill_(0.0)
    ema.update()
    ema.update()
    assert float(ema.model.weight) == pytest.approx(0.1 * 2 / 11)


def test_ema_goes_on_from_a_checkpoint():
    """State saved and loaded gives the same average from there on."""
    net = model()
    ema, other = Ema(net, decay=0.5), Ema(net)
    net = moved(net)
    ema._live = net
    ema.update()
    other.load_state_dict(copy.deepcopy(ema.state_dict()))
    other._live = net
    for each in (ema, other):
        each.update()
    assert other.steps == 2
    for one, two in zip(ema.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(one, two)
    with pytest.raises(SettingError):
        Ema(net, decay=1.5)


def test_evaluations_are_compared_fairly():
    """Both see the same random numbers in evaluation mode; everything is put back."""
    net = model()
    net[1].eval()  # as when batch statistics are frozen
    ema = Ema(net)
    modes, state = [m.training for m in net.modules()], torch.get_rng_state()
    seen = []

    def evaluate(of):
        seen.append((of.training, torch.is_grad_enabled(), torch.randn(3)))
        return {"loss": float(of[0].weight.sum()), "accuracy": torch.tensor(0.5)}

    with torch.no_grad():
        net[0].weight.add_(1.0)
    found = compare_ema(net, ema, evaluate)
    assert found["loss"] - found["ema/loss"] == pytest.approx(32.0, abs=1e-4)
    assert found["ema/loss_difference"] == found["ema/loss"] - found["loss"]
    assert found["ema/accuracy"] == 0.5
    assert [s[:2] for s in seen] == [(False, False)] * 2
    assert torch.equal(seen[0][2], seen[1][2])
    assert [m.training for m in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)


def test_distance_waits_for_no_device():
    """On a CUDA device the distance is measured without a synchronization."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    net = model().cuda()
    other = moved(net.cpu()).cuda()
    net = net.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        measured = EmaDistance(net, other).measure()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert float(measured["ema/distance"]) == pytest.approx(reference(net, other)[0], rel=1e-6)
