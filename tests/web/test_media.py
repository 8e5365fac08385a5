"""Media as a browser gets them: shown as logged, kept for ever, harmless, and never damaged."""

import hashlib
import importlib.util
import io
import json
import pickle
import wave
from pathlib import Path

import numpy as np
import pytest
from hostile import NAMES
from journals import JournalMaker, make_run
from packs import PackMaker
from recorded import QUIET
from serving import serving

import epochal
from epochal.media import arrays, movie, png
from epochal.store import folder
from epochal.web import browser_media, media

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
has_movies = importlib.util.find_spec("av") or importlib.util.find_spec("PIL")


@pytest.fixture
def made(tmp_path):
    """A run with media of every type, and a client of its media."""
    with epochal.init(dir=str(tmp_path), sinks=(), **QUIET) as run:
        for step in (0, 5):
            images = [epochal.Image(PIXELS + step, caption=f"caption {i}") for i in range(2)]
            run.log({"val/samples": images}, step=step, epoch=step / 5)
            weights = epochal.Histogram(np.arange(100.0) + step, bins=4)
            run.log({"weights": weights}, step=step)
        run.log({"voice": epochal.Audio(np.sin(np.arange(800) / 5), sample_rate=8000)}, step=5)
        rows = [[f"row {i}", i, float("inf")] for i in range(1000)]
        run.log({"words": epochal.Table(["word", "n", "x"], rows)}, step=5)
        run.log({"page": epochal.Html("<h1>é</h1><script>document.title = 1</script>")}, step=5)
    with serving(tmp_path, media) as client:
        yield client, f"/api/run/{run.id}/media"


@pytest.fixture
def by_hand(tmp_path):
    """Makes a run of records of our choice, and a client of its media."""
    run_dir = make_run(str(tmp_path))
    maker = JournalMaker(run_dir)
    packs = PackMaker(maker)
    path = f"/api/run/{folder.describe(run_dir)['id']}/media"

    def serve():
        maker.event("end", state="finished", problems={})
        maker.close()
        return serving(tmp_path, media), path

    return packs, serve


def the(client, path, key):
    """The first listed medium of a key."""
    return client.get(path, params={"key": key}).json()["items"][0]


def test_keys_and_items(made):
    """Keys with types, counts and steps; the media of one with everything that was recorded."""
    client, path = made
    keys = {each["key"]: each for each in client.get(path).json()["keys"]}
    assert list(keys) == ["val/samples", "weights", "voice", "words", "page"]
    samples = {"key": "val/samples", "type": "image", "count": 4, "steps": [0, 5]}
    assert keys["val/samples"] == samples
    found = client.get(path, params={"key": "val/samples"}).json()
    assert [each["caption"] for each in found["items"]] == ["caption 0", "caption 1"] * 2
    second = found["items"][1]
    assert (second["step"], second["epoch"], second["index"]) == (0, 0, [2, 2])
    assert second["about"] == {"width": 8, "height": 6, "channels": 3}
    at_five = client.get(path, params={"key": "val/samples", "step": 5}).json()["items"]
    assert at_five == found["items"][2:]
    answer = client.get(path, params={"key": "val/sample"})
    assert (answer.status_code, "val/samples" in answer.json()["error"]) == (404, True)


def test_images_are_png(made):
    """The picture that was logged, with its type, under its number."""
    client, path = made
    for each in client.get(path, params={"key": "val/samples"}).json()["items"]:
        answer = client.get(f"{path}/{each['n']}")
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (png.decode(answer.content) == PIXELS + np.uint8(each["step"])).all()


