"""Fixtures and helpers of ``tests/support``, and machines that fail in a chosen way."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run, run

__all__ = ["new_run", "run"]

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def command(*argv, **options):
    """Run a system command; returns its exit status and what it said."""
    found = shutil.which(argv[0], path=SYSTEM_PATH)
    done = subprocess.run(
        [found, *argv[1:]], capture_output=True, text=True, check=False, **options
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="session")
def ptrace():
    """The beginning of a strace command line; skips where the kernel forbids tracing."""
    begin = ["strace", "-f", "-qq", "-o", "/dev/null"]
    if shutil.which("strace"):
        status, said = command(*begin, "true")
        if status:
            pytest.skip(f"this machine forbids tracing: {said.strip()}")
    return begin


class Mounts:
    """Mounts file systems and takes them away again."""

    def __init__(self, folder):
        self.folder, self.made = folder, []

    def __call__(self, kind, options, source="none"):
        point = self.folder / f"mount{len(self.made)}"
        point.mkdir()
        status, said = command("mount", "-t", kind, "-o", options, str(source), str(point))
        if status:
            pytest.skip(f"this machine forbids mounting: {said.strip()}")
        self.made.append(point)
        return point

    def again(self, point, image):
        """Take a disk out and put it back, as after a restart."""
        assert command("umount", str(point))[0] == 0
        assert command("mount", "-t", "ext4", "-o", "loop", str(image), str(point))[0] == 0


@pytest.fixture
def mounted(tmp_path):
    """A function that mounts a file system in the test's folder."""
    mounts = Mounts(tmp_path)
    yield mounts
    for point in mounts.made:
        if command("umount", str(point))[0]:
            command("umount", "-l", str(point))


@pytest.fixture
def make_disk(tmp_path):
    """Makes the image of an ext4 disk."""

    def make():
        image = tmp_path / "disk.img"
        with image.open("wb") as file:
            file.truncate(64 << 20)
        status, said = command("mkfs.ext4", "-q", "-F", str(image))
        assert status == 0, said
        return image

    return make


@pytest.fixture(scope="session")
def nolocks(tmp_path_factory):
    """A library for LD_PRELOAD that takes away locks or shared memory."""
    if shutil.which("gcc") is None:
        return ""
    library = tmp_path_factory.mktemp("nolocks") / "nolocks.so"
    source = Path(__file__).with_name("nolocks.c")
    status, said = command("gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl")
    assert status == 0, said
    return str(library)
