"""Histograms: counts and facts equal those of NumPy."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import epochal  # noqa: E402
from epochal.core.errors import SettingError  # noqa: E402
from epochal.measure import Histograms, tensors  # noqa: E402

pytestmark = pytest.mark.torch


def module_with(values):
    """A module whose only parameter has these values."""
    return torch.nn.ParameterDict({"w": torch.nn.Parameter(values)})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("block", [1 << 24, 100])
def test_counts_equal_those_of_numpy(dtype, block, monkeypatch):
    """Also when a tensor is counted in blocks; a value on an edge goes to the bin above."""
    monkeypatch.setattr(tensors, "BLOCK", block)
    torch.manual_seed(0)
    values = torch.randn(31, 33).to(dtype)
    (histogram,) = Histograms(module_with(values)).measure().values()
    encoded = histogram.freeze().encode()
    array = values.double().numpy()
    expected, _ = np.histogram(array, bins=encoded.inline["edges"])
    assert encoded.inline["counts"] == expected.tolist()
    assert encoded.inline["edges"] == pytest.approx(np.histogram_bin_edges(array, 64).tolist())
    assert encoded.about == {
        "count": array.size, "nan": 0, "inf": 0,
        "min": array.min(), "max": array.max(),
        "mean": pytest.approx(array.mean()), "std": pytest.approx(array.std()),
    }  # fmt: skip


def test_nan_and_infinities_are_counted_apart():
    """The bins hold the finite values."""
    values = torch.tensor([math.nan, 1.0, math.inf, 2.0, -math.inf, 2.0])
    (histogram,) = Histograms(module_with(values), bins=2).measure().values()
    encoded = histogram.freeze().encode()
    assert encoded.inline == {"counts": [1, 2], "edges": [1.0, 1.5, 2.0]}
    assert encoded.about["nan"] == 1
    assert encoded.about["inf"] == 2
    assert encoded.about["mean"] == pytest.approx(5 / 3)


def test_equal_values_and_none_at_all():
    """A constant tensor has bins around its value, one without finite values has empty ones."""
    (histogram,) = Histograms(module_with(torch.zeros(5)), bins=2).measure().values()
    assert histogram.freeze().encode().inline == {"counts": [0, 5], "edges": [-0.5, 0.0, 0.5]}
    (histogram,) = Histograms(module_with(torch.full((3,), math.nan)), bins=2).measure().values()
    encoded = histogram.freeze().encode()
    assert encoded.inline == {"counts": [0, 0], "edges": [0.0, 0.5, 1.0]}
    assert encoded.about == {"count": 0, "nan": 3, "inf": 0}


def test_gradients_and_parameters_are_recorded(run):
    """They are read back as the histograms of these tensors."""
    torch.manual_seed(0)
    model = torch.nn.Linear(20, 5)
    model(torch.randn(3, 20)).sum().backward()
    run.log(Histograms(model).measure(), step=7)
    run.finish()
    view = epochal.RunView(run.dir)
    assert sorted(view.media.keys()) == [
        "gradients/histograms/bias", "gradients/histograms/weight",
        "parameters/histograms/bias", "parameters/histograms/weight",
    ]  # fmt: skip
    (found,) = view.media["gradients/histograms/weight"]
    assert found.step == 7
    assert found.about["count"] == 100
    assert found.about["mean"] == pytest.approx(model.weight.grad.double().mean().item())


def test_what_was_scaled_is_divided():
    """Gradients that are still multiplied with the scale of a loss are shown without it."""
    model = module_with(torch.ones(3))
    model["w"].grad = torch.tensor([8.0, 16.0, 24.0])
    histograms = Histograms(model, bins=2).measure(torch.tensor([8.0]))
    encoded = histograms["gradients/histograms/w"].freeze().encode()
    assert encoded.inline == {"counts": [1, 2], "edges": [1.0, 2.0, 3.0]}
    assert encoded.about["std"] == pytest.approx(np.std([1, 2, 3]))
    encoded = histograms["parameters/histograms/w"].freeze().encode()
    assert encoded.about["max"] == 1.0


def test_what_there_is_nothing_of():
    """A model without parameters has no histograms, and bins have a limit."""
    assert Histograms(torch.nn.ReLU()).measure() == {}
    with pytest.raises(SettingError, match="between 1 and"):
        Histograms(torch.nn.ReLU(), bins=0)
