"""``epochal.export_html``: runs as one HTML file for others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from epochal.core.optional import require
from epochal.present.sources import runs_of

if TYPE_CHECKING:
    from epochal.web.export import Exported


def export_html(
    runs: Any, path: str | os.PathLike[str], *, filter: str | None = None, points: int = 400,
    mean_only: bool = False, title: str = "",
) -> Exported:  # fmt: skip
    """Write runs into one HTML file that opens from disk: table, charts, configs, differences.

    The file needs no server and asks nobody for anything, so that it can be sent and archived.
    What it does not have: media, console, files, and the changes of the code.

    Args:
        runs: a project, runs, a run, a folder, or several of these.
        path: the file; one that is there is replaced.
        filter: only runs that pass, such as ``"config.lr < 0.1"``.
        points: buckets of each series; each has its mean, minimum and maximum.
        mean_only: leave minimum and maximum out, which takes a third of the room.
        title: of the page, in the window's title and on top of it; default: Epochal.

    Returns:
        How many runs and metrics are in the file, and its size in bytes.

    Raises:
        EvidenceError: there are no runs.
        RunNotFoundError: none passes the filter.
        FilterError: the filter is not valid.
        SettingError: too many runs pass, or the file cannot be one.
        DamageError: a run's files are damaged.
        MissingExtraError: Starlette is not installed.
        OSError: the file cannot be written.

    Example:
        >>> import epochal, os, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", dir=folder) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> done = export_html(run.dir, os.path.join(folder, "runs.html"))
        >>> done.runs, done.metrics
        (1, 1)
    """
    require("starlette", extra="dashboard", why="an exported page")
    from epochal.web.export import write

    folders = [run.dir for run in runs_of(runs)]
    return write(path, folders, filter=filter, points=points, mean_only=mean_only, title=title)
