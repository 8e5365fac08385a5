"""A launch: the processes of one distributed job, of which each writes its part of one run.

Rank 0 makes the run and leaves a note of it, ``.launch-<key>.json`` in the folder of all runs.
Every other rank looks for that note, and from then on has a session of its own in the run: its own
memory and its own files.  Rank 0 never waits, nothing is locked, and no rank talks to another.

The key is made of what is the same for all ranks of a launch and for nobody else.  A note of an
earlier launch with the same key is told by its rank 0: that has ended, or is dead, and had begun
before this process did.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from epochal.core.atomic import write_atomically
from epochal.core.names import slug
from epochal.core.problems import Problems
from epochal.core.redact import redact
from epochal.core.shapes import (
    BOOL,
    CLOCK_NS,
    COUNT,
    ID,
    INT,
    PATH,
    PROCESS,
    STEP,
    TEXT,
    TREE,
    Shape,
    maybe,
    shaped,
)
from epochal.core.system import host_name, open_plain
from epochal.journal import frames
from epochal.journal.session import Session, boot_id
from epochal.store import sealed
from epochal.store.continuing import Target
from epochal.store.liveness import Life, life

WAIT_S = 60.0
"""How long a rank looks for the note of rank 0."""

SKEW_S = 30.0
"""So far apart may be the starts of a launch's processes on different hosts, clocks included."""

FORGOTTEN_S = 86400.0
"""Notes so old, whose rank 0 is gone, are removed by the next launch."""

LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
)  # fmt: skip
"""Variables of each launcher: rank, number of ranks, and both on this host."""

IDENTITY = (
    "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "SLURM_JOB_ID", "SLURM_STEP_ID",
    "SLURM_RESTART_COUNT", "PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid",
)  # fmt: skip
"""Variables that are the same for all ranks of a launch."""