def test_kept_for_ever(made):
    """With its version in the address a browser keeps it; without, it asks and gets 304."""
    client, path = made
    item = the(client, path, "val/samples")
    url = f"{path}/{item['n']}"
    plain = client.get(url)
    assert "no-cache" in plain.headers["cache-control"]
    assert hashlib.sha256(plain.content).hexdigest().startswith(item["v"])
    again = client.get(url, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    fixed = client.get(url, params={"v": item["v"]})
    assert "immutable" in fixed.headers["cache-control"]
    assert fixed.content == plain.content
    assert client.get(url, params={"v": "0" * 16}).status_code == 404


def test_ranges(made):
    """A video player may ask for pieces; what cannot be is 416, what is no range is all of it."""
    client, path = made
    url = f"{path}/{the(client, path, 'voice')['n']}"
    whole = client.get(url)
    body, size = whole.content, len(whole.content)
    with wave.open(io.BytesIO(body)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 800)
    assert whole.headers["accept-ranges"] == "bytes"
    for asked, first, last in (
        ("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=10-", 10, size - 1),
        ("bytes=-5", size - 5, size - 1), (f"bytes=0-{10 * size}", 0, size - 1),
        (f"bytes=-{10 * size}", 0, size - 1),
    ):  # fmt: skip
        part = client.get(url, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, body[first : last + 1]), asked
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["content-length"] == str(last - first + 1)
    for asked in (f"bytes={size}-", "bytes=99999999999-", "bytes=-0"):
        part = client.get(url, headers={"Range": asked})
        assert (part.status_code, part.headers["content-range"]) == (416, f"bytes */{size}")
    for asked in (
        "bytes=5-1",
        "bytes=0-1,4-5",
        "lines=0-1",
        "bytes=a-b",
        "bytes=-",
        "bytes=" + "9" * 90,
    ):
        assert client.get(url, headers={"Range": asked}).status_code == 200, asked
    changed = client.get(url, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert changed.status_code == 200
    same = client.get(url, headers={"Range": "bytes=0-0", "If-Range": whole.headers["etag"]})
    assert same.status_code == 206
    head = client.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(size))


def test_pages_run_in_a_sandbox(made):
    """Logged HTML keeps its scripts, without our origin and without a network."""
    client, path = made
    answer = client.get(f"{path}/{the(client, path, 'page')['n']}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>é</h1><script>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    for word in ("connect-src", "allow-same-origin", "http", "*", "'self' data", "unsafe-eval"):
        assert word not in policy
    saved = client.get(f"{path}/{the(client, path, 'page')['n']}?download=1")
    assert saved.headers["content-disposition"] == 'attachment; filename="page-5.html"'


def test_everything_else_runs_nothing(made):
    """Whatever is no page is sent with a policy under which nothing runs."""
    client, path = made
    for key in ("val/samples", "voice", "words"):
        answer = client.get(f"{path}/{the(client, path, key)['n']}")
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_tables(made):
    """A table as it was logged, or some of its rows with how many there are."""
    client, path = made
    url = f"{path}/{the(client, path, 'words')['n']}"
    whole = client.get(url).json()
    assert (whole["columns"], len(whole["data"])) == (["word", "n", "x"], 1000)
    assert whole["data"][3] == ["row 3", 3, "Infinity"]
    some = client.get(url, params={"limit": 2, "after": 998}).json()
    assert (some["data"], some["total"]) == (whole["data"][998:], 1000)
    assert client.get(url, params={"limit": 10**9}).status_code == 400
    assert client.get(url, params={"limit": "x"}).status_code == 400


def test_histograms(made):
    """Counts and edges of all steps at once, for a picture of how they move."""
    client, path = made
    found = client.get(path, params={"key": "weights"}).json()
    assert [each["step"] for each in found["bins"]] == [0, 5]
    assert found["bins"][0]["counts"] == [25, 25, 25, 25]
    assert found["bins"][1]["edges"][0] == 5.0
    one = client.get(f"{path}/{found['items'][0]['n']}").json()
    assert one == {"counts": [25, 25, 25, 25], "edges": found["bins"][0]["edges"]}


def test_many_histograms_are_bounded(by_hand):
    """Of very many the first and the last are sent, and some between."""
    packs, serve = by_hand
    for step in range(1000):
        inline = {"counts": [step], "edges": [0.0, 1.0]}
        packs.maker.event("media", key="h", step=step, type="histogram", format="json",
                          caption="", bytes=0, sha256="", about={}, inline=inline)  # fmt: skip
    serving_, path = serve()
    with serving_ as client:
        bins = client.get(path, params={"key": "h"}).json()["bins"]
    steps = [each["step"] for each in bins]
    assert (len(steps), steps[0], steps[-1]) == (media.MOST_BINS, 0, 999)
    assert steps == sorted(set(steps))


def test_raw_pictures_are_encoded(by_hand):
    """Pictures that were kept as they are come as PNG, pixel by pixel the same."""
    packs, serve = by_hand
    packs.add("raw", 1, arrays.raw(PIXELS), type="image", format="npy")
    packs.add("gray", 1, arrays.raw(PIXELS[..., :1]), type="figure", format="npy")
    serving_, path = serve()
    with serving_ as client:
        assert the(client, path, "raw")["format"] == "png"
        for n, pixels in enumerate((PIXELS, PIXELS[..., :1])):
            answer = client.get(f"{path}/{n}")
            assert answer.headers["content-type"] == "image/png"
            assert (png.decode(answer.content) == pixels).all()


@pytest.mark.skipif(not has_movies, reason="no package for videos")
def test_raw_videos_are_encoded(by_hand):
    """Frames that were kept as they are come as a video, once encoded."""
    packs, serve = by_hand
    frames = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1), np.uint8)
    about = {"fps": 4, "frames": 5, "width": 16, "height": 16, "channels": 1}
    packs.add("v", 1, arrays.raw(frames), type="video", format="npy", about=about)
    packs.add("odd", 1, arrays.raw(frames), type="video", format="npy", about={"fps": 1e999})
    serving_, path = serve()
    with serving_ as client:
        item = the(client, path, "v")
        answer = client.get(f"{path}/0")
        assert answer.headers["content-type"] == browser_media.KINDS[item["format"]]
        assert movie.decode(answer.content, item["format"]).shape[0] == 5
        assert client.get(f"{path}/0").content == answer.content
        assert client.get(f"{path}/1").status_code == 200


