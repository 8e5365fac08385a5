"""``analyze``: everything that can be made of some runs, in one folder with an ``index.html``.

Of a single run the files lie in the folder itself; of several, each run has a folder of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from epochal.core.atomic import write_atomically
from epochal.core.errors import EpochalError, MissingExtraError
from epochal.core.names import slug
from epochal.present.analysis_page import analysis_page
from epochal.present.comparison_files import ComparisonFiles, Question, comparison_files
from epochal.present.run_files import Job, RunFiles, run_files
from epochal.present.sources import runs_of
from epochal.present.spec import Provenance
from epochal.present.venues import venue_of
from epochal.read.view import RunView

FEWEST_FOR_HELPER = 6
"""A second process takes about a second to start: for fewer runs it is not worth it."""


@dataclass(frozen=True)
class Analysis:
    """What was made.

    Attributes:
        folder: absolute.
        index: path of the page that links everything.
        runs: what was made of each.
        comparison: of all, None if none was asked for or it could not be made.
        problems: what could not be made, and why.
    """

    folder: str
    index: str
    runs: tuple[RunFiles, ...]
    comparison: ComparisonFiles | None
    problems: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """All paths, the index first."""
        made = [path for run in self.runs for path in run.files]
        return [self.index, *(self.comparison.files if self.comparison else ()), *made]


def analyze(
    runs: Any, folder: str | os.PathLike[str], *, question: Question | None = None, x: str = "step",
    venue: str | None = None, helper: bool = False,
    done: Callable[[], object] = lambda: None,
) -> Analysis:  # fmt: skip
    """Make figures, tables, paragraphs and a report of each run, and compare them if asked.

    A run that cannot be read, or a question that the runs cannot answer, is a problem that the
    result and the page name; everything else is made.

    Args:
        runs: a project, runs, a run, a folder, a path with wildcards, or several of these.
        folder: where to; made if it is missing.
        question: what is compared over all runs; None: nothing.
        x: what curves are drawn against: "step", "epoch", "elapsed" or a metric.
        venue: where figures will appear, such as "neurips".
        helper: whether a second process may take part of many runs; a script that asks for it needs
            the usual ``if __name__ == "__main__":``.
        done: called after each run, and after the comparison.

    Raises:
        EvidenceError: there are no runs, or no such venue.
        MissingExtraError: matplotlib is not installed; SciPy, for a question.
        OSError: the folder cannot be written.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", dir=folder, follow="off") as run:
        ...     for step in range(30):
        ...         run.log({"train/loss": 1 / (1 + step)}, step=step)
        >>> made = analyze(run.dir, os.path.join(folder, "out"))
        >>> len(made.files), os.path.basename(made.index)
        (14, 'index.html')
    """
    views = runs_of(runs)
    venue_of(venue)  # before the work
    full = os.path.abspath(os.fspath(folder))
    os.makedirs(full, exist_ok=True)
    jobs = list(_jobs(views, full, x, venue))
    comparison, problems = None, []
    share = _Share(jobs, helper=helper and len(jobs) >= FEWEST_FOR_HELPER, done=done)
    with contextlib.closing(share):
        if question is not None:
            try:
                comparison = comparison_files(views, full, question, x=x, venue=venue)
            except MissingExtraError:
                raise
            except EpochalError as error:
                problems.append(f"no comparison was made: {error}")
            done()
        made = share.results()
    problems += [f"{each.name}: {each.problem}" for each in made if each.problem]
    origin = Provenance.of(views, {"page": "analyze", "compare": question is not None})
    page = analysis_page(full, made, comparison, problems, origin)
    index = os.path.join(full, "index.html")
    write_atomically(index, page.encode("utf-8", "replace"), private=False)
    return Analysis(full, index, tuple(made), comparison, tuple(problems))


def _jobs(views: Sequence[RunView], folder: str, x: str, venue: str | None) -> Iterator[Job]:
    """Yield a job for each run, with a folder that no other has."""
    if len(views) == 1:
        yield Job(views[0].dir, folder, x, venue)
        return
    names = [slug(_name(run)) for run in views]
    for run, name in zip(views, names, strict=True):
        own = name if names.count(name) == 1 else os.path.basename(run.dir)
        yield Job(run.dir, os.path.join(folder, "runs", own), x, venue)


def _name(run: RunView) -> str:
    try:
        return run.name
    except EpochalError:  # run_files says what is wrong with it
        return os.path.basename(run.dir)


class _Share:
    """Work that this process does from the end, and a helper, if there is one, from the front."""

    def __init__(self, jobs: Sequence[Job], *, helper: bool, done: Callable[[], object]) -> None:
        self._jobs, self._done = jobs, done
        self._waiting = deque(range(len(jobs)))
        self._made: dict[int, RunFiles] = {}
        self._given: dict[int, Future[RunFiles]] = {}
        self._pool: ProcessPoolExecutor | None = None
        if helper:  # not forked: other threads may hold locks
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            self._give()

    def close(self) -> None:
        """Let the helper go; what it has not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def results(self) -> list[RunFiles]:
        """Do the work; return what was made, in the order of the jobs."""
        while self._waiting:
            self._give()
            if not self._waiting:
                break
            at = self._waiting.pop()
            self._made[at] = run_files(self._jobs[at])
            self._done()
        for at in list(self._given):
            self._take(at)
        return [self._made[at] for at in range(len(self._jobs))]

    def _give(self) -> None:
        """Keep the helper busy: a run in work, and one to go on with."""
        for at, future in list(self._given.items()):
            if future.done():
                self._take(at)
        while self._pool is not None and self._waiting and len(self._given) < 2:
            at = self._waiting.popleft()
            self._given[at] = self._pool.submit(run_files, self._jobs[at])

    def _take(self, at: int) -> None:
        self._made[at] = self._given.pop(at).result()
        self._done()
