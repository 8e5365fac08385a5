"""Verdicts: right on published numbers, as often as promised, and never more than is known."""

import itertools
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from published import NEW_LOSS, NEW_TIME, OLD_LOSS, OLD_TIME

import epochal
from epochal.analyze.compare_runs import compare
from epochal.analyze.equivalence import tost
from epochal.analyze.groups import Group, Groups
from epochal.analyze.judging import Plan, judge, judge_all
from epochal.analyze.planning import seeds_needed, seeds_range
from epochal.cli import main
from epochal.core.errors import EvidenceError, MetricNotFoundError

CLOSE = ([2.31, 2.33, 2.30], [2.30, 2.34, 2.33])
APART = ([2.31, 2.33, 2.30, 2.32, 2.29], [2.47, 2.50, 2.45, 2.46, 2.49])


def groups(metric="loss", goal="minimize", seeds=None, **scores):
    """Groups of plain numbers."""
    made = [Group.of(name, values, seeds and seeds[name]) for name, values in scores.items()]
    return Groups(tuple(made), metric, goal=goal)


def only(found):
    """The verdict of a comparison of two groups."""
    (verdict,) = found.verdicts
    return verdict


def of(x, y, goal="minimize", **plan):
    """The verdict on x as "a" against y as "b"."""
    return judge(groups(goal=goal, a=x, b=y), Plan(**plan)).verdict("a", "b")


def test_published_times():
    """The time of the published comparison: faster, with its interval and percentage."""
    found = only(judge(groups("train time", new=NEW_TIME, old=OLD_TIME), Plan(baseline="old")))
    assert (found.a, found.word) == ("new", "better")
    assert found.p == pytest.approx(4.9124e-12, rel=1e-4)
    assert found.difference.value == pytest.approx(-1.0437, abs=5e-5)
    assert found.difference.low == pytest.approx(-1.158397, abs=5e-7)
    assert found.difference.high == pytest.approx(-0.928987, abs=5e-7)
    assert found.percent == pytest.approx(-1.2928, abs=5e-5)
    assert found.effect == pytest.approx(-7.36660341)
    assert found.probability == 1.0
    assert str(found) == (
        "new is better than old: train time 79.68 against 80.73, lower by 1.04 (95 % interval 0.93"
        " to 1.16, Welch t, p < 0.001, n = 13 and 13)."
    )


def test_published_losses():
    """The loss of the published comparison: no change, and many seeds would be needed."""
    found = of(NEW_LOSS, OLD_LOSS)
    assert found.word == "undecided"
    assert found.p == pytest.approx(0.8587465, abs=5e-8)
    assert found.effect == pytest.approx(0.06841660)
    assert 1 - found.probability == pytest.approx(0.58284024)
    assert found.seeds_needed[0] > 1000
    assert (
        "undecided. The difference in loss is 0.0001 (95 % interval -0.0013 to 0.0015), p = 0.859"
        in str(found)
    )
    assert str(found).endswith(
        "more than 1,000 seeds each are needed to show a difference of this size (power 0.8)."
    )


def test_published_losses_are_equivalent_within_a_margin():
    """With a margin that was fixed before, the same losses are equivalent."""
    found = of(NEW_LOSS, OLD_LOSS, margin=0.004)
    assert found.word == "equivalent"
    assert "a and b are equivalent within 0.004: loss 3.2784 against 3.2782" in str(found)
    assert of(NEW_LOSS, OLD_LOSS, margin=0.0005).word == "undecided"


def test_swapping_names_flips_the_word():
    """Whoever is named first, the evidence is the same, in both directions."""
    rng = np.random.default_rng(3)
    flipped = {
        "better": "worse",
        "worse": "better",
        "undecided": "undecided",
        "equivalent": "equivalent",
    }
    seen: set[str] = set()
    for trial in range(60):
        x, y = rng.normal(0, 1, 4 + trial % 3), rng.normal(trial % 4, 1, 5)
        plan = {"margin": [None, 0.5, 8.0][trial % 3], "test": [None, "mann_whitney"][trial % 2]}
        one, other = of(x, y, **plan), of(y, x, **plan)
        assert other.word == flipped[one.word]
        assert other.p == pytest.approx(one.p)
        assert other.difference.value == pytest.approx(-one.difference.value)
        assert other.probability == pytest.approx(1 - one.probability)
        assert other.seeds_needed == one.seeds_needed
        back = one.flipped().flipped()
        assert (back.a, back.word, back.difference) == (one.a, one.word, one.difference)
        seen |= {one.word, other.word}
    assert seen == {"better", "worse", "undecided", "equivalent"}


