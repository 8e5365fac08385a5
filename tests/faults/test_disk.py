"""Disks that fail: training goes on, and rows are complete or the gap is counted."""

import pytest
from recorded import recorded, run_script

from epochal.journal import frames

SLOW_LOOP = """
    import logging, os, sys, time, epochal
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    print(run.dir, flush=True)
    for step in range(3000):
        run.log({"a": float(step), "b": 1.0}, step=step)
        if step % 250 == 249:
            run.flush(timeout=0.3)
    flushed = run.flush(sync=True, timeout=30)
    print(flushed, run.health().dropped, repr(run.health().failing))
    run.finish()
"""


def outcome(output):
    """Check what must hold whatever happened; returns what is recorded and what was told."""
    run_dir, told = output.strip().split("\n")
    flushed, dropped, failing = told.split(maxsplit=2)
    found = recorded(run_dir)
    assert found.lost == int(dropped)
    assert len(found.rows) + found.lost == 3000
    assert all(row.values == {"a": row.step, "b": 1.0} for row in found.rows)
    assert not found.damage
    return found, flushed == "True", failing


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["ENOSPC", "EDQUOT", "EIO"])
@pytest.mark.parametrize("when", ["4", "3+3", "3..12"], ids=["once", "every third", "for a while"])
def test_writes_that_fail(tmp_path, ptrace, error, when):
    """A write that fails is told and tried again; all rows are there when it works again."""
    strace = [*ptrace, "-e", f"inject=writev:error={error}:when={when}"]
    output, errors = run_script(SLOW_LOOP, tmp_path, before=strace)
    found, flushed, failing = outcome(output)
    assert flushed
    assert failing == "''"
    assert found.lost == 0
    assert found.steps() == list(range(3000))
    assert "cannot write the journal" in errors
    assert "training goes on" in errors


@pytest.mark.needs("strace")
def test_writes_that_fail_for_ever(tmp_path, ptrace):
    """A disk that never works again does not hold up the training, nor its end."""
    strace = [*ptrace, "-e", "inject=writev:error=EIO:when=3+"]
    output, errors = run_script(
        SLOW_LOOP.replace("timeout=30", "timeout=1"), tmp_path, before=strace
    )
    run_dir, told = output.strip().split("\n")
    assert told.startswith("False")
    assert "Input/output error" in told
    assert errors.count("cannot write the journal") == 1
    assert "epochal recover" in errors
    from recorded import recover

    recover(run_dir)
    found = recorded(run_dir)
    assert found.steps() == list(range(3000))
    assert (found.lost, found.states()) == (0, ["finished"])


@pytest.mark.needs("strace")
@pytest.mark.parametrize("when", ["1", "1..2", "1+2"])
def test_syncs_that_fail(tmp_path, ptrace, when):
    """After a failed fdatasync everything not known to be safe is written to a new segment."""
    strace = [*ptrace, "-e", f"inject=fdatasync:error=EIO:when={when}"]
    code = SLOW_LOOP.replace("timeout=0.3", "sync=True, timeout=10")
    output, errors = run_script(code, tmp_path, before=strace)
    found, flushed, _ = outcome(output)
    assert flushed
    assert found.steps() == list(range(3000))
    assert len(frames.segments(f"{output.split()[0]}/journal")) >= 2
    assert "written again" in errors


@pytest.mark.needs("strace")
def test_a_slow_disk(tmp_path, ptrace):
    """Writes that take long do not slow down logging; nothing is lost."""
    strace = [*ptrace, "-e", "inject=writev:delay_enter=200000"]
    output, _ = run_script(SLOW_LOOP.replace("timeout=0.3", "timeout=0"), tmp_path, before=strace)
    found, flushed, _ = outcome(output)
    assert flushed
    assert found.steps() == list(range(3000))


@pytest.mark.needs("strace")
def test_a_disk_that_hangs(tmp_path, ptrace):
    """Writes and syncs that do not return hold up neither the loop nor the end of the run."""
    strace = [*ptrace, "-e", "inject=writev,fdatasync:delay_enter=6000000:when=3+"]
    code = SLOW_LOOP.replace("timeout=30", "timeout=0.5").replace("timeout=0.3", "timeout=0.01")
    output, _ = run_script(code + "    os._exit(0)", tmp_path, before=strace, timeout=100)
    assert output.strip().split("\n")[1].startswith("False")


