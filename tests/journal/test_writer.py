"""The writer: from the ring to the disk, in order, whatever the disk says in between."""

import errno
import os
import threading
import time

import pytest
from recorded import recorded, wait_until

from epochal.core import ring
from epochal.core.ring import HEAD, TAIL
from epochal.journal import frames
from epochal.journal.frames import Damage, Frame
from epochal.journal.session import Session
from epochal.journal.writer import JournalWriter
from epochal.record.recorder import Recorder


class Setup:
    """A ring, a recorder and a journal writer in a folder, without a run around them."""

    def __init__(self, folder):
        self.run_dir, self.told = str(folder), []
        session = Session("run", 1)
        self.ring = ring.create(2 << 20, session.identity(self.run_dir))
        self.journal = JournalWriter(self.run_dir, session, lambda *what: self.told.append(what))
        refused = self.told.append
        self.recorder = Recorder(
            self.ring, self.journal.wake, None, lambda keys, _: keys, refused, list
        )  # fmt: skip
        assert self.journal.start(self.recorder)

    def log(self, *steps, keys=("a",)):
        """Record rows whose values are their step."""
        for step in steps:
            self.recorder.row(dict.fromkeys(keys, float(step)), step, None, None)

    def frames(self, kind):
        """Frames of a kind in all segments: (segment index, payload)."""
        found = []
        for segment in frames.segments(self.journal.folder):
            with open(os.path.join(self.journal.folder, segment.name), "rb") as file:
                for each in frames.scan(file.read(), segment.mark):
                    assert not isinstance(each, Damage), each
                    found += [(segment.index, each)] if each.kind == kind else []
        return found

    def close(self):
        """End writer and ring."""
        done = self.journal.stop(60)
        self.ring.close(unlink=True)
        return done


@pytest.fixture
def setup(tmp_path):
    """A writer at work."""
    made = Setup(tmp_path)
    yield made
    if made.ring._fd >= 0:
        made.close()


def test_rows_reach_the_journal_by_themselves(setup):
    """Without any flush, a row is in the run folder a moment later."""
    setup.log(1, 2, 3)
    wait_until(lambda: len(recorded(setup.run_dir).rows) == 3)


def test_flush_waits_for_the_journal(setup):
    """When flush has returned, another reader finds the rows; the ring is free."""
    for round_ in range(50):
        setup.log(round_)
        assert setup.journal.flush(sync=round_ % 10 == 0, timeout_s=60)
        assert len(recorded(setup.run_dir).rows) == round_ + 1
    assert setup.ring.counters[HEAD] == setup.ring.counters[TAIL]
    assert setup.journal.lag_s() == 0.0


def test_stop_writes_the_rest_and_ends_its_threads(setup):
    """After stop everything is in the journal and no thread or file is left open."""
    setup.log(*range(10_000))
    before = {thread.name for thread in threading.enumerate()}
    assert {"epochal-write", "epochal-sync"} <= before
    mine = list(setup.journal._threads)
    assert setup.close()
    assert not any(thread.is_alive() for thread in mine)
    assert recorded(setup.run_dir).values("a") == [float(n) for n in range(10_000)]


def test_segments_are_rotated(setup, monkeypatch):
    """A full segment is followed by another that can be read by itself."""
    monkeypatch.setattr(frames, "SEGMENT_BYTES", 50_000)
    for start in range(0, 5000, 500):
        setup.log(*range(start, start + 500), keys=("a", "b"))
        assert setup.journal.flush(sync=False, timeout_s=60)
    assert len(frames.segments(setup.journal.folder)) >= 3
    assert {index for index, _ in setup.frames(frames.DESCRIPTOR)} == {
        segment.index for segment in frames.segments(setup.journal.folder)
    }
    found = recorded(setup.run_dir)
    assert found.values("b") == [float(n) for n in range(5000)]
    assert (found.lost, found.damage) == (0, [])


def test_each_layout_is_told_twice(setup):
    """A second frame lists the layouts soon, so that one damaged frame loses only itself."""
    setup.log(1)
    setup.journal.flush(sync=False, timeout_s=60)
    setup.log(2, keys=("x", "y"))
    setup.close()
    _, last = setup.frames(frames.DESCRIPTOR)[-1]
    listed = frames.re.findall(rb'"keys":\[([^]]*)\]', bytes(last.payload))
    assert listed == [b'"a"', b'"x","y"']


def test_long_journals_repeat_their_descriptor(setup):
    """About every megabyte says again what everything means."""
    for start in range(0, 100_000, 5000):
        setup.log(*range(start, start + 5000), keys=("a", "b", "c"))
        setup.journal.flush(sync=False, timeout_s=60)
    size = sum(
        os.path.getsize(os.path.join(setup.journal.folder, segment.name))
        for segment in frames.segments(setup.journal.folder)
    )
    assert len(setup.frames(frames.DESCRIPTOR)) >= size // (2 << 20)


