"""Replacing a file in one step."""

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
