"""``open``: a folder of runs, read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from epochal.core.errors import (
    MetricNotFoundError,
    RunFolderError,
    SettingError,
    did_you_mean,
)
from epochal.core.goals import lower_is_better
from epochal.core.names import slug
from epochal.read import describe
from epochal.read.metrics import GOALS
from epochal.read.runs import Runs
from epochal.read.view import RunView
from epochal.store import folder
from epochal.store.catalog import Catalog

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Project", "open"]


def open(  # noqa: A001 - epochal.open() reads like the built-in on purpose
    root: str | os.PathLike[str] = "runs",
    project: str | None = None,
    *,
    cache_dir: str | None = None,
) -> Project:
    """Open a folder of runs for reading.

    Args:
        root: a folder of runs, a project's folder, or one run's folder.
        project: only this project of a folder of runs.
        cache_dir: where the index of runs is kept; default ``$XDG_CACHE_HOME/epochal`` or
            ``~/.cache/epochal``.  It may be deleted at any time.

    Raises:
        RunFolderError: there is no such folder or project.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", name="first", dir=folder) as run:
        ...     run.log({"loss": 0.5}, step=1)
        >>> [run.name for run in open(folder).runs('summary["loss"].last < 1')]
        ['first']
    """
    path = os.path.abspath(root)
    if not os.path.isdir(path):
        message = (
            f"there is no folder of runs at {path}: give the folder that runs were recorded to"
            " (dir= or EPOCHAL_DIR of the training, ./runs by default)"
        )
        raise RunFolderError(message)
    if project is None:
        return Project(path, None, cache_dir)
    below = os.path.join(path, slug(project))
    if not os.path.isdir(below):
        with os.scandir(path) as entries:
            known = [entry.name for entry in entries if entry.is_dir()]
        message = f"there is no project {project!r} in {path}{did_you_mean(slug(project), known)}"
        raise RunFolderError(message)
    return Project(path, below, cache_dir)


class Project:
    """The runs of a folder.

    Threads may share it.  Each call looks at the folder again; an index in the user's cache
    folder makes that fast.

    Attributes:
        root: the folder.
        elsewhere: further run folders that belong to it.
    """

    def __init__(self, root: str, below: str | None = None, cache_dir: str | None = None) -> None:
        self.root, self._below = root, below
        self.elsewhere: list[str] = []
        # The index is that of the folder of runs, whether all of it or one project is opened.
        self._catalog = Catalog(root, describe.entry, cache_dir)

    def runs(
        self,
        filter: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Runs:
        """Return runs, newest first unless sorted.

        Args:
            filter: an expression such as ``config.lr < 1e-3 and "ablation" in tags``, see
                :mod:`epochal.read.filters`.
            sort: keys such as ``-summary["val/loss"].min, name``.
            limit: at most so many.

        Raises:
            FilterError: filter or sort is not valid.
        """
        found = Runs(self._catalog, self._catalog.refresh(self._projects()))
        if filter is not None:
            found = found.filter(filter)
        if sort is not None:
            found = found.sort(sort)
        return found if limit is None else found[:limit]

    def run(self, key: str) -> RunView:
        """Return the run with this id, name, folder or unique prefix of id or folder.

        Raises:
            RunNotFoundError, AmbiguousRunError: none or several fit.
        """
        key = str(key)
        if os.sep in key and folder.is_run(key):
            return RunView(key)
        runs = self.runs()
        return RunView(runs.find(key, self._below or self.root))

    def best(self, metric: str, goal: str | None = None) -> RunView:
        """Return the run whose best value of a metric is best.

        NaN and infinite values never win, and runs without the metric are ignored; among equals
        the oldest wins.

        Args:
            metric: its name.
            goal: "minimize" or "maximize"; default: what the runs define, else "minimize" for
                names with one of the words loss, error, perplexity, mse, mae, rmse, nll, wer, cer,
                fid.

        Raises:
            SettingError: the goal is not known, or not one of the two.
            MetricNotFoundError: no run has a finite value of the metric.
        """
        runs = self.runs()
        return runs.best(metric, self._goal(runs, metric, goal))

    def table(self, paths: list[str]) -> pa.Table:
        """Return fields of all runs, see :meth:`Runs.table`."""
        return self.runs().table(paths)

    def sql(self, query: str, *, metrics: list[str] | None = None) -> pa.Table:
        """Query all runs with SQL, see :func:`epochal.read.sql.query`.

        Raises:
            MissingExtraError: DuckDB is not installed.
            QueryError: the query is not valid, or tries to leave the tables.
        """
        from epochal.read import sql

        return sql.query(self.runs(), query, metrics=metrics)

    def close(self) -> None:
        """Close the index; the project cannot be used afterwards."""
        self._catalog.close()

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.runs())

    def __repr__(self) -> str:
        """Return the folder."""
        return f"<Project {self._below or self.root}>"

    def _projects(self) -> list[str] | None:
        if self._below is None and not self.elsewhere:
            return None
        return [self._below or self.root, *self.elsewhere]

    def _goal(self, runs: Runs, metric: str, goal: str | None) -> str:
        if goal is not None:
            if goal not in GOALS:
                message = f"goal={goal!r} is neither 'minimize' nor 'maximize'"
                raise SettingError(message)
            return goal
        defined = runs.goals(metric)
        if len(defined) > 1:
            message = f"runs define different goals for {metric!r}: give goal="
            raise SettingError(message)
        if defined:
            return defined.pop()
        if lower_is_better(metric):
            return "minimize"
        if not runs.has(metric):
            raise MetricNotFoundError(runs.no_metric(metric))
        message = (
            f"what is best for {metric!r}? Give goal='minimize' or 'maximize', or define it in the"
            f" training: run.define({metric!r}, goal=...)"
        )
        raise SettingError(message)