def test_verdicts_do_not_depend_on_units():
    """Scaled by any factor the word and p stay; with the sign turned, so does the goal."""
    rng = np.random.default_rng(4)
    for trial in range(40):
        x, y = rng.normal(5, 1, 5), rng.normal(5 + trial % 3, 1, 4)
        usual = of(x, y, margin="10 %")
        for factor in (1e-12, 0.37, 1e9):
            scaled = of(x * factor, y * factor, margin="10 %")
            assert (scaled.word, scaled.seeds_needed) == (usual.word, usual.seeds_needed)
            assert scaled.p == pytest.approx(usual.p)
            assert scaled.effect == pytest.approx(usual.effect)
        turned = of(-x, -y, goal="maximize", margin="10 %")
        assert turned.word == usual.word
        assert turned.probability == pytest.approx(usual.probability)


@pytest.mark.parametrize(
    ("n", "k", "paired", "draw"),
    [
        (3, 2, False, "normal"), (5, 2, False, "normal"), (5, 2, True, "normal"),
        (5, 2, False, "skewed"), (4, 3, False, "normal"), (3, 4, False, "normal"),
    ],
)  # fmt: skip
def test_false_claims_are_as_rare_as_promised(n, k, paired, draw):
    """Of families of settings without a true difference at most 5.5 % have a false claim."""
    trials = 3000 if k == 2 else 1000
    rng = np.random.default_rng([n, k, paired])
    normal = rng.normal(size=(trials, k, n))
    scores = np.exp(normal / 3) if draw == "skewed" else normal
    seeds = {f"g{i}": list(range(n)) for i in range(k)} if paired else None
    claims = 0
    for family in scores:
        named = {f"g{i}": row for i, row in enumerate(family)}
        found = judge(groups(seeds=seeds, **named))
        assert all(v.paired is paired for v in found.verdicts)
        claims += any(v.word in ("better", "worse") for v in found.verdicts)
    assert claims / trials <= 0.055


def test_false_claims_on_real_seeds(results_data):
    """Five against five of 1,261 real losses of one setting: at most 5.5 % false claims."""
    lists = json.loads((results_data / "modded_nanogpt/published_seed_lists.json").read_text())
    (real,) = [each["values"] for each in lists if each["n"] == 1261]
    trials = np.random.default_rng(1261).choice(real, size=(3000, 2, 5))
    claims = sum(of(x, y).word != "undecided" for x, y in trials)
    assert 0.02 < claims / len(trials) <= 0.055


def test_true_differences_are_found():
    """A difference of three standard deviations is found at five seeds in most of the cases."""
    rng = np.random.default_rng(1)
    trials = rng.normal(size=(200, 2, 5)) + np.array([[0.0], [3.0]])
    words = [of(x, y).word for x, y in trials]
    assert words.count("better") > 0.95 * len(words)
    assert words.count("worse") == 0


def test_equivalence_is_claimed_as_rarely_as_promised():
    """At a true difference of exactly the margin, equivalence is claimed in at most 5.5 %."""
    rng = np.random.default_rng(2)
    trials = rng.normal(size=(3000, 2, 6)) + np.array([[0.0], [2.5]])
    claims = sum(of(x, y, margin=2.5).word == "equivalent" for x, y in trials)
    assert 0.01 < claims / len(trials) <= 0.055


def test_a_significant_difference_within_the_margin():
    """It is not better, and equivalent if that is shown too."""
    x = np.array([1.0, 1.01, 0.99, 1.0, 1.01])
    assert of(x, x + 0.1).word == "better"
    assert of(x, x + 0.1, margin=0.2).word == "equivalent"
    near = of(x, x + 0.1, margin=0.1001)
    assert near.word == "undecided"
    assert any("within the margin of 0.1001 or beyond" in guard for guard in near.guards)
    assert "seeds each are needed to show that it is within 0.1001 (power 0.8)" in str(near)


