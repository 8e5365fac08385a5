"""Forms that are saved by name: names are never paths, and files are for their owner only."""

import os
import stat

import pytest

from epochal.control.saved import Saved, config_folder
from epochal.core.errors import NotFoundError, SettingError

NAMES = ["a", "../../etc/passwd", "..", ".hidden", "a/b", "CON", "50 % off", "日本 語", "a\\b",
         "%2e%2e", "x.json", "~", "a:b", "-rf"]  # fmt: skip


def mode(path) -> int:
    """The rights of a file."""
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_one_file_in_the_folder(tmp_path, name):
    """A name that looks like a path is kept below the folder, and is read and removed by itself."""
    folder = tmp_path / "config" / "control"
    saved = Saved(str(folder))
    assert saved.names() == []
    saved.save(name, "{}")
    saved.save("other", "[]")
    (tmp_path / "config" / "passwd.json").write_text("outside", encoding="ascii")
    assert saved.names() == sorted([name, "other"])
    assert saved.load(name) == "{}"
    assert len(list(folder.iterdir())) == 2
    assert {each.name for each in (tmp_path / "config").iterdir()} == {"control", "passwd.json"}
    saved.remove(name)
    assert saved.names() == ["other"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "x" * 300, "\u202eabc", " padded"])
def test_what_is_no_name_is_refused(tmp_path, name):
    """Names that people cannot see or files cannot have are told."""
    saved = Saved(str(tmp_path / "control"))
    with pytest.raises(SettingError):
        saved.save(name, "{}")
    with pytest.raises((SettingError, NotFoundError)):
        saved.load(name)
    assert not (tmp_path / "control").exists()


def test_only_the_owner_may_read(tmp_path):
    """The folder is 0700 and the files 0600, whatever the process's mask."""
    before = os.umask(0)
    try:
        Saved(str(tmp_path / "control")).save("a", "{}")
    finally:
        os.umask(before)
    assert mode(tmp_path / "control") == 0o700
    assert mode(tmp_path / "control" / "a.json") == 0o600


def test_a_link_in_the_folder_is_not_followed(tmp_path):
    """A link that stands under a name gives nothing, and saving replaces the link itself."""
    folder, target = tmp_path / "control", tmp_path / "target"
    folder.mkdir()
    target.write_text("secret", encoding="ascii")
    (folder / "a.json").symlink_to(target)
    saved = Saved(str(folder))
    with pytest.raises(NotFoundError):
        saved.load("a")
    saved.save("a", "{}")
    assert target.read_text(encoding="ascii") == "secret"
    assert saved.load("a") == "{}"


def test_the_folder_is_the_users(monkeypatch, tmp_path):
    """`$XDG_CONFIG_HOME` is used if it is absolute, else `~/.config`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_folder() == str(tmp_path / "epochal" / "control")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_folder() == str(tmp_path / ".config" / "epochal" / "control")
