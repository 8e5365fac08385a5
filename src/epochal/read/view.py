"""``RunView``: one run, read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from epochal.core.errors import MetricNotFoundError, NotFoundError, did_you_mean
from epochal.core.records import Record
from epochal.journal.append import append_events
from epochal.read import annotations as written
from epochal.read import artifacts, checkpoints, ranks, series, texts
from epochal.read import console as console_lines
from epochal.read.annotations import Annotation
from epochal.read.artifacts import Artifact
from epochal.read.checkpoints import Checkpoint
from epochal.read.console import ConsoleLine
from epochal.read.contents import Contents
from epochal.read.facts import RunFacts
from epochal.read.media import MediaList
from epochal.read.media_records import Records
from epochal.read.metrics import Definition, MetricInfo, MetricSummary, resolve
from epochal.read.ranks import RankSeries
from epochal.read.series import Series
from epochal.read.sessions import SessionInfo
from epochal.read.system import PREFIX, SystemReadings
from epochal.read.texts import LoggedText

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LoggedText", "RunView", "SessionInfo"]


class RunView(RunFacts):
    """One run as a snapshot: it shows what was there when it was first looked at.

    Made by ``project.run(...)`` or ``project.runs(...)``; :meth:`refresh` looks again.  Reading is
    safe while the run is recorded, sealed or annotated, by this or another process.

    **States.**  ``state`` is said by:

    ============= ===========================================================================
    finished      the training itself: ``finish()``, or the end of the program
    failed        the training itself: an exception ended it (``error`` has the traceback)
    interrupted   the training itself: Ctrl-C
    killed        whoever found, on the host of the training, that its process ended without a
                  word: the lock of its ring is free, which needs no clock
    running       as ``killed``, but the lock is held; from another host: the last heartbeat or
                  write is less than 60 s old, by the reader's clock
    lost          a reader on another host: no heartbeat and no write for 60 s by the reader's
                  clock; it means "no contact", not "dead"
    unknown       nobody: the run has no session that can be read
    ============= ===========================================================================

    The latest training session speaks for the run, in a distributed job that of rank 0; child
    processes and annotations never do.

    **Ranks.**  Of a run with ``ranks="all"`` everything shown here is what rank 0 recorded, but for
    what must not be overlooked: ``sessions``, ``alerts``, ``problems``, ``refused``, ``lost`` and
    ``damage`` are those of all ranks.  :meth:`of_rank` shows the part of another rank,
    :meth:`over_ranks` a metric of all of them.

    Attributes:
        dir: the run's folder, absolute.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", dir=folder) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> view = RunView(run.dir)
        >>> view.state, view.summary["loss"].last
        ('finished', 0.5)
    """

    # -- metrics -----------------------------------------------------------------------------

    @property
    def summary(self) -> dict[str, Any]:
        """Metric → :class:`MetricSummary`; and the values that ``run.summary`` was given.

        A value set by the user stands before a metric of the same name, whose statistics are in
        ``metrics[name].summary``; there are those of the machine's readings too.
        """
        metrics = self._document["metrics"].items()
        computed = {n: MetricSummary(**s) for n, s in metrics if not n.startswith(PREFIX)}
        return {**computed, **self._document["summary"]}

    @property
    def metrics(self) -> dict[str, MetricInfo]:
        """The metrics that have visible points."""
        definitions = self.definitions
        found = {}
        for name, stored in self._document["metrics"].items():
            definition, summary = resolve(definitions, name), MetricSummary(**stored)
            found[name] = MetricInfo(name, summary.count, definition, summary)
        return found

    @property
    def definitions(self) -> dict[str, Definition]:
        """What was defined, by metric or by beginning with a trailing ``*``."""
        stored = self._document["definitions"]
        return {name: Definition().updated(each) for name, each in stored.items()}

    def series(self, metric: str, *, hidden: bool = False, rank: int | None = None) -> Series:
        """Return every point of a metric.

        Args:
            metric: its name.
            hidden: also the points that a resume has hidden.
            rank: of a distributed job, whose points; default those that this view shows.

        Raises:
            MetricNotFoundError: the run, or the rank, has no such metric.
            NotFoundError: no such rank wrote to the run.
            DamageError: a sealed file is damaged.

        Example:
            >>> view.series("loss").values  # doctest: +SKIP
            array([0.5])
        """
        if rank is not None and rank != self._rank:
            return self.of_rank(rank).series(metric, hidden=hidden)
        found = series.build(self._contents.sessions, metric, hidden=hidden)
        if not len(found):
            self._must_exist(metric)
        return found

    def history(self, *metrics: str, x: str = "step") -> pa.Table:
        """Return metrics side by side, see :func:`epochal.read.history.table`.

        Args:
            *metrics: names; none: all but those of the machine.
            x: "step", "epoch", "elapsed", "time" or any metric.

        Raises:
            MetricNotFoundError: the run has no such metric.
            DamageError: a sealed file is damaged.
        """
        from epochal.read import history  # loads pyarrow

        for metric in metrics:
            self._must_exist(metric)
        if x not in history.CLOCKS:
            self._must_exist(x)
        known = self._document["metrics"]
        wanted = list(metrics) or [m for m in known if m != x and not m.startswith(PREFIX)]
        return history.table(self._contents.sessions, wanted, x)

    def over_ranks(self, metric: str) -> RankSeries:
        """Return a metric of all ranks of a distributed job, step by step.

        Raises:
            MetricNotFoundError: no rank has such a metric.
            DamageError: a sealed file is damaged.

        Example:
            >>> view.over_ranks("step_s").stragglers()  # doctest: +SKIP
            [Straggler(rank=5, share=0.98, ratio=1.31)]
        """
        found = ranks.build(self._contents, metric)
        if not len(found.steps):
            self._must_exist(metric)
        return found

    def of_rank(self, rank: int) -> RunView:
        """Return the run as another rank of a distributed job recorded it.

        Points, statistics, texts, media, console, artifacts, ``summary`` and ``state`` are those of
        the rank; name, tags, notes, config and definitions are said by rank 0.

        Raises:
            NotFoundError: no such rank wrote to the run.
        """
        if rank not in self.ranks:
            wrote = ranks.shown(self.ranks)
            raise NotFoundError(
                f"run {self.name!r} has nothing of rank {rank}: {wrote} wrote to it"
            )
        view = RunView(self.dir, rank=rank)
        view._contents = Contents(self.dir, self._contents, rank=rank)
        return view

    @property
    def system(self) -> SystemReadings:
        """The machine's readings: name, ``system/`` left out → :class:`Series`."""
        return SystemReadings(self._document["metrics"], self.series)

    # -- what else was logged ----------------------------------------------------------------

    @cached_property
    def media(self) -> MediaList:
        """The images, videos, audio, figures, histograms, tables and pages, in order.

        What a resume hides is left out; what a fork took over from its parent is there.
        """
        return MediaList(Records(self._contents))

    def texts(self, key: str) -> list[LoggedText]:
        """Return the texts that were logged under a key, in order; empty if there are none."""
        return list(texts.read(self._contents, key))

    def text_keys(self) -> list[str]:
        """Return the keys under which texts were logged."""
        found = self._contents.events("text", inherited=True)
        return sorted({str(event.data.get("key")) for _, event in found})

    def console(self, grep: str | None = None, stream: str | None = None) -> list[ConsoleLine]:
        """Return what the program printed and logged, line by line.

        Args:
            grep: only lines in which this regular expression is found.
            stream: only "stdout", "stderr" or "log".

        Raises:
            SettingError: no such stream, or no regular expression.
        """
        return list(console_lines.read(self._contents, grep, stream))

    @property
    def artifacts(self) -> list[Artifact]:
        """The files and folders that were recorded with their hashes."""
        return list(artifacts.read(self._contents))

    @property
    def annotations(self) -> list[Annotation]:
        """What people have written at places of the charts, in order."""
        return list(written.read(self._contents))

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that were saved and kept, in order; hidden ones are left out."""
        return checkpoints.read(self._contents)

    def follow(self, poll_s: float = 0.2, timeout: float | None = None) -> Iterator[list[Record]]:
        """Yield batches of records from the first on, until the run has ended.

        What a resume has hidden is not left out: these are the records as they were made.

        Args:
            poll_s: pause between looks at the folder.
            timeout: give up after so many seconds; default never.
        """
        from epochal.read import tail

        return tail.follow(self.dir, rank=self._rank, poll_s=poll_s, timeout_s=timeout)

    def _must_exist(self, metric: str) -> None:
        known = self._document["metrics"]
        if metric not in known and metric not in self._contents.metrics:
            hint = did_you_mean(metric, known) or f"; it has {len(known)} metrics: see .metrics"
            message = f"run {self.name!r} has no metric {metric!r}{hint}"
            raise MetricNotFoundError(message)

    # -- changing what is said of it ---------------------------------------------------------

    def tag(self, *tags: str) -> None:
        """Add tags; the run may be running, finished or sealed.

        Raises:
            RunFolderError: the folder cannot be written (so too the methods below).
        """
        self._append("tag", {"tags": [str(tag) for tag in tags]})

    def untag(self, *tags: str) -> None:
        """Remove tags."""
        self._append("untag", {"tags": [str(tag) for tag in tags]})

    def note(self, text: str) -> None:
        """Replace the notes."""
        self._append("note", {"text": str(text)})

    def rename(self, name: str) -> None:
        """Change the name; id and folder stay."""
        self._append("rename", {"name": str(name)})

    def annotate(
        self, text: str, step: float | None = None, metric: str | None = None, *, author: str = ""
    ) -> None:
        """Write a text at a place of the run's charts.

        Args:
            text: what to say.
            step: where; None: about the whole run.
            metric: whose chart; None: all of them.
            author: who says it.

        Raises:
            SettingError: there is no text, or the step is no finite number.

        Example:
            >>> view.annotate("data changed", step=1000)  # doctest: +SKIP
        """
        self._append(written.KIND, written.fields(text, step, metric, author))

    def edit_annotation(self, annotation: Annotation, text: str) -> None:
        """Say something else in an annotation; its step, metric, time, author and id stay.

        The latest edit counts; the journal keeps what was written before.

        Raises:
            SettingError: there is no text.
            NotFoundError: the run has none such, or not any more.

        Example:
            >>> view.edit_annotation(view.annotations[-1], "two GPUs")  # doctest: +SKIP
        """
        written.must_say(text)
        self._must_stand(annotation)
        self._append(written.EDITED, {"id": annotation.id, "text": text})

    def remove_annotation(self, annotation: Annotation) -> None:
        """Take an annotation back: it is shown no more; the journal keeps what was written.

        Raises:
            NotFoundError: the run has none such, or not any more.

        Example:
            >>> view.remove_annotation(view.annotations[-1])  # doctest: +SKIP
        """
        self._must_stand(annotation)
        self._append(written.REMOVED, {"id": annotation.id})

    def _must_stand(self, annotation: Annotation) -> None:
        if annotation.id not in [each.id for each in self.annotations]:
            message = f"run {self.name!r} has no such annotation (any more): see .annotations"
            raise NotFoundError(message)

    def _append(self, kind: str, data: Mapping[str, Any]) -> None:
        append_events(self.dir, self.id, [(kind, data)])
        self.refresh()

    def refresh(self) -> RunView:
        """Look again at the folder; what has not changed is not read again.  Returns itself."""
        before = self.__dict__.pop("_contents", None)
        for known in ("_document", "media"):
            self.__dict__.pop(known, None)
        self._load = None
        self._contents = Contents(self.dir, before, rank=self._rank)
        return self

    def __repr__(self) -> str:
        """Return name, id and state."""
        return f"<RunView {self.name!r} {self.id} {self.state}>"