SHORT_WRITES = """
    import resource, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    print(run.dir, flush=True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    step = 0
    for size in range(5_000, 120_000, 4_999):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        for _ in range(125):
            run.log({"a": float(step), "b": 1.0}, step=step)
            step += 1
        run.flush(timeout=0.05)
    assert run.health().failing
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    while step < 3000:
        run.log({"a": float(step), "b": 1.0}, step=step)
        step += 1
    print(run.flush(sync=True, timeout=30), run.health().dropped, repr(run.health().failing))
    run.finish()
"""


def test_short_writes(tmp_path):
    """Writes that the system cuts short, again and again, leave no torn frame."""
    output, errors = run_script(SHORT_WRITES, tmp_path)
    found, flushed, failing = outcome(output)
    assert (flushed, failing) == (True, "''")
    assert found.steps() == list(range(3000))
    assert "File too large" in errors


FULL = """
    import subprocess, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    print(run.dir, flush=True)
    step, dropped = 0, int(sys.argv[3])
    keys = [f"k{n}" for n in range(20)]
    while run.health().dropped < dropped or not run.health().failing:
        run.log(dict.fromkeys(keys, float(step)), step=step)
        step += 1
    failing = run.health().failing
    assert not run.flush(timeout=0.2)
    subprocess.check_call(["mount", "-o", "remount,size=64m", sys.argv[2]])
    for _ in range(100):
        run.log(dict.fromkeys(keys, float(step)), step=step)
        step += 1
    assert run.flush(sync=True, timeout=30)
    for _ in range(100):
        run.log(dict.fromkeys(keys, float(step)), step=step)
        step += 1
    print(step, run.health().dropped, failing)
    run.finish()
"""


@pytest.mark.needs("mount")
@pytest.mark.parametrize("dropped", [0, 500], ids=["for a moment", "for long"])
def test_a_full_disk_that_gets_room(mounted, dropped):
    """On a disk that fills and gets room: complete, or with exactly the gap that was counted."""
    disk = mounted("tmpfs", "size=1m")
    output, errors = run_script(FULL, disk, disk, dropped)
    run_dir, told = output.strip().split("\n")
    step, lost, failing = told.split(maxsplit=2)
    assert "No space left on device" in failing
    found = recorded(run_dir)
    assert int(lost) >= dropped
    assert found.lost == int(lost)
    assert len(found.rows) + found.lost == int(step)
    assert found.steps()[-100:] == list(range(int(step) - 100, int(step)))
    assert all(set(row.values.values()) == {float(row.step)} for row in found.rows)
    assert found.kinds("end")[0]["dropped"] == int(lost)
    assert "cannot write the journal" in errors


START_FULL = """
    import os, sys, epochal
    filler = os.open(sys.argv[1] + "/filler", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(filler, bytes(4096))
    except OSError:
        pass
    try:
        epochal.init(project="p", dir=sys.argv[1], follow="off", capture_environment=False)
    except epochal.EpochalError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.needs("mount")
def test_a_disk_that_is_full_at_the_start(mounted):
    """A start on a full disk gives one error that names the folder and the reason."""
    output, _ = run_script(START_FULL, mounted("tmpfs", "size=1m"))
    assert output.startswith("RunFolderError")
    assert "No space left on device" in output


POWER = """
    import fcntl, os, struct, sys, epochal
    from epochal.core import ring
    mount = sys.argv[1]
    run = epochal.init(project="p", dir=mount, follow="off", capture_environment=False)
    print(run.dir, flush=True)
    for step in range(4000):
        run.log({"a": float(step), "b": 1.0}, step=step)
        if step % 500 == 499 and step < 3900:
            assert run.flush(sync=True, timeout=30)
            print(step + 1, flush=True)
    run.flush(timeout=10)
    folder = os.open(mount, os.O_RDONLY)
    fcntl.ioctl(folder, 0x8004587D, struct.pack("I", 2))  # EXT4_IOC_SHUTDOWN, without a log flush
    run.log({"a": 1.0}, step=1)
    for path in ring.own_rings():  # memory loses its contents too
        os.unlink(path)
    os._exit(0)
"""


@pytest.mark.needs("mkfs.ext4", "mount")
def test_power_loss(mounted, make_disk):
    """What flush(sync=True) acknowledged is there after the power was lost."""
    image = make_disk()
    disk = mounted("ext4", "loop", image)
    output, _ = run_script(POWER, disk)
    run_dir, *synced = output.split()
    mounted.again(disk, image)
    found = recorded(run_dir)
    assert synced[-1] == "3500"
    assert found.steps()[:3500] == list(range(3500))
    assert found.steps() == list(range(len(found.rows)))
    assert all(row.values == {"a": row.step, "b": 1.0} for row in found.rows)
    assert all(damage.torn for damage in found.damage)
