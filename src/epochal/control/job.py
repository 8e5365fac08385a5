"""The training of a panel: started as a process of its own, found again, and stopped.

A training that another panel has started, or this one before it was started again, is found by the
folder ``control`` in its run and is stopped through it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import IO, Any, Literal

from epochal.control.form import Places, Values
from epochal.control.worker import FOLDER, STOP, Task
from epochal.core.errors import EpochalError, SettingError
from epochal.core.system import PRIVATE_FLAGS
from epochal.read.view import RunView
from epochal.store import folder

Stage = Literal["none", "starting", "running", "stopping", "ended"]

END_S = 20.0
"""So long a training that was asked to end may take for it."""

TERMINATE_S = 5.0
LAST_BYTES = 4_000

# Not "-m": that would import modules from the folder one happens to be in.
CODE = "import sys; sys.path[:1] = []; from epochal.control.worker import main; main()"


class Process:
    """A worker, and what it has said.

    Args:
        task: what it is to do.
        environ: its environment.

    Attributes:
        run_dir: the folder of its run, "" until it has one.
        error: why it has no run, "" for none.
    """

    def __init__(self, task: Task, environ: dict[str, str]) -> None:
        self.goes_on = task.goes_on
        self.run_dir, self.error = "", ""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - for the process's life
        self._process = subprocess.Popen(
            [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, encoding="utf-8", env=environ,
            start_new_session=True,  # signals of the terminal are for the panel
        )  # fmt: skip
        self._say(json.dumps(task))
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end its training."""
        self._say(STOP)

    def last_words(self) -> str:
        """Return the last line that it wrote to standard error, "" if there is none."""
        size = os.fstat(self._errors.fileno()).st_size
        text = os.pread(self._errors.fileno(), LAST_BYTES, max(0, size - LAST_BYTES))
        lines = [line for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False: it goes on."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False

    def end(self) -> None:
        """End it: asked first, then by a signal."""
        self.stop()
        if not self.wait(END_S):
            self._process.terminate()
            if not self.wait(TERMINATE_S):
                self._process.kill()
                self._process.wait()
        self.release()

    def release(self) -> None:
        """Let go of it; one that goes on does so."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._reader.join(TERMINATE_S)
        if not self._reader.is_alive():
            self._process.stdout.close()
        self._errors.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):
            said: dict[str, Any] = json.loads(self._process.stdout.readline() or "{}")
            self.run_dir, self.error = said.get("run_dir", ""), said.get("error", "")


class Job:
    """The one training that a panel looks after.  Threads may share it.

    Args:
        places: the folder of runs, and where else a form may name folders.
        environ: the environment of trainings; default that of this process.
    """

    def __init__(self, places: Places, environ: dict[str, str] | None = None) -> None:
        self._places = places
        self._environ = dict(os.environ) if environ is None else environ
        self._process: Process | None = None
        self._run_dir = ""
        self._asked = False
        self._lock = threading.RLock()

    @property
    def run_dir(self) -> str:
        """The folder of its run, "" if there is none yet."""
        with self._lock:
            if self._process is not None and self._process.run_dir:
                self._run_dir = self._process.run_dir
            return self._run_dir

    @property
    def goes_on(self) -> bool:
        """Whether the training goes on when the panel ends."""
        with self._lock:
            return self._process is None or self._process.goes_on

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        with self._lock:
            alive = self._process is not None and self._process.is_alive
            if self._process is None and self._run_dir:
                alive = is_running(self._run_dir)
            if not alive:
                return "ended" if self._process is not None or self._run_dir else "none"
            if self._asked:
                return "stopping"
            return "running" if self.run_dir else "starting"

    @property
    def error(self) -> str:
        """Why it could not begin, "" if it could."""
        with self._lock:
            if self._process is None or self._process.is_alive or self.run_dir:
                return ""
            return self._process.error or self._process.last_words() or "it has ended at once"

    def standing(self) -> tuple[Stage, str, str]:
        """Return stage, folder of the run and error, of one moment."""
        with self._lock:
            stage = self.stage
            if stage in ("none", "starting"):
                return stage, "", ""
            return stage, self.run_dir, self.error if stage == "ended" else ""

    def find(self) -> None:
        """Take over the newest training that runs and was started from a panel."""
        with self._lock:
            found = [
                path for path in folder.run_folders(self._places.root)
                if os.path.isdir(os.path.join(path, FOLDER))
            ]  # fmt: skip
            found.sort(key=lambda path: os.path.basename(path).rsplit("-", 3)[1:3], reverse=True)
            for path in found:
                if is_running(path):
                    self._run_dir, self._process = path, None
                    return

    def start(self, values: Values, *, goes_on: bool) -> None:
        """Start a training.

        Args:
            values: the form, checked.
            goes_on: it goes on when the panel ends.

        Raises:
            SettingError: one is running.
        """
        with self._lock:
            if self.stage in ("starting", "running", "stopping"):
                raise SettingError("A training is running: stop it before you start another.")
            if self._process is not None:
                self._process.release()
            task = Task(values, self._places.root, self._places.more, goes_on)
            self._run_dir, self._asked = "", False
            self._process = Process(task, self._environ)

    def stop(self) -> None:
        """Ask the training to end, if there is one."""
        with self._lock:
            if self.stage not in ("starting", "running"):
                return
            self._asked = True
            if self._process is not None:
                self._process.stop()
            else:
                _leave_note(self._run_dir)

    def wait(self, seconds: float) -> bool:
        """Wait until no training runs; False: one does."""
        deadline = time.monotonic() + seconds
        while self.stage in ("starting", "running", "stopping"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        """End the training with the panel, unless it goes on."""
        with self._lock:
            process = self._process
        if process is not None:
            if process.goes_on or not process.is_alive:
                process.release()
            else:
                process.end()


def is_running(run_dir: str) -> bool:
    """Say whether a run is there and running."""
    try:
        return RunView(run_dir).state == "running"
    except EpochalError:
        return False


def _leave_note(run_dir: str) -> None:
    """Make the file that a worker looks for."""
    path = os.path.join(run_dir, FOLDER, STOP)
    with suppress(FileExistsError, FileNotFoundError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | PRIVATE_FLAGS, 0o600))
