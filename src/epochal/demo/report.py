"""What the demo's runs show: read back, put side by side, and said with its uncertainty."""

from __future__ import annotations

import os
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import epochal
from epochal.core.errors import AmbiguousRunError
from epochal.core.names import printable
from epochal.demo import plot
from epochal.demo.intervals import Mean, mean_interval
from epochal.settings import load

if TYPE_CHECKING:
    from epochal.read.project import Project
    from epochal.read.view import RunView

METRIC = "val/loss"
STYLES = ("cyan", "magenta")


@dataclass(frozen=True)
class Setting:
    """The runs of one setting."""

    name: str
    runs: Sequence[RunView]

    def last(self) -> dict[int, float]:
        """Return the final validation loss of each seed."""
        return {_seed(run): float(run.series(METRIC).values[-1]) for run in self.runs}

    def best(self) -> list[float]:
        """Return the lowest validation loss of each run."""
        return [float(run.series(METRIC).values.min()) for run in self.runs]

    def perplexity(self) -> float:
        """Return the mean of the runs' final perplexities."""
        return statistics.fmean(run.series("val/perplexity").values[-1] for run in self.runs)

    def tokens_per_s(self) -> float:
        """Return the mean of the runs' median speeds."""
        return statistics.fmean(np.median(run.series("tokens_per_s").values) for run in self.runs)

    def curve(self) -> plot.Curve:
        """Return the steps and the mean validation loss of all runs."""
        series = [run.series(METRIC) for run in self.runs]
        return series[0].steps.tolist(), np.mean([each.values for each in series], axis=0).tolist()


def show(console: Console, base: str, group: str, names: Sequence[str]) -> None:
    """Print what the runs of a group show.

    Args:
        console: where to.
        base: folder of all runs.
        group: only runs of this group are looked at.
        names: values of ``config.schedule``: the two settings.
    """
    project = epochal.open(base, project="demo")
    found = project.runs(f'group == "{group}"')
    runs = sorted(found, key=lambda run: (_seed(run), names.index(run.config["schedule"])))
    settings = [
        Setting(name, [run for run in runs if run.config["schedule"] == name]) for name in names
    ]
    _heading(console, "Validation loss", "nats per byte, mean of the seeds")
    console.print(Padding(_curves(console, settings), (0, 0, 1, 2)))
    console.print(Padding(_table(settings), (0, 0, 0, 2)))
    caption = "  Means of n seeds with their 95 % t-intervals; perplexity is per byte."
    console.print(caption, style="dim")
    says = conclusion({setting.name: setting.last() for setting in settings})
    console.print(Padding(says, (1, 0, 0, 2)), width=min(console.width, 100))
    _sample(console, runs)
    _further(console, project, base, runs)


def interrupted(console: Console, base: str) -> None:
    """Say where the runs are after Ctrl-C."""
    says = f"\nInterrupted. What was recorded is kept: epochal ls{_folder(base)}"
    console.print(says, soft_wrap=True)


def conclusion(losses: Mapping[str, Mapping[int, float]]) -> str:
    """Return what may be said of two settings from their final losses.

    Args:
        losses: setting → seed → final loss in nats; two settings.

    Example:
        >>> conclusion({"a": {1: 2.0, 2: 2.1}, "b": {1: 1.5, 2: 1.6}})[:29]
        'b ends 0.500 nats below a; 95'
    """
    (a, of_a), (b, of_b) = losses.items()
    seeds = sorted(of_a.keys() & of_b.keys())
    if len(seeds) < 2:
        return (
            "One seed of each setting cannot tell the settings apart from chance:"
            " epochal demo --seeds 3"
        )
    if statistics.fmean(of_a[seed] - of_b[seed] for seed in seeds) > 0:
        (a, of_a), (b, of_b) = (b, of_b), (a, of_a)
    below = mean_interval([of_b[seed] - of_a[seed] for seed in seeds])
    says = (
        f"{a} ends {below.value:.3f} nats below {b}; 95 % interval of the difference:"
        f" {below.low:.3f} to {below.high:.3f}, from {len(seeds)} pairs of runs with the same seed."
    )
    if below.low > 0:
        says += f" It leaves out 0: for this model, budget and peak rate, these runs favor {a}."
    else:
        says += " It contains 0: these runs do not decide between the two; more seeds may."
    one, other = (mean_interval(list(each.values())) for each in (of_a, of_b))
    overlap = "do not overlap" if one.high < other.low or other.high < one.low else "overlap"
    return (
        f"{says} (The two intervals in the table {overlap}; they do not use that a seed gives"
        f" both settings the same initial weights and batches.) With n = {len(seeds)} all of them"
        " lean on normally distributed losses."
    )


