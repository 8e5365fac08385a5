"""Figures and tables for a paper."""

import re

import pytest
from dashboard_views import expect


@pytest.fixture
def paper(page, served):
    """The page of a project's figures and tables."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    page.goto(served.url("/paper/text2sign"))
    heading = page.get_by_role("heading", name="Figures and tables for a paper")
    expect(heading).to_be_visible()
    return page


def test_figures_are_shown_and_downloaded(paper):
    """What can be made of the runs is drawn; PDF, SVG and PNG are files of their kind."""
    figure = paper.get_by_role("article", name="Settings compared")
    figure.scroll_into_view_if_needed()
    image = figure.get_by_role("img")
    image.evaluate("image => image.decode()")
    for kind, begin in (("PDF", b"%PDF"), ("PNG", b"\x89PNG"), ("SVG", b"<?xm")):
        with paper.expect_download() as download:
            figure.get_by_role("link", name=re.compile(f"{kind}$")).click()
        with open(download.value.path(), "rb") as file:
            assert file.read(4) == begin


def test_each_figure_has_a_width_of_its_own(paper):
    """Chosen for one figure it stands in the address, in its preview and in its files."""
    curves = paper.get_by_role("article", name="Training curves")
    rate = paper.get_by_role("article", name="Learning rate")
    width = curves.get_by_role("combobox", name="Width of Training curves")
    expect(width.locator("option:checked")).to_have_text("As it fits: full width")
    width.select_option("single")
    paper.get_by_role("button", name="Full width").click()
    expect(paper).to_have_url(re.compile("pw=training_curves(:|%3A)single"))
    expect(rate.get_by_role("combobox").locator("option:checked")).to_have_text(
        "As all: full width"
    )
    paper.reload()
    expect(width).to_have_value("single")
    for figure, column in ((curves, "single"), (rate, "full")):
        for kind in ("PDF", "SVG", "PNG"):
            link = figure.get_by_role("link", name=re.compile(f"{kind}$"))
            expect(link).to_have_attribute("href", re.compile(f"column={column}"))
    curves.scroll_into_view_if_needed()
    picture = curves.get_by_role("img", name="Training curves")
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") == pytest.approx(3.5 * 150, abs=2)
    paper.get_by_role("combobox", name="Venue").select_option("neurips")  # it has one width
    expect(curves.get_by_role("combobox")).to_have_count(0)


def test_a_project_of_one_run_says_what_it_lacks(page, served):
    """Nothing can be compared, and the page says what would be needed."""
    page.goto(served.url("/paper/speech"))
    expect(page.locator("main")).to_contain_text("What cannot be made of these runs, and why")
    expect(page.locator("main .reasons dd").first).not_to_be_empty()


def test_what_cannot_be_made_says_why(paper):
    """Each figure that is missing has its reason."""
    expect(paper.locator("main")).to_contain_text("It shows one run, and 7 are chosen.")


def test_tables_as_latex_markdown_and_csv(paper):
    """A table's forms are shown as text."""
    table = paper.get_by_role("region", name="Settings compared")
    expect(table.get_by_role("table")).to_contain_text("lr=0.01")
    for form, text in (("LaTeX", "\\toprule"), ("Markdown", "|"), ("CSV", ",")):
        table.get_by_role("button", name=form).click()
        expect(table).to_contain_text(text)


def test_the_venue_stands_in_the_address_and_in_the_figure(paper):
    """A venue's width is asked of the server."""
    with paper.expect_request(lambda request: "venue=" in request.url):
        paper.get_by_role("combobox", name="Venue").select_option(index=4)
    expect(paper).to_have_url(re.compile("ve="))
    before = paper.url
    paper.reload()
    expect(paper.get_by_role("combobox", name="Venue")).not_to_have_value("")
    assert paper.url == before
