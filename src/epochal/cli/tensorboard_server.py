"""TensorBoard as a process of its own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections import deque

from epochal.core.errors import EpochalError

START_S = 120.0
END_S = 10.0

# Not "-m": that would import modules from the folder one happens to be in.  The end of standard
# input means that the command is gone, however that came about.
CODE = """
import os, signal, sys, threading

def end():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)

sys.path[:1] = []
sys.argv[0] = "tensorboard"
threading.Thread(target=end, daemon=True).start()
from tensorboard.main import run_main
run_main()
"""
_URL = re.compile(r"TensorBoard \S+ at (http\S+)")


class Server:
    """A TensorBoard that listens when this returns.

    Args:
        logdir: what it shows.
        host, port: where it listens; no port: 6006 or one near it that is free.

    Attributes:
        url: its address.

    Raises:
        EpochalError: it does not start, such as when the port is in use.
    """

    def __init__(self, logdir: str, host: str, port: int | None) -> None:
        argv = ["--logdir", logdir, "--host", host]
        argv += ["--port", "default" if port is None else str(port)]
        self._lines: deque[str] = deque(maxlen=50)
        self._told = threading.Event()
        self.url = ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE, *argv],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True,  # signals of the terminal are for us
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._told.wait(START_S)
        except BaseException:  # Ctrl-C too: no process stays, and the caller is told what it was
            self.close()
            raise
        if not self.url:
            why = self.last_words()
            self.close()
            raise EpochalError(f"TensorBoard did not start: {why}")

    def wait(self, timeout_s: float) -> bool:
        """Wait; True: it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
            return True
        return False

    def last_words(self) -> str:
        """Return the line that says why it ended or does not start."""
        if self._process.poll() is not None:
            self._reader.join(END_S)
        lines = [line for line in self._lines if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        return (errors[:1] or lines[-1:] or ["it said nothing"])[0].removeprefix("ERROR: ")

    def close(self) -> None:
        """End it, and wait for its end."""
        self._process.terminate()
        if not self.wait(END_S):
            self._process.kill()
            self._process.wait()
        self._reader.join(END_S)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        if not self._reader.is_alive():
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.rstrip())
            if found := _URL.search(line):
                self.url = found[1]
                self._told.set()
        self._told.set()
