"""What an exported page shows without JavaScript: a table of the metrics that tell most."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from epochal.read.system import PREFIX

MOST_METRICS = 8

_LOSS = re.compile(r"(^|[/_.-])(loss|nll|ppl|perplexity)(?=$|[/_.-])(?![_.-]?scal)", re.IGNORECASE)
_CHECKED = re.compile(r"(^|[/_.-])(val|valid|validation|eval|test|dev)([/_.-]|$)", re.IGNORECASE)
_SCORE = re.compile(
    r"(acc|accuracy|f1|auc|map|bleu|reward|return|score|iou|psnr|top-?[15])(@[0-9]+)?$",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(^|[/_.-])(lr|learning_rate|epoch|step|time|seconds|throughput|grad)", re.IGNORECASE
)


class Summary:
    """The last values of the main metrics of each run.

    Args:
        projects: what the server says of each, with its table as ``runs``.
        answers: of the server, by path.

    Attributes:
        metrics: names of all metrics, those that tell most first.
        shown: those of them that are the last columns of the table.
        head: columns of the table.
        note: a sentence or two for above it.
    """

    def __init__(self, projects: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> None:
        self._projects, self._answers = projects, answers
        self.metrics = ranked(each for one in projects for each in one["runs"]["metrics"])
        own = [name for name in self.metrics if not name.startswith(PREFIX)]
        self.shown = own[:MOST_METRICS]
        self.head = ["project", "run", "state", *self.shown]
        left_out = len(self.metrics) - len(self.shown)
        moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime(answers["/api/about"]["exported_s"]))
        self.note = f"Exported {moment} UTC. Charts need JavaScript; these are last values." + (
            f" Left out: {left_out:,} more metric{'s' if left_out > 1 else ''}." if left_out else ""
        )

    def rows(self) -> list[list[str]]:
        """Return a row for each run."""
        return [
            self._row(str(project["name"]), self._answers[f"/api/run/{run_id}"])
            for project in self._projects
            for run_id in project["runs"]["id"]
        ]

    def _row(self, project: str, about: Mapping[str, Any]) -> list[str]:
        state = str(about["state"])
        values = [_short(about["summary"].get(name, {}).get("last")) for name in self.shown]
        when = " when exported" if state == "running" else ""
        return [project, str(about["name"]), state + when, *values]


def ranked(metrics: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return names of metrics, those that tell most of a run first, as the dashboard does.

    Example:
        >>> names = ["layers/00/grad", "lr", "train/acc", "train/loss", "val/loss"]
        >>> ranked({"name": name, "runs": 1, "goal": None} for name in names)
        ['val/loss', 'train/loss', 'train/acc', 'layers/00/grad', 'lr']
    """
    runs: dict[str, int] = {}
    goals: dict[str, bool] = {}
    for each in metrics:
        name = str(each["name"])
        runs[name] = runs.get(name, 0) + each["runs"]
        goals[name] = goals.get(name, False) or bool(each["goal"])
    most = max(runs.values(), default=1)
    weights = {name: runs[name] / most + 4 * goals[name] + _promise(name) for name in runs}
    return sorted(runs, key=lambda name: (-weights[name], name))


def _promise(name: str) -> float:
    """Return how likely it is, by its name, that people look at a metric first."""
    result = 2.0 if _LOSS.search(name) else 1.5 if _SCORE.search(name) else 0.0
    return result + 2 * bool(_CHECKED.search(name)) - 3 * bool(_ASIDE.search(name))


def _short(value: Any) -> str:
    """Return a value for the table."""
    return f"{value:.5g}" if isinstance(value, float) else "" if value is None else str(value)
