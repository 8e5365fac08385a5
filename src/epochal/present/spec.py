"""A figure as data: what is drawn, from which runs, with how many runs behind each point."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.present.panel import Curve, Panel

if TYPE_CHECKING:
    from epochal.read.view import RunView

MARK = "epochal-provenance:"
"""What stands before the facts in a comment of a text file, a line of its own."""

COLUMNS = ("panel", "curve", "x", "y", "low", "high", "n")
"""Columns of the table of drawn points."""

MAX_EMBEDDED = 200
"""Of more runs only so many ids stand inside a figure; the file beside it has all."""

Row = tuple[str, str, Any, Any, float, float, float]


@dataclass(frozen=True)
class Provenance:
    """Where a figure or table comes from.

    Attributes:
        runs: ids of the runs.
        query: what was asked of them: the kind of figure or table with its arguments, JSON-able.
        git: states of the code that trained them, such as ``3f2a9c0d1b2e+changes``.
        data_sha256: over the fingerprints of all the runs, whatever their order; "" if unknown.
        made_with: versions of Epochal and Python.
    """

    runs: tuple[str, ...] = ()
    query: Mapping[str, Any] = field(default_factory=dict)
    git: tuple[str, ...] = ()
    data_sha256: str = ""
    made_with: str = ""

    @classmethod
    def of(cls, runs: Sequence[RunView], query: Mapping[str, Any]) -> Provenance:
        """Return the provenance of something made from runs.

        Args:
            runs: as they were read.
            query: arguments; what JSON has no form for is written as text.
        """
        from epochal.analyze.members import code_of, fingerprint

        return cls(
            runs=tuple(run.id for run in runs),
            query=json.loads(json.dumps(dict(query), default=str)),
            git=tuple(sorted({state for run in runs if (state := code_of(run))})),
            data_sha256=joint_sha256(fingerprint(run) for run in runs),
            made_with=made_with(),
        )

    def to_dict(self, most: int | None = None) -> dict[str, Any]:
        """Return the JSON-able form, with so many ids of runs at most."""
        ids = list(self.runs if most is None else self.runs[:most])
        left_out = {"runs_left_out": len(self.runs) - len(ids)} if len(ids) < len(self.runs) else {}
        return {
            "runs": ids, **left_out, "query": dict(self.query), "git": list(self.git),
            "data_sha256": self.data_sha256, "made_with": self.made_with,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Provenance:
        """Return what :meth:`to_dict` wrote; what is missing is empty."""
        return cls(
            tuple(map(str, facts.get("runs") or ())), dict(facts.get("query") or {}),
            tuple(map(str, facts.get("git") or ())), str(facts.get("data_sha256") or ""),
            str(facts.get("made_with") or ""),
        )  # fmt: skip

    def to_line(self) -> str:
        """Return it as one line of plain ASCII for a comment of a LaTeX, Markdown or HTML file.

        It has no two hyphens in a row, which would end a comment of HTML.

        Example:
            >>> Provenance(runs=("r1",)).to_line()[:40]
            'epochal-provenance: {"runs": ["r1"], "qu'
        """
        facts = json.dumps(self.to_dict(MAX_EMBEDDED))
        return f"{MARK} {facts.replace('--', chr(92) + 'u002d' + chr(92) + 'u002d')}"

    def to_short(self) -> str:
        """Return the facts in one short line, for programs that show a file's properties."""
        shown = ",".join(self.runs[:10]) + (f",+{len(self.runs) - 10}" if self.runs[10:] else "")
        asked = json.dumps(dict(self.query), sort_keys=True).encode()
        query = hashlib.sha256(asked).hexdigest()[:12]
        return f"runs={shown};git={','.join(self.git)};query={query};data={self.data_sha256[:12]}"


