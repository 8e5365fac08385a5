"""Calls from threads, signal handlers and finalizers: nothing lost, nothing doubled, no hang."""

import gc
import threading
import time

import numpy as np
import pytest
from recorded import open_files, recorded, run_script, wait_until

ROWS = 10_000


def test_eight_threads(run):
    """Eight threads that log at the same time: every row is there, numbered without a hole."""

    def work(number):
        for step in range(ROWS // 8 * 8 // 8):
            run.log({f"t{number}": float(step), "x": 1.0}, step=step)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.flush()
    dropped = run.health().dropped
    run.finish()
    found = recorded(run.dir)
    assert (found.lost, found.damage) == (dropped, [])
    assert len(found.rows) + dropped == 8 * (ROWS // 8)
    for n in range(8):
        steps = found.values(f"t{n}")
        assert steps == sorted(set(steps))
    if not dropped:
        assert [row.seq for row in found.rows] == list(range(len(found.rows)))


def test_eight_threads_of_everything(run):
    """Text, arrays, new key sets, tags and alerts from eight threads at once."""
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait()
        for step in range(100):
            run.log({"a": np.float32(step), "t": f"{number}-{step}"}, step=step, phase="val")
            run.log({f"own{number}-{step}": 1}, step=step)
            run.tag(f"{number}/{step}")
            run.summary[f"{number}"] = step

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    found = recorded(run.dir)
    assert found.lost == 0
    assert len(found.rows) == 8 * 100 * 2
    assert sorted(e["text"] for e in found.kinds("text")) == sorted(
        f"{n}-{step}" for n in range(8) for step in range(100)
    )
    assert len(found.kinds("tag")) == len(found.kinds("summary")) == 800


def test_threads_that_log_while_the_run_ends(new_run):
    """Each row is either recorded before the end, or told to be too late."""
    for _ in range(2):
        run = new_run()
        counts, stop = [0] * 4, threading.Event()

        def work(n, run=run, counts=counts, stop=stop):
            while not stop.is_set():
                run.log({"a": 1.0}, step=counts[n])
                counts[n] += 1

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        run.finish()
        stop.set()
        for thread in threads:
            thread.join()
        health, found = run.health(), recorded(run.dir)
        late = health.problems.get("finished", 0)
        assert set(health.problems) <= {"finished"}
        assert len(found.rows) + late + health.dropped == sum(counts)
        assert found.events[-1].kind == "end"
        assert max(row.seq for row in found.rows) < found.events[-1].seq


SIGNALS = """
    import itertools, os, signal, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    fired = itertools.count()
    def handler(*_):  # may itself be interrupted
        n = next(fired)
        run.log({"signal": float(n)}, step=n)
        run.log({"signal/text": "x", "signal/int": 1}, step=n)
        if n % 10 == 0:
            run.tag("from a handler")
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    for step in range(60_000):
        run.log({"main": float(step), "other": 1.0}, step=step)
        if step % 50 == 0:
            run.log({"mixed": step, "text": "y"}, step=step)
    signal.setitimer(signal.ITIMER_REAL, 0)
    dropped = run.health().dropped
    run.finish()
    print(run.dir, next(fired), dropped)
"""


def test_log_from_a_signal_handler(tmp_path):
    """A handler that fires thousands of times a second while the loop logs loses nothing."""
    output, errors = run_script(SIGNALS, tmp_path)
    run_dir, fired, dropped = output.split()
    found = recorded(run_dir)
    assert errors == ""
    assert int(fired) > 100
    assert found.lost == int(dropped)
    if not found.lost:
        assert found.values("main") == [float(n) for n in range(60_000)]
        assert sorted(found.values("signal")) == [float(n) for n in range(int(fired))]
        assert len(found.values("signal/int")) == int(fired)
        assert found.values("mixed") == [float(n) for n in range(0, 60_000, 50)]


def test_a_handler_that_logs_thousands_of_rows(run):
    """However much a handler logs inside one call, it is all recorded, in order."""

    class Value:
        """A value whose conversion is interrupted."""

        dtype, shape = "float64", ()

        def item(self):
            for n in range(5000):
                run.log({"inner": float(n)}, step=n)
            run.tag("inside")
            return 1.0

    run.log({"outer": Value()}, step=7)
    run.flush()
    run.log({"after": 1.0})
    run.finish()
    found = recorded(run.dir)
    assert found.values("inner") == [float(n) for n in range(5000)]
    assert found.values("outer") == [1.0]
    assert len(found.kinds("tag")) == 1
    assert found.lost == 0


def test_a_bad_row_put_aside_is_told_as_itself(run, caplog):
    """What goes wrong in an inner call is told of that call; both go on."""

    class Value:
        dtype, shape = "float64", ()

        def item(self):
            run.log({"inner": 1.0}, step="wrong")
            run.log({"inner": 2.0}, step=2)
            return 1.0

    run.log({"outer": Value()}, step=7)
    run.finish()
    found = recorded(run.dir)
    assert (found.values("outer"), found.values("inner")) == ([1.0], [2.0])
    (message,) = caplog.messages
    assert "step='wrong'" in message


def test_log_from_a_finalizer(run):
    """An object that logs when it is collected, also in the middle of a call, loses nothing."""

    class Noisy:
        def __init__(self):
            self.me = self  # only the collector ends it

        def __del__(self):
            run.log({"gone": 1.0}, step=1)

    threshold = gc.get_threshold()
    gc.set_threshold(10, 2, 2)
    try:
        for step in range(2000):
            Noisy()
            run.log({"a": step, "n": np.float64(step), f"k{step % 600}": 1}, step=step)
        gc.collect()
    finally:
        gc.set_threshold(*threshold)
    run.finish()
    found = recorded(run.dir)
    assert len(found.values("gone")) == 2000
    assert found.values("a") == [float(n) for n in range(2000)]
    assert found.lost == 0


FINISH_IN_HANDLER = """
    import os, signal, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    print(run.dir, flush=True)
    rows = 0
    def handler(*_):
        run.finish("interrupted")
        sys.stdout.write(f"{rows}\\n")
        sys.stdout.flush()
        sys.exit(3)
    signal.signal(signal.SIGTERM, handler)
    signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    while True:
        run.log({"a": float(rows), "b": 1.0}, step=rows)
        rows += 1
"""


@pytest.mark.parametrize("delay", [0.01, 0.0137, 0.021, 0.034])
def test_finish_from_a_signal_handler(tmp_path, delay):
    """A handler that ends the run, wherever the loop is: the state and all rows are kept."""
    output, _ = run_script(FINISH_IN_HANDLER, tmp_path, delay, returncode=3)
    run_dir, rows = output.split()
    found = recorded(run_dir)
    assert found.states() == ["interrupted"]
    acknowledged = found.values("a")
    assert acknowledged == [float(n) for n in range(len(acknowledged))]
    assert len(acknowledged) >= int(rows)


CTRL_C = """
    import _thread, os, signal, sys, threading, time, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    rows, stop = 0, False
    def interrupt():
        while not stop:
            time.sleep(0.0007)
            os.kill(os.getpid(), signal.SIGINT)
    def once(*_):  # not while this script counts
        global armed
        if armed:
            armed = False
            raise KeyboardInterrupt
    armed, handled = False, 0
    signal.signal(signal.SIGINT, once)
    thread = threading.Thread(target=interrupt)
    thread.start()
    logged = []
    while handled < 100:
        try:
            armed = True
            while True:
                run.log({"a": float(rows), "b": 1.0, f"k{rows % 40}": 2}, step=rows)
                logged.append(rows)
                rows += 1
        except KeyboardInterrupt:
            handled += 1
            rows += 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = True
    thread.join()
    print(run.dir, run.health().dropped, run.flush())
    run.finish()
    print(",".join(map(str, logged)))
"""


def test_ctrl_c_inside_log(tmp_path):
    """Hundreds of KeyboardInterrupts inside log() never lose a row whose call returned."""
    output, _ = run_script(CTRL_C, tmp_path)
    first, logged = output.splitlines()
    run_dir, dropped, flushed = first.split()
    assert flushed == "True"
    found = recorded(run_dir)
    steps = [int(value) for value in found.values("a")]
    assert steps == sorted(set(steps))
    missing = set(map(int, logged.split(","))) - set(steps)
    assert len(missing) <= int(dropped)


def test_many_runs_in_one_process(new_run):
    """Twenty runs open at once, logged by turns: each has its own rows."""
    runs = [new_run() for _ in range(20)]
    for step in range(300):
        for n, run in enumerate(runs):
            run.log({"n": float(n), "step": float(step)}, step=step)
    for run in runs:
        run.finish()
    for n, run in enumerate(runs):
        found = recorded(run.dir)
        assert found.values("n") == [float(n)] * 300
        assert found.values("step") == [float(step) for step in range(300)]


def test_finished_runs_leave_nothing_open(new_run):
    """After many runs, no file, thread or memory of theirs is left."""

    def left():
        return {*open_files(), *threading.enumerate()}

    new_run().finish()
    before = left()
    for _ in range(20):
        run = new_run()
        run.log({"a": 1.0}, step=1)
        run.finish()
    wait_until(lambda: left() <= before)  # what other tests have left may end meanwhile


HANDLERS = """
    import logging, sys, threading, time, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    print(run.dir, flush=True)
    inside = threading.Event()
    class Forward(logging.Handler):  # logging calls emit with the lock of the handler held
        def emit(self, record):
            if record.name == "mine":
                inside.set()
                time.sleep(0.3)
                run.log({"message": record.getMessage()}, step=1)
    logging.getLogger().addHandler(Forward())
    mine = threading.Thread(target=logging.getLogger("mine").warning, args=("hello",))
    mine.start()
    inside.wait()
    run.log({"bad": object()}, step=2)
    mine.join()
"""


def test_a_warning_while_a_handler_records(tmp_path):
    """A thread that warns and a handler that records do not wait for each other's locks."""
    output, _ = run_script(HANDLERS, tmp_path)
    found = recorded(output.split()[0])
    assert [text["text"] for text in found.kinds("text")] == ["hello"]
    assert len(found.kinds("refused")) == 1


def test_a_logging_handler_that_records(run):
    """A handler of `logging` that itself logs to the run does not block anything."""
    import logging

    class Forward(logging.Handler):
        def emit(self, record):
            run.log({"message": record.getMessage()}, step=1)

    logger, handler = logging.getLogger("epochal"), Forward()
    logger.addHandler(handler)
    try:
        run.log({"bad": object()}, step=1)
        run.log({"bad2": [1]}, step="x")
    finally:
        logger.removeHandler(handler)
    run.finish()
    assert len(recorded(run.dir).kinds("text")) == 2
