"""`epochal media` and what other commands tell of media, machine, console and artifacts."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import epochal as library


@pytest.fixture
def run_dir(tmp_path):
    """A run with hostile names among its media, artifacts and printed lines."""
    (tmp_path / "model.bin").write_bytes(b"x" * 1500)
    run = library.init(
        project="p", name="seen", dir=str(tmp_path / "runs"), follow="off", sinks=(),
        capture_environment=False,
    )  # fmt: skip
    pixels = np.zeros((4, 6, 3), np.uint8)
    for step in (9, 10):
        images = [library.Image(pixels + i, caption=f"c{i}\x1b[2J") for i in range(2)]
        run.log({"val/samples": images, "val-samples": images[0], "loss": 0.5}, step=step)
    run.log(
        {"../../etc/x": library.Html("<b>é</b>"), "w": library.Histogram(np.array([1.0, 3.0]))},
        step=10,
    )
    run.log({"t": library.Table(["a"], [[1], [2]])}, step=10)
    run.record_background({"system/cpu_percent": 12.5, "system/sampler_ms": 0.1}, "system")
    run.record_background({"system/cpu_percent": 37.5, "system/sampler_ms": 0.1}, "system")
    run.record_console({"stream": "stdout", "text": "epoch 1\n\x1b[31mred\x1b[0m [x]"})
    run.record_console({"stream": "log", "text": "slow", "level": "INFO", "logger": "a.b"})
    run.log_artifact(tmp_path / "model.bin", type="checkpoint")
    run.finish()
    return Path(run.dir)


def test_media_are_listed(epochal, run_dir):
    """A line for each, with step, number, content and caption."""
    lines = epochal("media", run_dir).stdout.splitlines()
    assert lines[0].split() == "Key Step No. Type Format Size Content Caption".split()
    assert len(lines) == 1 + 9
    first = re.split(r"\s{2,}", lines[1])
    assert first[:5] == ["val/samples", "9", "1", "image", "png"]
    assert first[6:] == ["6 x 4", "c0\\x1b[2J"]
    assert any("mean 2, std 1" in line for line in lines)
    assert any("2 rows, 1 column" in line for line in lines)
    assert len(epochal("media", run_dir, "val/samples", "--limit", "3").stdout.splitlines()) == 4


def test_media_as_json(epochal, run_dir):
    """Everything that was recorded of each."""
    found = json.loads(epochal("media", run_dir, "w", "--json").stdout)
    (histogram,) = found
    assert (histogram["type"], histogram["step"], histogram["bytes"]) == ("histogram", 10, 0)
    assert histogram["about"]["mean"] == 2


def test_media_are_exported(epochal, run_dir, tmp_path):
    """Files have names of their own that sort and cannot leave the folder; bytes are the same."""
    folder = tmp_path / "out" / "inner"
    result = epochal("media", run_dir, "--export", folder, "--json")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "etc-x-00000010.html", "t-00000010.json", "val-samples-00000009-001.png",
        "val-samples-00000009-002.png", "val-samples-00000009.png",
        "val-samples-00000010-001.png", "val-samples-00000010-002.png",
        "val-samples-00000010.png", "w-00000010.json",
    ]  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"model.bin", "out", "runs"}
    told = json.loads(result.stdout)
    assert sorted(each["exported"] for each in told) == names
    for each, media in zip(told, library.RunView(run_dir).media, strict=True):
        assert (folder / each["exported"]).read_bytes() == media.read()


def test_names_that_become_equal(epochal, tmp_path):
    """Media whose file names would be the same get different ones."""
    run = library.init(project="p", dir=str(tmp_path / "runs"), follow="off", sinks=())
    for key in ("a/b", "a b", "A-B"):
        run.log({key: library.Html(key)}, step=0)
    run.log({"a/b": library.Html("half")}, step=0.5)
    run.finish()
    assert epochal("media", run.dir, "--export", tmp_path / "out").exit_code == 0
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == {
        "a-b-00000000.html": "a/b", "a-b-00000000-again2.html": "a b",
        "a-b-00000000-again3.html": "A-B", "a-b-00000000.500.html": "half",
    }  # fmt: skip


def test_raw_media_are_exported_as_pictures(epochal, tmp_path):
    """What was kept raw becomes a file that any viewer opens."""
    from journals import JournalMaker, make_run
    from packs import PackMaker

    from epochal.media import arrays, png

    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    pack = PackMaker(JournalMaker(make_run(tmp_path)))
    pack.add("raw", 0, arrays.raw(pixels), type="image", format="npy")
    pack.maker.close()
    epochal("media", pack.maker.run_dir, "--export", tmp_path / "out")
    written = (tmp_path / "out" / "raw-00000000.png").read_bytes()
    assert np.array_equal(png.decode(written), pixels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("media", "val/sample"), "did you mean 'val/samples'"),
     (("console", "--grep", "[x"), "no regular expression")],
)  # fmt: skip
def test_failures_are_named(epochal, run_dir, arguments, message):
    """A failure is status 1 and one message."""
    command, *rest = arguments
    result = epochal(command, run_dir, *rest)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


def test_console_is_shown(epochal, run_dir):
    """Lines with their time and source, searched, cut and as JSON; nothing harms the terminal."""
    lines = [line.split("  ", 2)[-1] for line in epochal("console", run_dir).stdout.splitlines()]
    text = epochal("console", run_dir).stdout
    assert len(lines) == 3
    assert text.splitlines()[0].endswith("s  stdout  epoch 1")
    assert text.splitlines()[1].endswith("\\x1b[31mred\\x1b[0m [x]")
    assert text.splitlines()[2].endswith("s  INFO a.b  slow")
    assert "\x1b" not in epochal("console", run_dir, width=80).stdout

    def found(*options):
        told = json.loads(epochal("console", run_dir, "--json", *options).stdout)
        return [line["text"] for line in told]

    assert found("--grep", "epoch [0-9]") == ["epoch 1"]
    assert found("--stream", "log") == ["slow"]
    assert found("--tail", "1") == ["slow"]
    assert found("--tail", "0") == []
    assert len(found("--tail", "99")) == 3


@pytest.mark.parametrize("width", [0, 80])
def test_show_has_sections_for_them(epochal, run_dir, width):
    """Counts and sizes of media, the machine's readings, lines of the console, artifacts."""
    text = re.sub("\x1b\\[[0-9;]*m", "", epochal("show", run_dir, width=width).stdout)
    tables = {part.splitlines()[0]: part.splitlines()[1:] for part in text.split("\n\n")}
    media = [line.split() for line in tables["Media"]]
    assert ["val/samples", "image", "4"] in [line[:3] for line in media]
    assert media[-1][:3] == ["in", "all", "9"]
    readings = [line.split() for line in tables["Machine"]]
    assert ["cpu_percent", "37.5", "25", "37.5", "2"] in readings
    assert not any("sampler_ms" in line for line in readings)
    assert tables["Console"][0].endswith("3 lines (stdout 2, log 1)")
    assert "1.5 kB" in tables["Artifacts"][-1]
    assert not any("cpu_percent" in line for line in tables["Metrics"])


