"""Where a figure, table or text comes from, read back from the file."""

import json
import struct
import zlib

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib")

from epochal.cli.whence import whence as command
from epochal.core.errors import EvidenceError
from epochal.present.drawing import render
from epochal.present.panel import Curve, Panel
from epochal.present.spec import FigureSpec, Provenance
from epochal.present.whence import whence

ORIGIN = Provenance(
    runs=("r-1", "r(2)\\", "größe ) -- >>"), query={"metric": "/Keywords (x) </metadata>", "n": 3},
    git=("abc+1",), data_sha256="0" * 64, made_with="Epochal 1",
)  # fmt: skip


@pytest.fixture
def drawn():
    """A figure whose names are made of the formats' own signs."""
    panel = Panel("", "loss", np.arange(3.0), lines=(Curve("a", np.ones(3)),))
    return render(FigureSpec(
        "seed_bands", (panel,), title="/Keywords (a) >> </metadata> é",
        caption="Mean over n = 3 (95 %).", provenance=ORIGIN,
    ))  # fmt: skip


@pytest.mark.parametrize("kind", ["pdf", "svg", "png", "json"])
def test_figures_say_where_they_come_from(drawn, tmp_path, kind):
    """Each format gives back runs, query, code and data, under any file name."""
    drawn.save(tmp_path / "f", formats=["pdf", "svg", "png"])
    copy = tmp_path / "renamed"
    copy.write_bytes((tmp_path / f"f.{kind}").read_bytes())
    found = whence(copy)
    assert found.provenance == ORIGIN
    assert found.figure == "seed_bands"
    assert found.points_sha256 == drawn.spec.to_dict()["points_sha256"]
    if kind != "json":
        assert found.caption == "Mean over n = 3 (95 %)."


@pytest.mark.parametrize("before", ["% ", "<!-- ", "\n\n<!-- ", "", "# "])
@pytest.mark.parametrize("after", ["\n\\begin{tabular}", " -->\n| a |", ""])
def test_texts_say_it_in_a_comment(tmp_path, before, after):
    """LaTeX, Markdown and HTML have the facts in a comment."""
    path = tmp_path / "table"
    path.write_text(f"{before}{ORIGIN.to_line()}{after}", encoding="utf-8")
    assert whence(path).provenance == ORIGIN


def test_a_pdf_that_was_appended_to(drawn, tmp_path):
    """The last version of a file's information counts."""
    data = drawn.to_bytes("pdf")
    facts = json.dumps({"figure": "new", "provenance": {"runs": ["other"]}})
    text = facts.encode("utf-16-be").hex().upper()
    data += b"\n99 0 obj\n<< /Title (a\\)b) /Keywords <FEFF" + text.encode() + b"> /N 3 0 R >>\n"
    data += b"endobj\ntrailer\n<< /Size 100 /Info 99 0 R >>\nstartxref\n0\n%%EOF"
    path = tmp_path / "new.pdf"
    path.write_bytes(data)
    assert whence(path).provenance.runs == ("other",)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_text_chunks_of_a_png(tmp_path, kind):
    """Other programs pack the text of a PNG when they copy it."""
    text = json.dumps({"provenance": {"runs": ["r"]}}).encode()
    body = {b"tEXt": text, b"zTXt": b"\0" + zlib.compress(text),
            b"iTXt": b"\1\0en\0\0" + zlib.compress(text)}[kind]  # fmt: skip
    body = b"Epochal\0" + body
    chunk = struct.pack(">I", len(body)) + kind + body + b"\0\0\0\0"
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    assert whence(path).provenance.runs == ("r",)


@pytest.mark.parametrize(
    "data",
    [b"", b"text", b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n\0\0\0\x04tEXt", b"<svg></svg>", b"{}",
     b"%PDF-1.4\n1 0 obj\n<< /Keywords (a >>\ntrailer\n<< /Info 1 0 R >>",
     b"epochal-provenance: {broken", b"<svg><dc:source>{&amp;</dc:source>"],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, data):
    """What Epochal did not make, or what is damaged, is an error that names the file."""
    path = tmp_path / "other"
    path.write_bytes(data)
    with pytest.raises(EvidenceError, match="other"):
        whence(path)


def test_many_runs(tmp_path):
    """What a file has no room for is counted."""
    origin = Provenance(runs=tuple(f"r{i}" for i in range(250)))
    path = tmp_path / "t.tex"
    path.write_text(f"% {origin.to_line()}\n")
    assert whence(path).runs_left_out == 50


def test_command(drawn, tmp_path):
    """The command prints the facts, or JSON; control characters of names do nothing."""
    figure = drawn.save(tmp_path / "f.pdf")[0]
    shown = CliRunner().invoke(command, [figure])
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert lines[0] == f"File       {figure}"
    assert "Runs       r-1" in lines
    assert "Asked      metric = /Keywords (x) </metadata>" in lines
    assert f"Data       SHA-256 {'0' * 64}" in lines
    as_json = CliRunner().invoke(command, [figure, "--json"])
    assert json.loads(as_json.output)[0]["runs"] == list(ORIGIN.runs)


def test_a_small_file_is_not_unpacked_to_more_than_memory(tmp_path):
    """A text chunk that unpacks to gigabytes is cut off, and is none."""
    packed = zlib.compress(b"{" + b" " * (64 << 20))
    body = b"Epochal\0\0" + packed
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", 0)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with pytest.raises(EvidenceError, match="cannot be understood"):
        whence(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    "facts",
    ['{"runs": 3}', '{"query": [1]}', '{"runs_left_out": [1]}', '{"runs_left_out": 1e999}',
     "{" * 100_000, '{"a":' * 100_000],
)  # fmt: skip
def test_facts_of_another_kind(tmp_path, facts):
    """What somebody wrote by hand is an error with a message, and no crash."""
    (tmp_path / "a.tex").write_text(f"% epochal-provenance: {facts}")
    with pytest.raises(EvidenceError, match="cannot be understood"):
        whence(tmp_path / "a.tex")