@dataclass(frozen=True)
class FigureSpec:
    """A figure before it is drawn.

    Attributes:
        name: such as "training_curves".
        panels: row by row.
        grid: (rows, columns); may have more places than there are panels.
        title: of the whole; "" for none, as papers have captions instead.
        caption: what the figure shows, with n, interval and smoothing; text for a paper.
        provenance: where it comes from.
        notes: what a reader must know: runs left out, groups that are not drawn, ...
        heights: of the rows, relative to each other; empty: equal.
    """

    name: str
    panels: tuple[Panel, ...]
    grid: tuple[int, int] = (1, 1)
    title: str = ""
    caption: str = ""
    provenance: Provenance = field(default_factory=Provenance)
    notes: tuple[str, ...] = ()
    heights: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the points as JSON-able facts, with a hash of the points."""
        return {
            "figure": self.name,
            "title": self.title,
            "caption": self.caption,
            "notes": list(self.notes),
            "panels": [_panel_facts(panel) for panel in self.panels],
            "points_sha256": hashlib.sha256(self._csv.encode()).hexdigest(),
            "provenance": self.provenance.to_dict(),
        }

    def points(self) -> Iterator[Row]:
        """Yield every point that is drawn: panel, curve, x, y, low, high, n (see ``COLUMNS``).

        On an axis of categories x is the category's name, and so is y.  What a point has not is
        NaN.
        """
        for panel in self.panels:
            if not panel.empty:
                yield from _points(panel)

    def to_csv(self) -> str:
        """Return the points as CSV; the numbers are exact, an empty cell is what is not there."""
        return self._csv

    @cached_property
    def _csv(self) -> str:  # it is hashed for each format that is saved
        from epochal.markup.spreadsheet import csv_text

        rows = [
            [*row[:2], *(each if isinstance(each, str) else _cell(each) for each in row[2:])]
            for row in self.points()
        ]
        return csv_text(COLUMNS, rows)


def joint_sha256(hashes: Iterator[str] | Sequence[str]) -> str:
    """Return one SHA-256 for several, whatever their order; "" for none."""
    joined = "\n".join(sorted(hashes))
    return hashlib.sha256(joined.encode()).hexdigest() if joined else ""


def made_with() -> str:
    """Return the versions of Epochal and Python, such as "Epochal 1.0, Python 3.12"."""
    try:
        version = metadata.version("epochal")
    except metadata.PackageNotFoundError:  # a source tree that was not installed
        version = "(not installed)"
    return f"Epochal {version}, Python {'.'.join(platform.python_version_tuple()[:2])}"


def _panel_facts(panel: Panel) -> dict[str, Any]:
    curves = [
        {"label": curve.label, "drawn_as": kind, "points": len(curve.y), **_n_facts(curve)}
        for kind, curves in _kinds(panel)
        for curve in curves
    ]
    facts: dict[str, Any] = {"title": panel.title, "x": panel.x_label, "y": panel.y_label}
    facts |= {"empty": panel.empty} if panel.empty else {"curves": curves}
    return facts | ({"remark": panel.remark} if panel.remark else {})


def _n_facts(curve: Curve) -> dict[str, Any]:
    if curve.n is None or not len(curve.n):
        return {}
    low, high = int(np.min(curve.n)), int(np.max(curve.n))
    return {"n": low if low == high else [low, high]}


def _kinds(panel: Panel) -> tuple[tuple[str, tuple[Curve, ...]], ...]:
    return ("line", panel.lines), ("bar", panel.bars), ("point", panel.points)


def _points(panel: Panel) -> Iterator[Row]:
    for _, curves in _kinds(panel):
        for curve in curves:
            low, high, n = (
                np.full(len(curve.y), np.nan) if each is None else each
                for each in (curve.low, curve.high, curve.n)
            )
            for x, *numbers in zip(panel.x_of(curve), curve.y, low, high, n, strict=True):
                y, bottom, top, runs = map(float, numbers)
                at = _place(panel, float(x))
                yield panel.title, curve.label, at, _value(panel, x, y), bottom, top, runs
    if panel.band:
        label, lows, highs = panel.band
        for x, bottom, top in zip(panel.x, lows, highs, strict=True):
            yield (panel.title, label, _place(panel, float(x)), math.nan, float(bottom),
                   float(top), math.nan)  # fmt: skip
    if panel.best:
        label, at, best = panel.best
        yield panel.title, label, _place(panel, at), best, math.nan, math.nan, math.nan
    for segment in panel.segments:
        for x, y in zip(segment.x, segment.y, strict=True):
            yield panel.title, "segment", x, y, math.nan, math.nan, math.nan
    for label, value in panel.references:
        yield panel.title, label, math.nan, value, math.nan, math.nan, math.nan


def _place(panel: Panel, x: float) -> Any:
    named = panel.categories and x == int(x) and 0 <= x < len(panel.categories)
    return panel.categories[int(x)] if named else x


def _value(panel: Panel, x: float, y: float) -> Any:
    named = panel.scales[int(x)].names if panel.scales else ()
    return named[int(y)] if named and math.isfinite(y) else y


def _cell(number: float) -> str:
    """Return a number that reads back the same; "" for NaN."""
    if math.isnan(number):
        return ""
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else repr(number)
