"""PNG, with zlib and NumPy only: lossless, small, and the interpreter lock is free meanwhile.

Source: Portable Network Graphics, W3C Recommendation (third edition).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from epochal.core.errors import DamageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEVEL = 4
"""Twice as fast as zlib's own choice, a few per cent larger."""

_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
_UP = 2


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG file.

    Args:
        pixels: (height, width, channels) with 1, 3 or 4 channels.

    Example:
        >>> import numpy as np
        >>> picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        >>> bool((decode(encode(picture)) == picture).all())
        True
    """
    import numpy as np

    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    lines = np.empty((height, 1 + width * channels), np.uint8)
    lines[:, 0] = _UP  # each row as its difference from the one above
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    body = zlib.compress(lines.data, LEVEL)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def decode(data: bytes) -> NDArray[np.uint8] | None:
    """Return (height, width, channels) of a file that :func:`encode` made; None: of another.

    Raises:
        DamageError: a checksum does not match.
    """
    import numpy as np

    kinds, at = {}, len(SIGNATURE)
    if not data.startswith(SIGNATURE):
        return None
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if data[at + 8 + length : at + 12 + length] != struct.pack(">I", zlib.crc32(kind + body)):
            raise DamageError(f"a PNG is damaged at byte {at}: its checksum does not match")
        kinds[kind] = body
        at += 12 + length
    if set(kinds) != {b"IHDR", b"IDAT", b"IEND"}:
        return None
    width, height, depth, color = struct.unpack_from(">IIBB", kinds[b"IHDR"])
    channels = {color: count for count, color in _COLOR_TYPES.items()}.get(color, 0)
    if depth != 8 or not channels:
        return None
    try:
        body = zlib.decompress(kinds[b"IDAT"])
    except zlib.error as error:
        raise DamageError(f"a PNG is damaged: {error}") from error
    lines = np.frombuffer(body, np.uint8).reshape(height, 1 + width * channels)
    if (lines[:, 0] != _UP).any():
        return None
    return np.add.accumulate(lines[:, 1:], axis=0, dtype=np.uint8).reshape(height, width, channels)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