def test_margins():
    """A percentage is of the baseline, else of the mean over the groups."""
    x, y = [1.0, 1.1, 0.9], [3.0, 3.1, 2.9]
    assert judge(groups(a=x, b=y), Plan(margin="10 %")).margin == pytest.approx(0.2)
    assert judge(groups(a=x, b=y), Plan(margin="10%", baseline="b")).margin == pytest.approx(0.3)
    for wrong in ("10", "-1 %", "x %", 0, -1.0, math.nan):
        with pytest.raises(EvidenceError, match="margin"):
            judge(groups(a=x, b=y), Plan(margin=wrong))
    with pytest.raises(EvidenceError, match="mean of 0"):
        judge(groups(a=[-1.0, 1.0], b=[-2.0, 2.0]), Plan(margin="1 %"))


def test_one_run_says_nothing():
    """Of a single run there is no test, no interval and no number of seeds."""
    for x, y in (([1.0], [9.0]), ([1.0], [9.0, 9.1, 9.2])):
        found = of(x, y)
        assert (found.word, found.seeds_needed) == ("undecided", None)
        assert math.isnan(found.p)
        assert math.isnan(found.difference.low)
        assert "one run alone says nothing of chance" in str(found)
        assert found.difference.value == pytest.approx(np.mean(x) - np.mean(y))


def test_what_a_test_cannot_reach_is_refused():
    """Mann-Whitney of 3 against 3 gives no p, at whatever numbers."""
    found = of([1.0, 1.1, 1.2], [9.0, 9.1, 9.2], test="mann_whitney")
    assert found.word == "undecided"
    assert math.isnan(found.p)
    assert found.guards == (
        "Mann-Whitney U cannot reach 0.05 with 3 against 3: its smallest p is 0.10",
    )
    assert "its smallest p is 0.10." in str(found)
    assert of([1.0, 1.1, 1.2, 1.3], [9.0, 9.1, 9.2, 9.3], test="mann_whitney").word == "better"
    assert math.isnan(of(*CLOSE, test="permutation").p)
    five = {name: range(5) for name in "ab"}
    pairs = judge(groups(seeds=five, a=APART[0], b=APART[1]), Plan(test="wilcoxon"))
    assert "5 pairs: its smallest p is 0.06" in only(pairs).guards[-1]


def test_what_cannot_be_reached_after_correction_is_said():
    """Three comparisons at 4 against 4: 0.0286 becomes 0.086, whatever the numbers."""
    named = {f"g{i}": np.arange(4.0) + 10 * i for i in range(3)}
    found = judge(groups(**named), Plan(test="mann_whitney"))
    assert {v.word for v in found.verdicts} == {"undecided"}
    assert any("cannot reach 0.05 with these n over 3 comparisons" in g for g in found.guards)


def test_runs_without_spread():
    """Where nothing varies there is no test, and it is asked whether the seed does anything."""
    same = of([2.0] * 3, [2.0] * 3)
    assert (same.word, same.difference.value, same.effect) == ("undecided", 0.0, 0.0)
    assert "all runs of both sides have the same value 2" in str(same)
    apart = of([2.0] * 3, [3.0] * 3)
    assert apart.word == "undecided"
    assert "all runs of one side have 2 and all of the other 3" in str(apart)
    assert of([2.0] * 5, [3.0] * 5, test="permutation").word == "better"
    one = judge(groups(a=[2.0] * 4, b=APART[1]))
    assert only(one).word == "better"
    assert any("a: all 4 runs have the same value 2" in guard for guard in one.guards)
    shifted = of([1.0, 2.0, 4.0], [2.0, 3.0, 5.0])
    assert shifted.word == "undecided"
    seeds = {name: range(3) for name in "ab"}
    pairs = only(judge(groups(seeds=seeds, a=[1.0, 2.0, 4.0], b=[2.0, 3.0, 5.0])))
    assert "all pairs differ by -1" in str(pairs)


def test_rounding_is_no_spread():
    """Values that differ in their last bit only are equal; nothing is claimed from that."""
    for y in ([0.3, 0.1 + 0.2, 0.3], [0.4, 0.1 + 0.3, 0.4]):
        found = of([0.1 + 0.2, 0.3, 0.3], y)
        assert found.word == "undecided"
        assert math.isnan(found.p)


