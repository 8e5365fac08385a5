"""The report of a training: a page of Markdown that is a model card."""

import hashlib
import math

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt

from epochal.present.training_report import TrainingReport, literal

NASTY = [
    "a|b", "*bold*", "_under_score_", "`code`", "<script>alert(1)</script>", "&amp;", "[x](http://y)",
    "![i](j.png)", "# no heading #", "line\nbreak", "http://example.org www.example.org",
    "me@example.org", "$x^2$", "~~gone~~", "\\*", "</td>", "---", "- item", "1. first", "\x1b[2J",
    "日本語", "{{braces}}", "| --- |",
]  # fmt: skip


def rendered(markdown):
    """Text content of inline tokens, cell by cell, and the kinds of all tokens."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    texts, kinds = [], set()
    for token in tokens:
        kinds.add(token.type)
        if token.type == "inline":
            kinds |= {child.type for child in token.children}
            texts.append("".join(child.content for child in token.children))
    return texts, kinds


def body(page):
    """The page without its front matter, and the front matter read as YAML."""
    assert page.startswith("---\n")
    front, rest = page[4:].split("\n---\n", 1)
    return rest, yaml.safe_load(front)


def make(**more):
    """A report with an epoch that has everything and one that has little."""
    rows = [
        {"epoch": 1, "loss_mean": 0.123456789, "lr": 1e-4, "grad_norm": None},
        {"epoch": 2, "loss_mean": math.nan, "lr": None, "grad_norm": None},
    ]
    columns = {"epoch": "epoch", "loss_mean": "loss", "lr": "rate", "grad_norm": "gradient norm"}
    fields = {"title": "T", "summary": {"epochs": 2}, "config": {"model": {"depth": 2}},
              "rows": rows, "columns": columns}  # fmt: skip
    return TrainingReport(**{**fields, **more})


@pytest.mark.parametrize("text", NASTY)
def test_names_come_out_literally(text):
    """Whatever a title, key, value or heading contains is text and nothing else."""
    page = make(
        title=f"Report: {text}",
        summary={text: text},
        config={"key " + text: "value " + text},
        columns={"epoch": text},
    ).markdown(".")
    texts, kinds = rendered(body(page)[0])
    shown = text.encode("unicode_escape").decode() if "\n" in text or "\x1b" in text else text
    assert texts.count(shown) == 3  # both of the summary, and the heading of the table
    assert f"Report: {shown}" in texts
    assert {f"key {shown}", f"value {shown}"} <= set(texts)
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "em_open", "strong_open",
                        "code_inline", "softbreak", "hardbreak", "s_open"}  # fmt: skip


def test_addresses_do_not_become_links():
    """GitHub makes links of bare addresses and of @names; not of these."""
    found = literal("see https://example.org, www.example.org, @someone, me@example.org")
    assert "://" not in found
    assert "www." not in found
    assert found.count("\\@") == found.count("@") == 2


def test_front_matter_is_a_model_card():
    """The page begins with YAML; further keys are kept, and cannot end it early."""
    metadata = {"license": "apache-2.0", "tags": ["ddpm"], "note": "a\n---\nb: 'c\" #"}
    rest, front = body(make(metadata=metadata).markdown("."))
    assert front == {**metadata, "tags": ["epochal", "ddpm"]}
    assert rest.startswith("\n# T\n")


def test_table_of_epochs():
    """Numbers in five digits, NaN by name, nothing for what is missing, and what never was."""
    page = make().markdown(".")
    assert "| epoch | loss | rate |" in page
    assert "| 1 | 0.12346 | 0.0001 |" in page
    assert "| 2 | NaN |  |" in page
    assert "Not measured: gradient norm." in page


def test_secrets_are_redacted():
    """A token in the config does not get into a page that is made to be published."""
    page = make(config={"hub": {"token": "hf_secret123"}, "lr": 0.1}).markdown(".")
    assert "hf_secret123" not in page
    assert "\\[redacted\\]" in page


def test_figures_and_manifest(tmp_path):
    """Figures are linked relative to the page; the manifest has sizes and hashes."""
    (tmp_path / "my plots").mkdir()
    picture = tmp_path / "my plots" / "loss (1).png"
    picture.write_bytes(b"123")
    report = make(
        figures={"Loss [1]": str(picture), "Gone": str(tmp_path / "gone.png")},
        files=[str(picture), str(tmp_path / "gone.png")],
    )
    path = report.save(tmp_path / "training_report.md")
    with open(path, encoding="utf-8") as file:
        page = file.read()
    assert "![Loss \\[1\\]](my%20plots/loss%20%281%29.png)" in page
    assert "the file gone.png is missing" in page
    texts, kinds = rendered(body(page)[0])
    assert "image" in kinds
    assert hashlib.sha256(b"123").hexdigest() in texts
    assert "my plots/loss (1).png" in texts
    assert "gone.png" not in texts


def test_empty_report():
    """A training of which nothing is known yet gives a page that says so."""
    page = TrainingReport("T", {}, {}, [], {}).markdown(".")
    for said in (
        "No configuration was given.",
        "No epoch has ended yet.",
        "No figures were drawn.",
    ):
        assert said in page


def test_metadata_of_any_kind(tmp_path):
    """Paths, NumPy numbers and tuples in the metadata become plain YAML."""
    metadata = {"base_model": tmp_path, "score": np.float64(0.5), "tags": ("a", "epochal")}
    page = TrainingReport("T", {}, {}, [], {}, metadata=metadata).markdown(".")
    found = yaml.safe_load(page.split("---")[1])
    assert found == {"base_model": str(tmp_path), "score": 0.5, "tags": ["epochal", "a"]}
