"""What the query of a request asks for, checked; what does not fit is an error that says why."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request

from epochal.core.errors import SettingError

LONGEST = 2_000
"""Characters of one answer in a query; ids of runs may take more."""

ID = re.compile(r"[a-z0-9]{8,64}")


def text(request: Request, name: str, longest: int = LONGEST) -> str:
    """Return a text, "" if it is not asked for.

    Raises:
        SettingError: it is longer than that.
    """
    given: str = request.query_params.get(name, "")
    if len(given) > longest:
        raise SettingError(f"{name}= has {len(given):,} characters, {longest:,} are allowed")
    return given


def whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number between two others.

    Raises:
        SettingError: it is none.
    """
    given = text(request, name, 40)
    if not given:
        return default
    try:
        found = int(given)
    except ValueError:
        raise SettingError(f"{name}={given!r} is no whole number") from None
    if not low <= found <= high:
        raise SettingError(f"{name}={found} is not between {low} and {high}")
    return found


def number(request: Request, name: str) -> float | None:
    """Return a number, None if it is not asked for.

    Raises:
        SettingError: it is none.
    """
    given = text(request, name, 40)
    try:
        return float(given) if given else None
    except ValueError:
        raise SettingError(f"{name}={given!r} is no number") from None


def choice(request: Request, name: str, known: Sequence[str], default: str = "") -> str:
    """Return one of some words.

    Raises:
        SettingError: it is none of them.
    """
    given = text(request, name) or default
    if given and given not in known:
        raise SettingError(f"{name}={given!r} is none of {', '.join(known)}")
    return given


def switch(request: Request, name: str) -> bool | None:
    """Return yes or no, None if it is not asked for.

    Raises:
        SettingError: it is neither.
    """
    given = choice(request, name, ("1", "0", "true", "false", "yes", "no"))
    return given in {"1", "true", "yes"} if given else None


def words(request: Request, name: str) -> list[str]:
    """Return what is asked for several times, or once with commas between.

    Raises:
        SettingError: it is too long.
    """
    given: list[str] = request.query_params.getlist(name)
    if sum(map(len, given)) > LONGEST:
        raise SettingError(f"{name}= is longer than {LONGEST:,} characters")
    if len(given) == 1:
        given = given[0].split(",")
    return list(dict.fromkeys(each.strip() for each in given if each.strip()))


def run_ids(request: Request, most: int, name: str = "runs") -> list[str]:
    """Return ids of runs, each once; none if none are asked for.

    Raises:
        SettingError: there are too many, or one is no id.
    """
    given: list[str] = request.query_params.getlist(name)
    found = list(dict.fromkeys(each for part in given for each in part.split(",") if each))
    if len(found) > most:
        raise SettingError(f"{len(found):,} runs are too many at once: choose {most:,} at most")
    for each in found:
        if not ID.fullmatch(each):
            raise SettingError(f"{each[:80]!r} is no id of a run")
    return found
