"""``Run``: what the training loop holds.  It only turns calls into records."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from epochal.core.names import clean_key
from epochal.core.problems import logger
from epochal.record.recording import Recording


class Run(Recording):
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

    def with_next_row(self, values: Mapping[str, Any]) -> None:
        """Record values with the next row that is logged: they get its step, epoch and time.

        For what is measured inside a step whose number only the training loop knows, such as
        gradients seen from a hook of the optimizer.

        Example:
            >>> import epochal, tempfile
            >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
            ...     run.with_next_row({"gradients/norm": 2.0})
            ...     run.log({"loss": 0.5}, step=7)
            >>> epochal.RunView(run.dir).series("gradients/norm").steps.tolist()
            [7]
        """
        if self._open_session is None or self._finished:
            return
        self._attached.append(values)
        self._row = self._row_and_attached

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
        wrong = _wrong_definition(goal, range, summary)
        if wrong:
            self._problem("define", f"define({metric!r}): {wrong}; the definition is ignored")
            return
        given = {"unit": unit, "goal": goal, "range": _edges(range), "x": x, "summary": summary}
        data = {key: value for key, value in given.items() if value is not None}
        if goal is not None:
            self._goals[metric] = goal
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

    def save_checkpoint(  # noqa: PLR0913, PLR0917 - what a training has to keep
        self, model: Any = None, optimizer: Any = None, scheduler: Any = None,
        epoch: float | None = None, step: float | None = None, loss: Any = None,
        metrics: Mapping[str, Any] | None = None, monitor: str | None = None,
        goal: str | None = None, keep_last: int | None = None, *, final: bool = False,
        ema: Any = None, extra: Any = None, generators: Mapping[str, Any] | None = None,
        best: bool = False, path: str | os.PathLike[str] | None = None,
    ) -> str | None:  # fmt: skip
        """Save the state of the training as ``checkpoint_epoch_E_step_S.pt``, and record it.

        The file is there whole or not at all, whatever happens, and on disk when this returns.
        What cannot be saved is told and counted, and never ends the training.

        Args:
            model: a module, a state dict, or a mapping of names to modules.  It is saved without
                ``DistributedDataParallel`` and ``torch.compile`` around it.
            optimizer: likewise.
            scheduler: likewise.
            epoch: the epoch that was completed.
            step: the last step of it; by default the last one logged.
            loss: the training's loss.
            metrics: numbers by name.
            monitor: the metric in ``metrics`` by which the best checkpoint is chosen; that one is
                ``best_model.pt`` too.
            goal: "minimize" or "maximize"; default: what ``define`` said of the metric, else
                "minimize" for names with words such as loss, error or perplexity.
            keep_last: remove older checkpoints but for so many, the best one and final ones.
            final: it is the last one of the training: ``final_model.pt`` too.
            ema: an averaged copy of the model.
            extra: anything else, of plain types and tensors.
            generators: your own generators of random numbers by name, such as a DataLoader's.
            best: it is the best one so far by your own judgment, instead of ``monitor``.
            path: another file; a checkpoint that was saved there before is replaced.

        Returns:
            The file's path, None if nothing was saved.

        Raises:
            CheckpointError: with ``strict=True`` only: it cannot be saved, or monitor, goal or
                keep_last is wrong.
        """
        facts = {"epoch": epoch, "step": self.step if step is None else step, "loss": loss,
                 "metrics": metrics, "config": self.config.to_dict(), "extra": extra}  # fmt: skip
        parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "ema": ema}
        return self._save_checkpoint(
            parts, facts, monitor=monitor, goal=goal, keep_last=keep_last, final=final,
            generators=generators, best=best, path=path,
        )  # fmt: skip

    def load_checkpoint(
        self, which: str | os.PathLike[str] = "last", model: Any = None, optimizer: Any = None,
        scheduler: Any = None, ema: Any = None, *, rng: bool = True,
        generators: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Load a checkpoint and give what it holds back to what is given.

        It is loaded to the host, with ``weights_only=True``: no code in it is ever run.  Its hash
        is compared with the recorded one.

        Args:
            which: "last": the newest one that is sound (if a newer one is damaged, that is
                logged); "best"; "final"; or a path.
            model: what gets the model's state back, a module or a mapping of names to modules.
            optimizer: likewise.
            scheduler: likewise.
            ema: the averaged copy of the model.
            rng: also set the generators of random numbers of Python, NumPy, PyTorch and CUDA; on
                ranks above 0 of ``torch.distributed`` they are left alone, as they are rank 0's.
            generators: your own generators, by the names under which they were saved.

        Returns:
            The whole dictionary: ``epoch step loss metrics config …``.

        Raises:
            CheckpointError: there is none, it is damaged, or it does not fit what was given.
        """
        parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "ema": ema}
        return self._checkpoints().load(which, parts, rng=rng, generators=generators)

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


def _wrong_definition(goal: str | None, limits: Any, summary: str | None) -> str:
    rules = ("last", "best", "min", "max", "mean")
    if goal not in (None, "minimize", "maximize"):
        return f"goal={goal!r} is neither 'minimize' nor 'maximize'"
    if summary is not None and summary not in rules:
        return f"summary={summary!r} is not one of {', '.join(rules)}"
    try:
        _edges(limits)
    except (TypeError, ValueError):
        return f"range={limits!r} is not a pair of numbers (low, high)"
    return ""


def _edges(limits: Any) -> list[float | None] | None:
    """Return both ends of a range as Python's numbers; TypeError, ValueError: it is none."""
    if limits is None:
        return None
    low, high = limits
    return [None if edge is None else float(edge) for edge in (low, high)]
