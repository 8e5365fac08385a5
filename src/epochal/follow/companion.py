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
        self._ended = False  # its output has: its input may still be open for a moment
        self._heard = threading.Condition()
        self._owed: dict[str, list[bytes]] = {}  # what was asked for and is not yet done

    def tell(self, message: dict[str, Any]) -> bool:
        """Send a message, starting the process if need be; False: there is no process to be had."""
        line = json.dumps(message, default=str).encode("ascii") + b"\n"
        run_dir = message["run_dir"]
        with self._lock:
            if message["do"] == "follow":
                self._owed.pop(run_dir, None)
            if not self._deliver(line):
                return False
            owed = self._owed.setdefault(run_dir, [])
            if line not in owed:
                owed.append(line)
        return True

    def finish(self, run_dir: str, timeout_s: float) -> bool:
        """Have the mirrors of a run completed and wait for that; False: not in time.

        A process that is being killed still takes messages, which nobody reads: another one is
        told everything again.
        """
        if run_dir not in self._owed:  # it is followed by nobody, or by threads
            return False
        deadline = time.monotonic() + timeout_s
        for _ in range(2):
            told = self.tell({"do": "finish", "run_dir": run_dir})
            if not told or self._wait_done(run_dir, deadline - time.monotonic()):
                return told
            if not self._ended:  # it goes on when the time is over
                break
        return False

    def _wait_done(self, run_dir: str, timeout_s: float) -> bool:
        with self._heard:
            self._heard.wait_for(lambda: run_dir not in self._owed or self._from < 0, timeout_s)
            return run_dir not in self._owed

    def abandon(self) -> None:
        """Forget the parent's process in a forked child."""
        self._lock, self._heard = threading.Lock(), threading.Condition()
        self._owed = {}
        listening, self._from = self._from, -1
        if listening >= 0:  # the thread that reads it is the parent's
            os.close(listening)
        self._forget()

    def _deliver(self, line: bytes) -> bool:
        if self._to >= 0 and not self._ended and self._send(line):
            return True
        self._forget()
        # A new process is told of all runs: the one before may have been killed.
        if not self._start():
            return False
        known = [each for lines in self._owed.values() for each in lines]
        if self._send(b"".join(known) + line):
            return True
        self._forget()
        return False

    def _start(self) -> bool:
        if not sys.executable or not hasattr(os, "posix_spawn"):
            return False
        child_in, self._to = os.pipe()
        self._from, child_out = os.pipe()
        self._ended = False
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
            os.close(self._from)
            self._from = -1
            self._forget()
            return False
        finally:
            for fd in (child_in, child_out, null):
                os.close(fd)
        os.set_blocking(self._to, False)
        listener = threading.Thread(
            target=self._listen, args=(self._from,), name="epochal-companion", daemon=True
        )
        try:
            listener.start()
        except RuntimeError:  # the interpreter is ending: nobody hears what it says
            os.close(self._from)
            self._from = -1
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

    def _listen(self, fd: int) -> None:
        """Take in what the process says, until it ends; runs in a thread of its own."""
        unfinished = b""
        while piece := os.read(fd, 65536):
            *lines, unfinished = (unfinished + piece).split(b"\n")
            for line in lines:
                self._take(json.loads(line))
        with self._heard:
            if self._from == fd:  # not of a process before this one
                self._from, self._ended = -1, True
            self._heard.notify_all()
        os.close(fd)

    def _take(self, message: dict[str, Any]) -> None:
        if "problem" in message:
            logger.warning("%s", message["problem"])
        if "done" in message:
            run_dir = message["done"]
            with self._lock:
                if len(self._owed.get(run_dir, ())) > 1:  # not resumed in the meantime
                    del self._owed[run_dir]
            with self._heard:
                self._heard.notify_all()

    def _forget(self) -> None:
        if self._to >= 0:
            os.close(self._to)
        self._to = -1
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, os.WNOHANG)
        self._pid = 0
