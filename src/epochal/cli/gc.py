"""``epochal gc``: free what nothing needs, and move runs chosen by rule to the trash."""

from __future__ import annotations

import re
import shlex
import time
from typing import TYPE_CHECKING

import click

from epochal.cli.options import dir_option, folder_argument, json_option, runs_dir

if TYPE_CHECKING:
    from epochal.store.cleaning import Litter

ENDED = ("finished", "failed", "interrupted", "killed")
STATES = (*ENDED, "lost")
UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}


def _age(_: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Return a length of time such as ``30d`` in seconds."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h|d|w)", value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is no age: write 30d, 12h, 90min or 2w", param=param)
    return float(match[1]) * UNITS_S[match[2]]


def _states(_: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Return states that were written with commas between them."""
    if value is None:
        return None
    states = tuple(part.strip() for part in value.split(","))
    wrong = [each for each in states if each not in STATES]
    if wrong:
        message = f"{', '.join(map(repr, wrong))} is none of {', '.join(STATES)}"
        raise click.BadParameter(message, param=param)
    return states


@click.command()
@folder_argument
@dir_option
@click.option(
    "--older-than", "age_s", metavar="AGE", callback=_age,
    help="Runs that ended longer ago than this: 30d, 12h, 2w.",
)  # fmt: skip
@click.option(
    "--state", "states", metavar="STATE,...", callback=_states,
    help="Runs in one of these states: finished, failed, interrupted, killed, lost.",
)  # fmt: skip
@click.option("--filter", "expression", metavar="EXPR", help="Runs that pass this filter.")
@click.option(
    "--keep-best", metavar="METRIC", multiple=True,
    help="Keep the best run of each project by this metric, whatever else is chosen.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only list what would go (the default).")
@click.option("--yes", is_flag=True, help="Do it.")
@click.option("--restore", metavar="RUN", help="Bring a run back from the trash.")
@click.option("--empty-trash", is_flag=True, help="Delete the runs in the trash for good.")
@json_option
def gc(  # noqa: PLR0917 - one argument for each option
    folder: str | None, base: str | None, age_s: float | None, states: tuple[str, ...] | None,
    expression: str | None, keep_best: tuple[str, ...], dry_run: bool, yes: bool,
    restore: str | None, empty_trash: bool, as_json: bool,
) -> None:  # fmt: skip
    """Free disk space by rule. Lists what would go; --yes does it.

    Always found: files whose writing was cut off, parts of journals that are sealed and taken by
    every mirror, memory left by processes of deleted runs, and stale indexes of runs.
    Nothing is lost with these.

    Runs go only if you choose them with --older-than, --state or --filter (all that are given must
    hold). They are moved to DIR/.trash, from where --restore brings them back; --empty-trash
    deletes them. Runs that are being recorded, and runs that others were forked from, stay.
    """
    from epochal.cli import output
    from epochal.store import cleaning

    place = runs_dir(folder, base)
    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes exclude each other")
    choosing = age_s is not None or states or expression
    if keep_best and not choosing:
        raise click.UsageError("--keep-best needs a rule: --older-than, --state or --filter")
    if (restore or empty_trash) and (choosing or (restore and empty_trash)):
        raise click.UsageError("--restore and --empty-trash stand alone")
    if restore:
        back = cleaning.restore(place, restore)
        click.echo(output.shown(f"{back}: restored").plain)
        return
    if empty_trash:
        found = [_run_litter(path, "in the trash") for path in cleaning.trashed(place)]
    else:
        found = list(cleaning.litter(place, catalogs=_cache_dir()))
        if choosing:
            rule = _filter(age_s, states, expression)
            found += [
                _run_litter(path, why) for path, why in _chosen(place, rule, keep_best).items()
            ]
    _show(found, place, as_json=as_json, done=yes)
    if yes:
        _free(found, place, empty_trash=empty_trash)


def _cache_dir() -> str:
    from epochal.settings import load

    return load().cache_dir


def _filter(age_s: float | None, states: tuple[str, ...] | None, expression: str | None) -> str:
    """Return the rules as one filter."""
    chosen = ", ".join(f'"{each}"' for each in states or ENDED)
    parts = [f"state in [{chosen}]"]
    if age_s is not None:
        parts.append(f"created + duration_s < {time.time() - age_s:.3f}")
    if expression:
        parts.append(f"({expression})")
    return " and ".join(parts)


def _chosen(place: str, rule: str, keep_best: tuple[str, ...]) -> dict[str, str]:
    """Return the folders of the runs that the rules choose, each with its reason."""
    from epochal.cli import output
    from epochal.cli.formats import age, count
    from epochal.core.errors import MetricNotFoundError
    from epochal.read.project import open as open_project

    project = open_project(place)
    every = list(project.runs())
    chosen = {run.id: run for run in project.runs(rule)}
    kept: dict[str, str] = {}
    for metric in keep_best:
        for name in sorted({run.project for run in every}):
            try:
                best = open_project(place, project=name).best(metric)
            except MetricNotFoundError:
                continue
            kept[best.id] = f"best {metric}"
    parents = {run.fork["run"]: "forked" for run in every if run.fork and run.id not in chosen}
    kept = {**parents, **kept}
    spared = [chosen.pop(run_id) for run_id in kept if run_id in chosen]
    if spared:
        names = ", ".join(f"{run.name} ({kept[run.id]})" for run in spared[:5])
        output.say(f"kept: {count(len(spared), 'run')}: {names}")
    return {
        run.dir: f"{run.state}, ended {age(run.created_s + run.duration_s)}"
        for run in chosen.values()
    }


def _run_litter(path: str, reason: str) -> Litter:
    from epochal.store.cleaning import Litter, size_bytes

    return Litter("run", path, size_bytes(path), reason)


def _show(found: list[Litter], place: str, *, as_json: bool, done: bool) -> None:
    import os

    from epochal.cli import output
    from epochal.cli.formats import size

    total = sum(each.bytes for each in found)
    if as_json:
        rows = [each._asdict() for each in found]
        output.print_json({"removed": done, "bytes": total, "found": rows})
        return
    if not found:
        click.echo("Nothing to remove.")
        return
    columns = [
        output.Column("What"), output.Column("Size", right=True),
        output.Column("Where", elastic=24), output.Column("Why", elastic=20, rank=1),
    ]  # fmt: skip
    inside = place + os.sep
    rows_ = [
        (each.kind, size(each.bytes), each.path.removeprefix(inside), each.reason)
        for each in sorted(found, key=lambda each: -each.bytes)
    ]
    output.table(columns, rows_)
    if not done:
        click.echo(f"{size(total)} in all. Nothing was removed: --yes does it.")


def _free(found: list[Litter], place: str, *, empty_trash: bool) -> None:
    from epochal.cli import output
    from epochal.cli.formats import count, size
    from epochal.core.errors import RunFolderError
    from epochal.store import cleaning

    freed, moved, problems = 0, 0, []
    if empty_trash:
        cleaning.empty_trash(place)
        freed = sum(each.bytes for each in found)
        found = []
    with output.progress("Removing", len(found)) as advance:
        for each in found:
            try:
                if each.kind == "run":
                    cleaning.discard(place, each.path)
                    moved += 1
                else:
                    each.remove()
                    freed += each.bytes
            except (RunFolderError, OSError) as error:
                problems.append(str(error))
            advance()
    if moved:
        command = f"epochal gc --dir {shlex.quote(place)}"
        output.say(f"{count(moved, 'run')} moved to the trash")
        output.say(f"  brings one back:      {command} --restore RUN")
        output.say(f"  deletes all for good: {command} --empty-trash --yes")
    output.say(f"{size(freed)} freed")
    for problem in problems:
        output.say(problem)
    if problems:
        output.fail(f"{count(len(problems), 'thing')} could not be removed")
