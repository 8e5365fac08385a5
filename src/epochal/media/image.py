"""Images: one, or a grid of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from epochal.core.media import Encoded, Frozen, Media
from epochal.media import arrays, file, png
from epochal.media.arrays import CHANNELS, Array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FORMATS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif"}


class Image(Media):
    """An image, or a batch of images as a grid.

    The array is copied when it is logged and encoded as PNG in another thread.

    Args:
        value: (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4 channels; (N, …) becomes a grid.  Array
            of NumPy or JAX, tensor of PyTorch on any device, picture of Pillow, a list of equal
            ones, or the path of a PNG or JPEG file, which is taken as it is.
        caption: shown with it.
        value_range: what is drawn as black and as full: default (0, 1) for floats, (0, 255) for
            integers; ``(-1, 1)`` for many generative models.  What lies outside is clipped, NaN is
            drawn as 0, and both are counted in ``about["clipped"]``.
        layout: the axes, such as "CHW", where it cannot be seen: an axis of 1, 3 or 4 is that of
            the channels; PyTorch's tensors are taken as channels first if both are possible.
        columns: images in a row of a grid; default: about square.
        padding: pixels between them.

    Raises (when it is logged; told, never raised into training):
        ValueError, TypeError: it is no image.

    Example:
        >>> import epochal, numpy as np, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     batch = np.random.default_rng(0).random((16, 28, 28))
        ...     run.log({"samples": epochal.Image(batch, caption="16 of them")}, step=1)
    """

    type = "image"

    def __init__(
        self, value: Any, caption: str = "", *, value_range: tuple[float, float] | None = None,
        layout: str | None = None, columns: int | None = None, padding: int = 2,
    ) -> None:  # fmt: skip
        self.value, self.caption, self.value_range = value, caption, value_range
        self.layout, self.columns, self.padding = layout, columns, padding

    def freeze(self) -> Frozen:
        """Copy the array, or read the file."""
        if file.is_path(self.value):
            return file.taken(self.value, _format, "PNG, JPEG or GIF")
        held = arrays.copy(self.value)
        layout = self.layout or image_layout(held.shape, channels_first=held.channels_first)
        if len(layout) != len(held.shape):
            raise ValueError(f"layout={layout!r} has not the axes of an array of {held.shape}")
        value_range, columns, padding = self.value_range, self.columns, self.padding

        def pixels() -> tuple[NDArray[np.uint8], dict[str, Any]]:
            batch = arrays.arranged(held.read(), layout, "NHWC")
            found, clipped = arrays.to_pixels(batch, value_range)
            whole = arrays.tiled(found, columns, padding) if len(found) > 1 else found[0]
            about = size_of(whole)
            if len(found) > 1:
                about["images"] = len(found)
            if clipped:
                about["clipped"] = clipped
            return whole, about

        def encode() -> Encoded:
            whole, about = pixels()
            return Encoded("png", png.encode(whole), about)

        def raw() -> Encoded:
            whole, about = pixels()
            return Encoded("npy", arrays.raw(whole), about)

        return Frozen(held.nbytes, held.ready, encode, raw)


def size_of(pixels: Array) -> dict[str, Any]:
    """Return the facts about (height, width, channels) pixels."""
    height, width, channels = pixels.shape
    return {"width": width, "height": height, "channels": channels}


def image_layout(shape: tuple[int, ...], *, channels_first: bool) -> str:
    """Return the axes of an image or a batch of images, as far as its shape says.

    Raises:
        ValueError: it cannot be one.

    Example:
        >>> image_layout((16, 3, 28, 28), channels_first=True)
        'NCHW'
    """
    if len(shape) == 2:
        return "HW"
    if len(shape) in (3, 4) and 0 not in shape:
        first, last = shape[-3] in CHANNELS, shape[-1] in CHANNELS
        batch = "N" * (len(shape) - 3)
        if first and (channels_first or not last):
            return f"{batch}CHW"
        if last:
            return f"{batch}HWC"
        if len(shape) == 3:
            return "NHW"  # a batch without channels
    raise ValueError(
        f"an array of shape {shape} is no image: give (H, W), (H, W, C) or (C, H, W) with 1, 3 or 4"
        " channels, a batch of these, or layout="
    )


def _format(data: bytes) -> str:
    return next((name for start, name in _FORMATS.items() if data.startswith(start)), "")
