"""``Run``: what the training loop holds.  It only turns calls into records."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from epochal.core.errors import LogError
from epochal.core.names import clean_key
from epochal.core.problems import Problems, logger
from epochal.core.records import RunInfo
from epochal.core.redact import redact
from epochal.record.cadence import Cadence
from epochal.record.channel import Channel, OpenSession
from epochal.record.config import Config
from epochal.record.health import Health
from epochal.record.summary import Summary
from epochal.record.values import shown

if TYPE_CHECKING:
    from typing_extensions import Self

State = Literal["finished", "failed", "interrupted"]
FINISH_TIMEOUT_S = 2.0


class Run:
    """One execution of a training, being recorded.  Made by :func:`epochal.init`.

    All methods may be called from any thread.  After ``init`` none of them raises because of
    recording (unless ``strict=True``): what cannot be recorded is told once through the logger
    ``epochal``, counted in ``health().problems`` and kept as a ``refused`` event.

    Attributes:
        id: ten characters, unique and permanent.
        name: for people.
        dir: the run's folder (absolute path).
        config: nested mapping; ``run.config["lr"]``, ``run.config.update({...})``.
        summary: values about the whole run; ``run.summary["params"] = 1``.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     for step in range(3):
        ...         run.log({"train/loss": 1.0 / (step + 1)}, step=step)
    """

    def __init__(
        self, info: RunInfo, *, config: Config, open_session: OpenSession | None,
        cadence: Cadence, problems: Problems, on_alert: Callable[..., None] | None = None,
        on_finish: Callable[[Run, bool], None] | None = None,
    ) -> None:  # fmt: skip
        self.id, self.name, self.project, self.dir = info.id, info.name, info.project, info.dir
        self.config = config
        self.summary = Summary(lambda values: self._event("summary", {"values": values}))
        config.on_update = lambda update: self._event("config", {"update": redact(update)})
        self._open_session, self._problems, self._cadence = open_session, problems, cadence
        self._on_alert, self._on_finish = on_alert, on_finish
        self._before_end: list[Callable[[], None]] = []
        self._finished = False
        self._opening = threading.RLock()
        self._channel: Channel | None = None
        self._row: Callable[..., None] = _no_row
        if open_session is not None:
            self._open_channel()

    def log(
        self, values: Mapping[str, Any], step: float | None = None, *,
        epoch: float | None = None, phase: str | None = None,
    ) -> None:  # fmt: skip
        """Record the values of one step.

        About a microsecond for a dict of floats; never waits for a disk, a device or a mirror.
        When it has returned, scalars from the host survive a kill of the process.

        Args:
            values: metric name → Python, NumPy, PyTorch or JAX scalar (0-d or one element).
                ``None`` is skipped, text is kept as text, nested mappings are joined with ``/``.
                NaN, infinities and -0.0 are kept bit for bit.  ``epochal.Image``, ``Video``,
                ``Audio``, ``Figure``, ``Histogram``, ``Table``, ``Html``, or a list of one of them:
                copied now, encoded and written by another thread.
            step: any int64 or float, in any order, repeated as you like.  Omitted: the last step
                that was given, or a counter of calls if none ever was.
            epoch: the epoch; a row with an epoch and no step goes to the table of epochs.
            phase: "train", "val", "test" or your own: turns "loss" into "val/loss".
        """
        try:
            self._row(values, step, epoch, phase)
        except Exception as error:  # noqa: BLE001 - logging never ends training; counted and told
            self._refused(error, values, step, epoch, phase)

    def define(
        self, metric: str, *, unit: str | None = None, goal: str | None = None,
        range: tuple[float | None, float | None] | None = None,
        x: str | None = None, summary: str | None = None,
    ) -> None:  # fmt: skip
        """Say what a metric is: unit, goal, valid range, x-axis and summary rule.

        Args:
            metric: its name; a trailing ``*`` covers all metrics that begin so.
            unit: such as "nats" or "s".
            goal: "minimize" or "maximize".
            range: (low, high), None for open; values outside are kept and flagged when read.
            x: the metric (or "step", "epoch", "elapsed", "time") to draw it against.
            summary: "last", "best", "min", "max" or "mean".
        """
        given = {"unit": unit, "goal": goal, "range": range, "x": x, "summary": summary}
        wrong = _wrong_definition(goal, range, summary)
        if wrong:
            self._problem("define", f"define({metric!r}): {wrong}; the definition is ignored")
            return
        data = {key: value for key, value in given.items() if value is not None}
        self._event("define", {"metric": clean_key(metric)[0], **data})

    def tag(self, *tags: str) -> None:
        """Add tags; ``/`` makes them hierarchical (``"ablation/lr"``)."""
        self._event("tag", {"tags": [str(tag) for tag in tags]})

    def untag(self, *tags: str) -> None:
        """Remove tags."""
        self._event("untag", {"tags": [str(tag) for tag in tags]})

    def note(self, text: str) -> None:
        """Replace the run's notes."""
        self._event("note", {"text": str(text)})

    def alert(self, title: str, text: str = "", level: str = "warn") -> None:
        """Record an alert; it is shown, handed to sinks that deliver, and to ``on_alert=``.

        Args:
            title: one line.
            text: more.
            level: "info", "warn" or "error".
        """
        if level not in ("info", "warn", "error"):
            self._problem("alert", f"alert level {level!r} is not info, warn or error: warn taken")
            level = "warn"
        self._event("alert", {"title": str(title), "text": str(text), "level": level})
        if self._on_alert is not None:
            try:
                self._on_alert(title=title, text=text, level=level)
            except Exception as error:  # noqa: BLE001 - the user's callback; counted and told
                self._problem("on_alert", f"on_alert raised {type(error).__name__}: {error}")

    def log_artifact(
        self, path: str | os.PathLike[str], name: str | None = None, type: str = "file"
    ) -> None:
        """Record a file or folder with its size and hash, and hand it to sinks that upload.

        The file stays where it is and is not copied; another thread reads it for the hash, so do
        not change it meanwhile.

        Args:
            path: a file or a folder.
            name: default: its base name.
            type: what it is: "checkpoint", "code", "dataset", …
        """
        full = os.path.abspath(os.fspath(path))
        if not os.path.exists(full):
            self._problem("artifact", f"log_artifact({os.fspath(path)!r}): there is no such file")
        elif not self._finished and self._open_session is not None:
            fields = {"name": str(name or os.path.basename(full)), "type": str(type), "path": full}
            self._open_channel().media.put_artifact(fields)

    def record_background(self, values: dict[str, float], phase: str) -> None:
        """Record numbers that belong to no step, such as samples of the machine; never raises."""
        if self._channel is None or self._finished:
            return
        try:
            self._channel.recorder.background_row(values, phase)
        except ValueError as error:  # the run was finished meanwhile
            logger.debug("a sample came too late: %s", error)

    def record_console(self, fields: Mapping[str, Any]) -> None:
        """Record lines that the program printed or logged (a ``console`` event); never raises."""
        if self._channel is not None and not self._finished:
            self._event("console", fields)

    def before_end(self, stop: Callable[[], None]) -> None:
        """Have something called just before the run's end is recorded, in any thread."""
        self._before_end.append(stop)

    def due(self, kind: str, step: float | None = None, epoch: float | None = None) -> bool:
        """Say whether something that is logged every so often is due now (see the settings).

        Example:
            >>> import epochal
            >>> run = epochal.init(mode="off")
            >>> run.due("gradients", step=0)
            True
        """
        return self._cadence.due(kind, step=step, epoch=epoch, now_s=time.monotonic())

    @property
    def step(self) -> float | None:
        """The last step that was given, None if none ever was."""
        return self._channel.recorder.last_step if self._channel else None

    def flush(self, sync: bool = False, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002
        """Wait until everything logged so far is in the run folder.

        Args:
            sync: also make the disk keep it: it then survives power loss.
            timeout: seconds to wait at most; default 10.

        Returns:
            False if the time was up first; nothing is lost by that.
        """
        if self._channel is None or self._finished:
            return True
        return self._channel.flush(sync=sync, timeout_s=10.0 if timeout is None else timeout)

    def finish(self, state: State = "finished") -> None:
        """End the run; returns within 2 s, whatever the disk does.  Again: does nothing."""
        self._end(state, "")

    def health(self) -> Health:
        """Return how recording stands."""
        channel = self._channel
        if channel is None:
            return Health(ok=True, promise="nothing is recorded: the run is off")
        totals, dropped = self._problems.totals(), channel.recorder.dropped
        lag_s = 0.0 if self._finished else channel.journal.lag_s()
        shared = channel.survives
        return Health(
            ok=not (totals or dropped or channel.journal.failing) and lag_s < 1.0,
            promise="process death" if shared else "nothing before the journal",
            lag_s=lag_s,
            dropped=dropped,
            failing=channel.journal.failing,
            problems=totals,
            waiting_for_device=len(channel.device),
            waiting_media=len(channel.media),
        )

    def __enter__(self) -> Self:
        """Return the run itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Finish; an exception makes the state "failed" (Ctrl-C: "interrupted")."""
        if error is None:
            self._end("finished", "")
        else:
            self.end_with(error)

    def end_with(self, error: BaseException) -> None:
        """Finish because of an exception and keep its traceback."""
        interrupted = isinstance(error, KeyboardInterrupt)
        text = "".join(traceback.format_exception(error))[-20_000:]
        self._end("interrupted" if interrupted else "failed", text)

    def __repr__(self) -> str:
        """Return the class, name and id."""
        return f"<epochal.Run {self.name!r} {self.id}>"

    # -- inside ------------------------------------------------------------------------------

    def _event(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Record an event; False: it could not be, which was told."""
        if self._finished:
            self._row()  # tells it
            return False
        if self._open_session is None:
            return False
        try:
            placed = self._open_channel().recorder.event(kind, data)
        except Exception as error:  # noqa: BLE001 - never ends training; counted and told
            self._problem("event", f"cannot record {kind}: {error}")
            return False
        if not placed:
            self._problem("dropped", f"there was no room to record {kind}: too much at once")
        return placed

    def _problem(self, topic: str, message: str) -> None:
        self._problems.report(topic, message)

    def _refused(self, error: Exception, values: Any, *clock: Any) -> None:
        """Keep what a failed ``log`` was given as an event, then tell or raise."""
        if isinstance(error, LogError):
            raise error
        if self._finished:
            self._row_after_end()
            return
        if not isinstance(values, Mapping):
            why = f"log() takes a mapping of metric names to values, not a {type(values).__name__}"
        elif isinstance(error, OSError):
            why = f"this process cannot write to {self.dir}: {error.strerror or error}"
        else:
            given = ", ".join(
                f"{name}={shown(part)}"
                for name, part in zip(("step", "epoch", "phase"), clock, strict=True)
            )
            why = f"log() cannot use {given}: {error}"
        data = {"key": "", "why": why, "value": shown(values, limit=2000), "step": None}
        self._event("refused", data)
        self._problem("row", f"{why}; the row is kept as a 'refused' event")

    def _end(self, state: str, error: str) -> None:
        channel = self._channel
        if channel is None:  # off, or a forked child that recorded nothing
            self._finished = self._finished or self._open_session is not None
            return
        if channel.recorder.put_aside(lambda: self._end(state, error)):
            return  # called by a signal handler inside log(): done as soon as that call ends
        self._stop_background()
        channel.device.flush(FINISH_TIMEOUT_S * 0.15)  # the end is the last item
        channel.media.finish()
        with channel.recorder.lock:  # what other threads log is before the end, or told
            if self._finished:
                return
            if not self._event("end", {"state": state, "error": error, **self._totals(channel)}):
                self._event("end", {"state": state, "error": "", **self._totals(channel)})
            self._finished, self._row = True, self._row_after_end
            channel.recorder.close()
        self._problems.tell_noted()
        complete = channel.close(FINISH_TIMEOUT_S * 0.45)
        if self._on_finish is not None:
            self._on_finish(self, complete)

    def _stop_background(self) -> None:
        while self._before_end:
            stop = self._before_end.pop()
            try:
                stop()
            except Exception as error:  # noqa: BLE001 - what it records is extra; counted and told
                self._problem("background", f"could not be ended: {type(error).__name__}: {error}")

    def _totals(self, channel: Channel) -> dict[str, Any]:
        return {"dropped": channel.recorder.dropped, "problems": self._problems.totals()}

    def record_resume(self, after: float | None, last_step: float | None, calls: int) -> None:
        """Record that this session goes on with an earlier run, hiding what came after a step."""
        if self._channel is not None:
            self._channel.recorder.go_on(last_step, calls)
        self._event("resume", {"after": after})

    def reopen_in_child(self) -> None:
        """After a fork, in the child: drop the parent's channel; the first call opens a new one."""
        self._before_end.clear()
        self._opening = threading.RLock()
        if self._channel is None or self._finished:
            return
        self._channel.abandon()
        self._channel = None
        self._row = self._first_row_in_child

    def _first_row_in_child(self, *row: Any) -> None:
        self._open_channel().recorder.row(*row)

    def _open_channel(self) -> Channel:
        """Return this process's channel; a forked child makes one when it first needs it."""
        with self._opening:
            if self._channel is None:
                assert self._open_session is not None
                self._channel = Channel(self._open_session, self._problems, self._refused)
                self._row = self._channel.recorder.row
            return self._channel

    def _row_after_end(self, *_: Any) -> None:
        message = f"run {self.name!r} is finished: what is recorded now is lost"
        self._problems.report("finished", message)


def _no_row(*_: Any) -> None:
    """Record nothing: the run is off."""


def _wrong_definition(goal: str | None, limits: Any, summary: str | None) -> str:
    rules = ("last", "best", "min", "max", "mean")
    if goal not in (None, "minimize", "maximize"):
        return f"goal={goal!r} is neither 'minimize' nor 'maximize'"
    if summary is not None and summary not in rules:
        return f"summary={summary!r} is not one of {', '.join(rules)}"
    if limits is not None and (not isinstance(limits, Sequence) or len(limits) != 2):
        return f"range={limits!r} is not a pair (low, high)"
    return ""
