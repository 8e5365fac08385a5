"""Runs compared: what differs, curves, parallel coordinates, scatter, seeds."""

import re

import pytest
from dashboard_views import expect, expect_hash, note
from journals import JournalMaker, make_run

from epochal.store import folder


@pytest.fixture
def ids(run_id):
    """The ids of six runs, comma between them."""
    return ",".join(run_id(f"adam-{lr}-s{seed}") for lr in ("0-001", "0-01") for seed in range(3))


@pytest.fixture
def compare(page, served, ids):
    """Opens a way to compare the six runs."""

    def open_tab(tab: str):
        page.goto(served.url(f"/c/text2sign/{tab}", runs=ids))
        expect(page.get_by_role("heading", name="Compare runs")).to_be_visible()
        return page

    return open_tab


def test_differences_show_what_is_not_the_same(compare):
    """Config and results by key; what is the same comes on demand; the search narrows."""
    page = compare("diff")
    table = page.get_by_role("group", name="Differences").get_by_role("table")
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="model.width"))
    expect(row).to_contain_text("128")
    results = table.get_by_role("rowheader", name=re.compile("^(val.loss|train.accuracy)"))
    expect(results).to_have_text(["train/accuracy last", "val/loss last"])
    expect(table).not_to_contain_text("model.depth")
    page.get_by_role("checkbox", name="Only what differs").uncheck()
    expect(table).to_contain_text("model.depth")
    page.get_by_role("searchbox", name="Search the differences").fill("width")
    expect(table).not_to_contain_text("model.depth")
    expect(table).to_contain_text("model.width")


def test_seeds_are_no_quantities_and_unknown_changes_are_named(page, serve, tmp_path):
    """No ratio of seeds, no rank correlation with one; code of which nothing is known is named."""
    ids = []
    for seed, lr in ((3, 0.1), (2, 0.2), (1, 0.2)):
        run_dir = make_run(tmp_path / "runs", f"s{seed}", config={"lr": lr, "seed": seed})
        maker = JournalMaker(run_dir)
        maker.event("environment", values={"git": {"commit": "a" * 40, "dirty": True}})
        maker.row({"loss": lr * seed}, 0)
        maker.event("end", state="finished", problems={})
        maker.close()
        ids.append(folder.describe(run_dir)["id"])
    server = serve(tmp_path / "runs")
    page.goto(server.url("/c/doc/diff", runs=",".join(ids[:2])))
    table = page.get_by_role("group", name="Differences").get_by_role("table")
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="lr"))
    expect(row.locator(".diff-by")).to_have_text(re.compile("2$"))
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="seed"))
    expect(row).to_contain_text("2")
    expect(row.locator(".diff-by")).to_have_count(0)
    expect(page.locator(".diff-code-none")).to_contain_text("not recorded of s3, s2")
    expect(page.locator(".diff-code-none")).to_contain_text("capture_diff=True")
    page.goto(server.url("/c/doc/scatter"))
    axis = page.get_by_role("combobox", name="x", exact=True)
    expect(axis).to_have_value("config.lr")
    expect(page.locator(".picture-foot")).to_contain_text("Spearman")
    axis.select_option("config.seed")
    expect(page.locator(".axis-name").first).to_have_text("seed")
    expect(page.locator(".picture-foot")).not_to_contain_text("Spearman")
    page.goto(server.url(f"/r/{ids[0]}"))
    code = page.get_by_role("region", name="Code", exact=True)
    expect(code).to_contain_text("capture_diff=True")


def test_runs_are_added_and_taken_away(compare):
    """The choice stands in the address."""
    page = compare("diff")
    chosen = page.get_by_role("group", name="Chosen runs")
    chosen.get_by_role("button", name="Take away adam-0.001-s2").click()
    expect(chosen.get_by_role("link", name="adam-0.001-s2")).to_have_count(0)
    chosen.get_by_role("combobox", name="Add a run").select_option(label="unstable")
    expect(chosen.get_by_role("link", name="unstable")).to_be_visible()
    page.reload()
    expect(chosen.get_by_role("link", name="unstable")).to_be_visible()
    expect(chosen.get_by_role("link", name="adam-0.001-s2")).to_have_count(0)


def test_curves_lie_over_each_other(compare, painted):
    """The same charts as everywhere."""
    page = compare("curves")
    expect(note(page, "grad/norm")).to_contain_text("6 runs")
    painted(page, 1)


def test_parallel_coordinates_have_an_axis_for_each_setting(compare):
    """Settings that differ and the main metric; a brush stands in the address."""
    page = compare("parallel")
    picture = page.get_by_role("group", name=re.compile("Parallel coordinates of 6 runs"))
    axis = picture.get_by_role("button", name=re.compile("^Axis val.loss"))
    expect(axis).to_be_visible()
    expect(picture.get_by_role("button", name=re.compile("^Axis model.width"))).to_be_visible()
    shapes = picture.locator("path, polyline, line")
    expect(shapes.nth(5)).to_be_attached()
    page.get_by_role("combobox", name="Color", exact=True).select_option(label="model.width")
    expect(picture).to_be_visible()


