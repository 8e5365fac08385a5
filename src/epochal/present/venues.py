r"""Where papers appear: widths of columns and pages, fonts and sizes of text.

Figures are drawn at their final size, so that ``\includegraphics`` needs no scaling and text in a
figure is as large as it says.  Widths follow the style files of the venues (those of NeurIPS, ICML,
ICLR, AAAI, CVPR, JMLR and others as in the package tueplots 0.2.5, ``acl.sty``, SciencePlots).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from epochal.core.errors import EvidenceError, did_you_mean

Width = Literal["single", "full"]

RATIO = 1.618
"""Width by height of a panel: the golden ratio."""

SERIF = ("STIXGeneral", "DejaVu Serif")
"""A face with the metrics of Times that comes with matplotlib: the same on every machine."""

SANS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")


@dataclass(frozen=True)
class Venue:
    """A journal or conference.

    Attributes:
        name: as people write it.
        column_in: width of a column in inches; None: the page has only one.
        full_in: width of the whole text in inches.
        font: families, the first that is installed is taken.
        text_size: of labels, in points.
        tick_size: of tick labels and legends, in points.
        title_size: of the titles of panels, in points; None: a little larger than text.
        line_width: in points.
    """

    name: str
    column_in: float | None
    full_in: float
    font: tuple[str, ...] = SERIF
    text_size: float = 8.0
    tick_size: float = 7.0
    title_size: float | None = None
    line_width: float = 1.2

    def width_in(self, column: Width) -> float:
        """Return the width of a figure in inches.

        Raises:
            EvidenceError: column is neither "single" nor "full".

        Example:
            >>> VENUES["icml"].width_in("single"), VENUES["neurips"].width_in("single")
            (3.25, 5.5)
        """
        if column not in ("single", "full"):
            raise EvidenceError(f"column={column!r} is neither 'single' nor 'full'")
        return self.full_in if column == "full" or self.column_in is None else self.column_in


ANYWHERE = Venue("any", 3.5, 7.0, ("DejaVu Sans",), 8.0, 7.0)
"""What is taken if no venue is named."""

SCREEN = Venue("screen", None, 11.0, ("DejaVu Sans",), 9.5, 8.5, title_size=12.0, line_width=1.8)
"""For what is looked at on a screen and not printed."""

VENUES: Mapping[str, Venue] = {
    "neurips": Venue("NeurIPS", None, 5.5),
    "iclr": Venue("ICLR", None, 5.5),
    "colm": Venue("COLM", None, 5.5),
    "icml": Venue("ICML", 3.25, 6.75),
    "aistats": Venue("AISTATS", 3.25, 6.75),
    "uai": Venue("UAI", 3.25, 6.75),
    "cvpr": Venue("CVPR", 3.25, 6.875),
    "aaai": Venue("AAAI", 3.3, 6.975),
    "eccv": Venue("ECCV", None, 4.8),
    "jmlr": Venue("JMLR", None, 6.0),
    "tmlr": Venue("TMLR", None, 6.5),
    "acl": Venue("ACL", 3.03, 6.3),
    "ieee": Venue("IEEE", 3.3, 7.0),
    "nature": Venue("Nature", 3.3, 7.0, SANS, 7.0, 6.0),
}
"""Venues by the name that is typed."""


def venue_of(name: str | Venue | None) -> Venue:
    """Return a venue by its name in any case; None: the one for anywhere.

    Raises:
        EvidenceError: no such venue is known.

    Example:
        >>> venue_of("NeurIPS").full_in, venue_of(None).name
        (5.5, 'any')
    """
    if isinstance(name, Venue):
        return name
    if name is None:
        return ANYWHERE
    known = VENUES.get(str(name).lower())
    if known is None:
        message = (
            f"there is no venue {name!r}{did_you_mean(str(name).lower(), VENUES)}; known are"
            f" {', '.join(VENUES)}. For others give a Venue with its widths:"
            " epochal.present.venues.Venue('Name', column_in, full_in)"
        )
        raise EvidenceError(message)
    return known
