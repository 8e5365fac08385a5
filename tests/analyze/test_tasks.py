"""Aggregates over many tasks against published numbers, rliable's and by hand."""

import functools
import json
import math

import numpy as np
import pytest

from epochal.analyze import tasks
from epochal.analyze.stratified import described
from epochal.core.errors import EvidenceError

X = np.array([[1, 2], [2, 2], [1, 1], [2, 1]])
Y = np.array([[1, 1], [2, 2], [3, 3]])

# mean, median, IQM, optimality gap, superhuman games, F(0.1), F(0.5), F(1) of Atari 100k.
TABLE = {
    "SimPLe": (0.331998, 0.134056, 0.129588, 0.728931, 1, 0.453846, 0.238462, 0.115385),
    "CURL": (0.261489, 0.092349, 0.112792, 0.767980, 2, 0.467692, 0.180385, 0.066923),
    "DrQ(eps)": (0.464741, 0.312901, 0.279647, 0.630534, 3, 0.669615, 0.333077, 0.119231),
    "SPR": (0.615796, 0.395629, 0.336649, 0.577302, 6, 0.703077, 0.376154, 0.214231),
    "IRIS": (1.045907, 0.288800, 0.501155, 0.511664, 10, 0.669231, 0.438462, 0.369231),
    "DIAMOND": (1.459024, 0.373414, 0.640787, 0.480196, 11, 0.707692, 0.461538, 0.423077),
    "MuZero": (0.562047, 0.227482, 0.288043, 0.616428, 5),
    "EfficientZero": (1.942635, 1.090201, 1.047207, 0.366667, 14),
}
# As printed in rliable's notebook: median, mean.
PUBLISHED = {
    "SPR": (0.39562938, 0.61579574),
    "DrQ(eps)": (0.31290140, 0.46474125),
    "CURL": (0.09234862, 0.26148856),
    "SimPLe": (0.13405558, 0.33199785),
}


@pytest.fixture(scope="module")
def atari(results_data):
    """Human-normalized scores of each algorithm, shape (n_runs, 26)."""
    folder = results_data / "atari100k"
    low, high = (json.loads((folder / f"{name}.json").read_text()) for name in ("RANDOM", "HUMAN"))
    games = sorted(low)
    found = {}
    for name in TABLE:
        if name == "CURL":
            rows = json.loads((folder / "CURL_10_evals.json").read_text())
            found[name] = np.array([[r["HNS"] for r in rows if r["game"] == g] for g in games]).T
            continue
        raw = json.loads((folder / f"{name}.json").read_text())
        found[name] = tasks.normalized(
            np.array([raw[game] for game in games]).T,
            [low[game][0] for game in games],
            [high[game][0] for game in games],
        )
    return found


@pytest.mark.parametrize("name", TABLE)
def test_the_atari_100k_table(atari, name):
    """Every number of the table comes out to its six digits."""
    scores, expected = atari[name], TABLE[name]
    assert round(tasks.mean(scores), 6) == expected[0]
    assert round(tasks.median(scores), 6) == expected[1]
    assert round(tasks.iqm(scores), 6) == expected[2]
    assert round(tasks.optimality_gap(scores), 6) == expected[3]
    assert tasks.tasks_reaching(scores) == expected[4]
    if len(expected) > 5:
        profile = tasks.performance_profile(scores, [0.1, 0.5, 1.0], resamples=0)
        assert np.round(profile.share, 6).tolist() == list(expected[5:])


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_printed_by_rliable(atari, name):
    """Medians and means equal those printed in rliable's notebook, to eight digits."""
    scores = atari[name]
    assert (round(tasks.median(scores), 8), round(tasks.mean(scores), 8)) == PUBLISHED[name]


