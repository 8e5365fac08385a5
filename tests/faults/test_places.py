"""Odd machines: without shared memory, locks or network, with strange names, moved folders."""

import os
import shutil

import pytest
from recorded import mirrored, recorded, recover, run_script, stored, wait_until

from epochal.core import ring

RUN = """
    import os, sys, epochal
    run = epochal.init(project="p", dir=sys.argv[1], follow=sys.argv[2], capture_environment=False)
    print(run.dir)
    for step in range(5000):
        run.log({"a": float(step)}, step=step)
    print(run.health().promise)
    print(run._channel.ring.path, flush=True)
    if sys.argv[3] == "kill":
        run.flush() if run.health().promise != "process death" else None
        os.kill(os.getpid(), 9)
    run.finish()
"""


def check(output, state):
    """The run is whole; returns what it promised and where its ring was."""
    run_dir, promise, path = output.split("\n")[:3]
    recover(run_dir)
    found = recorded(run_dir)
    assert found.steps() == list(range(5000))
    assert (found.lost, found.damage, found.states()) == (0, [], state)
    return promise, path


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("without", ["NOLOCKS", "NOMMAP"])
def test_without_locks_or_shared_memory(tmp_path, nolocks, without):
    """Where locks or shared maps are missing, a run records, and says what it promises."""
    more = {"LD_PRELOAD": nolocks, without: "1"}
    output, errors = run_script(RUN, tmp_path, "off", "finish", env=more)
    promise, path = check(output, ["finished"])
    assert (promise, path) == ("nothing before the journal", "")
    assert errors == ""
    output, _ = run_script(RUN, tmp_path, "off", "kill", env=more, returncode=-9)
    assert check(output, [])[0] == "nothing before the journal"


@pytest.mark.needs("gcc")
def test_mirrors_without_locks(tmp_path, nolocks):
    """The follower process works without locks too."""
    env = {"LD_PRELOAD": nolocks, "NOLOCKS": "1"}
    output, _ = run_script(RUN, tmp_path, "process", "finish", env=env)
    run_dir = output.split("\n")[0]
    wait_until(lambda: len(mirrored(run_dir)) == 5000)
    assert stored(run_dir, "a") == [(step, float(step)) for step in range(5000)]


def namespace(*setup):
    """A command that runs a program after changing the mounts that only it sees."""
    return ["unshare", "-m", "sh", "-c", " && ".join([*setup, 'exec "$@"']), "sh"]


@pytest.fixture
def unshared(mounted):
    """Skips where this machine forbids mounting."""
    mounted("tmpfs", "size=64k")
    return namespace


@pytest.mark.needs("unshare", "mount")
@pytest.mark.parametrize("way", ["kill", "finish"])
@pytest.mark.parametrize(
    "setup", ["mount -t tmpfs -o size=1m none /dev/shm", "mount -t tmpfs -o ro none /dev/shm"],
    ids=["too small", "read-only"],
)  # fmt: skip
def test_no_room_in_shared_memory(tmp_path, unshared, monkeypatch, setup, way):
    """Without room in shared memory the ring is a file in the temporary folder: same promise."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    status = -9 if way == "kill" else 0
    output, _ = run_script(RUN, tmp_path, "off", way, before=unshared(setup), returncode=status)
    promise, path = check(output, ["killed" if way == "kill" else "finished"])
    assert promise == "process death"
    assert path.startswith(str(tmp_path))


@pytest.mark.needs("unshare", "mount")
def test_no_place_for_a_ring(tmp_path, unshared):
    """Without any place, the run records from private memory and says so."""
    before = unshared("mount -t tmpfs -o ro none /dev/shm")
    env = {"TMPDIR": "/nowhere at all"}
    output, errors = run_script(RUN, tmp_path, "off", "finish", before=before, env=env)
    assert check(output, ["finished"]) == ("nothing before the journal", "")
    assert errors == ""


@pytest.mark.needs("unshare")
def test_no_network_is_needed(tmp_path):
    """In a namespace without any network, a run and its mirrors are complete."""
    if os.system("unshare -n true 2>/dev/null"):
        pytest.skip("this machine forbids network namespaces")
    output, errors = run_script(RUN, tmp_path, "process", "finish", before=["unshare", "-n"])
    run_dir = output.split("\n")[0]
    assert errors == ""
    wait_until(lambda: len(mirrored(run_dir)) == 5000)


@pytest.mark.needs("strace")
def test_nothing_connects_anywhere(tmp_path, ptrace):
    """Neither the training nor its follower process opens a connection to any host."""
    trace = tmp_path / "trace"
    before = [*ptrace[:-1], str(trace), "-e", "trace=connect,sendto,bind"]
    code = RUN.replace("capture_environment=False", "capture_environment=True")
    output, _ = run_script(code, tmp_path / "runs", "process", "finish", before=before)
    assert output
    calls = [line for line in trace.read_text().splitlines() if "AF_INET" in line]
    assert calls == []


def test_a_copied_run_reads_the_same(tmp_path):
    """A run folder that was copied or moved is the same run; its original may be gone."""
    output, _ = run_script(RUN, tmp_path / "runs", "off", "kill", returncode=-9)
    run_dir = output.split("\n")[0]
    recover(run_dir)
    copied = shutil.copytree(run_dir, tmp_path / "somewhere else" / "x")
    before = recorded(run_dir)
    shutil.rmtree(run_dir)
    assert recorded(str(copied)) == before
    assert stored(str(copied), "a") == [(step, float(step)) for step in range(5000)]


def test_a_run_that_was_deleted_is_forgotten(tmp_path):
    """The memory of a dead run whose folder was deleted is removed, and no folder comes back."""
    output, _ = run_script(RUN, tmp_path / "runs", "off", "kill", returncode=-9)
    run_dir, _, path = output.split("\n")[:3]
    shutil.rmtree(run_dir)
    from epochal.journal import recovery

    recovery.recover(session=os.path.basename(path).removesuffix(".ring"))
    wait_until(lambda: not os.path.exists(path))
    assert not os.path.exists(run_dir)


@pytest.mark.parametrize("way", ["kill", "finish"])
@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"new\nline", b" ", "日本🚀".encode(), b"'$(x)\"", b"-rf", b"a" * 200],
    ids=["not UTF-8", "newline", "space", "unicode", "quotes", "option", "long"],
)  # fmt: skip
def test_folders_of_any_name(tmp_path, name, way):
    """Folders whose names are strange, even no UTF-8, hold runs like others."""
    folder = os.fsdecode(os.path.join(os.fsencode(str(tmp_path)), name))
    code = RUN.replace("print(run.dir)", "os.write(1, os.fsencode(run.dir) + bytes(1))")
    status = -9 if way == "kill" else 0
    output, _ = run_script(
        code, folder, "process", way, returncode=status, errors="surrogateescape"
    )  # fmt: skip
    run_dir = output.split("\0")[0]
    wait_until(lambda: len(mirrored(run_dir)) == 5000)
    assert stored(run_dir, "a") == [(step, float(step)) for step in range(5000)]


@pytest.mark.parametrize("kind", ["link", "file", "open to all"])
def test_a_trapped_place_for_rings_is_not_used(tmp_path, monkeypatch, kind):
    """A folder that somebody else prepared is not trusted: the ring goes elsewhere."""
    place = tmp_path / f"epochal-{os.getuid()}"
    if kind == "link":
        (tmp_path / "target").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "target")
    elif kind == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert not any(folder.startswith(str(tmp_path)) for folder in ring.ring_folders(make=True))
