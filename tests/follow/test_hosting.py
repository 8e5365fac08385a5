"""Hosting: sinks of a user's own in the training process, and the follower process."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from recorded import mirrored, recorded, recover, run_script, start_script, stored, wait_until

import epochal
from epochal.core.records import Row
from epochal.testing import FailingSink, HangingSink, MemorySink

ON = {"project": "p", "capture_environment": False, "seal": False}


def steps(sink):
    """Steps of the rows that a sink has."""
    return [record.step for record in sink.records if isinstance(record, Row)]


@pytest.mark.parametrize("follow", ["thread", "process"])
def test_a_sink_object_gets_everything(tmp_path, follow):
    """A sink of the user's own runs in the training process and is complete at the end."""
    sink = MemorySink()
    run = epochal.init(dir=str(tmp_path), sinks=[sink], follow=follow, **ON)
    for step in range(3000):
        run.log({"a": float(step)}, step=step)
    wait_until(lambda: len(steps(sink)) == 3000)
    run.finish()
    wait_until(lambda: sink.calls[-1] == "close")
    assert steps(sink) == list(range(3000))
    assert [record.kind for record in sink.records if not isinstance(record, Row)] == ["end"]


def test_named_sinks_may_run_in_threads(tmp_path):
    """follow="thread" needs no other process."""
    with epochal.init(dir=str(tmp_path), sinks=["csv"], follow="thread", **ON) as run:
        for step in range(100):
            run.log({"a": float(step)}, step=step)
    wait_until(lambda: len(mirrored(run.dir)) == 100)


def test_a_hanging_sink_holds_up_nobody(tmp_path):
    """A sink that never returns: logging, flush, finish and the other sinks go on."""
    hanging, good = HangingSink(), MemorySink()
    run = epochal.init(dir=str(tmp_path), sinks=[hanging, good, "csv"], **ON)
    run.log({"a": 0.0}, step=0)
    assert hanging.hanging.wait(60)
    for step in range(1, 1000):
        run.log({"a": float(step)}, step=step)
    assert run.flush(sync=True)
    wait_until(lambda: len(steps(good)) == 1000)
    run.finish()
    wait_until(lambda: len(mirrored(run.dir)) == 1000)
    assert recorded(run.dir).steps() == list(range(1000))
    assert steps(hanging) == []
    hanging.release()


def test_a_raising_sink_holds_up_nobody(tmp_path, caplog):
    """A sink that always raises is told once; everything else is complete."""
    bad, good = FailingSink(), MemorySink()
    run = epochal.init(dir=str(tmp_path), sinks=[bad, good], **ON)
    for step in range(1000):
        run.log({"a": float(step)}, step=step)
    wait_until(lambda: len(steps(good)) == 1000 and bad.failed >= 2)
    run.finish()
    assert recorded(run.dir).steps() == list(range(1000))
    assert len([m for m in caplog.messages if "'failing'" in m and "tried again" in m]) == 1


def test_sinks_end_the_process_with_them(tmp_path):
    """A hanging sink does not keep the interpreter from exiting."""
    code = """
        import sys, epochal
        from epochal.testing import HangingSink
        run = epochal.init(project="p", dir=sys.argv[1], sinks=[HangingSink()], follow="thread",
                           capture_environment=False)
        for step in range(100):
            run.log({"a": float(step)}, step=step)
        print(run.dir)
    """
    output, errors = run_script(code, tmp_path)
    assert errors == ""
    assert recorded(output.split()[0]).states() == ["finished"]


TRAIN = """
    import os, sys, time, epochal
    run = epochal.init(project="p", dir=sys.argv[1], sinks=["csv", "json"], seal=False,
                       capture_environment=False)
    print(run.dir, flush=True)
    step = 0
    for line in sys.stdin:
        for _ in range(int(line)):
            run.log({"a": float(step)}, step=step)
            step += 1
        run.flush()
        print(step, flush=True)
"""


