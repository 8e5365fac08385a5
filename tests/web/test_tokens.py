"""Links that work once, cookies that cannot be forged, and files that nobody else can read."""

import os
import resource
import stat
import threading

import pytest

from epochal.core.errors import RunFolderError, SettingError
from epochal.web import tokens as module
from epochal.web.tokens import Attempts, Tokens, state_folder


@pytest.fixture
def tokens(tmp_path) -> Tokens:
    """Links and cookies of one folder of runs."""
    return Tokens(str(tmp_path), "/runs")


def test_a_link_is_used_once(tokens):
    """The first use gives the right, the second none."""
    link = tokens.link("write")
    assert tokens.redeem(link) == "write"
    assert tokens.redeem(link) == ""
    assert tokens.redeem("") == tokens.redeem("x" * 43) == ""


def test_only_one_of_many_gets_it(tokens):
    """Also of many who come together only one is let in."""
    link, rights = tokens.link("read"), []
    threads = [
        threading.Thread(target=lambda: rights.append(tokens.redeem(link))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(rights) == [""] * 7 + ["read"]


def test_links_outlive_the_server_but_not_their_time(tmp_path):
    """Another server of the same folder takes them; a day later nobody does."""
    link = Tokens(str(tmp_path), "/runs").link("read")
    assert Tokens(str(tmp_path), "/runs").redeem(link) == "read"
    late = Tokens(str(tmp_path), "/runs").link("read", valid_s=-1)
    assert Tokens(str(tmp_path), "/runs").redeem(late) == ""


def test_links_are_for_one_folder(tmp_path):
    """Another folder's server does not take them, and does not use them up."""
    mine, other = Tokens(str(tmp_path), "/runs"), Tokens(str(tmp_path), "/others")
    link = mine.link("read")
    assert other.redeem(link) == ""
    assert mine.redeem(link) == "read"


def test_old_links_are_removed(tmp_path, tokens):
    """What nobody used does not stay for ever; the tokens themselves are nowhere."""
    link = tokens.link("read")
    (path,) = (tmp_path / "links").iterdir()
    assert link not in path.name + path.read_text()
    os.utime(path, (1, 1))
    Tokens(str(tmp_path), "/runs")
    assert not path.exists()
    tokens.forget(link)


def test_cookies(tokens, monkeypatch):
    """A cookie says what it allows, until it is too old."""
    cookie = tokens.cookie("read")
    assert tokens.right(cookie) == "read"
    for changed in (cookie[:-1], cookie + "x", cookie.replace("read", "write"), "", ".", "..",
                    "read..", cookie.upper()):  # fmt: skip
        assert tokens.right(changed) == ""
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + module.COOKIE_S["read"] + 2)
    assert tokens.right(cookie) == ""


def test_cookies_last_longer_than_the_server(tmp_path, tokens):
    """The key is kept, and belongs to one folder of runs."""
    cookie = tokens.cookie("write")
    assert Tokens(str(tmp_path), "/runs").right(cookie) == "write"
    assert Tokens(str(tmp_path), "/others").right(cookie) == ""
    os.unlink(tmp_path / "dashboard.key")
    assert Tokens(str(tmp_path), "/runs").right(cookie) == ""


def test_a_password(tmp_path):
    """It is compared whole, and a short one is refused."""
    tokens = Tokens(str(tmp_path), "/runs", "0123456789abcdef")
    assert tokens.redeem("0123456789abcdef") == tokens.redeem("0123456789abcdef") == "write"
    assert tokens.redeem("0123456789abcde") == tokens.redeem("") == ""
    with pytest.raises(SettingError, match="15 characters"):
        Tokens(str(tmp_path), "/runs", "0123456789abcde")


def test_modes_do_not_depend_on_the_umask():
    """Folders are 0700 and files 0600."""
    before = os.umask(0)
    try:
        folder = state_folder()
        Tokens(folder, "/runs").link("read")
    finally:
        os.umask(before)
    for path, _, names in os.walk(folder):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
        for name in names:
            assert stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode) == 0o600


def test_a_folder_that_others_may_read_is_made_private(tmp_path, monkeypatch):
    """It may have been made by an older program."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "epochal").mkdir(mode=0o755)
    assert stat.S_IMODE(os.stat(state_folder()).st_mode) == 0o700


def test_a_full_disk(tmp_path, tokens):
    """It is said of which folder, and no half of a file is left."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(RunFolderError, match=r"cannot write to .*links"):
            tokens.link("read")
        with pytest.raises(RunFolderError, match=r"cannot write to .*other"):
            Tokens(str(tmp_path / "other"), "/runs")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path / "links") == []
    assert os.listdir(tmp_path / "other") == ["links"]


@pytest.mark.usefixtures("tokens")
def test_a_key_that_others_may_read_is_refused(tmp_path):
    """It is said what to do."""
    os.chmod(tmp_path / "dashboard.key", 0o640)
    with pytest.raises(SettingError, match="delete it"):
        Tokens(str(tmp_path), "/runs")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 100])
def test_a_damaged_key_is_refused(tmp_path, content):
    """A key has one length."""
    path = tmp_path / "dashboard.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(SettingError, match="damaged"):
        Tokens(str(tmp_path), "/runs")


def test_links_in_the_file_system_are_not_followed(tmp_path):
    """Whoever puts one where the key will be gains nothing."""
    target = tmp_path / "target"
    target.write_bytes(b"k" * 32)
    os.chmod(target, 0o600)
    folder = tmp_path / "state"
    folder.mkdir(0o700)
    os.symlink(target, folder / "dashboard.key")
    with pytest.raises(SettingError, match=r"dashboard\.key"):
        Tokens(str(folder), "/runs")
    os.unlink(folder / "dashboard.key")
    os.symlink(tmp_path / "absent", folder / "dashboard.key")
    with pytest.raises(SettingError, match=r"dashboard\.key"):
        Tokens(str(folder), "/runs")
    assert not (tmp_path / "absent").exists()


def test_a_link_in_place_of_the_folder(tmp_path, monkeypatch):
    """The folder itself is no link either."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", tmp_path / "epochal")
    with pytest.raises(SettingError, match="XDG_STATE_HOME"):
        state_folder()


def test_without_a_home(tmp_path, monkeypatch):
    """Where nothing can be kept a folder for this process is made."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    folder = state_folder()
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.path.dirname(folder) == str(tmp_path)
    assert Tokens(folder, "/runs").right("") == ""


def test_attempts_are_counted_by_address(monkeypatch):
    """Ten in a minute; then one waits, others do not; after the minute one may again."""
    attempts = Attempts()
    for _ in range(module.ATTEMPTS):
        assert attempts.wait_s("a") == 0
        attempts.failed("a")
    assert 0 < attempts.wait_s("a") <= module.WINDOW_S
    assert attempts.wait_s("b") == 0
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.WINDOW_S + 1)
    assert attempts.wait_s("a") == 0


def test_attempts_do_not_fill_the_memory():
    """However many addresses try, some are forgotten."""
    attempts = Attempts()
    for number in range(module.ADDRESSES + 500):
        attempts.failed(str(number))
    assert len(attempts._failed) == module.ADDRESSES