class BrokenFile:
    """A descriptor that is no file any more: each write to it fails, as a torn-away disk does."""

    def __init__(self, journal):
        self.journal = journal

    def __enter__(self):
        with self.journal._io:
            self.file = self.journal._file
            self.real = self.file.fd
            self.file.fd = os.open("/dev/full", os.O_WRONLY)

    def __exit__(self, *_):
        with self.journal._io:
            os.close(self.file.fd)
            self.file.fd = self.real


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_once_and_waited_for(setup):
    """While writing fails rows wait in the ring; afterwards all of them are there."""
    setup.log(1)
    setup.journal.flush(sync=False, timeout_s=60)
    with BrokenFile(setup.journal):
        setup.log(*range(2, 100))
        assert not setup.journal.flush(sync=False, timeout_s=0.3)
        wait_until(lambda: os.strerror(errno.ENOSPC) in setup.journal.failing)
        assert setup.journal.lag_s() > 0
        time.sleep(0.3)
    assert setup.journal.flush(sync=True, timeout_s=60)
    assert setup.journal.failing == ""
    assert [topic for topic, _ in setup.told] == ["journal", "journal"]
    assert recorded(setup.run_dir).steps() == list(range(1, 100))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_rows_beyond_the_ring_are_dropped_and_counted(setup):
    """A ring that stays full drops rows without waiting long; what is missing is counted."""
    with BrokenFile(setup.journal):
        setup.log(*range(60_000))
        dropped = setup.recorder.dropped
        assert 0 < dropped < 60_000
    setup.journal.flush(sync=False, timeout_s=60)
    setup.log(60_000)
    setup.journal.flush(sync=False, timeout_s=60)
    found = recorded(setup.run_dir)
    assert len(found.rows) + dropped == 60_001
    assert found.lost == dropped
    assert found.damage == []


def test_a_failed_sync_writes_to_another_file(setup):
    """What a failed sync may have lost is written again; a sync is never simply repeated."""
    setup.log(*range(100))
    setup.journal.flush(sync=True, timeout_s=60)
    setup.log(*range(100, 200))
    setup.journal.flush(sync=False, timeout_s=60)
    real, unsyncable = setup.journal._file.fd, os.pipe()
    setup.journal._file.fd = unsyncable[1]  # fdatasync of a pipe fails
    assert setup.journal.flush(sync=True, timeout_s=60)
    assert [topic for topic, _ in setup.told] == ["sync"]
    for fd in (real, unsyncable[0]):
        os.close(fd)
    second = [
        frame.seq for index, frame in setup.frames(frames.ITEMS) if index == 2
    ]  # fmt: skip
    assert second[0] == 100
    setup.log(200)
    setup.close()
    found = recorded(setup.run_dir)
    assert found.steps() == list(range(201))
    assert found.lost == 0


def test_nothing_stops_the_writing_thread(setup):
    """An error that nobody thought of is told, and writing goes on when it has passed."""
    broken, file = threading.Event(), setup.journal._file
    original = file.frame

    def frame(kind, seq, payload):
        if not broken.is_set():
            return original(kind, seq, payload)
        raise RuntimeError("cosmic ray")

    file.frame = frame
    broken.set()
    setup.log(1)
    wait_until(lambda: "cosmic ray" in setup.journal.failing)
    broken.clear()
    assert setup.journal.flush(sync=False, timeout_s=60)
    assert recorded(setup.run_dir).steps() == [1]


def test_a_segment_without_room_for_its_beginning_is_not_left(setup, monkeypatch):
    """If the disk is full when a segment begins, no file without a descriptor stays behind."""
    setup.log(1)
    setup.journal.flush(sync=False, timeout_s=60)
    import resource

    monkeypatch.setattr(frames, "SEGMENT_BYTES", 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        setup.log(2)
        assert not setup.journal.flush(sync=False, timeout_s=0.3)
        # The writer may just be trying again: then the file is there until it finds no room.
        wait_until(lambda: len(frames.segments(setup.journal.folder)) == 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert setup.journal.flush(sync=False, timeout_s=60)
    monkeypatch.undo()
    assert setup.close()  # what it writes by itself may begin a segment while this looks
    assert recorded(setup.run_dir).steps() == [1, 2]
    for _, each in setup.frames(frames.ITEMS):
        assert isinstance(each, Frame)
    left = {segment.index for segment in frames.segments(setup.journal.folder)}
    assert left >= {1, 2}  # a tick that comes before the limit is back begins one more
    assert {index for index, _ in setup.frames(frames.DESCRIPTOR)} == left
