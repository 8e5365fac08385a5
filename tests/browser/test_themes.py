"""Dark and light."""

import re

import pytest
from dashboard_views import expect, note


def background(page) -> list[int]:
    """The color behind everything."""
    text = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_follows_the_system(new_page, served, scheme):
    """Without a choice the system's theme is shown."""
    page = new_page(color_scheme=scheme)
    page.goto(served.url("/p/text2sign"))
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    assert (sum(background(page)) < 200) == (scheme == "dark")


def test_a_choice_is_kept_and_charts_follow(page, served, painted):
    """The button changes the theme at once, pictures too, and for the next visit."""
    page.goto(served.url("/p/text2sign"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    painted(page, 1)
    before = _colors(page)
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_function(f"before => ({COLORS})() !== before", arg=before)
    page.goto(served.url())
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_the_key_and_the_address(page, served):
    """The key d changes the theme; an address may ask for one."""
    page.goto(served.url("/p/text2sign", t="dark"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(note(page, "grad/norm")).to_contain_text("7 runs")  # keys are taken by then
    page.keyboard.press("d")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


COLORS = """() => {
  const canvas = document.querySelector(".chart-root canvas");
  return canvas ? canvas.toDataURL() : "";
}"""


def _colors(page) -> str:
    return page.evaluate(COLORS)
