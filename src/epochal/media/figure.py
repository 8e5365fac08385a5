"""Figures of matplotlib."""

from __future__ import annotations

from typing import Any

from epochal.core.media import Encoded, Frozen, Media
from epochal.media import arrays, png
from epochal.media.image import size_of


class Figure(Media):
    """A figure of matplotlib.

    It is drawn when it is logged, in the calling thread, as matplotlib allows no other (some tens
    of milliseconds); it is encoded as PNG in another.

    Args:
        figure: a ``matplotlib.figure.Figure``; default: the current one of pyplot.
        caption: shown with it.
        dpi: dots per inch; default: the figure's own.
        close: close it afterwards, so that pyplot does not keep it for ever.

    Example:
        >>> import epochal
        >>> run = epochal.init(mode="off")
        >>> run.log({"curve": epochal.Figure(None)})  # doctest: +SKIP
    """

    type = "figure"

    def __init__(
        self, figure: Any = None, caption: str = "", *, dpi: float | None = None,
        close: bool = False,
    ) -> None:  # fmt: skip
        self.figure, self.caption, self.dpi, self.close = figure, caption, dpi, close

    def freeze(self) -> Frozen:
        """Draw it."""
        figure = _figure(self.figure)
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        before, old_dpi = figure.canvas, figure.dpi
        try:
            if self.dpi is not None:
                figure.dpi = self.dpi
            canvas: Any = FigureCanvasAgg(figure)
            canvas.draw()
            pixels = _copied(canvas)
        finally:
            figure.dpi = old_dpi
            figure.set_canvas(before)
        if self.close:
            from matplotlib import pyplot as plt

            plt.close(figure)
        if (pixels[..., 3] == 255).all():
            pixels = pixels[..., :3]
        about = size_of(pixels)
        return Frozen(
            pixels.nbytes, lambda: True,
            encode=lambda: Encoded("png", png.encode(pixels), about),
            raw=lambda: Encoded("npy", arrays.raw(pixels), about),
        )  # fmt: skip


def _figure(given: Any) -> Any:
    if given is None:
        from matplotlib import pyplot as plt

        return plt.gcf()
    figure = getattr(given, "figure", given)  # also of an Axes
    if not hasattr(figure, "savefig") or not hasattr(figure, "canvas"):
        raise TypeError(f"a {type(given).__name__} is no figure of matplotlib")
    return figure


def _copied(canvas: Any) -> Any:
    import numpy as np

    return np.array(canvas.buffer_rgba())
