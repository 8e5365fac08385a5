"""Audio as WAV."""

from __future__ import annotations

import io
import wave
from typing import Any

from epochal.core.media import Encoded, Frozen, Media
from epochal.media import arrays, file
from epochal.media.arrays import Array

MAX_CHANNELS = 32


class Audio(Media):
    """Sound, kept as WAV of 16 bits.

    Args:
        value: (samples,), (samples, channels) or (channels, samples); floats from -1 to 1 or int16.
            Array, tensor on any device, or the path of a WAV file, which is taken as it is.
        sample_rate: samples per second.
        caption: shown with it.

    Example:
        >>> import epochal, numpy as np, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
        ...     run.log({"voice": epochal.Audio(tone, sample_rate=16_000)}, step=1)
    """

    type = "audio"

    def __init__(self, value: Any, sample_rate: int | None = None, caption: str = "") -> None:
        self.value, self.sample_rate, self.caption = value, sample_rate, caption

    def freeze(self) -> Frozen:
        """Copy the samples, or read the file."""
        if file.is_path(self.value):
            return file.taken(self.value, _format, "WAV", facts)
        rate = self.sample_rate
        if isinstance(rate, bool) or not isinstance(rate, int) or not 0 < rate < 2**32:
            raise ValueError(f"sample_rate={rate!r} is no positive whole number")
        held = arrays.copy(self.value)
        if len(held.shape) not in (1, 2) or 0 in held.shape or _channels(held.shape) > MAX_CHANNELS:
            raise ValueError(
                f"an array of shape {held.shape} is no sound: give (samples,), (samples, channels)"
                f" or (channels, samples) with at most {MAX_CHANNELS} channels"
            )
        return Frozen(held.nbytes, held.ready, lambda: _encoded(held.read(), rate))


def _format(data: bytes) -> str:
    return "wav" if data.startswith(b"RIFF") else ""


def _channels(shape: tuple[int, ...]) -> int:
    return min(shape) if len(shape) == 2 else 1


def _encoded(array: Array, rate: int) -> Encoded:
    import numpy as np

    samples = array[:, None] if array.ndim == 1 else array
    if samples.shape[0] < samples.shape[1]:
        samples = samples.T
    clipped = 0
    if samples.dtype != np.int16:
        inside = (samples >= -1) & (samples <= 1)
        clipped = int(inside.size - np.count_nonzero(inside))
        scaled = np.nan_to_num(np.clip(samples.astype(np.float64), -1, 1), nan=0.0) * 32767
        samples = np.rint(scaled).astype(np.int16)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(samples, "<i2").tobytes())
    about = facts(buffer.getvalue())
    return Encoded("wav", buffer.getvalue(), about | ({"clipped": clipped} if clipped else {}))


def facts(data: bytes) -> dict[str, Any]:
    """Return sample rate, channels and duration of a WAV file.

    Raises:
        ValueError: it is none.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, frames = file.getframerate(), file.getnframes()
            channels = file.getnchannels()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"this is no WAV file: {error}") from error
    return {"sample_rate": rate, "channels": channels, "duration_s": frames / rate}


def decode(data: bytes) -> Array:
    """Return (samples, channels) float32 from -1 to 1 of a WAV file of 8, 16 or 32 bits.

    Raises:
        ValueError: it is none.
    """
    import numpy as np

    facts(data)
    with wave.open(io.BytesIO(data)) as file:
        width, channels = file.getsampwidth(), file.getnchannels()
        body = file.readframes(file.getnframes())
    kinds = {1: ("u1", 128.0, 128.0), 2: ("<i2", 0.0, 32767.0), 4: ("<i4", 0.0, 2147483647.0)}
    if width not in kinds:
        raise ValueError(f"a WAV file of {8 * width} bits cannot be read as an array")
    kind, zero, full = kinds[width]
    samples = (np.frombuffer(body, kind).astype(np.float64) - zero) / full
    return np.clip(samples, -1, 1).astype(np.float32).reshape(-1, channels)
