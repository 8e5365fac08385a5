"""How what was made stands: its files against the lock, and the lock against the runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from epochal.core.errors import EpochalError
from epochal.paper.build import what_changed
from epochal.paper.findings import EDITED, MISSING, NOT_BUILT, OK, STALE, SWAPPED, UNSUPPORTED
from epochal.paper.macros import FILE, macro_file
from epochal.paper.outputs import NUMBERS, Output, numbers_key
from epochal.paper.selection import Selection
from epochal.paper.state import Made, path_of, sha256_of
from epochal.present.macros import defined
from epochal.present.spec import Provenance

PICTURES = (".pdf", ".png", ".svg")


class Standing(NamedTuple):
    """How one output stands: a word, and why."""

    status: str
    why: str = ""


def standing(
    output: Output, lock: Mapping[str, Made], out: str, selection: Selection | None
) -> Standing:  # fmt: skip
    """Return how an output stands.

    Args:
        output: of the plan.
        lock: what was made.
        out: the folder of it.
        selection: the runs, None if they are not looked at.
    """
    made = lock.get(output.title)
    key, runs = "", dict[str, str]()
    if selection is not None:
        try:
            key, runs = output.key(selection)
        except EpochalError as error:
            return Standing(UNSUPPORTED, str(error))
        if not runs:
            return Standing(UNSUPPORTED, "there are no such runs")
    if made is None:
        return Standing(NOT_BUILT, "run `epochal paper build`")
    of_files = files_standing(made, out)
    if selection is None or made.key == key:
        return of_files
    changed = what_changed(made, runs)
    if of_files.status != OK:
        return Standing(of_files.status, f"{of_files.why}; and it is stale: {changed}")
    return Standing(STALE, changed)


def files_standing(made: Made, out: str) -> Standing:
    """Return whether the files of an output are those that were made."""
    for file, sha256 in made.files.items():
        found = sha256_of(path_of(out, file))
        if found is None:
            return Standing(MISSING, f"{file} is not there")
        if found != sha256:
            picture = file.endswith(PICTURES)
            how = "is not the file that was made" if picture else "was changed since it was made"
            return Standing(SWAPPED if picture else EDITED, f"{file} {how}")
    return Standing(OK)


def numbers_standing(titles: set[str], lock: Mapping[str, Made], out: str) -> Standing:
    """Return how the file of all numbers stands.

    Args:
        titles: of the numbers of the plan.
        lock: what was made.
        out: the folder of it.
    """
    made = lock.get(NUMBERS)
    if made is None:
        return Standing(NOT_BUILT, "run `epochal paper build`")
    of_files = files_standing(made, out)
    current = {title: each for title, each in lock.items() if title in titles}
    if of_files.status == OK and made.key != numbers_key(current):
        return Standing(STALE, "a number was added, removed or made anew")
    return of_files


def edited_commands(lock: Mapping[str, Made], out: str) -> dict[str, str]:
    """Return title of a number → what its command says now, where that was changed by hand."""
    numbers = {title: each for title, each in lock.items() if title.startswith("number.")}
    try:
        with open(path_of(out, FILE), encoding="utf-8", errors="replace") as file:
            now = dict(defined(file.read()))
        made = macro_file(numbers, Provenance()).files[FILE].decode()
    except (OSError, EpochalError):  # it is not there, or was never made: that is said elsewhere
        return {}
    then = dict(defined(made))
    found = {}
    for title, each in numbers.items():
        command = each.facts["macro"]
        if now.get(command) != then.get(command):
            found[title] = now.get(command, "nothing")
    return found
