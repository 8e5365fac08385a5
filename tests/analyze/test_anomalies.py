import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from epochal.analyze.anomalies import (
    Spike,
    divergence,
    non_finite,
    plateau,
    shared_spikes,
    spikes,
    stalls,
)
from epochal.core.errors import EvidenceError

NOISE = np.random.default_rng(0).normal(size=400)
LOGS = {
    "2024-10-14_ModernArch": [919, 947, 1760, 3092, 3194, 3656],
    "2024-10-18_PyTorch25": [919, 947, 1760, 3194, 3361, 3656],
}


def by_definition(values, window, threshold):
    """Places and z of all values beyond the threshold, one window after the other."""
    found = {}
    for i in range(window, len(values)):
        before = values[i - window : i]
        median = np.median(before)
        mad = np.median(np.abs(before - median))
        z = (values[i] - median) / (1.4826 * mad + 1e-6)
        if z > threshold:
            found[i] = z
    return found


@pytest.fixture
def train_losses(results_data):
    """Steps and training losses of the two published logs."""
    folder = results_data / "modded_nanogpt" / "raw_logs" / "track_1_short"
    curves = {}
    for name in LOGS:
        text = next((folder / name).glob("*.txt")).read_text()
        found = re.findall(r"step:(\d+)/\d+ train_loss:(\S+)", text)
        curves[name] = ([int(step) for step, _ in found], [float(loss) for _, loss in found])
    return curves


def test_spikes_of_the_published_logs(train_losses):
    """Exactly the known steps, each back in one step; five of six are of both runs."""
    found = {name: spikes(*curve) for name, curve in train_losses.items()}
    for name, steps in LOGS.items():
        assert len(train_losses[name][0]) == 5100
        assert [spike.step for spike in found[name]] == steps
        assert [spike.back_after for spike in found[name]] == [1] * 6
        assert not any(spike.sustained for spike in found[name])
    both = shared_spikes(list(found.values()))
    assert [spike.step for spike in both] == [919, 947, 1760, 3194, 3656]
    assert all(spike.runs == (0, 1) and spike.of == 2 for spike in both)


def test_the_published_spike_at_947(train_losses):
    """Value, median, z and the next value."""
    steps, losses = train_losses["2024-10-14_ModernArch"]
    spike = spikes(steps, losses)[1]
    assert (spike.step, spike.value, round(spike.median, 4)) == (947, 5.2465, 3.7473)
    assert round(spike.z, 2) == 15.94
    assert losses[steps.index(948)] == 3.7941


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(5, 70), st.sampled_from([0.5, 2.0, 8.0]), st.booleans())
def test_spikes_are_their_definition(seed, window, threshold, ties):
    """No value beyond the threshold is passed over but those of a spike that goes on."""
    values = np.random.default_rng(seed).standard_t(1.5, size=300)
    values = values.round() if ties else values
    beyond = by_definition(values, window, threshold)
    found = spikes(range(300), values, window=window, threshold=threshold)
    begins = {int(spike.step): spike for spike in found}
    assert set(begins) <= set(beyond)
    for i, spike in begins.items():
        assert spike.z == pytest.approx(beyond[i], rel=1e-9)
        assert spike.value == values[i]
        assert spike.median == np.median(values[i - window : i])
    covered = {j for i, s in begins.items() for j in range(i, i + (s.back_after or window))}
    assert set(beyond) <= covered


def test_a_lower_level_is_one_sustained_spike():
    """A run that lost its way spikes once, not at each batch, and later spikes are still seen."""
    losses = np.concatenate([3 + 0.01 * NOISE[:200], 6 + 0.01 * NOISE[200:]])
    losses[380] = 9.0
    lost, single = spikes(range(400), losses)
    assert (lost.step, lost.sustained, lost.back_after) == (200, True, None)
    assert (single.step, single.sustained, single.back_after) == (380, False, 1)


def test_a_spike_of_a_few_batches_is_no_lost_progress():
    """Three bad batches are one spike that is back after three."""
    losses = 3 + 0.01 * NOISE
    losses[100:103] = 5.0
    (spike,) = spikes(range(400), losses)
    assert (spike.step, spike.sustained, spike.back_after) == (100, False, 3)


def test_a_spike_at_the_end_is_not_decided():
    """Nothing follows it."""
    (spike,) = spikes(range(101), [*(3 + 0.01 * NOISE[:100]), 9.0])
    assert spike.sustained is None
    assert spike.back_after is None


