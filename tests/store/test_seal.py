"""Sealing keeps every bit, and deletes only what is safe elsewhere."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from journals import STREAMS, JournalMaker, bits, finished_run, make_run, play, rewrite
from recorded import THOROUGH

from epochal.core.errors import DamageError
from epochal.journal import frames
from epochal.journal.session import boot_id
from epochal.read.parts import events_of, read_parts
from epochal.store import seal
from epochal.store.seal import seal_run


def image(values) -> list[bytes]:
    """The bytes of numbers, so that NaN payloads and signs count."""
    return [struct.pack("<d", v) if isinstance(v, float) else repr(v).encode() for v in values]


def content(run_dir: str) -> dict:
    """Everything that a run says, in a form that can be compared."""
    points, events, anchors = {}, [], []
    for part in read_parts(run_dir):
        session = part.segment.session
        events += [(session, *event) for event in events_of(part)]
        anchors += [(session, *anchor) for anchor in part.anchors]
        for rows in part.rows(None):
            for metric, values in rows.values.items():
                epochs = [None] * len(values) if rows.epochs is None else rows.epochs.tolist()
                columns = (rows.seq, rows.elapsed_ns, rows.steps, epochs, values)
                lists = [image(c if isinstance(c, list) else c.tolist()) for c in columns]
                for seq, *rest in zip(*lists, strict=True):
                    points[session, metric, seq] = (*rest, rows.layout.variant)
    return {"points": points, "events": events, "anchors": anchors}


def stats(run_dir: str) -> str:
    """The statistics of all metrics, as text."""
    return repr([sorted(part.stats.items()) for part in read_parts(run_dir)])


@settings(max_examples=40 * THOROUGH, deadline=None)
@given(stream=STREAMS)
def test_sealed_is_what_was_recorded(stream, tmp_path_factory):
    """Points, events and clocks of any stream are the same after sealing, bit for bit."""
    run_dir = make_run(tmp_path_factory.mktemp("run"))
    play(JournalMaker(run_dir), stream)
    before, before_stats = content(run_dir), stats(run_dir)
    seal_run(run_dir)
    assert os.listdir(os.path.join(run_dir, "journal")) == []
    assert content(run_dir) == before
    assert stats(run_dir) == before_stats


def test_more_key_sets_than_tables(tmp_path):
    """Rare key sets share a long table and lose nothing: int64 steps beyond 2**53, epochs, NaN."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for i in range(60):
        values = {"loss": bits(0x7FF8_0000_0000_0000 + i), f"m{i}": -0.0, "shared": float(i)}
        step = 2**60 + i if i % 2 else float(i)
        maker.row(values, step, epoch=None if i % 3 else float(i), phase=None if i % 5 else "val")
    maker.close()
    before, before_stats = content(run_dir), stats(run_dir)
    seal_run(run_dir)
    names = os.listdir(os.path.join(run_dir, "sealed"))
    assert len([n for n in names if n.endswith(".parquet")]) == seal.MAX_TABLES + 2
    assert content(run_dir) == before
    assert stats(run_dir) == before_stats


def test_many_events_have_a_table(tmp_path):
    """Events that are too many for the manifest are kept whole."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    for i in range(1000):
        maker.event("text", key="t", text=f"é{i}\ud800", step=i)
    maker.close()
    before = content(run_dir)
    seal_run(run_dir)
    assert any("-events.parquet" in n for n in os.listdir(os.path.join(run_dir, "sealed")))
    assert content(run_dir) == before


def test_sealing_again_is_harmless(tmp_path):
    """A second sealing finds nothing to do."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    assert seal_run(run_dir).segments == 1
    before = content(run_dir)
    assert seal_run(run_dir) == (0, 0, 0, 0, 0)
    assert content(run_dir) == before


def test_full_segments_of_a_living_run(tmp_path):
    """While the process lives only full segments are sealed, and what follows reads on."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir, claims={"host": "elsewhere"})
    maker.row({"a": 1.0}, 0)
    maker.rotate()
    maker.row({"a": 2.0}, 1)
    maker.frame()
    assert seal_run(run_dir).segments == 1
    assert [s.index for s in frames.segments(maker.folder)] == [2]
    maker.row({"a": 3.0}, 2)
    maker.frame()
    values = [v for part in read_parts(run_dir) for p in part.points("a") for v in p.values]
    assert values == [1.0, 2.0, 3.0]


def test_no_contact_is_not_the_end(tmp_path):
    """The last segment of a silent process on another host stays open."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir, claims={"host": "elsewhere"}, wall_ns=10**9)
    maker.row({"a": 1.0}, 0)
    maker.close(state=None)
    (segment,) = frames.segments(maker.folder)
    os.utime(os.path.join(maker.folder, segment.name), (0, 0))
    assert seal_run(run_dir).segments == 0
    assert len(frames.segments(maker.folder)) == 1


