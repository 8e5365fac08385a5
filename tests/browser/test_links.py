"""Every view has an address that leads back to it."""

import pytest
from dashboard_views import chart, expect, expect_hash, expect_names, note


def test_a_view_is_rebuilt_from_its_address(new_page, served):
    """Filter, sort, columns, group, smoothing, log, range, theme: another browser sees the same."""
    query = {
        "f": "config.lr < 0.5", "so": "name", "co": 'steps,summary["val/loss"].min',
        "g": "config.lr", "gs": "range", "h": "20", "ly": "1", "r": "20,120", "t": "dark",
        "m": "train/",
    }  # fmt: skip
    page = new_page()
    page.goto(served.url("/p/text2sign", **query))
    expect(note(page, "train/loss")).to_contain_text("2 groups of 6 runs")
    expect(page.get_by_role("textbox", name="Filter the runs")).to_have_value("config.lr < 0.5")
    expect(page.locator("thead")).to_contain_text("val/loss min")
    expect(page.get_by_role("combobox", name="group", exact=True)).to_have_value("config.lr")
    expect(page.locator("output")).to_have_text("20 steps")
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Reset zoom")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("article")).to_have_count(2)
    assert page.url == served.url("/p/text2sign", **query) or "#/p/text2sign?" in page.url


def test_back_and_forward_walk_through_views(page, served, run_id):
    """Projects, runs, a run and its parts."""
    page.goto(served.url())
    page.get_by_role("link", name="text2sign").click()
    page.get_by_role("link", name="unstable").click()
    expect(page.get_by_role("heading", name="unstable", level=1)).to_be_visible()
    page.get_by_role("link", name="Console").click()
    expect_hash(page, f"/r/{run_id('unstable')}/console")
    page.go_back()
    page.go_back()
    expect(page.get_by_role("link", name="unstable")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("heading", name="unstable", level=1)).to_be_visible()


def test_a_link_can_be_copied(page, served):
    """The palette copies the address."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(served.url("/p/text2sign", f="unstable"))
    expect_names(page, ["unstable"])
    page.keyboard.press("Control+k")
    page.keyboard.type("copy a link")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "async url => (await navigator.clipboard.readText()) === url", arg=page.url
    )


@pytest.mark.parametrize("text", ["/p/no-such-project", "/nowhere", "/p/%%%", "/c/no-such/diff"])
def test_an_address_that_leads_nowhere_says_so(page, served, text):
    """No empty page, no error of a script."""
    page.watch.expected.append("404")
    page.goto(f"{served.origin}/#{text}")
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("main").get_by_role("link").first).to_be_visible()


def test_odd_values_in_an_address_do_no_harm(page, served):
    """Ranges, numbers and names that make no sense are left out of account."""
    odd = {"r": "b,a", "h": "-1e999", "x": "nothing", "so": "((", "g": "config.none", "mx": "-3"}
    page.goto(served.url("/p/text2sign", f="config.lr < 0.5", **odd))
    expect(page.get_by_role("link", name="adam-0.01-s1")).to_be_visible()
    expect(page.get_by_role("article").first).to_be_visible()
    assert chart(page, "train/loss by nothing").count() + page.get_by_role("article").count() > 0