def test_reference_values_at_full_precision(atari, results_data):
    """All stored values of rliable's metrics are met to 1e-12."""
    stored = json.loads((results_data / "reference_values_rl.json").read_text())
    checked = 0
    for name, scores in atari.items():
        if name not in stored:
            continue
        expected = stored[name]
        assert len(scores) == expected["n_runs"]
        assert tasks.mean(scores) == pytest.approx(expected["mean"], rel=1e-12)
        assert tasks.median(scores) == pytest.approx(expected["median"], rel=1e-12)
        assert tasks.iqm(scores) == pytest.approx(expected["iqm"], rel=1e-12)
        assert tasks.optimality_gap(scores) == pytest.approx(expected["og"], rel=1e-12)
        assert tasks.tasks_reaching(scores) == expected["superhuman"]
        for of, key in (("run scores", "profile"), ("mean scores", "mean_score_profile")):
            grid = [float(tau) for tau in expected[key]]
            found = tasks.performance_profile(scores, grid, of=of, resamples=0)
            assert found.share.tolist() == pytest.approx(list(expected[key].values()), rel=1e-12)
        checked += 1
    assert checked == 6
    for name, expected in stored["P(IRIS>x)"].items():
        found = tasks.probability_of_improvement(atari["IRIS"], atari[name])
        assert found == pytest.approx(expected, rel=1e-12)
    found = tasks.probability_of_improvement(atari["DIAMOND"], atari["IRIS"])
    assert found == pytest.approx(stored["P(DIAMOND>IRIS)"], rel=1e-12)
    assert round(found, 6) == 0.666154


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SimPLe", 0.749231), ("CURL", 0.792154), ("DrQ(eps)", 0.688077), ("SPR", 0.610423)],
)
def test_iris_against_each(atari, name, expected):
    """P(IRIS > others) as in the table; the other way round is what is left to 1."""
    found = tasks.probability_of_improvement(atari["IRIS"], atari[name])
    assert round(found, 6) == expected
    assert tasks.probability_of_improvement(atari[name], atari["IRIS"]) == pytest.approx(1 - found)


def test_the_first_ten_runs_of_spr(atari):
    """What rliable's notebook plots are 10 of the 100 runs: other numbers, and their intervals."""
    scores = atari["SPR"][:10]
    found = [f(scores) for f in (tasks.median, tasks.iqm, tasks.mean, tasks.optimality_gap)]
    assert np.round(found, 6).tolist() == [0.415478, 0.375402, 0.701334, 0.554237]
    estimate = tasks.stratified_bootstrap(scores, tasks.iqm, rng=0)
    # rliable's own two calls gave [0.34498, 0.40879] and [0.34737, 0.40950].
    assert estimate.low == pytest.approx(0.345, abs=0.003)
    assert estimate.high == pytest.approx(0.411, abs=0.003)
    assert estimate.n == 260
    assert "interquartile mean" in estimate.method
    assert "10 runs x 26 tasks" in estimate.method


def test_cases_of_rliable():
    """The own unit cases of rliable."""
    for statistic in (tasks.median, tasks.mean, tasks.iqm):
        assert (statistic(X), statistic(Y)) == (1.5, 2.0)
    assert tasks.probability_of_improvement(X, Y) == pytest.approx(1 / 3)
    assert tasks.probability_of_improvement(X, X) == 0.5


