"""Fonts inside PDF files: the outlines of the signs that are used, and nothing else of a font."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from epochal.core.optional import require

LAYOUT = ("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "MATH", "kern")
"""Tables by which programs choose and place signs; in a PDF each sign has its place already."""


@contextlib.contextmanager
def outlines_only() -> Iterator[None]:
    """Let matplotlib embed fonts without their layout tables.

    Reducing these tables to the signs that are used, which nobody ever reads, takes a third of the
    time of a PDF.  Matplotlib hands on no such option, so the default of fontTools is changed for
    as long as a figure is saved; a fontTools without that default is left alone.
    """
    options = require("fontTools.subset", extra="paper", why="drawing figures").Options
    name = "_drop_tables_default"
    before = getattr(options, name, None)
    if not isinstance(before, list):
        yield
        return
    setattr(options, name, [*before, *LAYOUT])
    try:
        yield
    finally:
        setattr(options, name, before)
