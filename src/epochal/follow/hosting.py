"""Hosting: a thread per sink, so that a slow or stuck mirror holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from epochal.core.sink import Sink
from epochal.follow.follower import Follower

IDLE_S = 0.2


class Hosting:
    """The sinks of one run, each followed by a daemon thread of its own.

    Args:
        run_dir: the run.
        sinks: open-able sinks.
    """

    def __init__(self, run_dir: str, sinks: Iterable[Sink]) -> None:
        self.run_dir = run_dir
        self.followers = [Follower(run_dir, sink) for sink in sinks]
        self._deadline: float | None = None
        self._wake = threading.Event()
        self._done: dict[str, bool] = {}
        self._threads = [
            threading.Thread(
                target=self._loop, args=(each,), name=f"epochal-{each.sink.name}", daemon=True
            )
            for each in self.followers
        ]
        for thread in self._threads:
            thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Bring all sinks to the end of the journal; False: some did not make it in time."""
        self.end(timeout_s)
        return self.wait(timeout_s)

    def end(self, timeout_s: float) -> None:
        """Tell the threads that the journal is complete; they end within the time."""
        self._deadline = time.monotonic() + timeout_s
        self._wake.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the threads after :meth:`end`; True: every sink is complete."""
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return all(self._done.get(each.sink.name) for each in self.followers)

    def problems(self) -> dict[str, str]:
        """Return what sinks that fail at the moment said, by name."""
        return {each.sink.name: each.problem for each in self.followers if each.problem}

    def _loop(self, follower: Follower) -> None:
        while self._deadline is None:
            if not follower.step():
                self._wake.wait(IDLE_S)
        self._done[follower.sink.name] = follower.finish(self._deadline)