def test_the_same_as_rliable():
    """Random tables give what the metrics of rliable 1.2.0 give; it cannot be installed beside."""
    rng = np.random.default_rng(1)
    for shape, expected in (
        ((1, 7), (0.26, 0.3, 0.12857142857142856, 0.8714285714285714, 0.5952380952380951)),
        ((5, 3), (-0.044444444444444446, 0.0, 0.03333333333333329, 1.1066666666666667,
                  0.4777777777777778)),
        ((4, 26), (-0.07500000000000001, -0.05, -0.09615384615384616, 1.1384615384615384,
                   0.49679487179487175)),
    ):  # fmt: skip
        scores, other = rng.normal(size=shape).round(1), rng.normal(size=(3, shape[1])).round(1)
        found = [
            *(each(scores) for each in (tasks.iqm, tasks.median, tasks.mean, tasks.optimality_gap)),
            tasks.probability_of_improvement(scores, other),
        ]
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_intervals_of_rliable():
    """Intervals typed from rliable 1.2.0, 20,000 resamples, met within their own noise."""
    scores = np.random.default_rng(5).normal(0.5, 0.3, size=(10, 26))
    other = np.random.default_rng(6).normal(0.45, 0.3, size=(5, 26))
    for statistic, low, high in (
        (tasks.iqm, 0.43884, 0.51303),
        (tasks.median, 0.44517, 0.54098),
        (tasks.mean, 0.45685, 0.52235),
        (tasks.optimality_gap, 0.48512, 0.54772),
    ):
        found = tasks.stratified_bootstrap(scores, statistic)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.002)
    found = tasks.stratified_bootstrap(scores, tasks.probability_of_improvement, against=other)
    assert (found.low, found.high) == pytest.approx((0.4761, 0.5969), abs=0.008)


@pytest.mark.parametrize(("n", "dropped"), [(3, 0), (4, 1), (5, 1), (10, 2), (130, 32)])
def test_how_many_the_iqm_drops(n, dropped):
    """⌊N/4⌋ values on each side are left out, whatever they are."""
    scores = np.arange(n, dtype=float)
    wild = scores.copy()
    wild[:dropped], wild[n - dropped :] = -1e9, 1e9
    rng = np.random.default_rng(0)
    assert tasks.iqm(rng.permutation(wild)[None, :]) == pytest.approx((n - 1) / 2)


def test_median_is_of_means_of_tasks():
    """The median of all scores would be 3, that of means of tasks is 5."""
    assert tasks.median([[0.0, 0.0, 3.0], [10.0, 10.0, 3.0]]) == 5.0


def test_the_goal_turns_everything():
    """Negated scores with the other goal are the same."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(4, 6)).round(1), rng.normal(size=(5, 6)).round(1)
    assert tasks.optimality_gap(-x, -0.5, goal="minimize") == tasks.optimality_gap(x, 0.5)
    assert tasks.probability_of_improvement(
        -x, -y, goal="minimize"
    ) == tasks.probability_of_improvement(x, y)
    grid = np.array([-1.0, 0.3, 0.0])
    below = tasks.performance_profile(-x, -grid, goal="minimize", resamples=50)
    above = tasks.performance_profile(x, grid, resamples=50)
    assert below.share.tolist() == above.share.tolist()
    assert below.low.tolist() == above.low.tolist()
    assert "below each threshold (strictly)" in below.definition


def test_profile_counts_strictly_and_in_any_order():
    """A score equal to the threshold is not above it; thresholds keep their order."""
    profile = tasks.performance_profile([[1.0, 2.0], [2.0, 4.0]], [2.0, 0.0, 4.0, 1.0], resamples=9)
    assert profile.share.tolist() == [0.25, 1.0, 0.0, 0.75]
    assert (profile.n, profile.thresholds.tolist()) == (4, [2.0, 0.0, 4.0, 1.0])
    assert (profile.low <= profile.share).all()
    assert (profile.share <= profile.high).all()


def test_profile_band_is_that_of_the_share():
    """Each threshold's interval is the stratified bootstrap of its share, resample by resample."""
    scores = np.random.default_rng(5).normal(size=(6, 4))
    profile = tasks.performance_profile(scores, [0.0], resamples=400, rng=7)
    alone = tasks.stratified_bootstrap(scores, lambda cells: float((cells > 0).mean()), 400, rng=7)
    assert (profile.low[0], profile.high[0]) == pytest.approx((alone.low, alone.high))


def test_one_run_has_no_interval():
    """One run per task says nothing of other seeds, but something of other tasks."""
    scores = [[0.1, 0.5, 0.9, 1.3]]
    estimate = tasks.stratified_bootstrap(scores, tasks.mean)
    assert math.isnan(estimate.low)
    assert "no interval" in str(estimate)
    assert math.isnan(tasks.performance_profile(scores, [0.5]).low[0])
    of_tasks = tasks.stratified_bootstrap(scores, tasks.mean, tasks=True)
    assert of_tasks.low < 0.7 < of_tasks.high
    assert "tasks and runs" in of_tasks.method


