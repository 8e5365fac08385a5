"""The keyboard alone."""

import re

import pytest
from dashboard_views import chart, drag, expect, expect_hash, expect_names, names, note


@pytest.fixture
def table(page, served):
    """The runs page."""
    page.goto(served.url("/p/text2sign", so="name"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    return page


def test_keys_move_hide_select_and_compare(table):
    """Keys j and k move, space hides, x selects, c compares."""
    order = names(table)
    table.keyboard.press("j")
    expect(table.locator("tr.row-current")).to_contain_text(order[0])
    table.keyboard.press("j")
    table.keyboard.press("j")
    table.keyboard.press("k")
    expect(table.locator("tr.row-current")).to_contain_text(order[1])
    table.keyboard.press(" ")
    expect(note(table, "grad/norm")).to_contain_text("6 runs")
    table.keyboard.press("x")
    table.keyboard.press("j")
    table.keyboard.press("x")
    expect(table.get_by_role("group", name="Selected runs")).to_contain_text("2 runs")
    table.keyboard.press("c")
    expect_hash(table, "/c/text2sign")


def test_slash_filters_and_typing_is_no_command(table):
    """Letters in the box are text."""
    table.keyboard.press("/")
    table.keyboard.type("unstable j k l d")
    expect(table.get_by_role("textbox", name="Filter the runs")).to_have_value("unstable j k l d")
    expect(table.locator("html")).to_have_attribute("data-theme", "light")
    for _ in range(8):
        table.keyboard.press("Backspace")
    expect_names(table, ["unstable"])
    table.keyboard.press("Escape")


def test_keys_for_charts(table):
    """Key l is logarithmic, s smooths, f fills the screen, r resets the zoom."""
    table.keyboard.press("l")
    expect_hash(table, "ly=1")
    table.keyboard.press("l")
    expect(table).not_to_have_url(re.compile("ly="))
    table.keyboard.press("s")
    table.keyboard.press("ArrowRight")
    expect_hash(table, "h=")
    table.keyboard.press("Escape")
    drag(table, "grad/norm", 0.3, 0.6)
    expect_hash(table, "r=")
    table.keyboard.press("r")
    expect(table).not_to_have_url(re.compile("[?&]r="))
    note(table, "grad/norm").hover()
    table.keyboard.press("f")
    expect(table.get_by_role("dialog")).to_be_visible()
    table.keyboard.press("Escape")
    expect(table.get_by_role("dialog")).to_have_count(0)


def test_help_lists_the_keys(table):
    """? opens the list, Escape closes it and focus returns."""
    table.keyboard.press("?")
    dialog = table.get_by_role("dialog", name="Help")
    for text in ("Filter", "Next run", "Logarithmic y", "Dark or light", "Move the cursor"):
        expect(dialog).to_contain_text(text)
    table.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


EVERYWHERE = {"?", "d", "Escape", "Ctrl K"}
ON_CHARTS = {"l", "s", "g", "r", "f", "← →", "Home End", "↑ ↓", "Enter", "+ -"}
ON_THE_TABLE = {"/", "j", "k", "Space", "x", "p", "c"}


def test_help_lists_what_works_on_this_page(page, served, run_id):
    """Each page lists its own keys; those of charts and of the table only where they are."""
    run = run_id("adam-0-001-s0")
    for where, shown, expected in (
        ("/", "heading[name=Projects]", set()),
        ("/p/text2sign", "article", ON_THE_TABLE | ON_CHARTS),
        (f"/r/{run}/charts", "article", ON_CHARTS),
        (f"/r/{run}/media?k=text:story", "slider", {"[", "]"}),
        ("/c/text2sign/parallel", "parallel", {"↑ ↓", "Page ↑ Page ↓", "Delete", "← →"}),
    ):
        page.goto("about:blank")  # or what the page before shows could be taken for this one's
        page.goto(served.url(where))
        expect(page.locator(SHOWN[shown]).first).to_be_visible()
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Help")
        expect(dialog).to_be_visible()
        found = {" ".join(text.split()) for text in dialog.locator(".keys dt").all_inner_texts()}
        assert found - EVERYWHERE == expected, where
        page.keyboard.press("Escape")


SHOWN = {
    "heading[name=Projects]": "main h1", "article": ".chart-root canvas",
    "slider": "input[type=range]", "parallel": ".brush-area",
}  # fmt: skip


def test_more_keys_of_the_table(table):
    """Key p pins, g goes to the groups, Enter opens the run, and Back comes back."""
    for _ in range(7):
        table.keyboard.press("j")
    expect(table.locator("tr.row-current")).to_contain_text("unstable")
    table.keyboard.press("p")
    expect(table.locator("tbody th a.name").first).to_have_text("unstable")
    table.keyboard.press("g")
    expect(table.get_by_role("combobox", name="group")).to_be_focused()
    table.keyboard.press("Escape")
    table.evaluate("document.activeElement.blur()")
    table.keyboard.press("Enter")
    expect(table.get_by_role("heading", name="unstable", level=1)).to_be_visible()
    table.go_back()
    expect(table.locator("tbody th a.name").first).to_have_text("unstable")


def test_a_chart_is_used_without_a_pointer(table):
    """Arrows walk through points and curves, Enter pins the values, Escape leaves, - zooms out."""
    card = chart(table, "grad/norm")
    picture = card.get_by_role("group", name=re.compile("grad.norm"))
    said = picture.locator("[aria-live]")
    picture.focus()
    table.keyboard.press("Home")
    expect(said).to_have_text(re.compile("^step 0: .* of 7$"))
    first = said.inner_text()
    table.keyboard.press("ArrowDown")
    expect(said).not_to_have_text(first)
    table.keyboard.press("Shift+ArrowRight")
    expect(said).to_have_text(re.compile("^step 10:"))
    table.keyboard.press("Enter")
    expect(table.get_by_role("dialog", name="Values at step 10")).to_be_visible()
    table.keyboard.press("Escape")
    expect(table.get_by_role("dialog")).to_have_count(0)
    table.keyboard.press("+")
    expect_hash(table, "r=")
    table.keyboard.press("-")
    table.keyboard.press("r")
    expect(table).not_to_have_url(re.compile("[?&]r="))


def test_the_palette_goes_anywhere(table):
    """Ctrl-K finds runs, projects, metrics and commands."""
    table.keyboard.press("Control+k")
    table.keyboard.type("0.01-s1")
    expect(table.locator("#palette-list [role=option]").first).to_contain_text("adam-0.01-s1")
    table.keyboard.press("Enter")
    expect(table.get_by_role("heading", name="adam-0.01-s1", level=1)).to_be_visible()
    table.keyboard.press("Control+k")
    table.keyboard.type("speech")
    table.keyboard.press("Enter")
    expect_names(table, ["baseline"])


def test_tab_reaches_the_content_and_shows_where_it_is(table):
    """The first stop skips to the content; whatever has focus has a ring."""
    table.evaluate("document.activeElement.blur()")
    table.keyboard.press("Tab")
    expect(table.get_by_role("link", name="Skip to the content")).to_be_focused()
    table.keyboard.press("Enter")
    expect(table.locator("#content")).to_be_focused()
    seen = set()
    for _ in range(25):
        table.keyboard.press("Tab")
        found = table.evaluate(FOCUS)
        assert found["ring"], f"no focus ring on {found['name']}"
        seen.add(found["name"])
    assert len(seen) > 15


FOCUS = """() => {
  const element = document.activeElement, style = getComputedStyle(element);
  const around = element.closest("label, .search, .filter-line, .input") ?? element;
  const shown = one => one.outlineStyle !== "none" && parseFloat(one.outlineWidth) > 0
    || one.boxShadow !== "none";
  return { ring: shown(style) || shown(getComputedStyle(around)),
           name: element.outerHTML.slice(0, 120) };
}"""
