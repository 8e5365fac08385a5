"""Media in event files: what is logged is what TensorBoard's own reader finds."""

import importlib.util
import io
import logging
import sys
import time
import warnings
import wave
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("tensorboard") is None:
    pytest.skip("the package tensorboard is not installed", allow_module_level=True)

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util

import epochal
from epochal.follow.follower import Follower
from epochal.sinks.tensorboard.files import TensorBoardSink
from epochal.sinks.tensorboard.text import MAX_TABLE_ROWS

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run

__all__ = ["new_run"]

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


@pytest.fixture
def mirror(new_run):
    """Logs a mapping at some steps and gives TensorBoard's reader of the mirror."""

    def log(values, steps=(3,), **options):
        run = new_run()
        for step in steps:
            run.log(values, step=step)
        run.finish()
        assert Follower(run.dir, TensorBoardSink(**options)).finish(time.monotonic() + 60)
        folder = str(Path(run.dir, "tensorboard"))
        return event_accumulator.EventAccumulator(folder).Reload()

    return log


def text_of(reader, tag):
    """The last text of a tag."""
    return reader.Tensors(tag)[-1].tensor_proto.string_val[0].decode()


def html_of(text):
    """A text as the tab Text shows it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what TensorBoard loads
        from tensorboard.plugin_util import markdown_to_safe_html
    return markdown_to_safe_html(text)


def pixels(encoded):
    """Decodes an image, all frames of it: (frames, height, width, channels)."""
    from PIL import Image, ImageSequence

    with Image.open(io.BytesIO(encoded)) as image:
        return np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(image)])


def test_image(mirror):
    """An image is there bit by bit, with its size and, as a text, its caption."""
    reader = mirror({"samples/a": epochal.Image(PICTURE, caption="a *caption*")}, steps=(3, 5))
    found = reader.Images("samples/a")
    assert [each.step for each in found] == [3, 5]
    assert (found[0].width, found[0].height) == (8, 6)
    assert np.array_equal(pixels(found[0].encoded_image_string)[0], PICTURE)
    assert text_of(reader, "samples/a/caption") == "a *caption*"


def test_list_of_images(mirror):
    """Images that were logged as a list are numbered from 1."""
    reader = mirror({"grid": [epochal.Image(PICTURE), epochal.Image(255 - PICTURE)]})
    (second,) = reader.Images("grid/2")
    assert np.array_equal(pixels(second.encoded_image_string)[0], 255 - PICTURE)
    assert sorted(reader.Tags()["images"]) == ["grid/1", "grid/2"]


def test_names_are_mapped(mirror):
    """Media have the names that the map gives them."""
    reader = mirror({"grid": [epochal.Image(PICTURE)] * 2}, names={"grid": "12_Samples/Grid"})
    assert sorted(reader.Tags()["images"]) == ["12_Samples/Grid/1", "12_Samples/Grid/2"]


def test_video(mirror):
    """A video is an animated GIF of all its frames."""
    frames = np.zeros((5, 16, 24, 3), np.uint8)
    frames[np.arange(5), :, np.arange(5) * 4] = 255
    (found,) = mirror({"clip": epochal.Video(frames, fps=5)}).Images("clip")
    assert found.encoded_image_string.startswith(b"GIF8")
    assert pixels(found.encoded_image_string).shape == (5, 16, 24, 3)
    assert (found.width, found.height) == (24, 16)


def test_audio(mirror):
    """Audio is a WAV file with the same samples."""
    tone = (0.5 * np.sin(np.arange(800) / 10)).astype(np.float32)
    (found,) = mirror({"tone": epochal.Audio(tone, sample_rate=8000)}).Audio("tone")
    assert (found.content_type, found.sample_rate, found.length_frames) == ("audio/wav", 8000, 800)
    with wave.open(io.BytesIO(found.encoded_audio_string)) as file:
        played = np.frombuffer(file.readframes(800), np.int16) / 32768
    assert np.abs(played - tone).max() < 1e-3


def test_histogram(mirror):
    """A histogram has a bucket for each bin, in the form of TensorBoard's plugin."""
    values = np.random.default_rng(0).normal(size=1000)
    reader = mirror({"weights": epochal.Histogram(values)})
    (found,) = reader.Tensors("weights")
    buckets = tensor_util.make_ndarray(found.tensor_proto)
    counts, edges = np.histogram(values, np.append(buckets[:, 0], buckets[-1, 1]))
    assert np.array_equal(buckets[:, 2], counts)
    assert buckets[:, 2].sum() == 1000
    assert np.array_equal(buckets[1:, 0], buckets[:-1, 1])
    assert (edges[0], edges[-1]) == (values.min(), values.max())
    assert reader.SummaryMetadata("weights").plugin_data.plugin_name == "histograms"


