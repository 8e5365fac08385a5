"""``serve``: the dashboard of a folder of runs, until Ctrl-C."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Collection

import uvicorn

from epochal.core.errors import SettingError
from epochal.core.system import host_name
from epochal.web import app as application
from epochal.web.protocol import Protocol
from epochal.web.security import MAX_QUERY_BYTES, Policy, is_loopback, is_name
from epochal.web.state import State
from epochal.web.tokens import Tokens, state_folder

PORT, NEAR = 8765, 20
ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - recognized, not bound to
GRACE_S, KEEP_ALIVE_S = 2, 30
MAX_HEAD_BYTES = MAX_QUERY_BYTES + (28 << 10)

_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\x7f\"'<>]{1,500}")
OPEN_AFTER_S, OPEN_WITHIN_S = 0.3, 60.0


class Dashboard:
    """A server; it listens when this returns, and answers with :meth:`run` or :meth:`start`.

    Args:
        root: the folder of runs.
        host: the address to listen on.
        port: 0: any; None: 8765, or one near it that is free.
        token: reading needs a link too; this or a password is needed with a host that other
            machines can reach.
        password: the same, and it lets one in as often as wanted.
        allow_hosts: further names under which it answers.
        control: the address of the control panel, to link to.

    Attributes:
        url: where it is; link: the same with a token that gives the right to write, once.

    Raises:
        SettingError: it would be open to other machines without a token; an address or a name is
            none.
        RunFolderError: there is no such folder.
        OSError: the address is in use.
    """

    def __init__(
        self, root: str, host: str = "127.0.0.1", port: int | None = None, *,
        token: bool = False, password: str | None = None, allow_hosts: Collection[str] = (),
        control: str | None = None,
    ) -> None:  # fmt: skip
        loopback = is_loopback(host)
        if not loopback and not token and not password:
            message = (
                f"--host {host} lets other machines in: add --token, which makes a link for the"
                " first browser, or set EPOCHAL_TOKEN to a password of at least 16 characters"
            )
            raise SettingError(message)
        if control is not None and not _ADDRESS.fullmatch(control):
            message = f"--control {control!r} is no address such as http://127.0.0.1:7860/"
            raise SettingError(message)
        for each in allow_hosts:
            if not is_name(each):
                message = f"--allow-host {each!r} is no host name such as proxy.example.org"
                raise SettingError(f"{message}: leave scheme, port and path out")
        self.state = State(root, control)
        self._tokens = Tokens(state_folder(), os.path.realpath(root), password)
        self._socket = listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        any_address = host in ANY_ADDRESS
        names = {*allow_hosts, host, *([] if loopback else [host_name()])}
        policy = Policy(
            self._tokens, self.port, frozenset(each.lower() for each in names) - ANY_ADDRESS,
            any_address=any_address, everybody_reads=loopback and not (token or password),
            csp=lambda: self.state.assets.csp,
        )  # fmt: skip
        name = "127.0.0.1" if host == "localhost" else host_name() if any_address else host
        self.app = application.build(self.state, policy)
        shown = f"[{name}]" if ":" in name else name
        self.url = f"http://{shown}:{self.port}/"
        self._token = self._tokens.link("write")
        self.link = f"{self.url}#token={self._token}"
        config = uvicorn.Config(
            self.app, loop="asyncio", http=Protocol, ws="none", lifespan="off", log_level="error",
            access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S, timeout_keep_alive=KEEP_ALIVE_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Answer until Ctrl-C; answers that are not ready soon after it are nobody's error."""
        self.state.warm_up("folder")
        log = logging.getLogger("uvicorn.error")
        log.addFilter(self._is_open)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                self._server.run([self._socket])
        finally:
            log.removeFilter(self._is_open)

    def _is_open(self, _record: logging.LogRecord) -> bool:
        return not self._server.should_exit

    def start(self) -> None:
        """Answer in a thread until :meth:`close`."""
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="epochal-dashboard", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.005)

    def open_browser(self) -> None:
        """Open the page; others on this machine may see the address, so it is good for a minute."""
        token = self._tokens.link("write", OPEN_WITHIN_S)
        webbrowser.open(f"{self.url}#token={token}")

    def close(self) -> None:
        """End it; the link that was not used is useless from now on."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._tokens.forget(self._token)
        self._socket.close()
        self.state.close()


def serve(
    root: str, host: str = "127.0.0.1", port: int | None = None, *, token: bool = False,
    allow_hosts: Collection[str] = (), control: str | None = None, open_browser: bool = False,
    say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Show a folder of runs in the browser until Ctrl-C.

    Args:
        root: as for :class:`Dashboard`.
        host: as there.
        port: as there.
        token: as there.
        allow_hosts: as there.
        control: as there.
        open_browser: open the page.
        say: is given the line with the link.

    Raises:
        SettingError, RunFolderError, OSError: as there.
    """
    password = os.environ.get("EPOCHAL_TOKEN") or None
    dashboard = Dashboard(
        root, host, port, token=token, password=password, allow_hosts=allow_hosts, control=control
    )
    shown = os.path.relpath(root)
    opener = threading.Timer(OPEN_AFTER_S, dashboard.open_browser)
    # Ctrl-C may come before the server waits for it.
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(dashboard):
        say(f"Dashboard of {root if shown.startswith(os.pardir) else shown}: {dashboard.link}")
        if open_browser:
            opener.start()
        dashboard.run()


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; port None: 8765 or the next one that is free.

    Raises:
        OSError: the port is in use, or there is no such address.
    """
    wanted = [port] if port is not None else [*range(PORT, PORT + NEAR), 0]
    for number in wanted:
        try:
            return _bound(host, number)
        except OSError as error:
            if number == wanted[-1]:
                message = f"cannot listen on {host}, port {number}: {error.strerror or error}"
                raise OSError(error.errno, message) from error
    raise AssertionError


def _bound(host: str, port: int) -> socket.socket:
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(infos, key=lambda each: each[0])
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made
