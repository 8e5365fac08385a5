"""RunView: what a run says of itself, folded from all that was ever said."""

import math
import os
import subprocess
import threading
import time

import pytest
from journals import JournalMaker, finished_run, make_run
from recorded import QUIET, run_script, start_script

import epochal
from epochal.core import ring
from epochal.journal import frames, recovery
from epochal.journal.session import boot_id
from epochal.read.parts import SealedPart, read_parts
from epochal.read.view import RunView
from epochal.store.seal import seal_run


def test_events_are_folded(tmp_path):
    """Config, tags, notes, name and summary values are those of the last word."""
    run_dir = make_run(tmp_path, config={"lr": 0.1, "model": {"depth": 2}}, tags=["a", "b"])
    maker = JournalMaker(run_dir)
    maker.event("config", update={"model": {"width": 8}, "lr": 0.2})
    maker.event("tag", tags=["c"])
    maker.event("untag", tags=["a"])
    maker.event("summary", values={"params": 3, "gone": 1})
    maker.event("summary", values={"gone": None})
    maker.event("alert", title="hot", text="", level="warn")
    maker.event("refused", key="x", why="no number", value="'x'")
    git = {"commit": "abc", "diff": {"text": "long"}}
    maker.event("environment", values={"host": "gpu1", "git": git})
    maker.close()
    for _ in range(2):
        view = RunView(run_dir)
        assert view.config == {"lr": 0.2, "model": {"depth": 2, "width": 8}}
        assert view.tags == ["b", "c"]
        assert view.summary == {"params": 3}
        assert (view.host, view.git, view.refused) == ("gpu1", {"commit": "abc"}, 1)
        assert view.environment["git"]["diff"] == {"text": "long"}
        assert [alert["title"] for alert in view.alerts] == ["hot"]
        seal_run(run_dir)


def test_annotations_of_a_sealed_run(tmp_path):
    """Tags, notes and names are added to a run that has long been sealed."""
    run_dir = finished_run(tmp_path, [({"a": 1.0}, 0)])
    seal_run(run_dir)
    view = RunView(run_dir)
    view.tag("x", "y")
    view.untag("x")
    view.note("good")
    view.rename("best")
    for each in (view, RunView(run_dir)):
        assert (each.tags, each.notes, each.name, each.state) == (["y"], "good", "best", "finished")


