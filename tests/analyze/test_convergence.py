import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.analyze.convergence import (
    first_near,
    first_reached,
    level_off,
    shared_stop,
    time_to_target,
)
from epochal.core.errors import EvidenceError

LOSSES = st.lists(st.floats(0, 10) | st.sampled_from([math.nan, math.inf]), min_size=1, max_size=40)


def val_losses(log):
    """Steps, losses and milliseconds of a published log."""
    found = re.findall(r"step:(\d+)/\d+ val_loss:(\S+) train_time:(\d+)ms", log.read_text())
    return [[float(value) for value in column] for column in zip(*found, strict=True)]


def test_first_reached_by_hand():
    """At the target counts as reached; one good evaluation is enough unless more are asked for."""
    steps, losses = [0, 10, 20, 30, 40], [3.5, 3.25, 3.3, 3.2, 3.1]
    once, twice = first_reached(steps, losses, 3.25), first_reached(steps, losses, 3.25, in_a_row=2)
    assert (once.step, once.value, once.definition) == (10, 3.25, "first step at or below 3.25")
    assert (twice.step, twice.value) == (30, 3.2)
    assert twice.definition == "first of 2 evaluations in a row at or below 3.25"
    assert str(once) == "10 (first step at or below 3.25)"


def test_a_target_that_is_never_reached_is_infinity():
    """Not the last step, not NaN."""
    never = first_reached([0, 10], [3.5, 3.4], 3.0)
    assert never.step == math.inf
    assert math.isnan(never.value)
    assert not never.reached
    assert str(never) == "never (first step at or below 3)"
    assert not first_reached([0], [1.0], 2.0, in_a_row=2).reached


@given(LOSSES, st.floats(0, 10), st.integers(1, 5))
def test_first_reached_is_its_definition(losses, target, k):
    """The first place from which k values in a row are finite and at or below the target."""
    good = [math.isfinite(value) and value <= target for value in losses]
    places = [i for i in range(len(losses) - k + 1) if all(good[i : i + k])]
    expected = places[0] if places else math.inf
    assert first_reached(range(len(losses)), losses, target, in_a_row=k).step == expected
    turned = [-value for value in losses]
    up = first_reached(range(len(losses)), turned, -target, goal="maximize", in_a_row=k)
    assert up.step == expected
    assert "at or above" in up.definition


def test_first_near_by_hand():
    """95 % of the way from 4 to the best, 2, is 2.1; of the way to the last, 2.5, is 2.575."""
    steps, losses = [0, 10, 20, 30, 40], [4.0, 2.55, 2.1, 2.0, 2.5]
    best, final = first_near(steps, losses), first_near(steps, losses, "final")
    assert best.step == 20
    assert best.definition == "first step within 5 % of the way from the first to the best value"
    assert (final.step, final.value) == (10, 2.55)


@given(LOSSES, st.sampled_from(["best", "final"]), st.floats(0.01, 1))
def test_first_near_is_its_definition(losses, of, within):
    """|y_t - y*| <= within · |y_0 - y*|; a run that ends in NaN has no final value."""
    finite = [v for v in losses if math.isfinite(v)]
    found = first_near(range(len(losses)), losses, of, within)
    if not finite or (of == "final" and not math.isfinite(losses[-1])):
        assert not found.reached
        return
    aim = min(finite) if of == "best" else finite[-1]
    missing = [abs(v - aim) - within * abs(finite[0] - aim) for v in losses]
    assert missing[int(found.step)] <= 1e-9
    assert not any(value < -1e-9 for value in missing[: int(found.step)])


def test_first_near_knows_the_goal():
    """The best accuracy is the highest."""
    assert first_near([0, 1, 2], [0.1, 0.9, 0.5], goal="maximize").step == 1


def test_level_off_by_hand():
    """Means of pairs 3.5, 2, 2: the step where the second of two equal pairs is complete."""
    flat = level_off([0, 10, 20, 30, 40, 50], [4, 3, 2, 2, 2, 2], window=2, min_delta=0.1)
    assert (flat.step, flat.value) == (50, 2)
    assert flat.definition == "mean of 2 evaluations less than 0.1 better than the 2 before"


