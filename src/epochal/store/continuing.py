"""Going on with a run, and beginning one from another's history."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epochal.core import items
from epochal.core.errors import RunNotFoundError, SettingError
from epochal.core.event_shapes import fault
from epochal.core.items import IMPLICIT_STEP, Layout, RowItem
from epochal.core.names import slug
from epochal.journal import frames
from epochal.journal.frames import Frame, Segment
from epochal.journal.session import is_sound, next_ordinal
from epochal.store import folder, sealed
from epochal.store.events import of_manifest

__all__ = ["Target", "find", "fork_of", "job_key", "next_ordinal", "target"]

JOB_VARIABLES = (
    ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"), ("SLURM_JOB_ID",), ("LSB_JOBID",),
    ("PBS_JOBID",), ("AWS_BATCH_JOB_ID",), ("KUBERNETES_JOB_NAME",),
)  # fmt: skip
"""Environment variables that stay the same when a scheduler starts a job again."""


@dataclass(frozen=True)
class Target:
    """The run folder that a new session goes to.

    Attributes:
        run_dir: absolute path.
        resumed: the run existed before.
        elapsed_ns: how long it had been going.
        last_step: the last step that was given, None if none ever was.
        calls: if no step was ever given, the next number of the counter of calls.
        hides_after: what came after this step is hidden from now on, None: nothing.
        ordinal: of the new session, None: the next one.
        config_updates: what was changed in the config since the start, in order.
    """

    run_dir: str
    resumed: bool = False
    elapsed_ns: int = 0
    last_step: float | None = None
    calls: int = 0
    hides_after: float | None = None
    ordinal: int | None = None
    config_updates: list[dict[str, Any]] = field(default_factory=list)


def job_key(environ: Mapping[str, str]) -> str | None:
    """Return the scheduler's name for this job, the same across requeues; None outside one."""
    for names in JOB_VARIABLES:
        if all(environ.get(name) for name in names):
            return "-".join([names[0], *(environ[name] for name in names)])
    return None


def find(base: str, project: str, wanted: str, job: str | None) -> str | None:
    """Return the folder of the run to go on with; None: "auto" and it is the first start.

    Raises:
        SettingError: "auto" outside a job that could be recognized.
        RunNotFoundError, AmbiguousRunError: no single run has that name.
    """
    if wanted != "auto":
        return folder.find(base, wanted)
    if job is None:
        message = (
            "resume='auto' needs a job that can be recognized when it starts again: run under"
            " SLURM, LSF, PBS or a Kubernetes job, or set EPOCHAL_JOB to a name of your own"
        )
        raise SettingError(message)
    here = os.path.join(base, slug(project))
    fitting = [path for path in folder.run_folders(here) if folder.is_run(path)]
    mine = [about for path in fitting if (about := folder.describe(path)).get("job") == job]
    if not mine:
        return None
    newest = max(mine, key=lambda about: float(about["created_s"]))
    return folder.find(here, str(newest["id"]))


def fork_of(base: str, fork: tuple[Any, float]) -> dict[str, Any]:
    """Return the ``fork`` entry of a new run's description.

    Args:
        base: folder of all runs.
        fork: (run, step); the run is a Run, a RunView, an id, a name or a path.

    Raises:
        SettingError: it is no such pair.
        RunNotFoundError, AmbiguousRunError: no single run has that name.
    """
    try:
        parent, step = fork
        where = getattr(parent, "dir", None) or folder.find(base, str(parent))
        return {"run": folder.describe(where)["id"], "dir": os.path.abspath(where), "step": step}
    except (TypeError, ValueError) as error:
        if isinstance(error, RunNotFoundError):
            raise
        message = f"fork={fork!r} is not a pair (run, step)"
        raise SettingError(message) from error


def target(run_dir: str, hides_after: float | None = None) -> Target:
    """Return how a new session goes on with an existing run."""
    ends = _ends(run_dir)
    steps = [end.step for end in ends if end.step is not None]
    last_step = steps[-1] if steps else None
    calls = 0
    if last_step is not None and not any(end.steps_given for end in ends):
        calls, last_step = int(last_step) + 1, None
    return Target(
        run_dir,
        resumed=True,
        elapsed_ns=max((end.elapsed_ns for end in ends), default=0),
        last_step=last_step if hides_after is None else hides_after,
        calls=calls,
        hides_after=hides_after,
        config_updates=[update for end in ends for update in end.config_updates],
    )


class _End(NamedTuple):
    """How far a segment goes, and what it changes in the config; of other ranks only the time."""

    elapsed_ns: int
    step: float | None
    steps_given: bool
    config_updates: list[dict[str, Any]]


def _ends(run_dir: str) -> list[_End]:
    """Return the ends of a run's segments in reading order."""
    journal, target_dir = os.path.join(run_dir, "journal"), os.path.join(run_dir, "sealed")
    ends = []
    for segment in sorted({*frames.segments(journal), *sealed.sealed_segments(target_dir)}):
        path = os.path.join(journal, segment.name)
        if os.path.exists(path):
            ends.append(_journal_end(path, segment))
        else:
            ends.append(_sealed_end(target_dir, segment))
    return ends


def _sealed_end(target_dir: str, segment: Segment) -> _End:
    manifest = sealed.read_manifest(target_dir, segment)
    if manifest.rank:
        return _End(manifest.last_elapsed_ns, None, False, [])  # noqa: FBT003 - as below
    found = of_manifest(target_dir, manifest).of("config")
    updates = [event.data["update"] for event in found if not fault(event.data)]
    annotates = manifest.descriptor.get("role") == "annotate"
    known = [Layout.from_dict(each) for each in manifest.descriptor.get("layouts", ())]
    known += [file.layout for file in manifest.files if file.layout]
    given = any(not layout.variant & IMPLICIT_STEP for layout in known)
    elapsed_ns = 0 if annotates else manifest.last_elapsed_ns
    return _End(elapsed_ns, manifest.last_step, given, updates)


def _journal_end(path: str, segment: Segment) -> _End:
    with open(path, "rb") as file:
        data = file.read()
    descriptor: dict[str, Any] = {}
    layouts: dict[int, Layout] = {}
    updates: list[dict[str, Any]] = []
    mono_ns, given = 0, False
    step: float | None = None
    for found in frames.scan(data, segment.mark):
        if not isinstance(found, Frame):
            continue
        if found.kind == frames.DESCRIPTOR and is_sound(found):
            descriptor = json.loads(bytes(found.payload))
            layouts.update((e["id"], Layout.from_dict(e)) for e in descriptor["layouts"])
        elif found.kind == frames.ITEMS:
            for item in items.decode(found.payload, layouts):
                mono_ns = item.mono_ns
                if isinstance(item, RowItem):
                    step = item.step
                    given = given or not item.layout.variant & IMPLICIT_STEP
                elif item.data["kind"] == "config" and not fault(item.data):
                    updates.append(item.data["update"])
    if not descriptor or descriptor.get("role") == "annotate":
        return _End(0, None, False, updates)  # noqa: FBT003 - the fields say what it is
    passed_ns = max(0, mono_ns - descriptor["mono_ns"]) if mono_ns else 0
    if descriptor.get("rank"):
        step, given, updates = None, False, []
    return _End(descriptor["elapsed_ns"] + passed_ns, step, given, updates)
