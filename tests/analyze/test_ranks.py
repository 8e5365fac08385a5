"""Ranks, Friedman's test and critical differences against Demšar's published numbers."""

import csv
import math

import numpy as np
import pytest

from epochal.analyze import ranks
from epochal.core.errors import EvidenceError

# Table 5 of Demšar 2006, k = 2 to 10, as the quantiles round.
NEMENYI_05 = (1.960, 2.344, 2.569, 2.728, 2.850, 2.948, 3.031, 3.102, 3.164)
NEMENYI_10 = (1.645, 2.052, 2.291, 2.460, 2.589, 2.693, 2.780, 2.855, 2.920)
DUNN_05 = (1.960, 2.241, 2.394, 2.498, 2.576, 2.638, 2.690, 2.734, 2.773)


@pytest.fixture(scope="module")
def table6(results_data):
    """Accuracy of four variants of C4.5 on 14 data sets, as printed."""
    with (results_data / "demsar2006_table6.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "dataset"]
    assert rows[12]["dataset"] == "voting"
    return {name: np.array([float(row[name]) for row in rows]) for name in names}


@pytest.fixture(scope="module")
def broken(table6):
    """The same with the tie on 'voting' broken for +cf, as the unrounded data must have had it."""
    found = {name: values.copy() for name, values in table6.items()}
    found["C4.5+cf"][12] += 1e-6
    return found


def test_published_ranks(broken):
    """With the tie broken, ranks, χ² and F are the published ones: 9.28 and 3.69."""
    found = ranks.average_ranks(broken)
    assert np.round(found.mean, 3).tolist() == [3.143, 2.000, 2.893, 1.964]
    chi = ranks.friedman(broken, tie_correction=False)
    assert (round(chi.statistic, 4), round(chi.statistic, 2)) == (9.2786, 9.28)
    f = ranks.iman_davenport(broken, tie_correction=False)
    assert (round(f.statistic, 4), round(f.statistic, 2)) == (3.6863, 3.69)
    assert round(f.p, 5) == 0.01982
    assert (chi.n, chi.df) == ((14,), 3.0)
    assert "without tie correction" in chi.method
    assert "df 3 and 39" in f.method


def test_ranks_of_the_rounded_table(table6):
    """With the tie as printed: 9.857 and 3.987; two data sets have ties, and the rule is named."""
    found = ranks.average_ranks(table6)
    assert np.round(found.mean, 3).tolist() == [3.143, 2.000, 2.929, 1.929]
    assert round(ranks.friedman(table6, tie_correction=False).statistic, 3) == 9.857
    assert round(ranks.iman_davenport(table6, tie_correction=False).statistic, 3) == 3.987
    tied = [len(set(row)) < 4 for row in zip(*table6.values(), strict=True)]
    assert found.tied_tasks == sum(tied) > 1
    assert "share the mean of their ranks" in found.tie_rule


def test_tie_correction_is_scipys(table6, broken):
    """With the correction χ² is what SciPy gives: 10.9524 and 10.2283."""
    stats = pytest.importorskip("scipy.stats")
    for scores, chi, p in ((table6, 10.9524, 0.011986), (broken, 10.2283, 0.016722)):
        found = ranks.friedman(scores)
        assert (round(found.statistic, 4), round(found.p, 6)) == (chi, p)
        theirs = stats.friedmanchisquare(*scores.values())
        assert (found.statistic, found.p) == pytest.approx(tuple(theirs))
        assert "with tie correction" in found.method


def test_against_c45(broken):
    """The z of each variant against C4.5 are the published 2.342, .512 and 2.415."""
    pairs = ranks.compare_ranks(broken, test="bonferroni_dunn", control="C4.5").pairs
    found = {pair.a: pair.statistic for pair in pairs}
    expected = {"C4.5+m": -2.342, "C4.5+cf": -0.512, "C4.5+m+cf": -2.415}
    assert found == pytest.approx(expected, abs=6e-4)


def test_critical_differences_of_the_paper():
    """CD of 4 methods on 14 data sets: 1.25 at .05 and 1.12 at .10."""
    assert round(ranks.critical_difference(4, 14), 4) == 1.2536
    assert round(ranks.critical_difference(4, 14, level=0.9), 3) == 1.118


def test_critical_values_of_the_paper():
    """The q for 2 to 10 methods, of Nemenyi at .05 and .10 and of Bonferroni-Dunn at .05."""
    for test, level, expected in (
        ("nemenyi", 0.95, NEMENYI_05),
        ("nemenyi", 0.90, NEMENYI_10),
        ("bonferroni_dunn", 0.95, DUNN_05),
    ):
        found = [ranks.critical_value(k, level=level, test=test) for k in range(2, 11)]
        assert np.round(found, 3).tolist() == list(expected)


def test_diagram_of_the_paper(broken):
    """No two variants differ by the CD of .05; of .10, C4.5 differs from the two with m."""
    strict = ranks.compare_ranks(broken)
    assert strict.cliques == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)
    assert round(strict.critical_difference, 2) == 1.25
    loose = ranks.compare_ranks(broken, level=0.9)
    assert loose.cliques == (("C4.5+m+cf", "C4.5+m", "C4.5+cf"), ("C4.5+cf", "C4.5"))
    assert "Nemenyi" in loose.method
    assert "tie correction" in loose.method
    assert "share the mean of their ranks" in loose.method


