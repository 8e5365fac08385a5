"""What figures and tables for a paper are made of: runs, and what is asked of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from epochal.web.compare import Question, compare

if TYPE_CHECKING:
    from epochal.analyze.comparison import Comparison
    from epochal.present.epoch_table import Epochs
    from epochal.read.view import RunView


@dataclass(frozen=True, eq=False)
class Subject:
    """What figures and tables are made of.

    Attributes:
        runs: in their order.
        question: how settings are compared.
        x: what curves are drawn against.
        task: the config key that says which task a run is of; "": nobody said.
        versions: id and version of each run; empty if nothing that is made is kept.
    """

    runs: Sequence[RunView]
    question: Question
    x: str = "step"
    task: str = ""
    versions: tuple[tuple[str, int], ...] = ()

    @cached_property
    def counts(self) -> Counter[str]:
        """Metric → the most points that a run has of it."""
        found: Counter[str] = Counter()
        for run in self.runs:
            for name, info in run.metrics.items():
                found[name] = max(found[name], info.count)
        return found

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """Which metric is the training loss, the learning rate, ..."""
        from epochal.present.roles import role_of

        return role_of(sorted(self.counts))

    @cached_property
    def metric(self) -> str:
        """What settings are judged by.

        Raises:
            EvidenceError: nobody said, and no run has a loss.
        """
        from epochal.present.comparison_files import metric_of

        return self.question.metric or metric_of(self.runs)

    @cached_property
    def compared(self) -> Comparison:
        """The settings, compared.

        Raises:
            EpochalError: they cannot be.
        """
        return compare(self.runs, self.question)

    @cached_property
    def epochs(self) -> Epochs:
        """The only run by its epochs."""
        from epochal.present.epoch_table import epochs_of

        return epochs_of(self.runs[0])

    @property
    def by(self) -> list[str] | None:
        """The config keys that tell settings apart; None: all that differ."""
        return list(self.question.by) or None

    def option(self, name: str) -> Any:
        """Return a further option of the comparison, None if it was not given."""
        return dict(self.question.options).get(name)

    @property
    def of_tasks(self) -> dict[str, Any]:
        """What figures over several tasks are asked with."""
        return {
            "task": self.task, "by": self.by, "statistic": self.option("statistic"),
            "goal": self.option("goal"),
        }  # fmt: skip
