"""The composition root of writing: ``init``, and what hangs on the process.

It gives a :class:`~epochal.record.run.Run` its session, ring, journal and mirrors, and ends the
runs that are still open when the process exits.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from epochal import background
from epochal.core import ring
from epochal.core.errors import RunFolderError, SettingError
from epochal.core.names import new_id, printable, readable_name
from epochal.core.problems import Problems, logger
from epochal.core.records import RunInfo
from epochal.core.redact import redact, redact_argv
from epochal.core.system import host_name
from epochal.journal import recovery
from epochal.journal.frames import segments
from epochal.journal.session import Session
from epochal.journal.writer import JournalWriter
from epochal.mirrors import Mirrors
from epochal.record.cadence import Cadence
from epochal.record.channel import Opened
from epochal.record.config import Config, expand_name
from epochal.record.log_handler import LogHandler
from epochal.record.media_files import MediaFiles
from epochal.record.run import Run
from epochal.record.values import checked_step
from epochal.settings import Settings
from epochal.settings import load as load_settings
from epochal.store import continuing, folder, launch
from epochal.store.continuing import Target

_innermost: contextvars.ContextVar[tuple[Run, ...]] = contextvars.ContextVar(
    "epochal_runs", default=()
)
_open_runs: list[Run] = []


def init(  # noqa: PLR0913 - the one place where everything about a run may be said
    project: str | None = None, name: str | None = None, config: object = None, *,
    preset: str | None = None, group: str | None = None, tags: Sequence[str] | None = None,
    notes: str | None = None, seed: int | Mapping[str, int] | None = None, dir: str | None = None,
    sinks: Any = None, id: str | None = None, resume: str | None = None,
    resume_step: float | str | None = None, fork: tuple[Any, float] | None = None,
    ranks: str | None = None, mode: str | None = None, strict: bool | None = None,
    on_alert: Callable[..., None] | None = None, **switches: Any,
) -> Run:  # fmt: skip
    """Start a run.

    Args:
        project: default: the name of the current folder.
        name: default: a readable unique name; may be a template over config keys: ``"lr-{lr}"``.
        config: nested mapping, dataclass, ``argparse.Namespace``, OmegaConf, or the path of a YAML
            or JSON file.
        preset: "basic", "full", "stability", or a template of your own (see the settings).
        group: runs that are read together.
        tags: short labels; ``/`` makes them hierarchical.
        notes: free text.
        seed: an int, or roles: ``{"data": 1, "init": 2}``.
        dir: folder of all runs; default ``$EPOCHAL_DIR`` or ``./runs``.
        sinks: names, a mapping of names to options, or Sink objects; default ``("csv", "json")``.
        id: an id of your own for a new run, ``[a-z0-9]{8,64}``.
        resume: id, name or path of a run to go on with; "auto": the run of this requeued job, or
            a new one if this is its first start.
        resume_step: hide what the run recorded after this step (it is kept and can be read);
            "last" or "best": the step of that checkpoint, before all steps if there is none.
        fork: (run, step): a new run that begins with another's history up to that step.
        ranks: "zero": only rank 0 of a distributed job writes; on the others every call does
            nothing.  "all": each rank writes its own part of one run, without waiting for others;
            name, config and what else is given here are taken from rank 0.
        mode: "on", or "off": every call does nothing; default ``$EPOCHAL_MODE`` or "on".
        strict: raise what cannot be recorded instead of telling and counting it (for tests).
        on_alert: called as ``on_alert(title=…, text=…, level=…)`` for each alert.
        **switches: any other setting by name, see ``epochal.settings``.

    Raises:
        SettingError: an argument or setting is not allowed.
        ConfigError: the config cannot be read.
        RunFolderError: the run folder cannot be made.
        RunNotFoundError, AmbiguousRunError: ``resume`` or ``fork`` names no single run.

    Example:
        >>> import epochal, tempfile
        >>> run = epochal.init(project="doc", config={"lr": 1e-3}, dir=tempfile.mkdtemp())
        >>> run.log({"train/loss": 0.5}, step=1)
        >>> run.finish()
    """
    settings = load_settings({
        "project": project, "name": name, "config": config, "preset": preset, "group": group,
        "tags": tags, "notes": notes, "dir": dir, "resume": resume, "ranks": ranks, "mode": mode,
        "strict": strict, **_sink_settings(sinks), **switches,
    })  # fmt: skip
    problems = Problems(strict=settings.strict)
    cadence = Cadence(settings.schedule())
    where = launch.place(os.environ)
    together = settings.mode == "on" and settings.ranks == "all" and where.size != 1
    note = launch.Note(settings.dir, settings.project, id, where, os.environ) if together else None
    joined = note.find(problems) if note and where.rank else None
    if settings.mode == "off" or (where.rank and joined is None):
        about = RunInfo(id=id or new_id(), name=name or "off", project="", slug="off", dir="")
        return Run(
            about, config=Config(settings.config), open_session=None, cadence=cadence,
            problems=problems, checkpoints=lambda: background.checkpoints(settings),
        )  # fmt: skip
    if joined:
        settings = _beside_rank_zero(settings, joined, where)
    mirrors = Mirrors(settings, problems)
    target = joined or _target(
        settings, _describe(settings, mirrors, _checked_id(id), seed), resume_step, fork, id
    )
    about = folder.info(target.run_dir)
    sessions = _Sessions(about, target, where.rank, problems, _media_off(settings))
    try:
        run = Run(
            about, config=_config(settings, about, target), open_session=sessions.open,
            cadence=cadence, problems=problems, on_alert=on_alert,
            on_finish=lambda run, complete: _finished(run, mirrors, note, complete=complete),
            checkpoints=lambda: background.checkpoints(settings, target, where.rank),
        )  # fmt: skip
    except OSError as error:
        message = f"cannot write to the run folder {about.dir}: {error.strerror or error}"
        raise RunFolderError(message) from error
    if target.resumed:
        run.record_resume(target.hides_after, target.last_step, target.calls)
        if settings.config and not joined:
            run.config.update(settings.config)
    if note and not joined:
        sessions.tell_other_ranks(note, run.config.to_dict())
    mirrors.follow(run.dir, where.rank)
    _register(run)
    if not joined:
        _announce(run, settings)
    background.start(run, settings)
    return run


def current_run() -> Run | None:
    """Return the innermost active run of this context (else the last one started), or None."""
    here = [run for run in _innermost.get() if run in _open_runs]
    return here[-1] if here else (_open_runs[-1] if _open_runs else None)


LogHandler.current = staticmethod(current_run)


def log(
    values: Mapping[str, Any], step: float | None = None, *, epoch: float | None = None,
    phase: str | None = None,
) -> None:  # fmt: skip
    """Record values on the current run, see :meth:`Run.log`; without a run it tells so once."""
    run = current_run()
    if run is None:
        _without_run.tell("no run", "epochal.log() without a run: call epochal.init() first")
        return
    run.log(values, step, epoch=epoch, phase=phase)


_without_run = Problems()


class _Sessions:
    """Opens the sessions of one run in this process: at the start, and again after a fork."""

    def __init__(
        self, about: RunInfo, target: Target, rank: int, problems: Problems, off: frozenset[str]
    ) -> None:
        self._about, self._target, self._rank, self._problems = about, target, rank, problems
        self._off = off
        self._first: Session | None = None

    def open(self) -> Opened:
        """Return a locked ring, a writer and a place for media for a new session."""
        target = self._target
        ordinal = target.ordinal if self._first is None else None
        session = Session(
            self._about.id, ordinal or continuing.next_ordinal(target.run_dir), rank=self._rank,
            elapsed_ns=target.elapsed_ns, hides_after=target.hides_after,
        )  # fmt: skip
        if self._first is None:
            self._first = session
        else:  # a forked child: the same run goes on
            session.elapsed_ns = self._first.elapsed_ns + session.mono_ns - self._first.mono_ns
            session.hides_after, session.role = None, "fork"
            _end_with_process()
        made = ring.create(ring.choose_capacity(), session.identity(target.run_dir))
        session.ring = made.path
        writer = JournalWriter(target.run_dir, session, self._problems.tell)
        files = MediaFiles(target.run_dir, f"{session.ordinal:04d}-{session.id}")
        return Opened(made, writer, files, self._off)

    def tell_other_ranks(self, note: launch.Note, config: Mapping[str, Any]) -> None:
        """Leave the note by which the other ranks of the job find the run."""
        if self._first and (wrong := note.leave(self._target, self._first, config)):
            self._problems.report("ranks", wrong)


def _config(settings: Settings, about: RunInfo, target: Target) -> Config:
    """Return the config as this process goes on with it."""
    if not target.resumed or target.ordinal is not None:  # new, or made by rank 0
        return Config(settings.config)
    config = Config(about.config)
    for update in target.config_updates:
        config.update(update)
    return config


def _beside_rank_zero(settings: Settings, joined: Target, where: launch.Place) -> Settings:
    """Return a rank's settings: rank 0 has the mirrors, one rank of each host its samples."""
    (recorded,) = joined.config_updates
    samples = where.local_rank == 0
    return replace(
        settings, sinks=(), follow="off", config=launch.as_recorded(settings.config, recorded),
        log_system=settings.log_system and samples, log_memory=settings.log_memory and samples,
    )  # fmt: skip