def test_summaries(tmp_path):
    """Every field, the rule of the definition, the goal and the range."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.event("define", metric="val/*", goal="minimize", range=[0, 5])
    maker.event("define", metric="val/loss", summary="best")
    for step, value in enumerate([3.0, math.nan, 1.0, 1.0, math.inf, 9.0]):
        maker.row({"val/loss": value, "train/loss": value}, step)
    maker.close()
    for _ in range(2):
        view = RunView(run_dir)
        found = view.summary["val/loss"]
        assert (found.value, found.best, found.best_step) == (1, 1, 2)
        assert (found.first, found.last, found.last_step) == (3, 9, 5)
        assert (found.min, found.max, found.max_step) == (1, 9, 5)
        assert (found.count, found.nan, found.inf, found.first_bad_step) == (6, 1, 1, 1)
        assert found.mean == pytest.approx(3.5)
        assert found.std == pytest.approx(3.785938897)
        assert found.out_of_range == 2
        assert view.summary["train/loss"].best is None
        assert view.summary["train/loss"].value == 9
        assert view.metrics["val/loss"].definition.range == (0, 5)
        seal_run(run_dir)


def test_a_user_value_stands_before_a_metric(tmp_path):
    """The statistics of a metric stay reachable when the summary was given a value of its name."""
    run_dir = make_run(tmp_path)
    maker = JournalMaker(run_dir)
    maker.row({"acc": 0.5}, 0)
    maker.event("summary", values={"acc": 0.9})
    maker.close()
    view = RunView(run_dir)
    assert view.summary["acc"] == 0.9
    assert view.metrics["acc"].summary.last == 0.5


def test_texts_are_put_together(tmp_path):
    """Long texts come in parts; a text whose beginning is lost is not mixed with another."""
    maker = JournalMaker(make_run(tmp_path))
    maker.event("text", key="t", text="one", step=1)
    maker.event("text", key="u", text="other", step=1)
    maker.event("text", key="t", text="tw", step=2, part=[1, 2])
    maker.event("text", key="t", text="o", step=2, part=[2, 2])
    maker.close()
    view = RunView(maker.run_dir)
    assert [(text.step, text.text) for text in view.texts("t")] == [(1, "one"), (2, "two")]
    assert view.text_keys() == ["t", "u"]
    assert view.texts("v") == []


@pytest.mark.parametrize("state", ["finished", "failed", "interrupted", "killed"])
def test_states_that_were_written(tmp_path, state):
    """What the training wrote is the state."""
    maker = JournalMaker(make_run(tmp_path))
    maker.close(state)
    assert RunView(maker.run_dir).state == state


def test_states_that_are_found_out(tmp_path):
    """Alive here, dead here, heard of elsewhere, silent elsewhere, nothing at all."""
    expected = {
        "running": {"boot": boot_id(), "pid": os.getpid(), "ring": ""},
        "killed": {"boot": boot_id(), "pid": 2**22 + 1, "ring": ""},
        "lost": {"host": "elsewhere"},
    }
    for state, claims in expected.items():
        maker = JournalMaker(make_run(tmp_path), claims=claims, wall_ns=10**9)
        maker.row({"a": 1.0}, 0)
        maker.close(state=None)
        (segment,) = frames.segments(maker.folder)
        if state == "lost":
            assert RunView(maker.run_dir).state == "running"
            os.utime(os.path.join(maker.folder, segment.name), (0, 0))
        assert RunView(maker.run_dir).state == state
    assert RunView(make_run(tmp_path)).state == "unknown"


def test_who_speaks_for_the_run(tmp_path):
    """Rank 0 of the latest start; child processes and annotations never do."""
    run_dir = make_run(tmp_path)
    for state, session in (
        ("failed", {"rank": 0}), ("finished", {"rank": 0, "hides_after": 5}),
        ("failed", {"rank": 1, "hides_after": 5}), ("killed", {"role": "fork"}),
    ):  # fmt: skip
        JournalMaker(run_dir, **session).row({"a": 1.0}, 0)
        maker = JournalMaker(run_dir, **session)
        maker.row({"a": 1.0}, 0)
        maker.close(state)
    view = RunView(run_dir)
    view.tag("x")
    assert view.state == "finished"
    assert [s.state for s in view.sessions if s.role == "train" and s.rank == 1][-1] == "failed"


def test_a_killed_run_is_saved_by_its_reader(tmp_path):
    """Rows that only the ring of a killed process had are there when the run is read."""
    script = """
        import os, signal, sys, epochal
        run = epochal.init(dir=sys.argv[1], project="p", follow="off", capture_environment=False)
        for step in range(1000):
            run.log({"a": float(step)}, step=step)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    start_script(script, tmp_path).communicate(timeout=120)
    (run,) = epochal.open(tmp_path).runs()
    assert run.state == "killed"
    assert len(run.series("a")) == 1000


KILLED = """
    import os, sys, epochal
    from epochal.core import ring
    ring.ring_folders = lambda *, make=False: [sys.argv[2]]
    run = epochal.init(dir=sys.argv[1], project="p", follow="off", capture_environment=False)
    for step in range(1000):
        run.log({"a": float(step)}, step=step)
    print(run.dir, flush=True)
    os.kill(os.getpid(), 9)
"""

SAVES = """
    import sys
    from epochal.core import ring
    from epochal.journal import recovery
    ring.ring_folders = lambda *, make=False: [sys.argv[1]]
    (held,) = ring.orphans()
    print("held", flush=True)
    sys.stdin.readline()
    recovery._recover_one(held)
    held.close(unlink=True)
"""


@pytest.fixture
def unsaved(tmp_path, tmp_path_factory, monkeypatch):
    """The run of a killed process, and the folder of its ring, in which nobody else looks."""
    rings = str(tmp_path_factory.mktemp("rings"))
    monkeypatch.setattr(ring, "ring_folders", lambda *, make=False: [rings])  # noqa: ARG005
    monkeypatch.setattr(recovery, "WAIT_S", 60.0)
    output, _ = run_script(KILLED, tmp_path, rings, returncode=-9)
    return output.strip(), rings


