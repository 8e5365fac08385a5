"""Media as they are read: listed in order, byte for byte, and damage is never returned."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from journals import JournalMaker, make_run, rewrite
from packs import PackMaker
from recorded import QUIET

import epochal
from epochal.core.errors import DamageError, NotFoundError
from epochal.journal import frames
from epochal.read.media_records import OPEN_PACKS
from epochal.read.view import RunView
from epochal.store.seal import seal_run

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 6, 8, 3), np.uint8)


@pytest.fixture(params=["journal", "sealed"])
def view(request, tmp_path):
    """A run with media of several keys and types, live in the journal or sealed."""
    with epochal.init(dir=str(tmp_path), sinks=(), **QUIET) as run:
        for step in range(10):
            images = [epochal.Image(PIXELS[step], caption=f"caption {i}") for i in range(2)]
            run.log({"val/samples": images, "loss": 0.5}, step=step, epoch=step / 2)
            run.log({"page": epochal.Html(f"<p>é {step}</p>")}, step=step)
        run.log({"weights": epochal.Histogram(np.arange(100.0), bins=4)}, step=9)
        run.log({"words": epochal.Table(["word", "n"], [["a", 1], ["b", float("inf")]])}, step=9)
        run.log({"large": epochal.Image(np.random.default_rng(1).random((400, 400, 3)))}, step=9)
    if request.param == "sealed":
        seal_run(run.dir)
        assert not frames.segments(f"{run.dir}/journal")
    return RunView(run.dir)


def test_media_are_listed_in_order(view):
    """All media in the order of logging, by place, slice and iteration, each with its facts."""
    media = view.media
    assert media.keys() == {"val/samples": 20, "page": 10, "weights": 1, "words": 1, "large": 1}
    assert len(media) == len(list(media)) == 33
    assert [(m.key, m.step) for m in media[:4]] == [
        ("val/samples", 0), ("val/samples", 0), ("page", 0), ("val/samples", 1),
    ]  # fmt: skip
    second = media[1]
    assert (second.type, second.format, second.caption) == ("image", "png", "caption 1")
    assert (second.epoch, second.index) == (0, (2, 2))
    assert second.about == {"width": 8, "height": 6, "channels": 3}
    assert (media[2].index, media[2].caption, media[2].epoch) == (None, "", None)
    assert [m.key for m in media[-2:]] == ["words", "large"]
    assert media[-1].key == "large"
    with pytest.raises(IndexError):
        media[33]
    times = [m.elapsed_s for m in media]
    assert times == sorted(times)
    assert 0 <= times[0] <= view.duration_s


def test_media_are_found(view):
    """By key, type and step, one after the other; a key that is not there is an error."""
    media = view.media
    samples = media["val/samples"]
    assert [m.step for m in samples] == [step for step in range(10) for _ in range(2)]
    assert samples.keys() == {"val/samples": 20}
    assert [m.caption for m in samples.filter(step=3)] == ["caption 0", "caption 1"]
    assert [m.key for m in media.filter(type="image", step=9)] == [*["val/samples"] * 2, "large"]
    assert [m.step for m in media[10:20]["page"]] == [3, 4, 5]
    assert len(media.filter(type="video")) == 0
    assert ("page" in media, "pages" in media, media[0] in media) == (True, False, True)
    with pytest.raises(NotFoundError, match=r"'pages'.*did you mean 'page'"):
        media["pages"]


def test_bytes_come_back(view, tmp_path):
    """What is read is what the hash says, small media from packs and large ones from files."""
    for step, image in enumerate(view.media["val/samples"][::2]):
        assert hashlib.sha256(image.read()).hexdigest() == image.sha256
        assert image.path is None
        assert np.array_equal(image.array(), PIXELS[step])
    large, page = view.media["large"][0], view.media["page"][4]
    assert Path(large.path).read_bytes() == large.read()
    assert large.bytes == len(large.read())
    assert page.read().decode() == "<p>é 4</p>"
    saved = page.save(tmp_path / "page.html")
    assert Path(saved).read_bytes() == page.read()
    assert large.encoded("jpg", "png") == ("png", large.read())
    with pytest.raises(ValueError, match="a html is no array"):
        page.array()


def test_histograms_and_tables(view):
    """Histograms are arrays, tables Arrow tables with their non-finite numbers."""
    histogram, table = view.media["weights"][0], view.media["words"][0]
    assert histogram.histogram.counts.tolist() == [25, 25, 25, 25]
    assert histogram.histogram.edges.tolist() == [0, 24.75, 49.5, 74.25, 99]
    assert (histogram.bytes, histogram.sha256, histogram.path) == (0, "", None)
    assert histogram.read().startswith(b'{"counts": [25')
    assert histogram.about["mean"] == 49.5
    assert table.table.equals(pa.table({"word": ["a", "b"], "n": [1.0, float("inf")]}))
    for wrong in (lambda: table.histogram, lambda: histogram.table):
        with pytest.raises(ValueError, match="is no"):
            wrong()


def test_tables_of_mixed_cells(tmp_path):
    """Columns of mixed types become text, NaN as a word stays one, and no rows is no error."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"t": epochal.Table(["a", "b"], [[1, "NaN"], ["x", "y"]])}, step=0)
        run.log({"t": epochal.Table(["a", "b"], [])}, step=1)
    first, empty = RunView(run.dir).media
    assert first.table.to_pydict() == {"a": ["1", "x"], "b": ["NaN", "y"]}
    assert (empty.table.num_rows, empty.table.column_names) == (0, ["a", "b"])


