"""What the program prints, recorded while it goes to the console as ever.

``sys.stdout`` and ``sys.stderr`` stay the objects that they are; only their ``write`` is exchanged
for one that calls the original and then puts the text aside.  So order, return values, exceptions
and everything else of the streams are the original's, and streams that a logger or a progress bar
took hold of earlier are covered too.  A thread folds the text and hands it over once a second.

Not covered is what subprocesses and C code print, since they write to the file descriptor.
Exchanging that for a pipe would cover it, at a price that a training should not pay: a pipe that
nobody empties stops the program, and what goes through it arrives late and in another order.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from threading import get_ident
from typing import Any

from epochal.record.tee import STREAMS, Tap, Tee
from epochal.record.terminal import EVENT_BYTES, Terminal, events

TICK_S = 1.0
SILENCE_S = 5.0
"""A line that has not ended is recorded when nothing came on its stream for so long."""

PAUSE_S = 0.005
"""Before a large event: a flood of text leaves the interpreter and the ring to the training."""

ORDERED_LINES = 200
"""Lines at once that keep the order between the streams too: it costs an event at each change."""

STOP_S = 1.0

Sink = Callable[[str, str], object]
"""Takes the stream's name and whole lines, joined by newlines; called by one thread at a time."""


class Listener:
    """Someone who gets what is printed, until :meth:`stop`."""

    def __init__(self, console: Console, sink: Sink) -> None:
        self._console, self.sink = console, sink
        self.failed = 0

    def stop(self) -> None:
        """Hand over the rest and end; again: does nothing."""
        self._console.leave(self)


class Console:
    """The streams of this process and those who listen to them.

    The streams are touched only while somebody listens.  Afterwards they are as they were; where
    somebody else has exchanged ``write`` meanwhile, ours stays in between and only passes on.

    A forked child starts with nobody listening, and prints into nothing of its parent's.
    """

    def __init__(self) -> None:
        self._tap = Tap()
        self._tees: list[Tee] = []
        self._streams: dict[str, Any] = {}
        self._hooked = False
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._terminals = {name: Terminal() for name in STREAMS}
        self._heard_s = dict.fromkeys(STREAMS, 0.0)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def listen(self, sink: Sink) -> Listener:
        """Begin to hand over what is printed from now on.

        Args:
            sink: called about once a second, in a thread, with the name of the stream ("stdout" or
                "stderr") and whole lines joined by newlines, at most 16 KiB.  What it prints
                itself is not recorded.
        """
        listener = Listener(self, sink)
        with self._turn() as mine:
            if mine:
                self._hand_over()  # what was printed before belongs to the others
            self._listeners.append(listener)
            if len(self._listeners) == 1:
                self._install()
        return listener

    def leave(self, listener: Listener) -> None:
        """End a listener; waits a second at most for a sink that does not return."""
        ended = None
        with self._turn() as mine:
            if listener not in self._listeners:
                return
            if len(self._listeners) == 1:
                ended = self._uninstall()
            if mine:
                self._hand_over(to_the_end=listener)
            self._listeners.remove(listener)
        if mine and ended is not None:
            ended.join(STOP_S)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[bool]:
        """Wait for the lock; False: not in time, as in a signal handler that came in between."""
        mine = self._lock.acquire(timeout=STOP_S)
        try:
            yield mine
        finally:
            if mine:
                self._lock.release()

    # -- the streams -------------------------------------------------------------------------

    def _install(self) -> None:
        self._tap.open()
        self._streams = {name: stream for name in STREAMS if (stream := getattr(sys, name))}
        if sys.stderr is sys.stdout:
            self._streams.pop("stderr", None)
        self._cover()
        if not self._hooked and hasattr(os, "register_at_fork"):
            self._hooked = True
            os.register_at_fork(after_in_child=self._after_fork)
        self._ending = threading.Event()
        self._thread = threading.Thread(
            target=self._loop, args=(self._ending,), name="epochal-console", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter is ending: all is handed over at the end
            self._thread = None

    def _cover(self) -> None:
        """Put a ``write`` of ours on each stream that has none, or has lost it."""
        self._tees = [tee for tee in self._tees if not tee.is_gone()]
        for name, stream in self._streams.items():
            if all(tee.stream is not stream for tee in self._tees):
                tee = Tee(name, stream, self._tap)
                tee.install()
                self._tees.append(tee)

    def _uninstall(self) -> threading.Thread | None:
        self._ending.set()
        self._tees = [tee for tee in self._tees if not tee.uninstall()]
        self._tap.close()
        return self._thread

    def _after_fork(self) -> None:
        self._tees = [tee for tee in self._tees if not tee.uninstall()]
        self._tap.close()
        self._tap.waiting.clear()
        self._tap.deaf.clear()
        self._start_anew()

    # -- handing over ------------------------------------------------------------------------

    def _loop(self, ending: threading.Event) -> None:
        while not ending.wait(TICK_S):
            with self._lock:
                if not ending.is_set():
                    self._cover()
                    self._hand_over()

    def _hand_over(self, to_the_end: Listener | None = None) -> None:
        """Give all listeners the lines that are finished, and one of them all that there is."""
        me = get_ident()
        self._tap.deaf.add(me)
        try:
            for name, lines in self._finished(time.monotonic()):
                self._give(self._listeners, name, lines)
            if to_the_end is not None:
                for name, terminal in self._terminals.items():
                    self._give([to_the_end], name, terminal.held())
                if self._listeners == [to_the_end]:
                    self._terminals = {name: Terminal() for name in STREAMS}
        finally:
            self._tap.deaf.discard(me)

    def _finished(self, now_s: float) -> Iterator[tuple[str, list[str]]]:
        """Yield (stream, lines) in the order of printing."""
        for batch in self._tap.take():
            ready: list[tuple[str, str]] = []
            for name, writes in groupby(batch, lambda write: write[0]):
                self._heard_s[name] = now_s
                text = "".join([text for _, text in writes])
                ready += [(name, line) for line in self._terminals[name].feed(text)]
            if len(ready) > ORDERED_LINES:
                ready.sort(key=lambda pair: pair[0])
            for name, pairs in groupby(ready, lambda pair: pair[0]):
                yield name, [line for _, line in pairs]
        for name in STREAMS:
            if lost := self._tap.lost[name]:
                self._tap.lost[name] -= lost
                yield name, [f"[{lost:,} characters are left out: over 1 MiB in a second]"]
            if now_s - self._heard_s[name] >= SILENCE_S:
                yield name, self._terminals[name].rest()

    def _give(self, listeners: list[Listener], name: str, lines: list[str]) -> None:
        for text in events(lines):
            if len(text) > EVENT_BYTES // 2:
                time.sleep(PAUSE_S)
            for listener in listeners:
                try:
                    listener.sink(name, text)
                except Exception:  # noqa: BLE001 - counted: a sink must not end the printing
                    listener.failed += 1


_console = Console()
listen = _console.listen
