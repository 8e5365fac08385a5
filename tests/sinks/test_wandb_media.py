"""Media, texts, artifacts and code in W&B's offline folder: what is logged is what is there."""

import base64
import hashlib
import json
import logging
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run
from wandb_files import offline_run, wandb_home

import epochal
from epochal.follow.follower import Follower
from epochal.sinks.wandb.runs import WandbSink
from epochal.sinks.wandb.texts import Texts

__all__ = ["new_run", "wandb_home"]

pytestmark = pytest.mark.usefixtures("wandb_home")

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def mirrored(run, **options):
    """Ends a run and gives what the sink has made of it."""
    run.finish()
    assert Follower(run.dir, WandbSink(mode="offline", **options)).finish(time.monotonic() + 60)
    return offline_run(Path(run.dir))


def pixels(path):
    """The pixels of a file."""
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    with image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def test_everything_that_can_be_seen_and_heard(new_run):
    """Images, lists, video, audio, histograms, tables and pages are there with their captions."""
    pytest.importorskip("PIL", reason="pillow is not installed")
    run = new_run()
    frames = np.zeros((4, 16, 16, 3), np.uint8)
    long_key = "x" * 400
    run.log(
        {
            "image": epochal.Image(PICTURE, caption="one"),
            "val/grid": [epochal.Image(PICTURE, caption="a"), epochal.Image(255 - PICTURE)],
            "video": epochal.Video(frames, fps=4, format="gif"),
            "audio": epochal.Audio(np.zeros(80, np.float32), sample_rate=8000),
            "weights": epochal.Histogram(np.arange(2000.0), bins=1000),
            "table": epochal.Table(["a", "b"], [[1, "x"], [None, "y"]]),
            "page": epochal.Html("<p>ü</p>"),
            "../up/é": epochal.Image(PICTURE),
            long_key: epochal.Html("long"),
            "loss": 0.5,
        },
        step=7, epoch=2,
    )  # fmt: skip
    found = mirrored(run)
    assert set(found.column("step")) == {7}
    assert set(found.column("epoch")) == {2}
    (image,) = found.column("image")
    assert (image["caption"], image["width"], image["height"]) == ("one", 8, 6)
    assert np.array_equal(pixels(found.path(image)), PICTURE)
    (grid,) = found.column("val/grid")
    paths = [found.folder / "files" / name for name in grid["filenames"]]
    assert grid["captions"] == ["a", None] or grid["captions"] == ["a", ""]
    assert np.array_equal([pixels(path) for path in paths], [PICTURE, 255 - PICTURE])
    (video,), (audio,) = found.column("video"), found.column("audio")
    assert found.path(video).read_bytes().startswith(b"GIF8")
    with wave.open(str(found.path(audio))) as file:
        assert (file.getframerate(), file.getnframes()) == (8000, 80)
    (weights,) = found.column("weights")
    assert (len(weights["values"]), sum(weights["values"])) == (500, 2000)
    assert (weights["bins"][0], weights["bins"][-1]) == (0, 1999)
    (table,), (page,) = found.column("table"), found.column("page")
    cells = json.loads(found.path(table).read_text())
    assert (cells["columns"], cells["data"]) == (["a", "b"], [[1, "x"], [None, "y"]])
    assert found.path(page).read_text(encoding="utf-8") == "<p>ü</p>"
    (outside,) = found.column("../up/é")
    assert found.path(outside).resolve().is_relative_to(found.folder.resolve())
    assert {*found.files} >= {image["path"], table["path"], page["path"], *grid["filenames"]}
    assert sum(len(row) for row in found.history if any(k.startswith("xxx") for k in row)) == 6
    assert found.column("loss") == [0.5]


def test_a_damaged_image_costs_nothing_else(new_run, caplog):
    """A medium whose bytes were changed is left out and told once; everything else is there."""
    run = new_run()
    for step in range(3):
        run.log({"page": epochal.Html(f"page {step}"), "loss": step}, step=step)
    run.finish()
    first = min(path for path in Path(run.dir, "media").rglob("*") if path.is_file())
    first.write_bytes(b"x" + first.read_bytes()[1:])
    with caplog.at_level(logging.WARNING, "epochal"):
        found = mirrored(run)
    assert [found.path(page).read_text() for page in found.column("page")] == ["page 1", "page 2"]
    assert found.column("loss") == [0, 1, 2]
    assert [r.getMessage() for r in caplog.records if "damaged" in r.getMessage()]


