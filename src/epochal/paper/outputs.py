"""What a plan makes: outputs, the key of each (all that decides what it is), and their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from epochal.core.errors import did_you_mean
from epochal.paper.plan import Plan
from epochal.paper.section import Section
from epochal.paper.selection import Selection
from epochal.paper.state import Made, key_of
from epochal.read.view import RunView

NUMBERS = "numbers"
"""Title of the file of all numbers, which has no section of its own."""


_GROUPING = ("by", "replicates", "filter")
"""Keys of a comparison that say which groups it has."""


_NAMING = ("comparison", "table", "figure")
"""Kinds of sections that may show the names of runs."""


@dataclass(frozen=True)
class Output:
    """Something that is made.

    Attributes:
        title: such as "table.main".
        section: that asks for it.
        comparisons: the sections of the comparisons that it shows.
        more: what else decides what it is.
    """

    title: str
    section: Section
    comparisons: tuple[Section, ...] = ()
    more: tuple[Any, ...] = ()

    def runs(self, selection: Selection) -> list[RunView]:
        """Return every run that it is made of.

        Raises:
            SettingError: a filter is not valid.
        """
        sources = list(self.comparisons)
        if self.section.kind == "text":
            sources += [self.section] if "setup" in self.section.values else []
        elif not self.comparisons:
            sources = [self.section]
        found = {run.id: run for each in sources for run in selection.of(each)}
        return list(found.values())

    def key(self, selection: Selection) -> tuple[str, dict[str, str]]:
        """Return its key, and id → hash of its runs.

        Raises:
            SettingError: a filter is not valid.
        """
        used = self.runs(selection)
        runs = selection.fingerprints(used)
        sections = [dict(each.values) for each in (self.section, *self.comparisons)]
        # A hash of a run is that of what it recorded: its name is not in it, and is shown.
        names = {run.id: run.name for run in used} if self.section.kind in _NAMING else {}
        return key_of(sections, runs, self.title, names, *self.more), runs


def outputs(plan: Plan) -> list[Output]:
    """Return everything that a plan makes, but for the file of numbers; comparisons come first.

    Raises:
        SettingError: a section names a comparison that is not there.
    """
    base = {key: plan.paper.get(key) for key in ("project", "filter")}
    found = []
    for section in plan.sections():
        named = section.get("results", []) if section.kind == "text" else []
        named = [*named, *([section.get("of")] if "of" in section.values else [])]
        compared = tuple(plan.comparison(name, section, "of") for name in named)
        shown = [section] if section.kind == "comparison" else compared
        more: tuple[Any, ...] = (base, [beside(plan, each) for each in shown])
        if section.kind == "figure":
            more = (*more, plan.paper.get("venue"), plan.prefix)
        found.append(Output(section.title, section, compared, more))
    return found


def beside(plan: Plan, section: Section) -> list[str]:
    """Return what stands against a comparison because the plan has others of the same groups."""
    settings = [section.get(key) for key in _GROUPING]
    return [
        f"{other.get('metric')} is compared on the same groups too: p is not corrected over both"
        " metrics"
        for other in plan.comparisons.values()
        if settings == [other.get(key) for key in _GROUPING]
        and other.get("metric") != section.get("metric")
    ]


def numbers_key(made: Mapping[str, Made]) -> str:
    """Return the key of the file of numbers: it changes with any of them."""
    keys = {title: each.key for title, each in made.items() if title.startswith("number.")}
    return key_of([], {}, NUMBERS, keys)


@dataclass(frozen=True)
class Parts:
    """What was made of a section.

    Attributes:
        files: path below the output folder, with ``/`` → content.
        facts: for the lock, JSON-able.
        notes: what the paper's author must know.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def formats(section: Section, known: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Return the formats that a section asks for.

    Raises:
        SettingError: one is unknown, or there is none.
    """
    found = tuple(dict.fromkeys(section.get("formats", default)))
    for each in found:
        if each not in known:
            hint = did_you_mean(each, known) or f": give some of {', '.join(known)}"
            raise section.error("formats", f"has {each!r}{hint}")
    if not found:
        raise section.error("formats", f"is empty: give some of {', '.join(known)}")
    return found


def encoded(text: str) -> bytes:
    """Return the bytes of a text file; what UTF-8 cannot have is escaped."""
    return text.encode("utf-8", "backslashreplace")
