"""Figures over many tasks: performance profiles and critical-difference diagrams."""

import csv
import json
import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

import epochal
from epochal.analyze.ranks import compare_ranks
from epochal.analyze.score_profiles import performance_profile as profile_of
from epochal.core.errors import EvidenceError
from epochal.present.figures import critical_difference, performance_profile

RNG = np.random.default_rng(0)
SCORES = {"a": RNG.random((5, 7)), "b": RNG.random((5, 7)) + 0.3}


@pytest.fixture
def table6(results_data):
    """Demšar's table 6: the AUC of four decision trees on 14 data sets."""
    with (results_data / "demsar2006_table6.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0] if name != "dataset"}


def bars(drawn):
    """The ends of the bars over methods that do not differ."""
    return [each.x for each in drawn.spec.panels[0].segments if each.width]


def texts(drawn):
    """What stands in a diagram."""
    return [note.text for note in drawn.spec.panels[0].notes]


def test_profiles_are_those_of_the_method():
    """Share and pointwise interval are those of analyze; n is the number of runs."""
    grid = [0.0, 0.5, 1.0]
    drawn = performance_profile(SCORES, thresholds=grid, resamples=200)
    for curve, scores in zip(drawn.spec.panels[0].lines, SCORES.values(), strict=True):
        expected = profile_of(scores, grid, resamples=200)
        np.testing.assert_array_equal(curve.y, expected.share)
        np.testing.assert_array_equal(curve.low, expected.low)
    assert [curve.label for curve in drawn.spec.panels[0].lines] == ["a (n = 5)", "b (n = 5)"]
    assert "over 7 tasks, n = 5 runs of each" in drawn.caption
    assert "stratified bootstrap of runs with 200 resamples" in drawn.caption
    assert drawn.spec.panels[0].y_label == "share of runs with a score > τ"


def test_less_may_be_better():
    """With "minimize" it is the share below."""
    panel = performance_profile(SCORES, goal="minimize", thresholds=[0.5]).spec.panels[0]
    assert panel.lines[0].y[0] == pytest.approx((SCORES["a"] < 0.5).mean())
    assert "<" in panel.y_label


def test_far_scores_do_not_stretch_the_axis():
    """The largest 2 % may be beyond the axis, and are counted."""
    scores = np.concatenate([RNG.random((10, 20)), np.full((1, 20), 0.5)])
    scores[0, :3] = 500.0
    panel = performance_profile({"a": scores}, resamples=0).spec.panels[0]
    assert panel.lines[0].x[-1] < 2.0
    assert panel.remark.endswith("scores beyond the axis")
    assert performance_profile(SCORES, resamples=0).spec.panels[0].remark == ""


def test_one_run_of_each_task_has_no_band():
    """There is nothing to resample, and that is said."""
    drawn = performance_profile({"a": [0.5, 1.0, 2.0], "b": [[0.1, 0.2, 0.3]]})
    assert drawn.spec.panels[0].lines[0].low is None
    assert "one run of each task says nothing of chance" in drawn.caption


def record(folder, missing=()):
    """Runs of two methods on three tasks with three seeds."""
    for method, better in (("ours", 0.2), ("base", 0.0)):
        for number, task in enumerate(("pong", "breakout", "qbert")):
            for seed in range(3):
                if (method, task, seed) in missing:
                    continue
                config = {"agent": {"name": method}, "env": task, "seed": seed}
                with epochal.init(project="p", dir=str(folder), config=config, sinks=()) as run:
                    run.define("score", goal="maximize")
                    run.log({"score": number + better + seed / 100})


def test_scores_from_runs(tmp_path):
    """Methods and tasks are found in the config; the runs are in the provenance."""
    record(tmp_path)
    drawn = performance_profile(tmp_path, "score", task="config.env", thresholds=[1.1])
    assert [curve.label for curve in drawn.spec.panels[0].lines] == ["base (n = 3)", "ours (n = 3)"]
    assert [curve.y[0] for curve in drawn.spec.panels[0].lines] == pytest.approx([1 / 3, 2 / 3])
    assert len(drawn.spec.provenance.runs) == 18
    ranked = critical_difference(tmp_path, "score", task="env", by="agent.name")
    assert "ours (1.00)" in texts(ranked)
    assert "Scores are means over 3 runs of each task" in ranked.caption


def test_unequal_numbers_of_runs_are_said(tmp_path):
    """Each task needs as many runs: the lowest seeds count; a missing task is an error."""
    record(tmp_path / "a", missing={("ours", "pong", 2)})
    drawn = performance_profile(tmp_path / "a", "score", task="env", resamples=0)
    assert drawn.spec.panels[0].lines[1].label == "ours (n = 2)"
    assert "ours: 2 runs not used" in " ".join(drawn.spec.notes)
    record(tmp_path / "b", missing={("ours", "pong", seed) for seed in range(3)})
    with pytest.raises(EvidenceError, match=r"ours has no run that counts of 1 task \(pong\)"):
        performance_profile(tmp_path / "b", "score", task="env")


def test_wrong_scores_are_said(tmp_path):
    """NaN, other tasks, too many methods, an array without names, runs without a task."""
    with pytest.raises(EvidenceError, match="NaN"):
        performance_profile({"a": [[0.5, math.nan]]})
    with pytest.raises(EvidenceError, match="a 2, b 3"):
        performance_profile({"a": [[1.0, 2.0]], "b": [[1.0, 2.0, 3.0]]})
    with pytest.raises(EvidenceError, match="9 methods"):
        performance_profile({str(i): [[1.0]] for i in range(9)})
    with pytest.raises(EvidenceError, match=r"\{name: scores\}"):
        performance_profile(np.ones((2, 2)))
    record(tmp_path)
    with pytest.raises(EvidenceError, match="need task="):
        performance_profile(tmp_path, "score")
    with pytest.raises(EvidenceError, match="do not differ in 'colour'"):
        performance_profile(tmp_path, "score", task="colour")


def test_demsar_diagram(table6):
    """The paper's critical difference, 1.25 over 14 data sets at 0.05, and its mean ranks.

    Those of two methods are 2.893 and 1.964 there: the scores as printed tie on one more data set.
    """
    drawn = critical_difference(table6)
    found = {"C4.5 (3.14)", "C4.5+m (2.00)", "C4.5+cf (2.93)", "C4.5+m+cf (1.93)"}
    assert found <= set(texts(drawn))
    assert "CD = 1.25" in texts(drawn)
    assert "n = 14 tasks" in drawn.caption
    ranks = {each.label: each.x[0] for each in drawn.spec.panels[0].points}
    assert ranks["C4.5"] == pytest.approx(3.143, abs=5e-4)


def test_demsar_against_a_control(table6):
    """Bonferroni-Dunn's bar goes one critical difference to both sides of the control."""
    drawn = critical_difference(table6, test="bonferroni_dunn", control="C4.5", level=0.9)
    found = compare_ranks(table6, test="bonferroni_dunn", control="C4.5", level=0.9)
    low, high = bars(drawn)[0]
    at = 3.142857 - found.critical_difference
    assert low == pytest.approx(at - 0.04, abs=1e-5)
    assert high == pytest.approx(4.04)
    assert "do not differ from C4.5" in drawn.caption


@pytest.mark.parametrize("k", range(3, 13))
def test_bars_are_the_cliques_and_labels_do_not_overlap(k):
    """Bars that overlap are on lines of their own; labels stand apart and inside the figure."""
    scores = {f"method {i}": np.random.default_rng(i).normal(0.3 * i, 1, 20) for i in range(k)}
    found = compare_ranks(scores)
    means = dict(zip(found.ranks.names, found.ranks.mean, strict=True))
    for column in ("single", "full"):
        drawn = critical_difference(scores, venue="icml", column=column)
        expected = [(means[c[0]] - 0.04, means[c[-1]] + 0.04) for c in found.cliques]
        np.testing.assert_allclose(bars(drawn), expected)
        lines = [(s.y[0], s.x) for s in drawn.spec.panels[0].segments if s.width]
        for y, x in lines:
            others = [other for level, other in lines if level == y and other != x]
            assert all(other[1] < x[0] or x[1] < other[0] for other in others)
        drawn.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in drawn.figure.axes[0].texts]
        assert not any(
            a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]
        ), [text.get_text() for text in drawn.figure.axes[0].texts]  # fmt: skip
        width, height = drawn.figure.bbox.width, drawn.figure.bbox.height
        assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
        assert all(box.y0 >= 0 and box.y1 <= height for box in boxes)