class Training:
    """A training process that logs as many rows as it is told."""

    def __init__(self, folder):
        self.process = start_script(TRAIN, folder, stdin=subprocess.PIPE)
        self.run_dir = self.process.stdout.readline().strip()

    def log(self, count):
        """Log rows; returns how many there are."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def follower(self):
        """The process id of its follower process."""
        mine = str(self.process.pid)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[1] == mine and fields[0] != "Z":
                return int(pid)
        return None

    def end(self, how="finish"):
        """Let the training finish, or kill it."""
        if how == "finish":
            self.process.stdin.close()
        else:
            self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()
        self.process.stderr.close()
        if how != "finish":
            self.process.stdin.close()


@pytest.fixture
def training(tmp_path):
    """A training process with mirrors."""
    made = Training(tmp_path)
    yield made
    if made.process.poll() is None:
        made.end("kill")


def complete(run_dir, count):
    """Wait for the mirror, then compare it and the run with what was logged."""
    wait_until(lambda: len(mirrored(run_dir)) >= count)
    assert mirrored(run_dir) == [(str(step), f"{step}.0") for step in range(count)]
    assert stored(run_dir, "a") == [(step, float(step)) for step in range(count)]


def test_mirrors_follow_while_the_run_goes_on(training):
    """The CSV file grows while the training runs."""
    training.log(100)
    complete(training.run_dir, 100)
    training.log(100)
    training.end()
    complete(training.run_dir, 200)


def test_the_training_is_killed(training):
    """Mirrors are completed by the follower process after a SIGKILL of the training."""
    training.log(5000)
    training.end("kill")
    complete(training.run_dir, 5000)
    wait_until(lambda: recorded(training.run_dir).states() == ["killed"])


def test_the_follower_process_is_killed(training):
    """After a SIGKILL of the follower process the run goes on, and its mirrors end complete."""
    training.log(100)
    complete(training.run_dir, 100)
    os.kill(wait_until(training.follower), signal.SIGKILL)
    wait_until(lambda: training.follower() is None)
    assert training.log(1000) == 1100
    training.end()
    complete(training.run_dir, 1100)
    assert recorded(training.run_dir).states() == ["finished"]


def test_it_is_killed_with_a_message_unread(tmp_path):
    """What a follower process was told and did not do before its SIGKILL, the next one does."""
    from epochal.follow.companion import Companion

    with epochal.init(dir=str(tmp_path), **{**ON, "follow": "off"}) as run:
        run.log({"a": 1.0}, step=1)
    companion, finished = Companion(), []
    told = {"run_dir": run.dir, "sinks": {"csv": {}}, "seal": False, "environment": None}
    assert companion.tell({"do": "follow", **told})
    first = companion._pid
    os.kill(first, signal.SIGSTOP)
    finishing = threading.Thread(target=lambda: finished.append(companion.finish(run.dir, 60)))
    finishing.start()
    wait_until(lambda: len(companion._owed[run.dir]) == 2)
    os.kill(first, signal.SIGKILL)
    finishing.join()
    assert finished == [True]
    assert mirrored(run.dir) == [("1", "1.0")]
    assert companion._owed == {}
    companion._forget()


def test_both_are_killed(training):
    """When both are killed, nothing of the run is lost and its mirrors can be made complete."""
    training.log(100)
    os.kill(wait_until(training.follower), signal.SIGKILL)
    training.log(1000)
    training.end("kill")
    recover(training.run_dir)
    assert recorded(training.run_dir).steps() == list(range(1100))
    from epochal.follow.hosting import Hosting
    from epochal.sinks.csv_files import CsvSink

    assert Hosting(training.run_dir, [CsvSink()]).finish(60)
    complete(training.run_dir, 1100)


def test_a_next_training_saves_what_both_left(training, tmp_path):
    """The follower process of any later training on this host saves a killed run's memory."""
    training.log(10)
    follower = wait_until(training.follower)
    os.kill(follower, signal.SIGSTOP)
    training.process.send_signal(signal.SIGSTOP)
    os.kill(follower, signal.SIGKILL)
    training.end("kill")
    other = Training(tmp_path / "other")
    wait_until(lambda: recorded(training.run_dir).states() == ["killed"])
    other.end()
    assert recorded(training.run_dir).steps() == list(range(10))


def test_one_follower_process_serves_all_runs(tmp_path):
    """Many runs of a process share one follower process, which ends with them."""
    code = """
        import os, sys, epochal
        runs = [epochal.init(project="p", dir=sys.argv[1], sinks=["csv"], seal=False,
                             capture_environment=False) for _ in range(5)]
        for n, run in enumerate(runs):
            run.log({"a": float(n)}, step=n)
            print(run.dir)
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            print(*file.read().split(), flush=True)
    """
    output, errors = run_script(code, tmp_path)
    assert errors == ""
    *runs, children = output.splitlines()
    for n, run_dir in enumerate(runs):
        wait_until(lambda d=run_dir: mirrored(d))
        assert mirrored(run_dir) == [(str(n), f"{n}.0")]
    assert len(children.split()) == 1
    wait_until(lambda: not os.path.exists(f"/proc/{children}"))


def test_a_broken_named_sink_is_told(tmp_path):
    """A plug-in that cannot be made is told to the user; the rest of the run is complete."""
    site = tmp_path / "site"
    (site / "broken-1.dist-info").mkdir(parents=True)
    (site / "broken-1.dist-info" / "METADATA").write_text("Name: broken\nVersion: 1\n")
    points = "[epochal.sinks]\nbroken = broken:Sink\n"
    (site / "broken-1.dist-info" / "entry_points.txt").write_text(points)
    (site / "broken.py").write_text("raise ImportError('its library is gone')")
    code = """
        import sys, epochal
        with epochal.init(project="p", dir=sys.argv[1], sinks=["csv", "broken"], seal=False,
                          capture_environment=False) as run:
            run.log({"a": 1.0}, step=1)
        print(run.dir)
    """
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    output, errors = run_script(code, tmp_path, env={"PYTHONPATH": path})
    run_dir = output.split()[0]
    wait_until(lambda: mirrored(run_dir))
    assert "'broken'" in errors
    assert "its library is gone" in errors


def test_a_run_that_nobody_follows_starts_no_process(tmp_path):
    """The other ranks of a job have no mirrors: nothing is started for them at their end."""
    from epochal.follow.companion import Companion

    companion = Companion()
    assert not companion.finish(str(tmp_path), 60)
    assert companion._pid == 0


def test_no_process_can_be_started(tmp_path, monkeypatch):
    """Where no follower process can be had, named sinks run in threads."""
    from epochal import mirrors
    from epochal.follow.companion import Companion

    monkeypatch.setattr(mirrors, "_companion", Companion())
    monkeypatch.setattr(sys, "executable", "")
    with epochal.init(dir=str(tmp_path), sinks=["csv"], **ON) as run:
        run.log({"a": 1.0}, step=1)
    wait_until(lambda: mirrored(run.dir) == [("1", "1.0")])
    # Those of another test may be ending.
    wait_until(lambda: "epochal-write" not in [thread.name for thread in threading.enumerate()])