@pytest.fixture
def pages(tmp_path):
    """A maker of pages in a pack."""
    return PackMaker(JournalMaker(make_run(tmp_path)))


def test_damage_is_never_returned(pages):
    """A changed byte damages the medium that it belongs to and no other; so does a lost file."""
    for step in range(5):
        pages.add("page", step, b"content %d" % step)
    pages.add_alone("alone", 5, b"of its own", "alone.html")
    pages.maker.close()
    rewrite(pages.path, lambda data: data.__setitem__(25, 0))
    pages.path.with_name("alone.html").unlink()
    media = RunView(pages.maker.run_dir).media
    for step, page in enumerate(media["page"]):
        if step == 2:
            with pytest.raises(DamageError, match="'page' of step 2"):
                page.read()
        else:
            assert page.read() == b"content %d" % step
    with pytest.raises(DamageError, match=r"alone\.html"):
        media["alone"][0].read()


def test_a_cut_off_pack(pages):
    """Bytes beyond the end of a pack are damage, and not fewer bytes."""
    pages.add("page", 0, b"content")
    pages.maker.close()
    rewrite(pages.path, lambda data: data.__delitem__(slice(3, None)))
    with pytest.raises(DamageError):
        RunView(pages.maker.run_dir).media[0].read()


def test_what_is_no_plain_file_is_not_waited_for(pages, tmp_path):
    """A pipe in the place of a medium would never end, and a link leads out of the run."""
    pages.add("packed", 0, b"content")
    pages.add_alone("pipe", 1, b"content", "pipe.html")
    pages.add_alone("link", 2, b"content", "link.html")
    pages.maker.close()
    alone = pages.path.with_name("pipe.html")
    alone.rename(tmp_path / "elsewhere")
    os.mkfifo(alone)
    pages.path.with_name("link.html").unlink()
    pages.path.with_name("link.html").symlink_to(tmp_path / "elsewhere")
    pages.path.unlink()
    os.mkfifo(pages.path)
    for page in RunView(pages.maker.run_dir).media:
        with pytest.raises(DamageError, match="cannot read"):
            page.read()


@pytest.mark.parametrize("file", ["../../secret", "/etc/passwd", "media/../run.json", "media"])
def test_only_the_media_folder_is_read(pages, file):
    """A record that points elsewhere is damage."""
    pages.record("page", 0, b"x", file=file)
    pages.record("page", 1, b"x", file=file, offset=0)
    pages.maker.close()
    for page in RunView(pages.maker.run_dir).media:
        with pytest.raises(DamageError, match="names the file"):
            page.read()


