"""What the demo's runs show: read back, compared, and said with its uncertainty."""

from __future__ import annotations

import os
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import epochal
from epochal.analyze import mean_interval
from epochal.core.errors import AmbiguousRunError
from epochal.core.names import printable
from epochal.demo import plot
from epochal.present.analysis import analyze
from epochal.present.comparison_files import Question
from epochal.settings import load

if TYPE_CHECKING:
    from epochal.analyze.comparison import Comparison
    from epochal.analyze.estimates import Estimate
    from epochal.read.project import Project
    from epochal.read.view import RunView

METRIC, PACE = "val/loss", "train/loss"
"""What is compared: where the training ends, and its loss on the way, the mean of all steps."""
SETTING = "config.lr_schedule"
OPTIONS: dict[str, Any] = {"statistic": {PACE: "mean"}}
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
        names: values of ``config.lr_schedule``: the two settings.
    """
    project = epochal.open(base, project="demo")
    found = project.runs(f'group == "{group}"')
    runs = sorted(found, key=lambda run: (_seed(run), names.index(run.config["lr_schedule"])))
    settings = [
        Setting(name, [run for run in runs if run.config["lr_schedule"] == name]) for name in names
    ]
    _heading(console, "Validation loss", "nats per byte, mean of the seeds")
    console.print(Padding(_curves(console, settings), (0, 0, 1, 2)))
    console.print(Padding(_table(settings), (0, 0, 0, 2)))
    caption = "  Means of n seeds with their 95 % t-intervals; perplexity is per byte."
    console.print(caption, style="dim")
    _verdicts(console, runs)
    _sample(console, runs)
    _analysis(console, base, group, runs)
    _further(console, project, base, runs)


def interrupted(console: Console, base: str) -> None:
    """Say where the runs are after Ctrl-C."""
    says = f"\nInterrupted. What was recorded is kept: epochal ls{_folder(base)}"
    console.print(says, soft_wrap=True)


def _verdicts(console: Console, runs: Sequence[RunView]) -> None:
    _heading(console, "What these runs show", "and what they do not")
    for each in compared(runs):
        for verdict in each.verdicts:
            style = "green" if verdict.word in ("better", "worse") else "yellow"
            says = Text(str(verdict))
            says.highlight_words([verdict.word], style)
            console.print(Padding(says, (0, 0, 0, 2)), width=min(console.width, 100))
        for guard in each.guards:
            console.print(Padding(Text(f"- {guard}", "dim"), (0, 0, 0, 4)),
                          width=min(console.width, 100))  # fmt: skip


def compared(runs: Sequence[RunView]) -> Sequence[Comparison]:
    """Return both comparisons: by the final validation loss, and by the mean training loss."""
    return list(epochal.compare(list(runs), [METRIC, PACE], by=SETTING, **OPTIONS).values())


def _analysis(console: Console, base: str, group: str, runs: Sequence[RunView]) -> None:
    _heading(console, "Figures, tables, reports")
    with console.status("  drawing"):
        made = analyze(
            list(runs), os.path.join(base, f"{group}-analysis"), helper=True,
            question=Question(METRIC, (SETTING,), (PACE,), OPTIONS),
        )  # fmt: skip
    for problem in made.problems:
        console.print(f"  {problem}", style="red", soft_wrap=True)
    says = Text.assemble(
        f"  {len(made.files)} files, all linked from ", (_short(made.index), "bold")
    )
    console.print(says, soft_wrap=True)


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


def _cell(mean: Estimate) -> Text:
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
        f"epochal serve{folder}", f"epochal ls{folder}",
        f"epochal show {a}{option}", f"epochal diff {a} {b}{option}",
        f"epochal compare {METRIC} --by {SETTING}{option}", f"epochal best {METRIC}{option}",
        f'epochal sql "{query}"{option}',
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
