"""Published results of other people's experiments, recomputed; and coverage on real ones."""

import json
import math
import re
from decimal import Decimal

import numpy as np
import pytest
import scipy
from published import NEW_LOSS, NEW_TIME, OLD_LOSS, OLD_TIME
from scipy import special, stats

from epochal.analyze.corrections import (
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    holm,
)
from epochal.analyze.effects import cliffs_delta, cohen_d, hedges_g, magnitude, probability_better
from epochal.analyze.equivalence import regression, tost
from epochal.analyze.estimates import (
    bootstrap_interval,
    iqm,
    mean_interval,
    standard_error,
    std,
)
from epochal.analyze.significance import (
    known_sigma,
    mann_whitney,
    one_sample,
    permutation,
    smallest_p,
    student,
    welch,
    wilcoxon,
)
from epochal.analyze.stochastic_order import almost_stochastic_order

# Twenty published p-values of that project.
P = [0.0059, 0.0001, 0.0053, 0.0002, 0.0030, 0.0084, 0.0005, 0.0045, 0.0086, 0.0070, 0.0083, 0.0018,
     0.0034, 0.0014, 0.0004, 0.0060, 0.0002, 0.0003, 0.0058, 0.0061]  # fmt: skip

# Demšar (2006), Table 6: AUC of C4.5 and of C4.5 with pruning parameter m, 14 data sets.
C45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972,
       0.957]  # fmt: skip
C45_M = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981,
         0.978]  # fmt: skip


def digits(value: float, printed: str) -> bool:
    """Whether a value, rounded to as many decimals as are printed, is what is printed."""
    exponent = Decimal(printed).as_tuple().exponent
    return Decimal(value).quantize(Decimal(1).scaleb(exponent)) == Decimal(printed)


@pytest.fixture(scope="module")
def seed_lists(results_data):
    """The 68 published lists of final validation losses."""
    path = results_data / "modded_nanogpt" / "published_seed_lists.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def population(seed_lists):
    """The list of 1,261 runs that differ by their seed only."""
    return next(np.array(entry["values"]) for entry in seed_lists if entry["n"] == 1261)


# ------------------------------------------------------------------ two groups of thirteen runs


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [
        (NEW_LOSS, "3.2783692308", "0.0014156180"),
        (OLD_LOSS, "3.2782461538", "0.0020164389"),
        (NEW_TIME, "79.684923", "0.182767"),
        (OLD_TIME, "80.728615", "0.065165"),
    ],
)
def test_published_means_and_deviations(values, mean, deviation):
    """To the digits published."""
    assert digits(mean_interval(values).value, mean)
    assert digits(std(values), deviation)


def test_medians_and_standard_error():
    """Two published medians; the standard error of the new losses."""
    assert digits(float(np.median(NEW_TIME)), "79.653")
    assert digits(float(np.median(OLD_TIME)), "80.720")
    assert digits(1e4 * standard_error(NEW_LOSS), "3.926218")


def test_t_intervals_of_the_new_runs():
    """95 % intervals of loss and time."""
    loss, time = mean_interval(NEW_LOSS), mean_interval(NEW_TIME)
    assert digits(loss.low, "3.27751378")
    assert digits(loss.high, "3.27922468")
    assert digits(time.low, "79.574478")
    assert digits(time.high, "79.795368")


def test_bootstrap_intervals_of_the_new_losses():
    """Percentile and BCa, 9,999 resamples of seed 0."""
    ends = {"percentile": ("3.27769192", "3.27915385"), "bca": ("3.27777692", "3.27929817")}
    for method, (low, high) in ends.items():
        estimate = bootstrap_interval(NEW_LOSS, method=method, resamples=9999, rng=0)
        assert digits(estimate.low, low)
        assert digits(estimate.high, high)


def test_published_p_against_the_target():
    """One-sided, to ten digits."""
    assert digits(one_sample(NEW_LOSS, 3.28, "less").p, "0.0006690604")
    assert digits(one_sample(OLD_LOSS, 3.28, "less").p, "0.0042976481")


