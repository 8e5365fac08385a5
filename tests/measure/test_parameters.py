"""Parameters: statistics, updates and distances equal a plain float64 reference."""

import pytest

torch = pytest.importorskip("torch")

from epochal.measure import Parameters, tensors  # noqa: E402

pytestmark = pytest.mark.torch


def flat(model):
    """All trained parameters of a model as one float64 vector."""
    return torch.cat([p.detach().double().flatten() for p in model.parameters() if p.requires_grad])


def small_model(dtype=torch.float32):
    """Two layers with parameters that are far from each other in size."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.LayerNorm(20)).to(dtype)
    with torch.no_grad():
        model[0].bias.mul_(100)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_statistics_equal_the_reference(dtype):
    """Mean, spread, norm and largest magnitude, in total and per layer."""
    model = small_model(dtype)
    measured = Parameters(model).measure()
    everything = flat(model)
    expected = {
        "parameters/norm": everything.norm().item(),
        "parameters/mean": everything.mean().item(),
        "parameters/std": everything.std(correction=0).item(),
        "parameters/max_abs": everything.abs().max().item(),
    }
    for name, parameter in model.named_parameters():
        one = parameter.detach().double()
        expected[f"parameters/layers/{name}/norm"] = one.norm().item()
        expected[f"parameters/layers/{name}/mean"] = one.mean().item()
        expected[f"parameters/layers/{name}/std"] = one.std(correction=0).item()
    assert measured == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("block", [1 << 24, 16])
def test_an_update_is_compared_with_the_weights(dtype, block, monkeypatch):
    """|w - w_before| / |w|, in total and per layer, and the way from the start."""
    monkeypatch.setattr(tensors, "BLOCK", block)
    model = small_model(dtype)
    start = flat(model)
    parameters = Parameters(model, distance=True)
    for _ in range(2):
        parameters.before_step()
        before = flat(model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.01)
        measured = parameters.measure()
        after = flat(model)
        ratio = ((after - before).norm() / after.norm()).item()
        assert measured["parameters/update_ratio"] == pytest.approx(ratio, rel=1e-6)
        way = (after - start).norm().item()
        assert measured["parameters/distance"] == pytest.approx(way, rel=1e-6)
        assert measured["parameters/layers/1.bias/update_ratio"] > ratio
    assert "parameters/update_ratio" not in parameters.measure(), "there was no step in between"


def test_with_an_optimizer_each_step_is_seen():
    """The weights are copied before each step, until it is closed."""
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parameters = Parameters(model, optimizer)
    for _ in range(2):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        before = flat(model)
        optimizer.step()
        after = flat(model)
        ratio = ((after - before).norm() / after.norm()).item()
        measured = parameters.measure()
        assert measured["parameters/update_ratio"] == pytest.approx(ratio, rel=1e-6)
    parameters.close()
    optimizer.step()
    assert "parameters/update_ratio" not in parameters.measure()


def test_weights_that_are_zero_or_do_not_move():
    """A first move away from zero has ratio 1, no move 0: never NaN."""
    model = torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(model.bias)
    torch.nn.init.zeros_(model.weight)
    parameters = Parameters(model)
    parameters.before_step()
    with torch.no_grad():
        model.weight.fill_(0.5)
    measured = parameters.measure()
    assert measured["parameters/layers/weight/update_ratio"] == 1.0
    assert measured["parameters/layers/bias/update_ratio"] == 0.0


def test_frozen_parameters_are_left_out_unless_asked_for():
    """Frozen layers say nothing of the training."""
    model = small_model()
    model[0].requires_grad_(requires_grad=False)
    measured = Parameters(model).measure()
    assert not [name for name in measured if "layers/0." in name]
    assert measured["parameters/norm"] == pytest.approx(flat(model).norm().item())
    assert "parameters/layers/0.weight/norm" in Parameters(model, frozen=True).measure()
    assert Parameters(torch.nn.ReLU()).measure() == {}


def test_parameters_that_appear_later():
    """Lazy parameters are measured when they are there, without an earlier copy."""
    model = torch.nn.LazyLinear(2)
    parameters = Parameters(model, distance=True)
    assert parameters.measure() == {}
    parameters.before_step()
    model(torch.randn(1, 3))
    measured = parameters.measure()
    assert measured["parameters/layers/weight/norm"] > 0
    assert "parameters/update_ratio" not in measured
    assert "parameters/distance" not in measured
