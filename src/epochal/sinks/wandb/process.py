"""W&B's client in a process of its own, which can be ended at any time.

The client may hang, crash, print to standard output or change the environment; it starts a service
process (``wandb-core``) that uploads.  Here all of it is one call away, each with a time limit, and
nothing of it is left behind: a process that is not needed any more is killed with its service.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from multiprocessing import Pipe
from typing import Any

from epochal.core.atomic import write_atomically

CODE = "import sys; sys.path[:0] = {path!r}; from epochal.sinks.wandb import worker as w; w.main()"
RECORD = "processes.json"
END_S = 1.0
GONE_S = 3.0
"""How long a killed process may take to be gone."""

_NOT_OURS = (
    "WANDB_SERVICE", "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_RUN_DIR", "WANDB_SWEEP_ID",
    "WANDB_SWEEP_PARAM_PATH", "WANDB_MODE", "WANDB_DISABLED", "WANDB_DIR",
)  # fmt: skip
"""What W&B's own client in the training has set for its run, and what options say instead."""


class WandbProcess:
    """A process that does what :mod:`epochal.sinks.wandb.worker` can, called from one thread.

    Args:
        folder: for its temporary files and its log; processes that an earlier owner of the folder
            left running are ended first, as they would write into the same files.

    Attributes:
        failed_at: session and position of the record that the last call that failed was about.

    Raises:
        ConnectionError: it cannot be started.
    """

    def __init__(self, folder: str) -> None:
        self.failed_at: tuple[int, int] | None = None
        self._folder, self._services = folder, list[int]()
        self._log = os.path.join(folder, "client.log")
        end_leftovers(folder)
        os.makedirs(os.path.join(folder, "tmp"), mode=0o700, exist_ok=True)
        self._channel, theirs = Pipe()
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = [sys.executable, "-c", CODE.format(path=[root]), folder, str(theirs.fileno())]
        try:
            with open(self._log, "ab") as log:
                self._process = subprocess.Popen(
                    [*argv, str(os.getpid())], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=environment(folder), pass_fds=[theirs.fileno()], start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            self._channel.close()
            message = f"cannot start the process for W&B: {error}"
            raise ConnectionError(message) from error
        finally:
            theirs.close()
        self._record()

    def call(self, name: str, *arguments: Any, timeout_s: float) -> Any:
        """Have something done; returns what it returned.

        Raises:
            ConnectionError: it failed, took too long or the process has ended.
        """
        self.failed_at = None
        try:
            self._channel.send((name, arguments))
            answered = self._channel.poll(timeout_s)
            ok, reply = self._channel.recv() if answered else (False, {})
        except (EOFError, OSError) as error:
            raise ConnectionError(
                f"W&B's client has ended, see {self._log}: {self._last_line()}"
            ) from error
        if not answered:
            raise ConnectionError(f"W&B's client did not {name} within {timeout_s:g} s")
        if not ok:
            self.failed_at = reply["at"]
            raise ConnectionError(f"W&B's client cannot {name}: {reply['why']}")
        return reply

    def _last_line(self) -> str:
        """Return what was said last; of a crash in Go, it is the first line that counts."""
        try:
            with open(self._log, encoding="utf-8", errors="replace") as file:
                lines = [line.strip() for line in file if line.strip()]
        except OSError:
            return ""
        crashes = [line for line in lines if line.startswith(("panic:", "fatal error:"))]
        return [*crashes[-1:], *lines[-1:], ""][0]

    def serve(self, services: Iterable[int]) -> None:
        """Note the service processes that are to end with this one."""
        self._services = list(services)
        self._record()

    def end(self) -> None:
        """End the process and its services, whatever they are doing."""
        self._channel.close()  # it ends by itself, and its services with it
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in self._services:
            _kill(pid, "wandb-core", str(self._process.pid))
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self._folder, RECORD))

    def _record(self) -> None:
        about = {"client": self._process.pid, "services": self._services}
        write_atomically(os.path.join(self._folder, RECORD), json.dumps(about).encode("ascii"))


def environment(folder: str) -> Mapping[str, str]:
    """Return the variables for W&B's client: the user's, without what belongs to other runs."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    kept |= {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    kept.setdefault("WANDB_DATA_DIR", folder)  # copies of what is not uploaded yet
    return kept


def end_leftovers(folder: str) -> None:
    """End the processes that a killed owner of the folder could not end."""
    try:
        with open(os.path.join(folder, RECORD), "rb") as file:
            about = json.loads(file.read())
        client, services = int(about["client"]), list(map(int, about["services"]))
    except (OSError, ValueError, KeyError, TypeError):
        return
    _kill(client, "wandb import worker", folder)
    for pid in services:
        _kill(pid, "wandb-core", str(client))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started; none where there is no ``/proc``."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = file.read().rpartition(b")")[2].split()[1]
            if int(parent) == pid:
                found.append(int(name))
    return found


def _kill(pid: int, *words: str) -> None:
    """Kill a process if its command line has all the words: ids are used again."""
    if not _runs(pid, words):
        return
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_S
    while _runs(pid, words) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(pid: int, words: Iterable[str]) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            line = os.fsdecode(file.read())  # empty once it is dead and not waited for
    except OSError:
        return False
    return all(word in line for word in words)
