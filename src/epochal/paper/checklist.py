"""``checklist``: what a venue's checklist asks of experiments, with evidence or what is missing.

Nothing is answered with "Yes": the record gives facts and pointers, the authors judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.core.errors import SettingError, did_you_mean
from epochal.markup.markdown import literal
from epochal.paper import state
from epochal.paper.plan import Plan
from epochal.paper.selection import Selection
from epochal.paper.topics.evidence import Answer, Evidence
from epochal.paper.topics.experiments import (
    data,
    descriptive,
    error_bars,
    metrics,
    parameters,
    runs_per_result,
    seeds,
    settings,
    tests,
)
from epochal.paper.topics.machines import commands, compute, software

Topic = Callable[[Evidence], Answer]

Question = tuple[str, str, tuple[Topic, ...]]
"""What it is called, what it asks, and the topics that answer it."""

_LEAD = (
    "From all {:,} runs, failed ones included. No question is answered here: the facts are for your"
    " answer, and what is missing has to be recorded or said by you."
)
YOURS = "only the authors can answer this"

VENUES: Mapping[str, tuple[str, tuple[Question, ...]]] = {
    "neurips": ("NeurIPS paper checklist", (
        ("4", "Reproducibility of the main results",
         (settings, seeds, software)),
        ("5", "Open access to data and code, with the exact command and environment",
         (commands, software, data)),
        ("6", "Training and test details: splits, hyperparameters, how they were chosen, optimizer",
         (settings, data, parameters)),
        ("7", "Statistical significance: error bars, what they are, factors of variability, tests",
         (error_bars, tests, runs_per_result, seeds)),
        ("8", "Compute: workers, memory, time of each run and in total, with failed runs",
         (compute,)),
        ("12", "Licences of existing assets", (data,)),
        ("13", "New assets and their documentation", ()),
        ("16", "Use of large language models", ()),
    )),
    "aaai": ("AAAI reproducibility checklist", (
        ("seeds", "How seeds are set", (seeds,)),
        ("infrastructure", "GPU and CPU models, memory, operating system, versions of libraries",
         (compute, software)),
        ("metrics", "Evaluation metrics are defined and their choice is motivated",
         (metrics,)),
        ("runs", "The number of runs of each result", (runs_per_result,)),
        ("variation", "Variation and confidence, and not one number alone", (error_bars,)),
        ("tests", "Significance by appropriate tests", (tests,)),
        ("settings", "Final hyperparameters of each model", (settings, parameters)),
        ("tried", "How many values of each hyperparameter were tried, and in which range",
         (settings,)),
        ("code", "Code for the experiments, and the commands", (commands,)),
        ("data", "Data sets, their source and licence", (data,)),
    )),
    "acl": ("ACL responsible NLP checklist, part C", (
        ("C1", "Number of parameters, total budget (such as GPU hours) and infrastructure",
         (parameters, compute)),
        ("C2", "Experimental set-up: search over hyperparameters, best values",
         (settings, data)),
        ("C3", "Descriptive statistics: error bars; maximum, mean or a single run",
         (descriptive, error_bars, runs_per_result, tests)),
        ("C4", "Existing packages: versions and settings",
         (software, commands)),
    )),
}  # fmt: skip
"""Name that is typed → (title, questions).  The words are ours; ids are those of the venue."""


@dataclass(frozen=True)
class Item:
    """A question of a checklist with what the record says.

    Attributes:
        id: the venue's.
        asks: what it asks, in short.
        answer: facts, pointers, and what is missing.
    """

    id: str
    asks: str
    answer: Answer

    @property
    def status(self) -> str:
        """Either "evidence", "evidence, and something is missing", or "missing"."""
        if not self.answer.facts:
            return "missing"
        return "evidence, and something is missing" if self.answer.missing else "evidence"


@dataclass(frozen=True)
class Checklist:
    """A venue's checklist; made by `checklist`.

    Attributes:
        title: of the checklist.
        items: its questions on experiments.
        runs: how many runs were looked at.
    """

    title: str
    items: tuple[Item, ...]
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        items = [
            {"id": item.id, "asks": item.asks, "status": item.status,
             "facts": list(item.answer.facts), "pointers": list(item.answer.pointers),
             "missing": list(item.answer.missing)}
            for item in self.items
        ]  # fmt: skip
        return {"title": self.title, "runs": self.runs, "items": items}

    def to_markdown(self) -> str:
        """Return it as Markdown."""
        lines = [
            f"# {literal(self.title)}: what the record says", "", _LEAD.format(self.runs)
        ]  # fmt: skip
        for item in self.items:
            lines += ["", f"## {literal(item.id)}. {literal(item.asks)}", ""]
            lines += [f"- {literal(fact)}" for fact in item.answer.facts]
            lines += [f"- **missing:** {literal(each)}" for each in item.answer.missing]
            lines += [f"- see: {literal(each)}" for each in item.answer.pointers]
        return "\n".join(lines) + "\n"


def checklist(plan: Plan, venue: str | None = None) -> Checklist:
    """Fill a venue's checklist with what the runs recorded.

    All runs of the folder count, whatever filters the plan has: the compute of failed runs is part
    of a paper's compute.

    Args:
        plan: of the paper.
        venue: "neurips", "aaai" or "acl"; None: that of the plan.

    Raises:
        SettingError: there is no checklist of that venue.
    """
    name = (venue or plan.paper.get("venue") or "").lower()
    if name not in VENUES:
        hint = did_you_mean(name, VENUES) or f": there are {', '.join(VENUES)}"
        problem = f"there is no checklist of {name!r}" if name else "no venue is named"
        raise SettingError(f"{problem}{hint} (venue = ... in [paper], or --venue)")
    title, questions = VENUES[name]
    selection = Selection(plan)
    try:
        evidence = Evidence(selection.everything(), state.read(plan.out))
        items = [Item(id_, asks, _together(used, evidence)) for id_, asks, used in questions]
    finally:
        selection.close()
    return Checklist(title, tuple(items), len(evidence.runs))


def _together(used: Sequence[Topic], evidence: Evidence) -> Answer:
    if not used:
        return Answer(missing=(YOURS,))
    if not evidence.runs:
        return Answer(missing=("runs: the folder has none; record them with epochal.init",))
    answers = [topic(evidence) for topic in used]
    return Answer(
        tuple(dict.fromkeys(fact for each in answers for fact in each.facts)),
        tuple(dict.fromkeys(pointer for each in answers for pointer in each.pointers)),
        tuple(dict.fromkeys(missing for each in answers for missing in each.missing)),
    )
