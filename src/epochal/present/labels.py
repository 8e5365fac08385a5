"""Labels of groups in a narrow place: shortened to what differs, and never two alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from epochal.core.names import printable

SHORTEST = 8
"""A label is not cut to fewer characters, even if it does not fit then."""

FEW = 4
"""Of no more labels each may have its lines before settings are left out."""

ELLIPSIS = "…"

_COUNT = re.compile(r" \(n = [\d,]+(?: to [\d,]+)?\)$")
_BETWEEN = re.compile(r", (?=[^,=()\[\]]+=)")
_WORD_LAST = re.compile(r"(?:\d[eE][-+]|[^\s,=/_-])*$")
_WORD_FIRST = re.compile(r"^(?:[eE][-+]\d*|[^\s,=/_-])*")
"""The word that a text ends or begins with; 1e-3 is one."""

Fits = Callable[[str], bool]


def literal(text: str, most: int = 10_000) -> str:
    """Return a text without control characters, its middle left out if it is too long.

    Example:
        >>> literal("optimizer.learning_rate", 13)
        'optimi…g_rate'
    """
    text = printable(text)
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}{ELLIPSIS}{text[len(text) - (most - head - 1) :]}"


def told_apart(labels: Sequence[str], fits: Fits, *, lines: int = 1) -> list[str]:
    """Return labels that fit their place; those that differ still do.

    What is tried, one after the other: the labels as they are; without the settings that all share;
    with no more settings than it takes to tell them apart; these on several lines; the values
    without their keys; without the beginning and end that all share; with the middle left out.
    A few labels are broken into lines before they say less.  How many runs a group has, the n at
    its end, stays.

    Args:
        labels: such as "lr=0.1, depth=12 (n = 3)".
        fits: says whether a label has room.
        lines: so many a label may have.

    Example:
        >>> told_apart(["lr=0.1, depth=2", "lr=0.2, depth=2"], lambda text: len(text) < 10)
        ['lr=0.1', 'lr=0.2']
        >>> told_apart(["vit-large-a-patch16", "vit-large-b-patch16"], lambda text: len(text) < 10)
        ['…a…', '…b…']
    """
    kinds = len(set(labels))
    counts = [found[0] if (found := _COUNT.search(label)) else "" for label in labels]
    bodies = [label.removesuffix(count) for label, count in zip(labels, counts, strict=True)]
    cores = _cores(bodies)
    for bodied in ([*bodies], *_by_settings(bodies, fits, lines), cores):
        made = [f"{body}{count}" for body, count in zip(bodied, counts, strict=True)]
        if len(set(made)) == kinds and all(map(fits, made)):
            return made
    made = [_cut(core, count, fits) for core, count in zip(cores, counts, strict=True)]
    if len(set(made)) == kinds:
        return made
    return [
        _cut(core, f" #{place}{count}", fits) if made.count(label) > 1 else label
        for place, (core, count, label) in enumerate(zip(cores, counts, made, strict=True), 1)
    ]


def _by_settings(bodies: Sequence[str], fits: Fits, lines: int) -> list[list[str]]:
    """Return ways to say less of settings, if the labels are made of the same ones."""
    parts = [_BETWEEN.split(body) for body in bodies]
    if {len(each) for each in parts} != {len(parts[0])} or len(parts[0]) < 2:
        return []
    keys = [at for at in range(len(parts[0])) if len({each[at] for each in parts}) > 1]
    if not keys:  # all are the same
        return []
    few = _fewest(parts, keys)
    more = [ELLIPSIS] * (len(few) < len(keys))

    def on_lines(places: Sequence[int], rest: Sequence[str]) -> list[list[str]]:
        made = [_wrapped([*(each[at] for at in places), *rest], fits) for each in parts]
        return [[",\n".join(each) for each in made]] if max(map(len, made)) <= lines else []

    ways = [[", ".join(each[at] for at in keys) for each in parts]]
    ways += on_lines(keys, ()) if len(bodies) <= FEW else []
    ways += [[", ".join([*(each[at] for at in few), *more]) for each in parts]]
    ways += on_lines(few, more)
    ways += [[", ".join(each[at].partition("=")[2] for at in few) for each in parts]]
    return ways


def _wrapped(parts: Sequence[str], fits: Fits) -> list[str]:
    found: list[str] = []
    for part in parts:
        if found and fits(f"{found[-1]}, {part},"):
            found[-1] += f", {part}"
        else:
            found.append(part)
    return found


def _fewest(parts: Sequence[Sequence[str]], keys: Sequence[int]) -> list[int]:
    """Return few places that tell the labels apart as well as all do, in their order."""

    def kinds(places: Sequence[int]) -> int:
        return len({tuple(each[at] for at in places) for each in parts})

    chosen: list[int] = []
    while kinds(chosen) < kinds(keys):
        rest = [at for at in keys if at not in chosen]
        chosen.append(max(rest, key=lambda at: kinds([*chosen, at])))
    return sorted(chosen)


def _cores(bodies: Sequence[str]) -> list[str]:
    """Return labels without the whole words at both ends that all of them have."""
    if len(set(bodies)) < 2:
        return [*bodies]
    head = len(_WORD_LAST.sub("", _beginning(bodies)))
    rest = [body[head:] for body in bodies]
    tail = _beginning([body[::-1] for body in rest])[::-1]
    end = len(_WORD_FIRST.sub("", tail))
    made = [body[: len(body) - end] for body in rest]
    return [f"{ELLIPSIS * (head > 0)}{core}{ELLIPSIS * (end > 0)}" for core in made]


def _beginning(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    low, high = min(texts), max(texts)  # these two have the least in common
    same = next((at for at, sign in enumerate(low) if high[at : at + 1] != sign), len(low))
    return low[:same]


def _cut(body: str, ending: str, fits: Fits) -> str:
    """Return a label with as much of its two ends as there is room for."""
    low, high = SHORTEST, len(body)
    while low < high:  # the most characters that fit
        middle = (low + high + 1) // 2
        if fits(f"{literal(body, middle)}{ending}"):
            low = middle
        else:
            high = middle - 1
    return f"{literal(body, low)}{ending}"
