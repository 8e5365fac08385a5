"""Values: every kind of scalar is recorded exactly, everything else is refused by name."""

import enum
import math
import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import QUIET, THOROUGH, recorded, stored

import epochal
from epochal.core.errors import LogError


def bits(value):
    """The bytes of a float."""
    return struct.pack("<d", value).hex()


def log_one(run, value):
    """Log one value and return what was recorded of it: (rows, events but the end)."""
    run.log({"v": value}, step=1)
    run.finish()
    found = recorded(run.dir)
    return found.values("v"), [(e.kind, e.data) for e in found.events if e.kind != "end"]


class Level(enum.IntEnum):
    HIGH = 7


NUMBERS = [
    (1.5, 1.5), (3, 3.0), (True, 1.0), (False, 0.0), (2**53, float(2**53)),
    (-(2**53), -float(2**53)), (Fraction(1, 4), 0.25), (Decimal("0.5"), 0.5), (Level.HIGH, 7.0),
    (np.float64(0.1), 0.1), (np.float32(0.1), float(np.float32(0.1))), (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5), (np.int8(-3), -3.0), (np.uint64(2**53), float(2**53)),
    (np.bool_(1), 1.0), (np.array(2.5), 2.5), (np.array([2.5]), 2.5), (np.array([[4]]), 4.0),
    (np.ma.array(1.5, mask=False), 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), NUMBERS, ids=ascii)
def test_scalars_are_recorded(run, value, expected):
    """Python and NumPy scalars, arrays of one element among them, are recorded as float64."""
    assert log_one(run, value) == ([expected], [])
    assert run.health().problems == {}


NAN_PAYLOADS = [struct.unpack("<d", struct.pack("<Q", n))[0] for n in (
    0x7FF8_0000_0000_0001, 0xFFF8_0000_DEAD_BEEF, 0x7FFC_1234_5678_9ABC)]  # fmt: skip
EXTREMES = [
    math.nan, *NAN_PAYLOADS, math.inf, -math.inf, -0.0, 0.0, 5e-324, -5e-324,
    1.7976931348623157e308, 2.2250738585072014e-308,
]  # fmt: skip


def test_extreme_floats_keep_every_bit(run):
    """NaN payloads, infinities, minus zero and denormals come back bit for bit."""
    for step, value in enumerate(EXTREMES):
        run.log({"python": value, "numpy": np.float64(value)}, step=step)
    run.finish()
    for key in ("python", "numpy"):
        assert [bits(v) for v in recorded(run.dir).values(key)] == [bits(v) for v in EXTREMES]
        assert [bits(v) for _, v in stored(run.dir, key)] == [bits(v) for v in EXTREMES]


@settings(max_examples=20 * THOROUGH, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.floats(width=64)), max_size=30))
def test_any_floats_come_back(tmp_path_factory, rows):
    """Any sequence of rows of any floats is read as it was logged, by both readers."""
    with epochal.init(dir=str(tmp_path_factory.mktemp("runs")), **QUIET) as run:
        for step, row in enumerate(rows):
            run.log(row, step=step)
    wanted = [(step, row) for step, row in enumerate(rows) if row]
    found = recorded(run.dir)
    assert [(row.step, {k: bits(v) for k, v in row.values.items()}) for row in found.rows] == [
        (step, {k: bits(v) for k, v in row.items()}) for step, row in wanted
    ]
    for key in "abcdef":
        expected = [(step, bits(row[key])) for step, row in wanted if key in row]
        assert [(step, bits(value)) for step, value in stored(run.dir, key)] == expected


@pytest.mark.parametrize("value", [2**53 + 1, -(2**70), np.uint64(2**64 - 1), 10**3000])
def test_large_integers_are_kept_exactly(run, value):
    """Integers that float64 cannot hold are kept digit by digit, not rounded."""
    rows, events = log_one(run, value)
    assert rows == []
    assert events == [("bigint", {"key": "v", "step": 1, "value": str(int(value))})]


class BrokenRepr:
    def __repr__(self):
        raise RuntimeError("no")


