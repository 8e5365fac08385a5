"""The ring: a queue in memory that outlives the process, wherever it is cut off."""

import json
import os
import struct
import subprocess
import sys
from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from recorded import THOROUGH

from epochal.core import items, ring
from epochal.core.ring import PAGE
from epochal.record import recorder
from epochal.record.recorder import Recorder


def identity(run_dir="/nowhere"):
    """What a ring says of its owner."""
    session = os.urandom(8).hex()
    about = {"run_dir": run_dir, "session": session, "ordinal": 1, "boot": "b", "descriptor": {}}
    return {**about, "pid": os.getpid()}


def seqs_of(pieces):
    """Sequence numbers of the events in pieces of a ring, in order."""
    found = []
    for piece in pieces:
        assert len(piece) <= ring.PIECE_BYTES
        found += [item.seq for item in items.decode(memoryview(bytes(piece)), {})]
    return found


class RingModel(RuleBasedStateMachine):
    """Random puts and takes of random sizes are those of a deque, also after a sudden death."""

    @initialize(pages=st.sampled_from([1, 2, 3, 16]))
    def make(self, pages):
        """Make a small ring."""
        self.ring = ring.create(pages * PAGE, identity())
        self.recorder = Recorder(self.ring, lambda: None, None, None, None, None)
        self.model = deque()

    @rule(size=st.integers(0, 2200))
    def put(self, size):
        """Put an item of some size; a hole in the numbers is what readers count."""
        seq = self.recorder.seq
        placed = self.recorder.event("x", {"t": "y" * size})
        if placed:
            self.model.append(seq)
        assert self.recorder.seq == seq + 1  # a hole is what readers count

    @rule(count=st.integers(0, 5))
    def take(self, count):
        """Take some pieces, as the journal's writer does."""
        for _, resume, piece in list(self.ring.pending())[:count]:
            for seq in seqs_of([piece]):
                assert seq == self.model.popleft()
            self.ring.take(resume)

    @rule()
    def empty(self):
        """Into an empty ring, anything up to a quarter of it fits."""
        self.take(1000)
        assert not self.model
        self.put(self.ring.capacity // 4 - 64)
        assert self.model

    @invariant()
    def pending_is_the_model(self):
        """What waits to be taken is the model."""
        if hasattr(self, "ring"):
            assert seqs_of(piece for _, _, piece in self.ring.pending()) == list(self.model)

    @invariant()
    def an_orphan_is_the_model(self):
        """Whoever finds the memory after a kill at this instant finds what was not taken."""
        if hasattr(self, "ring"):
            orphan = ring.Orphan(-1, self.ring.path, bytes(self.ring._map))
            assert seqs_of(orphan.pieces()) == list(self.model)

    def teardown(self):
        """Give the memory back."""
        if hasattr(self, "ring"):
            self.ring.close(unlink=True)


RingModel.TestCase.settings = settings(
    max_examples=40 * THOROUGH, stateful_step_count=40, deadline=None
)


class TestRingModel(RingModel.TestCase):
    """Runs the model; a full ring refuses at once."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        monkeypatch.setattr(recorder, "WAIT_S", 0.0)


def make_ring(**changes):
    """A ring of one page."""
    return ring.create(PAGE, {**identity(), **changes})


def test_ring_files_are_private():
    """Folder and file belong to the user alone."""
    made = make_ring()
    assert os.stat(made.path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(made.path)).st_mode & 0o777 == 0o700
    made.close(unlink=True)


def test_living_owners_are_left_alone():
    """Another process sees that the owner lives and gets no orphan."""
    made = make_ring()
    code = "import sys; from epochal.core import ring; path, session = sys.argv[1:]\n"
    code += "print(ring.is_alive(path), list(ring.orphans(session=session)))"
    argv = [sys.executable, "-c", code, made.path, os.path.basename(made.path)[:16]]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "True []"
    assert ring.is_alive(made.path)
    path = made.path
    made.close(unlink=True)
    assert ring.is_alive(path) is None


def abandoned(tmp_path, monkeypatch, change=None, **about):
    """The file of a ring whose owner is dead, in a folder of the test's own."""
    made = make_ring(**about)
    recorder.Recorder(made, lambda: None, None, None, None, None).event("x", {})
    image = bytearray(bytes(made._map))
    name = os.path.basename(made.path)
    made.close(unlink=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = tmp_path / f"epochal-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if change:
        change(image)
    (folder / name).write_bytes(image)
    return folder / name


def found_at(path):
    """Whether an orphan is found there, closing it again."""
    found = list(ring.orphans(session=path.name.removesuffix(".ring")))
    for orphan in found:
        orphan.close(unlink=False)
    return bool(found)


def test_abandoned_rings_are_found(tmp_path, monkeypatch):
    """A ring whose lock is free is an orphan, with what it says of its owner."""
    path = abandoned(tmp_path, monkeypatch, run_dir="/somewhere")
    (orphan,) = ring.orphans(session=path.name.removesuffix(".ring"))
    assert orphan.identity["run_dir"] == "/somewhere"
    assert seqs_of(orphan.pieces()) == [0]
    orphan.close(unlink=True)
    assert not path.exists()


def put(offset, pattern, *values):
    """A change of an image: numbers packed at an offset."""
    return lambda image: struct.pack_into(pattern, image, offset, *values)


def with_identity(text):
    """A change of what an image says of its owner."""

    def change(image):
        body = text.encode()
        struct.pack_into(f"<I{len(body)}s", image, 256, len(body), body)

    return change


@pytest.mark.parametrize(
    "change",
    [
        put(0, "8s", b"SOMETHIN"),
        put(8, "<Q", 2),
        put(16, "<Q", 0),
        put(16, "<Q", 2**63),
        put(64, "<Q", 2**63),
        put(128, "<Q", 0xFFFF_FFFF_FFFF_0000),
        put(256, "<I", 2**32 - 1),
        with_identity("{}"),
        with_identity("[]"),
        with_identity("7"),
        with_identity('{"run_dir": 7, "session": "", "ordinal": 1, "boot": "", "descriptor": {}}'),
        lambda image: image.__delitem__(slice(100, None)),
        lambda image: image.clear(),
    ],
)
def test_damaged_rings_are_refused(tmp_path, monkeypatch, change):
    """A file that is not a whole ring is no orphan, and no error."""
    assert not found_at(abandoned(tmp_path, monkeypatch, change))


def test_links_are_refused(tmp_path, monkeypatch):
    """Neither a link to a ring nor a linked folder is followed."""
    path = abandoned(tmp_path, monkeypatch)
    moved = path.with_name("moved")
    path.rename(moved)
    path.symlink_to(moved)
    assert not found_at(path)
    assert ring.is_alive(str(path)) is None
    path.unlink()
    moved.rename(path)
    assert found_at(path)
    path.parent.rename(tmp_path / "real")
    path.parent.symlink_to(tmp_path / "real")
    assert not found_at(path)


@pytest.mark.parametrize("mode", [0o777, 0o750])
def test_folders_open_to_others_are_refused(tmp_path, monkeypatch, mode):
    """A folder that others may read or write is not used."""
    path = abandoned(tmp_path, monkeypatch)
    path.parent.chmod(mode)
    assert not found_at(path)


def test_rings_share_a_budget():
    """Rings get smaller the more there are, never too small for a wide row, and are given back."""
    made = [ring.create(ring.choose_capacity(), identity()) for _ in range(8)]
    sizes = [each.capacity for each in made]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == ring.SMALLEST_BYTES
    for each in made:
        each.close(unlink=True)
    assert ring.choose_capacity() == sizes[0]


def test_an_interrupted_wrap_loses_nothing(monkeypatch):
    """Ctrl-C between the steps of a wrap leaves a ring that goes on."""
    monkeypatch.setattr(recorder, "WAIT_S", 0.0)
    made = make_ring()
    writer = recorder.Recorder(made, lambda: None, None, None, None, None)
    interrupted, expected = 0, []

    def interrupt():
        nonlocal interrupted
        if made.marks and made.marks[-1][1] > made.marks[-1][0] and interrupted < 3:
            interrupted += 1
            raise KeyboardInterrupt

    writer._wake = interrupt
    taken = []
    for size in [700, 700, 700, 700, 700, 700, 8, 700, 8, 700] * 6:
        seq = writer.seq
        try:
            if writer.event("x", {"t": "y" * size}):
                expected.append(seq)
        except KeyboardInterrupt:
            continue
        if size == 8:
            for _, resume, piece in list(made.pending()):
                taken += seqs_of([piece])
                made.take(resume)
    taken += seqs_of(piece for _, _, piece in made.pending())
    made.close(unlink=True)
    assert interrupted == 3
    assert taken == expected


def test_items_may_end_where_the_ring_ends():
    """Items that fill the ring to its last byte, without padding, are found after the wrap."""
    made = make_ring()
    writer = recorder.Recorder(made, lambda: None, None, None, None, None)
    size = len(items.json_item(items.EVENT, 0, 0, items.to_json({"kind": "x", "t": ""})))
    fill = PAGE // 8 - size
    for _ in range(7):
        assert writer.event("x", {"t": "y" * fill})
    made.take(list(made.pending())[-1][1])
    for _ in range(6):
        assert writer.event("x", {"t": "y" * fill})
    orphan = ring.Orphan(-1, made.path, bytes(made._map))
    assert seqs_of(orphan.pieces()) == list(range(7, 13))
    assert seqs_of(piece for _, _, piece in made.pending()) == list(range(7, 13))
    made.close(unlink=True)


def test_identity_holds_any_path():
    """A folder name that is no UTF-8 is kept."""
    name = os.fsdecode(b"/runs/\xff\xfe")
    made = make_ring(run_dir=name)
    assert json.loads(bytes(made._map)[260:].split(b"\0")[0])["run_dir"] == name
    made.close(unlink=True)
