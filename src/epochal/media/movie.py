"""Moving pictures as bytes: MP4 through PyAV, GIF through Pillow."""

from __future__ import annotations

import importlib.util
import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from epochal.core.optional import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frames = NDArray[np.uint8]

QUALITY = "16"
"""The constant rate factor of H.264: no difference is seen."""


def best_format() -> str:
    """Return "mp4", or "gif" where there is only a package for that."""
    lacking = importlib.util.find_spec("av") is None
    return "gif" if lacking and importlib.util.find_spec("PIL") is not None else "mp4"


def encode(frames: Frames, fps: float, format: str) -> bytes:
    """Return the bytes of an MP4 or GIF.

    Args:
        frames: (frames, height, width, channels) with 1, 3 or 4 channels; transparency is lost.
        fps: frames per second; a GIF rounds a frame's time to 10 ms.
        format: "mp4" or "gif".

    Raises:
        MissingExtraError: the package for it is not installed.
    """
    return _gif(frames, fps) if format == "gif" else _mp4(frames, fps)


def decode(data: bytes, format: str) -> Frames:
    """Return (frames, height, width, channels) of an MP4 or GIF; colors are the lossy ones.

    Raises:
        MissingExtraError: the package for it is not installed.
    """
    import numpy as np

    if format == "gif":
        pillow = require("PIL.Image", extra="media", why="reading a GIF")
        picture = pillow.open(io.BytesIO(data))
        shown = []
        for number in range(picture.n_frames):
            picture.seek(number)
            shown.append(np.asarray(picture.convert("RGB")))
        return np.stack(shown)
    av = require("av", extra="media", why="reading a video")
    with av.open(io.BytesIO(data)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def _mp4(frames: Frames, fps: float) -> bytes:
    import numpy as np

    av = require("av", extra="media", why="an MP4")
    colors = _rgb(frames)
    _, height, width, _ = colors.shape
    # Colors are stored at half the resolution: sizes are even, the last row or column is repeated.
    colors = np.pad(colors, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1000),
            options={"crf": QUALITY, "preset": "veryfast"},
        )  # fmt: skip
        stream.height, stream.width, stream.pix_fmt = colors.shape[1], colors.shape[2], "yuv420p"
        stream.codec_context.thread_count = 1  # the others are for the training
        for frame in colors:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _gif(frames: Frames, fps: float) -> bytes:
    pillow = require("PIL.Image", extra="media", why="a GIF")
    pictures: list[Any] = [pillow.fromarray(frame) for frame in _rgb(frames)]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:],
        duration=max(10, round(1000 / fps)), loop=0,
    )  # fmt: skip
    return buffer.getvalue()


def _rgb(frames: Frames) -> Frames:
    import numpy as np

    if frames.shape[-1] == 1:
        return np.repeat(frames, 3, axis=-1)
    return np.ascontiguousarray(frames[..., :3])
