"""Statistics of parts join to the statistics of the whole."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.store import statistics
from epochal.store.statistics import Stats

VALUES = st.lists(
    st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=40
)


def stats_of(values, first=0) -> Stats:
    """Statistics of values at steps and sequence numbers that count up."""
    seq = np.arange(first, first + len(values))
    return statistics.of(np.array(values, dtype=float), seq * 10, seq)


def same(a: Stats, b: Stats) -> None:
    """Checks that all fields agree; sums up to rounding."""
    for name, left in a.to_dict().items():
        right = getattr(b, name)
        if name in ("mean", "m2"):
            assert left == pytest.approx(right, rel=1e-9, abs=1e-3)
        else:
            assert left == right or (math.isnan(left) and math.isnan(right)), name


@given(values=VALUES, data=st.data())
def test_parts_join_to_the_whole(values, data):
    """Cut anywhere, joined again: counts, extremes, places and ends are those of the whole."""
    cut = data.draw(st.integers(0, len(values)))
    joined = statistics.join(stats_of(values[:cut]), stats_of(values[cut:], cut))
    same(joined, stats_of(values))


@given(values=VALUES, data=st.data())
def test_interleaved_parts_join_to_the_whole(values, data):
    """Two key sets that alternate join to the same as one, in whichever order they are joined."""
    mine = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    seq, mask = np.arange(len(values)), np.array(mine, dtype=bool)
    array = np.array(values, dtype=float)
    a, b = (statistics.of(array[m], seq[m] * 10, seq[m]) for m in (mask, ~mask))
    whole = stats_of(values)
    same(statistics.join_by_seq(a, b), whole)
    same(statistics.join_by_seq(b, a), whole)


def test_huge_values_do_not_warn():
    """Values whose squares overflow give infinite moments and exact extremes."""
    stats = stats_of([1e308, 1e308, -1e308])
    assert (stats.max, stats.min, stats.finite) == (1e308, -1e308, 3)


def test_std_is_that_of_a_sample():
    """The standard deviation divides by n - 1."""
    assert stats_of([1.0, 2.0, 4.0]).std == pytest.approx(np.std([1.0, 2.0, 4.0], ddof=1))
    assert math.isnan(stats_of([1.0]).std)
