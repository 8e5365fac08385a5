"""Making the parts of a paper: comparisons, numbers, tables, figures and paragraphs as files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from epochal.analyze import guards
from epochal.core.errors import EpochalError
from epochal.paper.macros import macro_of
from epochal.paper.numbers import evaluate
from epochal.paper.outputs import Output, Parts, beside, encoded, formats
from epochal.paper.plan import Plan
from epochal.paper.section import Section
from epochal.paper.selection import Selection

TABLE_FORMATS = ("tex", "md", "csv")
TABLES = ("comparison", "statistics")


class Maker:
    """Makes outputs; a comparison is made once however many show it.

    Args:
        plan: of the paper.
        selection: its runs.

    Attributes:
        looks: name of a comparison → what its author must know of earlier looks at the data; as it
            stands in a cache of this machine, it is in no file.
    """

    def __init__(self, plan: Plan, selection: Selection) -> None:
        self._plan, self._selection = plan, selection
        self._compared: dict[str, Any] = {}
        self.looks: dict[str, list[str]] = {}

    def make(self, output: Output) -> Parts:
        """Return what an output is made of.

        Raises:
            EpochalError: it cannot be made; the message says where in the file it is asked for.
        """
        section = output.section
        makers: Mapping[str, Callable[[Section], Parts]] = {
            "comparison": self._comparison, "number": self._number, "table": self._table,
            "figure": self._figure, "text": self._text,
        }  # fmt: skip
        try:
            return makers[section.kind](section)
        except EpochalError as error:
            if str(error).startswith(f"{section.file}, line"):
                raise
            raise type(error)(f"{section.where()}: {error}") from error

    def compared(self, name: str) -> Any:
        """Return a comparison.

        Raises:
            EpochalError: it cannot be made.
        """
        from epochal.analyze.compare_runs import compare

        if name not in self._compared:
            section = self._plan.comparisons[name]
            metric = section.need("metric", 'give metric = "..."')
            runs = self._selection.of(section)
            if not runs:
                place = "filter" if "filter" in section.values else ""
                raise section.error(place, "matches no run")
            rest = {k: v for k, v in section.values.items() if k not in ("metric", "filter")}
            try:
                found = compare(runs, metric, **rest)
            except EpochalError as error:
                raise type(error)(f"{section.where()}: {error}") from error
            lasting, others = tuple(_lasting(found)), beside(self._plan, section)
            looks = [each for each in found.guards if each not in lasting]
            # Of other metrics the plan's own are named already.
            self.looks[name] = [each for each in looks if not (others and " look " not in each)]
            all_guards = (*lasting, *others)
            self._compared[name] = replace(found, guards=all_guards, looks=1)
        return self._compared[name]

    def _comparison(self, section: Section) -> Parts:
        found = self.compared(section.name)
        groups = {
            name: {
                "label": group.label, "n": group.estimate.n, "mean": group.estimate.value,
                "half_width": group.estimate.error, "interval": group.estimate.method,
                "seeds": list(group.seeds),
                "left_out": [f"{each.name} {each.reason}" for each in group.left_out],
            }
            for name, group in found.groups.items()
        }  # fmt: skip
        verdicts = [
            {"a": v.a, "b": v.b, "word": v.word, "p": v.p_corrected, "test": v.test,
             "paired": v.paired, "sentence": str(v)}
            for v in found.verdicts
        ]  # fmt: skip
        facts = {
            "metric": found.metric, "statistic": found.statistic, "goal": found.goal,
            "level": found.level, "correction": found.correction, "groups": groups,
            "verdicts": verdicts, "guards": list(found.guards),
        }  # fmt: skip
        return Parts({}, plain(facts), (*found.guards, *self.looks[section.name]))

    def _number(self, section: Section) -> Parts:
        macro = macro_of(section)
        value = evaluate(section, self._plan, self._selection, self.compared)
        facts = {
            "value": value.value, "error": value.error, "unit": value.unit, "shown": value.shown,
            "n": value.n, "about": value.about, "macro": macro,
            "cell": value.cell if isinstance(value.cell, str) else asdict(value.cell),
            "measured": bool({"metric", "of"} & set(section.values)),
        }  # fmt: skip
        return Parts({}, facts, value.notes)

    def _table(self, section: Section) -> Parts:
        from epochal.present import tables

        kind = section.among("kind", TABLES, "comparison" if "of" in section.values else "")
        words = {"caption": section.get("caption", ""),
                 "label": section.get("label", f"tab:{section.name}")}  # fmt: skip
        common = ("kind", "formats", "siunitx", *words)
        siunitx = section.get("siunitx", False)
        if kind == "comparison":
            section.only((*common, "of"), "in a table of a comparison")
            name = section.need("of", 'name the comparison: of = "..."')
            table = tables.comparison(self.compared(name), siunitx=siunitx, **words)
        else:
            section.only((*common, "filter", "mean"), "in a table of statistics")
            runs = self._selection.of(section)
            if not runs:
                raise section.error(
                    "filter" if "filter" in section.values else "", "matches no run"
                )
            table = tables.statistics(runs, mean=section.get("mean", False), **words)
        writers: Mapping[str, Callable[[], str]] = {
            "tex": lambda: table.to_latex(siunitx=siunitx),
            "md": table.to_markdown, "csv": table.to_csv,
        }  # fmt: skip
        wanted = formats(section, TABLE_FORMATS, ("tex", "md"))
        files = {f"tables/{section.name}.{each}": encoded(writers[each]()) for each in wanted}
        return Parts(files)  # what its reader must know stands below it

    def _figure(self, section: Section) -> Parts:
        from epochal.paper.figures import figure

        return figure(section, self._plan, self._selection, self.compared)

    def _text(self, section: Section) -> Parts:
        from epochal.paper.paragraphs import paragraphs

        return paragraphs(section, self._plan, self._selection, self.compared)


def _lasting(found: Any) -> Iterator[str]:
    """Yield the guards of a comparison that are the same wherever and whenever it is made."""
    looked = guards.of_family([found.metric], "", 0, found.looks)
    (several,) = guards.several_metrics("", ["x"])
    ending = several.partition(" compared ")[2]
    for each in found.guards:
        if each not in looked and not each.endswith(ending):
            yield each


def plain(value: Any) -> Any:
    """Return JSON-able facts; NaN and infinity, which JSON does not have, become None.

    Example:
        >>> plain({"p": float("nan"), "n": (3, 4)})
        {'p': None, 'n': [3, 4]}
    """
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value