def test_a_killed_run_that_another_process_saves(unsaved):
    """Who reads meanwhile waits for it, and takes nobody who saves a ring for its owner."""
    run_dir, rings = unsaved
    other = start_script(SAVES, rings, stdin=subprocess.PIPE)
    assert other.stdout.readline() == "held\n"
    threading.Timer(0.3, print, ["go on"], {"file": other.stdin, "flush": True}).start()
    view = RunView(run_dir)
    assert (view.state, len(view.series("a"))) == ("killed", 1000)
    other.communicate()


def test_a_killed_run_that_was_saved_just_now(unsaved, monkeypatch):
    """What another process has written since the files were read is read too."""
    is_alive = ring.is_alive

    def asked(path):
        recovery.recover()
        return is_alive(path)

    monkeypatch.setattr(ring, "is_alive", asked)
    view = RunView(unsaved[0])
    assert (view.state, len(view.series("a"))) == ("killed", 1000)


def sealed_parts(run_dir: str) -> int:
    """How many segments of a run are sealed."""
    return len([part for part in read_parts(run_dir) if isinstance(part, SealedPart)])


def test_reading_while_training_and_sealing(tmp_path):
    """A run that is recorded and sealed at the same time always reads as a beginning of it."""
    run_dir = make_run(tmp_path)
    claims = {"boot": boot_id(), "pid": os.getpid(), "ring": ""}
    maker = JournalMaker(run_dir, claims=claims)
    maker.row({"a": 0.0}, 0)
    maker.frame()
    over = threading.Event()

    def seal() -> None:
        while not over.is_set():
            seal_run(run_dir)

    thread = threading.Thread(target=seal)
    thread.start()
    try:
        before, step = 0, 0
        view = RunView(run_dir)
        deadline = time.monotonic() + 200
        while step < 100 or sealed_parts(run_dir) < 5:
            assert time.monotonic() < deadline
            step += 1
            maker.row({"a": float(step)} if step % 2 else {"a": float(step), "b": 1.0}, step)
            maker.rotate() if step % 3 == 0 else maker.frame()
            series = view.refresh().series("a")
            assert series.values.tolist() == [*range(len(series))]
            assert len(series) == step + 1 >= before
            before = len(series)
    finally:
        over.set()
        thread.join()


def test_refresh_shows_what_is_new(tmp_path):
    """A view stays as it is until it is refreshed."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"a": 1.0}, step=0)
        run.flush()
        view = RunView(run.dir)
        assert (view.state, len(view.series("a"))) == ("running", 1)
        run.log({"a": 2.0}, step=1)
        run.flush()
        assert len(view.series("a")) == 1
        assert len(view.refresh().series("a")) == 2
    assert view.refresh().state == "finished"


def test_follow_yields_every_record(tmp_path):
    """From the first record to the last, while the run is recorded and sealed."""
    run_dir = make_run(tmp_path)
    claims = {"boot": boot_id(), "pid": os.getpid(), "ring": ""}
    maker = JournalMaker(run_dir, claims=claims)
    maker.row({"a": 0.0}, 0)
    maker.rotate()
    seal_run(run_dir)

    def train() -> None:
        for step in range(1, 60):
            maker.row({"a": float(step)}, step)
            maker.rotate() if step % 5 == 0 else maker.frame()
            seal_run(run_dir)
            time.sleep(0.002)
        maker.close()
        seal_run(run_dir)

    thread = threading.Thread(target=train)
    thread.start()
    records = [r for batch in RunView(run_dir).follow(poll_s=0.01, timeout=60) for r in batch]
    thread.join()
    assert [r.seq for r in records] == [*range(61)]
    assert [r.values["a"] for r in records[:-1]] == [*range(60)]
    assert records[-1].kind == "end"


def test_follow_gives_up_in_time(tmp_path):
    """A run that does not end is followed until the timeout."""
    claims = {"boot": boot_id(), "pid": os.getpid(), "ring": ""}
    maker = JournalMaker(make_run(tmp_path), claims=claims)
    maker.row({"a": 0.0}, 0)
    maker.close(state=None)
    batches = list(RunView(maker.run_dir).follow(poll_s=0.01, timeout=0.05))
    assert [len(batch) for batch in batches] == [1]
