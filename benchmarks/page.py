"""Turns figures into ``docs/benchmarks.md``."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import peers
from subject import PEERS, Figure, Row, Subject

COMMAND = "python benchmarks/run.py"
HOW_TO_RUN = (
    f"or, in an environment that has `epochal[bench]`, `{COMMAND}`. `--quick` takes minutes and"
    " gives trial figures, `--only NAME…` picks subjects, `--repeat N` repeats each measurement so"
    " often, `--renew` puts what is picked into this page. [Every value](benchmarks.json)."
)
Results = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Subject → case → figure → its values over the repetitions; or → "error" → why there is none."""


class Page:
    """The page of one run of the benchmarks.

    Args:
        subjects: what was measured, by name.
        results: the figures.
        notes: what else must be said, such as loggers that are missing.
        quick: whether these are trial figures.
        load: the machine's load average before the first measurement.
    """

    def __init__(
        self, subjects: Mapping[str, Subject], results: Results, notes: Sequence[str], *,
        quick: bool, load: float,
    ) -> None:  # fmt: skip
        self._subjects, self._results, self._notes = subjects, results, list(notes)
        self._quick, self._load = quick, load

    def markdown(self) -> str:
        """Return the whole page."""
        parts = [
            "# Benchmarks", machine(self._load), *self._trial(), *self._verdict(),
            "## How many times better than", *self._ratios(), "## Figures", *self._figures(),
            "## Not measured", *self._missing(), "## Run it yourself",
            "```sh\nmake bench\n```", HOW_TO_RUN,
        ]  # fmt: skip
        return "\n\n".join(parts) + "\n"

    def figure(self, subject: str, row: Row, case: str) -> Figure | None:
        """Return a row's figure for a case, None if there is none."""
        values = self._results.get(subject, {}).get(case, {}).get(row.figure)
        return row.fold(values) if values else None

    def _rows(self) -> Iterator[tuple[str, Row, Figure]]:
        """Yield each row that has a figure of Epochal's."""
        for name, subject in self._subjects.items():
            for row in subject.rows:
                if (figure := self.figure(name, row, row.case)) is not None:
                    yield name, row, figure

    def _trial(self) -> list[str]:
        return ["**Trial figures** of `--quick`: short loops, not to be quoted."] * self._quick

    def _verdict(self) -> list[str]:
        said: dict[str, list[str]] = {}
        for _, row, figure in self._rows():
            said.setdefault(row.met(figure), []).append(row.what)
        count = sum(len(rows) for word, rows in said.items() if word)
        lines = [f"{len(said.get('yes', []))} of {count} bars are met."]
        if "no" in said:
            lines.append(f"Not met: {'; '.join(said['no'])}.")
        if "unclear" in said:
            lines.append(f"The interval covers the bar: {'; '.join(said['unclear'])}.")
        return [" ".join(lines)]

    def _ratios(self) -> list[str]:
        shown = [peer for peer in PEERS if any(peer in cases for cases in self._results.values())]
        lines = [table_line(["", *(peers.NAMES[peer] for peer in shown)]), _rule(len(shown))]
        for name, row, ours in self._rows():
            if row.peers and row.ratio:
                cells = [ratio(row, ours, self.figure(name, row, peer)) for peer in shown]
                lines.append(table_line([row.what, *cells]))
        note = (
            "Each figure is the peer's time, bytes or loss divided by Epochal's (rates the other"
            " way round): 10 means that Epochal needs a tenth; > means that Epochal's own figure"
            " cannot be told from zero and its upper bound was taken."
        )
        return [note, "\n".join(lines)]

    def _figures(self) -> list[str]:
        parts = []
        for name, subject in self._subjects.items():
            with_peers = [peer for peer in PEERS if peer in self._results.get(name, {})]
            head = ["", "bar", "met", "Epochal", *(peers.NAMES[peer] for peer in with_peers)]
            lines = [table_line(head), _rule(len(head) - 1)]
            for row in subject.rows:
                ours = self.figure(name, row, row.case)
                others = [self.figure(name, row, peer) if row.peers else None
                          for peer in with_peers]  # fmt: skip
                met = {"no": "**no**"}.get(word := row.met(ours) if ours else "", word)
                cells = [
                    row.what,
                    bar(row),
                    met,
                    shown(row, ours),
                    *(shown(row, f) for f in others),
                ]
                lines.append(table_line(cells))
            how = f"How: {subject.how}"
            parts += [f"### {subject.title}", "\n".join(lines), how, f"`{COMMAND} --only {name}`"]
        return parts

    def _missing(self) -> list[str]:
        lines = [f"- {note}" for note in self._notes]
        for name, cases in self._results.items():
            title = self._subjects[name].title
            lines += [
                f"- {title}, {peers.NAMES.get(case, case)}: {figures['error']}"
                for case, figures in cases.items() if "error" in figures
            ]  # fmt: skip
        return ["\n".join(lines) if lines else "Everything was measured."]


def table_line(cells: Sequence[str]) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * columns


def number(value: float) -> str:
    """Return a number with three digits that mean something."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2}f}"


def shown(row: Row, figure: Figure | None) -> str:
    """Return a figure with its unit and interval, "" if there is none."""
    if figure is None:
        return ""
    interval = "" if figure.low is None else f" ({number(figure.low)} to {number(figure.high)})"
    return f"{number(figure.value)} {row.unit}{interval}"


def bar(row: Row) -> str:
    """Return the bar of a row."""
    if row.limit is None:
        return ""
    return f"{'≥' if row.larger else '≤'} {row.limit:,g}" if row.limit else "0"


def ratio(row: Row, ours: Figure, theirs: Figure | None) -> str:
    """Return how many times better Epochal is."""
    if theirs is None:
        return ""
    if row.larger:
        return f"{number(ours.value / theirs.value)}"
    unsure = ours.low is not None and ours.low <= 0
    own = max(ours.high, 0.01) if unsure else ours.value
    if own <= 0:
        return "equal" if theirs.value <= 0 else "none lost" if row.unit == "rows" else ""
    return f"{'> ' if unsure else ''}{number(max(theirs.value, 0.0) / own)}"


def machine(load: float) -> str:
    """Return a paragraph on the machine: cores, processor, versions; neither paths nor names."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*: (.*)", info.read_text())
        model = found[1] if found else model
    versions = []
    for package in ("epochal", "torch", "numpy", "pyarrow", "tensorboard", "wandb", "trackio"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    cores, others = len(os.sched_getaffinity(0)), ""
    if load >= 0.5:
        others = (
            f" **Other programs were running** (load average {load:.1f} before the first"
            " measurement): figures are worse than on a quiet machine."
        )
    return (
        f"Measured on {cores} cores of {model}, {platform.system()}"
        f" {platform.release().split('-')[0]}, CPython {platform.python_version()}, with"
        f" {', '.join(versions)}. All loggers ran on it in turn, in shuffled order, each"
        " measurement in a fresh process; figures are medians over the repetitions unless a line"
        f" says otherwise. Epochal ran with its defaults: csv and json mirrors on.{others}"
    )
