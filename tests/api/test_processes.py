"""Forked, spawned and served child processes: each records a session of its own, or nothing."""

import os

import pytest
from recorded import mirrored, recorded, recover, run_script, start_script, stored, wait_until

HEAD = """
    import os, signal, sys, threading, time, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    import epochal
    options = {"project": "p", "dir": sys.argv[1], "follow": sys.argv[2], "seal": False,
               "capture_environment": False}
"""

RAW_FORK = (
    HEAD
    + """
    run = epochal.init(**options)
    print(run.dir, flush=True)
    for step in range(100):
        run.log({"parent": float(step)}, step=step)
    children = []
    for n in range(4):
        pid = os.fork()
        if not pid:
            for step in range(200):
                run.log({f"child{n}": float(step)}, step=step)
            run.tag(f"child{n}")
            if n == 0:
                run.finish()
                os._exit(0)
            if n == 1:
                sys.exit(0)
            if n == 2:
                os._exit(0)
            os.kill(os.getpid(), 9)
        children.append(pid)
    for step in range(100, 300):
        run.log({"parent": float(step)}, step=step)
    for pid in children:
        os.waitpid(pid, 0)
    run.finish()
"""
)


def test_raw_forks(tmp_path):
    """Parent and children log at the same time: all rows of all, each in its own session."""
    output, errors = run_script(RAW_FORK, tmp_path, "off")
    run_dir = output.split()[0]
    assert errors == ""
    recover(run_dir)
    found = recorded(run_dir)
    assert (found.lost, found.damage) == (0, [])
    assert found.values("parent") == [float(n) for n in range(300)]
    for n in range(4):
        assert found.values(f"child{n}") == [float(n) for n in range(200)]
    sessions = {next(iter(row.values)): row.session for row in found.rows}
    assert len({*sessions.values()}) >= 2
    assert sorted(tag["tags"][0] for tag in found.kinds("tag")) == [f"child{n}" for n in range(4)]
    assert sorted(found.states()) == ["finished"] * 3 + ["killed"] * 2
    assert [d["role"] for d in found.descriptors] == ["train"] + ["fork"] * 4


def test_the_follower_process_takes_children_along(tmp_path):
    """Rows of forked children come to the mirrors of the run without anybody's help."""
    output, _ = run_script(RAW_FORK, tmp_path, "process")
    run_dir = output.split()[0]
    wait_until(lambda: len(mirrored(run_dir, "parent")) == 300)
    wait_until(lambda: not any_ring_of(run_dir))
    for n in range(4):
        assert [value for _, value in stored(run_dir, f"child{n}")] == [
            float(m) for m in range(200)
        ]


def any_ring_of(run_dir):
    """Names of ring files that belong to a run."""
    from epochal.core import ring
    from epochal.journal import frames

    sessions = {segment.session for segment in frames.segments(f"{run_dir}/journal")}
    return [
        name
        for folder in ring.ring_folders()
        for name in os.listdir(folder)
        if name.partition(".")[0] in sessions
    ]


SILENT_CHILD = (
    HEAD
    + """
    run = epochal.init(**options)
    run.log({"a": 1.0}, step=1)
    print(run.dir, flush=True)
    pid = os.fork()
    if not pid:
        if sys.argv[3] == "exit":
            sys.exit(0)
        os._exit(0)
    os.waitpid(pid, 0)
    run.log({"a": 2.0}, step=2)
    run.finish()
"""
)


@pytest.mark.parametrize("way", ["exit", "_exit"])
def test_a_child_that_never_logs_leaves_nothing(tmp_path, way):
    """A fork alone makes no session, ends no run and starts no process."""
    output, errors = run_script(SILENT_CHILD, tmp_path, "off", way)
    found = recorded(output.split()[0])
    assert errors == ""
    assert found.values("a") == [1.0, 2.0]
    assert len(found.descriptors) == 1
    assert found.states() == ["finished"]


EVENTS_ONLY = (
    HEAD
    + """
    run = epochal.init(**options)
    print(run.dir, flush=True)
    pid = os.fork()
    if not pid:
        run.alert("worker trouble")
        run.summary["worker"] = 1
        run.finish()
        os._exit(0)
    os.waitpid(pid, 0)
"""
)


def test_a_child_may_record_events_only(tmp_path):
    """An alert of a child is recorded although the child never logged a row."""
    output, _ = run_script(EVENTS_ONLY, tmp_path, "off")
    found = recorded(output.split()[0])
    assert [alert["title"] for alert in found.kinds("alert")] == ["worker trouble"]
    assert len(found.kinds("summary")) == 1


