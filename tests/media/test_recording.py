"""Media through a run: from ``log`` to the folder and back."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import epochal
from epochal.core.errors import DamageError
from epochal.core.media import Encoded, Frozen, Media
from epochal.core.problems import Problems
from epochal.media import stored
from epochal.record import media as queue_of_media
from epochal.record.media import MediaQueue
from epochal.record.media_files import MediaFiles


def events(run_dir, *kinds):
    """Returns the events of some kinds of a run."""
    view = epochal.open(run_dir).runs()[0]
    return [r for batch in view.follow() for r in batch if getattr(r, "kind", "") in kinds]


class Slow(Media):
    """A medium whose encoding waits until it is let go."""

    type = "image"
    allowed = False

    def __init__(self, size=1, body=b"encoded") -> None:
        self.size, self.body = size, body

    def freeze(self) -> Frozen:
        """Freezes nothing."""

        def encode() -> Encoded:
            while not Slow.allowed:
                time.sleep(0.001)
            return Encoded("png", self.body, {})

        return Frozen(self.size, lambda: True, encode, lambda: Encoded("npy", b"raw", {}))


class Queue:
    """A queue of media with what it recorded."""

    def __init__(self, folder) -> None:
        self.recorded, self.problems = [], Problems()
        self.files = MediaFiles(str(folder), "0001-abc")
        self.queue = MediaQueue(self.files, self.put, self.problems)

    def put(self, kind, fields, mono_ns) -> bool:
        """Takes an event."""
        self.recorded.append((kind, fields, mono_ns))
        return True

    def log(self, media, key="x", step=1) -> None:
        """Gives the queue a medium."""
        self.queue.put({"key": key, "step": step}, media)


@pytest.fixture
def slow():
    """Encoding that waits for ``Slow.allowed``."""
    Slow.allowed = False
    yield Slow
    Slow.allowed = True


def test_everything_is_read_back(tmp_path) -> None:
    """Each kind of media is in the folder with its step, caption, facts and hash."""
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    with epochal.init(project="p", dir=str(tmp_path)) as run:
        run.log(
            {
                "image": epochal.Image(picture, caption="one"),
                "video": epochal.Video(frames, format="npy"),
                "audio": epochal.Audio(np.zeros(80), 8000),
                "histogram": epochal.Histogram(np.arange(10.0), bins=5),
                "table": epochal.Table(["a"], [[1]]),
                "html": epochal.Html("<p>ü</p>"),
                "loss": 0.5,
            },
            step=7, epoch=2,
        )  # fmt: skip
    found = {event.data["key"]: event.data for event in events(run.dir, "media")}
    assert [*found] == ["image", "video", "audio", "histogram", "table", "html"]
    assert all((data["step"], data["epoch"]) == (7, 2) for data in found.values())
    assert found["image"]["caption"] == "one"
    assert np.array_equal(stored.array(run.dir, found["image"]), picture)
    assert stored.array(run.dir, found["video"]).shape == (4, 8, 8, 3)
    assert stored.array(run.dir, found["audio"]).shape == (80, 1)
    assert found["histogram"]["inline"]["counts"] == [2, 2, 2, 2, 2]
    assert stored.table(run.dir, found["table"]) == {"columns": ["a"], "data": [[1]]}
    assert stored.read(run.dir, found["html"]).decode() == "<p>ü</p>"
    assert epochal.open(run.dir).runs()[0].series("loss").values.tolist() == [0.5]


def test_lists_phases_and_strangers(tmp_path) -> None:
    """A list keeps its order; pictures of matplotlib and Pillow need no wrapping."""
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    figures = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    with epochal.init(project="p", dir=str(tmp_path)) as run:
        two = [epochal.Image(np.zeros((2, 2))), epochal.Image(np.ones((2, 2)), caption="b")]
        run.log({"pair": two}, step=1, phase="val")
        run.log({"nested": {"inner": epochal.Image(np.zeros((2, 2)))}}, step=1)
        run.log({"pil": pillow.new("RGB", (3, 2)), "plot": figures.Figure()}, step=1)
    found = [(e.data["key"], e.data.get("index"), e.data["type"]) for e in events(run.dir, "media")]
    assert found == [
        ("val/pair", [1, 2], "image"), ("val/pair", [2, 2], "image"),
        ("nested/inner", None, "image"), ("pil", None, "image"), ("plot", None, "figure"),
    ]  # fmt: skip


def test_bad_media_are_told_and_kept_as_refused(tmp_path) -> None:
    """A value that is no image harms nothing else."""
    with epochal.init(project="p", dir=str(tmp_path)) as run:
        run.log({"bad": epochal.Image(np.zeros((2, 3, 4, 5, 6))), "loss": 1.0}, step=1)
        run.log({"late": epochal.Image(np.array([[300]]))}, step=2)
        run.log({"mixed": [epochal.Image(np.zeros((2, 2))), 3]}, step=3)
        run.flush()
        assert run.health().problems == {"value": 2, "media": 1}
    refused = [event.data["key"] for event in events(run.dir, "refused")]
    assert refused == ["bad", "mixed"]
    assert epochal.open(run.dir).runs()[0].series("loss").values.tolist() == [1.0]


def test_types_can_be_switched_off(tmp_path) -> None:
    """What the settings switch off is not recorded, silently."""
    with epochal.init(project="p", dir=str(tmp_path), log_images=False, log_text=False) as run:
        run.log({"a": epochal.Image(np.zeros((2, 2))), "t": "text", "b": epochal.Html("x")}, step=1)
        assert run.health().problems == {}
    assert [event.data["key"] for event in events(run.dir, "media", "text")] == ["b"]


def test_generated_text(tmp_path) -> None:
    """Text keeps how it was generated, also when it is long."""
    long = "x" * 300_000
    with epochal.init(project="p", dir=str(tmp_path)) as run:
        for text in ("short", long):
            run.log({"t": epochal.Text(text, "c", prompt="p", temperature=0.8, top_k=5)}, step=1)
    first, *rest = events(run.dir, "text")
    assert first.data["about"] == {"prompt": "p", "temperature": 0.8, "top_k": 5}
    assert first.data["caption"] == "c"
    assert "".join(event.data["text"] for event in rest) == long
    assert rest[0].data["about"] == first.data["about"]


def test_small_ones_are_packed_and_large_ones_are_files(tmp_path) -> None:
    """A thousand small pictures are one file; a large one has a name that says what it is."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    with epochal.init(project="p", dir=str(tmp_path)) as run:
        for step in range(1000):
            run.log({"small": epochal.Image(np.full((4, 4), step % 256, np.uint8))}, step=step)
        run.log({"../Große Probe/x": epochal.Image(noise)}, step=1000)
    names = sorted(os.listdir(os.path.join(run.dir, "media")))
    assert len(names) == 2
    assert names[0].endswith(".pack")
    assert names[1].endswith(".png")
    assert names[1].startswith("gro")
    for event in events(run.dir, "media"):
        expected = noise if event.data["step"] == 1000 else event.data["step"] % 256
        assert (stored.array(run.dir, event.data) == expected).all()


