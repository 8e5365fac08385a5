"""How far a training is, from the end of its file; and which runs there are."""

import os
import shutil

import pytest
from journals import JournalMaker, finished_run, make_run

from epochal.journal import frames
from epochal.store.catalog_entry import Watch
from epochal.web import live
from epochal.web.folders import Folders
from epochal.web.live import Tail


@pytest.fixture
def run_dir(tmp_path) -> str:
    """A run's folder without a session."""
    return make_run(tmp_path, "r")


def watched(maker: JournalMaker, life: str = "alive") -> Watch:
    """What the catalog would say of a session now."""
    (name,) = (name for name in os.listdir(maker.folder) if maker.session.id in name)
    path = os.path.join(maker.folder, name)
    about = {"host": "elsewhere", "boot": "", "ring": "", "pid": 1}
    return Watch(f"journal/{name}", os.path.getsize(path), about, 1e12, life)


def test_steps_and_time(run_dir):
    """What is appended is seen, and only then; the highest step counts."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 5)
    maker.frame()
    tail = Tail(run_dir, watched(maker))
    assert tail.read() is False
    assert (tail.steps, tail.over) == (None, False)
    for step in (9, 7):
        maker.row({"loss": 1.0}, step)
    maker.frame()
    assert tail.read() is True
    assert tail.read() is False
    assert tail.steps == 9
    assert tail.elapsed_s == pytest.approx((maker.now - maker.session.mono_ns) / 1e9)


def test_rows_of_layouts_that_come_later(run_dir):
    """New key sets, fractional steps and epochs, and text in between."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    tail = Tail(run_dir, watched(maker))
    maker.row({"loss": 1.0, "lr": 0.1}, 2.5, epoch=1.0)
    maker.event("text", key="k", text="t")
    maker.row({"other": 1.0}, 2, long=True)
    maker.frame()
    assert tail.read() is True
    assert tail.steps == 2.5


def test_the_end(run_dir):
    """The last record says that the state is another one."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    tail = Tail(run_dir, watched(maker))
    maker.event("end", state="finished")
    maker.frame()
    assert tail.read() is True
    assert tail.over is True


def test_a_frame_that_is_half_there(run_dir):
    """It counts when it is whole."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    watch = watched(maker)
    tail, path = Tail(run_dir, watch), os.path.join(run_dir, watch.file)
    maker.row({"loss": 1.0}, 8)
    maker.frame()
    with open(path, "rb") as file:
        whole = file.read()
    with open(path, "wb") as file:
        file.write(whole[:-9])
    tail.read()
    assert tail.steps == 1
    with open(path, "wb") as file:
        file.write(whole)
    tail.read()
    assert tail.steps == 8


@pytest.mark.parametrize("rubbish", [b"\x00" * 5000, bytes(range(256)) * 20])
def test_rubbish(run_dir, rubbish):
    """Bytes that are no frames are passed over."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    watch = watched(maker)
    tail = Tail(run_dir, watch)
    with open(os.path.join(run_dir, watch.file), "ab") as file:
        file.write(rubbish)
    assert tail.read() is True
    maker.row({"loss": 1.0}, 4)
    maker.frame()
    tail.read()
    assert tail.steps == 4


def test_much_at_once_is_not_read_whole(run_dir, monkeypatch):
    """Of a file that has grown by much only the end is read, which says enough."""
    monkeypatch.setattr(live, "BACK_BYTES", 3 * frames.HEADER_BYTES + 2000)
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    tail = Tail(run_dir, watched(maker))
    for step in range(2000):
        maker.row({"loss": 1.0}, step)
        if step % 10 == 0:
            maker.frame()
    maker.frame()
    assert tail.read() is True
    assert tail._at == os.path.getsize(tail._path)


def test_a_file_that_is_gone(run_dir):
    """It was sealed, or removed: the catalog knows more."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    tail = Tail(run_dir, watched(maker))
    shutil.rmtree(maker.folder)
    assert tail.read() is True
    assert tail.over is True


def test_a_process_of_which_more_is_known(run_dir):
    """Its life is looked at too, without a new byte."""
    maker = JournalMaker(run_dir)
    maker.row({"loss": 1.0}, 1)
    maker.frame()
    tail = Tail(run_dir, watched(maker, life="silent"))
    assert tail.read() is True
    assert tail.over is True


def test_runs_that_come_and_go(tmp_path):
    """A look sees what is there now; it is the same object while nothing came or went."""
    first = finished_run(tmp_path, [], "a", project="one")
    folders = Folders(str(tmp_path))
    places, changed_ns = folders.look()
    assert [place.dir for place in places.values()] == [first]
    assert list(changed_ns.values()) == [os.stat(os.path.join(first, "journal")).st_mtime_ns]
    second = finished_run(tmp_path, [], "b", project="two")
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    found = folders.look()[0]
    assert {place.dir for place in found.values()} == {first, second}
    assert {place.slug for place in found.values()} == {"one", "two"}
    assert folders.look()[0] is found
    shutil.rmtree(first)
    assert {place.dir for place in folders.look()[0].values()} == {second}
    assert folders.folder_of("one") is None
    assert folders.folder_of("two") == os.path.dirname(second)


def test_copies_of_a_run(tmp_path):
    """A copied folder has the same id: one of them is shown."""
    run_dir = finished_run(tmp_path, [], "a", project="one")
    shutil.copytree(run_dir, tmp_path / "two" / os.path.basename(run_dir))
    assert len(Folders(str(tmp_path)).look()[0]) == 1


def test_a_folder_that_is_gone(tmp_path):
    """No error: there are no runs anymore."""
    finished_run(tmp_path / "runs", [], "a")
    folders = Folders(str(tmp_path / "runs"))
    assert len(folders.look()[0]) == 1
    shutil.rmtree(tmp_path / "runs")
    assert folders.look()[0] == {}
