"""How often: intervals as people write them, and when a kind is due."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.core.errors import SettingError
from epochal.record.cadence import KINDS, Cadence, Every

counts = st.integers(0, 10**20)
seconds = st.floats(1e-9, 1e20)
intervals = st.one_of(
    st.builds(Every, counts),
    st.builds(Every, seconds, st.sampled_from(["epochs", "s"])),
)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (10, Every(10)),
        (10.0, Every(10)),
        ("10", Every(10)),
        ("10 steps", Every(10)),
        ("every 1 step", Every(1)),
        ("30s", Every(30, "s")),
        ("0.5 seconds", Every(0.5, "s")),
        ("250ms", Every(0.25, "s")),
        ("2 epochs", Every(2, "epochs")),
        ("0.5 epochs", Every(0.5, "epochs")),
        ("5min", Every(300, "s")),
        (" 1 H ", Every(3600, "s")),
        (0, Every(0)),
        ("never", Every(0)),
        ("0s", Every(0)),
        (False, Every(0)),
        (Every(3), Every(3)),
    ],
)
def test_intervals_are_read_as_written(written, expected):
    """Numbers, units and words give the interval that they name."""
    assert Every.parse(written) == expected


@pytest.mark.parametrize(
    "written",
    [-1, 1.5, "fast", "10 parsecs", "1.5 steps", "", True, None, [1], "nan", "inf", float("inf"),
     float("nan"), "1e999 s", "5 min 3 s", "-3s"],
)  # fmt: skip
def test_what_is_no_interval_is_refused(written):
    """Anything else is refused with a message that says what is allowed."""
    with pytest.raises(SettingError, match="'30s'"):
        Every.parse(written)


@settings(deadline=None)
@given(intervals)
def test_an_interval_reads_back_from_its_text(every):
    """`str` and `parse` are inverse, and so is pickling."""
    assert Every.parse(str(every)) == every
    assert pickle.loads(pickle.dumps(every)) == every


def test_an_interval_cannot_be_changed():
    """An interval is a value."""
    with pytest.raises(AttributeError):
        Every(3).count = 4


def due_steps(cadence, kind, steps):
    """Return the steps, in their order, at which a kind is due."""
    return [step for step in steps if cadence.due(kind, step)]


def test_steps_in_order_are_due_at_multiples():
    """The first step is due, then each multiple."""
    assert due_steps(Cadence({"train": 10}), "train", range(3, 41)) == [3, 10, 20, 30, 40]


def test_steps_that_jump_over_multiples_are_due():
    """A step counts for the interval that it lies in, whether or not a multiple was seen."""
    steps = [0, 7, 14, 21, 28, 35, 42, 49, 149]
    assert due_steps(Cadence({"train": 10}), "train", steps) == [0, 14, 21, 35, 42, 149]


def test_steps_out_of_order_are_due_when_the_interval_changes():
    """An older interval is another one, and so is the newer one after it."""
    assert due_steps(Cadence({"train": 10}), "train", [11, 12, 5, 6, 13, 14]) == [11, 5, 13]


def test_all_calls_of_a_due_step_are_due():
    """Several rows of one step are kept together; later steps of the interval are not due."""
    cadence = Cadence({"images": 10})
    assert [cadence.due("images", step) for step in (10, 10, 11, 11, 10)] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_a_call_without_an_epoch_means_that_of_the_step():
    """Whoever names the epoch and whoever does not speak of the same step."""
    cadence = Cadence({"text": 10})
    assert cadence.due("text", 10, 3)
    assert cadence.due("text", 10)
    assert cadence.due("text", 10, 3)
    assert not cadence.due("text", 10, 4)
    assert not cadence.due("text", 11)


@settings(deadline=None)
@given(st.integers(1, 50), st.lists(st.integers(-200, 200), min_size=1))
def test_every_change_of_interval_is_due_and_nothing_else(n, steps):
    """Over any steps: due exactly when the interval changes or the due step repeats."""
    cadence = Cadence({"train": n})
    last_due = None
    for step in steps:
        expected = last_due is None or step // n != last_due // n or step == last_due
        assert cadence.due("train", step) == expected
        if expected:
            last_due = step


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_every_step_means_every_call(steps):
    """With an interval of one step nothing is left out."""
    assert due_steps(Cadence({"train": 1}), "train", steps) == steps


def test_seconds_begin_at_the_first_call():
    """An interval of seconds starts when the kind is first seen, whatever the clock shows."""
    cadence = Cadence({"system": "10s"})
    times = [1009.5, 1010.0, 1019.4, 1019.5, 1060.0, 1060.1]
    assert [now for now in times if cadence.due("system", now_s=now)] == [1009.5, 1019.5, 1060.0]


def test_epochs_count_epochs():
    """Steps inside an epoch do not matter, and fractions of an epoch belong to it."""
    cadence = Cadence({"images": "2 epochs"})
    calls = [(epoch, step) for epoch in range(5) for step in range(3)]
    due = [call for call in calls if cadence.due("images", call[1] + 3 * call[0], call[0] + 0.5)]
    assert due == [(0, 0), (2, 0), (4, 0)]


def test_never_is_never():
    """A kind that is off is not due at any position."""
    cadence = Cadence({"video": "never"})
    assert not any(cadence.due("video", step) for step in range(100))
    assert not cadence.due("video")


def test_without_its_number_a_kind_is_due():
    """Nothing is lost because a call names no epoch, step or time."""
    cadence = Cadence({"images": "2 epochs", "text": 100, "system": "1h"})
    assert all(cadence.due(kind) for kind in ("images", "text", "system") for _ in range(3))


def test_kinds_do_not_disturb_each_other():
    """Each kind has its own state."""
    cadence = Cadence({"train": 10, "gradients": 10})
    assert due_steps(cadence, "train", range(10)) == [0]
    assert due_steps(cadence, "gradients", range(10)) == [0]


def test_an_unknown_kind_is_always_due_but_cannot_be_configured():
    """Unknown kinds lose nothing at run time; in a table they are a mistake."""
    assert all(Cadence().due("my metric", step) for step in range(3))
    with pytest.raises(SettingError, match="'imges' \\(did you mean 'images'"):
        Cadence({"imges": 10})


def test_defaults_fill_the_table():
    """Kinds that are left out keep their default."""
    table = Cadence({"train": 7}).table
    assert table == {kind: known.every for kind, known in KINDS.items()} | {"train": Every(7)}


@pytest.mark.parametrize("step", [float("nan"), float("inf"), -(2**63), 2**63, 0.5])
def test_unusual_steps_raise_nothing(step):
    """Whatever number a step is, the answer is a truth value."""
    cadence = Cadence({"train": 10})
    assert cadence.due("train", step) in (True, False)
    assert cadence.due("train", step) in (True, False)
