"""Replacing a file in one step."""

import os
import stat
import subprocess
import sys

import pytest

from epochal.core.atomic import write_atomically


def test_content_is_replaced(tmp_path):
    """The new content stands there, private and alone in its folder."""
    path = tmp_path / "a.json"
    write_atomically(path, b"old and long")
    write_atomically(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_pieces_are_joined(tmp_path):
    """Content may come in pieces, which may be read from the very file that is replaced."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"1\n2\n")
    with path.open("rb") as old:
        write_atomically(path, (line * 2 for line in old))
    assert path.read_bytes() == b"1\n1\n2\n2\n"


def test_failure_changes_nothing(tmp_path):
    """If the content cannot be made, the old file stays and no other is left behind."""

    def broken():
        yield b"half"
        raise RuntimeError("no more")

    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more"):
        write_atomically(path, broken())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_long_names_fit(tmp_path):
    """The temporary file's name is no longer than the file system allows."""
    path = tmp_path / ("x" * 255)
    write_atomically(path, b"1")
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_who_may_read(tmp_path, mask):
    """What is private is; what somebody asked for is as `open` would make it."""
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "private", b"a")
        write_atomically(tmp_path / "asked", b"a", private=False)
        (tmp_path / "opened").write_bytes(b"a")
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in os.listdir(tmp_path)}
    assert modes["private"] == 0o600
    assert modes["asked"] == modes["opened"] == 0o666 & ~mask


def test_the_mode_that_a_file_has_stays(tmp_path):
    """A file that was closed to others stays so, as with `open`; a private one is closed."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_atomically(path, b"new", private=False)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    write_atomically(path, b"mine")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_to(tmp_path):
    """A pipe that was given as the file gets the content, and is there afterwards."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(path, iter([b"a", b"b"]), private=False)
        assert os.read(reader, 10) == b"ab"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_device_is_written_to(tmp_path):
    """A device stays one, also behind a link."""
    os.symlink(os.devnull, tmp_path / "link")
    for path in (os.devnull, tmp_path / "link"):
        before = os.lstat(path)
        write_atomically(path, b"gone", private=False)
        assert stat.S_IFMT(os.lstat(path).st_mode) == stat.S_IFMT(before.st_mode)
    assert os.listdir(tmp_path) == ["link"]


def test_the_program_s_own_output(tmp_path):
    """What is led to a file goes on in it where it was."""
    code = (
        "import os; from epochal.core.atomic import write_atomically; os.write(1, b'before ');"
        "write_atomically('/dev/stdout', b'content', private=False); os.write(1, b' after')"
    )
    with (tmp_path / "out").open("wb") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "out").read_bytes() == b"before content after"
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_private_file_is_never_written_through_a_link(tmp_path):
    """A link in its place is replaced: where it leads to is somebody else's choice."""
    (tmp_path / "other").write_bytes(b"other")
    os.symlink(tmp_path / "other", tmp_path / "mine")
    write_atomically(tmp_path / "mine", b"mine")
    assert (tmp_path / "other").read_bytes() == b"other"
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_folder_is_no_file(tmp_path):
    """Writing to one is an error, and leaves nothing beside it."""
    (tmp_path / "folder").mkdir()
    for private in (True, False):
        with pytest.raises(OSError, match="folder"):
            write_atomically(tmp_path / "folder", b"a", private=private)
    assert os.listdir(tmp_path) == ["folder"]