class Lying:
    """Looks like an array and fails when it is asked."""

    dtype, shape = "float32", ()

    def item(self):
        """Fail as a device does."""
        raise OSError("the device is gone")


class Half(float):
    """A float of a user's own."""


REFUSED = [
    (object(), "object"), (BrokenRepr(), "BrokenRepr"), (1 + 2j, "complex"), ([1.0], "list"),
    (np.array([1.0, 2.0]), "shape (2,)"), (np.zeros((2, 0)), "shape (2, 0)"),
    (np.array(1j), "not a real number"), (b"bytes", "bytes"), (Lying(), "the device is gone"),
    (np.datetime64("2020-01-01"), "not a real number"), (10**4000, "bits is too long"),
    (np.ma.masked, "masked"), (lambda: 1, "function"), (Fraction(10**400), "OverflowError"),
    (Decimal("sNaN"), "ValueError"), (float, "type"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=range(len(REFUSED)))
def test_the_rest_is_refused_by_name(run, caplog, value, why):
    """What is no number gives one message with the key and the reason, an event and a count."""
    run.log({"good": 1.0, "odd/name": value, "fine": 2.0}, step=3)
    assert run.health().problems == {"value": 1}
    run.finish()
    found = recorded(run.dir)
    assert found.rows[0].values == {"good": 1.0, "fine": 2.0}
    (event,) = found.kinds("refused")
    assert (event["key"], event["step"]) == ("odd/name", 3)
    assert why in event["why"]
    (message,) = caplog.messages
    assert "'odd/name'" in message
    assert why in message


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=range(len(REFUSED)))
def test_strict_mode_raises_instead(new_run, value, why):
    """strict=True raises LogError with the same message, and the run can go on."""
    run = new_run(strict=True)
    with pytest.raises(LogError) as raised:
        run.log({"odd": value}, step=1)
    assert "'odd'" in str(raised.value)
    assert why in str(raised.value)
    run.log({"a": 1.0}, step=2)
    run.finish()
    assert recorded(run.dir).values("a") == [1.0]


def test_none_is_skipped(run):
    """None is no value; a row of nothing else is no row."""
    run.log({"a": None, "b": 1.0}, step=1)
    run.log({"a": None}, step=2)
    run.log({}, step=3)
    run.finish()
    found = recorded(run.dir)
    assert [row.values for row in found.rows] == [{"b": 1.0}]
    assert run.health().problems == {}


def test_nested_mappings_are_joined(run):
    """Mappings inside a row become names with slashes, as deep as they go."""
    run.log({"train": {"loss": 1.0, "by": {"head": {"a": 2}}}, "lr": 0.1}, step=1)
    run.finish()
    assert recorded(run.dir).rows[0].values == {
        "train/loss": 1.0,
        "train/by/head/a": 2.0,
        "lr": 0.1,
    }


class Name(str):
    __slots__ = ()


@pytest.mark.parametrize("text", ["", "hello", "日本\x00\udc80🚀", Name("mine"), np.str_("array")])
def test_text_is_kept_as_text(run, text):
    """Text is an event of its own, any characters included."""
    rows, events = log_one(run, text)
    assert rows == []
    assert events == [("text", {"key": "v", "step": 1, "text": str(text)})]


@pytest.mark.parametrize("character", ["a", "é", "🚀", "\x00"])
def test_long_text_is_kept_whole(run, character):
    """Text longer than an item may be comes in parts that give the text again."""
    text = character * 1_500_000
    run.log({"v": text}, step=1)
    assert run.flush()
    run.finish()
    parts = recorded(run.dir).kinds("text")
    assert "".join(part["text"] for part in parts) == text
    assert [part["part"] for part in parts] == [[n + 1, len(parts)] for n in range(len(parts))]
    assert run.health().dropped == 0


def test_own_float_types_are_floats(run):
    """Subclasses of float are their value."""
    assert log_one(run, Half(0.25)) == ([0.25], [])


