"""What all handlers share: the folder of runs, the views of its runs, and caches."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from epochal.core.errors import RunFolderError, RunNotFoundError
from epochal.read import describe
from epochal.read.contents import Contents
from epochal.read.project import Project
from epochal.read.runs import Runs
from epochal.read.view import RunView
from epochal.store import folder
from epochal.store.catalog import Catalog, Entry
from epochal.web import query
from epochal.web.folders import Folders
from epochal.web.known import Known
from epochal.web.pages import Assets
from epochal.web.watcher import Watcher

if TYPE_CHECKING:
    from epochal.read.windows import Windows

Warm = Literal["folder", "charts", "zoom"]

REST_S = 1.0
"""So long the charts that are being drawn have the processor for themselves."""

MOST_VIEWS = 2_500
"""More than one request may ask for."""

MOST_LIVE = 200
"""Runs that go on and were looked at: what was read of them is kept, so that only what is new is
read the next time."""


class State:
    """What the handlers of one server share.  Threads may use it.

    Args:
        root: the folder of runs.
        control: the address of the control panel, None if there is none.

    Raises:
        RunFolderError: there is no such folder.

    Attributes:
        assets: the files of the page.
        project: the folder of runs, open.
        watcher: sees what changes in it.
        writing: held by whoever changes something of a run.
    """

    def __init__(self, root: str, control: str | None = None) -> None:
        self.root, self.control = os.path.abspath(root), control
        if not os.path.isdir(self.root):
            message = f"there is no folder of runs at {self.root}: give that which runs are in"
            raise RunFolderError(message)
        self.assets = Assets()
        self.writing = threading.Lock()
        self._lock = threading.Lock()
        self._warm: set[Warm] = set()
        self._views: OrderedDict[str, tuple[int, RunView]] = OrderedDict()
        self.project = _Served(self.root)
        self.folders = Folders(self.root)
        self.watcher = Watcher(self.folders, self.project.catalog)

    @cached_property
    def windows(self) -> Windows:
        """What reads windows of series."""
        from epochal.read.windows import Windows

        return Windows()

    def view(self, run_id: str) -> RunView:
        """Return a run, as it was when the folders were last looked at.

        Threads share it, so nobody may refresh it or write through it: see :meth:`own_view`.

        Raises:
            RunNotFoundError: there is none with this id.
        """
        known = self.known(run_id)
        version = known.version
        with self._lock:
            kept = self._views.get(run_id)
            if kept is not None and kept[0] == version and kept[1].dir == known.place.dir:
                self._views.move_to_end(run_id)
                return kept[1]
        view = self._newer(known, kept[1] if kept else None)
        with self._lock:
            self._views[run_id] = (version, view)
            self._views.move_to_end(run_id)
            while len(self._views) > MOST_VIEWS:
                self._views.popitem(last=False)
        return view

    def read_view(self, run_id: str) -> RunView:
        """Return a run whose folder was read, so that a folder that cannot be is noticed here.

        Raises:
            RunNotFoundError: there is none with this id.
            RunFolderError, OSError: it cannot be read.
        """
        view = self.view(run_id)
        if "_contents" not in view.__dict__:
            view.__dict__["_contents"] = Contents(view.dir)
        return view

    def own_view(self, run_id: str) -> RunView:
        """Return a view of a run that nobody else has, to write through.

        Raises:
            RunNotFoundError: there is none with this id.
        """
        view = RunView(self.known(run_id).place.dir)
        with self._lock:
            _, shared = self._views.get(run_id, (0, None))
        if shared is not None and shared.dir == view.dir and "_contents" in shared.__dict__:
            view.__dict__["_contents"] = shared.__dict__["_contents"]
        return view

    def known(self, run_id: str) -> Known:
        """Return what is known of a run.

        Raises:
            RunNotFoundError: there is none with this id.
        """
        if not query.ID.fullmatch(run_id):
            raise RunNotFoundError(f"{run_id[:80]!r} is no id of a run")
        watcher = self.watcher
        watcher.look()
        known = watcher.get(run_id)
        undescribed = known is not None and known.facts is None and watcher.indexing is None
        if known is None or undescribed or not folder.is_run(known.place.dir):
            watcher.look(soon=True)  # it may be new, moved, or being described by another thread
            known = watcher.get(run_id)
        if known is None:
            raise RunNotFoundError(f"there is no run {run_id!r} in this folder")
        if known.facts is None and watcher.indexing is None:
            message = f"run {run_id!r} cannot be read: `epochal verify` says why"
            raise RunNotFoundError(message)
        return known

    def runs(self, project: str | None = None) -> Runs:
        """Return the runs of a project that are described so far, newest first."""
        self.watcher.bring_up_to_date()
        here = self.watcher.runs(project)
        catalog = self.project.catalog
        return Runs(catalog, [run_dir for run_dir in catalog.known() if run_dir in here])

    def warm_up(self, what: Warm) -> None:
        """Prepare in a thread what comes next: the "folder", then "charts", then a "zoom"."""
        with self._lock:
            if what in self._warm:
                return
            self._warm.add(what)
        threading.Thread(
            target=self._warm_up, args=(what,), name="epochal-warm-up", daemon=True
        ).start()

    def close(self) -> None:
        """Close what is open."""
        self.project.close()

    def _warm_up(self, what: Warm) -> None:
        if what == "folder":
            self.watcher.look()
        elif what == "charts":
            from epochal.web import frames

            _ = self.windows, frames  # the modules that the first chart would wait for
        else:
            time.sleep(REST_S)
            from epochal.store import parquet

            _ = parquet  # loads pyarrow, which a window that is short enough to read rows needs

    def _newer(self, known: Known, before: RunView | None) -> RunView:
        """Return a view of now; what an earlier one has read is not read again."""
        run_dir = known.place.dir
        if known.tails:
            return self.project.live_view(run_dir)
        catalog = self.project.catalog
        view = RunView(run_dir, lambda: catalog.document(run_dir))
        if before is not None and before.dir == run_dir and "_contents" in before.__dict__:
            view.__dict__["_contents"] = Contents(run_dir, before.__dict__["_contents"])
        return view


class _Served(Project):
    """A project whose runs are described again and again while they go on: from where it was."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._catalog.close()
        self._catalog = Catalog(root, self._describe)
        self._live: dict[str, Contents] = {}
        self._lock = threading.Lock()

    @property
    def catalog(self) -> Catalog:
        """The index."""
        return self._catalog

    def live_view(self, run_dir: str) -> RunView:
        """Return a run that goes on, as it is now."""
        view = RunView(run_dir)
        view.__dict__["_contents"] = self._contents(run_dir)
        return view

    def _contents(self, run_dir: str) -> Contents:
        with self._lock:
            before = self._live.get(run_dir)
        contents = Contents(run_dir, before)
        with self._lock:
            self._live.pop(run_dir, None)
            self._live[run_dir] = contents
            while len(self._live) > MOST_LIVE:
                self._live.pop(next(iter(self._live)))
        return contents

    def _describe(self, run_dir: str) -> Entry:
        with self._lock:
            goes_on = run_dir in self._live
        if not goes_on:
            return describe.entry(run_dir)
        entry = describe.entry(run_dir, self._contents(run_dir))
        if not entry.watch:
            with self._lock:
                self._live.pop(run_dir, None)
        return entry