def test_spikes_of_a_metric_to_maximize_point_down():
    """Their z is positive, value and median are those of the metric."""
    accuracy = 0.9 + 0.001 * NOISE
    accuracy[300] = 0.1
    (spike,) = spikes(range(400), accuracy, goal="maximize")
    assert (spike.step, spike.value, round(spike.median, 2)) == (300, 0.1, 0.9)
    assert spike.z > 8


def test_what_is_not_finite_is_no_spike():
    """It neither counts nor shortens the window before."""
    losses = 3 + 0.01 * NOISE
    losses[100], kept = 5.0, np.arange(400)
    gaps = np.sort(np.concatenate([kept, [50, 60, 70]]))
    holes = np.insert(losses, [50, 60, 70], [math.nan, math.inf, -math.inf])
    assert [(s.value, s.z) for s in spikes(gaps, holes)] == [
        (s.value, s.z) for s in spikes(kept, losses)
    ]


def test_the_first_window_and_the_warm_up_report_nothing():
    """There is too little before it to tell."""
    losses = 3 + 0.01 * NOISE
    losses[49], losses[120] = 9.0, 9.0
    assert [spike.step for spike in spikes(range(400), losses)] == [120]
    assert spikes(range(400), losses, warmup=121) == []
    assert spikes(range(20), losses[:20]) == []
    assert spikes([], []) == []


def test_a_constant_curve_has_a_finite_z():
    """1e-6 is added to its deviation of zero."""
    (spike,) = spikes(range(100), [1.0] * 99 + [1.1])
    assert spike.z == pytest.approx(0.1 / 1e-6, rel=1e-6)


def test_shared_spikes_need_several_runs():
    """In rising order, with the places of the runs."""
    one, two = (Spike(step, 5.0, 9.0, sustained=False, median=3.0, back_after=1) for step in (7, 3))
    found = shared_spikes([[one, two], [], [two], [one]], least=2)
    assert [(spike.step, spike.runs, spike.of) for spike in found] == [
        (3, (0, 2), 4),
        (7, (0, 3), 4),
    ]
    assert shared_spikes([[one, two], [], [two], [one]], least=3) == []


def test_stalls_are_much_longer_steps():
    """A steady clock makes a large z of a hardly longer step: that is no stall."""
    seconds = 0.1 + 1e-6 * NOISE
    seconds[100], seconds[200] = 0.11, 3.0
    assert [stall.step for stall in stalls(range(400), seconds)] == [200]
    seconds[199] = 0.11  # hides nothing of what follows it
    assert [stall.step for stall in stalls(range(400), seconds)] == [200]
    seconds[199] = 0.1
    assert [stall.step for stall in stalls(range(400), seconds, factor=1.05)] == [100, 200]


def test_non_finite_counts_each_kind():
    """First step, count, and whether the run came back."""
    found = non_finite([0, 10, 20, 30, 40], [1, math.inf, 2, math.nan, -math.inf])
    assert (found.first_step, found.count, found.nan, found.inf) == (10, 3, 1, 2)
    assert found
    assert not found.to_the_end
    assert non_finite([0, 10], [1, math.nan]).to_the_end
    clean = non_finite([0, 10], [1, 2])
    assert not clean
    assert (clean.first_step, clean.count) == (None, 0)


def test_divergence_begins_at_the_first_value_of_the_row():
    """Four in a row by default; three that come back are none."""
    losses = 2 + 0.01 * NOISE
    losses[150:153] = 50.0
    assert divergence(range(400), losses) is None
    losses[300:] = np.geomspace(5, 1e9, 100)
    found = divergence(range(400), losses)
    assert (found.step, found.value) == (300, 5.0)
    assert found.mean == pytest.approx(losses[200:300].mean())
    assert found.definition == "4 values in a row beyond 2 times the mean of the 100 before"


def test_nan_to_the_end_is_divergence():
    """From its first step on."""
    losses = [2.0] * 200 + [math.nan] * 10
    assert divergence(range(210), losses).step == 200
    assert divergence(range(210), [2.0] * 207 + [math.nan] * 3) is None


