"""Gradients: every number equals a plain float64 reference."""

import math

import pytest

torch = pytest.importorskip("torch")

from epochal.measure import Gradients, compute_grad_norm, gradient_flow, tensors  # noqa: E402

pytestmark = pytest.mark.torch


def with_gradients(*shapes, dtype=torch.float32, scale=1.0, seed=0):
    """A module whose parameters have random gradients of these shapes."""
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.ParameterDict()
    for number, shape in enumerate(shapes):
        parameter = torch.nn.Parameter(torch.zeros(shape, dtype=dtype))
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64) + 0.3
        parameter.grad = (scale * drawn).to(dtype)
        model[f"p{number}"] = parameter
    return model


def reference(named):
    """What should be measured for (name, gradient) pairs, in float64."""
    named = [(name, g.to_dense().double().flatten()) for name, g in named]
    norms = [g.norm().item() for _, g in named]
    total = torch.cat([g for _, g in named])
    expected = {
        "gradients/norm": total.norm().item(),
        "gradients/norm_mean": sum(norms) / len(norms),
        "gradients/norm_max": max(norms),
        "gradients/max_abs": total.abs().max().item(),
    }
    for (name, g), norm in zip(named, norms, strict=True):
        expected[f"gradients/layers/{name}/norm"] = norm
        expected[f"gradients/layers/{name}/mean"] = g.mean().item()
        expected[f"gradients/layers/{name}/std"] = g.std(correction=0).item()
    return expected


def gradients(model):
    """(name, gradient) of each parameter that has one."""
    return [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("per_layer", [True, False])
def test_all_numbers_equal_the_reference(dtype, per_layer):
    """Half precision is not rounded on the way, in total and per layer."""
    model = with_gradients((50, 40), (7,), (1,), (3, 2, 5), dtype=dtype)
    measured = Gradients(model, per_layer=per_layer).measure()
    expected = reference(gradients(model))
    if not per_layer:
        expected = {name: value for name, value in expected.items() if "layers" not in name}
    assert measured == pytest.approx(expected, rel=1e-12, abs=1e-13)
    assert compute_grad_norm(model) == pytest.approx(expected["gradients/norm"], rel=1e-12)


def test_squares_that_overflow_float32():
    """Gradients of 1e30 have a norm, though their squares are infinite in float32."""
    model = with_gradients((20, 3), (4,), scale=1e30)
    measured = Gradients(model).measure()
    assert measured == pytest.approx(reference(gradients(model)), rel=1e-12)
    assert math.isfinite(compute_grad_norm(model))


def test_a_small_spread_around_a_large_mean_is_not_lost():
    """The standard deviation comes from differences, not from a difference of squares."""
    model = with_gradients((1000,), dtype=torch.float64)
    grad = 1e6 + 1e-3 * torch.randn(1000, dtype=torch.float64)
    model["p0"].grad = grad
    std = Gradients(model).measure()["gradients/layers/p0/std"]
    assert std == pytest.approx(grad.std(correction=0).item(), rel=1e-6)


def test_tensors_larger_than_a_block(monkeypatch):
    """A tensor that is converted in blocks gives the same numbers."""
    monkeypatch.setattr(tensors, "BLOCK", 7)
    model = with_gradients((50, 3), (7,), (5,))
    expected = reference(gradients(model))
    assert Gradients(model).measure() == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_parameters_without_gradients_are_left_out():
    """Missing gradients, frozen, empty and uninitialized parameters are no error."""
    model = with_gradients((4,), (2, 0), (3,), (2,))
    model["p2"].grad = None
    model["p3"] = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    model["lazy"] = torch.nn.UninitializedParameter()
    measured = Gradients(model).measure()
    assert measured == pytest.approx(reference([("p0", model["p0"].grad)]), rel=1e-12)
    assert Gradients(torch.nn.ReLU()).measure() == {}
    assert compute_grad_norm(torch.nn.ReLU()) == 0.0


def test_sparse_gradients_count_their_zeros():
    """A sparse gradient, with rows that come twice, equals the dense one."""
    model = torch.nn.ModuleDict(
        {"words": torch.nn.Embedding(10, 3, sparse=True), "unused": torch.nn.Embedding(4, 2)}
    )
    (model["words"](torch.tensor([1, 4, 4, 7])) ** 2).sum().backward()
    assert model["words"].weight.grad.is_sparse
    measured = Gradients(model).measure()
    assert measured == pytest.approx(reference(gradients(model)), rel=1e-6)
    assert compute_grad_norm(model) == pytest.approx(measured["gradients/norm"])


def test_a_sparse_gradient_of_nothing():
    """A sparse gradient without any stored row is zero."""
    model = torch.nn.Embedding(10, 3, sparse=True)
    nothing = torch.zeros(1, 0, dtype=torch.int64), torch.zeros(0, 3)
    model.weight.grad = torch.sparse_coo_tensor(*nothing, (10, 3), check_invariants=True)
    measured = Gradients(model).measure()
    assert set(measured.values()) == {0.0}


def test_tied_parameters_count_once():
    """A weight that is used in two layers is measured once, under its first name."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    model(torch.randn(5, 3)).square().sum().backward()
    measured = Gradients(model).measure()
    assert measured == pytest.approx(reference(gradients(model)), rel=1e-6)
    assert {name.split("/")[2] for name in measured if "layers" in name} == {"0.weight", "1.bias"}


def test_complex_gradients_are_real_and_imaginary_parts():
    """The norm of a complex gradient is that of its parts."""
    model = with_gradients((2,))
    model["p1"] = torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    model["p1"].grad = torch.tensor([3 + 4j, 0j], dtype=torch.complex64)
    assert Gradients(model).measure()["gradients/layers/p1/norm"] == pytest.approx(5.0)


def test_nan_and_infinities_come_through():
    """They are not hidden: the totals show them."""
    model = with_gradients((4,), (4,))
    model["p0"].grad[1] = math.nan
    assert math.isnan(Gradients(model).measure()["gradients/norm"])
    model["p0"].grad[1] = math.inf
    measured = Gradients(model).measure()
    assert math.isinf(measured["gradients/max_abs"])
    assert math.isfinite(measured["gradients/layers/p1/std"])


def test_wrapped_models_have_plain_names():
    """DataParallel and torch.compile add nothing to the names, wherever they wrap."""
    inner = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    inner[1] = torch.compile(inner[1], backend="eager")
    model = torch.nn.DataParallel(torch.compile(inner, backend="eager"))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    names = {name.split("/")[2] for name in Gradients(model).measure() if "layers" in name}
    assert names == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_measuring_changes_nothing():
    """Neither gradients nor random numbers change."""
    model = with_gradients((30,), (2, 3))
    before = [g.clone() for _, g in gradients(model)]
    state = torch.get_rng_state()
    Gradients(model).measure()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(g, old) for (_, g), old in zip(gradients(model), before, strict=True))


def test_gradient_flow_is_a_figure_of_all_layers():
    """One bar for each layer, as long as its norm."""
    pytest.importorskip("matplotlib")
    model = with_gradients((3,), (2, 2))
    measured = Gradients(model).measure()
    figure = gradient_flow(measured, caption="flow")
    bars = figure.figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == [
        measured["gradients/layers/p0/norm"], measured["gradients/layers/p1/norm"]
    ]  # fmt: skip
    assert figure.freeze().encode().format == "png"
    with pytest.raises(ValueError, match="per_layer=True"):
        gradient_flow(Gradients(model, per_layer=False).measure())
