"""The checkpoints of a run, as they were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epochal.core.errors import CheckpointError
from epochal.core.optional import require
from epochal.read import artifacts
from epochal.read.contents import Contents


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that ``run.save_checkpoint`` saved and that was kept.

    Attributes:
        path: the file, absolute; below the run folder, also when that was moved.
        epoch, step, loss: where the training was; None if it was not said.
        metrics: numbers by name.
        monitor, goal, value: the metric by which the best one is chosen, and its value here.
        best: it is the best one of the run.
        final: it was saved as the last one of the training.
        parent: SHA-256 of the checkpoint that the training went on from, "" if there was none.
        bytes, sha256: of the file when it was saved.
        elapsed_s: when it was saved, seconds since the run began.

    Example:
        >>> import epochal, tempfile, torch
        >>> model = torch.nn.Linear(2, 1)
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     path = run.save_checkpoint(
        ...         model, epoch=1, step=10, metrics={"val/loss": 0.5}, monitor="val/loss"
        ...     )
        >>> checkpoint = epochal.RunView(run.dir).checkpoints[-1]
        >>> checkpoint.step, checkpoint.best, checkpoint.check()
        (10, True, 'same')
        >>> sorted(checkpoint.load()["model_state_dict"])
        ['bias', 'weight']
    """

    path: str
    epoch: float | None
    step: float | None
    loss: float | None
    metrics: dict[str, float]
    monitor: str | None
    goal: str | None
    value: float | None
    best: bool
    final: bool
    parent: str
    bytes: int
    sha256: str
    elapsed_s: float

    def check(self) -> str:
        """Read it again: "same", "changed" or "missing" (it cannot be read)."""
        return artifacts.compared(self.path, self.bytes, self.sha256)

    def load(self, map_location: Any = "cpu") -> dict[str, Any]:
        """Return what it holds; no code in it is run.

        Args:
            map_location: where tensors go, as for ``torch.load``.

        Raises:
            CheckpointError: it is missing, or not what was recorded.
        """
        torch = require("torch", extra="torch", why="loading a checkpoint")
        state = self.check()
        if state != "same":
            message = f"the checkpoint {self.path} is {state} since it was recorded"
            raise CheckpointError(message)
        found: dict[str, Any] = torch.load(
            self.path, map_location=map_location, weights_only=True
        )  # fmt: skip
        return found


class Recorded(NamedTuple):
    """What the saving side needs of a record: fields as ``epochal.checkpoints.folder.Known``."""

    path: str
    sha256: str
    about: Mapping[str, Any]
    own: bool
    visible: bool


@dataclass(slots=True)
class _Found:
    """A record and what became of it."""

    path: str
    data: Mapping[str, Any]
    elapsed_s: float
    own: bool
    visible: bool
    about: Mapping[str, Any] = field(default_factory=dict)


def read(contents: Contents) -> list[Checkpoint]:
    """Return the checkpoints that neither a resume has hidden nor anybody removed, in order.

    Those that a fork took over from its parent are there too.
    """
    visible = [each for each in _records(contents) if each.visible]
    best = next((each for each in reversed(visible) if each.about.get("best")), None)
    return [_checkpoint(each, best=each is best) for each in visible]


def recorded(run_dir: str) -> list[Recorded]:
    """Return every record of a checkpoint in a run, in order, for the side that saves them.

    Raises:
        RunFolderError, OSError: the run cannot be read.
    """
    found = _records(Contents(run_dir))
    return [
        Recorded(each.path, str(each.data.get("sha256", "")), each.about, each.own, each.visible)
        for each in found
    ]


def step_of(run_dir: str, which: str) -> float | None:
    """Return the step of a run's newest sound checkpoint, None if there is none.

    Args:
        run_dir: the run.
        which: "last", or "best": that of the best one, sound or not.

    Raises:
        RunFolderError, OSError: the run cannot be read.
    """
    found = reversed(read(Contents(run_dir)))
    fits = (each for each in found if (each.best if which == "best" else each.check() == "same"))
    return next((each.step for each in fits if each.step is not None), None)


def _records(contents: Contents) -> list[_Found]:
    found: list[_Found] = []
    for session, event in contents.events("artifact", "artifact_removed", inherited=True):
        data = event.data
        path = artifacts.path_of(session.run_dir, data)
        about = data.get("about")
        made = data["kind"] == "artifact"
        if made and (data.get("type") != "checkpoint" or not isinstance(about, Mapping)):
            continue
        for earlier in found:  # replaced, or removed
            earlier.visible = earlier.visible and earlier.path != path
        if made and about is not None:
            step = about.get("step")
            seen = step is None or step <= session.limit
            found.append(
                _Found(path, data, event.elapsed_ns / 1e9, not session.inherited, seen, about)
            )
    return found


def _checkpoint(found: _Found, *, best: bool) -> Checkpoint:
    about, data = found.about, found.data
    return Checkpoint(
        found.path, about.get("epoch"), about.get("step"), about.get("loss"),
        dict(about.get("metrics") or {}), about.get("monitor"), about.get("goal"),
        about.get("value"), best, bool(about.get("final")), str(about.get("parent") or ""),
        int(data.get("bytes", 0)), str(data.get("sha256", "")), found.elapsed_s,
    )  # fmt: skip
