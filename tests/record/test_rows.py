"""Rows: steps, epochs, phases, names and widths as people use and abuse them."""

import enum
import math

import numpy as np
import pytest
from recorded import recorded, stored

from epochal.record.recorder import MAX_LAYOUTS


def steps_of(run):
    """Finish a run; returns (step, whether it was given) of each row."""
    run.finish()
    return [(row.step, row.step_given) for row in recorded(run.dir).rows]


def test_any_order_of_steps_is_kept(run):
    """Repeated, descending and negative steps are recorded as they came."""
    wanted = [5, 5, 3, -1, 0, 2**63 - 1, -(2**63), 7, 7]
    for step in wanted:
        run.log({"a": 1.0}, step=step)
    assert run.step == 7
    assert steps_of(run) == [(step, True) for step in wanted]
    assert [step for step, _ in stored(run.dir, "a")] == wanted


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0.5, 0.5), (1e300, 1e300), (np.int64(3), 3), (np.uint8(3), 3), (np.float32(0.5), 0.5),
        (np.float64(2.5), 2.5), (np.array(4), 4), (np.array([4]), 4), (True, 1), (-0.0, -0.0),
    ],
    ids=repr,
)  # fmt: skip
def test_numbers_of_other_types_are_steps(run, step, expected):
    """Floats and array scalars are steps; whole numbers stay whole."""
    run.log({"a": 1.0}, step=step)
    run.log({"a": np.float32(1)}, step=step)
    run.log({"a": 1.0})
    found = steps_of(run)
    assert found == [(expected, True), (expected, True), (expected, False)]
    assert {type(step) for step, _ in found} == {type(expected)}


BAD_STEPS = [
    2**63, -(2**63) - 1, 10**30, math.nan, math.inf, -math.inf, "3", [1], np.array([1, 2]),
    np.uint64(2**63), 1j, np.float64("nan"), print,
]  # fmt: skip


@pytest.mark.parametrize("step", BAD_STEPS, ids=ascii)
@pytest.mark.parametrize("value", [1.0, np.float32(1.0)], ids=["float", "array"])
def test_impossible_steps_are_refused(run, caplog, step, value):
    """A step that is no int64 or finite float gives one message; the row is kept as an event."""
    run.log({"a": 0.0}, step=1)
    run.log({"a": value}, step=step)
    assert run.step == 1
    run.log({"a": 2.0})
    run.finish()
    found = recorded(run.dir)
    assert [(row.step, row.values["a"]) for row in found.rows] == [(1, 0.0), (1, 2.0)]
    (event,) = found.kinds("refused")
    assert "step=" in event["why"]
    assert "'a'" in event["value"]
    (message,) = caplog.messages
    assert "step=" in message


def test_an_omitted_step_is_the_last_one(run):
    """After a step was given, rows without one belong to it."""
    run.log({"a": 1.0})
    run.log({"a": 1.0}, step=10)
    run.log({"b": 1.0})
    run.log({"a": 1.0, "t": "text"})
    run.log({"a": 1.0}, step=4)
    run.log({"a": 1.0}, epoch=1)
    assert steps_of(run) == [
        (0, False),
        (10, True),
        (10, False),
        (10, False),
        (4, True),
        (4, False),
    ]


def test_without_any_step_calls_are_counted(run):
    """If no step was ever given, rows are numbered from 0."""
    for _ in range(5):
        run.log({"a": 1.0})
    assert run.step is None
    assert steps_of(run) == [(n, False) for n in range(5)]


def test_epochs_are_kept(run):
    """Epochs are numbers of any kind, beside a step or alone."""
    for epoch in (0, 1.5, np.float32(2), np.int64(3), -1):
        run.log({"a": 1.0}, epoch=epoch)
        run.log({"a": 1.0}, step=7, epoch=epoch)
    run.log({"a": 1.0}, step=8)
    run.finish()
    found = [row.epoch for row in recorded(run.dir).rows]
    assert found == [0.0, 0.0, 1.5, 1.5, 2.0, 2.0, 3.0, 3.0, -1.0, -1.0, None]


@pytest.mark.parametrize("epoch", ["1", print, 1j, [1]], ids=ascii)
def test_an_epoch_is_a_number(run, epoch):
    """Something else as epoch is refused, with its value in the message."""
    run.log({"a": 1.0}, epoch=epoch)
    run.finish()
    (event,) = recorded(run.dir).kinds("refused")
    assert "epoch=" in event["why"]
    assert recorded(run.dir).rows == []


class Stage(str, enum.Enum):
    VAL = "val"


def test_phases_prefix_names(run):
    """phase="val" turns "loss" into "val/loss", and leaves a name that says so already."""
    run.log({"loss": 1.0, "val/acc": 2.0}, step=1, phase="val")
    run.log({"loss": 3.0}, step=1, phase=Stage.VAL)
    run.log({"loss": 4.0}, step=1, phase="my/own phase")
    run.log({"loss": 5.0}, step=1, phase="")
    run.finish()
    rows = recorded(run.dir).rows
    assert [row.values for row in rows] == [
        {"val/loss": 1.0, "val/acc": 2.0}, {"val/loss": 3.0}, {"my/own phase/loss": 4.0},
        {"loss": 5.0},
    ]  # fmt: skip
    assert [row.phase for row in rows] == ["val", "val", "my/own phase", None]


