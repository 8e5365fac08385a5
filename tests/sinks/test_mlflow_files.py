"""Files that the sink `mlflow` uploads: read back byte for byte, from a folder and a server."""

import hashlib
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mlflow_stores import Store, copied

from epochal.core.records import RunInfo
from epochal.media import png
from epochal.sinks.mlflow.runs import MlflowSink
from epochal.testing import event, rows

pytestmark = [
    pytest.mark.usefixtures("mlflow_settings"),
    pytest.mark.filterwarnings("ignore"),  # of MLflow and what it imports
]

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


class Mirror:
    """A run's folder and its mirror."""

    def __init__(self, uri, folder):
        self.store, self.folder = Store(uri), folder
        self.run_id = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        self.run = RunInfo(self.run_id, "n", "files", "n", str(folder), created_s=1e9)
        self.packed = 0

    def send(self, *records, state=None, **options):
        """Mirror records; returns the state as it is stored."""
        sink = MlflowSink(tracking_uri=self.store.uri, **options)
        sink.open(self.run, state)
        sink.write(records)
        state = json.loads(json.dumps(sink.flush()))
        sink.close()
        return state

    def medium(self, type, format, body, *, key="k", step=3, **data):
        """An event of a medium, its bytes in the run's pack."""
        (self.folder / "media").mkdir(exist_ok=True)
        with (self.folder / "media" / "1.pack").open("ab") as file:
            file.write(body)
        about = {
            "type": type, "format": format, "key": key, "step": step, "caption": "", "about": {},
            "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(),
            "file": "media/1.pack", "offset": self.packed,
        }  # fmt: skip
        self.packed += len(body)
        return event("media", **about | data)

    def files(self, folder):
        """What MLflow has below a folder, by path."""
        return self.store.files(self.run_id, folder)


@pytest.fixture(params=["database", "server"])
def mirror(request, mlflow_template, tmp_path):
    """A mirror into a folder beside a database, and one through a real server."""
    if request.param == "database":
        return Mirror(copied(mlflow_template, tmp_path), tmp_path)
    return Mirror(request.getfixturevalue("mlflow_server"), tmp_path)


@pytest.fixture
def local(mlflow_template, tmp_path):
    """A mirror into a folder beside a database."""
    return Mirror(copied(mlflow_template, tmp_path), tmp_path)


def named(body):
    """The part of the content's hash that stands in a file's name."""
    return hashlib.sha256(body).hexdigest()[:10]


def artifact(path, **data):
    """An event of an artifact as it is on disk now."""
    if path.is_dir():
        files = [
            [str(each.relative_to(path)), each.stat().st_size, digest(each)]
            for each in sorted(path.rglob("*")) if each.is_file()
        ]  # fmt: skip
        about = {"bytes": 0, "sha256": "", "files": files}
    else:
        about = {"bytes": path.stat().st_size, "sha256": digest(path)}
    return event(
        "artifact", **{"name": path.name, "type": "file", "path": str(path)} | about | data
    )


def digest(path):
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_media_are_there_byte_for_byte(mirror):
    """Images, audio, tables, pages and histograms under their keys, with step and caption."""
    picture = png.encode(PICTURE)
    table = b'{"columns": ["a"], "data": [["NaN"]]}'
    counts = {"counts": [1, 2], "edges": [0.0, 0.5, 1.0]}
    about = {"count": 3, "min": 0.1}
    histogram = event(
        "media", type="histogram", format="json", key="grad", step=-1, bytes=0, sha256="",
        inline=counts, about=about, caption="",
    )  # fmt: skip
    mirror.send(
        mirror.medium("image", "png", picture, key="a/損失 x", caption="two cats", epoch=1.0),
        mirror.medium("audio", "wav", b"RIFF", index=[2, 12]),
        mirror.medium("table", "json", table, key="../odd#%20"),
        mirror.medium("html", "html", b"<b>", step=0.5),
        histogram,
    )
    found = mirror.files("media")
    odd = "media/_u002e__u002e__u002f_odd_u0023__u0025_20/step-00000003-"
    expected = {
        f"media/a/損失 x/step-00000003-{named(picture)}.png": picture,
        f"media/k/step-00000003-02-{named(b'RIFF')}.wav": b"RIFF",
        f"{odd}{named(table)}.json": table,
        f"media/k/step-0.5-{named(b'<b>')}.html": b"<b>",
    }
    assert expected.items() <= found.items()
    described = {path: json.loads(body) for path, body in found.items() if ".about." in path}
    first = described[f"media/a/損失 x/step-00000003-{named(picture)}.about.json"]
    assert (first["caption"], first["epoch"], first["step"]) == ("two cats", 1.0, 3)
    assert described[f"{odd}{named(table)}.about.json"]["key"] == "../odd#%20"
    (path,) = set(found) - set(expected) - set(described)
    assert path.startswith("media/grad/step--0000001-")
    assert json.loads(found[path]) == {**counts, "about": about}


