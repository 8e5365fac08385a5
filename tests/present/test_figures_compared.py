"""Figures of compared settings: every run, means, differences, verdicts."""

import csv
import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

import epochal
from epochal.analyze.groups import Group, Groups
from epochal.analyze.judging import Plan, judge
from epochal.core.errors import EvidenceError
from epochal.present.figures import ablation, comparison
from epochal.sweeps.results import Row, SweepResults

ADAMW, SGD, LION = [2.30, 2.31, 2.29], [2.47, 2.45, 2.50], [2.30, 2.33, 2.28]
HOSTILE = r"$\alpha_1$ {x} <b>&amp; | _y_ % #" + "\u202e" + "=cmd()"


def compared(plan=None, **scores):
    """A comparison of plain numbers, without seeds, so that nothing is paired."""
    groups = tuple(Group.of(name, values) for name, values in scores.items())
    return judge(Groups(groups, "val/loss", by="config.optimizer"), plan)


def everything(figure):
    """Every text of a figure."""
    import matplotlib.text

    return [each.get_text() for each in figure.findobj(matplotlib.text.Text) if each.get_text()]


def assert_inside(figure):
    """No axes with their labels stand over the edge of the figure."""
    figure.canvas.draw()
    for axes in figure.axes:
        box, inside = axes.get_tightbbox(), figure.bbox.padded(1)
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1


def test_rows_have_runs_mean_interval_n_and_word():
    """By goal, the best first; each run is a point; the interval is Student's of the mean."""
    drawn = comparison(compared(sgd=SGD, adamw=ADAMW, lion=LION))
    (panel,) = drawn.spec.panels
    runs, means = panel.points
    assert panel.categories == ("adamw", "lion", "sgd")
    assert runs.y.tolist() == [*ADAMW, *LION, *SGD]
    assert runs.x.tolist() == [0.0] * 3 + [1.0] * 3 + [2.0] * 3
    assert means.n.tolist() == [3.0, 3.0, 3.0]
    half = 4.302652729911275 * np.std(ADAMW, ddof=1) / math.sqrt(3)
    assert means.high[0] - means.y[0] == pytest.approx(half)
    assert panel.beneath[0] == "n = 3, best mean"
    assert panel.beneath[1].startswith("n = 3, undecided, p = ")
    assert panel.beneath[2].startswith("n = 3, worse, p = ")
    assert "n = 3 runs each" in drawn.caption
    assert "Welch t, p after Holm over 3 comparisons" in drawn.caption
    assert "lower is better" in drawn.caption
    assert any(note.startswith("adamw is better than sgd") for note in drawn.spec.notes)


def test_other_orders_and_goals():
    """A metric that is maximized has its largest mean first; the order may be that of settings."""
    groups = Groups((Group.of("a", [1.0, 1.1]), Group.of("b", [2.0, 2.2])), "acc", goal="maximize")
    found = judge(groups)
    assert comparison(found).spec.panels[0].categories == ("b", "a")
    assert comparison(found, order="setting").spec.panels[0].categories == ("a", "b")
    with pytest.raises(EvidenceError, match="'name'"):
        comparison(found, order="name")


def test_with_a_baseline_the_words_are_against_it():
    """The baseline is named as such, and the others are better or worse than it."""
    drawn = comparison(compared(Plan(baseline="sgd"), adamw=ADAMW, sgd=SGD))
    assert drawn.spec.panels[0].beneath[0].startswith("n = 3, better")
    assert drawn.spec.panels[0].beneath[1] == "n = 3, baseline"
    assert "against the baseline, sgd" in drawn.caption


def test_one_run_has_no_interval():
    """A single run is its mean, without whiskers, and is undecided."""
    panel = comparison(compared(a=ADAMW, b=[2.5])).spec.panels[0]
    assert math.isnan(panel.points[1].low[1])
    assert panel.beneath[1] == "n = 1, undecided"


def test_a_diverged_setting_does_not_flatten_the_others():
    """Over more than two orders of magnitude the axis is logarithmic, and that is said."""
    panel = comparison(compared(a=ADAMW, b=[3e8, 1e2, 4e8])).spec.panels[0]
    assert panel.log
    assert "logarithmic" in panel.y_label
    assert (panel.points[1].low > 0).all()
    assert not comparison(compared(a=ADAMW, b=[-300.0, 1.0])).spec.panels[0].log


def test_many_settings_are_cut_and_named():
    """The best are drawn, the others are named."""
    many = compared(**{f"s{i}": [i + 1.0, i + 1.1] for i in range(6)})
    drawn = comparison(many, most=4)
    assert drawn.spec.panels[0].categories == ("s0", "s1", "s2", "s3")
    assert drawn.spec.notes[-1] == "2 more settings not drawn: s4, s5"


