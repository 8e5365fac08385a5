"""Forms that were saved by name, in the user's folder of configuration.

A name becomes the name of a file by percent-coding, so that it never is a path; files are opened
below the folder's descriptor and never through a link.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from urllib.parse import quote, unquote

from epochal.core.errors import NotFoundError, SettingError
from epochal.core.system import PRIVATE_FLAGS

SUFFIX = ".json"
MAX_NAME_BYTES = 200
MAX_FILE_BYTES = 800_000


def config_folder() -> str:
    """Return the folder for saved forms: ``$XDG_CONFIG_HOME`` or ``~/.config``, epochal/control."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification says to ignore relative ones
        base = os.path.expanduser(os.path.join("~", ".config"))
    return os.path.join(base, "epochal", "control")


class Saved:
    """Forms by name.

    Args:
        folder: where they are; made, for this user only, when the first one is saved.

    Example:
        >>> import tempfile
        >>> saved = Saved(tempfile.mkdtemp())
        >>> saved.save("lr/1", "{}")
        >>> saved.names(), saved.load("lr/1")
        (['lr/1'], '{}')
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names, sorted."""
        try:
            found = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        names = (unquote(each[: -len(SUFFIX)]) for each in found if each.endswith(SUFFIX))
        return sorted(name for name in names if _file(name) in found)

    def save(self, name: str, text: str) -> None:
        """Keep a form under a name, in place of one that has it.

        Raises:
            SettingError: the name is empty, too long, or has control characters.
            OSError: the folder cannot be written.
        """
        file = _checked(name)
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        with _opened(self._folder) as folder:
            os.fchmod(folder, 0o700)
            draft = f".{secrets.token_hex(8)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE_FLAGS
            with open(os.open(draft, flags, 0o600, dir_fd=folder), "w", encoding="utf-8") as out:
                out.write(text)
            os.replace(draft, file, src_dir_fd=folder, dst_dir_fd=folder)

    def load(self, name: str) -> str:
        """Return the form of a name.

        Raises:
            NotFoundError: there is none.
        """
        try:
            with _opened(self._folder) as folder:
                descriptor = os.open(_checked(name), os.O_RDONLY | PRIVATE_FLAGS, dir_fd=folder)
                with open(descriptor, encoding="utf-8") as file:
                    return file.read(MAX_FILE_BYTES)
        except (OSError, ValueError) as error:
            raise NotFoundError(f"there is no saved configuration {name!r}") from error

    def remove(self, name: str) -> None:
        """Remove the form of a name, if there is one.

        Raises:
            SettingError: it is no name.
        """
        with contextlib.suppress(FileNotFoundError), _opened(self._folder) as folder:
            os.unlink(_checked(name), dir_fd=folder)


def _file(name: str) -> str:
    return quote(name, safe=" ", errors="surrogatepass").replace(".", "%2E") + SUFFIX


def _checked(name: str) -> str:
    """Return the file of a name.

    Raises:
        SettingError: it is no name.
    """
    if not name:
        raise SettingError("Type a name for it first.")
    if not name.strip() or not name.isprintable() or name != name.strip():
        raise SettingError("Give it a name of ordinary characters.")
    file = _file(name)
    if len(file) > MAX_NAME_BYTES:
        raise SettingError("Give it a shorter name.")
    return file


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)
