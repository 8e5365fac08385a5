"""``ExperimentRegistry``: all runs of a folder under one name, and a file that lists them."""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from epochal.core.atomic import write_atomically
from epochal.core.errors import RunFolderError
from epochal.core.shapes import PATH
from epochal.core.shapes import listed as list_of
from epochal.core.system import open_plain
from epochal.read.metrics import MetricSummary
from epochal.read.project import Project
from epochal.read.project import open as open_project
from epochal.read.runs import Runs
from epochal.read.view import RunView
from epochal.store import folder

if TYPE_CHECKING:
    import pyarrow as pa

REGISTERED = "registered.json"
"""In the folder of runs: other run folders that were registered, as a JSON list."""
_LISTED = list_of(PATH)


class ExperimentRegistry:
    """Finds, searches, tags and compares the runs of a folder.

    Runs need not be registered: every run that is recorded to the folder is there.  What was
    recorded elsewhere can be added with :meth:`register`.

    Args:
        root: a folder of runs, a project's folder, or one run's folder; made if it is missing.
        project: only this project.
        cache_dir: see :func:`epochal.open`.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", config={"lr": 0.1}, dir=folder) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> registry = ExperimentRegistry(folder)
        >>> len(registry.list()), len(registry.search("config.lr > 1"))
        (1, 0)
    """

    def __init__(
        self, root: str | os.PathLike[str] = "runs", project: str | None = None,
        *, cache_dir: str | None = None,
    ) -> None:  # fmt: skip
        self.root = os.path.abspath(root)
        os.makedirs(self.root, exist_ok=True)
        self._project: Project = open_project(self.root, project, cache_dir=cache_dir)
        self._project.elsewhere = self._registered()

    def list(self, filter: str | None = None, sort: str | None = None) -> Runs:
        """Return the runs, newest first, see :meth:`epochal.read.project.Project.runs`.

        Raises:
            FilterError: filter or sort is not valid.
        """
        return self._project.runs(filter, sort)

    def search(self, filter: str, sort: str | None = None) -> Runs:
        """Return the runs that pass a filter such as ``config.lr < 1e-3 and "ablation" in tags``.

        Raises:
            FilterError: filter or sort is not valid.
        """
        return self._project.runs(filter, sort)

    def get(self, key: str) -> RunView:
        """Return the run with this id, name, folder or unique prefix.

        Raises:
            RunNotFoundError, AmbiguousRunError: none or several fit.
        """
        return self._project.run(key)

    def register(self, run: Any) -> RunView:
        """Add a run that lies elsewhere; one that is in the folder is found anyway.

        Args:
            run: a Run, a RunView or the path of a run's folder.

        Raises:
            RunFolderError: it is no run's folder, or the registry's folder cannot be written.
        """
        run_dir = os.path.abspath(getattr(run, "dir", None) or os.fspath(run))
        folder.describe(run_dir)
        if not run_dir.startswith(self.root + os.sep) and run_dir not in self._registered():
            listed = json.dumps([*self._registered(), run_dir], indent=2)
            self._write(os.path.join(self.root, REGISTERED), listed, private=True)
            self._project.elsewhere = self._registered()
        return RunView(run_dir)

    def tag(self, key: str, *tags: str) -> RunView:
        """Add tags to a run and return it.

        Raises:
            RunNotFoundError, AmbiguousRunError: no single run has that key.
            RunFolderError: its folder cannot be written.
        """
        run = self.get(key)
        run.tag(*tags)
        return run

    def best(self, metric: str, goal: str | None = None) -> RunView:
        """Return the best run, see :meth:`epochal.read.project.Project.best`."""
        return self._project.best(metric, goal)

    def compare(
        self, ids: Iterable[str] | None = None, metrics: Sequence[str] | None = None
    ) -> pa.Table:
        """Return runs side by side: a row per run, with the config keys that differ and metrics.

        Args:
            ids: keys as for :meth:`get`, in the order of the rows; default all runs.
            metrics: whose summary values are shown; default those that all of the runs have.

        Raises:
            RunNotFoundError, AmbiguousRunError: no single run has one of the keys.
        """
        from epochal.read.compared import side_by_side

        runs = list(self.list()) if ids is None else [self.get(key) for key in ids]
        return side_by_side(runs, metrics)

    def write(self, path: str | os.PathLike[str] = "experiment_registry.json") -> str:
        """Write all runs to a file and return its path.

        The file is strict JSON: ``format`` and ``runs``, each with ``id name project group state
        tags notes seed created duration_s steps dir git config summary``; non-finite numbers are
        the texts "NaN", "Infinity" and "-Infinity".

        Raises:
            RunFolderError: the file cannot be written.
        """
        body = {"format": 1, "root": self.root, "runs": [_described(run) for run in self.list()]}
        where = os.path.abspath(path)
        text = json.dumps(_strict(body), indent=2, allow_nan=False, default=str)
        self._write(where, text, private=False)
        return where

    def _registered(self) -> builtins.list[str]:
        try:
            with open_plain(os.path.join(self.root, REGISTERED)) as file:
                listed = json.loads(file.read())
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            message = f"cannot read {os.path.join(self.root, REGISTERED)}: {error}"
            raise RunFolderError(message) from error
        if not _LISTED.holds(listed):
            path = os.path.join(self.root, REGISTERED)
            raise RunFolderError(f"{path} does not list run folders: it is not {_LISTED.what}")
        return [each for each in listed if folder.is_run(each)]

    @staticmethod
    def _write(path: str, text: str, *, private: bool) -> None:
        try:
            write_atomically(path, text.encode("utf-8") + b"\n", private=private)
        except OSError as error:
            message = f"cannot write {path}: {error.strerror or error}"
            raise RunFolderError(message) from error


def _described(run: RunView) -> dict[str, Any]:
    summary = {
        name: each.to_dict() if isinstance(each, MetricSummary) else each
        for name, each in run.summary.items()
    }
    return {
        "id": run.id, "name": run.name, "project": run.project, "group": run.group,
        "state": run.state, "tags": run.tags, "notes": run.notes, "seed": run.seed,
        "created": run.created_s, "duration_s": run.duration_s, "steps": run.steps,
        "dir": run.dir, "git": run.git, "config": run.config, "summary": summary,
    }  # fmt: skip


def _strict(value: Any) -> Any:
    """Return a value without the numbers that strict JSON does not know."""
    if isinstance(value, float) and value - value != 0.0:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value
