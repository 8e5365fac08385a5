"""Drawing a figure from its spec, and keeping it: PDF, SVG and PNG with their provenance inside.

The same spec gives the same bytes, in this program and in the next: nothing depends on the time,
on the program's own settings of matplotlib, or on chance.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from epochal.core.atomic import write_atomically
from epochal.core.errors import EvidenceError
from epochal.core.optional import require
from epochal.present.axes import draw
from epochal.present.fitting import fit
from epochal.present.pdf_fonts import outlines_only
from epochal.present.spec import MAX_EMBEDDED, FigureSpec
from epochal.present.style import DARK, EXTRA, PRINT, Theme
from epochal.present.venues import RATIO, Venue, Width, venue_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

Style = Literal["print", "dark"]

DPI = 300
FORMATS = ("pdf", "svg", "png")
OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
    "SimHei", "WenQuanYi Zen Hei", "Arial Unicode MS",
)  # fmt: skip
"""For names that the font of a venue has no signs for."""

OTHER_FORMATS = ("jpg", "jpeg", "tif", "tiff", "gif", "webp", "eps", "ps", "pgf", "bmp")

_OURS = (
    "font axes text lines patch xtick ytick grid legend figure savefig pdf svg path mathtext agg"
)
_LOCK = threading.Lock()
"""The settings of matplotlib are those of the whole program."""


class Look(TypedDict, total=False):
    """How a figure is drawn, and where it is saved: what every function of figures takes.

    Attributes:
        venue: where it will appear, such as "neurips": gives width, font and sizes of text.
        column: "single", the width of a column, or "full", that of the text.
        style: "print", on white; or "dark".
        width_in, height_in: another size, in inches.
        path: save it there too: as PDF and PNG, or as what the path ends with.
    """

    venue: str | Venue | None
    column: Width
    style: Style
    width_in: float | None
    height_in: float | None
    path: str | os.PathLike[str] | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure that was drawn.

    Attributes:
        spec: what it shows.
        figure: the ``matplotlib.figure.Figure``.
        style: "print" or "dark".
        font: the families of its text.
    """

    spec: FigureSpec
    figure: Any
    style: Style = "print"
    font: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """What the figure shows, with n, interval and smoothing: text for a paper."""
        return self.spec.caption

    def save(self, path: str | os.PathLike[str], formats: Sequence[str] | None = None) -> list[str]:
        """Write the figure, and beside it what it shows as ``NAME.json`` and ``NAME.csv``.

        Args:
            path: ends with ``.pdf``, ``.svg`` or ``.png``: that format; without such an ending:
                PDF and PNG.  The folder is made if it is missing.
            formats: instead, some of "pdf", "svg" and "png".

        Returns:
            The absolute paths: the figures first, then the facts, then the points.

        Raises:
            EvidenceError: no such format.
            OSError: the folder cannot be written.
        """
        base, chosen = _formats(os.path.abspath(os.fspath(path)), formats)
        os.makedirs(os.path.dirname(base), exist_ok=True)
        files = {f".{kind}": self.to_bytes(kind) for kind in chosen}
        facts = {**self.spec.to_dict(), "style": self.style, "font": list(self.font)}
        files[".json"] = (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()
        files[".csv"] = self.spec.to_csv().encode()
        for suffix, data in files.items():
            write_atomically(base + suffix, data, private=False)
        return [base + suffix for suffix in files]

    def to_bytes(self, kind: str, dpi: int = DPI) -> bytes:
        """Return the figure as a file of a format, the same bytes each time.

        Args:
            kind: "pdf", "svg" or "png".
            dpi: dots per inch of a PNG.

        Raises:
            EvidenceError: no such format.
        """
        _known(kind)
        buffer = io.BytesIO()
        with _settings(self.font), outlines_only():
            self.figure.savefig(
                buffer, format=kind, dpi=dpi, facecolor=self.figure.get_facecolor(),
                bbox_inches=None, metadata=_metadata(self.spec, kind),
            )  # fmt: skip
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        """Show the figure in a notebook."""
        return self.to_bytes("png", 150)


def render(spec: FigureSpec, **look: Unpack[Look]) -> Drawn:
    """Draw a figure at its final size.

    Args:
        spec: what to draw.
        **look: how, and where it is saved: see :class:`Look`.

    Raises:
        EvidenceError: style, venue, column or format is not known.
        MissingExtraError: matplotlib is not installed.
        OSError: it cannot be saved.

    Example:
        >>> import numpy as np
        >>> from epochal.present.panel import Curve, Panel
        >>> panel = Panel("Loss", "loss", np.arange(3.0), lines=(Curve("a", np.ones(3)),))
        >>> drawn = render(FigureSpec("loss", (panel,)), venue="icml")
        >>> float(drawn.figure.get_figwidth()), drawn.to_bytes("pdf")[:5]
        (3.25, b'%PDF-')
    """
    unknown = [name for name in look if name not in Look.__annotations__]
    if unknown:
        raise EvidenceError(
            f"figures have no option {unknown[0]!r}: {', '.join(Look.__annotations__)}"
        )
    style, path = look.get("style") or "print", look.get("path")
    if path is not None:
        _formats(os.fspath(path), None)  # before the work
    drawn = _drawn(spec, style, look)
    if path is not None:
        drawn.save(path)
    return drawn


def _drawn(spec: FigureSpec, style: Style, look: Look) -> Drawn:
    if style not in ("print", "dark"):
        raise EvidenceError(f"style={style!r} is neither 'print' nor 'dark'")
    place = venue_of(look.get("venue"))
    theme = _theme(style, place)
    width = look.get("width_in") or place.width_in(look.get("column") or "single")
    height = look.get("height_in") or _height(spec, width)
    font = _installed(place.font)
    with _settings(font):
        figure = _new_figure(width, height, theme, spec.title)
        rows, columns = spec.grid
        grid = figure.subplots(
            rows, columns, squeeze=False, height_ratios=list(spec.heights) or None
        )
        places = list(grid.flat)
        for unused in places[len(spec.panels) :]:
            unused.remove()
        drawings = [
            (axes, panel, draw(axes, panel, theme))
            for axes, panel in zip(places, spec.panels, strict=False)
        ]
        fit(figure, drawings, theme, grow=not look.get("height_in"))
        _settle(figure)
    return Drawn(spec, figure, style, font)


def _settle(figure: Any) -> None:
    """Leave a figure as it is now; each format would lay it out anew, twice."""
    figure.set_layout_engine("none")
    for text in figure.findobj(require("matplotlib.text", extra=EXTRA, why="drawing figures").Text):
        if hasattr(text, "set_fontfeatures"):  # since matplotlib 3.11
            text.set_fontfeatures(("-liga",))  # else each PDF has the font twice


def _theme(style: Style, venue: Venue) -> Theme:
    return replace(
        PRINT if style == "print" else DARK, title_size=venue.title_size or venue.text_size + 0.5,
        text_size=venue.text_size, tick_size=venue.tick_size, line_width=venue.line_width,
        marker_size=3.0 if venue.line_width < 1.5 else 4.0,
    )  # fmt: skip


def _height(spec: FigureSpec, width: float) -> float:
    """Return a height at which panels have pleasant shapes, in inches."""
    rows, columns = spec.grid
    panel = max(width / columns / RATIO + 0.45, 1.7)
    parts = sum(spec.heights) / max(spec.heights) if spec.heights else rows
    total = panel * parts
    named = [len(each.categories) for each in spec.panels if each.horizontal]
    if named:
        each = 0.31 if any(panel.beneath for panel in spec.panels) else 0.19
        total = max(min(0.9 + each * max(named), 9.0), 1.6) * rows
    return total + (0.25 if spec.title else 0.0)


def _new_figure(width: float, height: float, theme: Theme, title: str) -> Any:
    module = require("matplotlib.figure", extra=EXTRA, why="drawing figures")
    canvas = require("matplotlib.backends.backend_agg", extra=EXTRA, why="drawing figures")
    # Signs have other widths in fewer dots: what fits there may not fit in the file.
    figure = module.Figure((width, height), DPI, layout="constrained", facecolor=theme.background)
    canvas.FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.04, hspace=0.04)
    if title:
        figure.suptitle(
            title, color=theme.text, fontsize=theme.title_size + 1, weight="bold", parse_math=False
        )
    return figure


