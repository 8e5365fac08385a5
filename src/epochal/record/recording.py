"""The life of a run in this process: what it writes to, how it ends, how it survives a fork."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

from epochal.core.errors import CheckpointError, EpochalError, LogError
from epochal.core.problems import Problems
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


class Checkpoints(Protocol):
    """What a run needs of its checkpoints (``epochal.checkpoints.of_run``)."""

    def save(self, *args: Any, **kwargs: Any) -> str | None:
        """Save a checkpoint; return its path, None if this process saves none."""

    def load(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Load a checkpoint and give each part its state back."""


class Recording:
    """Opens, waits for and ends what a run writes to; the base of ``Run``, which says what."""

    def __init__(
        self, info: RunInfo, *, config: Config, open_session: OpenSession | None,
        cadence: Cadence, problems: Problems, on_alert: Callable[..., None] | None = None,
        on_finish: Callable[[Any, bool], None] | None = None,
        checkpoints: Callable[[], Checkpoints] | None = None,
    ) -> None:  # fmt: skip
        self.id, self.name, self.project, self.dir = info.id, info.name, info.project, info.dir
        self.config = config
        self.summary = Summary(lambda values: self._event("summary", {"values": values}))
        config.on_update = lambda update: self._event("config", {"update": redact(update)})
        self._open_session, self._problems, self._cadence = open_session, problems, cadence
        self._on_alert, self._on_finish = on_alert, on_finish
        self._before_end: list[Callable[[], None]] = []
        self._attached: list[Mapping[str, Any]] = []
        self._open_checkpoints = checkpoints
        self._known_checkpoints: Checkpoints | None = None
        self._goals: dict[str, str] = {}
        self._finished = False
        self._opening = threading.RLock()
        self._channel: Channel | None = None
        self._row: Callable[..., None] = _no_row
        if open_session is not None:
            self._open_channel()

    def before_end(self, stop: Callable[[], None]) -> None:
        """Have something called just before the run's end is recorded, in any thread."""
        self._before_end.append(stop)

    @property
    def recording(self) -> bool:
        """Whether what is logged now is recorded: the run is neither off nor finished."""
        return self._open_session is not None and not self._finished

    def report_problem(self, topic: str, message: str) -> None:
        """Tell what an instrument could not do: once per topic, and counted in ``health()``."""
        self._problem(topic, message)

    def new_cadence(self, changes: Mapping[str, Any] | None = None) -> Cadence:
        """Return a cadence with this run's intervals for one that counts its own steps.

        Args:
            changes: kind to interval, as in the setting ``cadence``.
        """
        return Cadence({**self._cadence.table, **(changes or {})})

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

    def _checkpoints(self) -> Checkpoints:
        """Return what saves and loads checkpoints; it is made when it is first needed."""
        if self._known_checkpoints is None:
            if self._open_checkpoints is None:
                message = f"run {self.name!r} has no checkpoints: it was not made by epochal.init"
                raise CheckpointError(message)
            self._known_checkpoints = self._open_checkpoints()
        return self._known_checkpoints

    def _save_checkpoint(
        self, parts: Mapping[str, Any], facts: Mapping[str, Any], *, goal: str | None,
        monitor: str | None, **how: Any,
    ) -> str | None:  # fmt: skip
        try:
            return self._checkpoints().save(
                parts, facts, monitor=monitor, goal=goal or self._goal_of(monitor),
                record=self._event, tell=self._checkpoint_problem, **how,
            )  # fmt: skip
        except Exception as error:
            if self._problems.strict:
                raise
            why = error if isinstance(error, EpochalError) else f"{type(error).__name__}: {error}"
            self._checkpoint_problem(f"a checkpoint was not saved: {why}")
            return None

    def _checkpoint_problem(self, message: str) -> None:
        self._problems.report("checkpoint", message, detail=message)

    def _goal_of(self, metric: str | None) -> str | None:
        """Return the goal that was defined for a metric, or for the longest beginning of it."""
        fitting = [
            name for name in self._goals
            if metric and (name == metric or (name.endswith("*") and metric.startswith(name[:-1])))
        ]  # fmt: skip
        longest = max(fitting, key=lambda name: (name == metric, len(name)), default=None)
        return None if longest is None else self._goals[longest]

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
        self._record_attached(None, None)
        if not channel.device.flush(FINISH_TIMEOUT_S * 0.15):  # the end is the last item
            late = len(channel.device)
            self._problem("late", f"the device is not done: {late:,} rows waiting for it are lost")
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
        self._attached.clear()
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

    def _row_and_attached(self, values: Any, step: Any, epoch: Any, phase: Any) -> None:
        """Record a row, and with it what waited for one."""
        row = self._row = self._open_channel().recorder.row
        try:
            row(values, step, epoch, phase)
        finally:
            self._record_attached(step, epoch)

    def _record_attached(self, step: Any, epoch: Any) -> None:
        while self._attached:
            values = self._attached.pop(0)
            try:
                self._open_channel().recorder.attached_row(values, step, epoch)
            except Exception as error:  # noqa: BLE001 - as for any row: counted and told
                self._refused(error, values, step, epoch, None)

    def _row_after_end(self, *_: Any) -> None:
        message = f"run {self.name!r} is finished: what is recorded now is lost"
        self._problems.report("finished", message)


def _no_row(*_: Any) -> None:
    """Record nothing: the run is off."""