def test_means_and_ranks_that_disagree():
    """An outlier turns the mean but not the ranks: no word is given, and both are said."""
    x, y = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 30.0], [2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6]
    found = of(x, y, test="mann_whitney")
    assert found.p < 0.05
    assert found.word == "undecided"
    assert any("opposite directions" in guard for guard in found.guards)
    assert of(x[:-1], y, test="mann_whitney").word == "better"
    seeds = {name: range(10) for name in "ab"}
    x, y = [*np.linspace(1, 2, 9), 90.0], np.linspace(3, 5, 10)
    pairs = judge(groups(seeds=seeds, a=x, b=y), Plan(test="wilcoxon", level=0.8)).verdict("a", "b")
    assert pairs.p < 0.2
    assert pairs.word == "undecided"


def test_pairing_where_it_is_real():
    """Equal seeds on both sides make pairs; a seed that is missing on one side does not."""
    noise = np.array([0.0, 3.0, -4.0, 7.0, 1.0])
    x, y = 10 + noise, 10.5 + noise + np.array([0.1, -0.1, 0.0, 0.05, 0.02])
    orders = {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 3, 4]}
    found = only(judge(groups(seeds=orders, a=x, b=y)))
    assert (found.word, found.paired, found.test, found.n) == ("better", True, "paired_t", (5, 5))
    assert "paired t, p < 0.001, n = 5 pairs" in str(found)
    shuffled = {"a": [0, 1, 2, 3, 4], "b": [4, 3, 2, 1, 0]}
    assert only(judge(groups(seeds=shuffled, a=x, b=y[::-1]))).p == pytest.approx(found.p)
    assert of(x, y).test == "welch"
    ignored = only(judge(groups(seeds=orders, a=x, b=y), Plan(paired=False)))
    assert ignored.test == "welch"
    assert any("the same seeds, but are not paired" in guard for guard in ignored.guards)
    other = {"a": [0, 1, 2, 3, 4], "b": [0, 1, 2, 3, 9]}
    assert not only(judge(groups(seeds=other, a=x, b=y))).paired
    forced = only(judge(groups(seeds=other, a=x, b=y), Plan(paired=True)))
    assert forced.n == (4, 4)
    assert any("2 runs without a partner" in guard for guard in forced.guards)
    with pytest.raises(EvidenceError, match="no runs with the same seed"):
        of(x, y, paired=True)


def test_pairing_by_roles():
    """Seeds by role pair by data, split or initialization, not by what has nothing in common."""

    def paired(a, b):
        return only(judge(groups(seeds={"a": a, "b": b}, a=CLOSE[0], b=CLOSE[1]))).paired

    data = [{"data": i, "init": i} for i in range(3)]
    assert paired(data, data)
    assert paired(data, [{"data": i, "init": 7 + i} for i in range(3)])
    assert not paired([{"dropout": i} for i in range(3)], [{"dropout": i} for i in range(3)])
    assert not paired(data, [{"data": 0, "init": 7 + i} for i in range(3)])


def test_tests_that_do_not_fit():
    """An unknown test, and one that contradicts `paired`, are refused with what would fit."""
    with pytest.raises(EvidenceError, match="did you mean 'welch'"):
        of(*CLOSE, test="welsh")
    with pytest.raises(EvidenceError, match="use paired_t, wilcoxon"):
        of(*CLOSE, test="welch", paired=True)
    with pytest.raises(EvidenceError, match="correction"):
        of(*CLOSE, correction="hulm")
    with pytest.raises(EvidenceError, match="level"):
        of(*CLOSE, level=95)


