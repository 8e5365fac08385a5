"""Going on with a run, and beginning one from another's history."""

import json
import os

import numpy as np
import pytest
from recorded import QUIET, recorded, run_script, start_script, stored, wait_until

import epochal
from epochal.store.seal import seal_run


def log(run, steps, **more):
    """Log one row a step."""
    for step in steps:
        run.log({"a": float(step), **more}, step=step)


@pytest.mark.parametrize("by", ["id", "name", "path", "prefix"])
def test_a_run_goes_on(new_run, by):
    """By id, name, path or prefix: a new session of the same run, its step, config and time."""
    first = new_run(name="mine", config={"lr": 0.1, "model": {"depth": 2}})
    log(first, range(10))
    first.config.update({"lr": 0.2})
    first.finish()
    key = {"id": first.id, "name": "mine", "path": first.dir, "prefix": first.id[:6]}[by]
    second = new_run(resume=key)
    assert (second.id, second.dir, second.name) == (first.id, first.dir, "mine")
    assert (second.step, second.config["lr"], second.config["model"]["depth"]) == (9, 0.2, 2)
    second.log({"a": 9.5})
    log(second, range(10, 15))
    second.finish()
    found = recorded(first.dir)
    assert found.steps() == [*range(10), 9, *range(10, 15)]
    assert [row.session for row in found.rows] == [1] * 10 + [2] * 6
    elapsed = [row.elapsed_s for row in found.rows]
    assert elapsed == sorted(elapsed)
    assert found.states() == ["finished", "finished"]


def test_sealed_runs_go_on_too(tmp_path):
    """After the journal has become Parquet, a run goes on at its last step."""
    from epochal.store import seal

    with epochal.init(dir=str(tmp_path), **QUIET, sinks=[]) as run:
        log(run, range(10))
        run.config.update({"lr": 1})
    seal.seal_run(run.dir)
    assert os.listdir(f"{run.dir}/journal") == []
    with epochal.init(dir=str(tmp_path), resume=run.id, **QUIET, sinks=[]) as again:
        assert (again.step, again.config["lr"]) == (9, 1)
        log(again, range(10, 20))
    assert stored(run.dir, "a") == [(step, float(step)) for step in range(20)]


def test_steps_after_resume_step_are_hidden_not_deleted(new_run):
    """resume_step says which history is superseded; the rows themselves stay."""
    first = new_run()
    log(first, range(100))
    first.finish()
    second = new_run(resume=first.id, resume_step=49)
    assert second.step == 49
    log(second, range(50, 60))
    second.finish()
    found = recorded(first.dir)
    assert found.kinds("resume") == [{"after": 49}]
    assert found.steps() == [*range(100), *range(50, 60)]
    assert found.descriptors[1]["hides_after"] == 49


def test_a_counter_of_calls_goes_on(new_run):
    """A run that never named a step goes on counting after a resume."""
    first = new_run()
    for _ in range(5):
        first.log({"a": 1.0})
    first.finish()
    second = new_run(resume=first.id)
    for _ in range(3):
        second.log({"a": 1.0})
    assert second.step is None
    second.finish()
    assert recorded(first.dir).steps() == list(range(8))


def test_a_resumed_run_may_change_its_config(new_run):
    """What init is given on a resume is merged into the config and recorded."""
    first = new_run(config={"lr": 0.1, "depth": 2})
    first.finish()
    second = new_run(resume=first.id, config={"lr": 0.5})
    assert (second.config["lr"], second.config["depth"]) == (0.5, 2)
    second.finish()
    assert recorded(first.dir).kinds("config") == [{"update": {"lr": 0.5}}]


KILLED = """
    import os, sys, epochal
    more = {"resume": sys.argv[2]} if len(sys.argv) > 2 else {}
    more.update(dir=sys.argv[1], follow="off", capture_environment=False)
    run = epochal.init(project="p", **more)
    print(run.dir, run.step, flush=True)
    start = 0 if run.step is None else run.step + 1
    for step in range(start, start + 3000):
        run.log({"a": float(step)}, step=step)
    os.kill(os.getpid(), 9)
"""


def test_a_killed_run_goes_on_where_it_was_killed(tmp_path):
    """A resume right after a SIGKILL first saves the memory of the dead process."""
    resume, run_dir = [], ""
    for attempt in range(3):
        output, _ = run_script(KILLED, tmp_path, *resume, returncode=-9)
        run_dir, step = output.split()
        assert step == str(3000 * attempt - 1 if attempt else None)
        resume = [run_dir]
    with epochal.init(dir=str(tmp_path), resume=run_dir, **QUIET) as run:
        assert run.step == 8999
    found = recorded(run_dir)
    assert found.steps() == list(range(9000))
    assert found.states() == ["killed"] * 3 + ["finished"]


