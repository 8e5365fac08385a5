"""What the runs of a paper have to say on questions of a checklist, and what they do not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from epochal.analyze.members import divided
from epochal.analyze.replicates import canonical
from epochal.core.names import printable
from epochal.paper.state import Made
from epochal.read.view import RunView

MOST = 6
"""Of a list so many are named."""


@dataclass(frozen=True)
class Answer:
    """What is known on one topic.

    Attributes:
        facts: sentences that the record supports.
        pointers: where each can be looked up: runs, files, sections of the plan.
        missing: what is not recorded, and how to record it.
    """

    facts: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass
class Evidence:
    """All runs of a paper's folder, whatever became of them, and what was made of them.

    Attributes:
        runs: every run, the failed ones too.
        lock: what was made, by title.
    """

    runs: Sequence[RunView]
    lock: Mapping[str, Made] = field(default_factory=dict)

    @cached_property
    def environments(self) -> dict[str, dict[str, Any]]:
        """Run id → what was found out about machine, packages and code."""
        return {run.id: run.environment for run in self.runs}

    @cached_property
    def comparisons(self) -> dict[str, Mapping[str, Any]]:
        """Name → facts of the comparisons that were made."""
        found = {title: made.facts for title, made in self.lock.items()}
        return {t.partition(".")[2]: f for t, f in found.items() if t.startswith("comparison.")}

    @cached_property
    def settings(self) -> list[dict[str, Any]]:
        """The config of each run, flat, without seeds and output paths."""
        return [divided(run)[0] for run in self.runs]

    @cached_property
    def seeds(self) -> list[dict[str, int]]:
        """The seeds of each run, by role."""
        return [divided(run)[2] for run in self.runs]

    @cached_property
    def used(self) -> set[str]:
        """Ids of the runs that something was made of."""
        return {run for made in self.lock.values() for run in made.runs}

    def tried(self) -> dict[str, list[Any]]:
        """Return config key → the values that were tried, of keys with several."""
        found: dict[str, dict[str, Any]] = {}
        for setting in self.settings:
            for key, value in setting.items():
                found.setdefault(key, {})[canonical(value)] = value
        return {key: list(values.values()) for key, values in found.items() if len(values) > 1}

    def fixed(self) -> dict[str, Any]:
        """Return the config keys that all runs share with one value."""
        if not self.settings:
            return {}
        first, *others = self.settings
        return {
            key: value for key, value in first.items()
            if all(key in each and canonical(each[key]) == canonical(value) for each in others)
        }  # fmt: skip

    def without(self, what: Mapping[str, Any]) -> list[RunView]:
        """Return the runs whose id has nothing in a mapping."""
        return [run for run in self.runs if not what.get(run.id)]


def listed(items: Iterable[Any], most: int = MOST) -> str:
    """Return a list in one line; of a long one only the beginning, and how many more.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    shown = [printable(str(item)) for item in items]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more:,} more" if more > 0 else "")


def counted(items: Iterable[Any]) -> str:
    """Return how often each of some things occurs, the most frequent first.

    Example:
        >>> counted(["finished", "failed", "finished"])
        '2 finished, 1 failed'
    """
    found = Counter(map(str, items)).most_common()
    return listed((f"{count:,} {item}" for item, count in found), 10)


def named(runs: Sequence[RunView]) -> str:
    """Return runs as a reader can look them up."""
    return listed(f"{run.name} ({run.id})" for run in runs)
