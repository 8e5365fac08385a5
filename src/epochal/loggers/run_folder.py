"""The runs beside one: what is handed on to the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from epochal.read.registry import ExperimentRegistry
    from epochal.read.runs import Runs
    from epochal.read.view import RunView


class RunFolder:
    """All runs of a folder; each method is that of :class:`epochal.ExperimentRegistry`.

    Args:
        root: a folder of runs; it is looked at when it is first needed.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> epochal.init(project="doc", config={"lr": 0.1}, dir=folder).finish()
        >>> len(RunFolder(folder).search("config.lr < 1"))
        1
    """

    def __init__(self, root: str) -> None:
        self._root = root

    @cached_property
    def registry(self) -> ExperimentRegistry:
        """The registry of the folder."""
        from epochal.read.registry import ExperimentRegistry

        return ExperimentRegistry(self._root)

    def register(self, run: Any) -> RunView:
        """Add a run that lies elsewhere."""
        return self.registry.register(run)

    def list(self, filter: str | None = None, sort: str | None = None) -> Runs:
        """Return the runs, newest first."""
        return self.registry.list(filter, sort)

    def search(self, filter: str, sort: str | None = None) -> Runs:
        """Return the runs that pass a filter."""
        return self.registry.search(filter, sort)

    def best(self, metric: str, goal: str | None = None) -> RunView:
        """Return the best run."""
        return self.registry.best(metric, goal)

    def compare(
        self, ids: Iterable[str] | None = None, metrics: Sequence[str] | None = None
    ) -> pa.Table:
        """Return runs side by side."""
        return self.registry.compare(ids, metrics)
