"""The catalog: right after every change, and never worth a failure."""

import math
import os
import sqlite3
import stat
import threading
import time

import pytest
from journals import JournalMaker, finished_run, make_run

import epochal.store.catalog as catalog_module
from epochal.core.errors import RunFolderError
from epochal.store import catalog_file, folder
from epochal.store.catalog import Catalog, Entry, Watch, database_path


class Describing:
    """Describes runs by their run.json, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, run_dir: str) -> Entry:
        """Describes one run."""
        self.asked.append(os.path.basename(run_dir))
        about = folder.describe(run_dir)
        document = {"created": about["created_s"], "name": about["name"]}
        return Entry(document, {("name",): about["name"], ("odd", "a.b"): about["config"]})


@pytest.fixture
def describing() -> Describing:
    """What the catalog asks."""
    return Describing()


@pytest.fixture
def old(monkeypatch):
    """Lets folders count as old at once."""
    monkeypatch.setattr(catalog_module, "YOUNG_NS", -(10**18))


@pytest.mark.usefixtures("old")
def test_only_what_changed_is_described_again(tmp_path, describing):
    """A new session makes a run change; the others are left alone."""
    runs = [finished_run(tmp_path, [], f"r{i}", created_s=float(i)) for i in range(4)]
    found = Catalog(str(tmp_path), describing).refresh()
    assert found == runs[::-1]
    assert len(describing.asked) == 4
    describing.asked.clear()
    again = Catalog(str(tmp_path), describing)
    assert again.refresh() == runs[::-1]
    assert describing.asked == []
    os.utime(os.path.join(runs[1], "journal"), ns=(1, 1))
    assert again.refresh() == runs[::-1]
    assert describing.asked == [os.path.basename(runs[1])]


def test_a_young_folder_is_looked_at_again(tmp_path, describing):
    """A folder that has just changed may change again within the same tick of the clock."""
    finished_run(tmp_path, [])
    index = Catalog(str(tmp_path), describing)
    index.refresh()
    index.refresh()
    assert len(describing.asked) == 2


@pytest.mark.usefixtures("old")
def test_runs_that_are_gone(tmp_path, describing):
    """A deleted run leaves the index; one project says nothing about the others."""
    kept = finished_run(tmp_path, [], "kept")
    gone = finished_run(tmp_path, [], "gone", project="other")
    index = Catalog(str(tmp_path), describing)
    assert len(index.refresh()) == 2
    assert index.refresh([os.path.dirname(kept)]) == [kept]
    os.rename(gone, tmp_path / "elsewhere")
    assert index.refresh() == [kept]
    assert index.column(("name",)) == {kept: "kept"}
    with pytest.raises(KeyError):
        index.document(gone)


@pytest.mark.usefixtures("old")
def test_values_come_back_as_they_were(tmp_path):
    """Types and bits survive, whatever SQLite would make of them."""
    values = [1, 2**63 - 1, 2**70, True, None, 0.0, -0.0, math.inf, math.nan, 1e-300, "é\ud800", "",
              [1, "a"], {"a": {"b": None}}, b"".hex()]  # fmt: skip
    run_dir = finished_run(tmp_path, [])

    def describe(_: str) -> Entry:
        return Entry({"created": 0.0}, {("v", str(i)): v for i, v in enumerate(values)})

    Catalog(str(tmp_path), describe).refresh()
    index = Catalog(str(tmp_path), describe)
    index.refresh()
    found = [index.column(("v", str(i)))[run_dir] for i in range(len(values))]
    assert [repr(value) for value in found] == [repr(value) for value in values]
    assert [type(value) for value in found] == [type(value) for value in values]
    assert index.column(("v", "none")) == {}


@pytest.mark.usefixtures("old")
def test_what_cannot_be_read_is_left_out(tmp_path):
    """A run that cannot be described does not cost the others."""
    good = finished_run(tmp_path, [], "good")
    bad = finished_run(tmp_path, [], "bad")

    def describe(run_dir: str) -> Entry:
        if run_dir == bad:
            raise RunFolderError(run_dir)
        return Entry({"created": 0.0}, {})

    assert Catalog(str(tmp_path), describe).refresh() == [good]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, None])
def test_a_damaged_file_is_replaced(tmp_path, describing, content):
    """Rubbish, emptiness and a torn file give the same answer as no file."""
    run_dir = finished_run(tmp_path, [], "r")
    path = database_path(str(tmp_path))
    Catalog(str(tmp_path), describing).refresh()
    if content is None:
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(os.urandom(8192))
    else:
        with open(path, "wb") as file:
            file.write(content)
    index = Catalog(str(tmp_path), describing)
    assert index.refresh() == [run_dir]
    assert index.column(("name",)) == {run_dir: "r"}
    again = Catalog(str(tmp_path), describing)
    assert again.refresh() == [run_dir]
    assert again.document(run_dir)["name"] == "r"


@pytest.mark.usefixtures("old")
def test_a_file_of_a_later_version_is_replaced(tmp_path, describing):
    """An index that another version wrote is not read."""
    run_dir = finished_run(tmp_path, [])
    path = database_path(str(tmp_path))
    Catalog(str(tmp_path), describing).refresh()
    with sqlite3.connect(path) as db:
        db.execute("drop table fields")
        db.execute("pragma user_version = 99")
    db.close()
    assert Catalog(str(tmp_path), describing).refresh() == [run_dir]


@pytest.mark.usefixtures("old")
def test_damage_while_it_is_open(tmp_path, describing):
    """A file that is spoiled in use is replaced in use."""
    run_dir = finished_run(tmp_path, [], "r")
    index = Catalog(str(tmp_path), describing)
    index.refresh()
    with open(database_path(str(tmp_path)), "r+b") as file:
        file.write(b"x" * 50_000)
    index._db.execute("pragma shrink_memory")
    os.utime(os.path.join(run_dir, "journal"), ns=(1, 1))
    assert index.refresh() == [run_dir]
    assert index.column(("name",)) == {run_dir: "r"}


@pytest.mark.usefixtures("old")
def test_a_cache_folder_that_cannot_be_used(tmp_path, describing):
    """Without a place for the file the index is in memory."""
    run_dir = finished_run(tmp_path / "runs", [], "r")
    (tmp_path / "file").write_text("")
    index = Catalog(str(tmp_path / "runs"), describing, str(tmp_path / "file" / "cache"))
    assert index.refresh() == [run_dir]
    assert index.column(("name",)) == {run_dir: "r"}


@pytest.mark.usefixtures("old")
def test_a_locked_file(tmp_path, describing, monkeypatch):
    """When another process keeps the file locked, the index is in memory."""
    monkeypatch.setattr(catalog_file, "LOCK_WAIT_S", 0.05)
    run_dir = finished_run(tmp_path, [], "r")
    Catalog(str(tmp_path), describing).refresh()
    other = sqlite3.connect(database_path(str(tmp_path)), isolation_level=None)
    other.execute("begin exclusive")
    assert Catalog(str(tmp_path), describing).refresh() == [run_dir]
    other.execute("rollback")
    other.close()


def test_the_file_is_private(tmp_path, describing):
    """Configs may hold what is nobody's business: file and folder are the user's own."""
    finished_run(tmp_path / "runs", [])
    Catalog(str(tmp_path / "runs"), describing, str(tmp_path / "cache")).refresh()
    path = database_path(str(tmp_path / "runs"), str(tmp_path / "cache"))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


@pytest.mark.usefixtures("old")
def test_two_processes_share_the_file(tmp_path, describing):
    """What one connection wrote the other sees."""
    first, second = (Catalog(str(tmp_path), describing) for _ in range(2))
    assert (first.refresh(), second.refresh()) == ([], [])
    run_dir = finished_run(tmp_path, [], "r")
    assert second.refresh() == [run_dir]
    describing.asked.clear()
    assert first.refresh() == [run_dir]
    assert describing.asked == []
    assert first.column(("name",)) == {run_dir: "r"}


def test_threads_share_a_catalog(tmp_path, describing):
    """Threads that refresh and read at once get whole answers."""
    for i in range(20):
        finished_run(tmp_path, [], f"r{i}")
    index = Catalog(str(tmp_path), describing)
    index.refresh()
    wrong = []

    def work() -> None:
        counts = [(len(index.refresh()), len(index.column(("name",)))) for _ in range(10)]
        wrong.extend(count for count in counts if count != (20, 20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.usefixtures("old")
def test_an_unfinished_run_is_watched(tmp_path):
    """A run that goes on without a new file, or whose process dies, is described again."""
    from epochal.read import describe

    base = str(tmp_path)
    maker = JournalMaker(make_run(base), claims={"host": "elsewhere"}, wall_ns=time.time_ns())
    maker.row({"a": 1.0}, 0)
    maker.frame()
    index = Catalog(base, describe.entry)
    (run_dir,) = index.refresh()
    assert index.column(("summary", "a")) == {run_dir: 1.0}
    maker.row({"a": 2.0}, 1)
    maker.frame()
    index.refresh()
    assert index.column(("summary", "a")) == {run_dir: 2.0}
    assert index.column(("state",)) == {run_dir: "running"}
    maker.close()
    index.refresh()
    assert index.column(("state",)) == {run_dir: "finished"}


def test_others_may_ask_while_runs_are_described(tmp_path, monkeypatch):
    """A first visit of many runs shows what is there so far."""
    monkeypatch.setattr(catalog_module, "BATCH", 1)
    runs = [finished_run(tmp_path, [], f"r{i}", created_s=float(i)) for i in range(3)]
    seen: list[list[str]] = []

    def describe(run_dir: str) -> Entry:
        threads = [threading.Thread(target=lambda: seen.append(index.known()))]
        threads[0].start()
        threads[0].join(60)
        assert not threads[0].is_alive()
        return Entry({"created": float(runs.index(run_dir))}, {})

    index = Catalog(str(tmp_path), describe)
    assert index.refresh() == runs[::-1]
    assert [len(each) for each in seen] == [0, 1, 2]
    assert index.known() == runs[::-1]
    assert Catalog(str(tmp_path), describe).known() == runs[::-1]


@pytest.mark.usefixtures("old")
def test_columns_that_were_read_stay_right(tmp_path):
    """After a change they are as if read anew; what was handed out stays as it was."""
    values: dict[str, object] = {}
    runs = [finished_run(tmp_path, [], f"r{i}", created_s=float(i)) for i in range(4)]

    def describe(run_dir: str) -> Entry:
        fields = {("v",): values[run_dir]} if run_dir in values else {}
        return Entry({"created": 0.0}, fields)

    values |= {runs[0]: 1, runs[1]: (1, "é"), runs[2]: math.nan}
    index = Catalog(str(tmp_path), describe)
    index.refresh()
    before = index.column(("v",))
    assert before == {runs[0]: 1, runs[1]: [1, "é"], runs[2]: before[runs[2]]}
    assert index.column(("w",)) == {}
    del values[runs[0]]
    values |= {runs[1]: {"a": (2,)}, runs[3]: -0.0}
    os.rename(runs[2], tmp_path / "elsewhere")
    for run_dir in (runs[0], runs[1], runs[3]):
        os.utime(os.path.join(run_dir, "journal"), ns=(1, 1))
    index.refresh()
    assert repr(index.column(("v",))) == repr({runs[1]: {"a": [2]}, runs[3]: -0.0})
    assert index.column(("v",)) == Catalog(str(tmp_path), describe).column(("v",))
    assert len(before) == 3


@pytest.mark.usefixtures("old")
def test_paths_and_counts(tmp_path):
    """Which fields begin with a name, and how many of some runs have each."""
    runs = [finished_run(tmp_path, [], f"r{i}", created_s=float(i)) for i in range(3)]

    def describe(run_dir: str) -> Entry:
        number = runs.index(run_dir)
        fields = {("m", f"a{i}"): 1 for i in range(number + 1)}
        return Entry({"created": 0.0}, {**fields, ("m2", "b"): 1, ("m",): 1, ("n", "m"): 1})

    index = Catalog(str(tmp_path), describe)
    index.refresh()
    assert set(index.paths("m")) == {("m",), ("m", "a0"), ("m", "a1"), ("m", "a2")}
    assert index.paths("a0") == []
    assert index.counts("m", runs) == {("m",): 3, ("m", "a0"): 3, ("m", "a1"): 2, ("m", "a2"): 1}
    assert index.counts("m", runs[:1]) == {("m",): 1, ("m", "a0"): 1}
    assert index.counts("m", ["/nowhere"]) == {}


def test_runs_that_have_not_ended(tmp_path):
    """It is said what to look at; nothing of those that have."""
    finished_run(tmp_path, [], "over")
    run_dir = make_run(tmp_path, "alive")
    watch = Watch("journal/x.seg", 7, {"pid": 1}, 2.5, "alive")

    def describe(given: str) -> Entry:
        return Entry({"created": 0.0}, {}, [watch] if given == run_dir else [])

    index = Catalog(str(tmp_path), describe)
    index.refresh()
    assert index.unfinished() == {run_dir: [watch]}


@pytest.mark.usefixtures("old")
def test_a_closed_catalog_does_not_remove_its_file(tmp_path, describing):
    """A thread that still looks while the program ends must not cost the next one the index."""
    finished_run(tmp_path, [])
    index = Catalog(str(tmp_path), describing)
    index.refresh()
    index.close()
    assert index.refresh()
    assert os.path.exists(database_path(str(tmp_path)))
    describing.asked.clear()
    Catalog(str(tmp_path), describing).refresh()
    assert describing.asked == []
