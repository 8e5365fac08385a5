"""SIGKILL at any time: what log() acknowledged is there, nothing is wrong, nothing is doubled."""

import random
import struct

import pytest
from recorded import THOROUGH, recorded, recover, run_script

KILLS = 30 * THOROUGH

VICTIMS = """
    import mmap, os, random, signal, sys, time, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    import epochal
    folder, pace, kills = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    counter = mmap.mmap(-1, 4096)  # shared with the children: what they have acknowledged
    acknowledged = memoryview(counter).cast("Q")
    chance = random.Random(int(sys.argv[4]))
    for _ in range(kills):
        acknowledged[0] = acknowledged[1] = 0
        pid = os.fork()
        if not pid:
            run = epochal.init(project="p", dir=folder, follow="off", capture_environment=False)
            os.write(1, run.dir.encode() + b" ")
            acknowledged[1] = 1
            step = 0
            while True:
                run.log({"a": float(step), "b": -float(step), "c": 0.5}, step=step)
                if step % 7 == 0:
                    run.log({"mixed": step, f"k{step % 50}": 1}, step=step)
                step += 1
                acknowledged[0] = step
                if pace:
                    time.sleep(pace)
        while not acknowledged[1]:
            time.sleep(0.001)
        time.sleep(chance.choice([0.0005, 0.005, 0.05, 0.25]) * chance.random())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.write(1, f"{acknowledged[0]}\\n".encode())
"""


@pytest.mark.parametrize("pace", [0, 0.0005], ids=["as fast as it goes", "paced"])
def test_acknowledged_rows_survive(tmp_path, pace):
    """Killed at random: no acknowledged row is lost unless counted, no row is wrong or double."""
    seed = random.randrange(2**32)
    output, errors = run_script(VICTIMS, tmp_path, pace, KILLS, seed, timeout=280)
    assert errors == ""
    total = 0
    for line in output.splitlines():
        run_dir, acknowledged = line.rsplit(maxsplit=1)
        recover(run_dir)
        found = recorded(run_dir)
        rows = [row for row in found.rows if "a" in row.values]
        assert all(
            row.values == {"a": row.step, "b": -row.step, "c": 0.5} for row in rows
        )  # fmt: skip
        steps = [row.step for row in rows]
        assert steps == sorted(set(steps)), f"seed {seed}"
        dropped = found.kinds("end")[0]["dropped"]
        missing = set(range(int(acknowledged))) - set(steps)
        assert len(missing) <= dropped, f"seed {seed}: lost {sorted(missing)[:5]}"
        assert found.lost <= dropped
        assert len(steps) <= int(acknowledged) + 1
        assert found.states() == ["killed"]
        assert not [damage for damage in found.damage if not damage.torn]
        total += len(steps)
    assert total > KILLS


WRITER = """
    import os, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    os.write(1, run.dir.encode() + b"\\n")
    for step in range(4000):
        run.log({"a": float(step)}, step=step)
        os.write(1, b".")
        if step % 200 == 199:
            run.flush(sync=step % 400 == 399)
"""


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("call", "when"), [*(("writev", n) for n in (1, 2, 3, 5, 9, 14)), ("fdatasync", 1)]
)
def test_killed_at_the_nth_system_call(tmp_path, ptrace, call, when):
    """Killed on entry of a write or sync: what was acknowledged before is there."""
    strace = [*ptrace, "-e", f"inject={call}:signal=KILL:when={when}"]
    output, _ = run_script(WRITER, tmp_path, before=strace, returncode=None)
    if "\n" not in output:  # killed while the run started: nothing was acknowledged
        return
    run_dir, dots = output.split("\n")
    recover(run_dir)
    found = recorded(run_dir)
    assert found.values("a") == [float(n) for n in range(len(found.rows))]
    assert len(found.rows) >= len(dots)
    assert (found.lost, found.damage) == (0, [])


THIRTY = """
    import os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)
    import epochal
    children = []
    for n in range(30):
        pid = os.fork()
        if not pid:
            run = epochal.init(project="p", dir=sys.argv[1], follow="off",
                               capture_environment=False)
            os.write(1, f"{n} {run.dir}\\n".encode())
            for step in range(500):
                run.log({"n": float(n), "a": float(step)}, step=step)
            if n % 3 == 0:
                os.kill(os.getpid(), 9)
            run.finish()
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
"""


def test_thirty_writers_at_once(tmp_path):
    """Thirty processes start, record and end or die together: each run is whole."""
    output, _ = run_script(THIRTY, tmp_path)
    lines = output.splitlines()
    assert len(lines) == 30
    for line in lines:
        n, run_dir = line.split()
        recover(run_dir)
        found = recorded(run_dir)
        assert found.steps() == list(range(500))
        assert found.values("n") == [float(n)] * 500
        assert found.states() == ["finished" if int(n) % 3 else "killed"]


def test_a_store_is_published_with_one_instruction():
    """The head counter is stored as a native word: no instant at which it reads as zero."""
    memory = memoryview(bytearray(8)).cast("Q")
    memory[0] = 2**63 + 5
    assert bytes(memory) == struct.pack("=Q", 2**63 + 5)