_OF_SESSION = Shape(
    {"session": ID, "ordinal": COUNT, "host": TEXT, "boot": TEXT, "pid": PROCESS,
     "wall_ns": CLOCK_NS, "mono_ns": CLOCK_NS, "elapsed_ns": CLOCK_NS, "hides_after": maybe(STEP)}
)  # fmt: skip
_NOTE = Shape(
    {"run_dir": PATH, "since_boot_ns": CLOCK_NS, "resumed": BOOL, "last_step": maybe(STEP),
     "calls": INT, "config": TREE, "descriptor": shaped("of a session", _OF_SESSION)}
)  # fmt: skip
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Place(NamedTuple):
    """Which process of a distributed job this is.

    Attributes:
        rank: 0 outside a job.
        size: how many ranks there are, 1 outside a job, 0 if that is not known.
        local_rank, local_size: the same on this host; -1 and 0 if they are not known.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = -1
    local_size: int = 0


def place(environ: Mapping[str, str]) -> Place:
    """Return this process's place: told by ``torch.distributed`` if it runs, else by variables.

    Example:
        >>> place({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "3"})
        Place(rank=3, size=8, local_rank=3, local_size=0)
    """
    found = Place()
    for rank, *others in LAUNCHERS:
        if environ.get(rank, "").isdigit():
            unknown = (0, -1, 0)
            given = (environ.get(name, "") for name in others)
            read = [int(t) if t.isdigit() else u for t, u in zip(given, unknown, strict=True)]
            found = Place(int(environ[rank]), *read)
            break
    torch = sys.modules.get("torch.distributed")
    if torch is not None and getattr(torch, "is_initialized", bool)():
        told = Place(torch.get_rank(), torch.get_world_size())
        return found if told[:2] == found[:2] else told
    return found


class Note:
    """The note by which the ranks of one launch find their run.

    Args:
        base: folder of all runs.
        project: the run's project.
        run_id: id that the user gave to all ranks, None if there is none.
        where: this process's place.
        environ: environment variables.
    """

    def __init__(
        self, base: str, project: str, run_id: str | None, where: Place, environ: Mapping[str, str]
    ) -> None:
        self._base, self._rank, self._size = base, where.rank, where.size
        self._pid = os.getpid()
        said = [slug(project), run_id or "", str(where.size), *_of_launcher(where, environ)]
        number = _calls[tuple(said)] = _calls.get(tuple(said), 0) + 1
        self._path = os.path.join(base, f".launch-{_hash([*said, str(number)])}.json")
        self._session = ""
        self._run_dir, self._ordinal = "", 0

    def leave(self, target: Target, session: Session, config: Mapping[str, Any]) -> str:
        """Leave the note, as rank 0; return what is wrong, "" if nothing is.

        Args:
            target: how this rank goes on with the run.
            session: of this rank.
            config: the run's.
        """
        self._session, self._run_dir, self._ordinal = session.id, target.run_dir, session.ordinal
        before = _read(self._path)
        _remove_forgotten(self._base)
        relative = os.path.relpath(target.run_dir, self._base)
        inside = not relative.startswith(os.pardir)
        body = {
            "run_dir": relative if inside else target.run_dir, "since_boot_ns": _since_boot_ns(),
            "resumed": target.resumed, "last_step": target.last_step, "calls": target.calls,
            "config": redact(dict(config)), "descriptor": session.describe(),
        }  # fmt: skip
        try:
            write_atomically(self._path, json.dumps(body, default=str).encode("ascii"))
        except OSError as error:
            return f"the other ranks cannot be told of the run: {error}"
        if before and _is_here(before) and _life(self._base, before) is Life.ALIVE:
            return (
                f"another launch on this host looks the same to Epochal (its rank 0 is process"
                f" {before['descriptor']['pid']}): give each launch an id= of its own, the same for"
                " all of its ranks"
            )
        return ""

    def find(self, problems: Problems) -> Target | None:
        """Return where this rank writes, as soon as rank 0 has said it.

        Args:
            problems: told if rank 0 has not said it within :data:`WAIT_S`; None is returned then.
        """
        deadline = time.monotonic() + WAIT_S
        pause_s = 0.005
        while True:
            body = self._note()
            if body is not None and self._is_ours(body):
                found, self._session = self._target(body), body["descriptor"]["session"]
                self._run_dir, self._ordinal = found.run_dir, body["descriptor"]["ordinal"]
                return found
            if time.monotonic() >= deadline:
                problems.report("ranks", self._not_found())
                return None
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.2)

    def _not_found(self) -> str:
        return (
            f"rank {self._rank} found no run of rank 0 in {self._base} within {WAIT_S:.0f} s and"
            " records nothing: all ranks need ranks='all' and the same dir= and project=, and id="
            " (the same for all) if their launcher is not known"
        )

    def take_back(self) -> None:
        """Remove the note, at the end of any rank, if all have come; else one may be late."""
        if os.getpid() != self._pid or not self._session:
            return
        journal = frames.segments(os.path.join(self._run_dir, "journal"))
        done = sealed.sealed_segments(os.path.join(self._run_dir, "sealed"))
        came = {each.session for each in [*journal, *done] if each.ordinal == self._ordinal}
        all_came = len(came) >= self._size if self._size else self._rank == 0
        body = _read(self._path)
        if all_came and body and body["descriptor"]["session"] == self._session:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _note(self) -> dict[str, Any] | None:
        # Listing first makes NFS look again; a name that was not there is remembered for a minute.
        with contextlib.suppress(OSError):
            if os.path.basename(self._path) in os.listdir(self._base):
                return _read(self._path)
        return None

    def _is_ours(self, body: Mapping[str, Any]) -> bool:
        """Say whether rank 0 of this launch has left the note, and not one of an earlier launch."""
        alive = _life(self._base, body) is Life.ALIVE
        began_ns = _start_of_process_ns("self")
        if began_ns is None:
            return alive
        if _is_here(body):  # it may be that rank 0 has ended before this rank came
            return alive or body["since_boot_ns"] >= began_ns
        wall_s = time.time() - (_since_boot_ns() - began_ns) / 1e9
        return alive and float(body["descriptor"]["wall_ns"]) / 1e9 >= wall_s - SKEW_S

    def _target(self, body: Mapping[str, Any]) -> Target:
        said = body["descriptor"]
        if _is_here(body):
            passed_ns = time.monotonic_ns() - said["mono_ns"]
        else:
            passed_ns = time.time_ns() - said["wall_ns"]
        return Target(
            _run_dir(self._base, body), resumed=body["resumed"], last_step=body["last_step"],
            elapsed_ns=max(0, said["elapsed_ns"] + passed_ns), calls=body["calls"],
            hides_after=said["hides_after"], ordinal=said["ordinal"],
            config_updates=[body["config"]],
        )  # fmt: skip


_calls: dict[tuple[str, ...], int] = {}
"""How many runs this process has begun with each launch: the ranks' first ones belong together."""


