"""Expected best of a search against published numbers and by counting."""

import itertools
import json
import math

import numpy as np
import pytest

from epochal.analyze.search import expected_best
from epochal.core.errors import EvidenceError

# Best (lowest) of n of 1,261 published validation losses: with and without replacement.
LOSSES = {
    2: (3.27834528, 3.27834446),
    5: (3.27730537, 3.27730357),
    10: (3.27668177, 3.27667862),
    50: (3.27557846, 3.27556749),
}
ESTIMATORS = ("with replacement", "without replacement")


@pytest.fixture(scope="module")
def losses(results_data):
    """The 1,261 published losses of one configuration."""
    lists = json.loads((results_data / "modded_nanogpt/published_seed_lists.json").read_text())
    return next(entry["values"] for entry in lists if entry["n"] == 1261)


def test_one_to_five():
    """Best of two of 1 to 5: 3.8 with replacement, 4.0 without."""
    found = [expected_best([3, 1, 4, 5, 2], 2, estimator=e).value[0] for e in ESTIMATORS]
    assert found == pytest.approx([3.8, 4.0], abs=1e-12)


@pytest.mark.parametrize("n", LOSSES)
def test_best_of_n_published_losses(losses, n):
    """Both estimators give the reference numbers to eight digits."""
    found = [expected_best(losses, n, goal="minimize", estimator=e).value[0] for e in ESTIMATORS]
    assert tuple(np.round(found, 8)) == LOSSES[n]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_mean_and_std_are_those_of_all_draws(estimator):
    """Counting every way to draw n of six gives the same mean and standard deviation."""
    values = [0.5, 0.1, 0.9, 0.9, 0.3, 0.7]
    draw = {"with replacement": lambda n: itertools.product(values, repeat=n),
            "without replacement": lambda n: itertools.combinations(values, n)}  # fmt: skip
    for goal, best in (("maximize", max), ("minimize", min)):
        found = expected_best(values, [1, 2, 4], goal=goal, estimator=estimator)
        for n, value, std in zip(found.n, found.value, found.std, strict=True):
            every = [best(drawn) for drawn in draw[estimator](int(n))]
            assert value == pytest.approx(np.mean(every), abs=1e-12)
            assert std == pytest.approx(np.std(every), abs=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_ends_and_direction(estimator):
    """One trial gives the mean; more are never worse; all of them without replacement the best."""
    values = np.random.default_rng(0).normal(1e6, 1e-3, size=40)
    found = expected_best(values, goal="minimize", estimator=estimator)
    assert found.n.tolist() == list(range(1, 41))
    assert found.value[0] == pytest.approx(values.mean(), abs=1e-9)
    assert (np.diff(found.value) <= 0).all()
    assert found.value[-1] >= values.min()
    if estimator == "without replacement":
        assert (found.value[-1], found.std[-1]) == (values.min(), 0.0)
    assert estimator in found.method
    assert (found.trials, found.goal) == (40, "minimize")


def test_failed_trials_count():
    """A diverged trial is infinitely bad: it is expected until no draw can consist of such ones."""
    found = expected_best([math.inf, 1.0, math.inf, 2.0, 3.0], goal="minimize")
    assert found.value[:2].tolist() == [math.inf, math.inf]
    assert np.isfinite(found.value[2:]).all()
    assert math.isnan(found.std[0])
    with pytest.raises(EvidenceError, match="infinitely good for goal='maximize'"):
        expected_best([math.inf, 1.0, 1.0, 2.0, 3.0])


def test_cost_axis():
    """So many trials cost n times the mean cost."""
    found = expected_best([1, 2, 3, 4, 5], [1, 3], cost=[1.0, 1.0, 2.0, 2.0, 4.0])
    assert found.cost.tolist() == [2.0, 6.0]
    assert expected_best([1, 2, 3, 4, 5]).cost is None


def test_many_trials_get_a_grid():
    """Beyond 1,000 trials at most 1,000 numbers are worked out, both ends among them."""
    found = expected_best(np.arange(5_000.0))
    assert (found.n[0], found.n[-1]) == (1, 5_000)
    assert 500 < found.n.size <= 1_000
    assert found.value[-1] == 4_999


@pytest.mark.parametrize(
    ("results", "options", "words"),
    [
        ([1, 2, 3, 4], {}, "at least 5"),
        ([1, 2, 3, 4, math.nan], {}, "NaN"),
        ([1, 2, 3, 4, 5], {"n": 6}, "from 1 to 5"),
        ([1, 2, 3, 4, 5], {"n": [0, 2]}, "from 1 to 5"),
        ([1, 2, 3, 4, 5], {"n": 1.5}, "whole numbers"),
        ([1, 2, 3, 4, 5], {"goal": "max"}, "goal"),
        ([1, 2, 3, 4, 5], {"estimator": "with replacment"}, "did you mean"),
        ([1, 2, 3, 4, 5], {"cost": [1.0]}, "each of the 5 trials"),
        ([1, 2, 3, 4, 5], {"cost": [1, 1, 1, 1, -1]}, "from 0 on"),
    ],
)
def test_what_cannot_be_used(results, options, words):
    """What has no answer gets an error that says why."""
    with pytest.raises(EvidenceError, match=words):
        expected_best(results, **options)
