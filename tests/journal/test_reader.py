"""Reading a journal record by record: complete, in order, and honest about what is missing."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import THOROUGH, TORN, recorded

from epochal.core import items
from epochal.core.items import Layout
from epochal.journal import append, frames
from epochal.journal.frames import Frame, Segment
from epochal.journal.reader import JournalReader, Position
from epochal.journal.segment import SegmentFile
from epochal.journal.session import Session, descriptor_payload


class Journal:
    """A journal written by hand: each row is (seq, key, value)."""

    def __init__(self, run_dir, keys=("a", "b")):
        self.run_dir = str(run_dir)
        self.folder = os.path.join(self.run_dir, "journal")
        os.makedirs(self.folder, exist_ok=True)
        self.session = Session("run", 1)
        self.layouts = [Layout(16 + n, (key,), None, 0) for n, key in enumerate(keys)]
        self.index = 0
        self.next()

    def next(self, layouts=None):
        """Begin another segment."""
        self.index += 1
        self.file = SegmentFile(self.folder, self.session.segment(self.index))
        self.describe(self.layouts if layouts is None else layouts)

    def describe(self, layouts):
        """Append a descriptor."""
        payload = descriptor_payload(self.session.describe(), layouts)
        self.file.append(self.file.frame(frames.DESCRIPTOR, 0, payload))

    def rows(self, *seqs, layout=0, define=False):
        """Append one frame of rows whose value is their sequence number."""
        which = self.layouts[layout]
        payload = b""
        if define:
            payload = items.json_item(items.DEFINE, seqs[0], 0, which.to_json())
        for seq in seqs:
            payload += items.struct.pack(which.row_format, which.id, 40, seq, 0, seq, float(seq))
        start = self.file.size
        self.file.append(self.file.frame(frames.ITEMS, seqs[0], payload))
        return start, self.file.size

    def corrupt(self, at):
        """Flip a byte of the current segment."""
        with open(self.file.path, "r+b") as file:
            file.seek(at)
            (byte,) = file.read(1)
            file.seek(at)
            file.write(bytes([byte ^ 255]))

    def seqs(self):
        """Sequence numbers that a reader finds."""
        return [row.seq for row in recorded(self.run_dir).rows]


@pytest.fixture
def journal(tmp_path):
    """An empty journal."""
    return Journal(tmp_path)


def test_rows_are_followed_while_they_are_written(journal):
    """Each call gives what is new since the last, over the end of a segment."""
    reader = JournalReader(journal.folder)
    assert reader.read() == []
    journal.rows(0, 1)
    assert [row.seq for row in reader.read()] == [0, 1]
    assert reader.read() == []
    journal.rows(2)
    journal.next()
    journal.rows(3)
    assert [row.seq for row in reader.read()] == [2]
    assert [row.seq for row in reader.read()] == [3]
    assert reader.read() == []


def test_an_unfinished_frame_is_waited_for(journal):
    """Half a frame at the end is not damage: it is read when the rest has come."""
    reader = JournalReader(journal.folder)
    start, stop = journal.rows(0, 1, 2)
    with open(journal.file.path, "rb") as file:
        data = file.read()
    os.truncate(journal.file.path, start + 20)
    assert reader.read() == []
    with open(journal.file.path, "r+b") as file:
        file.write(data[: stop - 1])
    assert reader.read() == []
    with open(journal.file.path, "r+b") as file:
        file.write(data)
    assert [row.seq for row in reader.read()] == [0, 1, 2]
    assert not recorded(journal.run_dir).damage


def test_positions_go_on_in_another_process(journal):
    """A position taken anywhere gives the rest, with layouts and clock of what came before."""
    journal.rows(0, define=True)
    journal.rows(1, 2)
    reader = JournalReader(journal.folder)
    reader.read()
    positions = {name: Position(*where) for name, where in reader.positions().items()}
    journal.rows(3, layout=1, define=True)
    journal.next(layouts=[])
    journal.rows(4, 5, layout=1)
    later = JournalReader(journal.folder, positions)
    assert [row.seq for row in [*later.read(), *later.read()]] == [3, 4, 5]
    assert sum(session.lost for session in later.sessions.values()) == 0


def test_repeated_rows_are_read_once(journal):
    """What was written again after a failed sync, or by a recovery, counts once."""
    journal.rows(0, 1, 2)
    journal.next()
    journal.rows(1, 2)
    journal.rows(2, 3)
    found = recorded(journal.run_dir)
    assert [row.seq for row in found.rows] == [0, 1, 2, 3]
    assert found.lost == 0


def test_holes_are_counted(journal):
    """Missing sequence numbers are counted as lost."""
    journal.rows(0, 1)
    journal.rows(5)
    journal.next()
    journal.rows(9, 10)
    assert recorded(journal.run_dir).lost == 3 + 3


def test_a_damaged_frame_in_the_middle_is_reported(journal):
    """The damaged range is named, its rows are counted, and everything else is read."""
    journal.rows(0, 1)
    start, stop = journal.rows(2, 3, 4)
    journal.rows(5)
    journal.corrupt(start + 50)
    found = recorded(journal.run_dir)
    assert [row.seq for row in found.rows] == [0, 1, 5]
    assert (found.lost, [(d.start, d.stop) for d in found.damage]) == (3, [(start, stop)])


@pytest.mark.parametrize("describe", ["same segment", "next segment"])
def test_a_lost_definition_is_found_in_a_later_descriptor(tmp_path, describe):
    """When the frame that defined a layout is damaged, a later descriptor tells its meaning."""
    journal = Journal(tmp_path)
    journal.file.close()
    os.unlink(journal.file.path)
    journal.index = 0
    journal.next(layouts=[])
    start, _ = journal.rows(0, 1, define=True)
    journal.rows(2, 3)
    journal.corrupt(start + 40)
    if describe == "same segment":
        journal.describe(journal.layouts)
        journal.rows(4)
        assert journal.seqs() == [2, 3, 4]
    else:
        journal.next()
        journal.rows(4)
        assert journal.seqs() == [4]
    found = recorded(journal.run_dir)
    assert found.lost == 5 - len(found.rows)
    assert found.damage


def test_sessions_are_read_in_order_of_their_ordinals(tmp_path):
    """Records come session by session, whatever their clocks say."""
    made = [Journal(tmp_path) for _ in range(3)]
    for journal, ordinal in zip(made, (3, 1, 2), strict=True):
        old = journal.file.path
        journal.session.ordinal = ordinal
        journal.rows(0)
        renamed = os.path.join(journal.folder, journal.session.segment(1).name)
        os.rename(old, renamed)
    assert [row.session for row in recorded(str(tmp_path)).rows] == [1, 2, 3]


def test_a_file_larger_than_the_buffer_is_read(journal):
    """Files are read in pieces; frames across their borders are whole."""
    count, size = 0, 20_000
    for _ in range(16):
        journal.rows(*range(count, count + size))
        count += size
    assert os.path.getsize(journal.file.path) > 12 << 20
    found = recorded(journal.run_dir)
    assert found.values("a") == [float(seq) for seq in range(count)]
    assert (found.lost, found.damage) == (0, [])


@settings(max_examples=60 * THOROUGH, deadline=None)
@given(st.data())
def test_any_damage_gives_a_part_of_the_truth(tmp_path_factory, data):
    """Flipped, cut or foreign bytes: rows are a part of what was written, the rest is reported."""
    journal = Journal(tmp_path_factory.mktemp("journal"))
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    seq = 0
    for number in range(8):
        size = chance.randint(1, 5)
        journal.rows(*range(seq, seq + size), layout=number % 2, define=True)
        seq += size
        if number == 4:
            journal.next()
    path = os.path.join(journal.folder, journal.session.segment(chance.randint(1, 2)).name)
    with open(path, "rb") as file:
        image = bytearray(file.read())
    for _ in range(data.draw(st.integers(1, 3))):
        at = chance.randrange(len(image))
        kind = data.draw(st.sampled_from(["flip", "insert", "zero", "cut"]))
        if kind == "flip":
            image[at] ^= 1 << chance.randrange(8)
        elif kind == "insert":
            image[at:at] = chance.randbytes(chance.randint(1, 60))
        elif kind == "zero":
            image[at : at + 80] = bytes(len(image[at : at + 80]))
        else:
            del image[max(at, 1) :]
    with open(path, "wb") as file:
        file.write(image)
    found = recorded(journal.run_dir)
    seqs = [row.seq for row in found.rows]
    assert seqs == sorted(set(seqs))
    assert all(row.step == row.seq == next(iter(row.values.values())) for row in found.rows)
    if seqs:
        assert len(seqs) + found.lost == seqs[-1] + 1


def test_a_torn_end_is_damage_for_whoever_reads_the_whole(journal):
    """A segment that another one follows is complete: its torn end is reported."""
    journal.rows(0)
    start, stop = journal.rows(1)
    os.truncate(journal.file.path, stop - 8)
    journal.next()
    journal.rows(2)
    found = recorded(journal.run_dir)
    assert [row.seq for row in found.rows] == [0, 2]
    assert (found.lost, [d.start for d in found.damage]) == (1, [start])
    assert found.damage[0].reason in TORN


def test_other_kinds_of_frames_are_skipped(journal):
    """A kind of frame of a later version is skipped."""
    journal.rows(0)
    journal.file.append(journal.file.frame(77, 1, b"later"))
    journal.rows(1)
    assert journal.seqs() == [0, 1]


def test_appended_events_are_a_session_of_their_own(journal):
    """What is added from outside has its own file and does not touch those of the training."""
    journal.rows(0)
    with open(journal.file.path, "rb") as file:
        before = file.read()
    append.append_events(journal.run_dir, "run", [("tag", {"tags": ["x"]}), ("note", {"text": ""})])
    with open(journal.file.path, "rb") as file:
        assert file.read() == before
    found = recorded(journal.run_dir)
    assert [(e.session, e.seq, e.kind) for e in found.events] == [(2, 0, "tag"), (2, 1, "note")]
    assert [d["role"] for d in found.descriptors] == ["train", "annotate"]


def test_damaged_frames_do_not_hide_in_a_scan(journal):
    """Reading by records and scanning by frames agree on what is damaged."""
    starts = [journal.rows(n)[0] for n in range(6)]
    journal.corrupt(starts[2] + 3)
    journal.corrupt(starts[4] + 35)
    with open(journal.file.path, "rb") as file:
        data = file.read()
    segment = Segment(1, journal.session.id, 1)
    good = [each for each in frames.scan(data, segment.mark) if isinstance(each, Frame)]
    assert [each.seq for each in good if each.kind == frames.ITEMS] == [0, 1, 3, 5]
    assert journal.seqs() == [0, 1, 3, 5]