def test_limits_on_axes_choose_runs(compare):
    """Dragging along an axis limits it; the address, the count and the table of runs have it."""
    page = compare("parallel")
    picture = page.get_by_role("group", name=re.compile("Parallel coordinates of 6 runs"))
    axis = picture.locator("g.axis").filter(has_text="model.width")
    axis.locator(".brush-area").scroll_into_view_if_needed()  # waits until it stands still
    place = axis.locator(".brush-area").bounding_box()
    middle = place["x"] + place["width"] / 2
    page.mouse.move(middle, place["y"] + 2)
    page.mouse.down()
    page.mouse.move(middle, place["y"] + place["height"] / 3, steps=4)
    page.mouse.up()
    said = page.get_by_role("status").filter(has_text="within the limits")
    expect(said).to_have_text(re.compile("3 of 6 runs within the limits"))
    expect_hash(page, "br=")
    page.reload()
    expect(said).to_have_text(re.compile("3 of 6 runs within the limits"))
    page.get_by_role("link", name="Open these in the table").click()
    expect(page.locator("tbody th a.name")).to_have_text([f"adam-0.01-s{n}" for n in (2, 1, 0)])


def test_limits_are_set_without_a_pointer(compare, accessible):
    """Arrows on an axis move its limits, with Shift the upper one; Esc frees it."""
    page = compare("parallel")
    picture = page.get_by_role("group", name=re.compile("Parallel coordinates of 6 runs"))
    said = page.get_by_role("status").filter(has_text="6 runs")
    slider = picture.get_by_role("slider", name="Limits of model.width: none")
    slider.focus()
    page.keyboard.press("ArrowUp")
    here = page.locator(":focus")
    expect(here).to_have_accessible_name(re.compile(r"^Limits of model.width: 6\S* to 1"))
    expect(said).to_contain_text("3 of 6 runs within the limits")
    expect_hash(page, "br=")
    for _ in range(9):
        page.keyboard.press("Shift+PageDown")
    page.keyboard.down("Shift")
    page.keyboard.down("ArrowDown")  # what is drawn is said before the key is let go
    said_here = "slider => [slider.ariaValueText, slider.getAttribute('aria-label').slice(10)]"
    text, label = here.evaluate(said_here)
    assert text == label
    page.keyboard.up("ArrowDown")
    page.keyboard.up("Shift")
    expect(said).to_contain_text("0 of 6 runs within the limits")
    page.keyboard.press("PageDown")
    expect(said).to_contain_text("3 of 6 runs within the limits")
    accessible(page)
    here.focus()
    page.keyboard.press("Escape")
    expect(slider).to_be_focused()
    expect(page).not_to_have_url(re.compile("br="))
    expect(said).to_have_text("6 runs")


def test_two_runs_differ_in_their_code(page, served, run_id):
    """The lines that were changed between two runs, beside their settings."""
    ids = ",".join(run_id(f"resnet-{width}") for width in (8, 16))
    page.goto(served.url("/c/vision/diff", runs=ids))
    code = page.get_by_role("region", name="Code")
    expect(code).to_contain_text("WIDTH = 8")
    expect(code).to_contain_text("WIDTH = 16")


def test_the_scatter_has_a_dot_for_each_run(compare):
    """Axes can be chosen; the rank correlation says its n; a dot opens its run."""
    page = compare("scatter")
    picture = page.get_by_role("group", name=re.compile("against lr, 6 runs"))
    expect(picture.get_by_role("link")).to_have_count(6)
    expect(page.locator("main")).to_contain_text("n = 6")
    page.get_by_role("combobox", name="y", exact=True).select_option(label="train/accuracy")
    expect(page.get_by_role("group", name=re.compile("train.accuracy"))).to_be_visible()
    page.get_by_role("checkbox", name="Pareto front").check()
    page.get_by_role("link", name=re.compile("^adam-0.01-s2:")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="adam-0.01-s2", level=1)).to_be_visible()


def test_seeds_are_groups_with_verdicts(compare):
    """Two groups of three, their means with intervals, and what can be said of them."""
    page = compare("seeds")
    table = page.get_by_role("group", name="Groups").get_by_role("table")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table.locator("tbody tr").first).to_contain_text("lr=0.001")
    verdicts = page.get_by_role("region", name="Verdicts")
    expect(verdicts).to_contain_text("95 % interval")
    expect(verdicts.locator(".badge")).to_have_text(re.compile("better|worse|equivalent|undecided"))
    expect(table.locator("tbody tr").first.get_by_role("cell").first).to_have_text("3")
    page.get_by_role("combobox", name="Metric").select_option(label="train/accuracy")
    expect(page.get_by_role("heading", name=re.compile("train.accuracy"))).to_be_visible()


def test_no_runs_chosen_says_how_to_choose(page, served):
    """The empty page helps."""
    page.goto(served.url("/c/text2sign/diff"))
    expect(page.locator("main")).to_contain_text("Choose two runs")


def test_a_way_to_compare_stands_in_the_address(compare):
    """The tabs are links."""
    page = compare("diff")
    page.get_by_role("link", name="Scatter").click()
    expect_hash(page, "/c/text2sign/scatter")
    page.go_back()
    expect(page.get_by_role("group", name="Differences")).to_be_visible()


def test_a_half_typed_filter_keeps_the_picture(page, served):
    """What is wrong is said beneath the box; the picture and the console stay as they are."""
    page.goto(served.url("/c/text2sign/scatter", f="config.lr < 0.5"))
    main = page.locator("main")
    expect(main.get_by_role("search")).to_contain_text("6/7")
    expect(main).to_contain_text("6 runs")
    box = page.get_by_role("textbox", name="Filter the runs")
    box.fill("config.lr < 0.5 and ")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect(main).to_contain_text("6 runs")
    box.fill("config.lr > 0.5")
    expect(main.get_by_role("search")).to_contain_text("1/7")
    expect(box).not_to_have_attribute("aria-invalid", "true")
