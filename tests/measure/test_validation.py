"""Perplexity and accuracy."""

import math

import numpy as np
import pytest

from epochal.core.errors import SettingError
from epochal.measure import accuracy, perplexity


def test_perplexity_of_numbers():
    """It is exp(loss), infinite where that is beyond all floats, NaN for NaN."""
    assert perplexity(2.0) == math.exp(2.0)
    assert perplexity(np.float32(1.0)) == math.e
    assert perplexity(710) == math.inf
    assert perplexity(math.inf) == math.inf
    assert math.isnan(perplexity(math.nan))


@pytest.mark.torch
def test_perplexity_of_tensors():
    """A tensor gives a tensor in float64, which does not overflow where float32 does."""
    torch = pytest.importorskip("torch")
    loss = torch.tensor(100.0, requires_grad=True)
    found = perplexity(loss)
    assert float(found) == pytest.approx(math.exp(100.0))
    assert not found.requires_grad
    assert float(perplexity(torch.tensor(1000.0))) == math.inf


@pytest.mark.torch
@pytest.mark.parametrize("topk", [1, 3, 10])
def test_accuracy_equals_a_reference(topk):
    """The share of targets among the highest logits equals NumPy's."""
    torch = pytest.importorskip("torch")
    logits = torch.randn(50, 10, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 10
    best = np.argsort(-logits.numpy(), axis=1)[:, :topk]
    expected = np.mean([target in row for target, row in zip(targets.numpy(), best, strict=True)])
    assert float(accuracy(logits, targets, topk)) == pytest.approx(expected)


@pytest.mark.torch
def test_accuracy_of_sequences_and_maps():
    """Padding is left out; the classes may stand at another axis."""
    torch = pytest.importorskip("torch")
    logits = torch.eye(4).expand(2, 4, 4)
    targets = torch.tensor([[0, 1, 2, -100], [3, 3, 3, -100]])
    assert float(accuracy(logits, targets)) == 0.5
    assert float(accuracy(logits.transpose(1, 2), targets, dim=1)) == 0.5
    assert math.isnan(float(accuracy(logits, torch.full((2, 4), -100))))


@pytest.mark.torch
def test_accuracy_of_what_does_not_belong_together():
    """Other shapes and more places than classes are refused."""
    torch = pytest.importorskip("torch")
    with pytest.raises(SettingError, match=r"\(2, 3\) and \(3,\)"):
        accuracy(torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(SettingError, match="topk=4"):
        accuracy(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), topk=4)
