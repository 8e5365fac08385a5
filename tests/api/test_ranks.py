"""Ranks of a distributed job that each write their part of one run, as processes of their own."""

import os
import subprocess
import sys
import textwrap

import pytest
from recorded import QUIET, mirrored, recover, start_script, wait_until

import epochal
from epochal.core.errors import LogError
from epochal.journal import frames
from epochal.read.view import RunView
from epochal.store import launch
from epochal.store.verify import verify_run

STEPS = 300

HEAD = """
    import os, signal, sys, time
    import epochal

    rank = int(os.environ["RANK"])

    def start(**more):
        given = {"project": "p", "dir": sys.argv[1], "ranks": "all", "capture_environment": False}
        return epochal.init(**given, **more)

    def wait_for(name):
        while not os.path.exists(os.path.join(sys.argv[1], os.pardir, name)):
            time.sleep(0.01)

    def record(run, steps, offset=0.0):
        for step in steps:
            run.log({"loss": 1000.0 * rank + step + offset}, step=step)
"""

WHOLE = (
    HEAD
    + f"""
    run = start(name="given" if rank == 0 else f"other-{{rank}}", sinks=("csv",),
                config={{"lr": 0.1 + rank, "token": "secret"}})
    assert (run.name, run.config["lr"], run.config["token"]) == ("given", 0.1, "secret")
    record(run, range({STEPS}))
    run.finish()
"""
)

KILLED = (
    HEAD
    + f"""
    run = start(sinks=())
    record(run, range({STEPS // 2}))
    if rank == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    record(run, range({STEPS // 2}, {STEPS}))
    run.finish()
"""
)


def start_ranks(code, base, ranks, size=8, **env):
    """Starts processes of one job, as a launcher would."""
    base.mkdir(exist_ok=True)
    place = {"WORLD_SIZE": str(size), **env}
    return {
        rank: start_script(code, base, env={**place, "RANK": str(rank)}) for rank in ranks
    }  # fmt: skip


def end(processes, killed=()):
    """Waits until processes have ended and checks how."""
    for rank, process in processes.items():
        _, errors = process.communicate(timeout=120)
        assert process.returncode == (-9 if rank in killed else 0), errors
        assert "Traceback" not in errors
        assert "epochal" not in errors or rank in killed, errors


def the_run(base):
    """The one run of a folder."""
    (view,) = epochal.open(base).runs()
    return view


def values(view, rank):
    """The values that a rank recorded, in order."""
    return view.series("loss", rank=rank).values.tolist()


def test_eight_ranks_write_one_run(tmp_path):
    """Every row of every rank is there under its rank; name, config and CSV are those of rank 0."""
    base = tmp_path / "runs"
    end(start_ranks(WHOLE, base, (5, 1, 7, 0, 3, 2, 6, 4)))
    view = the_run(base)
    assert (view.name, view.config["lr"], view.ranks) == ("given", 0.1, [*range(8)])
    for rank in range(8):
        assert values(view, rank) == [1000.0 * rank + step for step in range(STEPS)]
    found = view.over_ranks("loss")
    assert found.values.shape == (8, STEPS)
    assert set(found.slowest.tolist()) == {7}
    assert (view.lost, view.damage, view.problems, view.state) == (0, [], {}, "finished")
    assert {each.state for each in view.sessions} == {"finished"}
    wait_until(lambda: len(mirrored(view.dir, "loss")) == STEPS)
    assert [float(value) for _, value in mirrored(view.dir, "loss")] == [*range(STEPS)]
    assert [name for name in os.listdir(base) if name.startswith(".")] == []
    wait_until(lambda: os.listdir(os.path.join(view.dir, "journal")) == [])
    assert verify_run(view.dir).ok
    assert view.refresh().ranks == [*range(8)]
    assert values(view, 6)[-1] == 6000 + STEPS - 1


