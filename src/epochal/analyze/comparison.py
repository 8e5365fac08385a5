"""Groups compared: an estimate for each, a verdict for each pair, and what stands against them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from epochal.analyze.groups import Group
from epochal.analyze.samples import deviation
from epochal.analyze.verdicts import Verdict
from epochal.core.errors import EvidenceError, did_you_mean
from epochal.markup.cells import Cell, Column, Number

MEANINGS = {"minimize": "lower is better", "maximize": "higher is better"}


@dataclass(frozen=True, repr=False)
class Comparison:
    """Groups compared by one metric; made by `epochal.compare` or `judge`.

    Attributes:
        metric, statistic, goal: what is compared, which number of a run counts, which way is
            better.
        by: what tells the groups apart, in words.
        groups: name → group, with its estimate.
        verdicts: one for each pair, the better mean first; with a baseline one for each other
            group against it.
        guards: what stands against all this, in sentences.
        best: name of the group with the best mean.
        not_worse: names of it and of all that are not significantly worse; p is corrected over
            every pair for this.
        level, correction, margin, baseline: as asked for; the margin in units of the metric.
        looks: how often this comparison was looked at, each time with other runs; None: not
            counted.
        ignored: config keys that differ but are no settings.
        data_sha256: of everything that the runs recorded; "" for plain numbers.
    """

    metric: str
    statistic: str
    goal: str
    by: str
    groups: Mapping[str, Group]
    verdicts: tuple[Verdict, ...]
    guards: tuple[str, ...]
    best: str
    not_worse: tuple[str, ...]
    level: float = 0.95
    correction: str = "holm"
    margin: float | None = None
    baseline: str | None = None
    looks: int | None = 1
    ignored: tuple[str, ...] = ()
    data_sha256: str = field(default="")

    def verdict(self, a: str, b: str) -> Verdict:
        """Return the verdict on group a against group b.

        Raises:
            EvidenceError: these two were not compared.
        """
        for each in self.verdicts:
            if (each.a, each.b) == (a, b):
                return each
            if (each.b, each.a) == (a, b):
                return each.flipped()
        missing = [name for name in (a, b) if name not in self.groups]
        hint = did_you_mean(missing[0], self.groups) if missing else ""
        raise EvidenceError(f"{a!r} and {b!r} were not compared{hint}")

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each group: name, setting, n, mean, interval, spread and standing."""
        rows = []
        for group in self.groups.values():
            found, scores = group.estimate, group.scores
            rows.append({
                "group": group.name, "label": group.label, "setting": dict(group.setting),
                "n": group.n, "mean": found.value, "low": found.low, "high": found.high,
                "std": deviation(scores) if group.n else math.nan,
                "min": float(scores.min()) if group.n else math.nan,
                "max": float(scores.max()) if group.n else math.nan,
                "best": group.name == self.best, "not_worse": group.name in self.not_worse,
                "left_out": sum(not each.replaced for each in group.left_out),
            })  # fmt: skip
        return rows

    def cells(self) -> tuple[list[Column], list[list[Cell]], list[str]]:
        """Return columns, rows and notes of the table as it is printed.

        The best is bold together with all that are not significantly worse, unless that is all; of
        one run nothing can be said, so that it is not bold.
        """
        way: Literal["down", "up"] = "down" if self.goal == "minimize" else "up"
        lost = any(row["left_out"] for row in self.table())
        columns = [Column("group"), Column(self.metric, "r", arrow=way), Column("n", "r")]
        columns += [Column("left out", "r")] if lost else []
        counting = sum(bool(group.n) for group in self.groups.values())
        tested = [name for name in self.not_worse if self.groups[name].n > 1]
        marked = tested if len(self.not_worse) < counting else []
        rows: list[list[Cell]] = []
        for row in self.table():
            error = (row["high"] - row["low"]) / 2
            bold = row["group"] in marked
            number = Number(row["mean"], None if math.isnan(error) else error, bold=bold)
            rest: list[Cell] = [Number(row["left_out"])] if lost else []
            rows.append([row["group"], number, Number(row["n"]), *rest])
        notes = [f"mean ± {100 * self.level:g} % t interval of {self.statistic} {self.metric}"]
        if marked:
            several = " of several runs" if len(marked) < len(self.not_worse) else ""
            notes.append(f"bold: the best and all{several} that are not significantly worse")
        return columns, rows, notes

    def to_markdown(self) -> str:
        """Return table, verdicts and guards as Markdown."""
        from epochal.markup.markdown import literal, table

        columns, rows, notes = self.cells()
        head = table([c.title for c in columns], rows, [c.align for c in columns])
        parts = [head, literal("; ".join(notes) + "."), *(literal(v) for v in self.verdicts)]
        if self.guards:
            parts.append("\n".join(f"- {literal(guard)}" for guard in self.guards))
        return "\n\n".join(parts) + "\n"

    def to_latex(self) -> str:
        r"""Return the table as LaTeX to ``\input``; the verdicts are comments in it."""
        from epochal.markup.latex import tabular

        columns, rows, notes = self.cells()
        data = [f"data {self.data_sha256}"] if self.data_sha256 else []
        return tabular(columns, rows, notes=notes, comment=[*map(str, self.verdicts), *data])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able data; NaN where there is no number."""
        rows = []
        for row, group in zip(self.table(), self.groups.values(), strict=True):
            left_out = [
                {"id": e.run.id, "name": e.run.name, "reason": e.reason, "replaced": e.replaced}
                for e in group.left_out
            ]
            rows.append(row | {
                "runs": [run.id for run in group.runs], "scores": group.scores.tolist(),
                "seeds": list(group.seeds), "left_out": left_out,
            })  # fmt: skip
        return {
            "metric": self.metric, "statistic": self.statistic, "goal": self.goal, "by": self.by,
            "level": self.level, "correction": self.correction, "margin": self.margin,
            "baseline": self.baseline, "best": self.best, "not_worse": list(self.not_worse),
            "looks": self.looks, "ignored": list(self.ignored), "data_sha256": self.data_sha256,
            "groups": rows, "verdicts": [each.to_dict() for each in self.verdicts],
            "guards": list(self.guards),
        }  # fmt: skip

    def __str__(self) -> str:
        """Return the estimates, the verdicts and the guards as plain text."""
        title = f"{self.metric} ({self.statistic}, {MEANINGS[self.goal]}) by {self.by}"
        estimates = [f"{group.name}: {group.estimate}" for group in self.groups.values()]
        return "\n".join([title, *estimates, *map(str, self.verdicts),
                          *(f"Guard: {guard}." for guard in self.guards)])  # fmt: skip

    def __repr__(self) -> str:
        """Return what it is of."""
        return f"<Comparison of {self.metric!r}: {', '.join(self.groups)}; best {self.best!r}>"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()
