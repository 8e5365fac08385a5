"""Reading on where reading stopped gives what reading a segment from its start gives."""

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from journals import EVENTS, ROWS, JournalMaker, make_run, play
from recorded import THOROUGH

from epochal.journal import frames
from epochal.store.columns import SegmentData, read_segment

STREAM = st.lists(
    ROWS | EVENTS | st.sampled_from([{"do": "frame"}, {"do": "heartbeat"}]), max_size=60
)


def content(data: SegmentData) -> dict:
    """What a segment says; how its rows lie in blocks does not count."""
    rows: dict[tuple, bytes] = {}
    for block in data.blocks:
        rows[block.layout] = rows.get(block.layout, b"") + block.rows.tobytes()
    events = (data.events.seq, data.events.mono_ns, data.events.kinds, data.events.texts)
    return {
        "rows": rows, "events": events, "anchors": data.anchors, "lost": data.lost,
        "damage": data.damage, "next_seq": data.next_seq, "descriptor": data.descriptor,
        "heartbeat": data.heartbeat, "size": data.size, "layouts": data.layouts,
    }  # fmt: skip


def segment_of(base, stream) -> tuple[str, frames.Segment, bytes]:
    """Records a stream in one segment; returns its folder, name and bytes."""
    maker = JournalMaker(make_run(base))
    play(maker, stream)
    (segment,) = frames.segments(maker.folder)
    return maker.folder, segment, Path(maker.folder, segment.name).read_bytes()


@settings(max_examples=150 * THOROUGH, deadline=None)
@given(
    stream=STREAM, cuts=st.lists(st.floats(0, 1), max_size=8),
    flip=st.none() | st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_a_segment_that_grows(stream, cuts, flip, tmp_path_factory):
    """Cut off anywhere, also within frames, and damaged or not: each reading is a full one."""
    folder, segment, data = segment_of(tmp_path_factory.mktemp("run"), stream)
    if flip is not None:
        at = int(flip * len(data))
        data = data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]
    before, said = None, {}
    for cut in [*sorted(cuts), 1.0]:
        Path(folder, segment.name).write_bytes(data[: int(cut * len(data))])
        layouts, fresh_layouts = {}, {}
        found = read_segment(folder, segment, layouts, before=before)
        fresh = read_segment(folder, segment, fresh_layouts)
        assert content(found) == content(fresh)
        assert layouts == fresh_layouts
        if before is not None:
            assert content(before) == said
        before, said = found, content(found)


def test_a_segment_that_was_cut_back(tmp_path):
    """After a failed write the writer cuts its file back and goes on otherwise: read anew."""
    maker = JournalMaker(make_run(tmp_path))
    for step in range(20):
        maker.row({"a": float(step)}, step)
        maker.frame()
    maker.close()
    (other,) = frames.segments(maker.folder)
    data = Path(maker.folder, other.name).read_bytes()
    every = [f for f in frames.scan(data, other.mark) if isinstance(f, frames.Frame)]
    path = Path(maker.folder, other.name)
    path.write_bytes(data[: every[8].stop])
    before = read_segment(maker.folder, other, {})
    path.write_bytes(data[: every[4].stop] + data[every[5].start : every[6].stop] * 2)
    cut = read_segment(maker.folder, other, {}, before=before)
    assert content(cut) == content(read_segment(maker.folder, other, {}))
    assert cut.reading != before.reading


def test_only_what_is_new_is_read(tmp_path, monkeypatch):
    """Of a segment that grew no earlier byte is checked again, and few blocks remain."""
    maker = JournalMaker(make_run(tmp_path))
    scanned = []
    scan = frames.scan

    def spy(data, mark, start=0):
        scanned.append(len(data))
        return scan(data, mark, start)

    monkeypatch.setattr(frames, "scan", spy)
    data = None
    for turn in range(300):
        maker.row({"a": float(turn)}, turn)
        maker.row({"b": float(turn)}, turn)
        maker.frame()
        (segment,) = frames.segments(maker.folder)
        earlier = data
        data = read_segment(maker.folder, segment, {}, before=data)
        assert earlier is None or data.reading == earlier.reading
    assert max(scanned[5:]) < 200
    assert sum(len(block.rows) for block in data.blocks) == 600
    assert len(data.blocks) < 30
    assert os.path.getsize(os.path.join(maker.folder, segment.name)) == sum(scanned)
