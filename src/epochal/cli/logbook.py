"""``epochal logbook``: the experiment log over all runs, brought up to date."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, folder_argument, project_option, runs_dir


@click.command()
@folder_argument
@click.option("--output", "-o", metavar="FILE", help="[default: EXPERIMENT_LOG.md in DIR]")
@click.option(
    "--key", "keys", multiple=True, metavar="KEY",
    help="A config key that is a column; may be repeated. [default: what differs]",
)  # fmt: skip
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME",
    help="A metric that is a column; may be repeated. [default: the losses]",
)  # fmt: skip
@project_option
@dir_option
def logbook(
    folder: str | None, output: str | None, keys: tuple[str, ...], metrics: tuple[str, ...],
    project: str | None, base: str | None,
) -> None:  # fmt: skip
    """Write EXPERIMENT_LOG.md: all runs in tables, newest first.

    Run it again whenever you like: what you write into the file outside of Epochal's blocks is
    kept where it stands.
    """
    import os

    from epochal.cli.output import shown
    from epochal.core.names import slug
    from epochal.present.logbook import NAME
    from epochal.present.logbook import logbook as write
    from epochal.read.project import open as open_project

    place = runs_dir(folder, base)
    found = open_project(place, project=project)
    default = os.path.join(place, slug(project) if project else "", NAME)
    path = write(found, output or default, keys=keys or None, metrics=metrics or None)
    click.echo(shown(path).plain)