MULTIPROCESSING = """
    import multiprocessing, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    import epochal

    def work(n, run_dir):
        run = epochal.current_run() or epochal.init(
            project="p", dir=sys.argv[1], resume=run_dir, follow="off", capture_environment=False)
        for step in range(100):
            run.log({f"child{n}": float(step)}, step=step)

    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[2])
        run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
        print(run.dir, flush=True)
        run.log({"parent": 1.0}, step=1)
        workers = [context.Process(target=work, args=(n, run.dir)) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert all(worker.exitcode == 0 for worker in workers)
        run.finish()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path, method):
    """Workers of every start method record their own sessions and end them."""
    import textwrap

    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(MULTIPROCESSING))
    output, errors = run_script(
        "import runpy, sys\nsys.argv = sys.argv[1:]\n"
        "import subprocess; sys.exit(subprocess.call([sys.executable, *sys.argv]))",
        script, tmp_path, method,
    )  # fmt: skip
    assert errors == ""
    found = recorded(output.split()[0])
    for n in range(3):
        assert found.values(f"child{n}") == [float(n) for n in range(100)]
    assert found.states() == ["finished"] * 4
    assert found.lost == 0


FORK_WHILE_LOGGING = (
    HEAD
    + """
    run = epochal.init(**options)
    print(run.dir, flush=True)
    stop = False
    def busy(n):
        step = 0
        while not stop:
            run.log({f"t{n}": float(step), "x": 1, "text": "y"}, step=step)
            step += 1
    threads = [threading.Thread(target=busy, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for n in range(12):
        pid = os.fork()
        if not pid:
            signal.alarm(100)
            run.log({"child": float(n)}, step=n)
            run.log({"child/two": n, "t": "x"}, step=n)
            run.finish()
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
    stop = True
    for thread in threads:
        thread.join()
    run.finish()
"""
)


def test_fork_while_other_threads_log(tmp_path):
    """A child born while threads hold every lock there is logs and ends without hanging."""
    output, _ = run_script(FORK_WHILE_LOGGING, tmp_path, "off")
    found = recorded(output.split()[0])
    assert found.values("child") == [float(n) for n in range(12)]
    assert found.values("child/two") == [float(n) for n in range(12)]
    assert found.states() == ["finished"] * 13
    assert found.damage == []


THREADS_IN_A_CHILD = (
    HEAD
    + """
    run = epochal.init(**options)
    print(run.dir, flush=True)
    pid = os.fork()
    if not pid:
        barrier = threading.Barrier(8)
        def work(n):
            barrier.wait()
            run.log({f"t{n}": 1.0}, step=n)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run.finish()
        os._exit(0)
    os.waitpid(pid, 0)
"""
)


def test_threads_that_open_a_childs_session_together(tmp_path):
    """The first calls of a child, from eight threads at once, share one session."""
    output, _ = run_script(THREADS_IN_A_CHILD, tmp_path, "off")
    found = recorded(output.split()[0])
    assert len(found.rows) == 8
    assert len({row.session for row in found.rows}) == 1


WORKERS = (
    HEAD
    + """
    run = epochal.init(**options)
    print(run.dir, flush=True)
    run.log({"a": 1.0}, step=1)
    workers = []
    for n in range(2):
        pid = os.fork()
        if not pid:
            os.close(1), os.close(2)
            time.sleep(300)
            os._exit(0)
        workers.append(pid)
    print(*workers, flush=True)
    for step in range(2, 1000):
        run.log({"a": float(step)}, step=step)
    os.kill(os.getpid(), 9)
"""
)


def test_workers_do_not_hold_up_recovery(tmp_path):
    """Workers that outlive a killed training keep nothing of it: the mirrors are completed."""
    process = start_script(WORKERS, tmp_path, "process")
    run_dir = process.stdout.readline().strip()
    workers = [int(pid) for pid in process.stdout.readline().split()]
    try:
        assert process.wait(60) == -9
        wait_until(lambda: len(mirrored(run_dir)) == 999)
        wait_until(lambda: recorded(run_dir).states() == ["killed"])  # all rows may be there before
        for pid in workers:
            os.kill(pid, 0)
    finally:
        for pid in workers:
            os.kill(pid, 9)
        process.communicate()


@pytest.mark.torch
def test_data_loader_workers(tmp_path):
    """Workers of a real DataLoader may log; the training is not disturbed."""
    code = """
        import sys, warnings
        warnings.simplefilter("ignore")
        import torch, epochal
        run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
        print(run.dir, flush=True)
        class Data(torch.utils.data.Dataset):
            def __len__(self):
                return 64
            def __getitem__(self, index):
                run.log({"loaded": float(index)}, step=index)
                return torch.tensor(float(index))
        loader = torch.utils.data.DataLoader(Data(), batch_size=8, num_workers=2)
        for step, batch in enumerate(loader):
            run.log({"batch": batch.sum()}, step=step)
        run.finish()
    """
    output, _ = run_script(code, tmp_path)
    run_dir = output.split()[0]
    recover(run_dir)
    found = recorded(run_dir)
    assert sorted(found.values("loaded")) == [float(n) for n in range(64)]
    assert len(found.values("batch")) == 8
    assert found.lost == 0
