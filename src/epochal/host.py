"""The follower process: composition root of everything that accompanies a training.

It follows the journals of one training process: mirrors, the record of the environment, recovery
when the training is killed, sealing when a run has ended.  It reads commands, one JSON object a
line, from standard input; end of input means that the training process is gone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from epochal.core.errors import EpochalError
from epochal.core.sink import Sink
from epochal.follow import plugins
from epochal.follow.hosting import Hosting
from epochal.journal import append, frames, recovery
from epochal.store import folder, liveness

WATCH_S = 1.0
SEAL_EVERY_S = 30.0
LET_GO_S = 5.0
PROBE_S = 30.0
RANKS_S = 60.0
"""How long the other ranks of a distributed job may go on after rank 0 until it is sealed."""
LAST_CHANCE_S = 600.0
"""How long mirrors may take after the training has ended."""


def main() -> int:
    """Serve one training process until it has ended and its runs are complete."""
    with contextlib.suppress(OSError):
        os.setsid()  # Ctrl-C in the terminal is for the training
    os.closerange(3, 4096)  # sockets and devices of the training are not ours to hold
    _speak_alone()
    with contextlib.suppress(OSError):
        os.nice(5)
    logging.getLogger("epochal").addHandler(_Said(logging.WARNING))
    training = os.getppid()
    companion = _Companion()
    buffer = b""
    while True:
        readable, _, _ = select.select([0], [], [], WATCH_S)
        if readable:
            piece = os.read(0, 65536)
            if not piece:
                break
            *lines, buffer = (buffer + piece).split(b"\n")
            for line in lines:
                companion.obey(json.loads(line))
        companion.watch()
    wait_for_end_of(training)
    companion.end()
    return 0


def wait_for_end_of(parent: int) -> None:
    """Wait until a process that has closed its pipe has let go of everything else.

    A dying process closes its files one by one: the pipe may come before the ring and its lock.
    Its children get another parent only after that.
    """
    deadline = time.monotonic() + LET_GO_S
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.01)


def _speak_alone() -> None:
    """Keep the pipe to the training for :func:`say`: libraries may print to standard output."""
    global _voice  # noqa: PLW0603 - the one pipe of this process
    _voice = os.dup(1)
    os.set_inheritable(_voice, False)  # noqa: FBT003 - its name says it
    os.dup2(2, 1)


_voice = 1


def say(message: Mapping[str, Any]) -> None:
    """Tell the training process something; it may be gone."""
    with contextlib.suppress(OSError):
        os.write(_voice, json.dumps(message).encode("ascii") + b"\n")


class _Said(logging.Handler):
    """Hands warnings of this process to the training, which has a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        say({"problem": record.getMessage()})


class _Companion:
    """The runs of one training process."""

    def __init__(self) -> None:
        self._runs: dict[str, Hosting] = {}
        self._sinks: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        self._seal: dict[str, bool] = {}
        self._probes: dict[str, threading.Thread] = {}
        self._ending: list[threading.Thread] = []
        self._swept, self._seal_at = False, 0.0

    def obey(self, command: Mapping[str, Any]) -> None:
        run_dir = command["run_dir"]
        if command["do"] == "follow":
            self._runs[run_dir] = Hosting(run_dir, make_sinks(command["sinks"]))
            self._sinks[run_dir] = command["sinks"]
            self._seal[run_dir] = command["seal"]
            if command["environment"]:
                probe = threading.Thread(
                    target=record_environment, args=(run_dir, command["environment"]), daemon=True
                )
                probe.start()
                self._probes[run_dir] = probe
        elif command["do"] == "finish" and run_dir in self._runs:
            self._finish(run_dir)

    def watch(self) -> None:
        """Save what forked or killed writers left behind; seal what is full."""
        if not self._swept:
            self._swept = True
            with contextlib.suppress(OSError):
                recovery.recover()  # of earlier trainings on this host
        for run_dir in tuple(self._runs):
            recover_run(run_dir)
            if self._seal[run_dir] and time.monotonic() > self._seal_at and has_full(run_dir):
                self._seal_at = time.monotonic() + SEAL_EVERY_S
                seal_quietly(run_dir)

    def end(self) -> None:
        """The training process is gone: finish what it did not."""
        with contextlib.suppress(OSError):
            recovery.recover()
        for run_dir in tuple(self._runs):
            self._finish(run_dir)
        for thread in self._ending:
            thread.join()

    def _finish(self, run_dir: str) -> None:
        hosting = self._runs.pop(run_dir)
        thread = threading.Thread(target=self._complete, args=(run_dir, hosting))
        self._ending.append(thread)
        thread.start()

    def _complete(self, run_dir: str, hosting: Hosting) -> None:
        recover_run(run_dir)
        probe = self._probes.pop(run_dir, None)
        late = probe is not None and probe.is_alive()
        hosting.finish(LAST_CHANCE_S)
        say({"done": run_dir})
        if probe is not None and late:  # a short run: what the probe found comes after its end
            probe.join(PROBE_S)
            Hosting(run_dir, make_sinks(self._sinks[run_dir])).finish(LAST_CHANCE_S)
        wait_for_other_ranks(run_dir)
        if self._seal[run_dir]:
            seal_quietly(run_dir)


def make_sinks(wanted: Mapping[str, Mapping[str, Any]]) -> list[Sink]:
    """Make the sinks that can be made; tell about the others."""
    made = []
    for name, options in wanted.items():
        try:
            made.append(plugins.load(name, options))
        except Exception as error:  # noqa: BLE001 - a stranger's import; told, the rest goes on
            say({"problem": f"sink {name!r} is off: {type(error).__name__}: {error}"})
    return made


def recover_run(run_dir: str) -> None:
    """Save the rings of dead writers of one run."""
    for session in {s.session for s in frames.segments(os.path.join(run_dir, "journal"))}:
        with contextlib.suppress(OSError):  # full disk: tried again in a second
            recovery.recover(session=session)


def wait_for_other_ranks(run_dir: str) -> None:
    """Wait until the other ranks of a job have ended, and save what killed ones left."""
    deadline = time.monotonic() + RANKS_S
    while liveness.other_ranks_live(run_dir) and time.monotonic() < deadline:
        time.sleep(WATCH_S)
    recover_run(run_dir)


def has_full(run_dir: str) -> bool:
    """Say whether a session of the run has gone on to another segment."""
    return any(s.index > 1 for s in frames.segments(os.path.join(run_dir, "journal")))


def record_environment(run_dir: str, context: Mapping[str, Any]) -> None:
    """Find out about machine, packages and code, and append it to the run."""
    from epochal.probes import environment

    values = environment.collect(environment.Context(**context))
    with contextlib.suppress(EpochalError):
        append.append_events(
            run_dir, folder.describe(run_dir)["id"], [("environment", {"values": values})]
        )


def seal_quietly(run_dir: str) -> None:
    """Seal what is complete of a run; what fails is left for ``epochal seal``, the journal stays.

    It is done by a process of its own, as this one goes on for as long as the training and the
    memory of pyarrow would stay in it.
    """
    code = f"import sys; sys.path[:0] = {sys.path[:1]!r}; from epochal.store.seal import seal_run"
    argv = [sys.executable, "-c", f"{code}; seal_run(sys.argv[1])", run_dir]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        say({"problem": f"sealing {run_dir} failed and is left for later: {why}"})


if __name__ == "__main__":
    sys.exit(main())