def test_auto_is_the_run_of_the_job(tmp_path, monkeypatch):
    """resume="auto": the first start makes a run, a start of the same job goes on with it."""
    made = []
    for job in ("one", "one", "two", "one"):
        monkeypatch.setenv("EPOCHAL_JOB", job)
        with epochal.init(dir=str(tmp_path), resume="auto", resume_step=3, **QUIET) as run:
            log(run, range(5))
            made.append(run.id)
    assert made[0] == made[1] == made[3] != made[2]


def test_slurm_requeues_are_recognized(tmp_path, monkeypatch):
    """Under SLURM the job's id says which run goes on; array tasks are jobs of their own."""
    ids = []
    for task in ("1", "2", "1"):
        monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "77")
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", task)
        with epochal.init(dir=str(tmp_path), resume="auto", **QUIET) as run:
            ids.append(run.id)
    assert ids[0] == ids[2] != ids[1]


def test_a_fork_knows_its_parent(new_run):
    """fork=(run, step) is described in run.json of a new run; the parent is untouched."""
    parent = new_run()
    log(parent, range(10))
    parent.finish()
    before = recorded(parent.dir).steps()
    for given in (parent, parent.id, parent.dir, parent.name):
        child = new_run(fork=(given, 4))
        assert child.id != parent.id
        log(child, range(5, 8))
        child.finish()
        with open(f"{child.dir}/run.json") as file:
            assert json.load(file)["fork"] == {"run": parent.id, "dir": parent.dir, "step": 4}
        assert recorded(child.dir).steps() == [5, 6, 7]
    assert recorded(parent.dir).steps() == before


@pytest.mark.parametrize("step", ["x", float("nan"), 2**63, None, [1]])
def test_a_fork_needs_a_step(new_run, step):
    """The step of a fork is a step."""
    parent = new_run()
    with pytest.raises(epochal.EpochalError, match="fork"):
        new_run(fork=(parent.id, step))


def test_steps_of_other_types_resume(new_run):
    """Float steps go on as floats; resume_step may be an array scalar."""
    first = new_run()
    first.log({"a": 1.0}, step=0.5)
    first.finish()
    second = new_run(resume=first.id)
    assert second.step == 0.5
    second.finish()
    third = new_run(resume=first.id, resume_step=np.int64(0))
    assert third.step == 0
    third.finish()


AT_ONCE = """
    import sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], resume=sys.argv[2], **eval(sys.argv[4]))
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(1000):
        run.log({"a": float(step), "who": float(sys.argv[3])}, step=step)
    run.finish()
"""


@pytest.mark.parametrize("follow", ["off", "process"])
def test_two_processes_resume_the_same_run(tmp_path, follow):
    """Both write sessions of their own; nothing is lost or mixed up."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        log(run, range(10))
    options = {"follow": follow, "capture_environment": False, "seal": False}
    both = [start_script(AT_ONCE, tmp_path, run.id, n, options, stdin=-1) for n in range(2)]
    for each in both:
        assert each.stdout.readline() == "ready\n"
    for each in both:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in both:
        _, errors = each.communicate(timeout=120)
        assert (each.returncode, errors) == (0, "")
    found = recorded(run.dir)
    assert (found.lost, found.damage) == (0, [])
    for n in range(2):
        mine = [row for row in found.rows if row.values.get("who") == n]
        assert [row.step for row in mine] == list(range(1000))
        assert len({row.session for row in mine}) == 1
    assert found.states().count("finished") == 3
    if follow == "process":
        from recorded import mirrored

        wait_until(lambda: len(mirrored(run.dir)) >= 2010)
        expected = sorted([str(n) for n in range(10)] + [str(n) for n in range(1000)] * 2)
        assert sorted(step for step, _ in mirrored(run.dir)) == expected


def test_hundreds_of_config_updates_are_there_after_sealing(new_run):
    """A resume folds all changes of the config, wherever sealing has put them."""
    first = new_run(config={"n": 0}, sinks=[])
    for n in range(1, 301):
        first.config.update({"n": n})
    first.finish()
    seal_run(first.dir)
    assert not os.listdir(f"{first.dir}/journal")
    second = new_run(resume=first.id)
    assert second.config["n"] == 300
    second.finish()