def test_show_tells_them_as_json(epochal, run_dir):
    """The same numbers, with all readings among the metrics."""
    told = json.loads(epochal("show", run_dir, "--json").stdout)
    assert {"key": "t", "type": "table", "count": 1, "bytes": 38} in told["media"]
    assert told["console_lines"] == {"stdout": 2, "log": 1}
    assert [each["name"] for each in told["artifacts"]] == ["model.bin"]
    assert told["metrics"]["system/cpu_percent"]["mean"] == 25


def test_ls_shows_what_was_trained(epochal, run_dir):
    """Readings of the machine are never the main metrics."""
    head = epochal("ls", run_dir).stdout.splitlines()[0]
    assert "loss" in head
    assert "cpu_percent" not in head


def test_tail_leaves_the_machine_out(epochal, run_dir):
    """Samples and printed lines come with --all only; bytes are not described to people."""
    arguments = ("tail", run_dir, "--no-follow", "-n", "99")
    usual, everything = epochal(*arguments).stdout, epochal(*arguments, "--all").stdout
    assert ("cpu_percent" in usual, "epoch 1" in usual) == (False, False)
    assert ("cpu_percent" in everything, "epoch 1" in everything) == (True, True)
    assert "media  key val/samples" in usual
    assert "sha256" not in usual


@pytest.fixture
def pack(run_dir):
    """The run's only pack."""
    (path,) = (run_dir / "media").glob("*.pack")
    return path


@pytest.mark.parametrize("sealed", [False, True])
def test_media_are_verified(epochal, run_dir, pack, sealed):
    """A changed byte is named with what it belongs to; a lost file is named."""
    if sealed:
        from epochal.store.seal import seal_run

        seal_run(str(run_dir))
    (good,) = json.loads(epochal("verify", run_dir, "--json").stdout)
    assert (good["ok"], good["media"], good["unused_bytes"]) == (True, 8, 0)
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    result = epochal("verify", run_dir, "--json")
    (damage,) = json.loads(result.stdout)[0]["damage"]
    assert (result.exit_code, damage["file"]) == (1, f"media/{pack.name}")
    assert (damage["stop"], "'t' of step 10" in damage["reason"]) == (len(data), True)
    pack.write_bytes(data[:-1])
    (damage,) = json.loads(epochal("verify", run_dir, "--json").stdout)[0]["damage"]
    assert "cut off" in damage["reason"]
    pack.unlink()
    (damage,) = json.loads(epochal("verify", run_dir, "--json").stdout)[0]["damage"]
    assert (damage["reason"], damage["stop"]) == ("the file is missing", len(data))


def test_bytes_of_no_record_are_counted(epochal, run_dir, pack):
    """What a killed writer left is no damage; it is told."""
    with pack.open("ab") as file:
        file.write(b"x" * 100)
    (run_dir / "media" / "lost.png").write_bytes(b"x" * 23)
    result = epochal("verify", run_dir)
    assert result.exit_code == 0
    assert "123 bytes in media/ belong to no record" in result.stdout


def test_a_record_that_points_elsewhere_is_damage(epochal, tmp_path):
    """Only files in the media folder are opened."""
    from journals import JournalMaker, make_run
    from packs import PackMaker

    pack = PackMaker(JournalMaker(make_run(tmp_path)))
    pack.record("page", 0, b"x", file="media/../run.json")
    pack.maker.close()
    (found,) = json.loads(epochal("verify", pack.maker.run_dir, "--json").stdout)
    assert "names the file" in found["damage"][0]["reason"]


def test_gc_counts_media(epochal, run_dir, tmp_path):
    """The size of a run that would go has its media in it; drafts of media go alone."""
    import os
    import time

    draft = run_dir / "media" / ".0001-0123456789abcdef.png"
    draft.write_bytes(b"x" * 10)
    os.utime(draft, (time.time() - 7200,) * 2)
    told = json.loads(epochal("gc", tmp_path / "runs", "--older-than", "0s", "--json").stdout)
    # Memory that programs elsewhere left behind may be found too.
    sizes = {each["kind"]: each["bytes"] for each in told["found"] if each["kind"] != "ring"}
    everything = [path for path in run_dir.rglob("*") if path.is_file()]
    assert sizes == {"draft": 10, "run": sum(path.stat().st_size for path in everything)}
