"""Pieces of the page and the curve in it: literal text, and no extreme lost."""

import base64
import math
import re

import numpy as np
import pytest

import epochal
from epochal.control import fragments
from epochal.control.progress import BUCKETS, Curve, Listed, Progress, Runs, curve
from epochal.read.view import RunView

HOSTILE = [
    "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "**bold** _it_ `code`",
    "a\n\n# head",     '" onmouseover="x', "$$x$$", "<script>x</script>", "&lt;b&gt;", "http://example.org",
    "| a | b |", "\x1b[2J\u202e",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_in_every_piece(name):
    """No name opens a tag, a link, emphasis or a new line, wherever it stands."""
    found = Progress("abcdefgh", name, name, "failed", name, 3, 5, 1.0, 0.5, None,
                     Curve([1, 2], [0.5, 0.25], [0.5, 0.25], 2, 2.0))  # fmt: skip
    pieces = [
        fragments.message(name), fragments.progress(found, "http://127.0.0.1:1/"),
        fragments.runs_table([Listed("abcdefgh", name, name, "running", 3, 0.0)]),
        fragments.link("/x", name, file=name), fragments.state(name),
    ]  # fmt: skip
    for piece in pieces:
        assert name not in piece
        assert "\n" not in piece
        for sign in ("<img src=x", "<script", "](", "**", "`", "$$", "http://example", "\x1b"):
            assert sign not in piece


def test_no_spike_is_lost_in_the_curve():
    """Of a hundred thousand steps the drawn extremes have every one-step spike, NaN apart."""
    values = np.ones(100_000)
    spikes = {5: 9.0, 50_000: -3.0, 99_999: 7.0}
    for at, value in spikes.items():
        values[at] = value
    values[70_000] = math.nan
    found = curve(np.arange(100_000), values)
    assert len(found.steps) == BUCKETS
    assert set(spikes.values()) <= {*found.low, *found.high}
    assert found.points == 99_999
    assert found.last == 99_999


@pytest.mark.parametrize(
    "values", [[3.0, 1e200, 2e306], [-1.7e308, 1.0, 1.7e308], [5e-324, 1.0], [1.0, 1e306, math.nan]]
)
def test_no_value_is_too_large_to_be_drawn(values):
    """Every point of the picture is inside of it, to the ends of what floats can be."""
    found = curve(range(len(values)), values)
    piece = fragments.line(found)
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", piece)[1]).decode()
    places = [
        tuple(map(float, place.split(",")))
        for points in re.findall(r'points="([^"]+)"', picture) for place in points.split()
    ]  # fmt: skip
    assert len(places) == 3 * found.points
    assert all(0 <= x <= fragments.WIDTH and 0 <= y <= fragments.HEIGHT for x, y in places)
    assert ("1 more was NaN or infinite" in piece) == (found.bad == 1)


@pytest.mark.parametrize("values", [[], [math.nan] * 5, [1.0], [math.inf, 2.0, 3.0]])
def test_short_and_broken_curves_are_drawn_or_left_out(values):
    """Nothing to draw is no picture, and never an error."""
    found = curve(range(len(values)), values)
    piece = fragments.line(found)
    assert (piece == "") == (found.points < 2)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.00001234, "1.234e-05"), (1e12, "1.000e+12"), (0.0, "0"), (-2.5, "-2.5"), (math.inf, "∞")],
)
def test_numbers_are_short(value, words):
    """Four digits, as people read them."""
    assert fragments.number(value) == words


def test_a_run_with_other_names_has_a_summary_too(tmp_path):
    """Metrics are found by their role; without any role the first ones are listed as they are."""
    with epochal.init("p", "roles", dir=str(tmp_path)) as roles:
        for step, loss in enumerate((0.5, math.nan, math.inf)):
            roles.log({"loss": loss, "learning_rate": 0.1}, step)
    with epochal.init("p", "none", dir=str(tmp_path)) as none:
        none.log({"reward": 2.0, "<b>": 1.0}, 1)
    runs = Runs(str(tmp_path))
    found = runs.details(RunView(roles.dir))
    assert [label for label, _ in found.table] == ["Loss", "Learning rate"]
    (row,) = [row for row in found.health if row[0] == "Loss"]
    assert row == ("Loss", "2 of 3 points NaN or infinite, first at step 1", False)
    found = runs.details(RunView(none.dir))
    assert {label for label, _ in found.table} == {"reward", "<b>"}
    assert "<b>1" not in fragments.details(found, none.id)
