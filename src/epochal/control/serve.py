"""The server of the control panel of a folder of runs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterable
from types import FrameType
from urllib.parse import urlsplit

from epochal.control.form import Places
from epochal.control.panel import Panel
from epochal.control.saved import Saved, config_folder
from epochal.control.silence import silence
from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.core.system import host_name

PORT, NEAR = 7860, 20
GRACE_S = 2


class Server:
    """A panel that listens when this returns, and answers once :meth:`run` is called.

    Args:
        root: the folder of runs; it may not be there yet.
        host: the address to listen on.
        port: 0: any; None: 7860, or one near it that is free.
        token: make a link for other machines; needed with a host that is not loopback, unless there
            is a password.
        password: lets one in as often as wanted.
        allow_hosts: further names under which it answers.
        allow_paths: folders besides the folder of runs in which a form may name folders.
        dashboard: the address of the dashboard.

    Attributes:
        url: where it is; link: the same with a token that lets one in, once.
        panel: what it shows.

    Raises:
        SettingError: it would be open to other machines without a token, or an argument is wrong.
        MissingExtraError: Gradio is not installed.
        OSError: the address is in use.
    """

    def __init__(
        self, root: str, host: str = "127.0.0.1", port: int | None = None, *,
        token: bool = False, password: str | None = None, allow_hosts: Iterable[str] = (),
        allow_paths: Iterable[str] = (), dashboard: str = "",
    ) -> None:  # fmt: skip
        environ = dict(os.environ)  # trainings get what the user has set, not what Gradio is told
        environ.pop("EPOCHAL_TOKEN", None)
        self._temporary = silence(os.environ)
        for module in ("starlette", "uvicorn", "gradio"):
            require(module, extra="control", why="epochal control")
        from epochal.control import app as application
        from epochal.web.security import Policy, is_loopback
        from epochal.web.serve import ANY_ADDRESS
        from epochal.web.tokens import Tokens, state_folder

        loopback = is_loopback(host)
        if not loopback and not token and not password:
            message = (
                f"--host {host} lets other machines in: add --token, which makes a link for the"
                " first browser, or set EPOCHAL_TOKEN to a password of at least 16 characters"
            )
            raise SettingError(message)
        places = Places(os.path.abspath(root), tuple(map(os.path.abspath, allow_paths)))
        self._tokens = Tokens(state_folder(), f"control {os.path.realpath(places.root)}", password)
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.panel = Panel(places, Saved(config_folder()), _address(dashboard), environ)
        names = {each.lower() for each in allow_hosts} | ({host.lower()} - ANY_ADDRESS)
        policy = Policy(
            self._tokens, self.port, frozenset(names | (set() if loopback else {host_name()})),
            any_address=host in ANY_ADDRESS, everybody_reads=False, command="epochal control",
        )  # fmt: skip
        self._app = application.build(self.panel, policy)
        any_address = host in ANY_ADDRESS
        name = "127.0.0.1" if host == "localhost" else host_name() if any_address else host
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{self.port}/"
        self._token = self._tokens.link("write")
        self.link = f"{self.url}login#token={self._token}"

    def run(self, say: Callable[[str], None] = print) -> None:
        """Answer until Ctrl-C; then end what was started, but for a training that goes on.

        Args:
            say: is told what becomes of a training.
        """
        import uvicorn

        from epochal.web.protocol import Protocol

        config = uvicorn.Config(
            self._app, loop="asyncio", http=Protocol, ws="none", lifespan="off",
            log_level="warning", access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )  # fmt: skip
        self.panel.job.find()
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):  # uvicorn would end the process before what follows
                signal.signal(getattr(signal, name), _leave)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run([self._socket])
        finally:
            self._tokens.forget(self._token)
            self._socket.close()
            self.panel.close(say)
            self._temporary.cleanup()


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; port None: 7860 or the next one that is free."""
    from epochal.web.serve import listen

    wanted = [port] if port is not None else [*range(PORT, PORT + NEAR), 0]
    for number in wanted[:-1]:
        with contextlib.suppress(OSError):
            return listen(host, number)
    return listen(host, wanted[-1])


def _address(text: str) -> str:
    """Return the address of a dashboard, with a slash at its end.

    Raises:
        SettingError: it is none.
    """
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or not text.isprintable():
        raise SettingError(f"--dashboard {text!r} is no address such as http://127.0.0.1:8765/")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"
