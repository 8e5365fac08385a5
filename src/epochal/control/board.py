"""TensorBoard for the panel: ``epochal tensorboard`` in a process, on a free port of loopback."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import Literal

END_S = 15.0

# The end of standard input means that the panel is gone, however that came about.
CODE = """
import os, runpy, signal, sys, threading

def end():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)

sys.path[:1] = []
threading.Thread(target=end, daemon=True).start()
runpy.run_module("epochal", run_name="__main__", alter_sys=True)
"""
_URL = re.compile(r"\bat (http://127\.0\.0\.1:\d+/\S*)")

Stage = Literal["off", "starting", "on", "failed"]


class Board:
    """A TensorBoard that is started and stopped.  Threads may share it.

    Args:
        root: the folder of runs.
        environ: the environment of the process.
    """

    def __init__(self, root: str, environ: dict[str, str]) -> None:
        self._root, self._environ = root, environ
        self._process: subprocess.Popen[str] | None = None
        self._lines: deque[str] = deque(maxlen=20)
        self._url = ""
        self._lock = threading.Lock()

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        with self._lock:
            if self._process is None:
                return "off"
            if self._process.poll() is not None:
                return "failed"
            return "on" if self._url else "starting"

    @property
    def url(self) -> str:
        """Its address, "" if it is not on."""
        return self._url if self.stage == "on" else ""

    @property
    def error(self) -> str:
        """Why it has ended by itself, "" if it has not."""
        if self.stage != "failed":
            return ""
        said = [line for line in self._lines if line.strip()]
        errors = [line for line in said if "error" in line.lower()]
        return (errors[:1] or said[-1:] or ["it said nothing"])[0].removeprefix("Error: ")

    def start(self) -> None:
        """Start it, unless it is there."""
        if self.stage in ("starting", "on"):
            return
        self.stop()
        with self._lock:
            self._url = ""
            self._lines.clear()
            self._process = subprocess.Popen(
                [sys.executable, "-c", CODE, "tensorboard", "--dir", self._root, "--port", "0"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", env=self._environ, start_new_session=True,
            )  # fmt: skip
            threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def stop(self) -> None:
        """End it and wait for its end; what has ended is forgotten."""
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_S)
            return
        process.kill()
        process.wait()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                found = _URL.search(line)
                with self._lock:
                    if self._process is process:
                        self._lines.append(line.rstrip())
                        self._url = self._url or (found[1] if found else "")
