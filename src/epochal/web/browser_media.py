"""A medium in a form that a browser shows, with the headers that keep it harmless."""

from __future__ import annotations

import importlib.util
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from epochal.core.errors import DamageError, MissingExtraError
from epochal.core.names import slug
from epochal.media import movie, png, stored
from epochal.media.arrays import CHANNELS, Array
from epochal.media.video import MAX_FPS

if TYPE_CHECKING:
    from epochal.read.media import Media

SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline';"
    " style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
"""For pages that were logged: their scripts run, in an origin of their own, without a network."""

STILL = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For whatever should not run anything at all."""

KINDS: Mapping[str, str] = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
    "webp": "image/webp", "svg": "image/svg+xml", "pdf": "application/pdf", "mp4": "video/mp4",
    "webm": "video/webm", "wav": "audio/wav", "json": "application/json",
    "html": "text/html; charset=utf-8",
}  # fmt: skip
"""Format → media type; anything else is only offered for download."""

_ARRAYS = ("image", "figure", "video")


class Shown(NamedTuple):
    """A medium as it is sent: the format, its bytes, and how they are called when saved."""

    format: str
    body: bytes | BinaryIO
    name: str

    @property
    def media_type(self) -> str:
        """What the browser is told that it is."""
        return KINDS.get(self.format, "application/octet-stream")

    @property
    def policy(self) -> str:
        """The content security policy that it is sent with."""
        return SANDBOX if self.format == "html" else STILL

    @property
    def is_shown(self) -> bool:
        """Whether a browser shows it, instead of saving it."""
        return self.format in KINDS


def format_of(item: Media) -> str:
    """Return the format in which a medium is sent; that of frames depends on what is installed.

    Raises:
        MissingExtraError: frames that are kept as they are need a package to be shown.
    """
    if item.format != "npy" or item.type not in _ARRAYS:
        return item.format
    if item.type != "video":
        return "png"
    wanted = movie.best_format()
    package = {"mp4": "av", "gif": "PIL"}[wanted]
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            "a video that was recorded as it is needs the package 'av' or 'pillow' to be shown:"
            " pip install 'epochal[media]'"
        )
    return wanted


def shown(item: Media) -> Shown:
    """Return a medium in a form that a browser shows.

    Pictures and videos that were recorded without encoding are encoded, as PNG, and as MP4 or GIF;
    everything else is sent as it was recorded.

    Raises:
        DamageError: the bytes are missing, or not those that were recorded.
        MissingExtraError: a package for the conversion is not installed.

    Example:
        >>> import epochal, numpy as np, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     run.log({"a b": epochal.Image(np.zeros((2, 3), np.uint8))}, step=1)
        >>> found = shown(epochal.RunView(run.dir).media[0])
        >>> found.format, found.name, found.media_type
        ('png', 'a-b-1.png', 'image/png')
    """
    wanted, body = format_of(item), item.read()
    if wanted != item.format:
        body = _encoded(item, wanted, body)
    return Shown(wanted, body, name_of(item, wanted))


def name_of(item: Media, suffix: str) -> str:
    """Return under which name a medium is saved."""
    step = "" if item.step is None else f"-{item.step:g}"
    number = f"-{item.index[0]}" if item.index else ""
    return f"{slug(item.key, limit=80)}{step}{number}.{slug(suffix)}"


def _encoded(item: Media, wanted: str, body: bytes) -> bytes:
    pixels = _pixels(item, body)
    try:
        if wanted == "png":
            return png.encode(pixels)
        return movie.encode(pixels, _fps(item), wanted)
    except (ValueError, TypeError, ArithmeticError, OSError) as error:
        raise DamageError(f"{item!r} cannot be shown: {error}") from error


def _fps(item: Media) -> float:
    given = item.about.get("fps")
    known = isinstance(given, int | float) and 0 < given <= MAX_FPS
    return float(given) if known and given is not None else 8.0


def _pixels(item: Media, body: bytes) -> Array:
    """Return the raw pixels of a medium; nothing is made that its bytes do not hold.

    Raises:
        DamageError: they are no pixels.
    """
    import numpy as np
    from numpy.lib import format as npy

    file = io.BytesIO(body)
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, TypeError, SyntaxError) as error:
        raise DamageError(f"{item!r} cannot be shown: {error}") from error
    axes = 4 if item.type == "video" else 3
    if dtype != np.uint8 or len(shape) != axes or shape[-1] not in CHANNELS or 0 in shape:
        raise DamageError(f"{item!r} cannot be shown: {dtype} of shape {shape} are no pixels")
    if math.prod(shape) != len(body) - file.tell():
        raise DamageError(f"{item!r} cannot be shown: {shape} does not fit {len(body):,} bytes")
    return stored.decoded(item.type, "npy", body)
