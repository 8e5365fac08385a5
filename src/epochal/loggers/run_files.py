"""The CSV and JSON files of a run: where they are, and when they are complete."""

from __future__ import annotations

import os
import time

from epochal.core.names import slug
from epochal.record.run import Run

POLL_S = 0.05


def files_of(run: Run) -> dict[str, str]:
    """Return the absolute path of each file; nothing for a run that is off.

    Example:
        >>> import epochal, tempfile
        >>> run = epochal.init(project="doc", name="A b", dir=tempfile.mkdtemp())
        >>> os.path.relpath(files_of(run)["steps"], run.dir)
        'csv/a-b_steps.csv'
    """
    if not run.dir:
        return {}
    name = slug(run.name)
    places = {
        "steps": f"csv/{name}_steps.csv",
        "epochs": f"csv/{name}_epochs.csv",
        "config": f"json/{name}_config.json",
        "summary": f"json/{name}_summary.json",
        "metrics": "json/training_metrics.json",
    }
    return {what: os.path.join(run.dir, *place.split("/")) for what, place in places.items()}


def wait_for_files(run: Run, timeout_s: float) -> bool:
    """Wait until the files of a finished run are complete; False: the time was up first.

    They are completed anyway, by the process that follows the run.
    """
    if not run.dir:
        return True
    from epochal.store.verify import behind

    deadline = time.monotonic() + timeout_s
    while {"csv", "json"}.intersection(behind(run.dir)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
