"""Which process of a job this is, which processes are one launch, and which note is believed."""

import json
import time
from pathlib import Path

import pytest

import epochal
from epochal.core.problems import Problems
from epochal.store import launch
from epochal.store.launch import Note, Place, as_recorded, place

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "node", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "x"}  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Place(0, 1)),
        ({"RANK": "x"}, Place(0, 1)),
        (TORCHRUN, Place(1, 2, 1, 2)),
        ({"RANK": "3"}, Place(3, 0)),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1"}, Place(5, 8, 1)),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, Place(2, 4)),
        ({"PMI_RANK": "2", "PMI_SIZE": "4", "MPI_LOCALRANKID": "0"}, Place(2, 4, 0)),
        ({"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "0"}, Place(1, 2)),
    ],
)
def test_the_place(environ, expected):
    """Rank and size as the launcher's variables say; the most specific launcher comes first."""
    assert place(environ) == expected


def path(environ=None, *, base="/b", project="p", run_id=None, number=0):
    """Where a rank with these variables looks for its note, at its so-manieth run."""
    environ = TORCHRUN if environ is None else environ
    for _ in range(number):
        Note(base, project, run_id, place(environ), environ)
    return Note(base, project, run_id, place(environ), environ)._path


@pytest.fixture(autouse=True)
def _first_runs(monkeypatch):
    """Each test counts runs from the beginning, and so does each call that asks for it."""
    monkeypatch.setattr(launch, "_calls", {})


def other(**changes):
    """The place of a note when the variables change so; counting begins anew."""
    launch._calls.clear()
    return path({**TORCHRUN, **changes})


def test_ranks_of_a_launch_look_in_one_place():
    """What differs between the ranks of a launch makes no difference."""
    assert other(RANK="0", LOCAL_RANK="0") == other()
    many_hosts = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    assert other(**many_hosts) == other(**many_hosts, RANK="3", LOCAL_RANK="1")


@pytest.mark.parametrize(
    "changes",
    [{"MASTER_PORT": "1"}, {"TORCHELASTIC_RUN_ID": "y"}, {"WORLD_SIZE": "3"},
     {"SLURM_JOB_ID": "7"}, {"SLURM_RESTART_COUNT": "1"}],
)  # fmt: skip
def test_launches_look_in_different_places(changes):
    """What tells launches from one another makes a difference."""
    assert other(**changes) != other()


def test_hosts_that_share_a_folder(monkeypatch):
    """Jobs on one host each are different though their addresses are the same; larger ones not."""
    local = {"MASTER_ADDR": "localhost", "LOCAL_WORLD_SIZE": ""}
    spread = {"LOCAL_WORLD_SIZE": "1"}
    before = other(**local), other(**spread)
    monkeypatch.setattr(launch, "host_name", lambda: "elsewhere")
    assert other(**local) != before[0]
    assert other(**spread) == before[1]


def test_runs_of_a_process_look_in_different_places():
    """The second run of each rank is another one, and so is one with an id or another project."""
    first = path()
    launch._calls.clear()
    assert len({first, path(number=1), path(run_id="abcdefgh"), path(project="q")}) == 4


@pytest.fixture
def left(tmp_path, monkeypatch):
    """A note that rank 0, this process, has left; returns it and a rank 1 that looks for it."""
    monkeypatch.setattr(launch, "WAIT_S", 0.0)
    for name, value in {**TORCHRUN, "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    run = epochal.init(
        project="p", dir=str(tmp_path), ranks="all", follow="off", capture_environment=False,
        config={"lr": 1, "token": "sk-of-the-hub"},
    )  # fmt: skip
    launch._calls.clear()
    (note,) = Path(tmp_path).glob(".launch-*.json")
    yield note, Note(str(tmp_path), "p", None, Place(1, 2, 1, 2), TORCHRUN), run
    run.finish()


def change(note, **changes):
    """Changes what a note says of rank 0."""
    body = json.loads(note.read_text())
    body["descriptor"] |= changes.pop("descriptor", {})
    note.write_text(json.dumps(body | changes))


def test_a_note_is_believed_while_rank_zero_lives(left):
    """It says where and how to go on; secrets of the config are not in it."""
    note, rank, run = left
    found = rank.find(Problems())
    assert (found.run_dir, found.ordinal, found.resumed) == (run.dir, 1, False)
    assert 0 < found.elapsed_ns < 60e9
    assert found.config_updates == [{"lr": 1, "token": "[redacted]"}]
    assert "sk-of-the-hub" not in note.read_text()


def test_a_note_of_an_earlier_launch(left):
    """Rank 0 has ended, and had begun before this process was started."""
    note, rank, run = left
    run.finish()
    assert note.exists()  # rank 1 may still come
    assert rank.find(Problems()) is not None
    change(note, since_boot_ns=0)
    assert rank.find(Problems()) is None


def test_a_note_from_another_host(left):
    """It counts if rank 0 lives as far as its files tell, and began when this process did."""
    note, rank, run = left
    change(note, descriptor={"host": "elsewhere"})
    assert rank.find(Problems()) is not None
    began_ns = int((time.time() - 1e6) * 1e9)
    change(note, descriptor={"host": "elsewhere", "wall_ns": began_ns})
    assert rank.find(Problems()) is None
    change(note, descriptor={"host": "elsewhere", "wall_ns": time.time_ns()})
    assert rank.find(Problems()) is not None
    run.finish()
    assert rank.find(Problems()) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"descriptor": {}}'])
def test_what_is_no_note(left, text):
    """A file that was cut off or is something else is not believed."""
    note, rank, _ = left
    note.write_text(text)
    assert rank.find(Problems()) is None


def test_launches_that_look_the_same(left, tmp_path, caplog):
    """Two jobs at the same time that cannot be told apart: the second one is told what to do."""
    note, _, run = left
    launch._calls.clear()
    with epochal.init(
        project="p", dir=str(tmp_path), ranks="all", follow="off", capture_environment=False
    ):
        assert run.name not in note.read_text()
    assert any("id= of its own" in record.message for record in caplog.records)


def test_a_config_with_secrets():
    """A rank keeps its own secrets, and takes everything else from rank 0."""
    given = {"lr": 1, "hub": {"token": "abc", "name": "mine"}, "mine": 1}
    recorded = {"lr": 2, "hub": {"token": "[redacted]", "name": "theirs"}, "more": 3}
    assert as_recorded(given, recorded) == {
        "lr": 2, "hub": {"token": "abc", "name": "theirs"}, "more": 3,
    }  # fmt: skip
