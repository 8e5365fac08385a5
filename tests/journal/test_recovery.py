"""Recovery: what a dead process had in memory comes to its journal, once."""

import json
import os
import struct
import subprocess
import sys
import textwrap
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import THOROUGH, recorded, run_script

from epochal.core import ring
from epochal.journal import frames, recovery
from epochal.journal.session import Session, boot_id
from epochal.journal.writer import JournalWriter
from epochal.record.recorder import Recorder


class Victim:
    """A recorder and writer without threads, which can be left as a kill leaves them."""

    def __init__(self, folder, capacity=64 << 10, **changes):
        self.run_dir = str(folder)
        session = Session("run", 1)
        about = {**session.identity(self.run_dir), **changes}
        self.session = session.id
        self.ring = ring.create(capacity, about)
        self.journal = JournalWriter(self.run_dir, session, lambda *_: None)
        self.recorder = Recorder(self.ring, lambda: None, None, lambda keys, _: keys, None, list)
        self.journal._source = self.recorder
        os.makedirs(self.journal.folder, exist_ok=True)
        self.step = 0

    def log(self, count, keys=("a",)):
        """Record rows whose values are their step."""
        for _ in range(count):
            self.recorder.row(dict.fromkeys(keys, float(self.step)), self.step, None, None)
            self.step += 1

    def die(self, change=None):
        """Leave the ring as it is, unlocked; ``change`` may damage its memory first."""
        path = self.ring.path
        if change:
            change(self.ring)
        if self.journal._file:
            self.journal._file.close()
        self.ring.close(unlink=False)
        return path

    def recover(self):
        """Save this ring, if nobody has."""
        return recovery.recover(session=self.session)


@pytest.fixture
def alone(tmp_path_factory, monkeypatch):
    """Rings are where no other test's follower process looks for what it could save."""
    rings = str(tmp_path_factory.mktemp("rings"))
    monkeypatch.setattr(ring, "ring_folders", lambda *, make=False: [rings])  # noqa: ARG005
    return rings


@pytest.fixture
def victim(alone, tmp_path, monkeypatch):  # noqa: ARG001 - it is where the ring is made
    """A recorder that can be left as a kill leaves it; a full ring refuses at once."""
    monkeypatch.setattr("epochal.record.recorder.WAIT_S", 0.0)
    return Victim(tmp_path)


def test_what_was_only_in_memory_is_saved(victim):
    """Rows that never reached the disk are there afterwards, and the state is 'killed'."""
    victim.log(100)
    path = victim.die()
    (saved,) = victim.recover()
    found = recorded(victim.run_dir)
    assert found.steps() == list(range(100))
    assert (found.lost, found.damage, found.states()) == (0, [], ["killed"])
    assert (saved.items, saved.dropped, saved.run_dir) == (100, 0, victim.run_dir)
    assert not os.path.exists(path)


def test_recovery_is_harmless_twice(victim):
    """A second recovery finds nothing to do and changes nothing."""
    victim.log(5)
    victim.die()
    assert len(victim.recover()) == 1
    files = os.listdir(victim.journal.folder)
    assert victim.recover() == []
    assert os.listdir(victim.journal.folder) == files


def test_what_the_journal_has_is_not_doubled(victim):
    """A kill between writing and freeing: the journal has rows that are still in the ring."""
    victim.log(50)
    tail = victim.ring.counters[ring.TAIL]
    assert victim.journal.drain()
    victim.ring.counters[ring.TAIL] = tail
    victim.log(50, keys=("a", "b"))
    victim.die()
    (saved,) = victim.recover()
    assert saved.items == 50
    found = recorded(victim.run_dir)
    assert found.steps() == list(range(100))
    assert found.lost == 0


def test_a_ring_larger_than_a_frame_is_saved_whole(tmp_path):
    """All of a large ring is written in frames that readers accept."""
    victim = Victim(tmp_path, 4 << 20)
    victim.log(25_000, keys=tuple("abcdefghij"))
    assert victim.ring.counters[ring.HEAD] > 2 << 20
    victim.die()
    victim.recover()
    found = recorded(victim.run_dir)
    assert found.damage == []
    assert len(found.rows) + victim.recorder.dropped == 25_000
    assert found.steps() == list(range(len(found.rows)))


def test_dropped_rows_are_told(victim):
    """Rows that found no room before the death are counted in the end that recovery writes."""
    victim.log(5000)
    dropped = victim.recorder.dropped
    assert dropped
    victim.die()
    (saved,) = victim.recover()
    found = recorded(victim.run_dir)
    assert saved.dropped == dropped == found.kinds("end")[0]["dropped"]
    assert len(found.rows) == 5000 - dropped


def test_a_session_that_ended_is_not_killed(victim):
    """If the end was recorded, recovery adds no other one."""
    victim.log(3)
    victim.recorder.event("end", {"state": "finished"})
    victim.die()
    victim.recover()
    assert recorded(victim.run_dir).states() == ["finished"]


@pytest.mark.usefixtures("alone")
def test_memory_of_another_boot_is_removed(tmp_path):
    """What another life of the machine left is no data of this run."""
    victim = Victim(tmp_path, boot="another life")
    victim.log(3)
    path = victim.die()
    assert victim.recover() == []
    assert not os.path.exists(path)
    assert recorded(victim.run_dir).rows == []