def test_what_was_kept_raw_becomes_a_picture(local):
    """Arrays that there was no time to encode are shown as images."""
    raw = io.BytesIO()
    np.save(raw, PICTURE)
    local.send(local.medium("image", "npy", raw.getvalue()))
    ((path, body),) = local.files("media").items()
    assert path.endswith(".png")
    assert np.array_equal(png.decode(body), PICTURE)


def test_what_cannot_be_converted_is_uploaded_as_it_is(local):
    """Nothing is lost because a format has no way into another."""
    raw = io.BytesIO()
    np.save(raw, np.zeros((3, 1), np.float32))
    local.send(local.medium("audio", "npy", raw.getvalue()))
    ((path, body),) = local.files("media").items()
    assert (path.endswith(".npy"), body) == (True, raw.getvalue())


def test_texts_are_joined(mirror):
    """Long texts come in parts, also across a restart; captions are those of the first part."""
    about = {"prompt": "Once", "temperature": 0.7}
    first = event("text", key="t", text="long ", step=1, part=[1, 3], caption="c", about=about)
    state = mirror.send(event("text", key="short", text="größe \ud800", step=1), first)
    mirror.send(
        event("text", key="t", text="text", step=1, part=[2, 3]),
        event("text", key="other", text="lost its beginning", step=1, part=[2, 2]),
        event("text", key="t", text=" 1", step=1, part=[3, 3]),
        state=state,
    )
    found = mirror.files("media")
    joined = f"media/t/step-00000001-{named(b'long text 1')}"
    short = "größe \\ud800".encode()
    assert {path: body for path, body in found.items() if path.endswith(".txt")} == {
        f"{joined}.txt": b"long text 1",
        f"media/short/step-00000001-{named(short)}.txt": short,
    }
    described = json.loads(found[f"{joined}.about.json"])
    assert (described["caption"], described["about"]) == ("c", about)


def test_artifacts_are_there_byte_for_byte(mirror, tmp_path):
    """A file, and a folder as it was when it was logged; what came later stays out."""
    weights = tmp_path / "best model#1.pt"
    weights.write_bytes(os.urandom(300_000))
    code = tmp_path / "code"
    (code / "inner").mkdir(parents=True)
    (code / "train.py").write_bytes(b"print()")
    (code / "inner" / "größe.txt").write_bytes(b"x")
    records = [artifact(weights, name="best/model"), artifact(code)]
    (code / "later.txt").write_bytes(b"not logged")
    mirror.send(*records)
    assert mirror.files("artifacts") == {
        "artifacts/best/model/best model_u0023_1.pt": weights.read_bytes(),
        "artifacts/code/train.py": b"print()",
        "artifacts/code/inner/größe.txt": b"x",
    }
    assert "epochal.left_out" not in mirror.store.run(mirror.run_id).data.tags


def test_changed_artifacts_are_left_out_and_named(local, tmp_path):
    """What is not the file any more that was logged is not uploaded, and the rest is."""
    paths = [tmp_path / name for name in ("good.pt", "changed.pt", "gone.pt")]
    for path in paths:
        path.write_bytes(path.name.encode())
    records = [artifact(path) for path in paths]
    paths[1].write_bytes(b"CHANGED.pt")
    paths[2].unlink()
    state = local.send(*records)
    assert local.files("artifacts") == {"artifacts/good.pt/good.pt": b"good.pt"}
    run = local.store.run(local.run_id)
    left_out = ["artifacts/changed.pt/changed.pt", "artifacts/gone.pt/gone.pt"]
    assert json.loads(run.data.tags["epochal.left_out"]) == left_out
    assert "the file that was logged" in local.store.document(local.run_id)["left_out"][left_out[0]]
    local.send(artifact(paths[1]), state=state)
    assert local.files("artifacts/changed.pt") == {left_out[0]: b"CHANGED.pt"}
    run = local.store.run(local.run_id)
    assert json.loads(run.data.tags["epochal.left_out"]) == left_out[1:]


def test_damaged_media_are_left_out_and_named(local):
    """A hash that does not match costs this picture and nothing else."""
    bad = local.medium("image", "png", b"one", key="bad", sha256="0" * 64)
    local.send(bad, local.medium("image", "png", b"two", key="good"), *rows(2))
    assert list(local.files("media").values()) == [b"two"]
    assert len(local.store.history(local.run_id)["loss"]) == 2
    run = local.store.run(local.run_id)
    assert json.loads(run.data.tags["epochal.left_out"]) == ["media/bad"]


def test_files_sent_again_replace_themselves(local):
    """After a crash the same media come again, and are there once."""
    events = [local.medium("image", "png", bytes([n]), step=n) for n in range(5)]
    state = local.send(*events[:2])
    for _ in range(2):
        local.send(*events[2:], state=state)
    assert len(local.files("media")) == 5


def test_no_artifacts(local, tmp_path):
    """Switched off, nothing but points, parameters and tags is sent."""
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"1")
    local.send(
        *rows(2), local.medium("image", "png", b"1"), artifact(weights),
        event("text", key="t", text="t", step=1), event("environment", values={"python": "3"}),
        artifacts=False,
    )  # fmt: skip
    assert local.files("") == {}
    assert len(local.store.history(local.run_id)["loss"]) == 2