def as_recorded(given: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config that rank 0 recorded, with this rank's own value where one was redacted.

    Example:
        >>> as_recorded({"lr": 1, "token": "abc"}, {"lr": 2, "token": "[redacted]"})
        {'lr': 2, 'token': 'abc'}
    """
    hidden, found = redact(dict(given)), dict(recorded)
    for key, value in recorded.items():
        mine = given.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            found[key] = as_recorded(mine, value)
        elif key in given and hidden.get(key) == value:
            found[key] = mine
    return found


# -- inside ----------------------------------------------------------------------------------


def _of_launcher(where: Place, environ: Mapping[str, str]) -> list[str]:
    """Return what tells this launch from others; of one host also which host and, at need, who."""
    said = [f"{name}={environ[name]}" for name in IDENTITY if environ.get(name)]
    if not _on_one_host(where, environ):
        return said
    if not said:  # processes that were started by hand have nothing in common but their parent
        parent = os.getppid()
        said.append(f"{parent} {_start_of_process_ns(str(parent))}")
    return [*said, host_name()]


def _on_one_host(where: Place, environ: Mapping[str, str]) -> bool:
    master = environ.get("MASTER_ADDR", "")
    nodes = environ.get("SLURM_STEP_NUM_NODES") or environ.get("SLURM_NNODES") or ""
    if where.local_size and where.size:
        return where.local_size == where.size
    if master in _LOOPBACK:
        return True
    return nodes == "1" if nodes else not master


def _hash(parts: list[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _read(path: str) -> dict[str, Any] | None:
    """Return a note, None if there is none or it is not one."""
    try:
        with open_plain(path) as file:
            body = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and not _NOTE.fault(body) else None


def _run_dir(base: str, body: Mapping[str, Any]) -> str:
    return os.path.abspath(os.path.join(base, body["run_dir"]))


def _is_here(body: Mapping[str, Any]) -> bool:
    """Say whether rank 0 is on this host, and since the host was started."""
    said = body["descriptor"]
    return bool(said["host"] == host_name() and said["boot"] == boot_id())


def _life(base: str, body: Mapping[str, Any]) -> Life:
    """Return what is known of rank 0's process."""
    try:
        return life(_run_dir(base, body), body["descriptor"]["session"])
    except (OSError, IndexError):  # sealed, or deleted
        return Life.ENDED


def _remove_forgotten(base: str) -> None:
    with contextlib.suppress(OSError):
        for name in os.listdir(base):
            path = os.path.join(base, name)
            if not (name.startswith(".launch-") and name.endswith(".json")):
                continue
            body = _read(path)
            old = time.time() - os.path.getmtime(path) > FORGOTTEN_S
            if old and (body is None or _life(base, body) is not Life.ALIVE):
                os.unlink(path)


def _since_boot_ns() -> int:
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


def _start_of_process_ns(pid: str) -> int | None:
    """Return when a process was started, nanoseconds since the host was; None: not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
