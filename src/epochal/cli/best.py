"""``epochal best``: the best runs by a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from epochal.cli.options import dir_option, json_option, project_option, runs_dir

if TYPE_CHECKING:
    from epochal.read.metrics import MetricSummary
    from epochal.read.runs import Runs
    from epochal.read.view import RunView


@click.command()
@click.argument("metric")
@click.option(
    "--goal", type=click.Choice(["minimize", "maximize"]),
    help="Which way is better. [default: as the metric was defined]",
)  # fmt: skip
@click.option("--filter", "expression", metavar="EXPR", help="Only runs that pass this filter.")
@click.option("--limit", type=click.IntRange(min=1), default=5, show_default=True, metavar="N",
              help="Show the N best runs.")  # fmt: skip
@project_option
@dir_option
@json_option
def best(
    metric: str, goal: str | None, expression: str | None, limit: int, project: str | None,
    base: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show the best runs by METRIC.

    What counts is its smallest or largest value in each run, never NaN or infinite. The columns
    after it are the config values in which these runs differ.
    """
    from epochal.cli import output
    from epochal.cli.formats import number
    from epochal.core.errors import MetricNotFoundError
    from epochal.read.project import open as open_project

    opened = open_project(runs_dir(base), project=project)
    winner = opened.best(metric, goal=goal)
    way = goal or winner.metrics[metric].definition.goal or "minimize"
    chosen = opened.runs(expression)
    ranking = _ranking(chosen, metric, way)[:limit]
    if not ranking:
        raise MetricNotFoundError(chosen.no_metric(metric))
    if as_json:
        runs = [
            {"id": run.id, "name": run.name, "dir": run.dir, "value": value, "step": step,
             "state": run.state, "config": run.config, "tags": run.tags}
            for run, value, step in ranking
        ]  # fmt: skip
        output.print_json({"metric": metric, "goal": way, "best": runs[0], "runs": runs})
        return
    varied = _varied([run.config for run, _, _ in ranking])
    columns = [
        output.Column("Name", elastic=16), output.Column("Id"), output.Column("State", rank=1),
        output.Column(metric, right=True, elastic=9), output.Column("at step", right=True),
        *(output.Column(".".join(path), elastic=8, rank=3 + i) for i, path in enumerate(varied)),
        output.Column("Tags", elastic=10, rank=2),
    ]  # fmt: skip
    rows = [
        [run.name, run.id, output.state(run.state), number(value), number(step),
         *(_at(run.config, path) for path in varied), ", ".join(run.tags)]
        for run, value, step in ranking
    ]  # fmt: skip
    output.table(columns, rows)


def _ranking(runs: Runs, metric: str, goal: str) -> list[tuple[RunView, float, float]]:
    """Return (run, value, step) of the runs that have the metric, the best and oldest first."""
    found = []
    for run in runs:
        info = run.metrics.get(metric)
        if info is not None and info.summary.min == info.summary.min:
            found.append((run, *_extreme(info.summary, goal)))
    sign = -1 if goal == "maximize" else 1
    return sorted(found, key=lambda each: (sign * each[1], each[0].created_s))


def _extreme(summary: MetricSummary, goal: str) -> tuple[float, float]:
    if goal == "maximize":
        return summary.max, summary.max_step
    return summary.min, summary.min_step


def _varied(configs: list[dict[str, object]]) -> list[tuple[str, ...]]:
    """Return the paths of at most four config values that differ between runs."""
    flat = [dict(_flat(config)) for config in configs]
    paths = dict.fromkeys(path for each in flat for path in each)
    return [p for p in paths if len({repr(each.get(p)) for each in flat}) > 1][:4]


def _flat(
    config: dict[str, object], path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], object]]:
    found: list[tuple[tuple[str, ...], object]] = []
    for key, value in config.items():
        inner = (*path, str(key))
        found += _flat(value, inner) if isinstance(value, dict) else [(inner, value)]
    return found


def _at(config: dict[str, object], path: tuple[str, ...]) -> str:
    from epochal.cli.formats import value

    return value(dict(_flat(config)).get(path))
