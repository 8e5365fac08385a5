"""``epochal recover``: save what killed processes left in memory."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, folder_argument, json_option, runs_dir


@click.command()
@folder_argument
@dir_option
@json_option
def recover(folder: str | None, base: str | None, as_json: bool) -> None:
    """Save what killed processes left in memory.

    A process that was killed leaves its last rows in this computer's shared memory. They
    are appended to the journal, and the run's state becomes "killed". Processes that live
    are left alone, so this is safe at any time; the next training on this computer does it
    too.

    With DIR only runs below it are looked at.
    """
    from epochal.cli import output
    from epochal.cli.formats import count
    from epochal.journal import recovery
    from epochal.store import folder as folders

    place = None if folder is None and base is None else runs_dir(folder, base)
    if place is None:
        saved = recovery.recover()
    else:
        saved = [
            each
            for session in _sessions(list(folders.run_folders(place)))
            for each in recovery.recover(session=session)
        ]
    if as_json:
        output.print_json([each._asdict() for each in saved])
        return
    for each in saved:
        dropped = f", {count(each.dropped, 'row')} had been dropped" if each.dropped else ""
        message = f"{each.run_dir}: {count(each.items, 'record')} saved{dropped}"
        click.echo(output.shown(message).plain)
    if not saved:
        click.echo("Nothing to recover.")


def _sessions(run_dirs: list[str]) -> list[str]:
    """Return the sessions of these runs; the memory of a process is named after its session."""
    from epochal.core import ring

    inside = set(run_dirs)
    found = []
    for orphan in ring.orphans():
        try:
            if orphan.identity["run_dir"] in inside:
                found.append(str(orphan.identity["session"]))
        finally:
            orphan.close(unlink=False)
    return found