def test_a_video_without_a_package_says_which(by_hand, monkeypatch):
    """Without a package for videos the answer names the extra that brings one."""
    packs, serve = by_hand
    packs.add("v", 1, arrays.raw(np.zeros((2, 4, 4, 1), np.uint8)), type="video", format="npy")
    found = importlib.util.find_spec
    absent = ("av", "PIL")
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in absent else found(n))
    serving_, path = serve()
    with serving_ as client:
        assert the(client, path, "v")["format"] == "npy"
        answer = client.get(f"{path}/0")
    assert (answer.status_code, "epochal[media]" in answer.json()["error"]) == (501, True)


class Marker:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def test_nothing_is_unpickled(by_hand, tmp_path):
    """An array of objects is refused; what its pickle would do does not happen."""
    packs, serve = by_hand
    buffer = io.BytesIO()
    np.save(buffer, np.array([[[Marker(tmp_path / "ran")]]], object), allow_pickle=True)
    packs.add("a", 1, buffer.getvalue(), type="image", format="npy")
    packs.add("b", 1, pickle.dumps(Marker(tmp_path / "ran")), type="image", format="npy")
    serving_, path = serve()
    with serving_ as client:
        assert [client.get(f"{path}/{n}").status_code for n in (0, 1)] == [422, 422]
    assert not (tmp_path / "ran").exists()


