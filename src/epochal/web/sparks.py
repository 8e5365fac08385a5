"""The small curve on a project's card: the newest run's first metric that should fall."""

from __future__ import annotations

import math
import threading
import time
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
        self._left: list[Known] = []
        self._spent_s = 0.0
        self._thread: threading.Thread | None = None

    def of(self, run: Known) -> Spark:
        """Return the metric and its curve; an older or no curve if time is short."""
        with self._lock:
            version, spark = self._kept.get(run.place.id, (-1, (None, [])))
        if version == run.version:
            return spark
        if self._spent_s > self._budget_s or (run.tails and version >= 0):
            self._left.append(run)
            return spark
        began = time.monotonic()
        spark = self._make(run)
        self._spent_s += time.monotonic() - began
        return spark

    def go_on(self) -> None:
        """Make the curves that were left out, in a thread."""
        left, self._left, self._spent_s = self._left, [], 0.0
        if left and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(
                target=lambda: [self._make(run) for run in left], name="epochal-sparks", daemon=True
            )
            self._thread.start()

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
