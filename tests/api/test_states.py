"""How runs end: each way out of a process leaves the right state and every row."""

import signal

import pytest
from recorded import (
    QUIET,
    mirrored,
    recorded,
    recover,
    run_script,
    start_script,
    stored,
    wait_until,
)

import epochal

START = """
    import os, signal, sys, time, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow=sys.argv[2], capture_environment=False)
    print(run.dir, flush=True)
    for step in range(500):
        run.log({"a": float(step)}, step=step)
"""

WAYS = {
    "normal": ("", 0, "finished"),
    "sys.exit": ("    sys.exit()", 0, "finished"),
    "exception": ("    raise RuntimeError('the loss is gone')", 1, "failed"),
    "KeyboardInterrupt": ("    raise KeyboardInterrupt", -signal.SIGINT, "interrupted"),
    "SIGINT": (
        "    os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -signal.SIGINT, "interrupted",
    ),
    "os._exit": ("    os._exit(4)", 4, "killed"),
    "abort": ("    os.abort()", -signal.SIGABRT, "killed"),
    "SIGTERM": ("    os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, "killed"),
    "SIGKILL": ("    os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, "killed"),
    "segfault": ("    import ctypes; ctypes.string_at(0)", -signal.SIGSEGV, "killed"),
    "another program": (
        "    os.execv(sys.executable, [sys.executable, '-c', ''])", 0, "killed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_ways_out_of_a_process(tmp_path, way):
    """Without `with` or finish(), any end of the process keeps all rows and tells its state."""
    code, returncode, state = WAYS[way]
    output, _ = run_script(START + code, tmp_path, "off", returncode=returncode)
    run_dir = output.split()[0]
    recover(run_dir)
    found = recorded(run_dir)
    assert found.steps() == list(range(500))
    assert (found.lost, found.damage, found.states()) == (0, [], [state])
    if way == "exception":
        assert "RuntimeError: the loss is gone" in found.kinds("end")[0]["error"]


@pytest.mark.parametrize("way", ["normal", "exception", "os._exit", "SIGKILL", "SIGTERM"])
def test_the_follower_process_completes_the_run(tmp_path, way):
    """With nobody's help, the follower process saves what a killed training left behind."""
    code, returncode, _ = WAYS[way]
    output, _ = run_script(START + code, tmp_path, "process", returncode=returncode)
    run_dir = output.split()[0]

    wait_until(lambda: len(mirrored(run_dir)) >= 500)
    assert mirrored(run_dir) == [(str(step), f"{step}.0") for step in range(500)]
    assert [value for _, value in stored(run_dir, "a")] == [float(n) for n in range(500)]


def test_with_block_that_ends_well(tmp_path):
    """A with block finishes its run."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"a": 1.0}, step=1)
    assert recorded(run.dir).kinds("end")[0] == {
        "state": "finished", "error": "", "dropped": 0, "problems": {},
    }  # fmt: skip


def test_with_block_that_fails(tmp_path):
    """An exception in a with block passes through and leaves its traceback."""
    with (
        pytest.raises(ZeroDivisionError),
        epochal.init(dir=str(tmp_path), **QUIET) as run,
    ):
        run.log({"a": 1 / 0}, step=1)
    (end,) = recorded(run.dir).kinds("end")
    assert end["state"] == "failed"
    assert "ZeroDivisionError" in end["error"]
    assert "test_with_block_that_fails" in end["error"]


def test_with_block_that_is_interrupted(tmp_path):
    """Ctrl-C in a with block is an interruption, not a failure."""
    with (
        pytest.raises(KeyboardInterrupt),
        epochal.init(dir=str(tmp_path), **QUIET) as run,
    ):
        raise KeyboardInterrupt
    assert recorded(run.dir).states() == ["interrupted"]


def test_an_endless_traceback_does_not_hide_the_end(new_run):
    """The end is recorded also with a huge message and little room in memory."""
    runs = [new_run() for _ in range(10)]
    for run in runs:
        with pytest.raises(RuntimeError), run:
            raise RuntimeError("🚀" * 1_000_000)
        (end,) = recorded(run.dir).kinds("end")
        assert end["state"] == "failed"


def test_finish_is_idempotent(run, caplog):
    """Finishing again does nothing; what is recorded later is told once, counted, and lost."""
    run.log({"a": 1.0}, step=1)
    run.finish("interrupted")
    run.finish()
    for _ in range(3):
        run.log({"a": 2.0}, step=2)
    run.tag("late")
    run.config.update({"late": 1})
    run.summary["late"] = 1
    run.alert("late")
    assert run.flush()
    assert run.flush(sync=True)
    run.finish("failed")
    found = recorded(run.dir)
    assert found.states() == ["interrupted"]
    assert found.values("a") == [1.0]
    assert run.step == 1
    health = run.health()
    assert (health.problems, health.lag_s, health.ok) == ({"finished": 7}, 0.0, False)
    (message,) = caplog.messages
    assert run.name in message
    assert "finished" in message


def test_health_of_a_good_run(run):
    """A run that records well says so, and what is promised."""
    run.log({"a": 1.0}, step=1)
    run.flush()
    health = run.health()
    assert (health.ok, health.dropped, health.failing, health.problems) == (True, 0, "", {})
    assert health.promise == "process death"
    run.finish()
    assert run.health().ok


FOUR_HUNDRED_OPEN = """
    import sys, epochal
    for n in range(12):
        run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
        run.log({"n": float(n)}, step=n)
        print(run.dir)
"""


def test_all_open_runs_are_finished_at_exit(tmp_path):
    """Several runs that are still open when the interpreter exits are all finished."""
    output, errors = run_script(FOUR_HUNDRED_OPEN, tmp_path)
    assert errors == ""
    for n, run_dir in enumerate(output.split()):
        found = recorded(run_dir)
        assert (found.values("n"), found.states()) == ([float(n)], ["finished"])


LATE_THREADS = """
    import atexit, sys, threading, time, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    print(run.dir, flush=True)
    def forever():
        step = 0
        while True:
            run.log({"a": 1.0, "text": "x"}, step=step)
            step += 1
    for _ in range(3):
        threading.Thread(target=forever, daemon=True).start()
    atexit.register(lambda: run.log({"b": 1.0}, step=1))
    time.sleep(0.1)
"""


def test_daemon_threads_that_log_until_the_end(tmp_path):
    """Threads that never stop logging neither hang nor crash the exit."""
    output, errors = run_script(LATE_THREADS, tmp_path)
    found = recorded(output.split()[0])
    assert found.states() == ["finished"]
    assert found.damage == []
    assert "Traceback" not in errors
    assert "Fatal" not in errors


def test_standard_streams_may_be_closed(tmp_path):
    """A training without stdin, stdout and stderr, as daemons are, records like any other."""
    code = START.replace("print(run.dir, flush=True)", "open(sys.argv[3], 'w').write(run.dir)")
    run_script(
        "import os\nfor fd in range(3): os.close(fd)\n" + "exec(compile(__import__('sys').argv[4],"
        "'x', 'exec'))",
        tmp_path, "process", tmp_path / "where", __import__("textwrap").dedent(code),
    )  # fmt: skip
    run_dir = (tmp_path / "where").read_text()
    wait_until(lambda: len(mirrored(run_dir)) == 500)
    assert [value for _, value in stored(run_dir, "a")] == [float(n) for n in range(500)]


def test_a_stopped_process_is_not_taken_for_dead(tmp_path):
    """A training that is suspended keeps its ring; nobody writes its end."""
    code = START.replace("follow=sys.argv[2]", 'follow="off"') + "    sys.stdin.read()"
    process = start_script(code, tmp_path, "off", stdin=-1)
    run_dir = process.stdout.readline().strip()
    wait_until(lambda: len(recorded(run_dir).rows) == 500)
    process.send_signal(signal.SIGSTOP)
    from epochal.journal import frames, recovery

    (session,) = {s.session for s in frames.segments(f"{run_dir}/journal")}
    assert recovery.recover(session=session) == []
    assert recorded(run_dir).states() == []
    process.send_signal(signal.SIGCONT)
    process.communicate("")
    assert recorded(run_dir).states() == ["finished"]