def test_random_relabeling_is_reproducible():
    """The same rng gives the same p, to the bit."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=12), rng.normal(size=12)
    assert of(x, y, test="permutation", rng=7).p == of(x, y, test="permutation", rng=7).p


def test_correction_over_pairs():
    """Holm over all pairs, and over those with the baseline only."""
    named = {"a": APART[0], "b": APART[1], "c": [v + 0.01 for v in APART[0]]}
    every = judge(groups(**named))
    assert [(v.a, v.b) for v in every.verdicts] == [("a", "c"), ("a", "b"), ("c", "b")]
    p = sorted(v.p for v in every.verdicts)
    holm = [3 * p[0], max(3 * p[0], 2 * p[1]), max(3 * p[0], 2 * p[1], p[2])]
    assert sorted(v.p_corrected for v in every.verdicts) == pytest.approx(holm)
    assert "after Holm over 3 comparisons" in str(every.verdicts[1])
    based = judge(groups(**named), Plan(baseline="b"))
    assert [(v.a, v.b, v.word, v.comparisons) for v in based.verdicts] == [
        ("a", "b", "better", 2), ("c", "b", "better", 2),
    ]  # fmt: skip
    assert every.best == based.best == "a"
    assert every.not_worse == based.not_worse == ("a", "c")
    with pytest.raises(EvidenceError, match="baseline"):
        judge(groups(**named), Plan(baseline="z"))


def test_without_correction_there_is_a_guard():
    """Several uncorrected p-values are told; one is not."""
    three = groups(a=APART[0], b=APART[1], c=CLOSE[0])
    assert any(
        "3 comparisons are not corrected" in g for g in judge(three, Plan(correction="none")).guards
    )
    two = groups(a=APART[0], b=APART[1])
    assert not any("corrected" in g for g in judge(two, Plan(correction="none")).guards)


def test_alone_significant_but_not_together():
    """What correction takes away is explained."""
    named = {"a": [1.0, 1.1, 1.2, 1.1], "b": [1.2, 1.3, 1.4, 1.2]}
    named |= {f"c{i}": [1.0 + i, 1.3, 1.5, 0.8] for i in range(2)}
    found = judge(groups(**named)).verdict("a", "b")
    assert found.p < 0.05 <= found.p_corrected
    assert any("alone p would be" in guard for guard in found.guards)


def test_correction_over_metrics():
    """Several metrics in one call are corrected together."""
    both = [
        groups("loss", a=APART[0], b=APART[1]),
        groups("acc", "maximize", a=CLOSE[0], b=CLOSE[1]),
    ]
    found = judge_all(both)
    assert [only(each).comparisons for each in found] == [2, 2]
    assert only(found[0]).p_corrected == pytest.approx(2 * only(found[0]).p)
    plain = judge_all(both, Plan(correction="none"))
    assert any("2 comparisons of 2 metrics are not corrected" in g for g in plain[0].guards)


def test_seeds_needed():
    """Undecided says about how many seeds, more than there are, fewer for a clearer difference."""
    unclear = of([1.0, 1.2, 1.1], [1.1, 1.3, 1.25])
    low, high = unclear.seeds_needed
    assert 3 < low < high
    assert f"in all about {low} to {high} seeds each are needed" in str(unclear)
    clearer = of([1.0, 1.2, 1.1], [1.15, 1.35, 1.3])
    assert clearer.seeds_needed < unclear.seeds_needed
    assert of(*APART).seeds_needed is None


def test_guards_of_size_and_selection():
    """Few runs, different n and selection on the tested metric are said."""
    found = judge(groups(a=[1.0, 2.0], b=[1.0, 2.0, 3.0]))
    assert any("n = a 2" in guard for guard in found.guards)
    assert any("n differs: a 2, b 3" in guard for guard in found.guards)
    three = (Group.of("a", [1.0, 2.0, 3.0]), Group.of("b", [1.0, 2.0, 4.0]))
    for statistic, goal, flagged in (
        ("best", "minimize", True), ("min", "minimize", True), ("max", "minimize", False),
        ("max", "maximize", True), ("last", "minimize", False),
    ):  # fmt: skip
        said = judge(Groups(three, "loss", statistic, goal)).guards
        assert any("chosen on the tested metric" in guard for guard in said) is flagged


def test_a_group_without_runs_is_shown_but_not_compared():
    """Nothing is said of it; the others are compared."""
    empty = Group("none", "none")
    found = judge(Groups((empty, *groups(a=APART[0], b=APART[1])), "loss"))
    assert (only(found).word, found.best, found.not_worse) == ("better", "a", ("a",))
    assert found.table()[0]["n"] == 0
    assert math.isnan(found.groups["none"].estimate.value)
    assert "NaN" in found.to_markdown()
    with pytest.raises(EvidenceError, match="no run of the baseline"):
        judge(Groups((empty, *groups(a=APART[0])), "loss"), Plan(baseline="none"))


def test_one_group_has_an_estimate():
    """There is nothing to compare, which is said, but the mean and its interval are there."""
    found = judge(groups(a=APART[0]))
    assert (found.verdicts, found.best) == ((), "a")
    assert any("one group only" in guard for guard in found.guards)
    assert found.groups["a"].estimate.n == 5


HOSTILE = [r"\input{x}_%$", "<b>|a|</b>", "**_`x`_**"]


def test_every_form_has_the_numbers():
    """Table, Markdown, LaTeX, text and JSON agree; the best are marked, names stay literal."""
    values = [APART[0], APART[1], [v + 0.01 for v in APART[0]]]
    made = Groups(tuple(map(Group.of, HOSTILE, values)), "val/loss_%")
    found = judge(made)
    assert found.not_worse == (HOSTILE[0], HOSTILE[2])
    assert [row["not_worse"] for row in found.table()] == [True, False, True]
    markdown, latex = found.to_markdown(), found.to_latex()
    assert markdown.count("**2.3") == 2
    assert "<b>" not in markdown
    assert latex.count(r"\mathbf") == 2
    body = [line for line in latex.splitlines() if not line.startswith("%")]
    assert r"\input{" not in "\n".join(body)
    assert "interval of last" in "\n".join(body)
    data = json.loads(json.dumps(found.to_dict()))
    assert [row["scores"] for row in data["groups"]] == values
    assert [v["word"] for v in data["verdicts"]] == [v.word for v in found.verdicts]
    assert str(found.verdicts[0]) in str(found)
    assert found.verdict(HOSTILE[1], HOSTILE[0]).word == "worse"
    with pytest.raises(EvidenceError, match="not compared"):
        found.verdict("a", "b")


@pytest.mark.parametrize("scale", [1e-14, 1e-6, 1.0, 1e7, 1e13])
def test_sentences_at_any_scale(scale):
    """Tiny and huge numbers get an exponent, not a row of zeros."""
    sentence = str(of(np.array(APART[0]) * scale, np.array(APART[1]) * scale))
    assert "better" in sentence
    assert "00000" not in sentence
    assert len(sentence) < 190


# -- from runs -----------------------------------------------------------------------------------


def record(base, name, value, *, seed=None, state="finished", metrics=None, **config):
    """Record a run that ends at a value; gives its folder."""
    run = epochal.init(project="p", name=name, dir=str(base), config=config, seed=seed,
                       follow="off", capture_environment=False)  # fmt: skip
    run.log({"val/loss": value + 1, **{k: v + 1 for k, v in (metrics or {}).items()}}, step=1)
    run.log({"val/loss": value, **(metrics or {})}, step=2)
    run.finish(state)
    return run.dir


@pytest.fixture
def study(tmp_path):
    """A folder of two optimizers with five seeds each, and a failed run."""
    base = tmp_path / "runs"
    for name, scores in (("adamw", APART[0]), ("sgd", APART[1])):
        for seed, score in enumerate(scores):
            acc = {"acc": 0.5 + 0.01 * seed + 0.002 * (seed * 3 % 5) * (name == "sgd")}
            record(base, f"{name}-{seed}", score, seed=seed, metrics=acc, optimizer=name, lr=0.1)
    record(base, "sgd-5", 9.0, seed=5, state="failed", optimizer="sgd", lr=0.1)
    return base


def test_compare_takes_anything_that_has_runs(study):
    """A folder, a project, its runs, a list of runs, of folders, or of both give the same."""
    project = epochal.open(study)
    runs = project.runs()
    forms = [study, str(study), project, runs, list(runs), [run.dir for run in runs],
             [study / "p"], [runs[0], *(run.dir for run in runs[1:])]]  # fmt: skip
    found = [compare(form, "val/loss", by="config.optimizer") for form in forms]
    assert {str(each.verdicts[0]) for each in found} == {str(found[0].verdicts[0])}
    assert len({each.data_sha256 for each in found}) == 1
    assert found[0].groups["adamw"].estimate.n == 5
    assert only(found[0]).paired
    assert any("sgd: 1 of 6 runs left out (sgd-5 failed" in guard for guard in found[0].guards)
    assert compare(list(runs)[-1:], "val/loss").best == "all"


def test_compare_several_metrics(study):
    """A list of metrics gives a mapping; options may be by metric."""
    found = compare(
        study, ["val/loss", "acc"], goal={"acc": "maximize"}, statistic={"acc": "max"},
        margin={"acc": 0.05},
    )  # fmt: skip
    assert list(found) == ["val/loss", "acc"]
    assert [found[m].goal for m in found] == ["minimize", "maximize"]
    assert [found[m].statistic for m in found] == ["last", "max"]
    assert [found[m].margin for m in found] == [None, 0.05]
    assert only(found["val/loss"]).comparisons == 2
    assert not any("in another call" in g for each in found.values() for g in each.guards)


def test_metrics_one_by_one_are_noticed(study):
    """A second metric in a call of its own on the same runs is told, as nothing corrects for it."""
    compare(study, "val/loss")
    found = compare(study, "acc", goal="maximize")
    assert any("val/loss was compared on the same groups too" in g for g in found.guards)


def test_looks_are_counted(study):
    """Looking at more runs is another look, looking again is none; run folders stay as they are."""
    before = sorted(study.rglob("*"))
    assert [compare(study, "val/loss").looks for _ in range(2)] == [1, 1]
    assert sorted(study.rglob("*")) == before
    record(study, "sgd-6", 2.48, seed=6, optimizer="sgd", lr=0.1)
    again = compare(study, "val/loss")
    assert again.looks == 2
    assert any("this is look 2" in guard for guard in again.guards)


def test_looks_that_cannot_be_counted(study, monkeypatch, tmp_path):
    """An unwritable cache folder changes nothing but that."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = compare([epochal.open(study, cache_dir=str(tmp_path / "c")).runs()[-1]], "val/loss")
    assert found.looks is None
    assert any("not counted" in guard for guard in found.guards)