def header(shape, dtype="|u1"):
    """The header of an array file that claims a shape."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize("body", [
    b"", b"x", b"\x93NUMPY\x01\x00", header((10**6, 10**6, 3)), header((2, 2, 3)) + b"\0" * 11,
    header((2, 2, 5)) + b"\0" * 20, header((4,)) + b"\0" * 4, header((0, 0, 3)),
    header((2, 2, 3), "<f8") + b"\0" * 96, header((-1, 2, 3)), header("()") + b"\0",
    header("__import__('os').getpid()"),
])  # fmt: skip
def test_pictures_that_are_none(by_hand, body):
    """What is no array of pixels is an error in words, and takes no more memory than its bytes."""
    packs, serve = by_hand
    packs.add("a", 1, body or b" ", type="image", format="npy")
    serving_, path = serve()
    with serving_ as client:
        answer = client.get(f"{path}/0")
    assert answer.status_code == 422
    assert "cannot be shown" in answer.json()["error"]


def test_damage_is_never_sent(by_hand):
    """Bytes that are not the recorded ones, are missing or lie elsewhere are an error."""
    packs, serve = by_hand
    packs.add("good", 1, b"<p>good</p>")
    packs.add("bad", 1, b"<p>bad!</p>", sha256="0" * 64)
    packs.record("gone", 1, b"x", file="media/gone.html")
    packs.record("out", 1, b"x", file="../../../etc/hostname")
    packs.record("abs", 1, b"x", file="/etc/hostname")
    packs.record("dots", 1, b"x", file="media/../../run.json")
    serving_, path = serve()
    with serving_ as client:
        assert client.get(f"{path}/0").text == "<p>good</p>"
        for n in range(1, 6):
            answer = client.get(f"{path}/{n}")
            assert answer.status_code == 422, n
            assert "<p>" not in answer.text


def test_large_media_come_in_pieces(by_hand, monkeypatch):
    """A large video is sent from its file, checked once, and damaged ones are not sent."""
    monkeypatch.setattr(media, "LARGE_BYTES", 1000)
    packs, serve = by_hand
    body = np.random.default_rng(0).bytes(700_000)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        packs.path.with_name(name).write_bytes(body)
        packs.record(name, 1, body, file=f"media/{name}", type="video", format="mp4")
    packs.path.with_name("b.mp4").write_bytes(body[:-1] + b"!" * (body[-1:] != b"!") or b"?")
    packs.path.with_name("c.mp4").unlink()
    packs.path.with_name("c.mp4").symlink_to("a.mp4")
    serving_, path = serve()
    with serving_ as client:
        assert client.get(f"{path}/0").content == body
        part = client.get(f"{path}/0", headers={"Range": "bytes=600000-600009"})
        assert (part.status_code, part.content) == (206, body[600_000:600_010])
        assert [client.get(f"{path}/{n}").status_code for n in (1, 2)] == [422, 422]
        packs.path.with_name("a.mp4").write_bytes(body[::-1])
        assert client.get(f"{path}/0").status_code == 422


def test_too_much_is_not_read(by_hand, monkeypatch):
    """A record that claims very many bytes does not make the server take them."""
    monkeypatch.setattr(media, "MOST_BYTES", 1000)
    packs, serve = by_hand
    packs.add("a", 1, b"x" * 2000)
    packs.add("b", 1, b"x", bytes=10**15)
    serving_, path = serve()
    with serving_ as client:
        assert [client.get(f"{path}/{n}").status_code for n in (0, 1)] == [413, 413]


@pytest.mark.parametrize(("type_", "format_"), [
    ("image", "svg"), ("image", "html"), ("html", "exe"), ("figure", "pdf"),
    ("x", "\r\nSet-Cookie: a=b"), ("video", "webm"), ("<b>", "../../x"), ("image", "é"),
])  # fmt: skip
def test_strange_formats_are_harmless(by_hand, type_, format_):
    """A format that is not known is saved and not shown; no header can be forged."""
    packs, serve = by_hand
    packs.add("a", 1, b"<svg><script>1</script></svg>", type=type_, format=format_)
    serving_, path = serve()
    with serving_ as client:
        answer = client.get(f"{path}/0")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    known = browser_media.KINDS.get(format_, "application/octet-stream")
    assert answer.headers["content-type"] == known
    assert answer.headers["content-security-policy"].startswith("sandbox")
    if format_ not in browser_media.KINDS:
        assert answer.headers["content-disposition"].startswith("attachment; ")


def test_hostile_keys_and_captions(by_hand):
    """Names and captions arrive as they were; names of saved files are plain."""
    packs, serve = by_hand
    names = [name for name in NAMES if "\ud800" not in name]
    for name in names:
        packs.add(name, 1, name.encode(), caption=name, about={name: name})
    serving_, path = serve()
    with serving_ as client:
        assert [each["key"] for each in client.get(path).json()["keys"]] == names
        for n, name in enumerate(names):
            item = the(client, path, name)
            assert (item["n"], item["caption"], item["about"]) == (n, name, {name: name})
            answer = client.get(f"{path}/{n}?download=1")
            assert answer.content == name.encode()
            said = answer.headers["content-disposition"]
            assert said.isascii()
            assert set(said) <= set('abcdefghijklmnopqrstuvwxyz0123456789-.; ="')


def test_numbers_that_are_none(made):
    """A number beyond the last, or none, is not found."""
    client, path = made
    for n in ("99", "9" * 30, "-1", "x", "1.5", "", "%2e%2e", "0%00"):
        assert client.get(f"{path}/{n}").status_code == 404, n


def test_inherited_media(tmp_path):
    """A fork shows the media of its parent, from the parent's folder."""
    with epochal.init(dir=str(tmp_path), **QUIET) as parent:
        for step in range(4):
            parent.log({"page": epochal.Html(f"<p>{step}")}, step=step)
    with epochal.init(dir=str(tmp_path), fork=(parent.id, 1), **QUIET) as fork:
        fork.log({"page": epochal.Html("<p>own")}, step=2)
    with serving(tmp_path, media) as client:
        path = f"/api/run/{fork.id}/media"
        texts = [
            client.get(f"{path}/{each['n']}").text
            for each in client.get(path, params={"key": "page"}).json()["items"]
        ]
    assert texts == ["<p>0", "<p>1", "<p>own"]


def test_json_is_strict(made):
    """No answer has a NaN that a browser could not read."""
    client, path = made
    for query in ({}, {"key": "weights"}, {"key": "words"}):
        json.loads(client.get(path, params=query).content, parse_constant=pytest.fail)


def test_the_guard_keeps_the_policy(tmp_path, serve, browse):
    """Behind the guard a page keeps its sandbox, and everything else has one too."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"page": epochal.Html("<p>"), "image": epochal.Image(PIXELS)}, step=1)
    browser = browse(serve(tmp_path))
    for n, policy in ((0, browser_media.SANDBOX), (1, browser_media.STILL)):
        answer = browser.get(f"/api/run/{run.id}/media/{n}")
        assert answer.headers["content-security-policy"] == policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "x-frame-options" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]
