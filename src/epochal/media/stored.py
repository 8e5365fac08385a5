"""Media read back: the bytes that a record points at, checked, converted, and as arrays."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

from epochal.core.errors import DamageError
from epochal.core.optional import require
from epochal.core.system import open_plain
from epochal.media import audio, movie, png
from epochal.media.arrays import Array


def path(run_dir: str, data: Mapping[str, Any]) -> str:
    """Return the file that a record's bytes are in.

    Raises:
        DamageError: the record names no file inside the run's ``media`` folder.
    """
    name = str(data.get("file", ""))
    parts = name.split("/")
    if parts[0] != "media" or len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
        raise DamageError(f"the record of {data.get('key')!r} names the file {name!r}")
    return os.path.join(run_dir, *parts)


def read(run_dir: str, data: Mapping[str, Any]) -> bytes:
    """Return the bytes of a medium.

    Args:
        run_dir: the run's folder.
        data: the fields of its ``media`` event.

    Raises:
        DamageError: they are missing, or not those that were recorded.
    """
    if not data["bytes"]:
        return b""
    where = path(run_dir, data)
    try:
        with open_plain(where) as file:
            start = int(data.get("offset") or 0)
            file.seek(start)
            found = file.read(there(file, start, int(data["bytes"])))
    except OSError as error:
        raise DamageError(f"cannot read {where}: {error.strerror or error}") from error
    return checked(found, data, where)


def there(file: BinaryIO, start: int, size: int) -> int:
    """Return so many of some bytes as a file has: there is room for no more, whatever is said."""
    return max(0, min(size, os.fstat(file.fileno()).st_size - start))


def checked(found: bytes, data: Mapping[str, Any], where: str) -> bytes:
    """Return bytes that are those of the record.

    Raises:
        DamageError: they are not.
    """
    if hashlib.sha256(found).hexdigest() != data["sha256"]:
        what = f"{data.get('key')!r} of step {data.get('step')}"
        raise DamageError(f"{what} in {where} is damaged: its hash is not the recorded one")
    return found


def array(run_dir: str, data: Mapping[str, Any]) -> Array:
    """Return a medium as an array.

    Returns:
        (height, width, channels) uint8 of an image or figure, (frames, height, width, channels)
        uint8 of a video (MP4 and GIF are lossy), (samples, channels) float32 from -1 to 1 of audio.

    Raises:
        DamageError: the bytes are missing or damaged.
        MissingExtraError: a package for the format is not installed.
        ValueError: it is something else.
    """
    return decoded(str(data["type"]), str(data["format"]), read(run_dir, data))


def decoded(type: str, format: str, body: bytes) -> Array:
    """Return the bytes of a medium as an array, see :func:`array`."""
    import numpy as np

    if type not in ("image", "figure", "video", "audio"):
        raise ValueError(f"a {type} is no array")
    if format == "npy":
        try:
            found: Array = np.load(io.BytesIO(body), allow_pickle=False)
        except (ValueError, EOFError, MemoryError, SyntaxError) as error:
            raise DamageError(f"this {type} is no array: {error}") from error
        return found
    if type == "audio":
        return audio.decode(body)
    if type == "video":
        return movie.decode(body, format)
    own = png.decode(body)
    return own if own is not None else _by_pillow(body)


def encoded(run_dir: str, data: Mapping[str, Any], *formats: str) -> tuple[str, bytes]:
    """Return a medium in one of some formats, converted if need be.

    Args:
        run_dir: the run's folder.
        data: the fields of its ``media`` event.
        *formats: what the caller can use, the best first: png, jpg, gif, mp4 or wav.

    Returns:
        The format and the bytes.

    Raises:
        DamageError: the bytes are missing or damaged.
        MissingExtraError: a package for the conversion is not installed.
    """
    has, body = str(data["format"]), read(run_dir, data)
    if has in formats:
        return has, body
    wanted = formats[0]
    pixels = decoded(str(data["type"]), has, body)
    fps = (data.get("about") or {}).get("fps") or 8
    try:
        if wanted in ("gif", "mp4"):
            return wanted, movie.encode(pixels, float(fps), wanted)
        if wanted == "png":
            return wanted, png.encode(pixels)
    except (ValueError, TypeError, ArithmeticError, OSError) as error:
        what = f"{data.get('key')!r} of step {data.get('step')}"
        raise DamageError(f"{what} cannot be made {wanted}: {error}") from error
    raise ValueError(f"{has} is not converted to {wanted}")


def table(run_dir: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"columns": [...], "data": [[...], ...]}`` of a table.

    Raises:
        DamageError: the bytes are missing or damaged.
    """
    found: dict[str, Any] = json.loads(read(run_dir, data))
    return found


def _by_pillow(body: bytes) -> Array:
    import numpy as np

    pillow = require("PIL.Image", extra="media", why="reading an image that came from a file")
    picture = pillow.open(io.BytesIO(body))
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    found = np.asarray(picture)
    return found[..., None] if found.ndim == 2 else found
