"""``epochal seal``: turn finished parts of journals into Parquet."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, json_option, places_argument, run_dirs, runs_dir


@click.command()
@places_argument
@dir_option
@json_option
def seal(places: tuple[str, ...], base: str | None, as_json: bool) -> None:
    """Turn finished parts of runs into Parquet.

    This happens by itself when a run ends; use it where that was cut off. A part of the journal
    goes when its Parquet was read back and found equal, and every mirror has taken it. Without
    RUN or DIR all runs are sealed.
    """
    from epochal.cli import output
    from epochal.cli.formats import count, size
    from epochal.core.errors import EpochalError
    from epochal.journal import recovery
    from epochal.store import seal as sealing

    found = run_dirs(runs_dir(base), places)
    recovery.recover()
    done, failed = [], []
    with output.progress("Sealing", len(found)) as advance:
        for run_dir in found:
            try:
                done.append((run_dir, sealing.seal_run(run_dir)))
            except (EpochalError, OSError) as error:
                failed.append((run_dir, str(error)))
            advance()
    if as_json:
        output.print_json(
            {
                "sealed": [{"run_dir": run_dir, **each._asdict()} for run_dir, each in done],
                "failed": [{"run_dir": run_dir, "error": why} for run_dir, why in failed],
            }
        )
    else:
        for run_dir, each in done:
            if each.segments or each.deleted:
                sizes = f"{size(each.journal_bytes)} of journal, {size(each.parquet_bytes)} Parquet"
                new = f"{count(each.segments, 'part')} sealed ({sizes})"
                gone = f"{count(each.deleted, 'journal file')} removed"
                click.echo(output.shown(f"{run_dir}: {new}, {gone}").plain)
            if each.levels:
                added = f"{count(each.levels, 'level')} added, for overviews"
                click.echo(output.shown(f"{run_dir}: {added}").plain)
        if not any(each.segments or each.deleted or each.levels for _, each in done) and not failed:
            click.echo(f"Nothing to seal in {count(len(found), 'run')}.")
    for run_dir, why in failed:
        output.say(f"{run_dir}: {why}")
    if failed:
        output.fail(f"{count(len(failed), 'run')} could not be sealed; the journal is untouched")
