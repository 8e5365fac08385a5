import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.analyze.corrections import (
    METHODS,
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    correct,
    holm,
)
from epochal.core.errors import EvidenceError

P = st.lists(st.floats(0, 1), min_size=1, max_size=15)
NAMES = {"bonferroni": "bonferroni", "holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}


def stepped(p, factors, running):
    """The definition, without NumPy: a running maximum from below or minimum from above."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    if running is min:
        order.reverse()
    result, last = [0.0] * len(p), 0.0 if running is max else 1.0
    for i in order:
        rank = sorted(p).index(p[i]) + 1 if running is max else sum(q <= p[i] for q in p)
        last = running(last, factors(rank) * p[i])
        result[i] = min(1.0, last)
    return result


@given(P)
def test_corrections_are_their_definitions(p):
    """Holm steps down, Benjamini and Hochberg step up."""
    m = len(p)
    assert bonferroni(p).tolist() == [min(1.0, m * q) for q in p]
    expected = stepped(p, lambda i: m - i + 1, max)
    assert holm(p) == pytest.approx(expected)
    expected = stepped(p, lambda i: m / i, min)
    assert benjamini_hochberg(p) == pytest.approx(expected)
    harmonic = sum(1 / i for i in range(1, m + 1))
    expected = stepped(p, lambda i: m * harmonic / i, min)
    assert benjamini_yekutieli(p) == pytest.approx(expected)


@given(P, st.randoms())
def test_corrections_keep_order_and_never_help(p, random):
    """Shuffled values give shuffled results; none falls; each is as strict as it promises."""
    shuffled = list(range(len(p)))
    random.shuffle(shuffled)
    for name in METHODS:
        corrected = correct(p, name)
        assert correct([p[i] for i in shuffled], name) == pytest.approx(corrected[shuffled])
        assert (corrected >= np.array(p) * (1 - 1e-12)).all()
        assert (corrected <= 1).all()
        ordered = corrected[np.argsort(p, kind="stable")]
        assert (np.diff(ordered) >= -1e-12).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()
    assert (holm(p) <= bonferroni(p) + 1e-12).all()


@pytest.mark.parametrize("name", METHODS)
def test_one_comparison_and_none_need_no_correction(name):
    """They come back as they are."""
    assert correct([0.03], name).tolist() == [0.03]
    assert correct([], name).tolist() == []


@pytest.mark.parametrize("name", METHODS)
def test_what_is_no_p_is_refused(name):
    """NaN, negative numbers and numbers above 1."""
    for p, words in (([0.1, math.nan], "NaN"), ([-0.1], "p holds -0.1"), ([1.5], "p holds 1.5")):
        with pytest.raises(EvidenceError, match=words):
            correct(p, name)


def test_an_unknown_correction_is_refused():
    """With the nearest known one."""
    with pytest.raises(EvidenceError, match="did you mean 'holm'"):
        correct([0.1], "holms")


def test_statsmodels_agrees():
    """All four, where statsmodels is installed."""
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    rng = np.random.default_rng(0)
    for size in (1, 2, 5, 40):
        p = np.round(rng.random(size) ** 3, 2)  # with ties
        for name, other in NAMES.items():
            assert correct(p, name) == pytest.approx(multitest.multipletests(p, method=other)[1])
