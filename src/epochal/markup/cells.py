"""What tables are made of, whatever they are written as: columns, and cells of text or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from epochal.markup.rounding import Rounded, fixed, rounded


@dataclass(frozen=True)
class Number:
    """A cell with a number.

    Attributes:
        value: as exact as it is known; it is rounded where it is written.
        error: half the width of an interval, or a standard deviation: the table says which.  None:
            none is known.
        bold: stands out, as the best do.
        underline: stands out less.
        mark: that of a note below the table, such as "†".
        digits: significant digits of a value without an error.
        rule: by which value and error are rounded, see :func:`epochal.markup.rounding.rounded`.
        decimals: print so many, whatever the error says; None: as many as the rule says.
        unit: literal text behind the number.

    Example:
        >>> print(Number(3.27837, 0.00142).rounded)
        3.2784 ± 0.0014
    """

    value: float
    error: float | None = None
    bold: bool = False
    underline: bool = False
    mark: str = ""
    digits: int = 4
    rule: str = "pdg"
    decimals: int | None = None
    unit: str = ""

    @property
    def rounded(self) -> Rounded:
        """The number as it is printed."""
        if self.decimals is not None:
            return fixed(self.value, self.error, self.decimals)
        return rounded(self.value, self.error, self.rule, self.digits)


Cell: TypeAlias = str | Number
"""Text, which is literal and escaped where it is written, or a number."""

ARROWS = {"": "", "up": "↑", "down": "↓"}


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: literal text.
        align: "l", "c" or "r".
        unit: stands after the heading, in parentheses.
        arrow: "up": higher is better; "down": lower is; "": nobody said.

    Example:
        >>> Column("val/loss", unit="nats", arrow="down").title
        'val/loss (nats) ↓'
    """

    heading: str
    align: Literal["l", "c", "r"] = "l"
    unit: str = ""
    arrow: Literal["", "up", "down"] = ""

    @property
    def title(self) -> str:
        """Heading, unit and arrow in one line of plain text."""
        unit = f" ({self.unit})" if self.unit else ""
        arrow = f" {ARROWS[self.arrow]}" if self.arrow else ""
        return f"{self.heading}{unit}{arrow}"
