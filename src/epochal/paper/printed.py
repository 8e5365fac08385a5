"""``Value``: a number of a paper, exact and as it is printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from epochal.markup.cells import Cell, Number
from epochal.markup.rounding import RULES, grouped, p_value
from epochal.paper.section import Section

MOST_DIGITS = 17
"""A float64 has no more."""


@dataclass(frozen=True)
class Value:
    """A number and how it is printed.

    Attributes:
        value: exact, scaled as the section says; text where it is a word.
        cell: for the file of commands.
        n: how many runs it rests on.
        about: what it is, in words.
        error: what follows its ±; None: nothing.
        notes: what its author must know, such as runs that were left out.
    """

    value: float | str
    cell: Cell
    n: int
    about: str
    error: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """As the section gives it."""
        return self.cell.unit if isinstance(self.cell, Number) else ""

    @property
    def shown(self) -> str:
        """It as plain text, such as "3.2784 ± 0.0014 nats"."""
        if isinstance(self.cell, str):
            return self.cell
        found = self.cell.rounded
        text = str(replace(found, value=grouped(found.value), error=grouped(found.error)))
        return f"{text} {self.unit}" if self.unit else text


def printed(
    section: Section, value: float | str, error: float | None, n: int, about: str,
    notes: Sequence[str], *, p: bool = False,
) -> Value:  # fmt: skip
    """Return a number as its section prints it.

    Args:
        section: says digits, decimals, rounding, scale and unit.
        value: exact; or a word.
        error: what follows its ±, None: nothing.
        n: how many runs it rests on.
        about: what it is, in words.
        notes: what its author must know.
        p: it is a p-value, which is printed as one unless the section gives digits or decimals.

    Raises:
        SettingError: the value is not finite, or the section asks for what cannot be.
    """
    unit = section.get("unit", "")
    if isinstance(value, str):
        return Value(value, f"{value} {unit}" if unit else value, n, about, None, tuple(notes))
    if "decimals" in section.values and "digits" in section.values:
        raise section.error("decimals", "cannot stand beside digits: give one of them")
    for key in ("decimals", "digits"):
        if section.get(key, 0) > MOST_DIGITS:
            raise section.error(key, f"is {section.get(key)}: give at most {MOST_DIGITS}")
    scale = section.get("scale")
    if scale is not None:
        value = value * float(scale)
        error = None if error is None else error * abs(scale)
    if not math.isfinite(value):
        raise section.error("", f"is {value!r} ({about}): there is no such number to print")
    cell: Cell = Number(
        value, error, digits=section.get("digits", 4), decimals=section.get("decimals"),
        rule=section.among("rounding", RULES, "pdg"), unit=unit,
    )  # fmt: skip
    if p and not {"digits", "decimals", "scale"} & set(section.values):
        cell = p_value(value)
    return Value(value, cell, n, about, error, tuple(notes))
