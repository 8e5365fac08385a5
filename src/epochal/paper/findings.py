"""What a check says: a finding for each number, table, figure and text, and how much is covered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OK = "ok"
ROUNDING = "rounding differs"
UNSUPPORTED = "no run supports it"
STALE = "stale"
EDITED = "edited by hand"
SWAPPED = "swapped"
MISSING = "missing"
NOT_BUILT = "not built"
UNKNOWN = "unknown name"
UNUSED = "unused"
NOT_GENERATED = "not generated"

STATUSES: Mapping[str, str] = {
    OK: "it is what the runs say",
    ROUNDING: "the text rounds the runs' number in another way",
    STALE: "runs or the plan changed since it was made: run `epochal paper build`",
    EDITED: "a file that was made, a copy of it, or a command says something else now",
    SWAPPED: "a figure is not the file that was made",
    UNSUPPORTED: "the runs say something else, or there are none",
    UNKNOWN: "the text names a number that the plan does not have",
    MISSING: "a file that was made is not there: run `epochal paper build`",
    NOT_BUILT: "it was not made yet: run `epochal paper build`",
    UNUSED: "it is made, and the text does not use it",
    NOT_GENERATED: "a figure that no plan makes, such as a photograph",
}
"""Every word that a check says, and what it means."""

FINE = frozenset([OK, UNUSED, NOT_GENERATED])
"""With these words a check passes."""


@dataclass(frozen=True)
class Finding:
    """What is to be said of one thing.

    Attributes:
        what: such as "table.main", or a claim in the text.
        status: one of `STATUSES`.
        why: in words; "" where nothing is to be added.
        where: places in the text, such as "main.tex:12".
    """

    what: str
    status: str
    why: str = ""
    where: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a check passes with it."""
        return self.status in FINE

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return {"what": self.what, "status": self.status, "ok": self.ok, "why": self.why,
                "where": list(self.where)}  # fmt: skip


@dataclass(frozen=True)
class Share:
    """How many of some things come from the runs."""

    covered: int
    total: int

    def __str__(self) -> str:
        return f"{self.covered:,} of {self.total:,}"


@dataclass(frozen=True)
class Coverage:
    """How much of a paper comes from its runs by way of its plan.

    Attributes:
        numbers: in the text: by command or claim, of all that may be results.
        tables, figures: in the text.
        free: the numbers that are not covered: (place, as it is printed).
    """

    numbers: Share
    tables: Share
    figures: Share
    free: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        shares = {"numbers": self.numbers, "tables": self.tables, "figures": self.figures}
        return {
            **{n: {"covered": s.covered, "total": s.total} for n, s in shares.items()},
            "free_numbers": [{"where": where, "printed": printed} for where, printed in self.free],
        }


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        findings: what is not right comes first.
        coverage: None where no text is named.
    """

    findings: tuple[Finding, ...]
    coverage: Coverage | None

    @property
    def ok(self) -> bool:
        """Whether everything is right."""
        return all(each.ok for each in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form."""
        return {
            "ok": self.ok, "findings": [each.to_dict() for each in self.findings],
            "coverage": None if self.coverage is None else self.coverage.to_dict(),
        }  # fmt: skip
