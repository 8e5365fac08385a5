"""What has changed: the one look at the folders that all tabs share.

A look costs a ``stat`` for each run, and a little more for those that go on.  It happens when a tab
asks, at most every half second however many tabs there are, and less often where it takes long.
What changed is numbered: a tab names the last number that it has seen.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from epochal.store.catalog_entry import Watch
from epochal.web.folders import SETTLED_NS, Folders, Place
from epochal.web.known import Changes, Facts, Known
from epochal.web.live import Tail

LOOK_EVERY_S, LOOK_SHARE, LONGEST_PAUSE_S = 0.5, 0.05, 1.5
MANY = 300
"""More new runs than this are described in a thread, while the page shows what is there so far."""

MOST_CHANGED = 1000
"""When more runs have changed a tab had better load the list again."""


class Index(Protocol):
    """What is known of runs without opening their folders; the catalog."""

    def refresh(self) -> object:
        """Describe what has changed."""

    def column(self, path: tuple[str, ...]) -> dict[str, Any]:
        """Return a field of all runs by folder."""

    def unfinished(self) -> dict[str, list[Watch]]:
        """Return what to look at of the runs that have not ended."""


class Watcher:
    """Looks at the folders and numbers what changes.  Threads may share it.

    Args:
        folders: which runs there are.
        index: what is known of them.

    Attributes:
        indexing: how many of how many runs are described, while many are new; else None.
    """

    def __init__(self, folders: Folders, index: Index) -> None:
        self._folders, self._index = folders, index
        self._lock, self._looking = threading.RLock(), threading.Lock()
        self._places: dict[str, Place] = {}
        self._known: dict[str, Known] = {}
        self._order: dict[str, None] = {}  # ids, the latest change last
        self._gone: deque[tuple[int, str, str]] = deque(maxlen=MOST_CHANGED)
        self._waiting: set[str] = set()
        self._begun = self._version = time.time_ns() // 1_000_000
        self._soon_s = self._next_s = self._index_s = 0.0
        self._looked = False
        self._grown: set[str] = set()
        self._thread: threading.Thread | None = None
        self.indexing: tuple[int, int] | None = None
        self.name = secrets.token_hex(4)

    # -- looking -----------------------------------------------------------------------------

    def look(self, *, soon: bool = False, now: bool = False) -> None:
        """Look at the folders unless somebody just did.

        Args:
            soon: what is asked for is missing, so look again as soon as that costs little.
            now: look whatever it costs.
        """

        def is_due() -> bool:
            return now or time.monotonic() >= (self._soon_s if soon else self._next_s)

        if not is_due() or not self._looking.acquire(blocking=soon or now or not self._looked):
            return  # another thread is looking: what is known is new enough
        try:
            if is_due():
                self._look_now()
        finally:
            self._looking.release()

    def _look_now(self) -> None:
        began = time.monotonic()
        places, changed_ns = self._folders.look()
        listed = time.monotonic()
        self._compare_all(places, changed_ns)
        self._looked = True
        ended = time.monotonic()
        pause_s = min(max(LOOK_EVERY_S, (ended - began) / LOOK_SHARE), LONGEST_PAUSE_S)
        self._next_s = ended + pause_s
        self._soon_s = ended + min((listed - began) / LOOK_SHARE, pause_s)

    def bring_up_to_date(self) -> None:
        """Look, and describe runs that have grown anew unless that was just done."""
        self.look()
        if self._grown and time.monotonic() >= self._index_s:
            with self._looking:
                if self._thread is None:
                    self._describe()

    def _compare_all(self, places: dict[str, Place], changed_ns: dict[str, int]) -> None:
        """Note what is different from the look before, and describe what is new."""
        with self._lock:
            if places is not self._places:
                self._replace(places)
            self._compare(changed_ns)
            running = [each for each in self._known.values() if each.tails]
        for known in running:
            self._follow(known)
        if self._thread is not None:
            self._see_how_far()
        elif len(self._waiting) > MANY:
            self._describe_in_thread()
        elif self._waiting:
            self._describe()

    def _replace(self, places: dict[str, Place]) -> None:
        """Note which runs came, went or moved."""
        for run_id in [each for each, known in self._known.items()
                       if places.get(each) != known.place]:  # fmt: skip
            known = self._known.pop(run_id)
            self._order.pop(run_id, None)
            self._waiting.discard(run_id)
            self._gone.append((self._next_version(), known.place.slug, run_id))
        for run_id, place in places.items():
            if run_id not in self._known:
                self._known[run_id] = Known(place)
        self._places = places

    def _compare(self, changed_ns: dict[str, int]) -> None:
        """Note which journals have changed; young time stamps are looked at once more."""
        now_ns = time.time_ns()
        for run_id, stamp in changed_ns.items():
            known = self._known[run_id]
            if known.changed_ns == stamp and known.settled:
                continue
            settled = now_ns - stamp > SETTLED_NS
            if known.changed_ns != stamp or settled:
                known.changed_ns, known.settled = stamp, settled
                self._waiting.add(run_id)

    def _follow(self, known: Known) -> None:
        """See how far a run is that goes on."""
        grown = [tail.read() for tail in known.tails]
        if not any(grown):
            return
        with self._lock:
            if any(tail.over for tail in known.tails):
                self._waiting.add(known.place.id)
            elif known.facts is not None:
                steps = [t.steps for t in known.tails if t.steps is not None]
                longest = max(t.elapsed_s for t in known.tails)
                known.facts = Facts(
                    known.facts.state,
                    max([*steps, *_some(known.facts.steps)], default=None),
                    max(longest, known.facts.duration_s),
                )
            self._number(known)
            self._grown.add(known.place.id)

    def _number(self, known: Known) -> None:
        known.version = self._next_version()
        self._order.pop(known.place.id, None)
        self._order[known.place.id] = None

    def _next_version(self) -> int:
        """Return a number above all before it; milliseconds, so that a later server goes on."""
        self._version = max(self._version + 1, time.time_ns() // 1_000_000)
        return self._version

    # -- describing --------------------------------------------------------------------------

    def _describe(self) -> None:
        began = time.monotonic()
        with self._lock:
            # What has grown gets a new number again: the table has more to show now.
            waiting, self._waiting, self._grown = self._waiting | self._grown, set(), set()
        self._index.refresh()
        self._learn(waiting)
        ended = time.monotonic()
        self._index_s = ended + max(LOOK_EVERY_S, (ended - began) / LOOK_SHARE)

    def _describe_in_thread(self) -> None:
        """Describe many new runs; if they are known from an earlier time that is done at once."""
        self.indexing = (0, len(self._waiting))
        self._thread = threading.Thread(
            target=self._index.refresh, name="epochal-index", daemon=True
        )
        self._thread.start()
        self._thread.join(LOOK_EVERY_S)
        self._see_how_far()

    def _see_how_far(self) -> None:
        """Take over what the thread has described by now."""
        assert self._thread is not None
        assert self.indexing is not None
        over = not self._thread.is_alive()
        with self._lock:
            waiting = set(self._waiting)
        learned = self._learn(waiting)
        with self._lock:
            self._waiting -= waiting if over else learned
        done, total = self.indexing
        self.indexing = (min(done + len(learned), total), total)
        if over:
            self._thread, self.indexing = None, None

    def _learn(self, waiting: Iterable[str]) -> set[str]:
        """Take over what the index knows of some runs; return those that it knows."""
        states = self._index.column(("state",))
        steps = self._index.column(("steps",))
        durations = self._index.column(("duration_s",))
        unfinished = self._index.unfinished()
        learned = set()
        with self._lock:
            for run_id in waiting:
                known = self._known.get(run_id)
                if known is None or known.place.dir not in states:
                    continue
                where = known.place.dir
                known.facts = Facts(states[where], steps.get(where), durations[where])
                known.tails = _tails(known.tails, where, unfinished.get(where, []))
                self._number(known)
                learned.add(run_id)
        return learned

    # -- asking ------------------------------------------------------------------------------

    def get(self, run_id: str) -> Known | None:
        """Return what is known of a run."""
        return self._known.get(run_id)

    def runs(self, project: str | None = None) -> dict[str, Known]:
        """Return the runs of a project that are described, by folder."""
        with self._lock:
            return {each.place.dir: each for each in self._known.values()
                    if each.facts is not None and project in (None, each.place.slug)}  # fmt: skip

    def running(self, project: str | None) -> int:
        """Count the runs that run."""
        with self._lock:
            live = [each for each in self._known.values() if each.tails and each.facts]
            mine = [each.facts for each in live if project in (None, each.place.slug)]
        return sum(facts is not None and facts.state == "running" for facts in mine)

    def version(self, project: str | None = None) -> int:
        """Return the number of the last change of a project."""
        with self._lock:
            latest = (self._known[run_id] for run_id in reversed(self._order))
            mine = (each.version for each in latest if project in (None, each.place.slug))
            gone = [number for number, slug, _ in self._gone if project in (None, slug)]
            return max([next(mine, self._begun), *gone[-1:]])

    def since(self, version: int, project: str | None) -> Changes:
        """Return what changed after a number."""
        changed: dict[str, Known] = {}
        with self._lock:
            for run_id in reversed(self._order):
                known = self._known[run_id]
                if known.version <= version:
                    break
                if project in (None, known.place.slug):
                    changed[run_id] = known
            gone = [
                run_id
                for number, slug, run_id in self._gone
                if number > version and project in (None, slug) and run_id not in self._order
            ]
            lost = len(self._gone) == MOST_CHANGED and version < self._gone[0][0]
            unknown = lost or not self._begun <= version <= self._version
            return Changes(self._version, changed, gone, unknown)


def _tails(before: list[Tail], run_dir: str, watches: Iterable[Watch]) -> list[Tail]:
    """Return what follows the sessions that go on; what follows one already goes on."""
    going_on = {(tail.watch.file, tail.watch.life): tail for tail in before if not tail.over}
    return [going_on.get((watch.file, watch.life)) or Tail(run_dir, watch) for watch in watches]


def _some(value: float | None) -> list[float]:
    return [] if value is None else [value]
