"""Videos: MP4 or GIF from frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from epochal.core.media import Encoded, Frozen, Media
from epochal.media import arrays, file, movie
from epochal.media.arrays import CHANNELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_FPS = 240


class Video(Media):
    """A video, or a batch of videos side by side.

    The frames are copied when they are logged and encoded in another thread: as MP4 (H.264, which
    every browser plays; needs ``av``), as GIF (needs ``pillow``), or as they are ("npy", exact).
    Needs ``pip install 'epochal[media]'``; without it frames are kept as they are.

    Args:
        value: (T, H, W), (T, C, H, W), (T, H, W, C) or (C, T, H, W) with 1, 3 or 4 channels; one
            axis more in front is a batch.  Array, tensor on any device, list of frames, or the path
            of an MP4 or GIF file, which is taken as it is.
        caption: shown with it.
        fps: frames per second.
        format: "mp4", "gif" or "npy"; default: MP4.
        value_range: what is drawn as black and as full, as for :class:`~epochal.Image`.
        layout: the axes, such as "TCHW", where they cannot be seen; T is that of the frames.
        columns: videos in a row of a batch.
        padding: pixels between them.

    Example:
        >>> import epochal, numpy as np, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     frames = np.random.default_rng(0).random((16, 64, 64))
        ...     run.log({"sample": epochal.Video(frames, fps=8, format="npy")}, step=1)
    """

    type = "video"

    def __init__(
        self, value: Any, caption: str = "", *, fps: float = 8,
        format: Literal["mp4", "gif", "npy"] | None = None,
        value_range: tuple[float, float] | None = None, layout: str | None = None,
        columns: int | None = None, padding: int = 2,
    ) -> None:  # fmt: skip
        self.value, self.caption, self.fps, self.format = value, caption, fps, format
        self.value_range, self.layout = value_range, layout
        self.columns, self.padding = columns, padding

    def freeze(self) -> Frozen:
        """Copy the frames, or read the file."""
        if file.is_path(self.value):
            return file.taken(self.value, _format, "MP4 or GIF")
        if not 0 < self.fps <= MAX_FPS:
            raise ValueError(f"fps={self.fps!r} is not above 0 and at most {MAX_FPS}")
        if self.format not in (None, "mp4", "gif", "npy"):
            raise ValueError(f"format={self.format!r} is not 'mp4', 'gif' or 'npy'")
        held = arrays.copy(self.value)
        layout = self.layout or video_layout(held.shape, channels_first=held.channels_first)
        if len(layout) != len(held.shape):
            raise ValueError(f"layout={layout!r} has not the axes of an array of {held.shape}")
        value_range, columns, padding = self.value_range, self.columns, self.padding
        fps, wanted = float(self.fps), self.format

        def frames() -> tuple[NDArray[np.uint8], dict[str, Any]]:
            batch = arrays.arranged(held.read(), layout, "NTHWC")
            found, clipped = arrays.to_pixels(batch, value_range)
            whole = arrays.tiled(found, columns, padding) if len(found) > 1 else found[0]
            count, height, width, channels = whole.shape
            about = {"frames": count, "width": width, "height": height, "channels": channels}
            about |= {"fps": fps, **({"clipped": clipped} if clipped else {})}
            return whole, about

        def encode() -> Encoded:
            whole, about = frames()
            kind = wanted or movie.best_format()
            data = arrays.raw(whole) if kind == "npy" else movie.encode(whole, fps, kind)
            return Encoded(kind, data, about)

        def raw() -> Encoded:
            whole, about = frames()
            return Encoded("npy", arrays.raw(whole), about)

        return Frozen(held.nbytes, held.ready, encode, raw)


def video_layout(shape: tuple[int, ...], *, channels_first: bool) -> str:
    """Return the axes of a video or a batch of videos, as far as its shape says.

    Raises:
        ValueError: it cannot be one, or may be several.

    Example:
        >>> video_layout((16, 3, 64, 64), channels_first=True)
        'TCHW'
    """
    if len(shape) == 3 and 0 not in shape:
        return "THW"
    if len(shape) in (4, 5) and 0 not in shape:
        batch, inner = "N" * (len(shape) - 4), shape[-4:]
        fitting = [
            layout for layout in ("TCHW", "CTHW", "THWC") if inner[layout.index("C")] in CHANNELS
        ]
        if not channels_first and "THWC" in fitting:
            fitting = ["THWC"]
        if len(fitting) == 1 or (fitting and fitting[0] == "TCHW" and inner[0] not in CHANNELS):
            return batch + fitting[0]
        if fitting:
            names = " or ".join(batch + each for each in fitting)
            raise ValueError(f"an array of shape {shape} may be {names}: give layout=")
    raise ValueError(
        f"an array of shape {shape} is no video: give (T, H, W), (T, C, H, W), (T, H, W, C) or"
        " (C, T, H, W) with 1, 3 or 4 channels, a batch of these, or layout="
    )


def _format(data: bytes) -> str:
    return "gif" if data.startswith(b"GIF8") else "mp4" if data[4:8] == b"ftyp" else ""