def test_a_killed_rank(tmp_path):
    """What a killed rank had logged is there to the last row, and the others are complete."""
    base = tmp_path / "runs"
    end(start_ranks(KILLED, base, range(4), size=4), killed=(3,))
    view = the_run(base)
    recover(view.dir)
    view.refresh()
    assert values(view, 3) == [3000.0 + step for step in range(STEPS // 2)]
    for rank in range(3):
        assert values(view, rank) == [1000.0 * rank + step for step in range(STEPS)]
    assert [each.state for each in view.sessions] == ["finished"] * 3 + ["killed"]
    assert (view.state, view.of_rank(3).state, view.lost) == ("finished", "killed", 0)


@pytest.mark.parametrize("how", ["finished", "killed"])
def test_launches_after_one_another(tmp_path, how):
    """A rank is never taken in by the note of an earlier launch, however that ended."""
    base = tmp_path / "runs"
    ends = "run.finish()" if how == "finished" else "os.kill(os.getpid(), 9)"
    code = HEAD + f"    run = start(sinks=())\n    record(run, range(50))\n    {ends}\n"
    end(start_ranks(code, base, (0,), size=2), killed=(0,) if how == "killed" else ())
    assert [name for name in os.listdir(base) if name.startswith(".launch-")]
    first = the_run(base)
    recover(first.dir)
    whole = HEAD + "    print('here', flush=True)\n    run = start(sinks=())\n"
    whole += "    record(run, range(50), 0.5)\n"
    early = start_ranks(whole, base, (1,), size=2)
    assert early[1].stdout.readline() == "here\n"
    end(start_ranks(whole, base, (0,), size=2))
    end(early)
    second = next(view for view in epochal.open(base).runs() if view.id != first.id)
    assert (first.refresh().ranks, second.ranks) == ([0], [0, 1])
    assert values(second, 1) == [1000.5 + step for step in range(50)]


def test_runs_after_one_another(tmp_path):
    """Runs that each process begins in turn are as many runs, each with the parts of all ranks."""
    base = tmp_path / "runs"
    code = (
        HEAD
        + """
    for n in range(3):
        with start(name=f"run-{n}", sinks=()) as run:
            record(run, range(20), n / 10)
    """
    )
    end(start_ranks(code, base, (1, 2, 0), size=3))
    views = {view.name: view for view in epochal.open(base).runs()}
    assert sorted(views) == ["run-0", "run-1", "run-2"]
    for n in range(3):
        view = views[f"run-{n}"]
        for rank in range(3):
            assert values(view, rank) == [1000 * rank + step + n / 10 for step in range(20)]


def test_rank_zero_ends_first(tmp_path):
    """What the others record after rank 0 has ended is there, and is sealed like everything."""
    base = tmp_path / "runs"
    code = (
        HEAD
        + """
    run = start(sinks=())
    record(run, range(10))
    if rank:
        wait_for("gone")
        record(run, range(10, 30))
    run.finish()
    """
    )
    ranks = start_ranks(code, base, range(3), size=3)
    end({0: ranks.pop(0)})
    assert the_run(base).state == "finished"
    (tmp_path / "gone").touch()
    end(ranks)
    view = the_run(base)
    assert [len(values(view, rank)) for rank in range(3)] == [10, 30, 30]
    wait_until(lambda: frames.segments(os.path.join(view.dir, "journal")) == [])
    assert [len(values(view.refresh(), rank)) for rank in range(3)] == [10, 30, 30]


def test_a_rank_that_comes_after_the_end(tmp_path):
    """A rank whose process was there finds the run, though rank 0 has ended already."""
    base = tmp_path / "runs"
    code = (
        HEAD
        + """
    if rank:
        wait_for("ended")
    run = start(sinks=(), follow="off")
    record(run, range(10))
    """
    )
    late = start_ranks(code, base, (1,), size=2)
    end(start_ranks(code, base, (0,), size=2))
    (tmp_path / "ended").touch()
    end(late)
    assert values(the_run(base), 1) == [1000.0 + step for step in range(10)]


def test_a_resumed_launch(tmp_path):
    """All ranks go on together: what any of them had recorded after the step is hidden."""
    base = tmp_path / "runs"
    code = (
        HEAD
        + """
    run = start(sinks=(), seal=False, config={"lr": 1})
    record(run, range(10))
    """
    )
    end(start_ranks(code, base, (1, 0), size=2))
    run_id = the_run(base).id
    code = (
        HEAD
        + f"""
    run = start(sinks=(), resume={run_id!r}, resume_step=4, config={{"lr": 2 + rank}})
    assert run.config["lr"] == 2
    record(run, range(5, 7), 0.5)
    """
    )
    end(start_ranks(code, base, (1, 0), size=2))
    view = the_run(base)
    for rank in range(2):
        assert values(view, rank) == [1000 * rank + step for step in (0, 1, 2, 3, 4, 5.5, 6.5)]
    assert len(view.series("loss", hidden=True)) == 12
    assert view.config == {"lr": 2}
    assert view.of_rank(1).series("loss").elapsed_s.tolist() == sorted(
        view.of_rank(1).series("loss").elapsed_s
    )


def test_steps_that_are_counted(tmp_path):
    """Without step= each rank counts its own calls."""
    base = tmp_path / "runs"
    code = (
        HEAD
        + """
    run = start(sinks=())
    for n in range(3 + rank):
        run.log({"loss": float(n)})
    """
    )
    end(start_ranks(code, base, range(2), size=2))
    assert the_run(base).series("loss", rank=1).steps.tolist() == [0, 1, 2, 3]


def test_a_rank_without_rank_zero(tmp_path, monkeypatch, caplog):
    """It is told once what is missing, records nothing, and training goes on."""
    monkeypatch.setattr(launch, "WAIT_S", 0.05)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    run = epochal.init(dir=str(tmp_path / "runs"), ranks="all", **QUIET)
    run.log({"a": 1.0})
    run.finish()
    assert [record.message for record in caplog.records if "rank 1 found no run" in record.message]
    assert not (tmp_path / "runs").exists()
    with pytest.raises(LogError, match="id="):
        epochal.init(dir=str(tmp_path / "runs"), ranks="all", strict=True, **QUIET)


def test_only_rank_zero_writes_by_default(tmp_path):
    """ranks="zero": the other processes make no file, and need no rank 0."""
    base = tmp_path / "runs"
    code = (
        HEAD
        + """
    run = epochal.init(project="p", dir=sys.argv[1], sinks=())
    record(run, range(5))
    """
    )
    end(start_ranks(code, base, (1, 2), size=3))
    assert os.listdir(base) == []
    end(start_ranks(code, base, (0,), size=3))
    assert the_run(base).ranks == [0]
    assert [name for name in os.listdir(base) if name.startswith(".")] == []


def test_a_job_of_one_process(tmp_path, monkeypatch):
    """ranks="all" without a job, or in one of a single process, is an ordinary run."""
    base = tmp_path / "runs"
    for variables in ({}, {"RANK": "0", "WORLD_SIZE": "1"}):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with epochal.init(dir=str(base), ranks="all", **QUIET) as run:
            run.log({"a": 1.0}, step=0)
            assert not [name for name in os.listdir(base) if name.startswith(".")]
        assert RunView(run.dir).ranks == [0]


DISTRIBUTED = """
    import sys
    import torch
    import torch.distributed as dist
    import epochal

    dist.init_process_group("gloo")
    rank = dist.get_rank()
    run = epochal.init(project="p", dir=sys.argv[1], ranks="all", sinks=(), log_system=False)
    for step in range(200):
        loss = torch.tensor(float(rank * step))
        dist.all_reduce(loss)
        run.log({"loss": loss, "rank": rank}, step=step)
    run.finish()
    dist.destroy_process_group()
"""


@pytest.mark.torch
def test_torchrun(tmp_path):
    """Eight processes of torchrun, with a process group of gloo, write one run."""
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(DISTRIBUTED))
    base = tmp_path / "runs"
    argv = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "8"]
    done = subprocess.run(
        [*argv, script, base], capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    view = the_run(base)
    assert view.ranks == [*range(8)]
    assert view.over_ranks("rank").values.tolist() == [[rank] * 200 for rank in range(8)]
    loss = view.over_ranks("loss")
    assert loss.steps.tolist() == [*range(200)]
    assert (loss.values == 28.0 * loss.steps).all()
