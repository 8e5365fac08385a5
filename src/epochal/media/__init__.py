"""Media: images, videos, audio, figures, histograms, tables and pages, written and read back.

The write side (:mod:`epochal.record`), mirrors and the read side share this package; it imports
NumPy and other libraries only when they are used.
"""

from __future__ import annotations

from epochal.media.audio import Audio
from epochal.media.figure import Figure
from epochal.media.histogram import Histogram
from epochal.media.image import Image
from epochal.media.page import Html
from epochal.media.table import Table
from epochal.media.text import Text
from epochal.media.video import Video

__all__ = ["Audio", "Figure", "Histogram", "Html", "Image", "Table", "Text", "Video"]
