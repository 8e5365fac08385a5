"""Variance by source and role: by hand, against analysis of variance, and on made-up results."""

import functools
import math

import numpy as np
import pytest

from epochal.analyze.outperformance import outperforms
from epochal.analyze.variance import by_seed_role, random_effects, std_by_source
from epochal.core.errors import EvidenceError

REML = (0.642754, 1.077684)  # variance between and within groups


def test_balanced_groups_by_hand():
    """Groups (1, 3), (5, 7): MSB = 16, MSW = 2, n0 = 2, so σ² = 7 and the share is 7/9."""
    found = random_effects([1, 5, 3, 7], ["a", "b", "a", "b"])
    assert (found.variance, found.rest, found.f) == pytest.approx((7.0, 2.0, 8.0))
    assert found.values == 2
    assert found.share.value == pytest.approx(7 / 9)
    assert found.std == pytest.approx(math.sqrt(7))
    assert found.share.n == 4


def test_unequal_groups_by_hand():
    """Groups (1, 2, 3), (6): MSB = 12, MSW = 1, n0 = 4 - 10/4 = 1.5, so σ² = 22/3."""
    found = random_effects([1, 2, 3, 6], [0, 0, 0, 1])
    assert (found.rest, found.f) == pytest.approx((1.0, 12.0))
    assert found.variance == pytest.approx(11 / 1.5)