def test_what_a_resume_hides_is_left_out(tmp_path):
    """Media after the step of a resume are hidden, those without a step and later ones are not."""
    run_dir = make_run(tmp_path)
    first = PackMaker(JournalMaker(run_dir), "first.pack")
    first.add("page", None, b"none")
    for step in range(6):
        first.add("page", step, b"first %d" % step)
    first.maker.close()
    second = PackMaker(JournalMaker(run_dir, hides_after=2), "second.pack")
    second.add("page", 3, b"second 3")
    second.maker.close()
    for _ in range(2):
        read = [page.read() for page in RunView(run_dir).media]
        assert read == [b"none", b"first 0", b"first 1", b"first 2", b"second 3"]
        seal_run(run_dir)


def test_a_fork_inherits_media(tmp_path):
    """A fork shows its parent's media up to its step, read from the parent's folder."""
    parent = PackMaker(JournalMaker(make_run(tmp_path, "parent")), "a.pack")
    for step in range(4):
        parent.add("page", step, b"parent %d" % step)
    parent.maker.close()
    about = {"run": RunView(parent.maker.run_dir).id, "dir": parent.maker.run_dir, "step": 1}
    fork = PackMaker(JournalMaker(make_run(tmp_path, "fork", fork=about)), "a.pack")
    fork.add("page", 2, b"fork 2")
    fork.maker.close()
    media = RunView(fork.maker.run_dir).media
    assert [page.read() for page in media] == [b"parent 0", b"parent 1", b"fork 2"]
    run_dirs = [*[parent.maker.run_dir] * 2, fork.maker.run_dir]
    assert [page.run_dir for page in media] == run_dirs


def test_packs_stay_open_a_few_at_a_time(pages):
    """A pack is opened once for all of its media, and only so many are open at once."""
    makers = [PackMaker(pages.maker, f"{i}.pack") for i in range(OPEN_PACKS + 2)]
    for step in range(3):
        for maker in makers:
            maker.add("page", step, b"%s %d" % (maker.file.encode(), step))
    pages.maker.close()
    media = RunView(pages.maker.run_dir).media
    for page in media:
        assert page.read().endswith(b" %d" % page.step)
        assert len(media._records.packs._open) <= OPEN_PACKS
    last = makers[-1]
    last.path.unlink()  # its content goes with the last one who has it open
    assert media[len(makers) - 1].read() == b"%s 0" % last.file.encode()


def test_refresh_shows_new_media(tmp_path):
    """A view stays as it is until it is refreshed."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        run.log({"page": epochal.Html("one")}, step=0)
        assert run.flush()
        view = RunView(run.dir)
        assert len(view.media) == 1
        run.log({"page": epochal.Html("two")}, step=1)
        assert run.flush()
        assert len(view.media) == 1
        assert [page.read() for page in view.refresh().media] == [b"one", b"two"]


def test_a_run_without_media(tmp_path):
    """There are none, and nothing fails."""
    maker = JournalMaker(make_run(tmp_path))
    maker.row({"a": 1.0}, 0)
    maker.close()
    media = RunView(maker.run_dir).media
    assert (len(media), media.keys(), list(media), repr(media)) == (0, {}, [], "<MediaList 0: >")


def test_texts_have_captions_and_settings(tmp_path):
    """A text that was generated keeps its caption and how, however long it is."""
    with epochal.init(dir=str(tmp_path), **QUIET) as run:
        text = epochal.Text("x" * 300_000, caption="é", prompt="To", temperature=0.5, top_k=3)
        run.log({"sample": text}, step=1)
        run.log({"sample": "plain"}, step=2)
    long, plain = RunView(run.dir).texts("sample")
    assert (long.caption, long.text) == ("é", "x" * 300_000)
    assert long.about == {"prompt": "To", "temperature": 0.5, "top_k": 3}
    assert (plain.step, plain.text, plain.caption, plain.about) == (2, "plain", "", {})