def test_bonferroni_dunn_of_the_paper(broken):
    """At .05 C4.5 differs from none (CD 1.17); at .10 (1.04) from both variants with m."""
    strict = ranks.compare_ranks(broken, test="bonferroni_dunn", control="C4.5")
    assert round(strict.critical_difference, 2) == 1.17
    loose = ranks.compare_ranks(broken, test="bonferroni_dunn", control="C4.5", level=0.9)
    assert round(loose.critical_difference, 2) == 1.04
    assert loose.cliques == (("C4.5+cf", "C4.5"),)


def test_pairs_and_bars_agree():
    """A pair is corrected below alpha exactly where its ranks are a critical difference apart."""
    scores = np.random.default_rng(0).normal(size=(15, 6)) + np.arange(6) / 3
    for test, control in (("nemenyi", None), ("bonferroni_dunn", "1")):
        found = ranks.compare_ranks(scores, test=test, control=control)
        apart = [abs(pair.difference) >= found.critical_difference for pair in found.pairs]
        assert [pair.p_corrected <= 0.05 for pair in found.pairs] == apart
        assert {True, False} == set(apart)


def test_wilcoxon_of_the_paper(table6):
    """C4.5+m against C4.5: T = 12, p = 0.01097, zeros split as Demšar does."""
    found = ranks.compare_ranks(table6, test="wilcoxon")
    pair = next(pair for pair in found.pairs if {pair.a, pair.b} == {"C4.5", "C4.5+m"})
    assert pair.statistic == 12
    assert round(pair.p, 5) == 0.01097
    assert found.critical_difference is None
    assert len(found.pairs) == 6
    assert pair.p_corrected == pytest.approx(min(1.0, max(
        (6 - i) * p for i, p in enumerate(sorted(q.p for q in found.pairs)) if p <= pair.p
    )))  # fmt: skip
    assert "holm correction" in pair.method
    assert "zsplit" in pair.method


def test_wilcoxon_does_not_depend_on_the_others(table6):
    """The p of a pair stays when a method is taken away; its mean ranks do not."""
    fewer = {name: table6[name] for name in ("C4.5", "C4.5+m")}
    two, four = (ranks.compare_ranks(table, test="wilcoxon") for table in (fewer, table6))
    assert two.pairs[0].p == four.pairs[0].p
    assert two.pairs[0].difference != four.pairs[0].difference


def test_numbers_of_scikit_posthocs():
    """Nemenyi's p on made-up scores, typed from scikit-posthocs 0.17.1."""
    scores = np.random.default_rng(1).normal(size=(12, 4))
    found = [pair.p_corrected for pair in ranks.compare_ranks(scores).pairs]
    expected = [0.858779, 0.778483, 0.858779, 0.998593, 1.0, 0.998593]
    assert found == pytest.approx(expected, abs=1e-6)