def test_bootstrap_stays_within_tasks():
    """Tasks without spread give an interval without width; drawn tasks do not."""
    scores = np.tile([0.0, 1.0, 5.0], (4, 1))
    estimate = tasks.stratified_bootstrap(scores, tasks.mean, 500)
    assert (estimate.low, estimate.value, estimate.high) == (2.0, 2.0, 2.0)
    wide = tasks.stratified_bootstrap(scores, tasks.mean, 500, tasks=True)
    assert wide.high - wide.low > 2


def test_bootstrap_error_is_the_known_one():
    """The SD over resamples of a mean is that of theory: √(Σ var_t / n) / n_tasks."""
    scores = np.random.default_rng(2).normal(size=(12, 5)) * [1, 2, 3, 4, 5]
    draws = tasks.stratified_draws(scores, tasks.mean, 20_000)
    theory = math.sqrt((scores.var(axis=0) / 12).sum()) / 5
    assert draws.std() == pytest.approx(theory, rel=0.03)
    assert draws.mean() == pytest.approx(scores.mean(), abs=4 * theory / math.sqrt(20_000))


def test_statistics_with_and_without_axis_agree():
    """A statistic called once for each resample gives the same interval as a vectorized one."""
    scores = np.random.default_rng(4).normal(size=(5, 4))
    fast = tasks.stratified_bootstrap(scores, tasks.iqm, 300, rng=1)
    slow = tasks.stratified_bootstrap(scores, lambda cells: tasks.iqm(cells), 300, rng=1)  # noqa: PLW0108
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), rel=1e-12)
    numpy = tasks.stratified_bootstrap(scores, np.max, 300, rng=1)
    assert numpy.value == scores.max()
    assert "numpy.max" in numpy.method or "numpy.amax" in numpy.method


def test_whole_runs_are_drawn_of_curves():
    """Points of a curve stay together: the last point of each drawn run is its first plus one."""
    scores = np.random.default_rng(6).normal(size=(4, 3, 1)) + np.array([0.0, 1.0])

    def check(block, axis):
        assert axis == (1, 2)
        assert block[..., 1] == pytest.approx(block[..., 0] + 1)
        return block.mean(axis=(1, 2, 3))

    assert tasks.stratified_draws(scores, check, 50).shape == (50,)


def test_a_seed_repeats_and_a_name_gets_what_it_gets_alone():
    """Same seed, same interval; the order of names does not matter; a generator goes on."""
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    both = tasks.stratified_bootstrap({"a": a, "b": b}, tasks.iqm, 200, rng=3)
    assert both["b"] == tasks.stratified_bootstrap(b, tasks.iqm, 200, rng=3)
    assert list(both) == ["a", "b"]
    source = np.random.default_rng(3)
    first = tasks.stratified_bootstrap(b, tasks.iqm, 200, rng=source)
    assert first == both["b"]
    assert tasks.stratified_bootstrap(b, tasks.iqm, 200, rng=source) != first


def test_interval_of_a_probability_of_improvement():
    """Of two arrays both are drawn; the estimate is the statistic itself."""
    rng = np.random.default_rng(9)
    x, y = rng.normal(0.5, size=(8, 6)), rng.normal(size=(5, 6))
    estimate = tasks.stratified_bootstrap(x, tasks.probability_of_improvement, 500, against=y)
    assert estimate.value == tasks.probability_of_improvement(x, y)
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.n, "8 and 5 runs x 6 tasks" in estimate.method) == (78, True)
    known = tasks.stratified_bootstrap(
        X, tasks.probability_of_improvement, 20, against=Y, tasks=True
    )
    assert 0 <= known.low <= known.high <= 1