def test_damage_is_seen(tmp_path) -> None:
    """A changed or missing file is an error, never a wrong picture."""
    with epochal.init(project="p", dir=str(tmp_path)) as run:
        run.log({"a": epochal.Html("<p>hello</p>")}, step=1)
    (event,) = events(run.dir, "media")
    path = stored.path(run.dir, event.data)
    with open(path, "r+b") as file:
        file.write(b"<P>")
    with pytest.raises(DamageError, match="hash"):
        stored.read(run.dir, event.data)
    os.remove(path)
    with pytest.raises(DamageError, match="cannot read"):
        stored.read(run.dir, event.data)
    for name in ("../run.json", "media/../run.json", "/etc/passwd", "run.json", "media/"):
        with pytest.raises(DamageError, match="names the file"):
            stored.path(run.dir, {"file": name, "key": "a"})


def test_artifacts_are_hashed(tmp_path) -> None:
    """A file and a folder are recorded with size and hash; a missing one is told."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_bytes(b"1")
    (tmp_path / "w.pt").write_bytes(b"weights")
    with epochal.init(project="p", dir=str(tmp_path / "runs")) as run:
        run.log_artifact(tmp_path / "w.pt", type="checkpoint")
        run.log_artifact(str(tmp_path / "code"), name="src", type="code")
        run.log_artifact(tmp_path / "nothing")
        run.flush()
        assert run.health().problems == {"artifact": 1}
    file, code = (event.data for event in events(run.dir, "artifact"))
    assert file == {
        "name": "w.pt", "type": "checkpoint", "path": str(tmp_path / "w.pt"), "bytes": 7,
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }  # fmt: skip
    assert code["files"] == [["a.py", 1, hashlib.sha256(b"1").hexdigest()]]
    assert (code["name"], code["bytes"]) == ("src", 1)


def test_under_pressure_media_are_kept_raw(tmp_path, slow, monkeypatch, caplog) -> None:
    """When more waits than can be encoded, nothing is lost: it is only larger."""
    monkeypatch.setattr(queue_of_media, "PRESSURE_BYTES", 15)
    made = Queue(tmp_path)
    for _ in range(3):
        made.log(slow(size=10))
    slow.allowed = True
    assert made.queue.flush(sync=False, timeout_s=60)
    assert [fields["format"] for _, fields, _ in made.recorded].count("npy") >= 1
    assert len(made.recorded) == 3
    assert caplog.text.count("kept raw") == 1


def test_beyond_the_budget_media_are_counted(tmp_path, slow, monkeypatch, caplog) -> None:
    """What cannot be held is dropped, counted and told."""
    monkeypatch.setattr(queue_of_media, "MAX_WAITING_BYTES", 25)
    made = Queue(tmp_path)
    for _ in range(5):
        made.log(slow(size=10))
    made.problems.tell_noted()
    assert made.problems.totals() == {"media": 3}
    assert "log fewer" in caplog.text
    slow.allowed = True
    assert made.queue.flush(sync=True, timeout_s=60)
    assert len(made.recorded) == 2


def test_the_end_does_not_wait_for_encoding(tmp_path, slow) -> None:
    """A run that ends keeps raw what is not encoded, and gives up on what hangs, with a count."""
    made = Queue(tmp_path)
    for _ in range(4):
        made.log(slow())
    made.queue.finish()  # the first one hangs
    assert made.problems.totals() == {"media": 4}
    slow.allowed = True
    again = Queue(tmp_path / "b")
    for _ in range(4):
        again.log(slow())
    again.queue.finish()
    assert len(again.recorded) == 4


def test_a_disk_that_fails_is_tried_again(tmp_path, slow, monkeypatch) -> None:
    """Media wait while the disk takes nothing, and are complete when it does again."""
    slow.allowed = True
    monkeypatch.setattr(queue_of_media, "RETRY_S", 0.01)
    made = Queue(tmp_path)
    (tmp_path / "media").write_text("in the way")
    made.log(slow(body=b"one"))
    assert not made.queue.flush(sync=False, timeout_s=0.1)
    (tmp_path / "media").unlink()
    made.log(slow(body=b"two"))
    assert made.queue.flush(sync=True, timeout_s=60)
    fields = [fields for _, fields, _ in made.recorded]
    assert [stored.read(str(tmp_path), data) for data in fields] == [b"one", b"two"]
    made.queue.finish()


def test_packs_are_rotated(tmp_path, monkeypatch) -> None:
    """A full pack is followed by another; sync covers both."""
    monkeypatch.setattr("epochal.record.media_files.PACK_BYTES", 10)
    files = MediaFiles(str(tmp_path), "0001-abc")
    places = [files.put(body, "0" * 64, "k", 1, "png") for body in (b"12345", b"123456", b"1234")]
    files.sync()
    files.close()
    assert [place.offset for place in places] == [0, 0, 6]
    assert len({place.file for place in places}) == 2


SCRIPT = """
import epochal, numpy, os, sys
run = epochal.init(project="p", dir=sys.argv[1])
for step in range(10**9):
    run.log({"x": epochal.Image(numpy.full((16, 16), step % 256, numpy.uint8))}, step=step)
    if step % 50 == 49:
        run.flush()
        print(step, run.dir, flush=True)
