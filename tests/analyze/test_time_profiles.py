"""Profiles of times to a target, by hand."""

import math

import numpy as np
import pytest

from epochal.analyze.profiles_of_time import time_profiles
from epochal.core.errors import EvidenceError

TIMES = {"A": [10, 30], "B": [20, 20], "C": [15, math.inf]}


def test_scores_worked_out_by_hand():
    """Two workloads, three methods, tau up to 3: .875, .75 and .375, exactly."""
    profiles = time_profiles(TIMES, 3)
    assert [profiles[name].score for name in "ABC"] == [0.875, 0.75, 0.375]
    assert profiles["A"].ratios.tolist() == [1.0, 1.5]
    assert profiles["C"].ratios.tolist() == [1.5, math.inf]
    assert (profiles["C"].reached, profiles["A"].reached) == (1, 2)
    assert profiles["A"].tau_max == 3
    assert "from 1 to 3, integrated exactly" in profiles["A"].definition


def test_steps_of_a_profile():
    """The share changes at each ratio, that ratio included, and stays to the end."""
    profile = time_profiles(TIMES, 3)["A"]
    assert profile.tau.tolist() == [1.0, 1.5, 3.0]
    assert profile.share.tolist() == [0.5, 1.0, 1.0]
    assert (profile.at(1.0), profile.at(1.49), profile.at(1.5)) == (0.5, 0.5, 1.0)


def test_score_is_the_integral_of_the_steps():
    """Summing the drawn steps gives the score, for random times."""
    rng = np.random.default_rng(0)
    times = rng.lognormal(size=(30, 4))
    times[rng.random(times.shape) < 0.1] = np.inf
    for profile in time_profiles(times, 2.5).values():
        area = (np.diff(profile.tau) * profile.share[:-1]).sum()
        assert profile.score == pytest.approx(area / 1.5)
        assert profile.share.tolist() == [profile.at(tau) for tau in profile.tau]


def test_a_workload_that_nobody_finishes_counts_for_none():
    """It stays in the denominator, and is told."""
    profiles = time_profiles({"a": [1.0, math.inf], "b": [1.0, math.inf]}, 2)
    assert [profiles[name].score for name in "ab"] == [0.5, 0.5]
    assert profiles["a"].unreached_by_all == 1


def test_scale_of_a_workload_does_not_matter():
    """Only ratios count: seconds or hours on each workload give the same."""
    rng = np.random.default_rng(1)
    times = rng.lognormal(size=(6, 3))
    scaled = times * 2.0 ** np.arange(6)[:, None]
    first, second = time_profiles(times), time_profiles(scaled)
    assert [p.score for p in first.values()] == [p.score for p in second.values()]
    assert list(first) == ["1", "2", "3"]
    assert first["1"].tau_max == 4


@pytest.mark.parametrize(
    ("times", "tau_max", "words"),
    [
        ({"a": [0.0, 1.0]}, 2, "above 0"),
        ({"a": [-1.0]}, 2, "-1"),
        ({"a": [math.nan]}, 2, "NaN"),
        ({"a": [1.0, 2.0], "b": [1.0]}, 2, r"b \(1,\)"),
        ({"a": 1.0}, 2, "one list of numbers"),
        ({}, 2, "times"),
        ({"a": [1.0]}, 1.0, "tau_max"),
        ({"a": [1.0]}, math.inf, "tau_max"),
        ({1: [1.0], "1": [2.0]}, 2, "read the same"),
    ],
)
def test_times_that_cannot_be_used(times, tau_max, words):
    """What has no answer gets an error that says why."""
    with pytest.raises(EvidenceError, match=words):
        time_profiles(times, tau_max)
