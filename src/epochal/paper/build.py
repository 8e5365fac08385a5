"""``build``: makes everything that a paper takes from its runs, and only what changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from epochal.core.atomic import write_atomically
from epochal.core.errors import EpochalError, EvidenceError, SettingError
from epochal.paper import state
from epochal.paper.macros import macro_file, same_commands
from epochal.paper.make import Maker
from epochal.paper.outputs import NUMBERS, Output, Parts, numbers_key, outputs
from epochal.paper.plan import Plan
from epochal.paper.selection import Selection
from epochal.paper.state import Made
from epochal.present.spec import Provenance

UNCHANGED, MADE, FAILED, REMOVED = "unchanged", "made", "failed", "removed"


@dataclass(frozen=True)
class Done:
    """What became of one output.

    Attributes:
        title: such as "table.main".
        what: "unchanged", "made", "failed" or "removed".
        why: what changed, or what went wrong.
        files: written or removed, below the output folder.
        notes: what the paper's author must know.
    """

    title: str
    what: str
    why: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Built:
    """What a build did.

    Attributes:
        done: one for each output.
        out: the output folder.
    """

    done: tuple[Done, ...]
    out: str

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(each.what != FAILED for each in self.done)


def build(plan: Plan) -> Built:
    r"""Make what changed: the plan, the runs, Epochal's version, or a file that was made.

    What cannot be made does not stop the rest: it is one of the results.  Its old files stay, and
    `check` reports it.

    Raises:
        SettingError: the plan cannot be followed at all: no such folder, a lock that is damaged.
        OSError: the output folder cannot be written.

    Example:
        >>> import epochal, tempfile
        >>> from epochal.paper.plan import load
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", dir=folder + "/runs", follow="off") as run:
        ...     run.log({"val/loss": 0.25}, step=1)
        >>> with open(folder + "/paper.toml", "w") as file:
        ...     _ = file.write('[number.best_loss]\nmetric = "val/loss"')
        >>> [(each.title, each.what) for each in build(load(folder)).done]
        [('number.best_loss', 'made'), ('numbers', 'made')]
        >>> {each.what for each in build(load(folder)).done}
        {'unchanged'}
    """
    wanted = outputs(plan)
    selection = Selection(plan)
    try:
        work = _Work(plan, selection, state.read(plan.out))
        for output in wanted:
            work.build(output)
        work.build_numbers()
        work.remove_others()
        state.write(plan.out, work.made)
    finally:
        selection.close()
    return Built(tuple(work.done), plan.out)


class _Work:
    """One build: what was there before, what is there now, what was done."""

    def __init__(self, plan: Plan, selection: Selection, before: Mapping[str, Made]) -> None:
        self.plan, self.selection, self.before = plan, selection, before
        self.made: dict[str, Made] = {}
        self.done: list[Done] = []
        self._maker = Maker(plan, selection)

    def build(self, output: Output) -> None:
        """Make an output if it changed."""
        try:
            key, runs = output.key(self.selection)
            why = self._why(output.title, key, runs)
            if not why:
                self._keep(output.title)
                return
            self._put(output.title, Made(key, runs), self._maker.make(output), why)
        except EpochalError as error:
            self._fail(output.title, error)

    def build_numbers(self) -> None:
        """Make the files of all numbers if one changed."""
        numbers = {t: each for t, each in self.made.items() if t.startswith("number.")}
        if not numbers:
            return
        key, runs = numbers_key(numbers), _joined(numbers)
        why = self._why(NUMBERS, key, runs)
        if not why:
            self._keep(NUMBERS)
            return
        try:
            for macro, titles in same_commands(numbers).items():
                section = self.plan.numbers[titles[-1].partition(".")[2]]
                problem = f"gives the command \\{macro}, as [{titles[0]}] does"
                raise section.error("", f'{problem}: give macro = "..."')
            used = [run for run in self.selection.everything() if run.id in runs]
            origin = Provenance.of(used, {"paper": "numbers"})
            self._put(NUMBERS, Made(key, runs), macro_file(numbers, origin), why)
        except EpochalError as error:
            self._fail(NUMBERS, error)

    def remove_others(self) -> None:
        """Remove files that were made and are made no more, unless they were changed by hand."""
        wanted = {file for made in self.made.values() for file in made.files}
        for title, made in self.before.items():
            gone = {file: each for file, each in made.files.items() if file not in wanted}
            removed, kept = [], []
            for file, sha256 in gone.items():
                path = self._path(file)
                found = state.sha256_of(path)
                if found == sha256:
                    os.unlink(path)
                    removed.append(file)
                elif found is not None:
                    kept.append(f"{file} is made no more, but was changed by hand: it is kept")
            if removed or kept:
                self.done.append(Done(title, REMOVED, "", tuple(removed), tuple(kept)))

    def _path(self, file: str) -> str:
        return state.path_of(self.plan.out, file)

    def _fail(self, title: str, error: EpochalError) -> None:
        kept = title in self.before
        if kept:
            self.made[title] = self.before[title]
        notes = ("what was made before is kept; `epochal paper check` reports it",)
        self.done.append(Done(title, FAILED, str(error), (), notes if kept else ()))

    def _keep(self, title: str) -> None:
        self.made[title] = self.before[title]
        self.done.append(Done(title, UNCHANGED))

    def _why(self, title: str, key: str, runs: Mapping[str, str]) -> str:
        """Return why an output must be made, "" if it need not."""
        before = self.before.get(title)
        if before is None:
            return "new"
        for file, sha256 in before.files.items():
            found = state.sha256_of(self._path(file))
            if found is None:
                return f"{file} is not there anymore"
            if found != sha256:
                return f"{file} was changed by hand: what was changed is replaced"
        return "" if before.key == key else what_changed(before, runs)

    def _put(self, title: str, made: Made, parts: Parts, why: str) -> None:
        """Write the files of an output.

        Raises:
            SettingError: a file of somebody else is in the way.
        """
        known = self.before[title].files if title in self.before else {}
        for file in parts.files:
            self._must_be_ours(file, known)
        hashes = {}
        for file, content in parts.files.items():
            path = self._path(file)
            hashes[file] = hashlib.sha256(content).hexdigest()
            if state.sha256_of(path) != hashes[file]:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                write_atomically(path, content, private=False)
        self.made[title] = replace(made, files=hashes, facts=parts.facts)
        self.done.append(Done(title, MADE, why, tuple(parts.files), parts.notes))

    def _must_be_ours(self, file: str, known: Mapping[str, str]) -> None:
        path = self._path(file)
        if file in known or not os.path.lexists(path) or _is_ours(path):
            return
        raise SettingError(
            f"{path} is in the way: it was not made by `epochal paper`, and is not replaced. Move"
            " it, or give another out = ... in [paper]"
        )


def what_changed(before: Made, runs: Mapping[str, str]) -> str:
    """Return in words how an output's runs differ from those that it was made of.

    Example:
        >>> what_changed(Made("k", {"a": "1", "b": "1"}), {"a": "2", "c": "1"})
        'run a changed, run c is new, run b is gone, or counts no more'
    """
    parts = [
        f"run {each} changed" for each in runs if before.runs.get(each, runs[each]) != runs[each]
    ]
    parts += [f"run {each} is new" for each in runs if each not in before.runs]
    parts += [f"run {each} is gone, or counts no more" for each in before.runs if each not in runs]
    if not parts:
        return "its section, another one that it names, a run's name, or Epochal's version changed"
    more = f", and {len(parts) - 5:,} more" if len(parts) > 5 else ""
    return ", ".join(parts[:5]) + more


def _joined(numbers: Mapping[str, Made]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in numbers.values():
        found.update(each.runs)
    return dict(sorted(found.items()))


def _is_ours(path: str) -> bool:
    """Say whether a file was made by Epochal, whatever became of the lock."""
    from epochal.present.whence import whence

    # The points of a figure have no provenance; the facts beside them do.
    for each in (path, f"{os.path.splitext(path)[0]}.json"):
        with contextlib.suppress(EvidenceError, OSError):
            if os.path.isfile(each):  # and no pipe, which would be waited for
                return bool(whence(each).path)
    return False