def test_a_full_disk_keeps_the_ring(victim):
    """If the journal cannot be written, the ring stays and no half file is left."""
    import resource

    victim.log(3)
    path = victim.die()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        for _ in range(3):
            with pytest.raises(OSError, match="File too large"):
                victim.recover()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.path.exists(path)
    assert frames.segments(victim.journal.folder) == []
    victim.recover()
    assert recorded(victim.run_dir).steps() == [0, 1, 2]


@settings(max_examples=60 * THOROUGH, deadline=None)
@given(st.data())
def test_recovery_at_any_point(tmp_path_factory, data):
    """Logged, drained, half taken, wrapped, dropped: what is there plus what is counted is all."""
    victim = Victim(tmp_path_factory.mktemp("run"), 8 << 10)
    victim.recorder._wait_left_s = 0.0
    for _ in range(data.draw(st.integers(0, 12))):
        action = data.draw(st.sampled_from(["log", "wide", "drain", "write only"]))
        if action == "log":
            victim.log(data.draw(st.integers(1, 120)))
        elif action == "wide":
            victim.log(data.draw(st.integers(1, 9)), keys=tuple("abcdefghijklmnopqrst"))
        else:
            tail = victim.ring.counters[ring.TAIL]
            wraps = victim.ring.counters[ring.HEAD] > (tail // (8 << 10) + 1) * (8 << 10)
            assert victim.journal.drain()
            # As if it had not freed what it wrote; in life that is the last thing that happens, and
            # the place where the ring begins again would still be known.
            if action == "write only" and not wraps:
                victim.ring.counters[ring.TAIL] = tail
    victim.die()
    victim.recover()
    found = recorded(victim.run_dir)
    steps = found.steps()
    assert steps == sorted(set(steps))
    assert all(value == row.step for row in found.rows for value in row.values.values())
    assert found.damage == []
    assert victim.step - len(steps) <= victim.recorder.dropped
    assert found.lost <= victim.recorder.dropped
    assert found.kinds("end")[-1]["dropped"] == victim.recorder.dropped


@settings(max_examples=80 * THOROUGH, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=9)), max_size=3))
def test_damaged_memory_never_harms_the_journal(tmp_path_factory, damage):
    """A crash may damage the ring: what is saved can be read, what cannot be is left out."""
    victim = Victim(tmp_path_factory.mktemp("run"))
    victim.log(30)
    victim.recorder.event("tag", {"tags": ["x"]})
    victim.log(30, keys=("a", "b"))

    def scribble(memory):
        for at, piece in damage:
            memory.data[at : at + len(piece)] = piece

    victim.die(scribble)
    victim.recover()
    found = recorded(victim.run_dir)
    assert found.damage == []
    assert len(found.rows) <= 60


def test_a_definition_without_its_row_is_no_loss(victim):
    """A kill between the definition of a layout and its first row leaves no hole."""
    victim.log(3)
    table = victim.recorder._table(0, None)
    victim.recorder._packer(table, ("b", "c"))
    victim.die()
    victim.recover()
    found = recorded(victim.run_dir)
    assert (found.steps(), found.lost, found.states()) == ([0, 1, 2], 0, ["killed"])


def test_two_at_once(tmp_path):
    """Several recoveries at the same time save each ring once."""
    from recorded import start_script, wait_until

    victims = [Victim(tmp_path / str(n)) for n in range(6)]
    for victim in victims:
        victim.log(20)
        victim.die()
    sessions = json.dumps([victim.session for victim in victims])
    code = """
        import json, sys
        from epochal.journal import recovery
        for session in json.loads(sys.argv[1]):
            recovery.recover(session=session)
    """
    helpers = [start_script(code, sessions) for _ in range(3)]
    for helper in helpers:
        assert helper.wait(60) == 0, helper.stderr.read()
        helper.stdout.close()
        helper.stderr.close()
    for victim in victims:
        wait_until(lambda v=victim: not os.path.exists(v.ring.path) or v.recover())
        found = recorded(victim.run_dir)
        assert found.steps() == list(range(20))
        assert found.states() == ["killed"]


def test_the_boot_is_known():
    """This host says which boot it is, so that memory of another is never taken."""
    assert boot_id()
    assert struct.calcsize("<Q") == 8


KILLED = """
    import os, sys, epochal
    from epochal.core import ring
    ring.ring_folders = lambda *, make=False: [sys.argv[2]]
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    for step in range(500):
        run.log({"a": 1.0}, step=step)
    print(run.dir, flush=True)
    os.kill(os.getpid(), 9)
"""

HOLD = """
    import sys, time
    from epochal.core import ring
    ring.ring_folders = lambda *, make=False: [sys.argv[2]]
    held = list(ring.orphans(session=sys.argv[1]))
    print(len(held), flush=True)
    if held:
        sys.stdin.readline()
        held[0].close(unlink=False)
"""


def test_recovery_of_a_session_waits_for_who_is_at_it(tmp_path, alone):
    """Whoever needs one session's rows now gets them, also if another process saves them."""
    output, _ = run_script(KILLED, tmp_path, alone, returncode=-9)
    run_dir = output.strip()
    session = frames.segments(f"{run_dir}/journal")[0].session
    argv = [sys.executable, "-c", textwrap.dedent(HOLD), session, alone]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"1\n"
        assert ring.is_being_saved(session)
        threading.Timer(0.3, other.stdin.close).start()
        saved = recovery.recover(session=session)
    assert [each.session for each in saved] == [session]
    assert not ring.is_being_saved(session)
    assert recorded(run_dir).steps() == list(range(500))