@given(LOSSES, st.integers(1, 6), st.floats(0.01, 5))
def test_level_off_is_its_definition(losses, window, min_delta):
    """Two means of neighboring windows, one after the other, NaN deciding nothing."""
    values = [v if math.isfinite(v) else math.nan for v in losses]
    expected, unclear = math.inf, False
    for end in range(2 * window, len(values) + 1):
        before = math.fsum(values[end - 2 * window : end - window]) / window
        gain = before - math.fsum(values[end - window : end]) / window
        unclear = unclear or abs(gain - min_delta) < 1e-9
        if gain < min_delta:
            expected = end - 1
            break
    found = level_off(range(len(values)), values, window=window, min_delta=min_delta)
    assert unclear or found.step == expected


def test_one_huge_value_does_not_spoil_the_windows_after_it():
    """A running sum would have lost the digits of everything that follows."""
    losses = [4.0, 1e30, 3.0, 2.9, 2.8, 2.7, 2.7, 2.7]
    assert level_off(range(8), losses, window=2, min_delta=0.09).step == 7


def test_censored_runs_are_infinite_and_counted():
    """They stay in times, n and the median; with most of them censored there is no median."""
    runs = [([0, 10, 20], [3.4, 3.2, 3.1]), ([0, 10, 20], [3.5, 3.4, 3.3]), ([0, 30], [3.5, 3.0])]
    times = time_to_target(runs, 3.25)
    assert times.times == (10.0, math.inf, 30.0)
    assert (times.n_reached, times.n, times.median) == (2, 3, 30)
    assert str(times) == "2 of 3 runs, median 30 (first step at or below 3.25)"
    one = time_to_target(runs[:2], 3.25)
    assert one.median == math.inf
    assert str(one) == "1 of 2 runs, median not reached (first step at or below 3.25)"
    assert time_to_target(runs[1:2], 3.25).median == math.inf


def test_shared_stop_is_where_the_mean_is_best():
    """Not where each run is best by itself, and only where all runs have a value."""
    runs = [([0, 1, 2, 3], [3, 1, 2, 0]), ([0, 1, 2], [3, 2.5, 1])]
    stop = shared_stop(runs)
    assert (stop.step, stop.values) == (2, (2, 1))
    assert stop.definition == "step at which the mean over 2 runs is best"
    assert shared_stop(runs, goal="maximize").step == 0


def test_published_logs_reach_their_target(results_data):
    """Two records of the same race: the later one reached 3.28 in fewer milliseconds."""
    folder = results_data / "modded_nanogpt" / "raw_logs" / "track_1_short"
    by_steps, by_time = [], []
    for name in ("2024-10-14_ModernArch", "2024-10-18_PyTorch25"):
        steps, losses, milliseconds = val_losses(next((folder / name).glob("*.txt")))
        assert len(losses) == 42
        by_steps.append((steps, losses))
        by_time.append((milliseconds, losses))
    reached = time_to_target(by_steps, 3.28)
    assert reached.n_reached == 2
    slow, fast = time_to_target(by_time, 3.28).times
    assert fast < slow
    assert shared_stop(by_steps).step == 5100


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: first_reached([0], [1.0], math.nan), "target=nan"),
        (lambda: first_reached([0], [1.0], 1.0, in_a_row=0), "in_a_row=0"),
        (lambda: first_reached([0], [1.0], 1.0, goal="min"), "goal='min'"),
        (lambda: first_reached([], [], 1.0), "0 points"),
        (lambda: first_reached([1, 0], [1.0, 2.0], 1.0), "falls from 1 to 0"),
        (lambda: first_near([0], [1.0], "last"), "of='last'"),
        (lambda: first_near([0], [1.0], within=0), "within=0"),
        (lambda: level_off([0], [1.0], window=0, min_delta=1), "window=0"),
        (lambda: level_off([0], [1.0], window=1, min_delta=-1), "min_delta=-1"),
        (lambda: level_off([0], [1.0], window=1, min_delta=1, goal="up"), "goal='up'"),
        (lambda: time_to_target([], 1.0), "no curve"),
        (lambda: shared_stop([([0], [1.0]), ([1], [1.0])]), "no step at which all runs"),
    ],
)
def test_wrong_arguments_are_named(call, says):
    """Each error holds the thing and its value."""
    with pytest.raises(EvidenceError, match=says):
        call()


def test_values_are_plain_numbers():
    """What is returned prints and serializes like any float."""
    found = first_reached(np.arange(3), np.array([3.0, 2.0, 1.0]), 2.5)
    assert type(found.step) is type(found.value) is float
