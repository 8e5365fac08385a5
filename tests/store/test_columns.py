"""Columns say the same as the journal's own reader, item by item."""

import os
import struct

import numpy as np
from hypothesis import given, settings
from journals import STREAMS, JournalMaker, make_run, play
from recorded import THOROUGH, recorded

from epochal.core import items
from epochal.core.items import Layout
from epochal.core.records import Row
from epochal.journal import frames
from epochal.store.columns import decode_columns, read_segment


def image(number: float) -> bytes:
    """The bytes of a number, so that NaN equals NaN."""
    return struct.pack("<d", number) if isinstance(number, float) else repr(number).encode()


def rows_of(run_dir: str) -> dict[int, tuple]:
    """Rows of all segments as columns read them: sequence number → what it says."""
    folder, layouts, seq, found = os.path.join(run_dir, "journal"), {}, 0, {}
    for segment in frames.segments(folder):
        data = read_segment(folder, segment, layouts, seq)
        seq = data.next_seq
        assert data.lost == 0
        assert data.damage == []
        for block in data.blocks:
            names = block.rows.dtype.names
            for row in block.rows:
                epoch = float(row["epoch"]) if "epoch" in names else None
                values = dict(zip(block.layout.keys, map(float, row["values"]), strict=True))
                found[int(row["seq"])] = (row["step"].item(), epoch, block.layout.phase, values)
    return found


@settings(max_examples=60 * THOROUGH, deadline=None)
@given(stream=STREAMS)
def test_columns_agree_with_the_journal_reader(stream, tmp_path_factory):
    """Alternating key sets, long rows, events and rotations give the same rows, bit for bit."""
    run_dir = make_run(tmp_path_factory.mktemp("run"))
    play(JournalMaker(run_dir), stream)
    expected = {row.seq: row for row in recorded(run_dir).rows}
    found = rows_of(run_dir)
    assert found.keys() == expected.keys()
    for seq, (step, epoch, phase, values) in found.items():
        row: Row = expected[seq]
        assert (image(step), phase, list(values)) == (image(row.step), row.phase, list(row.values))
        assert type(step) is type(row.step)
        assert (epoch is None) == (row.epoch is None)
        assert epoch is None or image(epoch) == image(row.epoch)
        assert [*map(image, values.values())] == [*map(image, row.values.values())]


def test_repeated_frames_count_once(tmp_path):
    """Frames that were written twice after a failed sync, overlapping, give each row once."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for step in range(10):
        maker.row({"a": float(step)} if step % 2 else {"a": float(step), "b": 1.0}, step)
        maker.frame()
    maker.close()
    (segment,) = frames.segments(maker.folder)
    path = os.path.join(maker.folder, segment.name)
    with open(path, "rb") as file:
        data = file.read()
    parts = [f for f in frames.scan(data, segment.mark) if f.kind == frames.ITEMS]
    with open(path, "ab") as file:
        file.write(data[parts[3].start : parts[-1].stop])
    read = read_segment(maker.folder, segment, {})
    seqs = sorted(int(s) for block in read.blocks for s in block.rows["seq"])
    assert (seqs, len(read.events), read.lost) == ([*range(10)], 1, 0)


def test_rows_without_their_layout_are_reported(tmp_path):
    """When the frame that defines a layout is damaged, its rows are lost, counted and named."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.row({"a": 1.0}, 0)
    maker.frame()
    for step in range(1, 5):
        maker.row({"a": 1.0}, step)
    maker.frame()
    maker.row({"b": 2.0}, 9)
    maker.close()
    (segment,) = frames.segments(maker.folder)
    path = os.path.join(maker.folder, segment.name)
    with open(path, "r+b") as file:
        first = next(f for f in frames.scan(file.read(), segment.mark) if f.kind == frames.ITEMS)
        file.seek(first.start + 40)
        file.write(b"\xff")
    read = read_segment(maker.folder, segment, {})
    assert [block.layout.keys for block in read.blocks] == [("b",)]
    assert read.lost == 5
    assert "the layout of rows is lost" in [damage.reason for damage in read.damage]


def test_a_later_descriptor_brings_layouts_back(tmp_path):
    """Rows before a descriptor are read with the layouts that it lists."""
    maker = JournalMaker(make_run(tmp_path))
    maker.row({"a": 1.0}, 0)
    maker.frame()
    maker.row({"a": 3.0}, 1)
    maker.frame()
    maker.descriptor()
    maker.close()
    (segment,) = frames.segments(maker.folder)
    path = os.path.join(maker.folder, segment.name)
    with open(path, "r+b") as file:
        first = next(f for f in frames.scan(file.read(), segment.mark) if f.kind == frames.ITEMS)
        file.seek(first.start + 40)
        file.write(b"\xff")
    read = read_segment(maker.folder, segment, {})
    assert [block.column("a").tolist() for block in read.blocks] == [[3.0]]


def test_neighboring_rows_are_a_view():
    """Rows of one layout that lie side by side are read without a copy."""
    layout = Layout(16, ("a", "b"), None, 0)
    row = struct.Struct(layout.row_format)
    payload = b"".join(row.pack(16, row.size, i, i, i, 0.5, float(i)) for i in range(100))
    (block,) = decode_columns(memoryview(payload), {16: layout})
    assert not block.rows.flags.owndata
    assert np.array_equal(block.column("b"), np.arange(100.0))
    assert items.HEADER.size == 24
