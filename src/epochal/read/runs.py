"""``Runs``: a list of runs that opens none of their folders until it is asked to."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from epochal.core.errors import (
    AmbiguousRunError,
    MetricNotFoundError,
    RunNotFoundError,
    did_you_mean,
)
from epochal.read import filters
from epochal.read.expressions import FieldPath
from epochal.read.filters import MISSING
from epochal.read.view import RunView
from epochal.store.catalog import Catalog

if TYPE_CHECKING:
    import pyarrow as pa

RARELY_ASKED = frozenset(
    "value first last_step min_step max_step std count nan inf first_bad_step best_step"
    " out_of_range".split()
)
"""Statistics that stand together in the catalog; the others have columns of their own."""


class Runs(Sequence[RunView]):
    """Runs in an order; made by ``project.runs(...)``.

    It is a sequence of :class:`RunView`: indexing and slicing work, and making it costs little
    however many there are.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for seed in range(3):
        ...     with epochal.init(project="doc", config={"seed": seed}, dir=folder) as run:
        ...         run.log({"loss": 1.0 - seed}, step=1)
        >>> runs = epochal.open(folder).runs("config.seed > 0", sort='summary["loss"].min')
        >>> [run.config["seed"] for run in runs]
        [2, 1]
    """

    def __init__(self, catalog: Catalog, folders: Sequence[str]) -> None:
        self._catalog, self._folders = catalog, list(folders)

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self._folders)

    @overload
    def __getitem__(self, index: int) -> RunView: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> RunView | Runs:
        """Return one run, or fewer of them."""
        if isinstance(index, slice):
            return Runs(self._catalog, self._folders[index])
        return self._view(self._folders[index])

    def __iter__(self) -> Iterator[RunView]:
        """Iterate over the runs."""
        return map(self._view, self._folders)

    def __repr__(self) -> str:
        """Return how many there are and the first names."""
        names = ", ".join(repr(run.name) for run in self[:3])
        return f"<Runs {len(self):,}: {names}{', …' if len(self) > 3 else ''}>"

    @property
    def folders(self) -> list[str]:
        """The runs' folders, in order."""
        return list(self._folders)

    def filter(self, expression: str) -> Runs:
        """Return the runs that pass, see :mod:`epochal.read.filters`.

        Raises:
            FilterError: the expression is not valid.
        """
        parsed = filters.parse(expression)
        lookup = self._lookup(parsed.paths)
        return Runs(self._catalog, [d for d in self._folders if parsed.matches(lookup(d))])

    def sort(self, expression: str) -> Runs:
        """Return the runs in another order, see :func:`epochal.read.filters.parse_sort`.

        Raises:
            FilterError: the expression is not valid.
        """
        parsed = filters.parse_sort(expression)
        return Runs(self._catalog, parsed.order(self._folders, self._lookup(parsed.paths)))

    def values(self, path: str) -> list[Any]:
        """Return one field of each run, such as ``config.lr``; None where a run has none.

        Raises:
            FilterError: it is no path.
        """
        column = self._column(filters.parse_path(path))
        return [column.get(run_dir) for run_dir in self._folders]

    def table(self, paths: Sequence[str]) -> pa.Table:
        """Return fields of the runs as a table with a row per run.

        Args:
            paths: such as ``config.lr`` and ``summary["val/loss"].min``; they name the columns.

        Returns:
            Numbers, booleans, texts, or lists of these; null where a run has no such field.
            Integers become floats beside floats; other mixtures and mappings become text (JSON).

        Raises:
            FilterError: it is no path.
        """
        import pyarrow as pa

        columns = [arrow_array(self.values(path)) for path in paths]
        if not columns:
            return pa.table({"run": pa.array(self.values("id"), pa.string())})
        return pa.Table.from_arrays(columns, list(paths))

    def best(self, metric: str, goal: str) -> RunView:
        """Return the run with the best value of a metric, see :meth:`Project.best`.

        Args:
            metric: its name.
            goal: "minimize" or "maximize".

        Raises:
            MetricNotFoundError: no run has a finite value of it.
        """
        low = goal == "minimize"
        column = self._column(("summary", metric, "min" if low else "max"))
        ages = self._catalog.column(("created",))
        finite = [
            (value if low else -value, ages.get(run_dir, math.inf), run_dir)
            for run_dir in self._folders
            if isinstance(value := column.get(run_dir), int | float) and not math.isnan(value)
        ]
        if not finite:
            raise MetricNotFoundError(self.no_metric(metric))
        return self._view(min(finite)[2])

    def find(self, key: str, where: str = "this list") -> str:
        """Return the folder of the run with this id, name, folder or unique prefix of id or folder.

        Args:
            key: what to look for; ids and folders come before names, and names before prefixes.
            where: what is searched, for the message.

        Raises:
            RunNotFoundError, AmbiguousRunError: none or several fit.
        """
        names, ids = self._catalog.column(("name",)), self._catalog.column(("id",))
        folders = {run_dir: os.path.basename(run_dir) for run_dir in self._folders}
        tests: tuple[Callable[[str], bool], ...] = (
            lambda d: key in (ids.get(d), folders[d]),
            lambda d: names.get(d) == key,
            lambda d: str(ids.get(d, "")).startswith(key) or folders[d].startswith(key),
        )
        for test in tests:
            fitting = [run_dir for run_dir in self._folders if test(run_dir)]
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                some = ", ".join(folders[run_dir] for run_dir in fitting[:5])
                message = (
                    f"{key!r} fits {len(fitting)} runs in {where}: {some}; give more of the id"
                )
                raise AmbiguousRunError(message)
        hint = did_you_mean(key, map(str, names.values()))
        message = f"there is no run {key!r} in {where}{hint}"
        raise RunNotFoundError(message)

    def goals(self, metric: str) -> set[str]:
        """Return the goals that the runs define for a metric."""
        column = self._column(("goals", metric))
        return {column[run_dir] for run_dir in self._folders if run_dir in column}

    def has(self, metric: str) -> bool:
        """Say whether any of the runs has a metric."""
        column = self._catalog.column(("metrics", metric))
        return any(run_dir in column for run_dir in self._folders)

    def metrics(self) -> list[str]:
        """Return the metrics of all the runs, sorted."""
        names: set[str] = set()
        for run in self:
            names.update(run.metrics)
        return sorted(names)

    def no_metric(self, metric: str) -> str:
        """Return what to say when no run has a finite value of a metric."""
        hint = did_you_mean(metric, self.metrics())
        return f"none of {len(self):,} runs has a finite value of {metric!r}{hint}"

    def _view(self, run_dir: str) -> RunView:
        return RunView(run_dir, lambda: self._catalog.document(run_dir))

    def _column(self, path: FieldPath) -> dict[str, Any]:
        """Return a field of the runs by folder; a metric's statistics are looked into."""
        column = self._catalog.column(path)
        if path[0] == "summary" and len(path) == 3 and path[2] in RARELY_ASKED:
            stats = self._catalog.column(("metrics", path[1]))
            field = path[2]
            return {run_dir: each[field] for run_dir, each in stats.items()} | column
        return column

    def _lookup(self, paths: Iterable[FieldPath]) -> Callable[[str], filters.Lookup]:
        columns = {path: self._column(path).get for path in paths}

        def of(run_dir: str) -> filters.Lookup:
            return lambda path: columns[path](run_dir, MISSING)

        return of


def arrow_array(values: list[Any]) -> Any:
    """Return values of any types as one Arrow array."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {float, int} and len(kinds) > 1:
        values = [None if value is None else float(value) for value in values]
    elif len(kinds) > 1 or dict in kinds:
        values = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):  # integers beyond int64, lists of mixed types
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values])
