"""``RunFacts``: what a run is; the part of reading one that needs no points."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

from epochal.read import describe
from epochal.read.contents import Contents
from epochal.read.document_shape import DOCUMENT
from epochal.read.sessions import SessionInfo


class RunFacts:
    """What is said of one run: who, what, how it ended; the base of ``RunView``.

    Args:
        run_dir: the run's folder.
        load: returns the run's document from the catalog; KeyError: it is not there anymore.
        rank: of a distributed job, the rank whose part is read.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        load: Callable[[], dict[str, Any]] | None = None,
        rank: int = 0,
    ) -> None:
        self.dir = os.path.abspath(run_dir)
        self._load, self._rank = load, rank

    @cached_property
    def _contents(self) -> Contents:
        return Contents(self.dir, rank=self._rank)

    @property
    def contents(self) -> Contents:
        """The snapshot of the folder that is shown: sessions and the parts that hold their rows."""
        return self._contents

    @cached_property
    def _document(self) -> dict[str, Any]:
        if self._load is not None:
            with contextlib.suppress(KeyError):  # it left the catalog meanwhile
                document = self._load()
                if not DOCUMENT.fault(document):
                    return document
            self._load = None
        return describe.document(self._contents)

    @property
    def id(self) -> str:
        """Permanent and unique."""
        return str(self._document["id"])

    @property
    def name(self) -> str:
        """For people; may be changed with :meth:`rename`."""
        return str(self._document["name"])

    @property
    def project(self) -> str:
        """The project."""
        return str(self._document["project"])

    @property
    def group(self) -> str | None:
        """The group, None if it has none."""
        group = self._document["group"]
        return None if group is None else str(group)

    @property
    def state(self) -> str:
        """How the run stands, see the class."""
        return str(self._document["state"])

    @property
    def error(self) -> str:
        """The traceback that ended a failed run, else ""."""
        return str(self._document["error"])

    @property
    def config(self) -> dict[str, Any]:
        """The config, nested, with all updates."""
        config: dict[str, Any] = self._document["config"]
        return config

    @property
    def tags(self) -> list[str]:
        """The tags, in the order in which they were given."""
        return list(self._document["tags"])

    @property
    def notes(self) -> str:
        """The notes."""
        return str(self._document["notes"])

    @property
    def seed(self) -> int | dict[str, int] | None:
        """The seed, or seeds by role."""
        seed: int | dict[str, int] | None = self._document["seed"]
        return seed

    @property
    def created_s(self) -> float:
        """When the run was started, unix seconds."""
        return float(self._document["created"])

    @property
    def duration_s(self) -> float:
        """Seconds from the start to the last record, over all its sessions."""
        return float(self._document["duration_s"])

    @property
    def steps(self) -> float | None:
        """The highest visible step, None if there is none."""
        steps: float | None = self._document["steps"]
        return steps

    @property
    def host(self) -> str | None:
        """The name of the machine."""
        host: str | None = self._document["host"]
        return host

    @property
    def git(self) -> dict[str, Any]:
        """The state of the code: ``commit branch dirty remote …``, empty if it is not known."""
        return dict(self._document["git"])

    @property
    def environment(self) -> dict[str, Any]:
        """What was found out about machine, packages and code (``run.json`` has the rest)."""
        found = [e.data.get("values") or {} for _, e in self._contents.events("environment")]
        return dict(found[-1]) if found else {}

    @property
    def fork(self) -> dict[str, Any] | None:
        """Where a fork began: ``run``, ``dir`` and ``step``; None if it is none."""
        fork: dict[str, Any] | None = self._document["fork"]
        return fork

    @property
    def missing_parent(self) -> str:
        """The folder of a fork's parent if it is not there: its points are missing; else ""."""
        return str(self._document["missing_parent"])

    @property
    def sessions(self) -> list[SessionInfo]:
        """The run's sessions, in order; of a distributed job those of all ranks."""
        return [SessionInfo(**each) for each in self._document["sessions"]]

    @property
    def ranks(self) -> list[int]:
        """The ranks of a distributed job that wrote to the run: [0] for any other run."""
        written = {
            each["rank"] for each in self._document["sessions"] if each["role"] != "annotate"
        }
        return sorted(written)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts of all ranks: ``time_s title text level``, and ``rank`` if it is not 0."""
        return list(self._document["alerts"])

    @property
    def problems(self) -> dict[str, int]:
        """What could not be recorded as asked, counted by topic when the sessions ended."""
        return dict(self._document["problems"])

    @property
    def refused(self) -> int:
        """How many values could not be recorded; each is kept as a ``refused`` event."""
        return int(self._document["refused"])

    @property
    def lost(self) -> int:
        """How many records are missing from the sequence: dropped by the training, or damaged."""
        return int(self._document["lost"])

    @property
    def damage(self) -> list[str]:
        """Bytes and events that could not be used, as far as they were looked at; else empty."""
        told = self._document["damage"]
        seen = self._contents.damage if "_contents" in self.__dict__ else []
        return list(dict.fromkeys([*told, *seen]))
