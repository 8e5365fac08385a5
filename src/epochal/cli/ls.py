"""``epochal ls``: the runs of a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import dir_option, folder_argument, json_option, project_option, runs_dir

if TYPE_CHECKING:
    from epochal.read.runs import Runs
    from epochal.read.view import RunView

LIMIT = 50
MAIN_METRICS = 3
_COLUMN = re.compile(r"""(?:[^,"'\[]|"[^"]*"|'[^']*'|\[[^\]]*\])+""")


@click.command()
@folder_argument
@dir_option
@project_option
@click.option("--filter", "expression", metavar="EXPR", help="Such as 'config.lr < 1e-3'.")
@click.option(
    "--sort", metavar="KEYS", default="-created", show_default=True,
    help="Paths with commas between them; a minus sorts down.",
)  # fmt: skip
@click.option(
    "--columns", metavar="PATHS", help="""Show these: 'name,config.lr,summary["val/loss"].min'."""
)
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N",
    help=f"Show at most N runs, 0: all. [default: {LIMIT} on a terminal, else all]",
)  # fmt: skip
@json_option
def ls(
    folder: str | None, base: str | None, project: str | None, expression: str | None, sort: str,
    columns: str | None, limit: int | None, as_json: bool,
) -> None:  # fmt: skip
    """List runs.

    Shows state, age, duration, steps, main metrics and tags. The metrics are those that
    were defined with a goal, then the most common ones. --filter, --sort and --columns use
    the language of `Project.runs`: paths such as config.lr, tags, state, created,
    summary["val/loss"].min, with and, or, not, in, == and < between them.
    """
    from epochal.cli import output
    from epochal.cli.formats import count
    from epochal.read.project import open as open_project

    place = runs_dir(folder, base)
    found = open_project(place, project=project).runs(expression, sort=sort)
    if limit is None:
        limit = LIMIT if output.is_terminal() and not as_json else 0
    runs = found[:limit] if limit else found
    if columns:
        _print_columns(runs, [part.strip() for part in _COLUMN.findall(columns)], as_json=as_json)
    elif as_json:
        output.print_json([plain_run(run) for run in runs])
    elif runs:
        _print_runs(list(runs))
    if len(runs) < len(found):
        output.say(f"{len(runs)} of {count(len(found), 'run')}; --limit 0 shows all")
    if not found:
        why = " that pass the filter" if expression else ": `epochal demo` makes some"
        output.say(f"There are no runs in {place}{why}")


def main_metrics(runs: Sequence[RunView]) -> list[str]:
    """Return the names of a few metrics that say how runs went."""
    from epochal.read.system import PREFIX

    common: Counter[str] = Counter()
    goals: Counter[str] = Counter()
    for run in runs:
        for name, info in run.metrics.items():
            if name.startswith(PREFIX):
                continue  # the machine's: they say nothing of the result
            common[name] += 1
            goals[name] += info.definition.goal is not None
    order = sorted(common, key=lambda name: (-goals[name], -_promise(name), -common[name], name))
    with_goal = [name for name in order if goals[name]]
    return with_goal[:MAIN_METRICS] or order[: MAIN_METRICS - 1]


def _promise(name: str) -> int:
    """Say how likely a metric without a goal is what people look at first."""
    words = ("val/loss", "val_loss", "test/loss", "loss", "accuracy", "acc")
    places = [len(words) - i for i, word in enumerate(words) if name.lower().endswith(word)]
    return max(places, default=0)


def _print_runs(runs: Sequence[RunView]) -> None:
    from epochal.cli import output
    from epochal.cli.formats import age, duration, number, value

    metrics = main_metrics(runs)
    several = len({run.project for run in runs}) > 1
    columns = [
        output.Column("Name", elastic=16), output.Column("Id"), output.Column("State"),
        *([output.Column("Project", elastic=10, rank=3)] if several else []),
        output.Column("Created", right=True, rank=2), output.Column("Duration", right=True, rank=5),
        output.Column("Steps", right=True, rank=1),
        *(output.Column(value(m), right=True, elastic=9, rank=6 * (i > 0))
          for i, m in enumerate(metrics)),
        output.Column("Tags", elastic=10, rank=4),
    ]  # fmt: skip
    rows = []
    for run in runs:
        known = run.metrics
        shown = [number(known[m].summary.value) if m in known else "-" for m in metrics]
        rows.append(
            [
                run.name, run.id, output.state(run.state), *([run.project] if several else []),
                age(run.created_s), duration(run.duration_s), number(run.steps), *shown,
                ", ".join(run.tags),
            ]
        )  # fmt: skip
    output.table(columns, rows)


def _print_columns(runs: Runs, paths: list[str], *, as_json: bool) -> None:
    from epochal.cli import output

    found = [runs.values(path) for path in paths]
    rows = list(zip(*found, strict=True))
    if as_json:
        output.print_json([dict(zip(paths, row, strict=True)) for row in rows])
        return
    columns = []
    for i, (path, cells) in enumerate(zip(paths, found, strict=True)):
        numeric = all(isinstance(cell, (int, float, type(None))) for cell in cells)
        columns.append(output.Column(path, right=numeric, elastic=0 if numeric else 12, rank=i))
    output.table(columns, [[_cell(cell) for cell in row] for row in rows])


def _cell(found: Any) -> str:
    from epochal.cli.formats import number, value

    if isinstance(found, (int, float)):
        return number(found)
    return ", ".join(map(value, found)) if isinstance(found, list) else value(found)


def plain_run(run: RunView) -> dict[str, Any]:
    """Return what a run is, without its environment."""
    return {
        "id": run.id,
        "name": run.name,
        "project": run.project,
        "group": run.group,
        "state": run.state,
        "dir": run.dir,
        "created_s": run.created_s,
        "duration_s": run.duration_s,
        "steps": run.steps,
        "tags": run.tags,
        "notes": run.notes,
        "seed": run.seed,
        "config": run.config,
        "metrics": {name: info.summary.to_dict() for name, info in run.metrics.items()},
        "summary": {name: v for name, v in run.summary.items() if not hasattr(v, "to_dict")},
    }
