"""The small curve on a project's card: a falling metric of the newest run that has one."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from epochal.core.errors import EpochalError
from epochal.core.goals import lower_is_better
from epochal.core.problems import logger
from epochal.read.system import PREFIX

if TYPE_CHECKING:
    from epochal.web.known import Known
    from epochal.web.state import State

POINTS = 60
BUDGET_S = 0.3
"""A list of projects is not kept waiting longer."""

LOOKED_AT = 10
"""So many of the newest runs are looked at for one with a metric."""

Spark = tuple[str | None, list[float]]


class Sparks:
    """Makes curves and keeps them while their run stays as it is.  Threads may share it.

    Args:
        state: of the server.
        budget_s: so long one answer waits for curves; the others come with the next one.
    """

    def __init__(self, state: State, budget_s: float = BUDGET_S) -> None:
        self._state, self._lock, self._budget_s = state, threading.Lock(), budget_s
        self._kept: dict[str, tuple[int, Spark]] = {}
        self._left: list[Sequence[Known]] = []
        self._spent_s = 0.0
        self._thread: threading.Thread | None = None

    def of(self, runs: Sequence[Known]) -> Spark:
        """Return a metric and its curve; an older or no curve if time is short.

        Args:
            runs: of a project, newest first.
        """
        for run in runs[:LOOKED_AT]:
            version, spark = self._latest(run)
            if version != run.version and (
                self._spent_s > self._budget_s or (run.tails and version >= 0)
            ):
                self._left.append(runs)
                if version < 0:
                    break
            elif version != run.version:
                began = time.monotonic()
                spark = self._make(run)
                self._spent_s += time.monotonic() - began
            if spark[0] is not None:
                return spark
        return None, []

    def go_on(self) -> None:
        """Make the curves that were left out, in a thread."""
        left, self._left, self._spent_s = self._left, [], 0.0
        if left and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(
                target=self._find_all, args=(left,), name="epochal-sparks", daemon=True
            )
            self._thread.start()

    def _latest(self, run: Known) -> tuple[int, Spark]:
        """Return the version that a run had when its curve was made, and the curve."""
        with self._lock:
            return self._kept.get(run.place.id, (-1, (None, [])))

    def _find_all(self, projects: Sequence[Sequence[Known]]) -> None:
        """Make the curves of each project's runs up to the first with a metric."""
        for runs in projects:
            for run in runs[:LOOKED_AT]:
                version, spark = self._latest(run)
                if version != run.version:
                    spark = self._make(run)
                if spark[0] is not None:
                    break

    def _make(self, run: Known) -> Spark:
        version = run.version
        try:
            spark = self._read(run.place.id)
        except (EpochalError, OSError) as error:  # a damaged run must not hide its project
            logger.debug("no curve of %s: %s", run.place.dir, error)
            spark = (None, [])
        with self._lock:
            self._kept[run.place.id] = (version, spark)
        return spark

    def _read(self, run_id: str) -> Spark:
        view = self._state.view(run_id)
        metric = choose(list(view.metrics))
        if metric is None:
            return None, []
        (window,) = self._state.windows.read([view], [metric], width=POINTS)
        if not window.lanes:
            return metric, []
        values = [float(each) for each in window.lanes[0].mean if math.isfinite(each)]
        every = max(1, math.ceil(len(values) / POINTS))
        return metric, [*values[:-1:every], *values[-1:]][-POINTS:]


def choose(metrics: list[str]) -> str | None:
    """Return the metric that stands for a run: of the training before that of others.

    Example:
        >>> choose(["acc", "lr", "train/loss", "val/loss"]), choose(["lr"]), choose([])
        ('train/loss', 'lr', None)
    """
    own = sorted(name for name in metrics if not name.startswith(PREFIX))
    falling = [name for name in own if lower_is_better(name)]
    in_training = [name for name in falling if name.startswith("train") or "/" not in name]
    return next(iter([*in_training, *falling, *own]), None)
