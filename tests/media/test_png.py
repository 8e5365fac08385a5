"""PNG: what is written is what anybody reads."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from epochal.core.errors import DamageError
from epochal.media import png

PIXELS = st.tuples(
    st.integers(1, 12), st.integers(1, 12), st.sampled_from((1, 3, 4))
).flatmap(lambda shape: arrays.arrays(np.uint8, shape))  # fmt: skip


@given(PIXELS)
def test_round_trip(pixels) -> None:
    """Every picture comes back, bit for bit."""
    assert np.array_equal(png.decode(png.encode(pixels)), pixels)


@given(PIXELS)
@settings(max_examples=30)
def test_others_read_it(pixels) -> None:
    """Pillow sees the same pixels."""
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    seen = np.asarray(pillow.open(io.BytesIO(png.encode(pixels))))
    assert np.array_equal(seen.reshape(pixels.shape), pixels)


@given(st.data())
@settings(max_examples=60)
def test_a_changed_byte_is_seen(data) -> None:
    """No damage to the pixels goes unnoticed."""
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    body = bytearray(png.encode(pixels))
    place = data.draw(st.integers(8, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    try:
        found = png.decode(bytes(body))
    except DamageError:
        return
    assert found is None


def test_a_stranger_s_file_is_left_to_others() -> None:
    """A PNG of another writer, or no PNG at all, is not guessed at."""
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    buffer = io.BytesIO()
    pillow.fromarray(np.eye(9, dtype=np.uint8) * 255).convert("P").save(buffer, "PNG")
    assert png.decode(buffer.getvalue()) is None
    assert png.decode(b"GIF89a") is None