def test_welch_and_student_on_loss_and_time():
    """t, degrees of freedom, p and the interval of the difference."""
    loss, time = welch(NEW_LOSS, OLD_LOSS), welch(NEW_TIME, OLD_TIME)
    assert digits(loss.statistic, "0.18011669")
    assert digits(loss.df, "21.516864")
    assert digits(loss.p, "0.8587465")
    assert digits(loss.low, "-0.00129588")
    assert digits(loss.high, "0.00154204")
    assert digits(time.statistic, "-19.393659")
    assert digits(time.df, "15.002444")
    assert digits(1e12 * time.p, "4.9124")
    assert digits(time.low, "-1.158397")
    assert digits(time.high, "-0.928987")
    assert digits(student(NEW_LOSS, OLD_LOSS).p, "0.8585732")
    assert digits(1e16 * student(NEW_TIME, OLD_TIME).p, "3.5976")


def test_mann_whitney_on_loss_and_time():
    """With ties at 13 against 13 it is SciPy's normal form."""
    loss, time = mann_whitney(NEW_LOSS, OLD_LOSS), mann_whitney(NEW_TIME, OLD_TIME)
    assert loss.statistic == 98.5
    assert digits(loss.p, "0.48717666")
    assert time.statistic == 0
    assert digits(1e5 * time.p, "1.64967")


def exact_permutation_p(x, y):
    """Two-sided p over all relabelings of four-decimal numbers, counted in integers."""
    x, y = ([round(1e4 * value) for value in values] for values in (x, y))
    counts = {(0, 0): 1}
    for value in x + y:
        grown = dict(counts)
        for (size, total), ways in counts.items():
            if size < len(x):
                key = size + 1, total + value
                grown[key] = grown.get(key, 0) + ways
        counts = grown
    sums = {total: ways for (size, total), ways in counts.items() if size == len(x)}
    tails = (sum(ways for total, ways in sums.items() if sign * (total - sum(x)) >= 0)
             for sign in (1, -1))  # fmt: skip
    return min(1.0, 2 * min(tails) / math.comb(len(x) + len(y), len(x)))


def test_permutation_on_loss_and_time():
    """Seed 0, 20,000 relabelings: within Monte-Carlo error of the exact p, and at the floor.

    SciPy alone gives 0.867957 from the same relabelings: it takes sums that are equal in four
    decimals for different ones.
    """
    loss, time = (permutation(*pair, resamples=20_000, rng=0)
                  for pair in ((NEW_LOSS, OLD_LOSS), (NEW_TIME, OLD_TIME)))  # fmt: skip
    exact = exact_permutation_p(NEW_LOSS, OLD_LOSS)
    assert digits(exact, "0.867008")
    error = 2 * math.sqrt(exact / 2 * (1 - exact / 2) / 20_000)
    assert loss.p == pytest.approx(exact, abs=3 * error)
    assert loss.p == pytest.approx(0.867957, abs=3 * error)
    assert digits(1e5 * time.p, "9.9995")
    assert time.p == time.smallest_p


def test_scipys_permutation_test_has_the_reference_value():
    """The number that the one above is compared with: exact for one version of SciPy."""
    result = stats.permutation_test(
        (NEW_LOSS, OLD_LOSS),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        n_resamples=20_000, vectorized=True, rng=np.random.default_rng(0),
    )  # fmt: skip
    if scipy.__version__ == "1.17.1":
        assert digits(result.pvalue, "0.867957")
    assert result.pvalue == pytest.approx(0.867957, abs=0.02)


def test_effect_sizes_on_loss_and_time():
    """d, g, A12 and delta."""
    loss, time = (NEW_LOSS, OLD_LOSS), (NEW_TIME, OLD_TIME)
    assert digits(cohen_d(*loss), "0.07064758")
    assert digits(hedges_g(*loss), "0.06841660")
    assert digits(probability_better(*loss), "0.58284024")
    assert digits(cliffs_delta(*loss), "0.16568047")
    assert magnitude(cliffs_delta(*loss)) == "small"
    assert digits(cohen_d(*time), "-7.60681874")
    assert digits(hedges_g(*time), "-7.36660341")
    assert probability_better(*time) == 0
    assert probability_better(*time, "minimize") == 1
    assert cliffs_delta(*time) == -1
    assert magnitude(cliffs_delta(*time)) == "large"


