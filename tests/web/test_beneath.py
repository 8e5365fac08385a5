"""Files beneath a folder: nothing outside is opened, whatever a path says or a folder holds."""

import os
import resource
import socket
import threading
from pathlib import Path

import pytest
from recorded import open_files, wait_until
from serving import ESCAPES

from epochal.core.errors import NotFoundError, RunFolderError
from epochal.web import beneath


@pytest.fixture
def folder(tmp_path):
    """A folder with a file in a folder, and a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "run"
    (inside / "a").mkdir(parents=True)
    (inside / "a" / "b.txt").write_text("hello")
    (inside / ".hidden").write_text("hidden")
    (inside / "a" / ".hidden").write_text("hidden")
    return inside


def test_a_file_is_read(folder):
    """A plain path opens the file."""
    with beneath.opened(str(folder), "a/b.txt") as file:
        assert file.read() == b"hello"


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leads_elsewhere(folder, path):
    """Whatever is no plain path of a file of the folder is refused, not cleaned up."""
    with pytest.raises(NotFoundError) as error:
        beneath.opened(str(folder), path)
    assert str(folder) not in str(error.value)


@pytest.mark.parametrize("where", ["secret", "link/secret", "a/link", "a/loop", "a/up/secret"])
def test_no_link_is_followed(folder, where):
    """Neither the last part nor one before it may be a link, even one that stays inside."""
    (folder / "secret").symlink_to(folder.parent / "secret")
    (folder / "link").symlink_to(folder.parent)
    (folder / "a" / "link").symlink_to("b.txt")
    (folder / "a" / "loop").symlink_to("loop")
    (folder / "a" / "up").symlink_to("../..")
    with pytest.raises(NotFoundError):
        beneath.opened(str(folder), where)


def test_only_files_are_opened(folder):
    """Folders, pipes and sockets are refused at once, nothing waits for a writer."""
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        for name in ("a", "pipe", "s"):
            with pytest.raises(NotFoundError):
                beneath.opened(str(folder), name)


def test_the_folder_itself_may_be_a_link(folder):
    """Where the runs are is the user's affair; only what is beneath is not followed."""
    (folder.parent / "elsewhere").symlink_to(folder)
    with beneath.opened(str(folder.parent / "elsewhere"), "a/b.txt") as file:
        assert file.read() == b"hello"


def test_a_race_with_links_never_leads_out(folder):
    """A folder that is exchanged for a link again and again gives its file or nothing."""
    (folder.parent / "b.txt").write_text("secret")
    stop = threading.Event()

    def exchange():
        while not stop.is_set():
            os.rename(folder / "a", folder / "real")
            os.symlink(folder.parent, folder / "a")
            os.unlink(folder / "a")
            os.rename(folder / "real", folder / "a")

    thread = threading.Thread(target=exchange)
    thread.start()
    seen = set()
    try:
        for _ in range(2000):
            try:
                with beneath.opened(str(folder), "a/b.txt") as file:
                    seen.add(file.read())
            except NotFoundError:
                continue
    finally:
        stop.set()
        thread.join()
    assert seen <= {b"hello"}


def test_nothing_stays_open(folder):
    """Neither refused nor opened files leave descriptors behind."""
    (folder / "link").symlink_to(folder.parent)
    before = open_files()
    for path in ("a/b.txt", "a", "a/none", "link/secret", "../x", "none/none"):
        try:
            beneath.opened(str(folder), path).close()
        except NotFoundError:
            continue
    beneath.listing(str(folder), 10)
    wait_until(lambda: open_files() <= before)  # what other tests have left may end meanwhile


def test_what_cannot_be_read_is_said(folder):
    """An error of the system does not name the folder's place."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))  # no more files can be opened
    try:
        with pytest.raises(RunFolderError, match=r"a/b\.txt.*Too many") as error:
            beneath.opened(str(folder), "a/b.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert str(folder) not in str(error.value)


def test_files_are_listed(folder):
    """Files of all folders in the order of their paths; no links, no dots, nothing else."""
    (folder / "z.txt").write_text("z")
    (folder / "a" / "c").mkdir()
    (folder / "a" / "c" / "d.txt").write_text("12345")
    (folder / "link").symlink_to(folder.parent)
    (folder / "a" / "link").symlink_to("b.txt")
    (folder / "back\\slash").write_text("x")
    os.mkfifo(folder / "pipe")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("x")
    found, truncated = beneath.listing(str(folder), 100)
    assert [(each.path, each.bytes) for each in found] == [
        ("a/b.txt", 5), ("a/c/d.txt", 5), ("z.txt", 1),
    ]  # fmt: skip
    assert not truncated
    for each in found:
        beneath.opened(str(folder), each.path).close()


def test_a_listing_is_bounded(folder):
    """Neither very many files nor very deep folders take forever, and more is said."""
    for number in range(20):
        (folder / f"{number}.txt").touch()
    found, truncated = beneath.listing(str(folder), 10)
    assert (len(found), truncated) == (10, True)
    deep = folder / "/".join(["d"] * 30)
    deep.mkdir(parents=True)
    for each in (deep, *deep.parents[:29]):
        (each / "f").touch()
    found, truncated = beneath.listing(str(folder), 100)
    assert not truncated
    assert max(each.path.count("/") for each in found) == beneath.MAX_DEPTH - 1
    for each in found:
        beneath.opened(str(folder), each.path).close()


def test_a_folder_that_is_not_there(tmp_path):
    """A run that was deleted is not found."""
    with pytest.raises(NotFoundError):
        beneath.listing(str(tmp_path / "none"), 10)
    with pytest.raises(NotFoundError):
        beneath.opened(str(tmp_path / "none"), "a")