def test_histogram_of_nothing(mirror):
    """A histogram without finite values is no error."""
    reader = mirror({"weights": epochal.Histogram(np.full(4, np.nan))})
    (found,) = reader.Tensors("weights")
    assert tensor_util.make_ndarray(found.tensor_proto)[:, 2].sum() == 0


def test_figure(mirror):
    """A figure is an image."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([1, 2])
    (found,) = mirror({"curve": epochal.Figure(figure)}).Images("curve")
    plt.close(figure)
    assert pixels(found.encoded_image_string).shape[1:] == (found.height, found.width, 3)


def test_table(mirror):
    """A table is a table in TensorBoard's HTML, and no cell breaks out of it."""
    cells = [["a|b", 1.5], ["<i>*c*\nd", None], ["\\|", "`e`"]]
    reader = mirror({"words": epochal.Table(["wo_rd_", "count"], cells)})
    html = html_of(text_of(reader, "words"))
    assert html.count("<tr>") == 4
    assert html.count("<td>") == 6
    assert "<td>a|b</td>" in html
    assert "<td>&lt;i&gt;*c*<br>d</td>" in html
    assert "<td>`e`</td>" in html
    assert "<th>wo_rd_</th>" in html


def test_long_table(mirror):
    """Of a long table the first rows are shown, and how many more there are."""
    reader = mirror({"long": epochal.Table(["n"], [[i] for i in range(MAX_TABLE_ROWS + 7)])})
    lines = text_of(reader, "long").splitlines()
    assert lines[-3] == f"| {MAX_TABLE_ROWS - 1} |"
    assert lines[-1] == "7 more rows are in the run."


def test_generated_text(mirror):
    """A generated text stands below its settings."""
    text = epochal.Text("To be", prompt="To", temperature=0.5)
    assert text_of(mirror({"sample": text}), "sample").endswith("**temperature** 0.5\n\nTo be")


def test_page_is_left_out(mirror):
    """A page of HTML has no place in TensorBoard, and what was logged with it is there."""
    reader = mirror({"page": epochal.Html("<b>hi</b>"), "loss": 0.5})
    assert [point.value for point in reader.Scalars("loss")] == [0.5]
    assert "page" not in {tag for tags in reader.Tags().values() if tags for tag in tags}


def test_damaged_image(new_run, caplog):
    """A medium whose bytes were changed is left out and told; all others are there."""
    run = new_run()
    for step in range(3):
        run.log({"picture": epochal.Image(PICTURE + step)}, step=step)
    run.finish()
    first = min(path for path in Path(run.dir, "media").rglob("*") if path.is_file())
    first.write_bytes(b"x" + first.read_bytes()[1:])
    with caplog.at_level(logging.WARNING, "epochal"):
        assert Follower(run.dir, TensorBoardSink()).finish(time.monotonic() + 60)
    folder = str(Path(run.dir, "tensorboard"))
    found = event_accumulator.EventAccumulator(folder).Reload().Images("picture")
    assert [each.step for each in found] == [1, 2]
    assert "not in the TensorBoard files" in caplog.text


def test_tensorboard_itself_shows_them(mirror):
    """The reader behind TensorBoard's pages knows which tab each medium belongs to."""
    tone = np.zeros(80, np.float32)
    reader = mirror(
        {
            "image": epochal.Image(PICTURE),
            "tone": epochal.Audio(tone, sample_rate=8000),
            "weights": epochal.Histogram(np.arange(5.0)),
            "words": epochal.Table(["n"], [[1]]),
            "loss": 0.5,
        }
    )
    found = plugin_event_accumulator.EventAccumulator(reader.path).Reload()
    tabs = {"images": "image", "audio": "tone", "histograms": "weights", "text": "words"}
    for plugin, tag in {**tabs, "scalars": "loss"}.items():
        assert list(found.PluginTagToContent(plugin)) == [tag]