def test_compare_says_what_is_wrong(study):
    """Names that nothing has are errors with a hint."""
    with pytest.raises(MetricNotFoundError, match="val/loss"):
        compare(study, "val/los", goal="minimize")
    with pytest.raises(EvidenceError, match="metric="):
        compare(study, [])
    with pytest.raises(EvidenceError, match="'adamw'"):
        compare(study, "val/loss", baseline="adamW")


def test_a_changed_value_changes_the_hash(study):
    """The hash of the data stands for every recorded value."""
    before = compare(study, "val/loss").data_sha256
    record(study, "adamw-0", 2.31, seed=0, optimizer="adamw", lr=0.1)
    after = compare(study, "val/loss")
    assert after.data_sha256 != before
    assert any("rerun" in guard for guard in after.guards)


def test_many_settings_are_no_obstacle():
    """A hundred settings with one run each: every pair is undecided."""
    named = {f"g{i}": [float(i)] for i in range(120)}
    found = judge(groups(**named))
    assert {v.word for v in found.verdicts} == {"undecided"}
    assert len(found.verdicts) == len(list(itertools.combinations(named, 2)))


def test_p_of_exactly_alpha_is_not_below_it():
    """0.05 is not below 0.05, though 1 - 0.95 is a float above it."""
    found = of([1.0, 2.0, 5.0], [3.5, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0], test="permutation")
    assert found.p == pytest.approx(0.05, abs=1e-15)
    assert found.word == "undecided"