def _metadata(spec: FigureSpec, kind: str) -> dict[str, Any]:
    """Return what stands inside the file: facts for people, and all of them for ``whence``."""
    origin = spec.provenance
    title, facts = spec.title or spec.name, json.dumps(_embedded(spec))
    # Half of a surrogate pair, which a name may have, is no text that a file can hold.
    title, short = (s.encode("utf-8", "replace").decode() for s in (title, origin.to_short()))
    if kind == "pdf":
        return {
            "Title": title, "Subject": short, "Keywords": facts,
            "Creator": origin.made_with, "CreationDate": None,
        }  # fmt: skip
    if kind == "svg":
        return {
            "Title": title, "Description": short, "Source": facts,
            "Creator": origin.made_with or None, "Date": None,
        }  # fmt: skip
    return {
        "Title": title, "Comment": short, "Epochal": facts,
        "Software": origin.made_with,
    }  # fmt: skip


def _embedded(spec: FigureSpec) -> dict[str, Any]:
    return {
        "figure": spec.name, "caption": spec.caption,
        "points_sha256": spec.to_dict()["points_sha256"],
        "provenance": spec.provenance.to_dict(MAX_EMBEDDED),
    }  # fmt: skip


def _formats(path: str, formats: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return the path without its ending, and the formats to write."""
    base, suffix = os.path.splitext(path)
    kind = suffix[1:].lower()
    if kind in OTHER_FORMATS:
        _known(kind)
    if kind not in FORMATS:
        base, kind = path, ""
    if formats is not None:
        for each in formats:
            _known(each)
        return base, tuple(dict.fromkeys(formats))
    return base, (kind,) if kind else ("pdf", "png")


def _known(kind: str) -> None:
    if kind not in FORMATS:
        message = f"figures are not written as {kind!r}: give 'pdf', 'svg' or 'png'"
        raise EvidenceError(message)


@contextlib.contextmanager
def _settings(font: Sequence[str]) -> Iterator[None]:
    """Draw with matplotlib's own settings, whatever the program has set."""
    matplotlib = require("matplotlib", extra=EXTRA, why="drawing figures")
    ours = set(_OURS.split())
    plain = {
        name: value
        for name, value in dict(matplotlib.rcParamsDefault.copy()).items()
        if name.split(".")[0] in ours
    }
    plain |= {
        "font.family": list(font), "mathtext.fontset": "stix", "pdf.fonttype": 42,
        "svg.fonttype": "path", "svg.hashsalt": "epochal", "text.usetex": False,
    }  # fmt: skip
    with _LOCK, matplotlib.rc_context(plain):
        yield


@cache
def _installed(font: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of some families there are, and one that has most signs."""
    module = require("matplotlib.font_manager", extra=EXTRA, why="drawing figures")
    known = {entry.name for entry in module.fontManager.ttflist}
    found = [family for family in font if family in known]
    more = [family for family in OTHER_SCRIPTS if family in known]
    return tuple(dict.fromkeys([*found[:1], "DejaVu Sans", *more[:1]]))
