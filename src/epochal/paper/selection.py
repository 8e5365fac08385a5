"""The runs of a paper: which ones a section means, read once and through the index of runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from epochal.analyze.members import fingerprint
from epochal.core.errors import FilterError
from epochal.paper.plan import Plan
from epochal.paper.section import Section
from epochal.read import project
from epochal.read.runs import Runs
from epochal.read.view import RunView


class Selection:
    """The runs of a paper.

    Args:
        plan: says where they are.

    Raises:
        SettingError: there is no such folder or project.
    """

    def __init__(self, plan: Plan) -> None:
        paper = plan.paper
        try:
            self._project = project.open(plan.runs_dir, paper.get("project"))
        except OSError as error:
            key = "project" if "project" in paper.values else "runs"
            raise paper.error(key if key in paper.values else "", f": {error}") from error
        self._paper, self._root = paper, plan.runs_dir
        self._everything: Runs | None = None
        self._chosen: dict[str, list[RunView]] = {}
        self._views: dict[str, RunView] = {}
        self._fingerprints: dict[str, str] = {}

    def close(self) -> None:
        """Close the index of runs."""
        self._project.close()

    def everything(self) -> list[RunView]:
        """Return all runs of the folder or project, whatever ``[paper] filter`` says."""
        return self._sorted(self._all())

    def of(self, section: Section) -> list[RunView]:
        """Return the runs that pass the filters of ``[paper]`` and of a section, oldest first.

        Raises:
            SettingError: a filter is not valid.
        """
        key = "setup" if section.kind == "text" else "filter"
        parts = [(self._paper, "filter"), (section, key)]
        used = [(each, k) for each, k in parts if each.get(k)]
        name = "\0".join(each.get(k) for each, k in used)
        if name not in self._chosen:
            chosen = self._all()
            for each, k in used:
                try:
                    chosen = chosen.filter(each.get(k))
                except FilterError as error:
                    problem = str(error).partition("\n")[0]  # below it is a caret
                    raise each.error(k, f"is {each.get(k)!r}, no filter: {problem}") from error
            self._chosen[name] = self._sorted(chosen)
        return self._chosen[name]

    def paths(self, runs: Sequence[RunView], path: str) -> list[object]:
        """Return a field of runs, such as ``config.lr``; None where a run has none."""
        everything = self._all()
        column = dict(zip(everything.values("id"), everything.values(path), strict=True))
        return [column.get(run.id) for run in runs]

    def fingerprint(self, run: RunView) -> str:
        """Return the hash of what a run recorded, shortened to 16 digits."""
        if run.dir not in self._fingerprints:
            self._fingerprints[run.dir] = fingerprint(run)[:16]
        return self._fingerprints[run.dir]

    def fingerprints(self, runs: Sequence[RunView]) -> dict[str, str]:
        """Return id → hash of runs, sorted."""
        return dict(sorted((run.id, self.fingerprint(run)) for run in runs))

    def _all(self) -> Runs:
        if self._everything is None:
            self._everything = self._project.runs()
        return self._everything

    def _sorted(self, runs: Runs) -> list[RunView]:
        """Return runs, oldest first; each is one object however often it is asked for.

        Of copies of the same run one counts.

        Raises:
            SettingError: two folders have the same run and say different things of it.
        """
        views = [self._views.setdefault(run.dir, run) for run in runs]
        found: dict[str, RunView] = {}
        for run in sorted(views, key=lambda run: (run.created_s, run.dir)):
            other = found.setdefault(run.id, run)
            if other is not run and self.fingerprint(other) != self.fingerprint(run):
                places = " and ".join(
                    os.path.relpath(each.dir, self._root) for each in (other, run)
                )
                problem = f"has run {run.id} twice, in {places}, with different values: remove one"
                raise self._paper.error("runs" if "runs" in self._paper.values else "", problem)
        return list(found.values())
