"""The item format: what was packed is what comes out, and no bytes make the decoder go astray."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import THOROUGH

from epochal.core import items
from epochal.core.items import FLOAT_STEP, HAS_EPOCH, EventItem, Layout, RowItem

INT64 = st.integers(-(2**63), 2**63 - 1)
SEQ = st.integers(0, 2**63 - 1)
BITS = st.integers(0, 2**64 - 1)
"""Any 64 bits as a value: every NaN payload and denormal among them."""

KEYS = st.lists(st.text(max_size=20), min_size=1, max_size=8, unique=True)
PHASE = st.none() | st.text(min_size=1, max_size=8)


def float_of(bits):
    """The float with these bits."""
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(values):
    """The bits of floats."""
    return [struct.unpack("<Q", struct.pack("<d", value))[0] for value in values]


@st.composite
def layouts(draw, number=items.FIRST_LAYOUT):
    """Any layout with a certain number."""
    keys = tuple(draw(KEYS))
    return Layout(number, keys, draw(PHASE), draw(st.integers(0, 7)))


@st.composite
def rows(draw, layout):
    """Fields of a row of a layout: seq, mono_ns, step, epoch (or None), bits of the values."""
    is_float = layout.variant & FLOAT_STEP
    step = draw(st.floats(allow_nan=False) if is_float else INT64)
    epoch = draw(st.floats(allow_nan=False)) if layout.variant & HAS_EPOCH else None
    size = len(layout.keys)
    return draw(SEQ), draw(INT64), step, epoch, draw(st.lists(BITS, min_size=size, max_size=size))


def packed(layout, row):
    """A row item as the recorder packs it."""
    seq, mono_ns, step, epoch, bits = row
    clock = (step,) if epoch is None else (step, epoch)
    size = struct.calcsize(layout.row_format)
    fields = (layout.id, size, seq, mono_ns, *clock)
    head = layout.row_format[: len(layout.row_format) - len(f"{len(layout.keys)}d")]
    return struct.pack(head, *fields) + struct.pack(f"<{len(bits)}Q", *bits)


def packed_long(layout, row):
    """The same row as a long row."""
    seq, mono_ns, step, epoch, bits = row
    prefix, numbers = items.long_parts(layout)
    clock = (step,) if epoch is None else (step, epoch)
    values = struct.pack(f"<{len(bits)}Q", *bits)
    head = numbers.format[: len(numbers.format) - len(f"{len(layout.keys)}d")]
    size = items.HEADER.size + len(prefix) + numbers.size
    header = items.HEADER.pack(items.LONG, size, seq, mono_ns)
    return header + prefix + struct.pack(head, *clock) + values


@given(st.data())
def test_rows_come_out_bit_for_bit(data):
    """Any mixture of layouts, short and long, is decoded to the same bits."""
    known = [data.draw(layouts(items.FIRST_LAYOUT + n)) for n in range(3)]
    payload = b"".join(items.json_item(items.DEFINE, 0, 0, each.to_json()) for each in known)
    wanted = []
    for _ in range(data.draw(st.integers(0, 12))):
        layout = data.draw(st.sampled_from(known))
        row = data.draw(rows(layout))
        payload += data.draw(st.sampled_from([packed, packed_long]))(layout, row)
        wanted.append((layout, row))
    found = list(items.decode(memoryview(payload), {}))
    assert [
        (item.layout, (item.seq, item.mono_ns, item.step, bits_of(item.values))) for item in found
    ] == [(layout, (seq, mono, step, bits)) for layout, (seq, mono, step, _, bits) in wanted]
    for item, (layout, row) in zip(found, wanted, strict=True):
        if layout.variant & HAS_EPOCH:
            assert item.epoch == row[3]


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | INT64), SEQ, INT64)
def test_events_come_out_as_they_were(data, seq, mono_ns):
    """Events keep their fields, any text included, and are padded to whole words."""
    data = {**data, "kind": "note"}
    item = items.json_item(items.EVENT, seq, mono_ns, items.to_json(data))
    assert len(item) % 8 == 0
    assert list(items.decode(memoryview(item), {})) == [EventItem(seq, mono_ns, data)]


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"7", b"{}", b'{"kind": 1}', b"[" * 100_000, b'{"kind": "a"}, {"kind": "b"}',
])  # fmt: skip
@pytest.mark.parametrize("code", [items.EVENT, items.DEFINE, items.LONG])
def test_items_that_describe_nothing(code, body):
    """They are left out, and what comes after them is not."""
    after = items.json_item(items.EVENT, 8, 9, b'{"kind": "note"}')
    data = items.json_item(code, 7, 9, body) + after
    assert list(items.decode(memoryview(data), {})) == [EventItem(8, 9, {"kind": "note"})]


@given(layouts())
def test_layouts_survive_their_description(layout):
    """A layout is the same after it was described as JSON."""
    assert Layout.from_dict(layout.to_dict()) == layout


def test_unknown_layouts_leave_out_their_rows():
    """Rows whose definition is lost are left out; what stands around them is decoded."""
    known, lost = (Layout(n, ("a",), None, 0) for n in (16, 17))
    row = (5, 0, 1, None, [0])
    payload = packed(known, row) + packed(lost, row) + packed(lost, row) + packed(known, row)
    assert len(list(items.decode(memoryview(payload), {16: known}))) == 2


def test_unknown_codes_are_skipped():
    """Items of a later version are skipped."""
    event = items.json_item(items.EVENT, 1, 0, b'{"kind":"tag"}')
    later = items.HEADER.pack(9, 32, 0, 0) + b"anything"
    assert len(list(items.decode(memoryview(later + event + later), {}))) == 1


@pytest.mark.parametrize("size", [0, 4, 12, 4096])
def test_impossible_sizes_are_named(size):
    """A size that cannot be is an error that says where, not an endless loop."""
    item = items.HEADER.pack(items.EVENT, size, 0, 0)
    with pytest.raises(ValueError, match="item at byte 0 has size"):
        list(items.decode(memoryview(item), {}))


@settings(max_examples=100 * THOROUGH)
@given(st.lists(st.sampled_from(["row", "event", "end"]), max_size=6))
def test_ends_session_looks_at_the_last_item(kinds):
    """Only an end event in the last place ends a session."""
    layout = Layout(16, ("a",), None, 0)
    made = {
        "row": packed(layout, (0, 0, 0, None, [0])),
        "event": items.json_item(items.EVENT, 0, 0, b'{"kind":"tag"}'),
        "end": items.json_item(items.EVENT, 0, 0, b'{"kind":"end","state":"finished"}'),
    }
    payload = memoryview(b"".join(made[kind] for kind in kinds))
    assert items.ends_session(payload) == (kinds[-1:] == ["end"])


def test_decoded_rows_are_rows():
    """A row knows its layout, and has no epoch (NaN) unless the layout has one."""
    layout = Layout(16, ("a", "b"), "val", 0)
    (row,) = items.decode(memoryview(packed(layout, (7, 8, 9, None, [0, 2**63]))), {16: layout})
    assert isinstance(row, RowItem)
    assert (row.seq, row.mono_ns, row.step) == (7, 8, 9)
    assert row.epoch != row.epoch
    assert bits_of(row.values) == [0, 2**63]
