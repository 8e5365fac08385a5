"""Where things are on the dashboard's pages, for the tests of this folder."""

import re

import pytest

pytest.importorskip("playwright", reason="needs Playwright, which drives the browser")

from playwright.sync_api import Page, expect


def chart(page: Page, title: str):
    """The card of a chart."""
    heading = page.get_by_role("heading", name=title, exact=True, level=3)
    return page.get_by_role("article").filter(has=heading)


def note(page: Page, title: str):
    """The line below a chart that says what is drawn."""
    return chart(page, title).locator(".chart-note")


def names(page: Page) -> list[str]:
    """The names of the runs in the table, from top to bottom."""
    return page.locator("tbody th a.name").all_inner_texts()


def expect_names(page: Page, expected: list[str]) -> None:
    """Waits until the table has these runs in this order."""
    expect(page.locator("tbody th a.name")).to_have_text(expected)


def drag(page: Page, title: str, start: float, stop: float) -> None:
    """Drags over a chart from one share of its width to another, once it shows its points."""
    expect(note(page, title)).to_contain_text("point")
    over = chart(page, title).locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (start + stop) / 2, middle, steps=4)
    page.mouse.move(box["x"] + box["width"] * stop, middle, steps=4)
    page.mouse.up()


def expect_hash(page: Page, pattern: str) -> None:
    """Waits until the address after # fits a regular expression."""
    expect(page).to_have_url(re.compile(f"#.*{pattern}"))


def values(page: Page, title: str, of: str = "") -> dict[str, list[str]]:
    """Opens a chart's values as a table and returns its rows by their first cell; closes it.

    The title has more than the metric where x is not the step: `of` is the metric then.
    """
    chart(page, title).get_by_role("button", name=f"More for {of or title}").click()
    page.get_by_role("button", name="Show as table").click()
    dialog = page.get_by_role("dialog", name=f"Table of {title}")
    found = {}
    while True:
        expect(dialog.locator("tbody tr").first).to_be_visible()
        rows = dialog.locator("tbody").evaluate(CELLS)
        found |= {first: others for first, *others in rows}
        more = dialog.get_by_role("button", name="Rows after")
        if not more.count() or more.is_disabled():
            break
        more.click()
        expect(dialog.locator("tbody th").first).not_to_have_text(rows[0][0])
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    return found


def picture(page, title: str) -> str:
    """What the canvases of a chart show, once its curves are painted."""
    page.wait_for_function(CURVES, arg=title)
    return page.evaluate(PICTURE, title)


PICTURE = """title => {
  const card = [...document.querySelectorAll("article")].find(
    one => one.querySelector("h3")?.textContent === title);
  return [...card.querySelectorAll("canvas")].map(canvas => canvas.toDataURL()).join();
}"""


CURVES = """title => {
  const card = [...document.querySelectorAll("article")].find(
    one => one.querySelector("h3")?.textContent === title);
  const drawn = card?.querySelector("canvas.chart-layer");
  if (!drawn?.width || !drawn.height) return false;
  const copy = new OffscreenCanvas(drawn.width, drawn.height);  // reading slows a canvas down
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(drawn, 0, 0);
  const { data } = context.getImageData(0, 0, drawn.width, drawn.height);
  return data.some((value, i) => i % 4 === 3 && value > 0);
}"""


CELLS = "body => [...body.rows].map(row => [...row.cells].map(cell => cell.textContent))"
