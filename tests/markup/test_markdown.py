"""Markdown that shows names as they are."""

import re

import pytest
from hostile import NAMES, squeezed, visible
from markdown_it import MarkdownIt

from epochal.core.names import printable
from epochal.markup.cells import Column, Number
from epochal.markup.html import escape
from epochal.markup.markdown import comment, literal, number, table

ALLOWED = {"p", "table", "thead", "tbody", "tr", "th", "td", "strong"}


def rendered(text):
    """HTML as GitHub's dialect makes it, tables included."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)


def tags(page):
    """Names of the tags in a page of HTML."""
    return set(re.findall(r"<\s*/?\s*([a-zA-Z!][a-zA-Z0-9]*)", page))


def texts(page):
    """What a reader sees of a page of HTML."""
    from html import unescape

    return squeezed(unescape(re.sub(r"<[^>]*>", "|", page)))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_literally(name):
    """As a heading of a table and in its cells, no name becomes markup, a link or HTML."""
    page = rendered(table([f"h {name}"], [[f"c {name}"], [Number(1.0, mark=name)]]))
    assert tags(page) <= ALLOWED
    shown = visible(printable(name))
    assert f"|h{shown}|" in texts(page)
    assert f"|c{shown}|" in texts(page)


@pytest.mark.parametrize("name", NAMES)
def test_comments_stay_comments(name):
    """What stands in a comment never ends it."""
    page = rendered(f"{comment(name)}\n\nafter")
    assert page.startswith("<!-- ")
    assert page.count("-->") == 1
    assert page.endswith("-->\n<p>after</p>\n")


@pytest.mark.parametrize("name", NAMES)
def test_html_is_shown_literally(name):
    """Between tags and in a quoted attribute."""
    page = f'<p title="{escape(name)}">{escape(name)}</p>'
    assert tags(page) == {"p"}
    assert page.count('"') == 2
    assert visible(printable(name)) in texts(page)


def test_numbers():
    """Value, error, power of ten, emphasis and mark."""
    assert number(Number(3.27837, 0.00142)) == "3.2784 ± 0.0014"
    assert number(Number(200_000)) == "200,000"
    assert number(Number(1.5e-7, 3e-9)) == "(1.500 ± 0.030) \u00d7 10⁻⁷"
    assert number(Number(0.5, bold=True, mark="†")) == "**0.5**†"
    assert number(Number(float("nan"), 0.1)) == "NaN"


def test_columns_are_aligned():
    """The rule below the headings says how; without it, nothing."""
    assert table(["a", "b", "c"], [], align="lcr").splitlines()[1] == "|---|:---:|---:|"
    assert table(["a", "b"], []).splitlines()[1] == "|---|---|"


def test_headings_have_unit_and_arrow():
    """In one line of plain text."""
    assert Column("val/loss", unit="nats", arrow="down").title == "val/loss (nats) ↓"
    assert Column("acc", arrow="up").title == "acc ↑"


def test_what_is_empty():
    """None is an empty cell; a literal of nothing is nothing."""
    assert table(["a"], [[None]]).splitlines()[-1] == "|  |"
    assert literal("") == ""
