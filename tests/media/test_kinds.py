"""What can be logged as media, and what it becomes."""

import io
import json
import math

import numpy as np
import pytest

import epochal
from epochal.core.media import Encoded, Media
from epochal.media import arrays, audio, movie, png, stored
from epochal.media.image import image_layout
from epochal.media.video import video_layout

RNG = np.random.default_rng(0)
GRADIENT = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)


def encoded(media: Media) -> Encoded:
    """Returns what a medium becomes."""
    return media.freeze().encode()


def pixels(media: Media) -> np.ndarray:
    """Returns the pixels of an image."""
    found = png.decode(encoded(media).data)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((48, 64), (48, 64, 1)), ((48, 64, 1), (48, 64, 1)), ((48, 64, 3), (48, 64, 3)),
        ((48, 64, 4), (48, 64, 4)), ((3, 48, 64), (48, 64, 3)), ((1, 48, 64), (48, 64, 1)),
    ],
)  # fmt: skip
def test_shapes_of_images(shape, expected) -> None:
    """Channels may come last or first."""
    assert pixels(epochal.Image(RNG.random(shape))).shape == expected


@pytest.mark.parametrize(
    ("shape", "first", "layout"),
    [
        ((3, 28, 3), True, "CHW"), ((3, 28, 3), False, "HWC"), ((4, 28, 28), False, "CHW"),
        ((16, 28, 28), False, "NHW"), ((16, 28, 28, 3), True, "NHWC"),
        ((16, 3, 28, 28), False, "NCHW"),
    ],
)  # fmt: skip
def test_layouts_of_images(shape, first, layout) -> None:
    """Where both are possible, the library's habit decides."""
    assert image_layout(shape, channels_first=first) == layout


@pytest.mark.parametrize(
    ("shape", "first", "layout"),
    [
        ((16, 64, 64), False, "THW"), ((16, 3, 64, 64), True, "TCHW"),
        ((16, 3, 64, 64), False, "TCHW"), ((3, 16, 64, 64), True, "CTHW"),
        ((16, 64, 64, 3), True, "THWC"), ((16, 64, 64, 3), False, "THWC"),
        ((2, 16, 3, 64, 64), True, "NTCHW"), ((2, 3, 16, 64, 64), True, "NCTHW"),
    ],
)  # fmt: skip
def test_layouts_of_videos(shape, first, layout) -> None:
    """Frames, channels, height and width are told apart by their lengths."""
    assert video_layout(shape, channels_first=first) == layout


@pytest.mark.parametrize("shape", [(3, 3, 64, 64), (5,), (2, 2), (16, 5, 64, 64), (0, 3, 4, 4)])
def test_unclear_videos_are_refused(shape) -> None:
    """What may be several layouts, or none, asks for layout=."""
    with pytest.raises(ValueError, match="layout="):
        video_layout(shape, channels_first=True)


def test_values_become_pixels() -> None:
    """0 and 1 are black and white; what lies outside is clipped and counted."""
    values = np.array([[0.0, 0.5, 1.0], [-0.5, 2.0, math.nan]])
    found = encoded(epochal.Image(values))
    assert png.decode(found.data)[..., 0].tolist() == [[0, 128, 255], [0, 255, 0]]
    assert found.about["clipped"] == 3


def test_value_range() -> None:
    """Values from -1 to 1 fill the range when it is given."""
    found = pixels(epochal.Image(np.array([[-1.0, 0.0, 1.0]]), value_range=(-1, 1)))
    assert found[..., 0].tolist() == [[0, 128, 255]]


def test_integers() -> None:
    """Integers are pixels as they are, or refused with the remedy."""
    assert pixels(epochal.Image(np.array([[0, 255]])))[..., 0].tolist() == [[0, 255]]
    assert pixels(epochal.Image(np.array([[False, True]])))[..., 0].tolist() == [[0, 255]]
    with pytest.raises(ValueError, match="value_range"):
        encoded(epochal.Image(np.array([[0, 256]])))


def test_a_batch_becomes_a_grid() -> None:
    """Images stand row by row, apart from each other."""
    batch = np.stack([np.full((2, 3, 3), 50 * (i + 1), np.uint8) for i in range(5)])
    found = encoded(epochal.Image(batch, columns=3, padding=1))
    whole = png.decode(found.data)
    assert whole.shape == (5, 11, 3)
    assert whole[0, ::4, 0].tolist() == [50, 100, 150]
    assert whole[3, ::4, 0].tolist() == [200, 250, 0]
    assert found.about["images"] == 5