def test_tied_methods_and_hostile_names():
    """Equal mean ranks have a label each; names are literal."""
    hostile = r"$x_1$ \frac{1}{2} <b>"
    drawn = critical_difference({hostile: [1, 2, 3], "b": [1, 2, 3], "c": [0, 0, 0]}, column="full")
    assert f"{hostile} (1.50)" in texts(drawn)
    drawn.figure.canvas.draw()


def test_no_difference_of_all_is_said():
    """Where Friedman's test finds nothing, the figure says so; wilcoxon has no CD."""
    scores = {name: np.random.default_rng(seed).random(6) for seed, name in enumerate("abc")}
    drawn = critical_difference(scores)
    assert "no difference found" in drawn.spec.panels[0].remark
    assert any(note.startswith("guard: the Friedman test") for note in drawn.spec.notes)
    assert not any(
        text.startswith("CD") for text in texts(critical_difference(scores, test="wilcoxon"))
    )
    ranked = compare_ranks(scores)
    assert critical_difference(ranked).spec.panels[0].segments == drawn.spec.panels[0].segments
    with pytest.raises(EvidenceError, match="25 methods"):
        critical_difference({str(i): RNG.random(3) for i in range(25)})


@pytest.mark.parametrize("function", [performance_profile, critical_difference])
def test_the_same_bytes(function):
    """A second build has the same bytes, and the facts inside are JSON."""
    one, two = function(SCORES), function(SCORES)
    for kind in ("pdf", "svg", "png"):
        assert one.to_bytes(kind) == two.to_bytes(kind)
    assert json.loads(json.dumps(one.spec.to_dict()))["figure"] == function.__name__
    assert len(one.spec.provenance.data_sha256) == 64
