"""The process that trains: started by the panel, and ended by it, by its end, or through the run.

It reads one line of JSON, the :class:`Task`, and writes one: the folder of its run, or why there is
none.  Afterwards a line ``stop`` ends the training, as does the file ``control/stop`` in the run's
folder, so that another panel can end it as well.  The end of its input means that the panel is
gone, however that came about; the training then ends too, unless it is to go on.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, NamedTuple, TextIO

from epochal.control import form
from epochal.control.form import Places
from epochal.control.training import Loop, Model
from epochal.core.errors import EpochalError, SettingError
from epochal.loggers.experiment_tracker import ExperimentTracker
from epochal.record.config import expand_name

FOLDER, STOP = "control", "stop"
LOOK_S = 0.2


class Task(NamedTuple):
    """What a worker is to do.

    Attributes:
        values: the form, checked.
        root: the folder of runs.
        more: further folders in which the form may have named some.
        goes_on: the training goes on when the panel ends.
    """

    values: dict[str, Any]
    root: str
    more: tuple[str, ...] = ()
    goes_on: bool = False


def main() -> None:
    """Train as standard input says."""
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, sys.stdout.fileno())  # what is printed is the run's, not the panel's
    os.close(silence)
    orders = _Orders(sys.stdin.fileno())
    task = Task(*json.loads(orders.next() or "[]"))
    stop = threading.Event()
    _stop_on_signals(stop)
    with suppress(KeyboardInterrupt):
        try:
            _train(task, stop, orders, reports)
        except EpochalError as error:
            _report(reports, error=str(error))
            sys.exit(1)


class _Orders:
    """Lines from the panel.

    They are read from the descriptor itself: a thread that waits for ``sys.stdin`` would hold the
    end of the interpreter.
    """

    def __init__(self, fd: int) -> None:
        self._fd, self._rest = fd, b""
        self.ended = False

    def next(self, timeout_s: float | None = None) -> str | None:
        """Return the next line; None: there is none in time, or there will be none."""
        while b"\n" not in self._rest:
            if self.ended or not select.select([self._fd], [], [], timeout_s)[0]:
                return None
            piece = os.read(self._fd, 1 << 16)
            self.ended = not piece
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8")


def _train(task: Task, stop: threading.Event, orders: _Orders, reports: TextIO) -> None:
    """Train and record.

    Raises:
        EpochalError: it cannot begin.
        KeyboardInterrupt: it was stopped.
    """
    places = Places(task.root, tuple(task.more))
    settings = form.settings(task.values, places)
    model = _model(task.values)
    config = {name: v for name, v in form.config(task.values).items() if name != "seed"}
    settings["name"] = expand_name(task.values["name"], config) or None
    tracker = ExperimentTracker(
        None, preset=None, dir=task.root, seed=task.values["seed"], **settings
    )  # fmt: skip
    if not tracker.run.dir:
        raise SettingError("recording is switched off by mode = 'off': unset EPOCHAL_MODE")
    folder = os.path.join(tracker.run.dir, FOLDER)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    watching = {"goes_on": task.goes_on}
    threading.Thread(
        target=_watch, args=(stop, orders, folder), kwargs=watching, daemon=True
    ).start()
    try:
        with tracker:
            tracker.log_hyperparameters(config)
            _report(reports, run_dir=tracker.run.dir)
            Loop(tracker, model, task.values, stop).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _model(values: dict[str, Any]) -> Model:
    if values["training"] == "simulated":
        from epochal.control.simulated import SimulatedModel

        return SimulatedModel(values)
    from epochal.core.optional import require

    require("torch", extra="torch", why="a real training")
    from epochal.control.real import LanguageModel

    return LanguageModel(values)


def _watch(stop: threading.Event, orders: _Orders, folder: str, *, goes_on: bool) -> None:
    """Set the event when somebody asks for it, or the panel is gone."""
    while not stop.is_set():
        if orders.ended:
            stop.wait(LOOK_S)
        elif orders.next(LOOK_S) == STOP or (orders.ended and not goes_on):
            stop.set()
        if os.path.lexists(os.path.join(folder, STOP)):
            stop.set()


def _report(reports: TextIO, **said: str) -> None:
    with suppress(OSError):  # the panel is gone
        reports.write(json.dumps(said) + "\n")
        reports.close()


def _stop_on_signals(stop: threading.Event) -> None:
    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask)
