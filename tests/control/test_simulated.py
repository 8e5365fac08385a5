"""The simulated training: the settings do to it what they do to a real one."""

import math

import numpy as np
import pytest

from epochal.control.fields import defaults
from epochal.control.simulated import SimulatedModel


def trained(steps: int = 400, **changed):
    """A model after some steps, with the norms of its gradients and how many were clipped."""
    model = SimulatedModel({**defaults(), **changed})
    norms, clipped = [], 0
    for _ in range(steps):
        model.backward()
        update = model.update()
        norms.append(update.gradient_norm)
        clipped += update.clipped
    return model, norms, clipped


def test_the_loss_falls_and_equal_seeds_are_equal():
    """A training with the default settings learns, and a seed says all of it."""
    first = SimulatedModel(defaults()).validate()["loss"]
    losses = [trained(seed=seed)[0].validate()["loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    assert max(losses) < first / 5


def test_too_large_a_rate_ends_in_nan_and_is_counted():
    """Without clipping the loss grows until it is no number; the counts say how many values."""
    model, _, clipped = trained(learning_rate=0.5, max_gradient_norm=0)
    assert clipped == 0
    assert not math.isfinite(model.validate()["loss"])
    model.backward()
    bad = ~np.isfinite(model._gradient)
    assert sum(model.bad_values()) == bad.sum() > 0
    assert model.sample()
    assert model.histograms()


def test_clipping_holds_it():
    """The same rate with clipped gradients stays finite."""
    model, _, clipped = trained(learning_rate=0.5, max_gradient_norm=1.0)
    assert clipped > 300
    assert model.validate()["loss"] < 100


@pytest.mark.parametrize("limit", [0, 0.5, 5.0])
def test_the_norm_is_that_before_clipping(limit):
    """What is reported is the gradient's own norm, and clipping is reported when it was larger."""
    _, norms, clipped = trained(max_gradient_norm=limit)
    assert clipped == (sum(norm > limit for norm in norms) if limit else 0)


def test_larger_batches_are_less_noisy():
    """Near the minimum what is left of the gradient is noise: it shrinks with the batch."""
    small, large = (np.median(trained(1500, batch_size=size)[1][-500:]) for size in (4, 64))
    assert 3 < small / large < 5
