"""A handler for Python's ``logging`` that records messages beside the metrics."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import ClassVar

from epochal.core.errors import LogError
from epochal.record.run import Run
from epochal.record.terminal import events, plain

LIMIT = 1 << 20
"""Characters a second that are recorded; each message counts some more."""

MESSAGE_COSTS = 100


class LogHandler(logging.Handler):
    """Records what a program says through ``logging``: level, logger and the formatted text.

    Messages are recorded when they are logged, tracebacks included; without a run they are passed
    over.  More than about 1 MiB in a second is left out, and counted in a message of its own.
    Epochal's own messages (logger ``epochal``) are recorded like others; a message that comes up
    while one is being recorded is not, so that nothing goes in circles.

    Args:
        run: where to record; None: the run that is current when a message comes.
        level: messages below it are passed over.

    Raises:
        LogError: in strict mode, where a message cannot be recorded.

    Example:
        >>> import epochal, logging, tempfile
        >>> run = epochal.init(project="doc", dir=tempfile.mkdtemp())
        >>> logging.getLogger().addHandler(LogHandler(run, level=logging.INFO))
        >>> logging.getLogger("data").warning("%d files are missing", 3)
        >>> run.finish()
    """

    current: ClassVar[Callable[[], Run | None]] = staticmethod(lambda: None)
    """Finds the current run; the composition root says how."""

    def __init__(self, run: Run | None = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._run = run
        self._busy = threading.local()
        self._since_s, self._room, self._lost = 0.0, LIMIT, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Record one message; called by ``logging``, which holds the handler's lock."""
        if getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            run = self._run or type(self).current()
            if run is not None:
                self._record(run, record)
        except LogError:
            raise
        except Exception:  # noqa: BLE001 - as handlers do: `logging` tells it and goes on
            self.handleError(record)
        finally:
            self._busy.now = False

    def _record(self, run: Run, record: logging.LogRecord) -> None:
        text = self.format(record)
        now_s, size = time.monotonic(), len(text) + MESSAGE_COSTS
        if now_s - self._since_s >= 1.0:
            lost, self._lost, self._since_s, self._room = self._lost, 0, now_s, LIMIT
            if lost:
                _put(run, f"[{lost:,} messages were left out]", "WARNING", "epochal")
        if size > self._room:
            if not self._lost:
                _put(run, "[messages are left out: over 1 MiB in a second]", "WARNING", "epochal")
            self._lost += 1
            return
        self._room -= size
        for part in events(plain(text).split("\n")):
            _put(run, part, record.levelname, record.name)


def _put(run: Run, text: str, level: str, name: str) -> None:
    run.record_console({"stream": "log", "text": text, "level": level, "logger": name})