def test_texts_are_a_table(new_run):
    """Generated texts stand in one table by key with their settings, also very long ones."""
    run = new_run()
    long = "lang " * 200_000
    for step in range(20):
        text = epochal.Text(f"text {step}", prompt="Once", temperature=step / 10)
        run.log({"story": text}, step=step)
    run.log({"story": epochal.Text(long, top_p=0.9), "note": "plain"}, step=20)
    found = mirrored(run)
    tables = found.column("story")
    last = json.loads(found.path(tables[-1]).read_text())
    assert last["columns"] == ["step", "text", "prompt", "temperature", "top_p"]
    assert last["data"][:2] == [[0, "text 0", "Once", 0.0, None], [1, "text 1", "Once", 0.1, None]]
    assert last["data"][20] == [20, long, None, None, 0.9]
    assert len(tables) < 20
    (note,) = found.column("note")
    assert json.loads(found.path(note).read_text())["data"] == [[20, "plain"]]


def test_tables_grow_without_bound_in_number_not_in_size():
    """Of many texts only few tables are logged, each has the last ones, none is forgotten."""
    texts, logged, waiting = Texts(), 0, 0
    for step in range(5000):
        waiting += 1
        if texts.add(1, "key", {"text": str(step), "step": step}):
            logged, waiting = logged + 1, 0
        assert waiting < 100
    assert logged < 120
    assert list(texts.rest(1)) == ([("key", 4999)] if waiting else [])
    assert list(texts.rest(1)) == []


def test_artifacts(new_run, tmp_path, caplog):
    """A file and a folder are there where they lie, with their hashes; a changed file is not."""
    run = new_run()
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.bin").write_bytes(b"abc")
    (folder / "b.bin").write_bytes(b"de")
    changed = tmp_path / "changed.pt"
    changed.write_bytes(b"before")
    run.log_artifact(folder, name="best model", type="checkpoint")
    run.log_artifact(changed, type="checkpoint")
    run.finish()
    changed.write_bytes(b"after!")
    with caplog.at_level(logging.WARNING, "epochal"):
        found = mirrored(run)
    (artifact,) = found.artifacts
    assert (artifact.name, artifact.type) == ("best-model", "checkpoint")
    contents = {entry.path: entry for entry in artifact.manifest.contents}
    assert {path: Path(entry.local_path).read_bytes() for path, entry in contents.items()} == {
        "sub/a.bin": b"abc", "b.bin": b"de"
    }  # fmt: skip
    assert contents["b.bin"].local_path == str(folder / "b.bin")
    digest = hashlib.md5(b"de", usedforsecurity=False).digest()
    assert contents["b.bin"].digest == base64.b64encode(digest).decode()
    assert [r.getMessage() for r in caplog.records if "changed.pt" in r.getMessage()]


def test_code_and_tensorboard_go_with_the_run(new_run, tmp_path):
    """Code is an artifact, event files are among the run's files; media can be left out."""
    run = new_run()
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text("print(1)\n")
    (code / "data.bin").write_bytes(b"0")
    events = Path(run.dir, "tensorboard", "events.out.tfevents.1.host")
    events.parent.mkdir()
    events.write_bytes(b"events")
    run.log({"a": 1.0, "page": epochal.Html("x")})
    found = mirrored(run, code=str(code), sync_tensorboard=True, save_media=False)
    (row,) = found.history
    assert {*row} == {"_step", "_runtime", "_timestamp", "step", "a"}
    (artifact,) = found.artifacts
    assert artifact.type == "code"
    assert [entry.path for entry in artifact.manifest.contents] == ["train.py"]
    assert f"tensorboard/{events.name}" in found.files
    assert (found.folder / "files" / "tensorboard" / events.name).read_bytes() == b"events"


def test_lists_that_were_never_completed_are_logged():
    """A list of which a part is missing is logged as far as it is there, each session its own."""
    from epochal.sinks.wandb.media import Media

    media = Media("")
    first, second = ({"key": "k", "index": [n, 3]} for n in (1, 2))
    assert list(media.add(1, "k", first)) == []
    assert list(media.add(2, "k", first)) == []
    assert list(media.add(1, "k", second)) == []
    assert list(media.add(1, "k", first)) == [[first, second]]
    assert [list(media.rest(session)) for session in (1, 2, 3)] == [[[first]], [[first]], []]