def _table(settings: Sequence[Setting]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False,
        header_style="bold",
    )  # fmt: skip
    table.add_column("schedule", no_wrap=True)
    titles = ("n", "final loss", "best loss", "perplexity", "tokens/s")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    for setting, style in zip(settings, STYLES, strict=True):
        final = mean_interval(list(setting.last().values()))
        table.add_row(
            Text(setting.name, style), str(final.n), _cell(final),
            _cell(mean_interval(setting.best())), f"{setting.perplexity():.2f}",
            f"{setting.tokens_per_s():,.0f}",
        )  # fmt: skip
    return table


def _cell(mean: Mean) -> Text:
    text = Text(f"{mean.value:.3f}")
    if mean.n > 1:
        text.append(f" [{mean.low:.3f}, {mean.high:.3f}]", "dim")
    return text


def _curves(console: Console, settings: Sequence[Setting]) -> Text:
    lines = {setting.name: setting.curve() for setting in settings}
    if console.options.ascii_only or any(len(steps) < 2 for steps, _ in lines.values()):
        return Text("Too few points, or no Unicode in this terminal, to draw the curves.", "dim")
    styles = dict(zip(lines, STYLES, strict=True))
    return plot.curves(lines, styles, width=min(console.width, 100) - 4, rows=10)


def _sample(console: Console, runs: Sequence[RunView]) -> None:
    best = min(runs, key=lambda run: float(run.series(METRIC).values[-1]))
    _heading(console, f"What {best.name} writes", "a sample at temperature 0.7")
    text = Text(harmless(best.texts("sample")[-1].text), no_wrap=True, overflow="ellipsis")
    panel = Panel(text, box=box.ROUNDED, border_style="dim", width=min(console.width - 2, 98))
    console.print(Padding(panel, (0, 0, 0, 2), expand=False))


def harmless(text: str) -> str:
    r"""Return a model's text with its lines kept and other control characters escaped.

    Example:
        >>> harmless("\n\tdef f():  \n\x1b[2J")
        '    def f():\n\\x1b[2J'
    """
    lines = text.expandtabs(4).strip("\n").split("\n")
    return "\n".join(printable(line.rstrip()) for line in lines)


def _further(console: Console, project: Project, base: str, runs: Sequence[RunView]) -> None:
    folder, option = _folder(base), _folder(base, "--dir ")
    query = "select run, min(value) from points where metric = 'val/loss' group by run"
    a, b = (_name(project, run) for run in runs[:2])
    commands = (
        f"epochal ls{folder}", f"epochal show {a}{option}", f"epochal diff {a} {b}{option}",
        f"epochal best {METRIC}{option}", f'epochal sql "{query}"{option}',
    )  # fmt: skip
    _heading(console, "Look further")
    for command in commands:
        console.print(f"  {command}", style="bold", soft_wrap=True)
    console.print(f"  {_short(runs[0].dir)}/csv/", soft_wrap=True)


def _seed(run: RunView) -> int:
    return cast("int", run.seed)  # train.py gives no seeds by role


def _name(project: Project, run: RunView) -> str:
    """Return the run's name, or its id where an earlier demo has used the name."""
    try:
        project.run(run.name)
    except AmbiguousRunError:
        return run.id
    return run.name


def _folder(base: str, option: str = "") -> str:
    """Return what a command needs to find the runs: nothing where they lie as usual."""
    return "" if base == load().dir else f" {option}{shlex.quote(_short(base))}"


def _short(path: str) -> str:
    """Return a path as seen from the current folder if it lies below it."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def _heading(console: Console, title: str, more: str = "") -> None:
    console.print(Text.assemble("\n", (title, "bold"), (more and f"  {more}", "dim")))
