"""The page of HTML: escaped, complete without a network, and usable by everybody."""

import os
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from hostile import NAMES, squeezed, visible

from epochal.core.names import printable
from epochal.markup.cells import Column, Number
from epochal.media.png import encode
from epochal.present.page import Link, Page, number, png_size

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Read(HTMLParser):
    """What a browser sees: tags with attributes, and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        """Keep it; what is open must be closed in order."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """It must be the one that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Keep text, but not that of the style."""
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    def of(self, tag):
        """Attributes of all tags of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def full(name, folder):
    """A page in which everything is called the same."""
    page = Page(name, str(folder), f"epochal-provenance: {name!a}")
    page.lead(name)
    page.section(name)
    page.heading(name)
    page.paragraph(name)
    page.bullets([name])
    page.verdict("better", name)
    page.verdict(name, name)
    page.source(name, name)
    page.table(
        (Column(name), Column(name, "r", name, "up")),
        [(name, Number(1.5, mark=name)), (Link(name, str(folder / "x.md")), name)], name,
    )  # fmt: skip
    page.begin_details("run1", name, name, is_open=True)
    page.end_details()
    page.figures([(str(folder / "a.png"), name, [])])
    return page


@pytest.mark.parametrize("name", NAMES)
def test_names_come_out_literally(tmp_path, name):
    """No name makes a tag, an attribute or a comment, and each is to be read."""
    plain = Read(full("plain", tmp_path).html())
    found = Read(full(name, tmp_path).html())
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(each) for _, each in found.tags] == [sorted(each) for _, each in plain.tags]
    assert squeezed("".join(found.text)).count(visible(printable(name))) >= 12


def test_nothing_comes_from_elsewhere(tmp_path):
    """No script, no address, and a policy that would forbid them."""
    (tmp_path / "x.md").write_text("x")
    found = Read(full("a", tmp_path).html())
    assert not found.of("script")
    assert not found.of("link")
    addresses = [each[key] for _, each in found.tags for key in ("href", "src") if key in each]
    assert addresses
    assert all(each.startswith(("./", "#")) for each in addresses)
    (policy,) = [m["content"] for m in found.of("meta") if m.get("http-equiv")]
    assert policy.startswith("default-src 'none'")


def test_links_lead_to_files(tmp_path):
    """A name with spaces, a colon, a percent sign or a hash is still the name of a file."""
    folder = tmp_path / "50% a#b?c: d"
    folder.mkdir()
    file = folder / "ünï.md"
    file.write_text("x")
    page = Page("t", str(tmp_path))
    page.files([str(file), str(folder / "not there.md")])
    (link,) = [a for a in Read(page.html()).of("a") if a["href"].startswith("./")]
    assert os.path.samefile(tmp_path / unquote(link["href"]), file)


def test_everybody_can_use_it(tmp_path):
    """Language, landmarks, a way past the contents, alternatives, captions and scopes."""
    found = Read(full("a", tmp_path).html())
    assert found.of("html")[0]["lang"] == "en"
    for landmark in ("header", "main", "nav"):
        assert len(found.of(landmark)) == 1
    assert found.of("a")[0] == {"class": "skip", "href": "#main"}
    assert all(image["alt"] for image in found.of("img"))
    assert {each["scope"] for each in found.of("th")} == {"col", "row"}
    assert found.of("caption")
    assert len(found.of("h1")) == 1


def test_light_dark_and_paper(tmp_path):
    """The page follows the reader's scheme and has rules for paper and small screens."""
    html = full("a", tmp_path).html()
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 40rem"):
        assert rule in html
    assert '<meta name="color-scheme" content="light dark">' in html


def test_contents_lead_to_sections(tmp_path):
    """Each section is in the contents, under an id of its own."""
    page = Page("t", str(tmp_path))
    page.section("one")
    page.section("two")
    found = Read(page.html())
    ids = [each["id"] for each in found.of("h2")]
    assert [each["href"] for each in found.of("a")[1:]] == [f"#{each}" for each in ids]


def test_numbers():
    """Errors, powers of ten, real minus signs and emphasis."""
    assert number(Number(3.27837, 0.00142)) == "3.2784 ± 0.0014"
    assert (
        number(Number(-1e-9))
        == "\N{MINUS SIGN}1 \N{MULTIPLICATION SIGN} 10<sup>\N{MINUS SIGN}9</sup>"
    )
    assert number(Number(2.0, bold=True, underline=True)) == "<strong><u>2</u></strong>"
    assert number(Number(float("nan"))) == "NaN"


def test_size_of_a_png(tmp_path):
    """Width and height come from the file; what is no PNG has none."""
    path = tmp_path / "a.png"
    path.write_bytes(encode(np.zeros((3, 5, 3), np.uint8)))
    assert png_size(str(path)) == (5, 3)
    path.write_bytes(b"GIF89a")
    assert png_size(str(path)) is None
    assert png_size(str(tmp_path / "none.png")) is None