def test_a_dead_process_is_sealed(tmp_path):
    """The segments of a process of this host that is gone are sealed; a torn end is no damage."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir, claims={"boot": boot_id(), "pid": 2**22 + 1, "ring": ""})
    maker.row({"a": 1.0}, 0)
    maker.close(state=None)
    (segment,) = frames.segments(maker.folder)
    path = os.path.join(maker.folder, segment.name)
    rewrite(path, lambda data: data.extend(data[:40]))
    assert seal_run(run_dir).deleted == 1
    (part,) = read_parts(run_dir)
    assert part.damage == []
    assert part.points("a")[0].values.tolist() == [1.0]


def test_a_damaged_segment_stays(tmp_path):
    """What is good of a damaged segment is sealed, the damage is named, and the file is kept."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    maker = JournalMaker(run_dir)
    for step in range(3):
        maker.row({"a": 2.0}, step)
        maker.frame()
    maker.close()
    last = frames.segments(maker.folder)[-1]
    path = os.path.join(maker.folder, last.name)
    found = list(frames.scan(Path(path).read_bytes(), last.mark))

    def flip(data: bytearray) -> None:
        data[found[2].stop - 3] ^= 1

    rewrite(path, flip)
    assert seal_run(run_dir)[:2] == (2, 1)
    assert os.path.exists(path)
    parts = read_parts(run_dir)
    assert [part.lost for part in parts] == [0, 1]
    assert "checksum" in parts[1].damage[0]


def test_a_sealed_file_with_a_flipped_bit_is_never_read(tmp_path):
    """One flipped bit anywhere in a Parquet file is an error or changes nothing."""
    run_dir = finished_run(tmp_path, [({"a": float(i), "b": 0.5}, i) for i in range(50)])
    seal_run(run_dir)
    folder = os.path.join(run_dir, "sealed")
    (name,) = [n for n in os.listdir(folder) if n.endswith(".parquet")]
    path, before = os.path.join(folder, name), content(run_dir)
    size = os.path.getsize(path)
    refused = 0
    for at in range(0, size, max(1, size // 300)):
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
        try:
            assert content(run_dir) == before
        except DamageError:
            refused += 1
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
    assert refused > 100
    Path(path).unlink()
    with pytest.raises(DamageError, match="missing"):
        content(run_dir)


def test_a_manifest_with_a_flipped_bit_is_never_believed(tmp_path):
    """One flipped bit anywhere in a manifest, which holds statistics and texts, is noticed."""
    run_dir = finished_run(tmp_path, [({"a": float(i)}, i) for i in range(3)])
    seal_run(run_dir)
    folder = os.path.join(run_dir, "sealed")
    (name,) = [n for n in os.listdir(folder) if n.endswith(".json")]
    path = os.path.join(folder, name)
    for at in range(0, os.path.getsize(path), 7):
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
        assert len(read_parts(run_dir).problems) == 1
        rewrite(path, lambda data, at=at: data.__setitem__(at, data[at] ^ 1 << at % 8))
    assert read_parts(run_dir).problems == []


def test_a_damaged_manifest_falls_back_to_the_journal(tmp_path):
    """While the journal is still there a damaged manifest costs nothing; later it is named."""
    run_dir = make_run(tmp_path, sinks=["csv"])  # whose cursor never comes: the journal stays
    maker = JournalMaker(run_dir)
    maker.row({"a": 1.0}, 0)
    maker.close()
    before = content(run_dir)
    seal_run(run_dir)
    folder = os.path.join(run_dir, "sealed")
    (name,) = [n for n in os.listdir(folder) if n.endswith(".json")]
    Path(folder, name).write_bytes(b"{")
    assert content(run_dir) == before
    for segment in frames.segments(maker.folder):
        os.unlink(os.path.join(maker.folder, segment.name))
    parts = read_parts(run_dir)
    assert (list(parts), len(parts.problems)) == ([], 1)
