"""Rights: links that are good for one use, and the cookies that they are exchanged for.

A link carries a random token behind ``#``, which browsers keep to themselves: it comes into no log
and no ``Referer``.  What is kept of it is a file named by its hash; using the link removes that
file, which only one browser can do.  A cookie says what it allows and until when, signed with a key
that only this user can read; the server keeps no list of them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
import threading
import time
from collections import OrderedDict, deque

from epochal.core.errors import RunFolderError, SettingError
from epochal.core.problems import logger
from epochal.core.system import PRIVATE_FLAGS, user_id

LINK_S = 24 * 3600.0
COOKIE_S = {"read": 7 * 24 * 3600, "write": 30 * 24 * 3600}
MIN_PASSWORD = 16
KEY_BYTES = 32
ATTEMPTS, WINDOW_S, ADDRESSES = 10, 60.0, 1000


def state_folder() -> str:
    """Return the user's folder for keys and links, private to the user; made if it is missing.

    ``$XDG_STATE_HOME/epochal`` or ``~/.local/state/epochal``; where it cannot be made, a new folder
    for this process only.

    Raises:
        SettingError: it belongs to somebody else.
    """
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    path = os.path.join(base, "epochal")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        _make_private(path)
    except OSError as error:
        logger.debug("cannot use %s: %s", path, error)
        return tempfile.mkdtemp(prefix="epochal-")
    return path


class Tokens:
    """Makes and checks links and cookies of one folder of runs.  Threads may share it.

    Args:
        folder: where the key and the links are kept, see :func:`state_folder`.
        scope: what they are good for, such as the path of the folder of runs.
        password: lets one in as often as wanted, with the right to write; at least 16 characters.

    Raises:
        SettingError: the password is too short, or others can read the key.
        RunFolderError: the folder cannot be written.

    Example:
        >>> tokens = Tokens(tempfile.mkdtemp(), "runs")
        >>> link = tokens.link("read")
        >>> tokens.redeem(link), tokens.redeem(link)
        ('read', '')
        >>> tokens.right(tokens.cookie("read")), tokens.right("write.9999999999.forged")
        ('read', '')
    """

    def __init__(self, folder: str, scope: str, password: str | None = None) -> None:
        if password is not None and len(password) < MIN_PASSWORD:
            message = (
                f"EPOCHAL_TOKEN has {len(password)} characters: take at least {MIN_PASSWORD},"
                f" such as {secrets.token_urlsafe(18)}"
            )
            raise SettingError(message)
        self._scope, self._password = scope, password
        self._links = os.path.join(folder, "links")
        os.makedirs(self._links, mode=0o700, exist_ok=True)
        _make_private(self._links)
        self._key = _key(os.path.join(folder, "dashboard.key"))
        self._forget_old()

    def link(self, right: str, valid_s: float = LINK_S) -> str:
        """Return a token that can be exchanged once for a right: "read" or "write".

        Raises:
            RunFolderError: it cannot be kept.
        """
        token = secrets.token_urlsafe(32)
        body = {"right": right, "scope": self._scope, "until": time.time() + valid_s}
        _write(self._file(token), json.dumps(body).encode("ascii"))
        return token

    def redeem(self, token: str) -> str:
        """Return the right that a token gives and use it up; "": it gives none."""
        if self._password is not None and _same(token, self._password):
            return "write"
        path = self._file(token)
        try:
            with open(os.open(path, os.O_RDONLY | PRIVATE_FLAGS), "rb") as file:
                body = json.load(file)
            if body["scope"] != self._scope:
                return ""
            os.unlink(path)  # whoever removes it was the first
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return str(body["right"]) if body["until"] > time.time() else ""

    def forget(self, token: str) -> None:
        """Make a token useless."""
        with contextlib.suppress(OSError):
            os.unlink(self._file(token))

    def cookie(self, right: str) -> str:
        """Return a signed cookie for a right."""
        said = f"{right}.{int(time.time()) + COOKIE_S[right]}"
        return f"{said}.{self._signature(said)}"

    def right(self, cookie: str) -> str:
        """Return what a cookie allows, "" if it was not made here or is too old."""
        said, _, signature = cookie.rpartition(".")
        if not said or not _same(signature, self._signature(said)):
            return ""
        right, _, until = said.partition(".")
        return right if int(until) > time.time() else ""

    def _signature(self, said: str) -> str:
        text = f"epochal-cookie\0{self._scope}\0{said}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, text, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")

    def _file(self, token: str) -> str:
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        return os.path.join(self._links, digest)

    def _forget_old(self) -> None:
        """Remove links that nobody used in time."""
        with contextlib.suppress(OSError), os.scandir(self._links) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < time.time() - LINK_S:
                    os.unlink(entry.path)


class Attempts:
    """Counts failed logins by address; a few a minute are allowed.  Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Return for how long an address has to wait; 0: it may try."""
        with self._lock:
            times = self._failed.get(address, deque())
            while times and times[0] < time.monotonic() - WINDOW_S:
                times.popleft()
            return times[0] + WINDOW_S - time.monotonic() if len(times) >= ATTEMPTS else 0.0

    def failed(self, address: str) -> None:
        """Note that an address has failed."""
        with self._lock:
            self._failed.setdefault(address, deque(maxlen=ATTEMPTS)).append(time.monotonic())
            self._failed.move_to_end(address)
            while len(self._failed) > ADDRESSES:
                self._failed.popitem(last=False)


def _key(path: str) -> bytes:
    """Return the key, made at the first use; written to a draft first, so it is whole or absent."""
    draft = f"{path}.{secrets.token_hex(8)}"
    if not os.path.lexists(path):
        _write(draft, secrets.token_bytes(KEY_BYTES))
        try:
            with contextlib.suppress(FileExistsError):  # another server was faster
                os.link(draft, path)
        finally:
            os.unlink(draft)
    try:
        with open(os.open(path, os.O_RDONLY | PRIVATE_FLAGS), "rb") as file:
            about, key = os.fstat(file.fileno()), file.read(KEY_BYTES + 1)
    except OSError as error:
        raise SettingError(f"the key {path} cannot be used: {error.strerror}") from error
    private = about.st_uid == user_id() and not about.st_mode & 0o077
    if len(key) != KEY_BYTES or (os.name == "posix" and not private):
        message = f"the key {path} is damaged, or others can read it: delete it, a new one is made"
        raise SettingError(message)
    return key


def _write(path: str, body: bytes) -> None:
    """Write a new file that only this user can read; none is left if that fails.

    Raises:
        RunFolderError: the folder cannot be written, or the disk is full.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE_FLAGS, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(body)
        except BaseException:
            os.unlink(path)
            raise
    except OSError as error:
        message = f"cannot write to {os.path.dirname(path)}: {error.strerror or error}"
        raise RunFolderError(message) from error


def _make_private(path: str) -> None:
    about = os.lstat(path)
    if os.name != "posix":
        return
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != user_id():
        raise SettingError(f"{path} is no folder of this user: remove it, or set XDG_STATE_HOME")
    if about.st_mode & 0o077:
        os.chmod(path, 0o700)


def _same(given: str, known: str) -> bool:
    """Compare in a time that says nothing about where they differ."""
    a, b = (hashlib.sha256(each.encode("utf-8", "surrogatepass")) for each in (given, known))
    return hmac.compare_digest(a.digest(), b.digest())
