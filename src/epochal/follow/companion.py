"""The training process's side of the follower process.

The follower process hosts the mirrors, so that formatting and waiting never take the interpreter
lock of the training.  It learns from a pipe which runs to follow; the end of the pipe tells it that
the training process is gone, however that came about, and it finishes the work.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import threading
import time
from typing import Any

from epochal.core.problems import logger

CODE = (
    "import sys; sys.path[:0] = {path!r}; from epochal.host import main; raise SystemExit(main())"
)


class Companion:
    """A follower process, shared by all runs of this process; started by the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._to, self._from, self._pid = -1, -1, 0
        self._buffer = b""
        self._done: set[str] = set()
        self._following: dict[str, bytes] = {}

    def tell(self, message: dict[str, Any]) -> bool:
        """Send a message, starting the process if need be; False: there is no process to be had."""
        line = json.dumps(message, default=str).encode("ascii") + b"\n"
        run_dir = message["run_dir"]
        with self._lock:
            for _ in range(2):
                # A new process is told of all runs: the one before may have been killed.
                known = b"" if self._to >= 0 else b"".join(self._following.values())
                if self._to < 0 and not self._start():
                    return False
                if self._send(known + line):
                    break
                self._forget()
            else:
                return False
            if message["do"] == "follow":
                self._following[run_dir] = line
            else:
                self._following.pop(run_dir, None)
        return True

    def wait_done(self, run_dir: str, timeout_s: float) -> bool:
        """Wait until the mirrors of a finished run are complete; False: not in time."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while run_dir not in self._done and self._from >= 0:
                left = deadline - time.monotonic()
                if left <= 0 or not self._receive(left):
                    break
            return run_dir in self._done

    def poll(self) -> None:
        """Take in what the process has said, without waiting."""
        with self._lock:
            while self._from >= 0 and self._receive(0.0):
                pass

    def abandon(self) -> None:
        """Forget the parent's process in a forked child."""
        self._lock = threading.Lock()
        self._following = {}
        self._forget()

    def _start(self) -> bool:
        if not sys.executable or not hasattr(os, "posix_spawn"):
            return False
        child_in, self._to = os.pipe()
        self._from, child_out = os.pipe()
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = [sys.executable, "-c", CODE.format(path=[root])]
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        actions = [
            (os.POSIX_SPAWN_DUP2, child_in, 0),
            (os.POSIX_SPAWN_DUP2, child_out, 1),
            (os.POSIX_SPAWN_DUP2, null, 2),
        ]
        try:
            self._pid = os.posix_spawn(sys.executable, argv, os.environ, file_actions=actions)
        except OSError as error:
            logger.warning("cannot start the follower process (%s); mirrors run in a thread", error)
            self._forget()
            return False
        finally:
            for fd in (child_in, child_out, null):
                os.close(fd)
        os.set_blocking(self._to, False)
        return True

    def _send(self, line: bytes) -> bool:
        view = memoryview(line)
        deadline = time.monotonic() + 0.5
        while view:
            try:
                view = view[os.write(self._to, view) :]
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                select.select([], [self._to], [], 0.05)
            except OSError:
                return False
        return True

    def _receive(self, timeout_s: float) -> bool:
        """Take in one piece of output; False: nothing came, or the process is gone."""
        readable, _, _ = select.select([self._from], [], [], timeout_s)
        if not readable:
            return False
        piece = os.read(self._from, 65536)
        if not piece:
            self._forget()
            return False
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        for line in lines:
            self._heard(json.loads(line))
        return True

    def _heard(self, message: dict[str, Any]) -> None:
        if "done" in message:
            self._done.add(message["done"])
        if "problem" in message:
            logger.warning("%s", message["problem"])

    def _forget(self) -> None:
        for fd in (self._to, self._from):
            if fd >= 0:
                os.close(fd)
        self._to = self._from = -1
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, os.WNOHANG)
        self._pid = 0
