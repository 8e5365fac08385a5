"""Running a command of the system with a limit on its time and on its output."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, NamedTuple

from epochal.core.errors import EpochalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ERRORS_LIMIT_BYTES = 4096


class Output(NamedTuple):
    """What a command wrote: standard output, whether it was cut, standard error, exit status.

    ``status`` is None for a command that was stopped because it wrote too much.
    """

    data: bytes
    truncated: bool
    errors: str
    status: int | None

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 are replaced."""
        return self.data.decode("utf-8", "replace")


def find(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the path of a program that this environment would run, None where it has none."""
    return shutil.which(name, path=environ.get("PATH", os.defpath))


def run(
    args: Sequence[str],
    *,
    environ: Mapping[str, str],
    timeout_s: float,
    cwd: str | None = None,
    limit_bytes: int = 1 << 20,
) -> Output:
    """Run a command to its end, without input and without a terminal.

    Args:
        args: the program and its arguments; no shell is involved.
        environ: its whole environment.
        timeout_s: the command and its children are killed after that; this never waits longer,
            even for a process that cannot be killed because a driver or a file system hangs.
        cwd: its working directory.
        limit_bytes: what is kept of its output; a command that writes more is stopped.

    Raises:
        EpochalError: it took too long.
        OSError: it could not be started.

    Example:
        >>> run(["git", "--version"], environ=os.environ, timeout_s=10).text.split()[0]
        'git'
    """
    deadline = time.monotonic() + timeout_s
    process = subprocess.Popen(
        args,
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    output, errors = bytearray(), bytearray()
    readers = [
        _reader(process.stdout, output, limit_bytes + 1, drain=False),
        _reader(process.stderr, errors, ERRORS_LIMIT_BYTES, drain=True),
    ]
    try:
        readers[0].join(timeout_s)
        truncated = len(output) > limit_bytes
        if truncated:
            return Output(bytes(output[:limit_bytes]), truncated, "", None)
        readers[1].join(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        if process.returncode is None or any(reader.is_alive() for reader in readers):
            message = f"{' '.join(args[:2])} took longer than {timeout_s:g} s and was stopped"
            raise EpochalError(message)
        return Output(bytes(output), truncated, _decode(errors), process.returncode)
    finally:
        if process.poll() is None or any(reader.is_alive() for reader in readers):
            _stop(process)


def _reader(
    stream: IO[bytes] | None, into: bytearray, limit: int, *, drain: bool
) -> threading.Thread:
    """Start reading up to ``limit`` bytes; ``drain`` reads on to the end and drops the rest.

    The thread closes the stream itself, so that its number is never read after a reuse.
    """

    def read() -> None:
        if stream is None:
            return
        with stream:
            while piece := os.read(stream.fileno(), 65536):
                into.extend(piece[: max(0, limit - len(into))])
                if len(into) >= limit and not drain:
                    return

    thread = threading.Thread(target=read, name="epochal-command", daemon=True)
    thread.start()
    return thread


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and its children; what hangs in the kernel is left behind."""
    with contextlib.suppress(OSError):  # gone meanwhile
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.5)


def _decode(errors: bytearray) -> str:
    return errors.decode("utf-8", "replace").strip()