def _media_off(settings: Settings) -> frozenset[str]:
    """Return the types of media that the settings switch off."""
    schedule = settings.schedule()
    kinds = {"images": ("image", "figure"), "video": ("video",), "audio": ("audio",),
             "text": ("text",)}  # fmt: skip
    return frozenset(
        type_ for kind, types in kinds.items() if not schedule[kind].count for type_ in types
    )


def _sink_settings(sinks: Any) -> dict[str, Any]:
    """Return the settings for ``sinks=``; a mapping gives names with their options."""
    if not isinstance(sinks, Mapping):
        return {"sinks": sinks}
    options = {name: dict(given or {}) for name, given in sinks.items()}
    return {"sinks": list(sinks), "sink_options": options}


def _describe(
    settings: Settings, mirrors: Mirrors, run_id: str, seed: int | Mapping[str, int] | None
) -> dict[str, Any]:
    """Return what ``run.json`` says: who, what, config, environment at the start."""
    config = dict(settings.config)
    return {
        "id": run_id,
        "name": expand_name(settings.name, config) if settings.name else readable_name(),
        "project": settings.project,
        "group": settings.group,
        "job_type": settings.job_type,
        "tags": list(settings.tags),
        "notes": settings.notes,
        "seed": seed if seed is None or isinstance(seed, int) else dict(seed),
        "created_s": time.time(),
        "config": redact(config),
        "preset": settings.preset,
        **mirrors.describe(),
        "job": settings.job or continuing.job_key(os.environ),
        "fork": None,
        "argv": redact_argv(sys.argv),
        "cwd": os.getcwd(),
        "python": sys.version.split()[0],
        "pid": os.getpid(),
        "host": host_name(),
    }