def test_goal_turns_ranks():
    """Less is better gives the ranks of the negated scores; infinite is last."""
    scores = {"a": [1.0, math.inf, 3.0], "b": [2.0, 5.0, 3.0]}
    found = ranks.average_ranks(scores, goal="minimize")
    assert found.ranks.tolist() == [[1, 2], [2, 1], [1.5, 1.5]]
    turned = ranks.average_ranks({name: -np.array(values) for name, values in scores.items()})
    assert turned.ranks.tolist() == found.ranks.tolist()
    assert (found.goal, turned.goal) == ("minimize", "maximize")


def test_methods_in_the_same_order_everywhere():
    """χ² is at its largest, n(k-1), and F infinite."""
    scores = np.arange(4.0) + np.arange(5.0)[:, None]
    assert ranks.friedman(scores).statistic == pytest.approx(15)
    f = ranks.iman_davenport(scores)
    assert (f.statistic, f.p) == (math.inf, pytest.approx(1 / 24**4))  # one order of 4! in each


def test_cliques_are_maximal_neighbors():
    """Bars inside others and single methods are left out; a bar never spans two that differ."""
    names = tuple("abcd")
    differ = np.zeros((4, 4), dtype=bool)
    assert ranks.cliques(names, [4, 3, 2, 1], differ) == (("d", "c", "b", "a"),)
    assert ranks.cliques(names, [1, 2, 3, 4], ~np.eye(4, dtype=bool)) == ()
    differ[1, 2] = differ[2, 1] = True
    assert ranks.cliques(names, [1, 2, 3, 4], differ) == (("a", "b"), ("c", "d"))
    with pytest.raises(EvidenceError, match="4 names need"):
        ranks.cliques(names, [1, 2], differ)


def test_what_so_few_tasks_cannot_show():
    """Where no p can be small enough, the result says so, and finds no difference."""
    scores = np.arange(3.0) + np.arange(5.0)[:, None]
    found = ranks.compare_ranks(scores, test="wilcoxon")
    assert "no pair can reach 0.05 with 5 tasks" in found.guards[0]
    assert found.cliques == (("3", "2", "1"),)
    assert ranks.compare_ranks(np.tile(scores, (3, 1)), test="wilcoxon").guards == ()
    alike = ranks.compare_ranks([[1, 2, 3], [3, 1, 2], [2, 3, 1]])
    assert any("finds no difference at all" in guard for guard in alike.guards)


def test_equal_methods_are_a_pair_without_a_difference():
    """Two methods that are equal on every task have p = 1 by signed ranks."""
    scores = {"a": np.arange(8.0), "b": np.arange(8.0), "c": np.arange(8.0) + 1}
    found = ranks.compare_ranks(scores, test="wilcoxon")
    assert next(pair for pair in found.pairs if (pair.a, pair.b) == ("a", "b")).p == 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ranks.friedman({"a": [1.0, 2.0]}), "one method, 'a'"),
        (lambda: ranks.friedman([[1.0, 2.0]]), "one task"),
        (lambda: ranks.friedman([[1.0, 1.0], [2.0, 2.0]]), "equal on every task"),
        (lambda: ranks.friedman([[1.0, math.nan], [2.0, 2.0]]), "NaN"),
        (lambda: ranks.compare_ranks([[1, 2], [2, 1]], test="nemeny"), "did you mean 'nemenyi'"),
        (lambda: ranks.compare_ranks([[1, 2], [2, 1]], test="bonferroni_dunn"), "needs control"),
        (lambda: ranks.compare_ranks([[1, 2], [2, 1]], control="1"), "takes no control"),
        (lambda: ranks.critical_value(1), "k=1"),
        (lambda: ranks.critical_difference(3, 0), "n=0"),
        (
            lambda: ranks.compare_ranks(
                {"adam": [1, 2], "sgd": [2, 1]}, test="bonferroni_dunn", control="adm"
            ),
            "did you mean 'adam'",
        ),
    ],
)
def test_what_cannot_be_used(call, words):
    """What has no answer gets an error that says why."""
    with pytest.raises(EvidenceError, match=words):
        call()