def test_runs_that_do_not_count_are_named(tmp_path):
    """A failed run is in the notes with its reason, and its setting says that no run counts."""
    for lr, seed, state in ((0.1, 0, "finished"), (0.1, 1, "finished"), (0.2, 0, "failed")):
        run = epochal.init(project="p", dir=str(tmp_path), sinks=(), name=f"lr {lr} s{seed}",
                           config={"lr": lr, "seed": seed})  # fmt: skip
        run.log({"val/loss": lr + seed / 10})
        run.finish(state=state)
    drawn = comparison(epochal.compare(tmp_path, "val/loss", by="lr"))
    assert drawn.spec.panels[0].beneath[1] == "n = 0, no run counts"
    assert any("lr 0.2 s0" in note for note in drawn.spec.notes)
    assert len(drawn.spec.provenance.runs) == 2


def test_only_comparisons_are_taken():
    """Runs are no comparison, and that is said."""
    with pytest.raises(EvidenceError, match=r"epochal\.compare"):
        comparison([1.0, 2.0])
    with pytest.raises(EvidenceError, match="sweep"):
        ablation([1.0, 2.0])


def test_differences_from_the_baseline():
    """Each setting is a difference with its interval; word, p and n beside it."""
    plan = Plan(baseline="full", margin=0.1)
    drawn = ablation(compared(plan, full=ADAMW, less=SGD, same=LION))
    (panel,) = drawn.spec.panels
    assert panel.categories == ("same", "less")
    by_word = {curve.label: curve for curve in panel.points}
    assert set(by_word) == {"worse", "equivalent"}
    worse = by_word["worse"]
    assert worse.x.tolist() == [1.0]
    assert worse.y[0] == pytest.approx(np.mean(SGD) - np.mean(ADAMW))
    assert worse.low[0] < worse.y[0] < worse.high[0]
    assert panel.beneath[1].endswith("n = 3")
    assert panel.references == (("margin ±0.1", 0.1), ("", -0.1))
    assert "baseline, full (mean 2.3 ± 0.025, n = 3)" in drawn.caption


def test_a_baseline_may_be_chosen_later():
    """A comparison of every pair can be drawn against any of them; without one: an error."""
    found = compared(adamw=ADAMW, sgd=SGD)
    panel = ablation(found, baseline="sgd").spec.panels[0]
    assert panel.points[0].label == "better"
    assert panel.points[0].y[0] < 0
    with pytest.raises(EvidenceError, match="needs a baseline: give baseline=, one of adamw, sgd"):
        ablation(found)
    with pytest.raises(EvidenceError, match="did you mean 'adamw'"):
        ablation(found, baseline="adam")


def test_nothing_to_ablate_is_explained():
    """A baseline alone gives a panel with a sentence."""
    panel = ablation(compared(Plan(baseline="a"), a=ADAMW)).spec.panels[0]
    assert panel.empty == "No setting beside the baseline, a, has a run that counts."


def test_results_of_a_sweep():
    """Settings of a sweep: paired by seed, ids of runs kept, failures named; a goal is needed."""
    rows = [
        Row("baseline", {}, values=ADAMW, seeds=[0, 1, 2], runs=("a", "b", "c")),
        Row("no warmup", {"warmup": 0}, values=SGD, seeds=[0, 1, 2], failed=1, runs="def"),
    ]
    drawn = ablation(SweepResults("s", "val/loss", "last", "minimize", rows))
    assert drawn.spec.panels[0].beneath[0].endswith("n = 3 pairs")
    assert set(drawn.spec.provenance.runs) == set("abcdef")
    assert "left out of no warmup: 1 failed" in drawn.spec.notes
    with pytest.raises(EvidenceError, match="goal"):
        ablation(SweepResults("s", "val/loss", "last", None, rows))


@pytest.mark.parametrize("style", ["print", "dark"])
@pytest.mark.parametrize("function", [comparison, ablation])
def test_names_are_literal_and_nothing_is_cut(function, style):
    """Names made of code stand there as they are; no text leaves the figure."""
    plan = Plan(baseline="a setting with a name that goes on and on and on")
    scores = {HOSTILE: SGD, "a setting with a name that goes on and on and on": ADAMW, "x": LION}
    drawn = function(compared(plan, **scores), style=style, venue="icml")
    assert_inside(drawn.figure)
    assert any(text.startswith(r"$\alpha_1$ {x}") for text in everything(drawn.figure))


@pytest.mark.parametrize("function", [comparison, ablation])
def test_the_same_bytes_and_points(function, tmp_path):
    """A second build has the same bytes; the table has what is drawn; plain numbers have a hash."""
    plan = Plan(baseline="adamw")
    found = [function(compared(plan, adamw=ADAMW, sgd=SGD)) for _ in range(2)]
    for kind in ("pdf", "svg", "png"):
        assert found[0].to_bytes(kind) == found[1].to_bytes(kind)
    assert len(found[0].spec.provenance.data_sha256) == 64
    found[0].save(tmp_path / "f.pdf")
    with (tmp_path / "f.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["x"] for row in rows if row["x"]} <= {"adamw", "sgd"}
    other = function(compared(plan, adamw=ADAMW, sgd=[2.4, 2.5, 2.6]))
    assert other.spec.provenance.data_sha256 != found[0].spec.provenance.data_sha256