def test_lists_and_pictures_of_pillow() -> None:
    """A list of equal pictures is a batch; palettes become colors."""
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    picture = pillow.new("RGB", (4, 2), (10, 20, 30))
    assert pixels(epochal.Image([picture, picture], padding=0)).shape == (2, 8, 3)
    assert pixels(epochal.Image(picture.convert("P"))).shape == (2, 4, 3)


def test_files_are_taken_as_they_are(tmp_path) -> None:
    """A PNG, JPEG, MP4, GIF or WAV file keeps its bytes; another is refused by name."""
    body = png.encode(np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "a.png").write_bytes(body)
    assert encoded(epochal.Image(tmp_path / "a.png"))[:2] == ("png", body)
    (tmp_path / "b.txt").write_text("no picture")
    for kind in (epochal.Image, epochal.Video, epochal.Audio):
        with pytest.raises(ValueError, match=r"this is no WAV file|is no "):
            kind(tmp_path / "b.txt").freeze()


@pytest.mark.parametrize("format", ["mp4", "gif"])
def test_videos(format) -> None:
    """Frames come back in number and size, and look the same."""
    pytest.importorskip("av" if format == "mp4" else "PIL", reason="no package for it")
    frames = np.stack([np.roll(GRADIENT, 4 * i, axis=1) for i in range(10)])
    found = encoded(epochal.Video(frames, fps=5, format=format))
    seen = movie.decode(found.data, format)
    assert found.about == {"frames": 10, "width": 64, "height": 48, "channels": 1, "fps": 5.0}
    assert seen.shape == (10, 48, 64, 3)
    assert np.abs(seen[..., 0].astype(float) - frames * 255).mean() < 4


def test_odd_sizes_and_colors_of_videos() -> None:
    """H.264 wants even sizes: the last row and column are repeated."""
    pytest.importorskip("av", reason="av is not installed")
    found = encoded(epochal.Video(RNG.random((3, 7, 9, 4)), format="mp4"))
    assert movie.decode(found.data, "mp4").shape == (3, 8, 10, 3)


def test_exact_videos() -> None:
    """``npy`` keeps every pixel."""
    frames = RNG.integers(0, 256, (4, 8, 8, 3), np.uint8)
    found = encoded(epochal.Video(frames, format="npy"))
    assert np.array_equal(stored.decoded("video", "npy", found.data), frames)


@pytest.mark.parametrize("shape", [(1000,), (1000, 2), (2, 1000)])
def test_audio(shape) -> None:
    """Sound comes back within the step of 16 bits, samples first."""
    sound = RNG.uniform(-1, 1, shape)
    found = encoded(epochal.Audio(sound, sample_rate=8000))
    expected = sound.reshape(-1, 1) if sound.ndim == 1 else sound if shape[0] > 2 else sound.T
    assert np.abs(audio.decode(found.data) - expected).max() < 1 / 32767
    assert found.about == {"sample_rate": 8000, "channels": expected.shape[1], "duration_s": 0.125}


def test_loud_audio_is_counted() -> None:
    """Samples outside -1 to 1 are clipped and counted."""
    assert encoded(epochal.Audio(np.array([0.0, 1.5, math.nan]), 8000)).about["clipped"] == 2


def test_histograms_count_exactly() -> None:
    """All finite values are in a bin; NaN and infinities are counted apart."""
    values = RNG.normal(size=10_000).astype(np.float32)
    values[:3] = [math.nan, math.inf, -math.inf]
    found = encoded(epochal.Histogram(values, bins=32))
    counts, edges = found.inline["counts"], found.inline["edges"]
    assert sum(counts) == found.about["count"] == 9_997
    assert (found.about["nan"], found.about["inf"]) == (1, 2)
    assert counts == np.histogram(values[3:], 32)[0].tolist()
    assert edges[0] == found.about["min"]
    assert edges[-1] == found.about["max"]
    assert found.about["mean"] == pytest.approx(values[3:].astype(float).mean(), rel=1e-12)


