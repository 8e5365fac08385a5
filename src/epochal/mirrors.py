"""Where a run's mirrors are hosted: in the follower process, or in threads of this one.

Sinks that are named run in the follower process, which this module starts; Sink objects made by the
user cannot leave the training process and run in threads of their own.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from epochal.core.errors import SettingError
from epochal.core.problems import Problems
from epochal.core.redact import redact
from epochal.core.sink import Sink
from epochal.follow import plugins
from epochal.follow.companion import Companion
from epochal.settings import Settings

WAIT_S = 0.6
"""How long ``finish`` waits for mirrors; they are completed in the background anyway."""

_companion = Companion()


class Mirrors:
    """The sinks of one run.

    Args:
        settings: says how they are hosted.
        problems: told about sinks that cannot be had.

    Raises:
        SettingError: there is no sink of a name that was given.
    """

    def __init__(self, settings: Settings, problems: Problems) -> None:
        self._settings, self._pid = settings, os.getpid()
        self._named: dict[str, dict[str, Any]] = {}
        self._missing: set[str] = set()
        self._objects: list[Sink] = []
        self._hosting: Any = None
        for each in settings.sinks:
            if not isinstance(each, str):
                if each.name in (*settings.sinks, *(sink.name for sink in self._objects)):
                    message = f"two sinks are named {each.name!r}: give each object its own name"
                    raise SettingError(message)
                self._objects.append(each)
            else:
                if missing := plugins.why_not(each):
                    problems.tell(f"sink {each}", missing)
                    self._missing.add(each)
                self._named[each] = _options(each, settings)

    def describe(self) -> dict[str, Any]:
        """Return what ``run.json`` says of the sinks: names, options, which were objects."""
        return {
            "sinks": [name for name in self._named if name not in self._missing],
            "sinks_missing": sorted(self._missing),
            "sink_options": redact(self._named),
            "sink_objects": [sink.name for sink in self._objects],
        }

    def follow(self, run_dir: str, rank: int) -> None:
        """Begin to follow a run; only one process of a job does."""
        if rank or self._settings.follow == "off":
            return
        objects = list(self._objects)
        named = {name: given for name, given in self._named.items() if name not in self._missing}
        told = self._settings.follow == "process" and _companion.tell(
            {
                "do": "follow", "run_dir": run_dir, "sinks": named,
                "seal": self._settings.seal, "environment": self._context(),
            }
        )  # fmt: skip
        if not told:
            objects += [plugins.load(name, options) for name, options in named.items()]
        if objects:
            from epochal.follow.hosting import Hosting

            self._hosting = Hosting(run_dir, objects)

    def _context(self) -> dict[str, Any] | None:
        """Return what the probe of the environment needs to know of this process."""
        if not self._settings.capture_environment:
            return None
        return {
            "argv": list(sys.argv), "cwd": os.getcwd(), "executable": sys.executable,
            "python": sys.version, "pid": os.getpid(), "environ": None,
            "capture_diff": self._settings.capture_diff,
        }  # fmt: skip

    def finish(self, run_dir: str) -> None:
        """Let the mirrors catch up for a moment; the follower process does the rest."""
        if os.getpid() != self._pid:
            return  # a forked child ends: the mirrors are its parent's and go on
        deadline = time.monotonic() + WAIT_S
        if self._hosting is not None:
            self._hosting.end(WAIT_S)
        if self._settings.follow == "process":
            _companion.finish(run_dir, WAIT_S)
        if self._hosting is not None:
            self._hosting.wait(max(0.0, deadline - time.monotonic()))

    @staticmethod
    def abandon() -> None:
        """Forget the follower process in a forked child: it is the parent's."""
        _companion.abandon()


def _options(name: str, settings: Settings) -> dict[str, Any]:
    """Return a sink's options: those given for it, and what other settings say."""
    given = dict(settings.sink_options.get(name, {}))
    if name == "tensorboard" and settings.tensorboard_dir:
        given.setdefault("dir", settings.tensorboard_dir)
    if name == "json" and settings.config_dir:
        given.setdefault("config_dir", settings.config_dir)
    if name in ("tensorboard", "mlflow") and not settings.log_config:
        given.setdefault("hparams" if name == "tensorboard" else "params", False)
    return given