def test_the_published_verdict():
    """Time fell by 1.0437 s (1.2928 %), p 4.9e-12; loss: no change."""
    time = regression(NEW_TIME, OLD_TIME, margin=0.1)
    assert time.word == "better"
    assert digits(time.difference.value, "-1.0437")
    assert digits(time.percent, "-1.2928")
    assert digits(time.percent, "-1.292841")
    assert digits(1e12 * time.p, "4.9")
    loss = regression(NEW_LOSS, OLD_LOSS, margin=0.002)
    assert loss.word == "equivalent"
    assert digits(loss.difference.value, "0.0001230769")
    assert digits(loss.p, "0.859")
    assert regression(NEW_LOSS, OLD_LOSS, margin=0.0005).word == "undecided"
    assert tost(NEW_LOSS, OLD_LOSS, 0.002).p < 0.05 < tost(NEW_LOSS, OLD_LOSS, 0.0005).p


def test_the_comparison_follows_from_the_raw_logs(results_data):
    """The lists above are the last validation loss and the last time of the 26 logs."""
    pattern = re.compile(r"step:(\d+)/(\d+) (?:val_loss:(\S+) )?train_time:(\d+)ms")
    folder = results_data / "modded_nanogpt" / "fp8_down"
    found = {}
    for name, losses, times in (
        ("this_pr", NEW_LOSS, NEW_TIME),
        ("baseline", OLD_LOSS, OLD_TIME),
    ):
        logs = sorted(folder.glob(f"{name}/*.txt"))
        assert len(logs) == 13
        last_loss, last_time = [], []
        for log in logs:
            rows = pattern.findall(log.read_text(encoding="utf-8"))
            validations = [float(loss) for _, _, loss, _ in rows if loss]
            assert len(validations) == 7
            assert rows[-1][:2] == ("1390", "1390")
            last_loss.append(validations[-1])
            last_time.append(int(rows[-1][3]) / 1000)
        assert sorted(last_loss) == sorted(losses)
        assert sorted(last_time) == sorted(times)
        found[name] = last_loss, last_time
    (new_loss, new_time), (old_loss, old_time) = found["this_pr"], found["baseline"]
    assert digits(welch(new_loss, old_loss).p, "0.8587465")
    assert digits(1e12 * welch(new_time, old_time).p, "4.9124")
    assert digits(welch(new_time, old_time).statistic, "-19.394")
    assert digits(one_sample(new_loss, 3.28, "less").p, "0.0006690604")
    assert digits(one_sample(old_loss, 3.28, "less").p, "0.0042976481")


# ------------------------------------------------------------------ other published numbers


def test_all_published_p_of_the_seed_lists(seed_lists):
    """39 one-sided t-tests against the target, each to the digits printed; all 68 recomputed."""
    published = [entry for entry in seed_lists if entry["p_published"] is not None]
    assert (len(seed_lists), len(published)) == (68, 39)
    wrong = []
    for entry in published:
        p = one_sample(entry["values"], entry["target"], "less").p
        if not digits(p, entry["p_published"]):
            wrong.append((entry["readme"], p, entry["p_published"]))
    assert not wrong
    for entry in seed_lists:
        result = one_sample(entry["values"], entry["target"], "less")
        assert result.p == pytest.approx(entry["p_recomputed"], rel=1e-9)
        assert mean_interval(entry["values"]).value == pytest.approx(entry["mean"], rel=1e-13)
        assert std(entry["values"]) == pytest.approx(entry["sd"], rel=1e-9)


def test_two_runs_can_meet_a_target():
    """The smallest published list: 2.9165 and 2.9166 against 2.92, p .0046."""
    assert digits(one_sample([2.9165, 2.9166], 2.92, "less").p, "0.0046")


def test_the_list_of_1261_runs(population):
    """Mean, deviation, standard error, interquartile mean, median, interval and test."""
    estimate = mean_interval(population)
    assert digits(estimate.value, "3.27938549")
    assert digits(std(population), "0.00184930")
    assert digits(1e5 * standard_error(population), "5.2077")
    assert digits(iqm(population).value, "3.27931854")
    assert digits(float(np.median(population)), "3.2793")
    assert digits(estimate.low, "3.27928332")
    assert digits(estimate.high, "3.27948766")
    result = one_sample(population, 3.28, "less")
    assert digits(result.statistic, "-11.799997")
    assert digits(1e31 * result.p, "7.41")
    assert digits(float(stats.skew(population)), "0.27")


