"""The contents of one run folder: its sessions, and what their events add up to."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from epochal.core import ring
from epochal.core.errors import DamageError, NotFoundError, RunFolderError
from epochal.core.problems import logger
from epochal.journal import recovery
from epochal.read import series
from epochal.read.metrics import Definition, MetricSummary, resolve
from epochal.read.parts import Part, PartEvent, Parts, SealedPart, read_parts
from epochal.read.sessions import SessionData, group, hide_replaced, within
from epochal.store import folder, statistics
from epochal.store.liveness import Life, of_process
from epochal.store.statistics import Stats

_MAX_FORKS = 100
_OF_THE_RUN = frozenset(("config", "define", "environment", "note", "rename", "tag", "untag"))
"""Events that say something of the run and not of a process: rank 0 speaks for all ranks."""
_OF_ALL_RANKS = frozenset(("alert", "refused"))
_SAID_BY_LIFE = {Life.ALIVE: "running", Life.DEAD: "killed", Life.SILENT: "lost"}


class Contents:
    """A consistent snapshot of a run folder.

    Args:
        run_dir: the run's folder.
        before: an earlier snapshot; what has not changed is not read again.
        recover: save what a dead process of this host left in its ring, if the folder can be
            written.
        rank: of a distributed job, whose part is shown.

    Attributes:
        run_dir: absolute path.
        about: what ``run.json`` says.
        parts: the run's own segments.
        own: the run's own sessions, in order; those of all ranks.
        everyone: these, preceded by what a fork took over.
        sessions: those of the rank among everyone's.
        missing_parent: folder of a fork's parent that is not there, else "".

    Raises:
        RunFolderError: there is no such run.
        OSError: the folder cannot be read.
    """

    def __init__(
        self, run_dir: str, before: Contents | None = None, *, recover: bool = True, depth: int = 0,
        rank: int = 0,
    ) -> None:  # fmt: skip
        self.run_dir, self.rank = os.path.abspath(run_dir), rank
        self.about = folder.describe(self.run_dir)
        self.missing_parent = ""
        old: Parts = before.parts if before else Parts()
        self.parts: Parts = read_parts(self.run_dir, old)
        self.own = group(self.parts, self.run_dir)
        if recover and self._recover():
            self.parts = read_parts(self.run_dir, self.parts)
            self.own = group(self.parts, self.run_dir)
        self._unreadable: list[str] = []
        self.everyone = [*self._inherited(depth), *self.own]
        hide_replaced(self.everyone)
        self.sessions = [session for session in self.everyone if session.rank == rank]

    @property
    def is_sealed(self) -> bool:
        """Whether any of its own segments is sealed."""
        return any(isinstance(part, SealedPart) for part in self.parts)

    @property
    def damage(self) -> list[str]:
        """What could not be read, as far as it was looked at."""
        in_parts = [each for part in self.parts for each in part.damage]
        in_events = [each for session in self.everyone for each in session.damage]
        return list(dict.fromkeys(self.parts.problems + in_parts + in_events + self._unreadable))

    # -- sessions ----------------------------------------------------------------------------

    def _recover(self) -> bool:
        """Save the rings of dead processes; True: there may be more to read now."""
        saved = False
        for session in self.own:
            path = session.descriptor.get("ring", "")
            if not path or session.role == "annotate" or session.end() is not None:
                continue
            held = ring.is_alive(path)  # by its owner, or by another process that saves it
            if held and not ring.is_being_saved(session.id) and ring.is_alive(path):
                continue
            if held is not None and os.access(self.run_dir, os.W_OK):
                try:
                    recovery.recover(session=session.id)
                except OSError as error:
                    logger.debug("cannot recover %s: %s", self.run_dir, error)
            saved = True  # if not by this process then by another, since the parts were read
        return saved

    def _inherited(self, depth: int) -> list[SessionData]:
        """Return the sessions of a fork's parent, cut at the step of the fork."""
        fork = self.about.get("fork")
        if not fork:
            return []
        parent = self._parent(fork, depth)
        if parent is None:
            self.missing_parent = str(fork.get("dir") or fork.get("run"))
            logger.warning(
                "run %s is a fork of run %s, which is not at %s anymore: the points up to step %s"
                " are missing; put the run's folder back to read them",
                self.about["id"], fork.get("run"), fork.get("dir"), fork.get("step"),
            )  # fmt: skip
            return []
        last = max((session.ordinal for session in parent.everyone), default=0)
        taken = []
        for session in parent.everyone:
            limit = min(session.limit, float(fork["step"]))
            copy = SessionData(
                session.ordinal - last, session.id, session.parts, session.run_dir,
                limit, inherited=True, own_limit=limit,
            )  # fmt: skip
            copy.descriptor = {**session.descriptor, "hides_after": None}
            taken.append(copy)
        return taken

    def _parent(self, fork: dict[str, Any], depth: int) -> Contents | None:
        if depth >= _MAX_FORKS:
            return None
        places = [str(fork.get("dir") or "")]
        with contextlib.suppress(NotFoundError, RunFolderError):
            root = os.path.dirname(os.path.dirname(self.run_dir))
            places.append(folder.find(root, str(fork["run"])))
        for place in places:
            try:
                if place and folder.describe(place)["id"] == fork["run"]:
                    return Contents(place, depth=depth + 1)
            except (RunFolderError, OSError) as error:
                logger.debug("the parent of a fork is not at %s: %s", place, error)
        return None

    def state_of(self, session: SessionData) -> str:
        """Return the state of one session, see :class:`epochal.read.view.RunView`."""
        end = session.end()
        if end is not None:
            return str(end.get("state", "finished"))
        if session.role == "annotate":
            return "finished"
        return _SAID_BY_LIFE[of_process(session.descriptor, session.seen_s())]

    @cached_property
    def main(self) -> SessionData | None:
        """The session that speaks for the run: the latest of its training, of the rank if any."""
        training = [s for s in self.own if s.role == "train"]
        first = [session for session in training if session.rank == self.rank]
        candidates = first or training or [s for s in self.own if s.role != "annotate"]
        return candidates[-1] if candidates else None

    # -- events ------------------------------------------------------------------------------

    def events(
        self, *kinds: str, inherited: bool = False
    ) -> Iterator[tuple[SessionData, PartEvent]]:
        """Yield the events of some kinds, in order; with ``inherited`` those of a fork's parent.

        Of a distributed job they are those of the rank; but rank 0 speaks for the run, and an alert
        is heard from every rank.
        """
        rank = 0 if _OF_THE_RUN.issuperset(kinds) else self.rank
        for session in self.everyone if inherited else self.own:
            if session.rank == rank or _OF_ALL_RANKS.issuperset(kinds):
                for event in session.events(*kinds):
                    yield session, event

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What was defined, by metric or by the beginning of metrics with a trailing ``*``."""
        found: dict[str, Definition] = {}
        for _, event in self.events("define", inherited=True):
            metric = str(event.data.get("metric"))
            found[metric] = found.get(metric, Definition()).updated(event.data)
        return found

    def definition(self, metric: str) -> Definition:
        """Return what is defined for a metric."""
        return resolve(self.definitions, metric)

    # -- metrics -----------------------------------------------------------------------------

    @cached_property
    def _big(self) -> set[str]:
        return {str(e.data.get("key")) for _, e in self.events("bigint", inherited=True)}

    @cached_property
    def metrics(self) -> list[str]:
        """All metrics that have visible points, sorted."""
        return sorted(name for name, stats in self.stats.items() if stats.count)

    @cached_property
    def stats(self) -> dict[str, Stats]:
        """Statistics of the visible points of each metric.

        They come from the manifests of sealed segments; data is only read where a resume hides
        steps in the middle of a segment, and for integers beyond 2**53.
        """
        found: dict[str, Stats] = {}
        for session in self.sessions:
            mine: dict[str, Stats] = {}
            for part in session.parts:
                for metric, stats in part.stats.items():
                    seen = self._visible(part, metric, stats, session.limit)
                    mine[metric] = statistics.join_by_seq(mine.get(metric, Stats()), seen)
            for metric, stats in mine.items():
                found[metric] = statistics.join(found.get(metric, Stats()), stats)
        for metric in self._big:
            points = self._points(metric)
            if points is not None:
                values = series.float_values(points.values)
                found[metric] = statistics.of(values, points.steps, points.seq)
        return found

    def summary_of(self, metric: str) -> MetricSummary:
        """Return the summary of a metric."""
        definition = self.definition(metric)
        stats = self.stats[metric]
        summary = MetricSummary.of(stats, definition)
        if metric in self._big and (points := self._points(metric)) is not None:
            summary = summary.with_exact(points.values, definition)
        return summary.with_range(self._out_of_range(metric, stats, definition))

    def _out_of_range(self, metric: str, stats: Stats, definition: Definition) -> int | None:
        """Count points outside the defined range; data is only read if there are any."""
        if definition.range is None:
            return None
        low, high = definition.range
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        if not stats.inf and not stats.min < low and not stats.max > high:
            return 0
        points = self._points(metric)
        if points is None:
            return None
        return int(((points.values < low) | (points.values > high)).sum())

    def _points(self, metric: str) -> series.Series | None:
        """Return a metric's points; None: some of them are damaged, which is noted."""
        try:
            return series.build(self.sessions, metric)
        except DamageError as error:
            self._unreadable.append(str(error))
            return None

    def _visible(self, part: Part, metric: str, stats: Stats, limit: float) -> Stats:
        """Return the statistics of the points that a resume has not hidden."""
        if limit == math.inf or stats.step_high <= limit:
            return stats
        if stats.step_low > limit:
            return Stats()
        found = Stats()
        try:
            for rows in part.rows((metric,)):
                seen = within(rows, limit)
                new = statistics.of(seen.values[metric], seen.steps, seen.seq)
                found = statistics.join_by_seq(found, new)
        except DamageError as error:
            self._unreadable.append(str(error))
        return found
