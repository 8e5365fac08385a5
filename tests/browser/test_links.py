"""Every view has an address that leads back to it."""

import contextlib
import re

import pytest
from dashboard_views import chart, drag, expect, expect_hash, expect_names, note


def test_a_view_is_rebuilt_from_its_address(page, served):
    """Filter, sort, columns, group, smoothing, log, range, theme: an address says them all."""
    query = {
        "f": "config.lr < 0.5", "so": "name", "co": 'steps,summary["val/loss"].min',
        "g": "config.lr", "gs": "range", "h": "20", "ly": "1", "r": "20,120", "t": "dark",
        "m": "train/",
    }  # fmt: skip
    page.goto(served.url("/p/text2sign", **query))
    expect(note(page, "train/loss")).to_contain_text("2 groups of 6 runs")
    expect(page.get_by_role("textbox", name="Filter the runs")).to_have_value("config.lr < 0.5")
    expect(page.locator("thead")).to_contain_text("val/loss min")
    expect(page.get_by_role("combobox", name="group", exact=True)).to_have_value("config.lr")
    expect(page.get_by_role("combobox", name="Band of a group")).to_have_value("range")
    expect(page.locator("output")).to_have_text("20 steps")
    expect(page.get_by_role("button", name="log y")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Reset zoom")).to_be_enabled()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("article")).to_have_count(2)


def color_of(dot) -> str:
    """The number of a dot's color, once that is known."""
    expect(dot).to_have_attribute("style", re.compile(r"--run-\d+"))
    return re.search(r"--run-\d+", dot.get_attribute("style"))[0]


def test_a_run_has_one_color_on_every_page(page, served, run_id):
    """By its place in the project: whatever this browser has looked at before."""
    ids = {name: run_id(name) for name in ("unstable", "adam-0-01-s1", "adam-0-001-s0")}
    colors = []
    for each in ids.values():
        page.goto("about:blank")  # or the dot of the run before may still be there
        page.goto(served.url(f"/r/{each}"))
        colors.append(color_of(page.locator(".page-title .run-dot")))
    assert len(set(colors)) == 3
    page.goto(served.url("/c/text2sign/diff", runs=",".join(ids.values())))
    heads = page.get_by_role("group", name="Differences").locator("th .run-dot")
    expect(heads).to_have_count(3)
    assert [color_of(heads.nth(i)) for i in range(3)] == colors
    chips = page.get_by_role("group", name="Chosen runs").locator(".run-dot")
    assert [color_of(chips.nth(i)) for i in range(3)] == colors
    page.goto(served.url("/p/text2sign"))
    rows = [page.get_by_role("row").filter(has=page.locator(f'a[href="#/r/{each}"]'))
            for each in ids.values()]  # fmt: skip
    assert [color_of(row.locator(".dot")) for row in rows] == colors


def arrange_runs(page):
    """Filter, sort, columns, hide, pin, group, x, log, robust and zoom."""
    page.get_by_role("textbox", name="Filter the runs").fill("not exists(config.nothing)")
    expect_hash(page, "f=not")
    page.get_by_role("columnheader", name="val/loss").get_by_role("button").click()
    page.get_by_role("checkbox", name="Only different").uncheck()
    page.get_by_role("button", name="Hide adam-0.01-s2 in the charts").click()
    page.get_by_role("button", name="More for unstable").click()
    page.get_by_role("button", name="Pin on top").click()
    page.get_by_role("combobox", name="group").select_option("config.model.width")
    page.get_by_role("combobox", name="Band of a group").select_option("sd")
    page.get_by_role("button", name="robust").click()
    page.get_by_role("searchbox", name="Search metrics").fill("loss")
    expect(page.get_by_role("article")).to_have_count(2)
    drag(page, "train/loss", 0.2, 0.7)
    expect_hash(page, "r=")
    expect(note(page, "train/loss")).to_contain_text("3 groups of 6 runs")


def arrange_media(page):
    """One key, another step, large."""
    page.get_by_role("combobox", name="Key").select_option(label="story (10)")
    page.get_by_role("button", name="Step back").click()
    page.get_by_role("group", name="Size").get_by_role("button", name="Large").click()
    expect_hash(page, "st=179")


def arrange_console(page):
    """Only one stream, with a text, and the time of day."""
    page.get_by_role("button", name="stdout").click()
    page.get_by_role("searchbox", name="Search the console").fill("step 1")
    page.get_by_role("checkbox", name="Clock time").check()
    expect_hash(page, "cf=step%201")


def arrange_files(page):
    """A file that is shown."""
    page.get_by_role("region", name="Folder").get_by_role("button", name="run.json").click()
    expect(page.get_by_role("region", name="Preview of run.json")).to_contain_text("adam")


def arrange_differences(page):
    """Everything that has a word in it."""
    page.get_by_role("checkbox", name="Only what differs").uncheck()
    page.get_by_role("searchbox", name="Search the differences").fill("model")
    expect_hash(page, "df=model")


def arrange_parallel(page):
    """Another color and another order of the axes."""
    page.get_by_role("combobox", name="Color", exact=True).select_option(label="model.width")
    page.get_by_role("button", name=re.compile("^Axis val.loss")).focus()
    page.keyboard.press("ArrowLeft")
    expect_hash(page, "ax=")


def arrange_scatter(page):
    """Another axis, logarithmic, with the Pareto front."""
    page.get_by_role("combobox", name="y", exact=True).select_option(label="train/accuracy")
    page.get_by_role("checkbox", name="log x").click()
    page.get_by_role("checkbox", name="Pareto front").check()
    expect_hash(page, "pf=1")


def arrange_seeds(page):
    """Another number of another metric, against a baseline."""
    page.get_by_role("combobox", name="Metric").select_option("train/loss")
    page.get_by_role("combobox", name="Number").select_option("mean")
    page.get_by_role("combobox", name="Baseline").select_option(index=1)
    expect(page.get_by_role("region", name="Verdicts")).to_contain_text("95 % interval")


# A logged page's own script and picture are blocked, which the browser tells.
BLOCKED = ["Content Security Policy", "Blocked a frame", "blocked"]
PLACES = {
    "/p/text2sign": arrange_runs,
    "/r/{first}/media": arrange_media,
    "/r/{first}/console": arrange_console,
    "/r/{first}/files": arrange_files,
    "/c/text2sign/diff?runs={some}": arrange_differences,
    "/c/text2sign/parallel?runs={some}": arrange_parallel,
    "/c/text2sign/scatter?runs={some}": arrange_scatter,
    "/c/text2sign/seeds?runs={some}": arrange_seeds,
}


@pytest.mark.parametrize("where", PLACES)
def test_another_browser_sees_the_same(new_page, served, run_id, until, where):
    """What was chosen on a page by hand is all in its address."""
    page, other = new_page(), new_page()
    for each in (page, other):
        each.watch.expected += BLOCKED
    runs = [run_id(f"adam-{lr}-s{seed}") for lr in ("0-001", "0-01") for seed in range(3)]
    page.goto(f"{served.origin}/#{where.format(first=runs[0], some=','.join(runs))}")
    expect(page.locator("main h1").first).to_be_attached()
    plain = seen(page)
    PLACES[where](page)
    page.mouse.move(5, 5)
    page.locator("main").evaluate("main => main.ownerDocument.activeElement.blur()")
    other.goto(page.url)
    with contextlib.suppress(AssertionError):
        until(lambda: seen(other) == seen(page))
    assert seen(other) == seen(page)
    assert seen(page) != plain


def seen(page) -> dict[str, object]:
    """What stands on a page: its text without the ages of things, and what is chosen."""
    return page.evaluate(SEEN)


SEEN = r"""() => {
  const main = document.querySelector("main");
  const all = (selector, get) => [...main.querySelectorAll(selector)].map(get);
  return {
    title: document.title,
    text: main.innerText.replace(/\(?([\d.]+ \w+ )+ago\)?|just now/g, "").replace(/\s+/g, " "),
    fields: all("input, select", one => one.type === "checkbox" ? one.checked : one.value),
    pressed: all("[aria-pressed=true]", one => one.textContent || one.ariaLabel),
    drawn: all("svg path, svg circle", one => one.getAttribute("d") ?? one.getAttribute("cx")),
  };
}"""


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


@pytest.mark.parametrize(
    "text",
    [
        "/p/no-such-project",
        "/nowhere",
        "/p/%%%",
        "/c/no-such/diff",
        "/paper/no-such",
        "/r/aaaaaaaaaa",
    ],
)
def test_an_address_that_leads_nowhere_says_so(page, served, text):
    """No empty page, no error of a script."""
    page.goto(f"{served.origin}/#{text}")
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("main").get_by_role("link").first).to_be_visible()


def test_a_project_that_is_not_there_names_those_that_are(page, served):
    """The way back is one click, to the right one or to all."""
    page.goto(served.url("/p/text2sing"))
    main = page.locator("main")
    expect(main).to_contain_text("There is no project text2sing here")
    main.get_by_role("link", name="text2sign", exact=True).click()
    expect(page.get_by_role("link", name="adam-0.01-s1")).to_be_visible()
    page.goto(served.url("/r/aaaaaaaaaa"))
    expect(main).to_contain_text("No run here has the id aaaaaaaaaa")
    main.get_by_role("link", name="All projects").click()
    expect(page.get_by_role("heading", name="Projects", level=1)).to_be_visible()


def test_odd_values_in_an_address_do_no_harm(page, served):
    """Ranges, numbers and names that make no sense are left out of account."""
    odd = {"r": "b,a", "h": "-1e999", "x": "nothing", "so": "((", "g": "config.none", "mx": "-3"}
    page.goto(served.url("/p/text2sign", f="config.lr < 0.5", **odd))
    expect(page.get_by_role("link", name="adam-0.01-s1")).to_be_visible()
    expect(page.get_by_role("article").first).to_be_visible()
    assert chart(page, "train/loss by nothing").count() + page.get_by_role("article").count() > 0
