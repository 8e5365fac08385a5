"""Options and arguments that several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from epochal.read.view import RunView

dir_option = click.option(
    "--dir", "base", metavar="DIR", type=click.Path(exists=True, file_okay=False),
    help="Folder of all runs. [default: the setting 'dir', ./runs unless changed]",
)  # fmt: skip
json_option = click.option(
    "--json", "as_json", is_flag=True,
    help="Write JSON. Non-finite numbers are the strings NaN, Infinity and -Infinity.",
)  # fmt: skip
project_option = click.option("--project", metavar="NAME", help="Only runs of this project.")
run_argument = click.argument("run", metavar="RUN")
folder_argument = click.argument(
    "folder", metavar="[DIR]", required=False, type=click.Path(exists=True, file_okay=False)
)
places_argument = click.argument("places", metavar="RUN|DIR...", nargs=-1)


def runs_dir(*given: str | None) -> str:
    """Return the folder of runs: the first that was given, else the setting ``dir``."""
    for folder in given:
        if folder is not None:
            return os.path.abspath(folder)
    from epochal.settings import load

    return load().dir


def run_dir(base: str, run: str) -> str:
    """Return the folder of a run that was named.

    Raises:
        RunNotFoundError, AmbiguousRunError: no single run has that name.
    """
    from epochal.store import folder

    return os.path.abspath(run) if folder.is_run(run) else folder.find(base, run)


def run_dirs(base: str, places: tuple[str, ...]) -> list[str]:
    """Return the folders of runs that were named, or that lie in folders that were named.

    Args:
        base: where runs are looked up by name; all its runs if no places are given.
        places: ids, names, prefixes, run folders, project folders or folders of runs.

    Raises:
        RunNotFoundError, AmbiguousRunError: a place is neither a folder nor a single run.
    """
    from epochal.store import folder

    found: dict[str, None] = {}
    for place in places or (base,):
        if os.path.isdir(place) and not folder.is_run(place):
            inside = filter(folder.is_run, folder.run_folders(os.path.abspath(place)))
            found.update(dict.fromkeys(inside))
        elif places:
            found[run_dir(base, place)] = None
    return list(found)


def open_run(base: str | None, run: str) -> RunView:
    """Return a run for reading: by its path, or by what it is called now.

    Raises:
        RunNotFoundError, AmbiguousRunError: no single run has that name.
    """
    from epochal.read.project import open as open_project
    from epochal.read.view import RunView
    from epochal.store import folder

    if folder.is_run(run):
        return RunView(run)
    return open_project(runs_dir(base)).run(run)