"""


@pytest.mark.parametrize("after", [0.1, 0.4])
def test_what_was_flushed_survives_a_kill(tmp_path, after) -> None:
    """After SIGKILL all media that a flush covered are there, and each one that is can be read."""
    argv = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline()]
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
    last, run_dir = int(lines[-1].split()[0]), lines[-1].split()[1]
    found = {event.data["step"]: event.data for event in events(run_dir, "media")}
    assert set(range(last + 1)) <= set(found)
    for step, data in found.items():
        assert (stored.array(run_dir, data) == step % 256).all()


FORKS = """
import epochal, numpy, os, sys
with epochal.init(project="p", dir=sys.argv[1]) as run:
    run.log({"a": epochal.Image(numpy.zeros((2, 2)))}, step=1)
    child = os.fork()
    if child == 0:
        run.log({"b": epochal.Image(numpy.ones((2, 2)))}, step=2)
        run.flush()
        os._exit(0)
    os.waitpid(child, 0)
print(run.dir)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_media_of_its_own(tmp_path) -> None:
    """Parent and child log pictures into one run without touching each other's."""
    argv = [sys.executable, "-c", FORKS, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    run_dir = done.stdout.strip()
    found = {event.data["key"]: event.data for event in events(run_dir, "media")}
    assert {key: stored.array(run_dir, data).max() for key, data in found.items()} == {
        "a": 0, "b": 255,
    }  # fmt: skip