def test_a_mapping_may_change_after_the_call(run):
    """What is logged is what the mapping held at the call."""
    values = {"a": 1.0}
    array = np.array(2.0)
    for step in range(3):
        values["a"], array[...] = float(step), step * 10
        run.log(values, step=step)
        run.log({"b": array}, step=step)
    values["a"], array[...] = -1.0, -1.0
    run.finish()
    found = recorded(run.dir)
    assert (found.values("a"), found.values("b")) == ([0.0, 1.0, 2.0], [0.0, 10.0, 20.0])


@pytest.mark.parametrize("values", [None, 3.0, [("a", 1.0)], "text", BrokenRepr(), object, b""])
def test_what_is_no_mapping_is_told(run, caplog, values):
    """log() of something else than a mapping gives one message that says so."""
    run.log(values, step=1)
    run.log({"a": 1.0}, step=2)
    run.finish()
    found = recorded(run.dir)
    assert found.values("a") == [1.0]
    (event,) = found.kinds("refused")
    assert "takes a mapping of metric names to values" in event["why"]
    assert len([m for m in caplog.messages if "takes a mapping" in m]) == 1


@pytest.mark.torch
class TestTorch:
    """Real tensors; the module is imported only here."""

    def test_scalars(self, run):
        """Tensors of every real type, bfloat16 and those with gradients too."""
        import torch

        values = {
            "float32": torch.tensor(1.5), "bfloat16": torch.tensor(1.5, dtype=torch.bfloat16),
            "half": torch.tensor(1.5).half(), "one": torch.tensor([1.5]),
            "double": torch.tensor([[1.5]]).double(),
            "grad": (torch.tensor(0.5, requires_grad=True) * 3),
            "parameter": torch.nn.Parameter(torch.tensor(1.5)),
        }  # fmt: skip
        run.log(values, step=torch.tensor(7))
        run.log({"int": torch.tensor(3), "bool": torch.tensor([True])}, epoch=torch.tensor(2.0))
        run.finish()
        found = recorded(run.dir)
        assert found.rows[0].values == dict.fromkeys(values, 1.5)
        assert found.rows[0].step == 7
        assert found.rows[1].values == {"int": 3.0, "bool": 1.0}
        assert (found.rows[1].step, found.rows[1].epoch) == (7, 2.0)

    def test_what_is_no_scalar(self, run, caplog):
        """Wrong shapes, complex and empty tensors, and tensors without data are refused."""
        import torch

        run.log({
            "ok": 1.0, "matrix": torch.ones(2, 2), "complex": torch.tensor(1j),
            "meta": torch.tensor(1.0, device="meta"), "empty": torch.ones(0),
        }, step=1)  # fmt: skip
        run.finish()
        found = recorded(run.dir)
        assert [row.values for row in found.rows] == [{"ok": 1.0}]
        refused = {event["key"]: event["why"] for event in found.kinds("refused")}
        assert set(refused) == {"matrix", "complex", "meta", "empty"}
        assert "shape (2, 2)" in refused["matrix"]
        assert len(caplog.messages) == 4

    def test_extreme_values(self, run):
        """NaN, infinities and minus zero of a tensor stay what they are."""
        import torch

        values = [math.nan, math.inf, -math.inf, -0.0, 5e-324]
        for step, value in enumerate(values):
            run.log({"v": torch.tensor(value, dtype=torch.float64)}, step=step)
        run.finish()
        assert [bits(v) for v in recorded(run.dir).values("v")] == [bits(v) for v in values]

    def test_a_tensor_may_be_changed_in_place(self, run):
        """A tensor that the training overwrites afterwards was recorded as it was."""
        import torch

        loss = torch.tensor(1.0)
        for step in range(5):
            loss.fill_(step)
            run.log({"loss": loss}, step=step)
        loss.fill_(-1)
        run.finish()
        assert recorded(run.dir).values("loss") == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_jax_scalars(run):
    """Scalars of JAX are recorded, computed or not."""
    jnp = pytest.importorskip("jax.numpy")
    run.log({"a": jnp.float32(1.5), "b": jnp.ones((1,), jnp.bfloat16), "c": jnp.int32(3)}, step=1)
    assert run.flush()
    run.finish()
    assert recorded(run.dir).rows[0].values == {"a": 1.5, "b": 1.0, "c": 3.0}
