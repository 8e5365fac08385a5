"""A checkpoint that is a file only: nothing is recorded of it, so no mirror uploads it."""

from __future__ import annotations

import os
from typing import Any

from epochal.checkpoints import drafts, save_file
from epochal.checkpoints.folder import BEST, file_name
from epochal.checkpoints.state import state_of
from epochal.core.redact import redact
from epochal.loggers.experiment_records import ModelCheckpoint
from epochal.record.run import Run


def save_unrecorded(
    run: Run, states: dict[str, Any], facts: dict[str, Any], path: str | os.PathLike[str] | None,
    *, best: bool,
) -> str | None:  # fmt: skip
    """Save a checkpoint and return its path; None where this process records nothing.

    Args:
        run: its config is kept in the file.
        states: ``model`` and ``optimizer``.
        facts: ``epoch step loss metrics``.
        path: default: the usual name, in the run's folder of checkpoints.
        best: it is ``best_model.pt`` beside it too.

    Raises:
        CheckpointError: it cannot be saved.
    """
    if not run.dir:
        return None
    name = file_name(facts["epoch"], facts["step"])
    contents = ModelCheckpoint(
        facts["epoch"], facts["step"], float(facts["loss"]), dict(facts["metrics"] or {}),
        *(state_of(part, what) for what, part in states.items()),
    ).to_dict()  # fmt: skip
    contents["config"] = redact(run.config.to_dict())
    saved = save_file(path or os.path.join(run.dir, "checkpoints", name), contents).path
    if best:
        drafts.link(saved, os.path.join(os.path.dirname(saved), BEST))
    return saved
