"""Accessibility: axe finds nothing serious on any page, in either theme."""

import pytest
from dashboard_views import chart, expect, note

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")

SERIOUS = ("serious", "critical")
BLOCKED = ["Content Security Policy", "Blocked a frame", "blocked"]
PAGES = {
    "projects": "/",
    "runs": "/p/text2sign",
    "table": "/p/text2sign?tw=1&od=0",
    "grouped": "/p/text2sign?g=config.lr",
    "wrong filter": "/p/text2sign?f=1%20%2B",
    "empty": "/p/text2sign?f=config.lr%20%3E%201000",
    "overview": "/r/{first}",
    "failed": "/r/{failed}",
    "charts": "/r/{first}/charts",
    "media": "/r/{first}/media",
    "console": "/r/{first}/console",
    "files": "/r/{first}/files",
    "diff": "/c/text2sign/diff?runs={some}",
    "curves": "/c/text2sign/curves?runs={some}",
    "parallel": "/c/text2sign/parallel?runs={some}",
    "scatter": "/c/text2sign/scatter?runs={some}",
    "seeds": "/c/text2sign/seeds?runs={some}",
    "paper": "/paper/text2sign",
    "nowhere": "/nowhere",
}


@pytest.fixture
def check():
    """Runs axe on a page and fails on what is serious."""

    def run(page):
        found = axe_playwright.Axe().run(page, options={"resultTypes": ["violations"]})
        serious = [each for each in found.response["violations"] if each["impact"] in SERIOUS]
        told = [
            f"{each['id']} ({each['impact']}): {each['help']}\n"
            + "\n".join(f"    {node['html'][:160]}" for node in each["nodes"][:4])
            for each in serious
        ]
        assert not told, "\n".join(told)

    return run


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_serious_finding(new_page, served, run_id, check, name, theme):
    """Each page as it is first seen."""
    page = new_page(color_scheme=theme, reduced_motion="reduce")
    page.watch.expected += [*BLOCKED, "400"]
    runs = [run_id(f"adam-{lr}-s{seed}") for lr in ("0-001", "0-01") for seed in range(3)]
    where = PAGES[name].format(first=runs[0], failed=run_id("unstable"), some=",".join(runs))
    page.goto(f"{served.origin}/#{where}")
    expect(page.locator("main h1").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_text("Loading …")).to_have_count(0)
    check(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_finding_over_the_page(new_page, served, check, theme):
    """Help, palette, menus, full screen and a table of values."""
    page = new_page(color_scheme=theme, reduced_motion="reduce")
    page.goto(served.url("/p/text2sign"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    for key in ("?", "Control+k"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        check(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Choose the columns").click()
    check(page)
    page.keyboard.press("Escape")
    card = chart(page, "grad/norm")
    card.get_by_role("button", name="grad/norm in full screen").click()
    expect(page.get_by_role("dialog", name="grad/norm")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    card.get_by_role("button", name="More for grad/norm").click()
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)
