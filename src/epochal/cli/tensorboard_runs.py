"""The runs that a TensorBoard shows: their event files, and a folder of links with their names."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, cast

from epochal.cli.options import open_run
from epochal.core.errors import EpochalError
from epochal.core.names import printable
from epochal.follow import plugins
from epochal.follow.follower import Follower
from epochal.host import recover_run
from epochal.store import cleaning, cursor, folder
from epochal.store.verify import behind

if TYPE_CHECKING:
    from epochal.read.project import Project
    from epochal.read.view import RunView
    from epochal.sinks.tensorboard.files import TensorBoardSink

SINK = "tensorboard"
MIRROR_S = 600.0
"""So long the mirror of one run may take."""

TURN_S = 2.0
CHECK_EVERY_S = 5.0
MAX_NAME_BYTES = 200


class Shown:
    """Runs with event files, each behind a link ``<project>/<name>``.

    Args:
        logdir: folder for the links.
        base: folder of all runs.
        places: runs or folders of runs; none: all of the base.
        layout: of the event files of runs that do not mirror themselves.
    """

    def __init__(
        self, logdir: str, base: str, places: tuple[str, ...], layout: str = "plain"
    ) -> None:
        self._logdir, self._base, self._places, self._layout = logdir, base, places, layout
        self._projects: dict[str, Project] = {}
        self._links: dict[str, str] = {}  # run folder → link
        self._followed: dict[str, _Followed] = {}
        self._problems: dict[str, str] = {}
        self._failed: set[str] = set()

    def __len__(self) -> int:
        """Return how many runs are shown."""
        return len(self._links)

    def new(self) -> list[RunView]:
        """Return runs that are not shown, or have grown though nobody follows them; oldest first.

        Raises:
            RunFolderError, RunNotFoundError, AmbiguousRunError: a place is no folder and no run.
        """
        found: dict[str, RunView] = {}
        for place in self._places or (self._base,):
            if os.path.isdir(place) or not self._places:
                found.update((run.dir, run) for run in self._project(place).runs())
            else:
                run = open_run(self._base, place)
                found[run.dir] = run
        return [run for run in reversed(found.values()) if self._is_new(run.dir)]

    def add(self, run: RunView) -> None:
        """Bring the event files of a run up to date and show them."""
        try:
            sink = _sink(run.dir, self._layout)
            if not _is_complete(run.dir, sink):
                self._mirror(run.dir, sink)
            files = sink.folder(folder.info(run.dir))
            if run.dir not in self._links and os.path.isdir(files):
                self._link(run, files)
        except (EpochalError, OSError, ValueError) as error:
            self._problems[run.dir] = str(error)
            self._failed.add(run.dir)

    def follow(self) -> None:
        """Bring the runs that are being recorded up to date."""
        for run_dir, followed in tuple(self._followed.items()):
            if followed.step():
                del self._followed[run_dir]

    def take_problems(self) -> dict[str, str]:
        """Return what could not be mirrored since the last call, by run folder."""
        problems, self._problems = self._problems, {}
        return problems

    def close(self) -> None:
        """Let go of all runs."""
        for followed in self._followed.values():
            followed.leave()
        for project in self._projects.values():
            project.close()

    def _project(self, place: str) -> Project:
        from epochal.read.project import open as open_project

        if place not in self._projects:
            self._projects[place] = open_project(place)
        return self._projects[place]

    def _is_new(self, run_dir: str) -> bool:
        if run_dir in self._followed or run_dir in self._failed:
            return False
        return run_dir not in self._links or SINK in behind(run_dir)

    def _mirror(self, run_dir: str, sink: TensorBoardSink) -> None:
        """Bring a mirror up to date; it is followed further if the run is being recorded.

        Raises:
            EpochalError: it cannot be written.
        """
        recover_run(run_dir)
        followed = _Followed(run_dir, sink)
        if not followed.begin():
            self._followed[run_dir] = followed

    def _link(self, run: RunView, files: str) -> None:
        name = os.path.join(_file_name(run.project), _file_name(run.name))
        if name in self._links.values():
            name += f" ({run.id})"
        link = os.path.join(self._logdir, name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(files, link, target_is_directory=True)
        self._links[run.dir] = name


class _Followed:
    """A run whose mirror is not at its end."""

    def __init__(self, run_dir: str, sink: TensorBoardSink) -> None:
        self._run_dir = run_dir
        self._follower = Follower(run_dir, sink)
        self._check_at = time.monotonic() + CHECK_EVERY_S

    def begin(self) -> bool:
        """Bring the mirror to where the run is; True: the run has ended, and the mirror with it.

        Raises:
            EpochalError: the mirror cannot be written.
        """
        # No work may mean that the run's own process has the turn; it is not waited for.
        working = self._follower.step()
        if cleaning.is_live(self._run_dir):
            while self._follower.step():
                pass
            return False
        done = self._follower.finish(time.monotonic() + (MIRROR_S if working else TURN_S))
        if not done and self._follower.problem:
            raise EpochalError(self._follower.problem)
        return done

    def step(self) -> bool:
        """Go on; True: as for ``begin``."""
        while self._follower.step():
            pass
        now = time.monotonic()
        if now < self._check_at and not self._follower.ended:
            return False
        self._check_at = now + CHECK_EVERY_S
        if cleaning.is_live(self._run_dir):
            return False
        recover_run(self._run_dir)
        return self._follower.finish(now)

    def leave(self) -> None:
        """Let go of the mirror.

        One that nobody will bring up to date is no mirror: sealing would wait for it.  It is made
        anew when somebody wants to see the run again.
        """
        if not self._follower.finish(time.monotonic()):
            return
        own = SINK in folder.describe(self._run_dir).get("sinks", ())
        if not own and cleaning.is_live(self._run_dir):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self._run_dir, "follow", f"{SINK}.json"))


def _sink(run_dir: str, layout: str) -> TensorBoardSink:
    about = folder.describe(run_dir)
    options = dict(about.get("sink_options", {}).get(SINK, {}))
    if SINK not in about.get("sinks", ()) and layout != "plain":
        options["layout"] = layout
    return cast("TensorBoardSink", plugins.load(SINK, options))


def _is_complete(run_dir: str, sink: TensorBoardSink) -> bool:
    """Say whether a run has event files to which nothing is to be added."""
    known = cursor.load(run_dir, SINK)
    files = sink.folder(folder.info(run_dir))
    options = (known.state or {}).get("options") or {}
    same = options.get("layout", "plain") == sink.layout
    if not (known.finished and same and os.path.isdir(files)):
        return False
    return any("tfevents" in name for name in os.listdir(files)) and SINK not in behind(run_dir)


def _file_name(text: str) -> str:
    """Return recorded text as the name of one file, readable."""
    name = printable(text).replace("/", "-").strip()
    name = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return f"({name})" if name in ("", ".", "..") else name