def test_reference_values_in_full(results_data):
    """Those of the file that were computed with SciPy, to nine digits."""
    path = results_data / "reference_values.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    for name, new, old in (("fp8_loss", NEW_LOSS, OLD_LOSS), ("fp8_time", NEW_TIME, OLD_TIME)):
        a, b, ref = welch(new, old), student(new, old), known[name]
        assert [a.statistic, a.df, a.p] == pytest.approx(
            [ref["welch_t"], ref["welch_df"], ref["welch_p"]], rel=1e-9
        )
        assert [a.low, a.high] == pytest.approx(ref["welch_ci95_diff"], rel=1e-9)
        assert b.p == pytest.approx(ref["student_p"], rel=1e-9)
        for method in ("percentile", "BCa"):
            interval = bootstrap_interval(new, method=method.lower(), rng=0)
            ends = ref[f"boot_{method}_ci_new_rng0_9999"]
            assert [interval.low, interval.high] == pytest.approx(ends, rel=1e-9)
    smallest = known["min_two_sided_p"]
    for n, p in smallest["mwu_exact"].items():
        assert smallest_p("mann_whitney", int(n), int(n)) == pytest.approx(p)
    for n, p in smallest["wilcoxon_signed_exact"].items():
        assert smallest_p("wilcoxon", int(n)) == pytest.approx(p)


def test_corrections_of_twenty_published_p():
    """At 0.05 Bonferroni rejects 8, the others all 20; the largest corrected values."""
    found = {f.__name__: f(P) for f in (bonferroni, holm, benjamini_hochberg, benjamini_yekutieli)}
    assert {name: int((p < 0.05).sum()) for name, p in found.items()} == {
        "bonferroni": 8, "holm": 20, "benjamini_hochberg": 20, "benjamini_yekutieli": 20,
    }  # fmt: skip
    assert digits(found["holm"].max(), "0.0477")
    assert digits(found["benjamini_hochberg"].max(), "0.0086")
    assert digits(found["benjamini_yekutieli"].max(), "0.030941")


def test_smallest_p_of_a_few_seeds():
    """What cannot be reached, to the digits of the tables."""
    unpaired = {2: "0.3333", 3: "0.1", 4: "0.02857", 5: "0.00794", 6: "0.00216"}
    for n, p in unpaired.items():
        assert digits(smallest_p("mann_whitney", n, n), p)
    for n, p in {5: "0.0625", 6: "0.03125", 10: "0.00195"}.items():
        assert digits(smallest_p("wilcoxon", n), p)


def test_wilcoxon_of_demsar(results_data):
    """C4.5 with m against without: T = 12, p 0.01097 with zeros split; 6.5, 0.01076 without."""
    rows = (results_data / "demsar2006_table6.csv").read_text(encoding="utf-8").split("\n")[1:]
    table = [row.split(",") for row in rows if row]
    assert [float(row[1]) for row in table] == C45
    assert [float(row[2]) for row in table] == C45_M
    split, dropped = wilcoxon(C45_M, C45, zero_method="zsplit"), wilcoxon(C45_M, C45)
    assert split.statistic == 12
    assert digits(split.p, "0.01097")
    assert dropped.statistic == 6.5
    assert digits(dropped.p, "0.01076")


def test_the_rule_of_known_spread():
    """(3.28 - mean)·√n ≥ 0.004 with sigma = 0.0013; in pairs, steps saved count as loss."""
    sigma = 0.0013

    def score(difference, n_x, n_y=None):
        return -sigma * known_sigma(difference, sigma, n_x, n_y, alternative="less").statistic

    assert score(3.276 - 3.28, 1) == pytest.approx(0.004)
    assert score(3.278 - 3.28, 4) == pytest.approx(0.004)
    assert digits(score(-(-0.0002 + 50 * 0.0045 / 100), 20, 20), "0.00648")
    assert digits(score(-(0.0 + 15 * 0.0045 / 100), 16, 10), "0.00167")
    assert known_sigma(-0.004, sigma, 1, alternative="less").p == pytest.approx(0.001, abs=5e-5)