@pytest.mark.parametrize(
    "values", [[], [math.nan], [2.5, 2.5], [1e300, -1e300], [5e-324, 0.0], [1.0, 1.0 + 2**-52]]
)
def test_odd_histograms(values) -> None:
    """Nothing, a single value, and values at the end of floats have a histogram too."""
    found = encoded(epochal.Histogram(np.array(values, float)))
    assert sum(found.inline["counts"]) == np.isfinite(np.array(values, float)).sum()
    json.dumps(found.inline, allow_nan=False)


def test_histograms_of_lists() -> None:
    """A list of numbers is an array too."""
    assert encoded(epochal.Histogram([1.0, 2, 3], bins=2)).inline["counts"] == [1, 2]


def test_ready_histograms() -> None:
    """What was binned before is kept, and checked."""
    found = encoded(epochal.Histogram(counts=[1, 2], edges=[0, 1, 2]))
    assert found.inline == {"counts": [1, 2], "edges": [0.0, 1.0, 2.0]}
    for wrong in ({"counts": [1, 2], "edges": [0, 1]}, {"counts": [1], "edges": [1, 0]}, {}):
        with pytest.raises(ValueError, match="edges"):
            epochal.Histogram(**wrong).freeze()


def test_tables() -> None:
    """Cells keep numbers, text, truth and nothing; the rest becomes text."""
    rows = [[1, "a", True, None, np.float32(0.5), math.nan, {"x": 1}]]
    found = json.loads(encoded(epochal.Table([*"abcdefg"], rows)).data)
    assert found["data"] == [[1, "a", True, None, 0.5, "NaN", "{'x': 1}"]]
    with pytest.raises(ValueError, match="row 0 of the table has 1 cells for 2 columns"):
        epochal.Table(["a", "b"], [[1]]).freeze()


def test_dataframes() -> None:
    """DataFrames of pandas and Polars are tables."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for frame in (pandas.DataFrame({"a": [1, 2]}), polars.DataFrame({"a": [1, 2]})):
        found = json.loads(encoded(epochal.Table(dataframe=frame)).data)
        assert found == {"columns": ["a"], "data": [[1], [2]]}
    with pytest.raises(TypeError, match="no DataFrame"):
        epochal.Table(dataframe=3).freeze()


def test_figures() -> None:
    """A figure is drawn as it is now; nothing of it is changed."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=100)
    axes = figure.subplots()
    axes.plot([1, 2])
    canvas = figure.canvas
    frozen = epochal.Figure(axes, dpi=50).freeze()
    axes.clear()
    found = png.decode(frozen.encode().data)
    assert found.shape == (50, 100, 3)
    assert found.min() < 100
    assert (figure.dpi, figure.canvas) == (100, canvas)
    with pytest.raises(TypeError, match="no figure"):
        epochal.Figure(3).freeze()


@pytest.mark.torch
def test_tensors() -> None:
    """Tensors of any precision are pictures, channels first; the original is let go of."""
    import torch

    for kind in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        tensor = torch.zeros((3, 4, 5), dtype=kind, requires_grad=True)
        frozen = epochal.Image(tensor).freeze()
        with torch.no_grad():
            tensor.fill_(1)
        assert png.decode(frozen.encode().data).shape == (4, 5, 3)
        assert png.decode(frozen.encode().data).max() == 0
    assert pixels(epochal.Image([torch.zeros(3, 4, 5)] * 2)).shape == (4, 12, 3)


@pytest.mark.parametrize("value", [3, "text", None, ["a", "b"], object(), {"a": 1}])
def test_no_arrays(value) -> None:
    """What is no array is refused by its type."""
    with pytest.raises((TypeError, OSError), match=r"is no array|No such file|no numbers"):
        epochal.Image(value).freeze()


def test_the_caller_s_array_may_change() -> None:
    """Frozen means frozen."""
    array = np.zeros((4, 4), np.float32)
    frozen = epochal.Image(array).freeze()
    array[:] = 1
    assert png.decode(frozen.encode().data).max() == 0


def test_raw_form() -> None:
    """Uncompressed, a picture is the same picture."""
    batch = RNG.random((4, 8, 8, 3))
    frozen = epochal.Image(batch).freeze()
    raw, body = frozen.raw().data, frozen.encode().data
    assert np.array_equal(np.load(io.BytesIO(raw)), png.decode(body))


def test_arranging_axes() -> None:
    """Axes are moved by their letters."""
    array = np.zeros((2, 3, 4, 5, 6))
    assert arrays.arranged(array, "NCTHW", "NTHWC").shape == (2, 4, 5, 6, 3)