@pytest.mark.parametrize("phase", [3, ["val"], "\udc80", "x" * 70_000, print], ids=range(5))
def test_odd_phases_are_refused(run, phase):
    """What cannot be the beginning of a name is no phase."""
    run.log({"a": 1.0}, step=1, phase=phase)
    run.log({"a": 2.0}, step=1)
    run.finish()
    found = recorded(run.dir)
    assert [row.values for row in found.rows] == [{"a": 2.0}]
    assert len(found.kinds("refused")) == 1


ODD_KEYS = {
    "": "(empty)", "__proto__": "__proto__", "\x00\x1b[31m\n": "\x00\x1b[31m\n", 3: "3",
    (1, 2): "(1, 2)", None: "None", "\udc80x": "\\udc80x", "a/b/../c": "a/b/../c", "🚀": "🚀",
    1.5: "1.5", b"b": "b'b'",
}  # fmt: skip


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_absurd_names_are_recorded(run, caplog, key):
    """Any key becomes a name; what had to be changed is told once, with the new name."""
    name = ODD_KEYS[key]
    for step in range(3):
        run.log({key: float(step)}, step=step)
        run.log({key: np.float32(step)}, step=step)
    run.finish()
    assert recorded(run.dir).values(name) == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    assert [value for _, value in stored(run.dir, name)] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    assert len(caplog.messages) == (0 if name == key else 1)
    assert all(repr(name) in message for message in caplog.messages)


def test_a_name_of_70_000_characters(run, caplog):
    """A huge name is shortened, is still itself, and fills no message."""
    keys = ["k" * 70_000 + tail for tail in "ab"]
    run.log({keys[0]: 1.0, keys[1]: 2.0}, step=1)
    run.finish()
    values = recorded(run.dir).rows[0].values
    assert list(values.values()) == [1.0, 2.0]
    assert all(len(name) <= 512 for name in values)
    assert all("70,001 characters" in message for message in caplog.messages)
    assert all(len(message) < 1000 for message in caplog.messages)


def test_names_that_become_equal_stay_apart(run):
    """Keys that would get the same name are told apart; no value is lost."""
    run.log({"val/loss": 1.0, "loss": 2.0, 3: 3.0, "3": 4.0}, step=1, phase="val")
    run.log({"a": {"b": 1.0}, "a/b": 2.0}, step=2)
    run.finish()
    first, second = (row.values for row in recorded(run.dir).rows)
    assert list(first.values()) == [1.0, 2.0, 3.0, 4.0]
    assert sorted(second.values()) == [1.0, 2.0]


def test_thousands_of_key_sets(run):
    """Key sets without number are all kept, those beyond the first as long rows."""
    count = MAX_LAYOUTS + 300
    for step in range(count):
        run.log({f"k{step}": float(step), "all": 1.0}, step=step, epoch=step / 2)
    run.log({"k0": -1.0, "all": 1.0}, step=count, epoch=0)
    run.finish()
    found = recorded(run.dir)
    assert [row.values for row in found.rows[:-1]] == [
        {f"k{step}": float(step), "all": 1.0} for step in range(count)
    ]
    assert [row.epoch for row in found.rows[:-1]] == [step / 2 for step in range(count)]
    assert len(stored(run.dir, "all")) == count + 1
    assert stored(run.dir, f"k{count - 1}") == [(count - 1, float(count - 1))]
    assert run.health().dropped == 0


def test_a_row_of_1000_keys(run):
    """A thousand names in one call are recorded, again and again."""
    wide = {f"layer.{n}.weight/gradient_norm": float(n) for n in range(1000)}
    for step in range(200):
        run.log(wide, step=step)
    run.finish()
    found = recorded(run.dir)
    assert len(found.rows) == 200
    assert all(row.values == wide for row in found.rows)
    assert run.health().dropped == 0


def test_wide_rows_in_many_runs_at_once(new_run):
    """The tenth run that is open at the same time takes a thousand names too."""
    runs = [new_run() for _ in range(10)]
    wide = {f"layer.{n}.weight/norm": float(n) for n in range(1000)}
    for run in runs:
        run.log(wide, step=1)
        run.log({"a": 1}, step=2)
    for run in runs:
        run.finish()
        assert [row.values for row in recorded(run.dir).rows] == [wide, {"a": 1.0}]


def test_the_order_of_keys_is_kept(run):
    """Names stand in the order of the call, also when only the order differs."""
    run.log({"b": 1.0, "a": 2.0}, step=1)
    run.log({"a": 3.0, "b": 4.0}, step=2)
    run.finish()
    assert [list(row.values.items()) for row in recorded(run.dir).rows] == [
        [("b", 1.0), ("a", 2.0)], [("a", 3.0), ("b", 4.0)],
    ]  # fmt: skip
