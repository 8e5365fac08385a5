"""Accessibility: axe finds nothing serious on any page, in either theme."""

import pytest
from dashboard_views import chart, expect, note

BLOCKED = ["Content Security Policy", "Blocked a frame", "blocked"]
PAGES = {
    "projects": "/",
    "runs": "/p/text2sign",
    "table": "/p/text2sign?tw=1&od=0",
    "grouped": "/p/text2sign?g=config.lr",
    "robust": "/p/text2sign?rb=1&ly=1&lx=1&h=10&r=20,120",
    "wrong filter": "/p/text2sign?f=1%20%2B",
    "none passes": "/p/text2sign?f=config.lr%20%3E%201000",
    "overview": "/r/{first}",
    "code": "/r/{code}",
    "failed": "/r/{failed}",
    "charts": "/r/{first}/charts",
    "system": "/r/{first}/system",
    "media": "/r/{first}/media",
    "histogram": "/r/{first}/media?k=media:weights",
    "no media": "/r/{failed}/media",
    "console": "/r/{first}/console",
    "no console": "/r/{failed}/console",
    "files": "/r/{code}/files?file=labels.txt",
    "diff": "/c/text2sign/diff?runs={some}",
    "changed code": "/c/vision/diff?runs={both}",
    "none compared": "/c/text2sign/diff",
    "curves": "/c/text2sign/curves?runs={some}",
    "parallel": "/c/text2sign/parallel?runs={some}",
    "scatter": "/c/text2sign/scatter?runs={some}",
    "seeds": "/c/text2sign/seeds?runs={some}",
    "paper": "/paper/text2sign",
    "no paper": "/paper/speech",
    "nowhere": "/nowhere",
}


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_finding(page, served, run_id, accessible, name):
    """Each page as it is first seen."""
    page.watch.expected += [*BLOCKED, "400"]
    runs = [run_id(f"adam-{lr}-s{seed}") for lr in ("0-001", "0-01") for seed in range(3)]
    both = [run_id(f"resnet-{width}") for width in (8, 16)]
    where = PAGES[name].format(
        first=runs[0], failed=run_id("unstable"), some=",".join(runs), code=both[1],
        both=",".join(both),
    )  # fmt: skip
    page.goto(f"{served.origin}/#{where}")
    expect(page.locator("main h1").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_text("Loading …")).to_have_count(0)
    accessible(page)


def test_no_serious_finding_over_the_page(page, served, accessible):
    """Help, palette, menus, full screen and a table of values."""
    page.goto(served.url("/p/text2sign"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    for key in ("?", "Control+k"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    for menu in ("Choose the columns", "More for unstable", "Share"):
        page.get_by_role("button", name=menu, exact=True).click()
        accessible(page)
        page.keyboard.press("Escape")
    card = chart(page, "grad/norm")
    card.get_by_role("button", name="grad/norm in full screen").click()
    expect(page.get_by_role("dialog", name="grad/norm")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    card.get_by_role("button", name="More for grad/norm").click()
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    accessible(page)


def test_no_serious_finding_in_what_is_edited(editor, writable, run_id, accessible):
    """The fields for tags, notes, names, charts and annotations, and a picture enlarged."""
    editor.watch.expected += BLOCKED
    editor.goto(writable.url("/p/text2sign", sel=run_id("adam-0-01-s0")))
    expect(note(editor, "grad/norm")).to_contain_text("7 runs")
    accessible(editor)
    editor.get_by_role("button", name="chart", exact=True).click()
    expect(editor.get_by_role("dialog", name="New chart")).to_be_visible()
    accessible(editor)
    editor.goto(writable.url(f"/r/{run_id('adam-0-01-s0')}"))
    side = editor.get_by_role("region", name="Notes and tags")
    side.get_by_role("button", name="Add a tag").click()
    side.get_by_role("button", name="Write notes").click()
    notes = editor.get_by_role("region", name="Annotations")
    notes.get_by_role("button", name="Annotate").click()
    notes.get_by_label("What is to be seen").fill("to be edited")
    notes.get_by_role("button", name="Add").click()
    notes.get_by_role("button", name="Edit “to be edited”").click()
    notes.get_by_role("button", name="Annotate").click()
    editor.get_by_role("button", name="Rename the run").click()
    expect(editor.get_by_role("textbox", name="Name of the run")).to_be_visible()
    accessible(editor)
    editor.goto(writable.url(f"/r/{run_id('adam-0-001-s0')}/media", k="media:samples/image"))
    editor.get_by_role("button", name="Enlarge sample at 199").click()
    expect(editor.get_by_role("dialog")).to_be_visible()
    accessible(editor)


def test_no_serious_finding_before_anything_is_recorded(page, serve, tmp_path, accessible):
    """An empty folder, and the page that asks for a link."""
    (tmp_path / "empty").mkdir()
    page.watch.expected.append("401")
    served = serve(tmp_path / "empty", "--token")
    page.goto(served.origin)
    expect(page.get_by_role("heading", name="Epochal")).to_be_visible()
    accessible(page)
    page.get_by_role("textbox", name="Token or whole link").fill("not the token")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    accessible(page)
    page.get_by_role("textbox", name="Token or whole link").fill(served.entry)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("main")).to_contain_text("epochal.init(")
    accessible(page)
