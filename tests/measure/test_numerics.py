"""Numerics: counts of NaN and infinities, and which was first."""

import math

import pytest

torch = pytest.importorskip("torch")

from epochal.measure import Numerics  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def model():
    """Two layers with gradients of one."""
    made = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    for parameter in made.parameters():
        parameter.grad = torch.ones_like(parameter)
    return made


def test_a_healthy_model_counts_nothing(model):
    """All counts are there and are 0; a loss is counted only if it is given."""
    numerics = Numerics(model)
    counts = numerics.measure()
    assert counts == dict.fromkeys(
        [f"numerics/{kind}_{where}" for where in ("gradients", "parameters")
         for kind in ("nan", "inf")], 0.0,
    )  # fmt: skip
    assert numerics.measure(loss=torch.tensor(0.5))["numerics/nan_loss"] == 0.0
    assert numerics.first is None


def test_elements_are_counted(model):
    """Each element of loss, gradients and parameters counts, also beside each other."""
    model[0].weight.grad[0, :2] = math.nan
    model[0].weight.grad[1, 0] = -math.inf
    model[1].bias.grad[0] = math.inf
    with torch.no_grad():
        model[1].weight[0, 1] = math.inf
    counts = Numerics(model).measure(loss=torch.tensor([math.nan, math.inf, 1.0, math.nan]))
    assert counts == {
        "numerics/nan_loss": 2.0, "numerics/inf_loss": 1.0,
        "numerics/nan_gradients": 2.0, "numerics/inf_gradients": 2.0,
        "numerics/nan_parameters": 0.0, "numerics/inf_parameters": 1.0,
    }  # fmt: skip


def test_the_first_is_kept(model):
    """It is the first measurement with any, and stays it."""
    numerics = Numerics(model)
    numerics.measure(at="step 4")
    model[0].bias.grad[1] = math.inf
    numerics.measure(at="step 5")
    model[1].bias.grad[0] = math.nan
    numerics.measure(at="step 6")
    assert numerics.first == ("step 5", "0.bias", "inf", "gradients")


def test_what_the_others_come_from_is_first(model):
    """Parameters make the loss, the loss makes gradients, and backward begins at the end."""
    for parameter in model.parameters():
        parameter.grad.fill_(math.nan)
    numerics = Numerics(model)
    numerics.measure()
    assert numerics.first[1:] == ("1.bias", "nan", "gradients")
    numerics = Numerics(model)
    numerics.measure(loss=math.inf)
    assert numerics.first[1:] == ("loss", "inf", "loss")
    with torch.no_grad():
        model[0].weight[0, 0] = math.nan
    numerics = Numerics(model)
    numerics.measure(loss=math.nan)
    assert numerics.first[1:] == ("0.weight", "nan", "parameters")


def test_a_step_that_is_left_out_does_not_count(model):
    """Infinite gradients are how a loss scale is found: no finding if the step is skipped."""
    model[0].bias.grad[1] = math.inf
    numerics = Numerics(model)
    assert numerics.measure(skipped=torch.tensor(1.0))["numerics/inf_gradients"] == 0.0
    assert numerics.first is None
    assert numerics.measure(skipped=torch.tensor(0.0))["numerics/inf_gradients"] == 1.0


def test_huge_float64_values_are_finite(model):
    """Numbers whose squares overflow are not taken for infinities."""
    model.double()
    with torch.no_grad():
        model[0].weight.fill_(1e300)
    assert Numerics(model).measure()["numerics/inf_parameters"] == 0.0


def test_a_model_without_parameters():
    """There is nothing to count but the loss."""
    assert Numerics(torch.nn.ReLU()).measure() == {}
    counts = Numerics(torch.nn.ReLU()).measure(loss=math.nan)
    assert counts["numerics/nan_loss"] == 1.0


def test_parameters_that_are_made_anew_are_seen(model):
    """The list of parameters is renewed from time to time."""
    numerics = Numerics(model, gradients=False)
    numerics.measure()
    model[1] = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(model[1].bias, math.nan)
    counts = [numerics.measure()["numerics/nan_parameters"] for _ in range(100)]
    assert counts[-1] == 1.0


def test_large_finite_numbers_are_no_alarm():
    """Numbers whose squares overflow float32 are counted as finite, and an Inf beside them not."""
    model = torch.nn.Linear(4, 4)
    model.weight.grad, model.bias.grad = torch.full((4, 4), 1e30), torch.zeros(4)
    numerics = Numerics(model)
    assert not any(numerics.measure(torch.tensor(1.0)).values())
    model.bias.grad[1] = math.inf
    assert numerics.measure()["numerics/inf_gradients"] == 1.0
    assert numerics.first == (1, "bias", "inf", "gradients")
