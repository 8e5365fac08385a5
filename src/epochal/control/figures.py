"""The four-panel figure of a run, drawn when somebody looks at it and kept in memory: no files."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import Literal, NamedTuple

from epochal.control import fragments
from epochal.core.names import slug
from epochal.core.optional import require
from epochal.present.drawing import Drawn
from epochal.present.figures.training_progress import training_progress
from epochal.present.venues import SCREEN
from epochal.read.view import RunView

KEPT = 16
DPI = 110
HEIGHT_IN = 7.0

Style = Literal["print", "dark"]

FILES: dict[str, tuple[Style, str, str]] = {
    "light.png": ("print", "png", "image/png"), "dark.png": ("dark", "png", "image/png"),
    "figure.png": ("print", "png", "image/png"), "figure.pdf": ("print", "pdf", "application/pdf"),
    "figure.svg": ("print", "svg", "image/svg+xml"), "points.csv": ("print", "csv", "text/csv"),
}  # fmt: skip
"""What can be had of a figure: name → style, format, type of media."""


class Picture(NamedTuple):
    """A file of a figure: its bytes, what they are, and the name to save it by ("": to show)."""

    body: bytes
    media_type: str
    name: str


class Figures:
    """The figures that were asked for last.  Threads may share it."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, RunView] = OrderedDict()
        self._pictures: dict[tuple[str, str], Picture] = {}
        self._lock = threading.Lock()

    def add(self, run_dir: str) -> str:
        """Take a run as it is now; return the figure on the page.

        Raises:
            EvidenceError, DamageError: it cannot be drawn.
            MissingExtraError: matplotlib is not installed.
        """
        require("matplotlib", extra="control", why="the figure")
        view, token = RunView(run_dir), secrets.token_urlsafe(16)
        with self._lock:
            drawn = training_progress(view, venue=SCREEN, height_in=HEIGHT_IN)
            # The picture that most look at, so that what is wrong with it is said in its place.
            self._pictures[token, "light.png"] = _picture(view, drawn, "light.png")
            self._views[token] = view
            while len(self._views) > KEPT:
                old, _ = self._views.popitem(last=False)
                for file in FILES:
                    self._pictures.pop((old, file), None)
        caption = drawn.caption
        at = f"/panel/figure/{token}"
        downloads = ", ".join(
            fragments.link(f"{at}/{file}", words, file=f"{slug(view.name)}.{FILES[file][1]}")
            for file, words in (
                ("figure.pdf", "PDF"), ("figure.svg", "SVG"), ("figure.png", "PNG"),
                ("points.csv", "the points as CSV"),
            )
        )  # fmt: skip
        return (
            '<figure class="ep-figure"><picture>'
            f'<source media="(prefers-color-scheme: dark)" srcset="{at}/dark.png">'
            f'<img src="{at}/light.png" alt="{fragments.text(caption)}"></picture>'
            f"<figcaption>{fragments.text(caption)} Save it: {downloads}</figcaption></figure>"
        )

    def picture(self, token: str, file: str) -> Picture | None:
        """Return a file of a figure, drawn at the first time; None: there is none.

        Raises:
            EvidenceError, DamageError: it cannot be drawn.
        """
        with self._lock:
            view = self._views.get(token)
            if view is None or file not in FILES:
                return None
            made = self._pictures.get((token, file))
            if made is None:
                made = self._pictures[token, file] = _drawn(view, file)
            return made


def _drawn(view: RunView, file: str) -> Picture:
    style = FILES[file][0]
    drawn = training_progress(view, venue=SCREEN, height_in=HEIGHT_IN, style=style)
    return _picture(view, drawn, file)


def _picture(view: RunView, drawn: Drawn, file: str) -> Picture:
    _, kind, media_type = FILES[file]
    if kind == "csv":
        return Picture(drawn.spec.to_csv().encode(), media_type, f"{slug(view.name)}.csv")
    shown = file in ("light.png", "dark.png")
    body = drawn.to_bytes(kind, DPI) if shown else drawn.to_bytes(kind)
    return Picture(body, media_type, "" if shown else f"{slug(view.name)}.{kind}")
