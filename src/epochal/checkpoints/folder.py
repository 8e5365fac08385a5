"""The folder of checkpoints: what files are called, and in which order they are looked for."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BEST, FINAL = "best_model.pt", "final_model.pt"
_NAME = re.compile(r"checkpoint_epoch_(?P<epoch>[^_]+)_step_(?P<step>[^_]+)\.pt\Z")


@dataclass(frozen=True, slots=True)
class Known:
    """A checkpoint that was recorded.

    Attributes:
        path: of the file, absolute.
        sha256: of its bytes; "" if it was not recorded.
        about: what was recorded with it: ``epoch step loss metrics monitor goal best final …``.
        own: this run saved it; else it belongs to the run that this one was forked from.
        visible: it was neither hidden by a resume nor removed nor replaced.
    """

    path: str
    sha256: str
    about: Mapping[str, Any] = field(default_factory=dict)
    own: bool = True
    visible: bool = True

    @property
    def paths(self) -> list[str]:
        """Where it may be: its file, and the names under which it was the best or final one."""
        beside = os.path.dirname(self.path)
        names = [name for name, key in ((BEST, "best"), (FINAL, "final")) if self.about.get(key)]
        return [self.path, *(os.path.join(beside, name) for name in names)]

    @property
    def value(self) -> float:
        """The value that it was judged by, NaN if there was none."""
        value = self.about.get("value")
        return float(value) if isinstance(value, int | float) else math.nan


def file_name(epoch: float | None, step: float | None) -> str:
    """Return what a checkpoint is called; what is not known counts as 0.

    Example:
        >>> file_name(3, 900), file_name(None, 2.5)
        ('checkpoint_epoch_3_step_900.pt', 'checkpoint_epoch_0_step_2.5.pt')
    """
    return f"checkpoint_epoch_{_number(epoch)}_step_{_number(step)}.pt"


def best_of(known: Iterable[Known]) -> Known | None:
    """Return the checkpoint that was the best when the last one was saved, None without any."""
    return next((k for k in reversed([*known]) if k.visible and k.about.get("best")), None)


def unrecorded(folder: str, known: Collection[str], limit: float = math.inf) -> list[Known]:
    """Return the checkpoints that nothing was recorded of, the youngest last.

    A kill between the two leaves one: it is as whole as any other.

    Args:
        folder: where they lie.
        known: paths that were recorded.
        limit: those of later steps are left out.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = []
    for name in names:
        match, path = _NAME.match(name), os.path.join(folder, name)
        if match and path not in known and _float(match["step"]) <= limit and os.path.isfile(path):
            found.append(path)
    return [Known(path, "") for path in sorted(found, key=_modified_s)]


def others(folder: str, mine: Collection[str]) -> list[str]:
    """Return the names of checkpoints in a folder that are not among the paths given, sorted."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = (name for name in names if name in (BEST, FINAL) or _NAME.match(name))
    return sorted(name for name in found if os.path.join(folder, name) not in mine)


def newest_first(recorded: list[Known], others: list[Known]) -> list[Known]:
    """Return checkpoints in the order in which "last" tries them.

    Args:
        recorded: in the order of saving.
        others: unrecorded ones, the youngest last; they come first if they are younger than all
            recorded ones, else last.
    """
    end = max((_modified_s(each.path) for each in recorded), default=0.0)
    young = [each for each in others if _modified_s(each.path) >= end]
    old = [each for each in others if each not in young]
    return [*reversed(young), *reversed(recorded), *reversed(old)]


def _number(value: float | None) -> str:
    number = 0 if value is None else value
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf


def _modified_s(path: str) -> float:
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0
