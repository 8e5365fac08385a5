"""Media as TensorBoard's values: images, audio, histograms, tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.media import stored
from epochal.sinks.tensorboard import text
from epochal.sinks.tensorboard.events import load, protos


def values(run_dir: str, tag: str, data: Mapping[str, Any]) -> list[Any]:
    """Return the values of a media event; none for types that TensorBoard cannot show.

    Videos become animated GIF among the images, tables become text, and a caption, which
    TensorBoard has no place for, a text of its own.

    Args:
        run_dir: where the media are stored.
        tag: TensorBoard's name of the key.
        data: the event's fields.

    Raises:
        DamageError: the stored bytes are missing or damaged.
        MissingExtraError: they must be converted, and the package for that is not installed.
    """
    number, count = data.get("index") or (1, 1)
    tag = f"{tag}/{number}" if count > 1 else tag
    made = _value(run_dir, tag, data)
    if made is None:
        return []
    caption = data.get("caption") or ""
    return [made, text.value(f"{tag}/caption", caption)] if caption else [made]


def _value(run_dir: str, tag: str, data: Mapping[str, Any]) -> Any:
    match data["type"]:
        case "image" | "figure":
            return _image(tag, data["about"], stored.encoded(run_dir, data, "png", "jpg")[1])
        case "video":
            return _image(tag, data["about"], stored.encoded(run_dir, data, "gif")[1])
        case "audio":
            return _audio(tag, data["about"], stored.encoded(run_dir, data, "wav")[1])
        case "histogram":
            return _histogram(tag, data["inline"])
        case "table":
            found = stored.table(run_dir, data)
            return text.value(tag, text.table(found["columns"], found["data"]))
    return None


def _image(tag: str, about: Mapping[str, Any], encoded: bytes) -> Any:
    image = protos().Summary.Image(
        width=int(about["width"]),
        height=int(about["height"]),
        colorspace=int(about.get("channels", 3)),
        encoded_image_string=encoded,
    )
    return protos().Summary.Value(tag=tag, image=image)


def _audio(tag: str, about: Mapping[str, Any], encoded: bytes) -> Any:
    audio = protos().Summary.Audio(
        sample_rate=float(about["sample_rate"]),
        num_channels=int(about["channels"]),
        length_frames=round(about["duration_s"] * about["sample_rate"]),
        encoded_audio_string=encoded,
        content_type="audio/wav",
    )
    return protos().Summary.Value(tag=tag, audio=audio)


def _histogram(tag: str, inline: Mapping[str, Any]) -> Any:
    counts, edges = inline["counts"], inline["edges"]
    buckets = zip(edges, edges[1:], counts, strict=False)  # left edge, right edge, count
    tensor = protos().TensorProto(
        dtype=protos().types.DT_DOUBLE, double_val=[x for bucket in buckets for x in bucket]
    )
    for size in (len(counts), 3):
        tensor.tensor_shape.dim.add(size=size)
    about = load("plugins.histogram.metadata").create_summary_metadata(
        display_name="", description=""
    )
    return protos().Summary.Value(tag=tag, metadata=about, tensor=tensor)