def test_many_resamples_are_several_blocks():
    """Resamples beyond one block follow the same stream: the first of many are those of few."""
    scores = np.random.default_rng(10).normal(size=(40, 50))
    few = tasks.stratified_draws(scores, tasks.mean, 250)
    many = tasks.stratified_draws(scores, tasks.mean, 900)
    assert many[:250].tolist() == few.tolist()
    assert np.unique(many).size == 900


def test_normalized_by_references():
    """Scores of the references are 0 and 1, also where less is better."""
    low, high = np.array([5.0, 100.0]), np.array([25.0, 20.0])
    assert tasks.normalized(np.stack([low, high]), low, high).tolist() == [[0, 0], [1, 1]]
    with pytest.raises(EvidenceError, match="equal for 1 tasks"):
        tasks.normalized([[1.0, 2.0]], 1.0, [1.0, 2.0])
    with pytest.raises(EvidenceError, match="3 numbers for 2 tasks"):
        tasks.normalized([[1.0, 2.0]], [0, 0, 0], 1.0)


def test_names_of_statistics():
    """An interval says what it is of; NumPy's median is not the median over tasks."""
    assert described(tasks.median) == "median over tasks of mean scores"
    assert described(np.median) == "numpy.median"
    assert described(functools.partial(tasks.optimality_gap, gamma=2)) == "optimality gap (gamma=2)"
    assert described(lambda x: x) == "given statistic"


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([[1.0, math.nan]], "1 of the 2 numbers of scores are NaN"),
        ([[1.0, math.inf]], "infinite"),
        ([1.0, 2.0], r"shape \(n_runs, n_tasks\)"),
        ([[1.0], [1.0, 2.0]], "full table"),
        ([["a", "b"]], "full table of numbers"),
        (np.empty((0, 3)), "none of them 0"),
        ([[1e200, 1.0]], "too large"),
    ],
)
def test_scores_that_cannot_be_used(scores, words):
    """What has no answer gets an error that says why."""
    for call in (tasks.mean, tasks.iqm, lambda s: tasks.stratified_bootstrap(s, tasks.iqm)):
        with pytest.raises(EvidenceError, match=words):
            call(scores)


def test_arguments_that_cannot_be_used():
    """Wrong words, shapes and statistics are named."""
    scores = [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(EvidenceError, match=r"did you mean 'maximize'"):
        tasks.optimality_gap(scores, goal="maximise")
    with pytest.raises(EvidenceError, match="2 tasks and y 3"):
        tasks.probability_of_improvement(scores, [[1.0, 2.0, 3.0]])
    with pytest.raises(EvidenceError, match="tasks must be the same"):
        tasks.stratified_bootstrap(scores, tasks.mean, against=[[1.0, 2.0, 3.0]])
    with pytest.raises(EvidenceError, match="one finite number"):
        tasks.stratified_bootstrap(scores, lambda cells: cells.mean(axis=0))
    with pytest.raises(EvidenceError, match="keep the first axis"):
        tasks.stratified_bootstrap(scores, lambda cells, axis: float(cells.mean()))  # noqa: ARG005
    with pytest.raises(EvidenceError, match="no finite number on"):
        tasks.stratified_bootstrap([[1.0], [2.0]], lambda c: 1 / np.ptp(c) if np.ptp(c) else np.nan)
    with pytest.raises(EvidenceError, match="level"):
        tasks.stratified_bootstrap(scores, tasks.mean, level=95)
    with pytest.raises(EvidenceError, match="does not name two axes"):
        tasks.mean(scores, axis=(0, 5))
    with pytest.raises(EvidenceError, match="'mean scores'"):
        tasks.performance_profile(scores, [1.0], of="mean score")


def test_infinite_scores_can_still_win():
    """A probability of improvement is of order alone."""
    assert tasks.probability_of_improvement([[math.inf]], [[1.0]]) == 1.0
    assert tasks.probability_of_improvement([[math.inf]], [[math.inf]]) == 0.5