def test_the_interval_is_that_of_the_test():
    """Student's test stands beside Student's interval: both leave 0 out, or neither does."""
    x, y = [1.0, 2.0, 3.0, 2.5], [2.9, 3.1]
    found = of(x, y, test="student")
    assert found.difference.method == "Student t interval"
    for level in (0.5, 0.6, 0.7, 0.8, 0.9):
        one = of(x, y, test="student", level=level)
        assert (one.p < 1 - level) == (one.difference.high < 0)


def test_seeds_needed_can_reach_alpha_by_the_test():
    """A test by ranks needs so many seeds that its smallest p, corrected, is below alpha."""
    rng = np.random.default_rng(0)
    ten = {f"g{i}": (10 * i + rng.normal(size=4)).tolist() for i in range(10)}
    found = judge(groups(**ten), Plan(test="mann_whitney")).verdict("g0", "g9")
    assert found.word == "undecided"
    low, _ = found.seeds_needed
    assert 45 * 2 / math.comb(2 * low, low) < 0.05 <= 45 * 2 / math.comb(2 * low - 2, low - 1)


def test_seeds_needed_to_show_that_nothing_differs():
    """Equal means can be shown to lie within a margin; both one-sided tests must succeed."""
    x, y = [1.0, 2.0, 3.0], [1.5, 2.0, 2.5]
    found = of(x, y, margin=0.5)
    assert found.difference.value == 0
    assert found.seeds_needed == seeds_range(x, y, difference=0.5, level=0.9, power=0.9)
    n = seeds_needed(0.5, 0.9, level=0.9)  # at a standard deviation of 1
    rng = np.random.default_rng(0)
    shown = [tost(*rng.normal(size=(2, n)), margin=0.5).p < 0.05 for _ in range(400)]
    assert 0.74 < np.mean(shown) < 0.86


