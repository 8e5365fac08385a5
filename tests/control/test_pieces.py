"""Pieces of the page and the curve in it: literal text, and no extreme lost."""

import base64
import math
import re
from html import unescape

import numpy as np
import pytest

import epochal
from epochal.control import fragments
from epochal.control.panel import told
from epochal.control.plot import SIZE
from epochal.control.progress import BUCKETS, Curve, Listed, Progress, Runs, curve
from epochal.core.errors import EvidenceError
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
                     Curve([1, 2], [0.5, 0.25], [0.5, 0.25], 2, 1.0, 2.0))  # fmt: skip
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
    assert all(0 <= x <= SIZE and 0 <= y <= SIZE for x, y in places)
    assert ("1 more was NaN or infinite" in piece) == (found.bad == 1)


@pytest.mark.parametrize("values", [[], [math.nan] * 5, [1.0], [math.inf, 2.0, 3.0]])
def test_short_and_broken_curves_are_drawn_or_left_out(values):
    """Nothing to draw is no picture, and never an error."""
    piece = fragments.line(curve(range(len(values)), values))
    assert (piece == "") == (len(values) < 2)
    assert ("all 5 were NaN" in piece) == (len(values) == 5)


def labels(piece: str, axis: str) -> list[str]:
    """The labels along an axis of a plot."""
    inner = re.search(rf'class="ep-ticks {axis}">(.*?)</div>', piece)[1]
    return [unescape(label) for label in re.findall(r"<span>(.*?)</span>", inner)]


def test_a_plot_of_a_loss_that_diverges():
    """Its x reaches to the last step, its y says that it is logarithmic, and all is marked."""
    values = [3.0 * 10.0 ** min(n, 36) for n in range(23)] + [math.inf] * 100 + [math.nan] * 412
    found = curve(range(1, 536), values)
    piece = fragments.line(found)
    assert labels(piece, "x") == ["0", "200", "400", "600"]
    assert labels(piece, "y") == ["1", "1e10", "1e20", "1e30"]
    assert ">loss (log)</span>" in piece
    assert "from step 1 to 535" in piece
    steps = {kind: [step for step, each in found.marks if each == kind] for kind in ("nan", "inf")}
    assert steps["inf"][0] == 24
    assert steps["nan"][0] == 124
    assert steps["nan"][-1] > 520
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", piece)[1]).decode()
    marks = re.findall(r'<svg x="([\d.]+)%" y="(0|100%)"', picture)
    assert [(float(x), y) for x, y in marks] == [
        (pytest.approx(step / 6, abs=0.01), {"nan": "100%", "inf": "0"}[kind])
        for step, kind in found.marks
    ]
    assert len(marks) < 200


@pytest.mark.parametrize(
    ("steps", "values", "x", "y"),
    [
        ([1, 2], [0.31, 0.32], ["1", "2"], ["0.31", "0.315", "0.32"]),
        ([1, 19_000], [0, 2.5], ["0", "5k", "10k", "15k", "20k"], ["0", "1", "2", "3"]),
        ([5, 5], [0, 0], ["5", "6"], ["-1", "-0.5", "0", "0.5", "1"]),
        ([0, 1500], [-1e7, 2e7], ["0", "500", "1,000", "1,500"], ["-1e7", "0", "1e7", "2e7"]),
        ([0, 3_000_000], [0.01, 50], ["0", "1M", "2M", "3M"], ["0.01", "0.1", "1", "10", "100"]),
    ],
)
def test_axes_have_round_numbers(steps, values, x, y):
    """A few, in words that are short, around all that is drawn."""
    piece = fragments.line(curve(steps, values))
    assert (labels(piece, "x"), labels(piece, "y")) == (x, y)


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


def test_running_runs_are_listed_before_newer_ones(tmp_path, monkeypatch):
    """However many shorter ones came later, what runs is in the list, and first."""
    monkeypatch.setattr("epochal.control.progress.LISTED", 20)
    with epochal.init("p", "long", dir=str(tmp_path)) as long:
        for n in range(21):
            with epochal.init("p", f"short{n}", dir=str(tmp_path)):
                pass
        runs = Runs(str(tmp_path))
        listed = runs.listed()
        assert [run.name for run in listed] == ["long", *(f"short{n}" for n in range(20, 0, -1))]
        assert runs.of_id(long.id).name == "long"
        table = fragments.runs_table(listed)
        assert table.index(">● running<") < table.index(">short20<")
    assert [run.name for run in runs.listed()] == [f"short{n}" for n in range(20, 0, -1)]


def test_what_fails_is_said_with_its_remedy(caplog):
    """An error of ours says itself; of any other its kind and what helps, its trace is logged."""

    def ours():
        raise EvidenceError("there is no loss: log one")

    def other():
        raise ValueError("<b>no such\nthing")

    assert "there is no loss: log one" in unescape(told(ours))
    assert caplog.records == []
    for _ in range(3):
        said = unescape(told(other))
        assert "failed (ValueError: <b>no such): try again" in said
        assert "the traceback in the terminal" in said
    (record,) = caplog.records
    assert record.exc_info[0] is ValueError
    assert record.levelname == "ERROR"