def test_almost_stochastic_order_on_loss_and_time():
    """As deepsig 1.2.8: 0 for time; for loss 1 in both directions, exact ratio 26/47."""
    time = almost_stochastic_order(NEW_TIME, OLD_TIME, goal="minimize")
    assert (time.ratio, time.epsilon) == (0.0, 0.0)
    there = almost_stochastic_order(NEW_LOSS, OLD_LOSS, goal="minimize")
    back = almost_stochastic_order(OLD_LOSS, NEW_LOSS, goal="minimize")
    assert digits(there.ratio, "0.5531915")
    assert there.ratio == pytest.approx(26 / 47, rel=1e-9)
    assert back.ratio == pytest.approx(21 / 47, rel=1e-9)
    assert (there.ratio, back.ratio) == pytest.approx((0.552262, 0.447160), abs=0.001)
    assert (there.epsilon, back.epsilon) == (1.0, 1.0)


# ------------------------------------------------------------------ coverage on real runs


def t_ends(draws):
    """Ends of the default interval of each row; the formula of `mean_interval`, all at once."""
    n = draws.shape[1]
    half = special.stdtrit(n - 1, 0.975) * draws.std(axis=1, ddof=1) / math.sqrt(n)
    center = draws.mean(axis=1)
    return center - half, center + half


@pytest.mark.parametrize("n", [3, 5, 8, 10, 20])
def test_the_default_interval_covers_what_it_says(population, n):
    """20,000 times n of 1,261 real runs: 0.94 to 0.96 of the intervals hold the true mean."""
    draws = population[np.random.default_rng(n).integers(population.size, size=(20_000, n))]
    low, high = t_ends(draws)
    for row in range(100):
        estimate = mean_interval(draws[row])
        assert [estimate.low, estimate.high] == pytest.approx([low[row], high[row]], rel=1e-12)
    truth = population.mean()
    assert 0.94 <= ((low <= truth) & (truth <= high)).mean() <= 0.96


def bootstrap_ends(draws, resamples, rng):
    """Percentile and BCa ends of the mean of each row: what `bootstrap_interval` computes."""
    rows, n = draws.shape
    picked = rng.integers(n, size=(rows, resamples, n))
    means = np.sort(draws[np.arange(rows)[:, None, None], picked].mean(axis=2), axis=1)
    center = draws.mean(axis=1, keepdims=True)
    centered = draws - center
    near = 1e-12
    below = ((means < center - near).mean(axis=1) + (means <= center + near).mean(axis=1)) / 2
    bias = special.ndtri(below)
    skew = (centered**3).sum(axis=1) / (6 * (centered**2).sum(axis=1) ** 1.5)
    ends = {"percentile": np.broadcast_to([[0.025], [0.975]], (2, rows))}
    moved = [bias + z / (1 - skew * z) for z in (bias - 1.959964, bias + 1.959964)]
    ends["BCa"] = special.ndtr(np.array(moved))
    place = {name: np.nan_to_num(q) * (resamples - 1) for name, q in ends.items()}
    return {
        name: [means[np.arange(rows), np.round(where).astype(int)] for where in both]
        for name, both in place.items()
    }


COVERAGE = {  # n: ± 1.96 standard errors, ± 1 standard error, percentile and BCa bootstrap
    3: (0.813, 0.580, 0.753, 0.726),
    5: (0.876, 0.631, 0.836, 0.831),
    8: (0.904, 0.646, 0.883, 0.880),
    10: (0.913, 0.659, 0.897, 0.900),
    20: (0.934, 0.673, 0.925, 0.923),
}


@pytest.mark.parametrize("n", COVERAGE)
def test_other_intervals_cover_less(population, n):
    """The table of the documentation, within the error of 4,000 trials here and there."""
    rng = np.random.default_rng(n)
    truth, found = population.mean(), {"1.96": [], "1": [], "percentile": [], "BCa": []}
    for _ in range(20):
        draws = population[rng.integers(population.size, size=(200, n))]
        draws = draws[np.ptp(draws, axis=1) > 0]
        sem = draws.std(axis=1, ddof=1) / math.sqrt(n)
        away = np.abs(draws.mean(axis=1) - truth)
        found["1.96"].append(away <= 1.96 * sem)
        found["1"].append(away <= sem)
        for name, (low, high) in bootstrap_ends(draws, 1000, rng).items():
            found[name].append((low <= truth) & (truth <= high))
    shares = [float(np.concatenate(hits).mean()) for hits in found.values()]
    errors = [4 * math.sqrt(share * (1 - share) * (2 / 4000)) for share in COVERAGE[n]]
    wrong = [abs(a - b) > e for a, b, e in zip(shares, COVERAGE[n], errors, strict=True)]
    assert not any(wrong), (shares, COVERAGE[n])
