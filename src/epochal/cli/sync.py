"""``epochal sync``: bring mirrors up to date."""

from __future__ import annotations

import time
from typing import NamedTuple

import click

from epochal.cli.options import dir_option, json_option, places_argument, run_dirs, runs_dir

WATCH_S = 1.5
"""A follower at work stores its position at least once in this time."""


@click.command()
@places_argument
@dir_option
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0), default=600.0, show_default=True,
    metavar="SECONDS", help="Seconds that the mirrors of one run may take.",
)  # fmt: skip
@json_option
def sync(places: tuple[str, ...], base: str | None, timeout_s: float, as_json: bool) -> None:
    """Bring mirrors of runs up to date.

    Mirrors (csv, json, ...) fall behind when their process was killed, when they failed, or
    when a run was tagged after its end. A run that is being recorded has a process of its
    own for this and is left alone. Without RUN or DIR all runs are looked at.
    """
    from epochal.cli import output
    from epochal.cli.formats import count

    found = run_dirs(runs_dir(base), places)
    results = []
    with output.progress("Syncing", len(found)) as advance:
        for run_dir in found:
            result = _synced(run_dir, timeout_s)
            if result.behind_bytes or result.problems:
                results.append(result)
                if not as_json:
                    click.echo(output.shown(result.line()).plain)
            advance()
    if as_json:
        output.print_json([each._asdict() for each in results])
    elif not results:
        click.echo(f"The mirrors of {count(len(found), 'run')} are up to date.")
    failed = sum(bool(each.problems) for each in results)
    if failed:
        output.fail(f"{count(failed, 'run')} with mirrors that could not be brought up to date")


class _Result(NamedTuple):
    run_dir: str
    state: str
    behind_bytes: dict[str, int]
    problems: dict[str, str]

    def line(self) -> str:
        from epochal.cli.formats import size

        mirrors = ", ".join(f"{sink} ({size(n)})" for sink, n in self.behind_bytes.items())
        why = "; ".join(f"{sink}: {text}" for sink, text in self.problems.items())
        more = {"followed": ": it is being followed already", "failed": f": {why}"}
        return f"{self.run_dir}: {self.state} {mirrors}{more.get(self.state, '')}"


def _synced(run_dir: str, timeout_s: float) -> _Result:
    """Bring one run's mirrors up to date where they are behind."""
    from epochal import host
    from epochal.core.errors import EpochalError
    from epochal.store import cleaning
    from epochal.store.verify import behind

    lag: dict[str, int] = {}
    try:
        host.recover_run(run_dir)  # what a kill left in memory belongs to the mirrors too
        lag = behind(run_dir)
        if not lag:
            return _Result(run_dir, "synced", lag, {})
        if cleaning.is_live(run_dir) or _moves(run_dir, lag):
            return _Result(run_dir, "followed", lag, {})
        problems = _sync(run_dir, list(lag), timeout_s)
    except (EpochalError, OSError) as error:
        problems = {"run": str(error)}
    return _Result(run_dir, "failed" if problems else "synced", lag, problems)


def _moves(run_dir: str, lag: dict[str, int]) -> bool:
    """Say whether another process is bringing the mirrors up to date right now."""
    from epochal.store.verify import behind

    time.sleep(WATCH_S)
    return behind(run_dir) != lag


def _sync(run_dir: str, names: list[str], timeout_s: float) -> dict[str, str]:
    """Bring the mirrors of one run to the end; return the problems by mirror."""
    from epochal.core.errors import MissingExtraError, SettingError
    from epochal.follow import plugins
    from epochal.follow.follower import Follower
    from epochal.store import folder

    options, problems = folder.describe(run_dir).get("sink_options", {}), {}
    deadline = time.monotonic() + timeout_s
    for name in names:
        try:
            follower = Follower(run_dir, plugins.load(name, options.get(name, {})))
        except (SettingError, MissingExtraError) as error:
            problems[name] = str(error)
            continue
        if not follower.finish(deadline):
            problems[name] = follower.problem or f"not complete after {timeout_s:g} s"
    return problems
