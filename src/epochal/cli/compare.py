"""``epochal compare``: which settings are really better, in words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from epochal.cli.options import dir_option, json_option, project_option, runs_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epochal.analyze.comparison import Comparison
    from epochal.analyze.groups import Group
    from epochal.analyze.verdicts import Verdict

MANY = 12
"""Of more verdicts than these only those on the best group are shown."""


@click.command()
@click.argument("what", metavar="[DIR] METRIC...", nargs=-1, required=True)
@click.option("--by", multiple=True, metavar="KEY",
              help="Config key that tells settings apart, or group, tags, project, run, host,"
              " git.commit, git.branch; may be repeated. [default: all that differ]")  # fmt: skip
@click.option("--baseline", metavar="GROUP", help="Compare each other group with this one.")
@click.option("--margin", metavar="X", help="Differences up to X, or '1 %', do not matter.")
@click.option("--test", metavar="TEST",
              help="welch, student, mann_whitney, permutation, paired_t, wilcoxon or"
              " paired_permutation. [default: welch, paired_t for equal seeds]")  # fmt: skip
@click.option("--paired/--unpaired", default=None, help="Whether runs with equal seeds are pairs.")
@click.option("--correction", default="holm", show_default=True, metavar="NAME",
              help="Of p, for all comparisons: holm, bonferroni, bh, by or none.")  # fmt: skip
@click.option("--statistic", metavar="NAME",
              help="Which number of a run counts: last, min, max, mean, best, 'last 10 %'."
              " [default: as the metric was defined, else last]")  # fmt: skip
@click.option(
    "--goal", type=click.Choice(["minimize", "maximize"]),
    help="Which way is better. [default: as the metric was defined]",
)  # fmt: skip
@click.option("--replicates", multiple=True, metavar="KEY",
              help="A config key, beside seeds, in which replicates may differ.")  # fmt: skip
@click.option(
    "--level",
    type=float,
    default=0.95,
    show_default=True,
    help="Of all intervals; alpha is 1 - level.",
)
@click.option("--filter", "expression", metavar="EXPR", help="Only runs that pass this filter.")
@click.option("--markdown", "form", flag_value="markdown", help="Write Markdown.")
@click.option("--latex", "form", flag_value="latex", help="Write a LaTeX table to \\input.")
@project_option
@dir_option
@json_option
def compare(  # noqa: PLR0917 - one argument for each option
    what: tuple[str, ...], by: tuple[str, ...], baseline: str | None, margin: str | None,
    test: str | None, paired: bool | None, correction: str, statistic: str | None,
    goal: str | None, replicates: tuple[str, ...], level: float, expression: str | None,
    form: str | None, project: str | None, base: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say which settings are really better by METRIC.

    Runs whose config differs only by seeds and output paths are replicates of one setting. Each
    pair of settings gets a verdict: better, worse, equivalent (with --margin) or undecided, and
    then about how many seeds would settle it. What stands against it is listed below.
    """
    from epochal.analyze.compare_runs import compare as compare_runs
    from epochal.cli import output
    from epochal.read.project import open as open_project

    place, metrics = _divided(what)
    runs = open_project(runs_dir(place, base), project=project).runs(expression)
    found = compare_runs(
        runs, metrics, by=by or None, replicates=["seed", *replicates], paired=paired,
        statistic=statistic, goal=goal, margin=_margin(margin), correction=correction,
        baseline=baseline, test=test, level=level,
    )  # fmt: skip
    if as_json:
        plain = [each.to_dict() for each in found.values()]
        output.print_json(plain[0] if len(plain) == 1 else plain)
    elif form is not None:
        texts = [getattr(each, f"to_{form}")() for each in found.values()]
        click.echo("\n".join(texts), nl=False)
    else:
        for i, each in enumerate(found.values()):
            if i:
                click.echo()
            _print(each)


def _divided(what: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the folder, None if none was given, and the metrics."""
    if len(what) > 1 and os.path.isdir(what[0]):
        return what[0], list(what[1:])
    return None, list(what)


def _margin(text: str | None) -> float | str | None:
    """Return a margin as a number, or as the text of a percentage."""
    if text is None or text.strip().endswith("%"):
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor a percentage such as '1 %'",
                                 param_hint="--margin") from None  # fmt: skip


def _print(found: Comparison) -> None:
    from epochal.analyze.comparison import MEANINGS
    from epochal.cli import output

    output.write(output.console(), output.line(
        (found.metric, "bold"), (f" ({found.statistic}, {MEANINGS[found.goal]})", ""),
        (f" by {found.by}", ""),
    ))  # fmt: skip
    click.echo()
    _print_groups(found)
    shown = _shown(found)
    if shown:
        output.heading("Verdicts")
    for each in shown:
        style = {"better": "green", "worse": "red"}.get(each.word, "")
        output.row((1, ""), (0, output.shown(str(each), style)))
    if len(shown) < len(found.verdicts):
        rest = len(found.verdicts) - len(shown)
        output.say(f"{rest} more pairs, of groups that are not the best: --json has all")
    if found.guards:
        output.heading("Guards")
    for guard in found.guards:
        output.row((1, "-"), (0, output.shown(guard)))
    if found.ignored:
        output.say(f"not settings: {', '.join(found.ignored)}")


def _print_groups(found: Comparison) -> None:
    from epochal.cli import output

    columns = [
        output.Column("Group", elastic=16), output.Column("Mean", right=True),
        output.Column(f"{100 * found.level:g}% interval", right=True),
        output.Column("n", right=True), output.Column("Std", right=True, rank=2),
        output.Column("Left out", right=True, rank=1), output.Column(""),
    ]  # fmt: skip
    rows = [_row(found, group) for group in found.groups.values()]
    output.table(columns, rows)


def _row(found: Comparison, group: Group) -> list[str]:
    import math

    from epochal.cli.formats import NOTHING
    from epochal.markup.rounding import plain, rounded

    estimate = group.estimate
    mean, interval, std = plain(estimate.value, 5), NOTHING, NOTHING
    if not group.n:
        mean = NOTHING
    elif not math.isnan(estimate.error):
        shown = rounded(estimate.value, estimate.error)
        mean = f"{shown.value}e{shown.exponent}" if shown.exponent else shown.value
        interval = f"± {shown.error}e{shown.exponent}" if shown.exponent else f"± {shown.error}"
        std = plain(float(group.scores.std(ddof=1)), 3)
    lost = sum(not each.replaced for each in group.left_out)
    standing = "not shown worse" if found.verdicts and group.name in found.not_worse else ""
    if found.verdicts and estimate.value == found.groups[found.best].estimate.value:
        standing = "best"
    return [group.name, mean, interval, str(group.n), std, str(lost or NOTHING), standing]


def _shown(found: Comparison) -> Sequence[Verdict]:
    """Return the verdicts that a person reads: all, or of many those on the best group."""
    if len(found.verdicts) <= MANY or found.baseline is not None:
        return found.verdicts
    return [each for each in found.verdicts if found.best in (each.a, each.b)]