def test_divergence_of_negative_and_of_maximized_metrics():
    """Twice as far from the mean in the bad direction, whatever its sign."""
    assert divergence(range(60), [-2.0] * 50 + [1.0] * 10).step == 50
    assert divergence(range(60), [-2.0] * 50 + [-0.1] * 10) is None
    found = divergence(range(60), [0.5] * 50 + [-1.0] * 10, goal="maximize")
    assert (found.step, found.mean) == (50, 0.5)


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 6))
def test_divergence_is_its_definition(seed, window, patience):
    """Mean by mean and row by row."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(size=120))
    values[rng.random(120) < 0.1] = math.nan
    beyond = []
    for i in range(window, 120):
        before = values[i - window : i]
        before = before[np.isfinite(before)]
        beyond.append(before.size > 0 and not values[i] <= 2 * before.mean())
    rows = [i for i in range(len(beyond) - patience + 1) if all(beyond[i : i + patience])]
    found = divergence(range(120), values, window=window, patience=patience)
    assert (found and found.step) == (window + rows[0] if rows else None)


def test_plateau_by_slope_is_that_of_scipy():
    """Slope and interval of the last values; the first value of the stretch is where it begins."""
    x = np.arange(400) * 10
    flat = plateau(x, 2 + 0.01 * NOISE)
    fit = stats.theilslopes(2 + 0.01 * NOISE[-50:], x[-50:], alpha=0.95)
    assert flat.since == 3500
    assert [flat.slope, flat.low, flat.high] == pytest.approx(
        [fit.slope, fit.low_slope, fit.high_slope]
    )
    assert flat.low < 0 < flat.high
    assert flat.definition.endswith("last 50 values holds 0")
    assert plateau(x, 5 - 0.001 * x + 0.01 * NOISE) is None
    assert plateau(x[:49], NOISE[:49]) is None


def test_plateau_by_slope_knows_the_goal():
    """An accuracy that rises improves; one that falls does not, and the words say so."""
    x = np.arange(400)
    assert plateau(x, 0.01 * x + NOISE * 0.001, goal="maximize") is None
    worse = plateau(x, -0.01 * x + NOISE * 0.001, goal="maximize")
    assert worse.low < worse.slope < worse.high < 0
    assert worse.definition.endswith("shows that the run gets worse")
    assert worse.value == pytest.approx(-3.745, abs=0.01)


def test_plateau_by_patience_counts_from_the_last_new_best():
    """An improvement smaller than the share of min_delta is none, but small ones add up."""
    losses = [5.0, 3.0, 2.0, 1.0, *[1.0 - 2e-5 * i for i in range(1, 11)]]
    flat = plateau(range(14), losses, "patience", min_delta=1e-3)
    assert (flat.since, flat.value) == (3, 1.0)
    assert flat.definition == "no value better by 0.1 % in 10 or more"
    assert math.isnan(flat.slope)
    assert plateau(range(14), losses, "patience", min_delta=1e-5) is None
    assert plateau(range(14), losses, "patience") is None
    assert plateau(range(13), losses[:13], "patience", min_delta=1e-3) is None


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60), st.integers(1, 8))
def test_plateau_by_patience_is_its_definition(values, patience):
    """Value by value, as a scheduler would count."""
    best, at = values[0], 0
    for i, value in enumerate(values):
        if value < best - 0.1 * abs(best):
            best, at = value, i
    flat = plateau(range(len(values)), values, "patience", patience=patience, min_delta=0.1)
    expected = (at, best) if len(values) - 1 - at >= patience else None
    assert (flat and (flat.since, flat.value)) == expected


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: spikes([1, 0], [1.0, 2.0]), "falls from 1 to 0"),
        (lambda: spikes([0], [1.0], window=4), "window=4"),
        (lambda: spikes([0], [1.0], threshold=0), "threshold=0"),
        (lambda: spikes([0], [1.0], goal="max"), "goal='max'"),
        (lambda: shared_spikes([], least=1), "least=1"),
        (lambda: stalls([0], [1.0], factor=-1), "factor=-1"),
        (lambda: non_finite([0], []), "1 steps and 0 values"),
        (lambda: divergence([0], [1.0], factor=1), "factor=1"),
        (lambda: divergence([0], [1.0], patience=0), "patience=0"),
        (lambda: plateau([0], [1.0], "slop"), "did you mean 'slope'"),
        (lambda: plateau([0], [1.0], window=5000), "more than 2,000 points"),
        (lambda: plateau([0], [1.0], level=0.4), "level=0.4"),
        (lambda: plateau([0] * 50, [1.0] * 50), "at one step"),
    ],
)
def test_wrong_arguments_are_named(call, says):
    """Each error holds the thing and its value."""
    with pytest.raises(EvidenceError, match=says):
        call()
