"""Shapes: what fits, what does not, and that what is recorded fits."""

import pytest

from epochal.core import shapes
from epochal.core.event_shapes import SHAPES, Sieve, fault
from epochal.core.records import Event
from epochal.core.shapes import Shape, holding, listed, mapping, maybe, one_of, row


@pytest.mark.parametrize(("check", "good", "bad"), [
    (shapes.TEXT, ["", "a", "\ud800"], [None, 1, b"a", ["a"]]),
    (shapes.NAME, ["", "é"], ["\ud800", None, 1]),
    (shapes.NUMBER, [0, -1.5, float("nan"), float("inf"), 2**70], [True, "1", None, 10**400]),
    (shapes.COUNT, [0, 5, 2**63 - 1], [-1, 2**63, 1.0, True, "1", None]),
    (shapes.STEP, [0, -1, 0.5, 2**63 - 1], [2**63, float("nan"), float("inf"), True, "1"]),
    (shapes.DIGITS, ["0", "-12", "9" * 4000], ["", "1.5", "९", "1" * 4001, "0x1", 12, "1\n"]),
    (shapes.SCALAR, [None, "a", True, 0.5], [[], {}, 10**400]),
    (shapes.PATH, ["", "/a b", "a/../b", "\udcff"], ["a\0b", "\ud800", None]),
    (shapes.INSIDE, ["a/b", "..a"], ["..", "a/../b", "a\0"]),
    (shapes.ID, ["abcdefghij", "a"], ["", "../a", "a/b", "a" * 65, "a\n", 1]),
    (shapes.INSTANT, [0, 1.7e9], [float("nan"), 1e12, "0"]),
    (shapes.SEED, [0, {"data": 1}], [0.5, "1", {"data": []}, True]),
    (shapes.TREE, [{}, {"a": [{"b": None}]}], [[], None, "a"]),
    (listed(shapes.TEXT), [[], ["a"]], ["a", [1], None]),
    (row(shapes.COUNT, shapes.TEXT), [[1, "a"]], [[1], [1, 2], [1, "a", 3], None]),
    (maybe(shapes.TEXT), [None, "a"], [1]),
    (one_of("a", "b"), ["a"], ["c", ["a"], None]),
    (mapping(shapes.COUNT), [{}, {"a": 1}], [[], {"a": "b"}]),
    (holding({"a": shapes.TEXT}, b=shapes.COUNT), [{"a": ""}, {"a": "", "b": None, "c": []}],
     [{}, {"a": "", "b": -1}, None, {"a": "", "c": 10**400}]),
])  # fmt: skip
def test_checks(check, good, bad):
    """Each check takes what it says and nothing else."""
    for value in good:
        assert check.holds(value), value
    for value in bad:
        assert not check.holds(value), value


def test_trees_have_an_end():
    """What is nested so deeply that walking it would fail is no tree."""
    tree = {}
    for _ in range(shapes.DEEPEST - 1):
        tree = {"a": tree}
    assert shapes.TREE.holds(tree)
    assert not shapes.TREE.holds({"a": [tree]})


def test_faults_name_the_field():
    """Needed fields must be there, optional ones not be null, nullable ones may be."""
    shape = Shape({"a": shapes.TEXT}, {"b": shapes.TEXT}, {"c": shapes.TEXT})
    assert shape.fault({"a": "", "c": None, "d": 1}) == ""
    assert shape.fault({}) == "a is missing"
    assert shape.fault({"a": None}) == "a is not a text"
    assert shape.fault({"a": "", "b": None}) == "b is not a text"
    assert shape.fault({"a": "", "c": 1}) == "c is not a text"


def test_every_kind_has_a_shape():
    """The kinds that records.Event lists, and no others; what is unknown may be anything."""
    lines = [line.strip() for line in Event.__doc__.split("============ ====")[2].splitlines()]
    kinds = {word.rstrip(",") for line in lines for word in line.split("``")[0].split()}
    assert kinds.issuperset(SHAPES)
    assert fault({"kind": "of a later version", "text": 3}) == ""
    assert fault({"kind": ["note"]}) == fault([]) == "it is no object with a kind"


def test_what_a_sieve_says():
    """It counts by kind and gives the first reason; two kinds and odd times are faults too."""
    sieve = Sieve("f.seg")
    note = {"kind": "note", "text": "a"}
    assert sieve.passes(note, ("note",))
    assert sieve.passes(note)
    assert not sieve.passes(note, ("text",))
    assert not sieve.passes(note, ("note",), 2**62)
    assert not sieve.passes({"kind": "note"}, ("note", "text"))
    assert sieve.told() == [
        "f.seg: 1 event (text) is left out: it says two kinds",
        "f.seg: 2 events (note) are left out: it is out of time",
    ]