def test_chance_without_correction_is_that_of_the_level():
    """At 0.99 one of three comparisons is below 0.01 in up to 3 % of the cases."""
    three = groups(a=[1.0, 2.0], b=[1.5, 2.0], c=[1.0, 3.0])
    found = judge(three, Plan(correction="none", level=0.99))
    assert any("below 0.01 in up to 3 % of the cases" in guard for guard in found.guards)


def test_one_is_not_called_several():
    """One pair, one run without a partner."""
    alone = judge(groups(a=[1.0], b=[2.0], seeds={"a": [0], "b": [0]}))
    assert "(n = 1 pair)" in str(only(alone))
    seeds = {"a": [0, 1, 2], "b": [0, 1]}
    found = judge(groups(a=[1.0, 2.0, 3.5], b=[2.0, 3.5], seeds=seeds), Plan(paired=True))
    assert any("1 run without a partner of the same seed is not" in g for g in found.guards)


def test_a_group_without_runs_makes_no_other_one_bold():
    """Bold sets the best apart from what is worse, not from what nobody could measure."""
    empty = judge(groups(a=[1.0, 1.1, 1.2], b=[]))
    assert not any("bold" in note for note in empty.cells()[2])
    assert "**" not in empty.to_markdown()
    one = judge(groups(a=[1.0, 1.1, 1.2], b=[1.3], c=[9.0, 9.1, 9.2]))
    assert [rows[1].bold for rows in one.cells()[1]] == [True, False, False]
    assert "bold: the best and all of several runs" in one.to_markdown()


@pytest.mark.parametrize("plan", [{}, {"baseline": "g0"}, {"margin": 0.5}, {"paired": True}])
def test_false_claims_of_several_metrics_of_ten_groups(plan):
    """The family is all pairs of all metrics, or all with the baseline."""
    rng, wrong = np.random.default_rng(7), 0
    seeds = {f"g{i}": range(4) for i in range(10)}
    for _ in range(60):
        family = [
            groups(metric, seeds=seeds, **{name: rng.normal(size=4) for name in seeds})
            for metric in ("loss", "error")
        ]
        found = judge_all(family, Plan(**{"paired": False, **plan}))
        verdicts = [verdict for each in found for verdict in each.verdicts]
        assert len(verdicts) == (18 if "baseline" in plan else 90)
        assert {verdict.comparisons for verdict in verdicts} == {len(verdicts)}
        wrong += any(verdict.word in ("better", "worse") for verdict in verdicts)
    assert wrong <= 7  # of 60; more than 7 at 5 % happens once in 100 times


def test_equal_means_are_both_the_best_on_the_command_line(tmp_path):
    """Of settings with the same mean none is preferred to the other."""
    for name in ("adamw", "sgd"):
        for seed in range(2):
            record(tmp_path, f"{name}-{seed}", 2.0 + seed, seed=seed, optimizer=name)
    lines = CliRunner().invoke(main, ["compare", str(tmp_path), "val/loss"]).stdout.splitlines()
    rows = [line for line in lines if line.startswith(("adamw ", "sgd "))]
    assert [row.split()[-1] for row in rows] == ["best", "best"]


def test_what_many_pairs_share_is_said_once():
    """Ten groups have 45 pairs, but not 45 times the same guard; each verdict has its own."""
    seeds = {f"g{i}": [0, 1, 2] for i in range(10)}
    ten = groups(seeds=seeds, **{name: [1.0, 2.0, 4.0] for name in seeds})
    found = judge(ten, Plan(test="mann_whitney"))
    assert "45 of 45 pairs: both sides have the same seeds, but are not paired" in found.guards
    assert len(found.guards) < 5
    assert all(any("not paired" in g for g in verdict.guards) for verdict in found.verdicts)


def test_equivalence_names_its_correction_where_the_test_says_nothing():
    """Mann-Whitney says nothing of 3 against 3, but three pairs are tested for equivalence."""
    rng = np.random.default_rng(0)
    three = groups(**{name: 1 + 0.001 * rng.normal(size=3) for name in "abc"})
    found = judge(three, Plan(test="mann_whitney", margin=0.05))
    assert [verdict.word for verdict in found.verdicts] == ["equivalent"] * 3
    assert all("after Holm over 3 comparisons" in str(verdict) for verdict in found.verdicts)