def _target(
    settings: Settings, description: dict[str, Any], step: float | str | None,
    fork: tuple[Any, float] | None, run_id: str | None,
) -> Target:  # fmt: skip
    """Find the run to go on with, or make a new one."""
    if step is not None and step not in background.RESUMABLE:
        step = _checked(step, "resume_step")
    found, wanted = None, settings.resume
    if wanted is not None:
        found = continuing.find(settings.dir, description["project"], wanted, description["job"])
    if found is not None:
        for session in {segment.session for segment in segments(os.path.join(found, "journal"))}:
            with contextlib.suppress(OSError):  # a full disk: the follower process tries again
                recovery.recover(session=session)
        return background.target(found, step)
    if step is not None and wanted != "auto":
        message = f"resume_step={step!r} needs resume=: which run is to go on?"
        raise SettingError(message)
    if run_id is not None and any(
        folder.run_id(path) == run_id for path in folder.run_folders(settings.dir)
    ):
        message = f"id={run_id!r} is the id of a run in {settings.dir}: resume={run_id!r} goes on"
        raise SettingError(f"{message} with it")
    if fork is not None:
        description["fork"] = continuing.fork_of(settings.dir, fork)
        _checked(description["fork"]["step"], "the step of fork")
    return Target(folder.create(settings.dir, description))