def test_f_and_p_are_those_of_scipy():
    """The test is the one-way analysis of variance."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    parts = [rng.normal(center, size=size) for center, size in ((0, 3), (1, 5), (0.5, 4))]
    labels = [i for i, part in enumerate(parts) for _ in part]
    found = random_effects(np.concatenate(parts), labels)
    theirs = stats.f_oneway(*parts)
    assert (found.f, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_roles_are_tested_as_statsmodels_does():
    """F and p of two roles in an unbalanced design, typed from statsmodels 0.15 (type II)."""
    rng = np.random.default_rng(0)
    data, init = rng.integers(0, 5, 24), rng.integers(0, 6, 24)
    results = rng.normal(0, 2, 5)[data] + rng.normal(0, 1, 6)[init] + rng.normal(size=24)
    found = by_seed_role(results, {"data": data.tolist(), "init": init.tolist()})
    tested = [(one.source, round(one.f, 6), round(one.p, 6)) for one in found.roles]
    assert tested == [("data", 8.754750, 0.000930), ("init", 0.307063, 0.900564)]
    assert found.rest == pytest.approx(15.902496 / 14)


def test_balanced_groups_are_those_of_restricted_likelihood():
    """In a balanced design REML (statsmodels 0.15) gives the same variances."""
    rng = np.random.default_rng(0)
    rng.integers(0, 5, 24), rng.integers(0, 6, 24)
    labels = np.repeat(np.arange(8), 4)
    results = rng.normal(0, 1.5, 8)[labels] + rng.normal(size=32)
    found = random_effects(results, labels.tolist())
    assert (found.variance, found.rest) == pytest.approx(REML, rel=1e-5)


def test_a_negative_estimate_is_set_to_zero_and_said():
    """Groups more alike than runs: 0, and the method names the estimate below 0."""
    found = random_effects([1, 3, 1, 3], [0, 0, 1, 1])
    assert (found.variance, found.share.value, found.share.low) == (0.0, 0.0, 0.0)
    assert "below 0 and set to 0" in found.method


def test_made_up_variances_come_back():
    """Roles with standard deviations 3, 1 and 0, fully crossed, are found as such."""
    rng = np.random.default_rng(1)
    n = 20
    data, init = rng.normal(0, 3, n), rng.normal(0, 1, n)
    grid = [(i, j) for i in range(n) for j in range(n)]
    results = [10 + data[i] + init[j] + rng.normal(0, 0.5) for i, j in grid]
    roles = {
        "init": [j for _, j in grid],
        "data": [i for i, _ in grid],
        "dropout": rng.integers(0, 30, n * n).tolist(),
    }
    found = by_seed_role(results, roles)
    assert [one.source for one in found.roles] == ["data", "init", "dropout"]
    assert found.roles[0].std == pytest.approx(data.std(ddof=1), rel=0.05)
    assert found.roles[1].std == pytest.approx(init.std(ddof=1), rel=0.05)
    assert found.roles[2].std < 0.15
    assert found.rest == pytest.approx(0.25, rel=0.2)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["data"] == pytest.approx(
        data.var(ddof=1) / (data.var(ddof=1) + init.var(ddof=1) + 0.25), abs=0.05
    )
    assert "2 other roles taken out" in found.roles[0].method


def test_a_large_role_does_not_hide_a_small_one():
    """Crossed by hand: data makes 2.1, init 0.03, the rest is 0.0025."""
    seeds = {"data": [0, 0, 1, 1], "init": [0, 1, 0, 1]}
    found = by_seed_role([1.0, 1.2, 3.0, 3.3], seeds)
    assert [one.variance for one in found.roles] == pytest.approx([2.1, 0.03])
    assert found.rest == pytest.approx(0.0025)
    alone = random_effects([1.0, 1.2, 3.0, 3.3], seeds["init"])
    assert alone.variance == 0.0


def test_estimates_are_unbiased_in_an_unbalanced_design():
    """Over many made-up experiments with missing cells the estimates are right on average."""
    rng = np.random.default_rng(4)
    data, init = rng.integers(0, 5, 24), rng.integers(0, 6, 24)
    found = np.zeros((800, 3))
    for row in found:
        results = rng.normal(0, 2, 5)[data] + rng.normal(0, 1, 6)[init] + rng.normal(0, 1, 24)
        by_role = by_seed_role(results, {"data": data.tolist(), "init": init.tolist()})
        by_name = {one.source: one.variance for one in by_role.roles}
        row[:] = by_name["data"], by_name["init"], by_role.rest
    # Negative estimates are set to 0, which lifts the mean of the small one a little.
    assert found.mean(axis=0) == pytest.approx([4.0, 1.0, 1.0], rel=0.15)


def test_interval_holds_the_true_share():
    """Over many made-up experiments 95 % of the intervals hold the true share."""
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(6), 4).tolist()
    held = 0
    for _ in range(1000):
        results = np.repeat(rng.normal(size=6), 4) + rng.normal(size=24)
        share = random_effects(results, labels).share
        held += share.low <= 0.5 <= share.high
    assert held / 1000 == pytest.approx(0.95, abs=0.03)


def test_settings_are_taken_out():
    """Groups are compared within a config: differences of configs do not count."""
    data_seed = [0, 0, 1, 1, 0, 0, 1, 1]
    config = ["a"] * 4 + ["b"] * 4
    base = np.array([1.0, 1.2, 3.0, 3.2])
    results = np.concatenate([base, base + 1000])
    inside = random_effects(results, data_seed, within=config)
    alone = random_effects(base, data_seed[:4])
    assert inside.variance == pytest.approx(alone.variance)
    assert inside.rest == pytest.approx(alone.rest)
    assert "pooled over 2 settings" in inside.method
    assert random_effects(results, data_seed).share.value < 0.5


def test_roles_that_cannot_be_told():
    """A role that did not vary, never repeated, or went with another is named with its reason."""
    roles = {
        "init": [0, 0, 1, 1],
        "order": [5, 5, 9, 9],
        "split": [1, 1, 1, 1],
        "dropout": [1, 2, 3, 4],
    }
    result = by_seed_role([1.0, 2.0, 3.0, 4.0], roles)
    found = {one.source: one for one in result.roles}
    assert "together with order" in found["init"].why_not
    assert "together with init" in found["order"].why_not
    assert found["split"].why_not == "it did not vary"
    assert "no group has two runs" in found["dropout"].why_not
    assert math.isnan(result.rest)
    assert all(math.isnan(one.variance) for one in found.values())
    assert found["dropout"].values == 4


def test_equal_results():
    """Without any spread the variance is 0 and nothing is claimed."""
    found = random_effects([0.1] * 4, [0, 0, 1, 1])
    assert (found.variance, found.rest, found.p) == (0.0, 0.0, 1.0)
    assert math.isnan(found.share.low)


def test_offset_does_not_matter():
    """A large offset leaves the shares as they are."""
    results, labels = np.array([1.0, 1.5, 3.0, 3.5]), [0, 0, 1, 1]
    near, far = random_effects(results, labels), random_effects(results + 2.0**40, labels)
    assert far.share.value == pytest.approx(near.share.value)


def test_std_by_source_has_the_interval_of_chi_square():
    """For n = 10 and s = 1: [0.688, 1.826], the tabulated factors; the largest comes first."""
    values = np.arange(10.0)
    values /= values.std(ddof=1)
    found = std_by_source({"init": values, "order": 2 * values})
    assert list(found) == ["order", "init"]
    assert (round(found["init"].low, 3), round(found["init"].high, 3)) == (0.688, 1.826)
    assert found["init"].value == pytest.approx(1)
    with pytest.raises(EvidenceError, match="results of 'init'"):
        std_by_source({"init": [1.0]})


def test_words_for_outperformance():
    """Significant by ½, meaningful by gamma; the probability is A12."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.5, size=200), rng.normal(size=200)
    call = functools.partial(outperforms, resamples=300)
    found = call(x, y)
    assert found.word == "significant, not meaningful"
    assert found.probability.value == pytest.approx(np.mean(x[:, None] > y))
    assert call(x, y, 0.6).word == "significant and meaningful"
    assert call(x, y, 0.9).word == "significant, not meaningful"
    assert call(x, x).word == "not significant"
    assert call(x, y, 0.6, goal="minimize").word == "not significant"
    assert call(-x, -y, 0.6, goal="minimize") == call(x, y, 0.6)
    assert "ties count half" in found.probability.method


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random_effects([1, 2, 3], [0, 0]), "2 of 3 runs"),
        (lambda: random_effects([1, 2, 3], [0, 0, None]), "2 of 3 runs"),
        (lambda: random_effects([1, 2], [0, 0]), "one group only"),
        (lambda: random_effects([1, 2], [0, 1]), "no group has two runs"),
        (lambda: random_effects([1, math.nan, 2], [0, 0, 1]), "NaN"),
        (lambda: by_seed_role([1, 2], {"init": [0]}), "seeds of 'init'"),
        (lambda: outperforms([1, 2], [1, 2], 0.4), "between 0.5 and 1"),
        (lambda: outperforms([1], [1, 2]), "at least 2"),
    ],
)
def test_what_cannot_be_used(call, words):
    """What has no answer gets an error that says why."""
    with pytest.raises(EvidenceError, match=words):
        call()
