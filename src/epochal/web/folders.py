"""Which runs lie below a folder, and when each last changed; costs one ``stat`` a run."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from typing import NamedTuple

from epochal.core.errors import RunFolderError
from epochal.core.names import slug
from epochal.store import folder

SETTLED_NS = 2_000_000_000
"""A folder that changed longer ago than this does not change again with the same time stamp."""

_SLUG = re.compile(r"[a-z0-9-]+")


class Place(NamedTuple):
    """Where a run lies.

    Attributes:
        id: of the run, as its folder is named.
        dir: its folder.
        slug: of its project, as the folder around it is named.
    """

    id: str
    dir: str
    slug: str


class Folders:
    """The runs below a folder of runs, a project's folder or a run's folder.

    Not for several threads at once.

    Args:
        root: the folder.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._listed: dict[str, tuple[int, list[str]]] = {}
        self._places: dict[str, Place] = {}
        self._slugs: dict[str, str] = {}
        self._other = True

    def look(self) -> tuple[dict[str, Place], dict[str, int]]:
        """Return the runs by id, and when the journal of each last changed (0: it has none).

        The first is the same object as long as the runs are the same.
        """
        if folder.is_run(self._root):
            self._only(self._root)
        else:
            self._list()
        changed_ns: dict[str, int] = {}
        stat = os.stat
        for run_id, place in self._places.items():
            try:
                changed_ns[run_id] = stat(place.dir + "/journal").st_mtime_ns
            except OSError:
                changed_ns[run_id] = 0
        return self._places, changed_ns

    def folder_of(self, project: str) -> str | None:
        """Return the folder of a project by its slug, as of the last look."""
        return next((path for path, name in self._slugs.items() if name == project), None)

    @property
    def slugs(self) -> dict[str, str]:
        """Slug by project folder, as of the last look."""
        return self._slugs

    def _list(self) -> None:
        """List the folders that have changed; if any run came or went, find all places anew."""
        below = {self._root: self._entries(self._root)}
        for name in below[self._root]:
            if folder.run_id(name) is None:
                path = os.path.join(self._root, name)
                below[path] = self._entries(path)
        if self._other or below.keys() != self._listed.keys():
            self._listed = {path: self._listed.get(path, (-1, [])) for path in below}
            self._place(below)
            self._other = False

    def _place(self, below: dict[str, list[str]]) -> None:
        runs = {
            path: [name for name in names if folder.run_id(name) is not None]
            for path, names in below.items()
        }
        runs = {path: names for path, names in runs.items() if names}
        self._slugs = _slugs(runs)
        found: dict[str, Place] = {}
        for path, names in runs.items():
            slug_of_it = self._slugs[path]
            for name in names:
                run_id = folder.run_id(name) or ""
                place = Place(run_id, f"{path}{os.sep}{name}", slug_of_it)
                found.setdefault(run_id, place)  # a copy of a run has the same id: one is shown
        self._places = found

    def _only(self, run_dir: str) -> None:
        """Find the one run whose folder was opened; it may have been renamed."""
        if self._places:
            return
        try:
            run_id = folder.run_id(run_dir) or str(folder.describe(run_dir)["id"])
        except RunFolderError:
            return
        project = os.path.dirname(run_dir)
        self._slugs = {project: slug(os.path.basename(project))}
        self._places = {run_id: Place(run_id, run_dir, self._slugs[project])}

    def _entries(self, path: str) -> list[str]:
        """Return the names of the folders in one; listed again only when it has changed."""
        try:
            changed_ns = os.stat(path).st_mtime_ns
            known = self._listed.get(path)
            if known is not None and known[0] == changed_ns:
                return known[1]
            now_ns = time.time_ns()
            with os.scandir(path) as entries:
                names = sorted(e.name for e in entries if e.name[0] != "." and e.is_dir())
        except OSError:
            return []
        # What changed just now may change again within the same tick: it is listed once more.
        settled = changed_ns if now_ns - changed_ns > SETTLED_NS else -1
        self._other = self._other or known is None or known[1] != names
        self._listed[path] = settled, names
        return names


def _slugs(projects: Iterable[str]) -> dict[str, str]:
    """Return a slug for each project's folder: its own name if it is one."""
    found: dict[str, str] = {}
    ordered = sorted(projects, key=lambda path: not _SLUG.fullmatch(os.path.basename(path)))
    for path in ordered:
        name = first = slug(os.path.basename(path), limit=60)
        number = 1
        if _SLUG.fullmatch(os.path.basename(path)):
            name = first = os.path.basename(path)
        while name in found.values():
            number += 1
            name = f"{first}-{number}"
        found[path] = name
    return found