def _checked(step: object, name: str) -> float:
    try:
        return checked_step(step)
    except ValueError as error:
        message = f"{name}={step!r}: {error}"
        raise SettingError(message) from error


def _checked_id(wanted: str | None) -> str:
    if wanted is None:
        return new_id()
    plain = wanted.isascii() and wanted.isalnum() and wanted == wanted.lower()
    if not (plain and 8 <= len(wanted) <= 64):
        message = f"id={wanted!r} is not 8 to 64 characters of a-z and 0-9"
        raise SettingError(message)
    return wanted


# -- the process -----------------------------------------------------------------------------


def _announce(run: Run, settings: Settings) -> None:
    """Say once in a process where the run is and how to watch it, on a terminal only."""
    here = sys.modules.get("multiprocessing.process")
    if _announced or (here is not None and here.parent_process() is not None):
        return
    _announced.append(run.id)
    place = os.path.relpath(settings.dir)
    command = "epochal serve" if place == "runs" else f"epochal serve {shlex.quote(place)}"
    message = f"recording {printable(run.name)} to {printable(os.path.relpath(run.dir))}"
    logger.info("%s; watch it: %s", message, command)
    with contextlib.suppress(OSError, ValueError, AttributeError):  # stderr is closed, or is None
        if sys.stderr.isatty():
            print(f"epochal: {message}\nepochal: watch it: {command}", file=sys.stderr)  # noqa: T201


_announced: list[str] = []


def _register(run: Run) -> None:
    if not _open_runs and not _hooks:
        _hooks.append(atexit.register(_at_exit))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)
    _end_with_process()
    _open_runs.append(run)
    _innermost.set((*(r for r in _innermost.get() if r in _open_runs), run))


_hooks: list[object] = []


def _end_with_process() -> None:
    """Make multiprocessing end the runs: its children leave without the hooks of ``atexit``."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _at_exit, exitpriority=0)


def _finished(run: Run, mirrors: Mirrors, note: launch.Note | None, *, complete: bool) -> None:
    with contextlib.suppress(ValueError):
        _open_runs.remove(run)
    if not complete:
        logger.warning(
            "run %s: the disk did not take everything in time; the rest is kept in memory that"
            " outlives this process and is saved by `epochal recover`", run.name,
        )  # fmt: skip
    if note:
        note.take_back()
    mirrors.finish(run.dir)


def _at_exit() -> None:
    """End the runs that are still open, with the state that the interpreter's exit tells."""
    # In a notebook or at a prompt the last error was one of many cells, and not the end.
    interactive = hasattr(sys, "ps1") or "ipykernel" in sys.modules
    error = None if interactive else getattr(sys, "last_value", None)
    for run in tuple(_open_runs):  # finishing takes a run off the list
        if isinstance(error, BaseException):
            run.end_with(error)
        else:
            run.finish()


def _after_fork() -> None:
    """In a forked child: everything of the parent's is let go."""
    ring.forget_own_rings()
    Mirrors.abandon()
    for run in _open_runs:
        run.reopen_in_child()
