"""The charts: what is drawn, zoom, smoothing, axes, groups, marks, tables, saved charts."""

import contextlib
import json
import re

import pytest
from dashboard_views import chart, drag, expect, expect_hash, note, values

import epochal

QUIET = {"follow": "off", "sinks": (), "capture_environment": False}


@pytest.fixture
def adam(page, served):
    """The charts of six runs with two learning rates."""
    page.goto(served.url("/p/text2sign", f="config.lr < 0.5"))
    expect(note(page, "train/loss")).to_contain_text("6 runs")
    return page


def series_request(page, **wanted):
    """Expects a request for series with these fields, for a `with` block."""

    def fits(request):
        if not request.url.endswith("/api/series"):
            return False
        body = json.loads(request.post_data)
        return all(body[key] == value for key, value in wanted.items())

    return page.expect_request(fits)


def test_every_metric_has_a_chart_in_its_section(adam, painted):
    """Sections by the part before the slash, each chart painted, each with its line."""
    for name, titles in {
        "grad": ["grad/norm"], "metrics": ["lr"], "train": ["train/loss", "train/accuracy"],
        "val": ["val/loss"],
    }.items():  # fmt: skip
        section = adam.get_by_role("region", name=name, exact=True)
        section.scroll_into_view_if_needed()
        expect(section.get_by_role("heading", level=3)).to_have_text(titles)
        for title in titles:
            expect(note(adam, title)).to_have_text(re.compile(r"^6 runs.*all \d+ points$"))
    painted(adam, 3)


def test_a_section_folds_and_the_search_narrows(adam):
    """What is folded or searched stands in the address."""
    adam.get_by_role("button", name="grad 1").click()
    expect(chart(adam, "grad/norm")).to_have_count(0)
    expect_hash(adam, "cl=grad")
    adam.get_by_role("searchbox", name="Search metrics").fill("accur")
    expect(adam.get_by_role("article")).to_have_count(1)
    expect_hash(adam, "m=accur")
    adam.get_by_role("searchbox", name="Search metrics").fill("nothing like it")
    expect(adam.locator("main")).to_contain_text("None of 5 metrics")
    adam.get_by_role("button", name="Clear", exact=True).click()
    expect(chart(adam, "lr")).to_be_visible()


def test_dragging_zooms_all_charts_and_back_undoes_it(adam):
    """The window is read again; the address has it; Back leads to the overview."""
    chart(adam, "grad/norm").scroll_into_view_if_needed()
    expect(note(adam, "grad/norm")).to_contain_text("all 200 points")
    with series_request(adam) as asked:
        drag(adam, "grad/norm", 0.25, 0.5)
    low, high = json.loads(asked.value.post_data)["range"]
    assert 40 < low < 60
    assert 90 < high < 110
    expect_hash(adam, r"r=[\d.]+,[\d.]+")
    expect(note(adam, "grad/norm")).to_have_text(re.compile(r"all (4|5|6)\d points"))
    expect(note(adam, "train/loss")).to_have_text(re.compile(r"all (4|5|6)\d points"))
    adam.go_back()
    expect(note(adam, "grad/norm")).to_contain_text("all 200 points")


def test_a_double_click_and_a_button_reset_the_zoom(adam):
    """Both lead back to everything."""
    drag(adam, "grad/norm", 0.25, 0.5)
    expect_hash(adam, "r=")
    adam.get_by_role("button", name="Reset zoom").click()
    expect(note(adam, "grad/norm")).to_contain_text("all 200 points")
    drag(adam, "grad/norm", 0.25, 0.5)
    expect_hash(adam, "r=")
    chart(adam, "grad/norm").locator(".u-over").dblclick()
    expect(adam.get_by_role("button", name="Reset zoom")).to_have_count(0)
    expect(note(adam, "grad/norm")).to_contain_text("all 200 points")


def test_smoothing_does_not_change_with_the_zoom(page, served):
    """The value at a step is the same in the overview and in a narrow window."""
    found = []
    for window in ({}, {"r": "140,160"}):
        page.goto("about:blank")
        page.goto(served.url("/p/text2sign", f="s0 0.001", h="10", **window))
        expect(note(page, "grad/norm")).to_contain_text("1 run")
        found.append(values(page, "grad/norm"))
    overview, window = found
    assert len(window) < len(overview)
    for step in range(145, 156):
        (whole,), (part,) = overview[str(step)], window[str(step)]
        assert float(part) == pytest.approx(float(whole), rel=3e-3), step


def test_the_slider_smooths_in_steps(adam):
    """Its text is a half-life in steps, and the address has it."""
    slider = adam.get_by_role("slider", name="half-life")
    before = values(adam, "grad/norm")
    slider.focus()
    for _ in range(4):
        adam.keyboard.press("ArrowRight")
    expect(adam.locator("output")).to_have_text(re.compile(r"\d+ steps"))
    expect_hash(adam, "h=")
    assert values(adam, "grad/norm") != before


def test_axes_can_be_logarithmic_all_or_one(adam):
    """The bar is for all charts, the button of a card for one."""
    bar = adam.get_by_role("toolbar", name="Charts")
    bar.get_by_role("button", name="log y").click()
    expect_hash(adam, "ly=1")
    expect(chart(adam, "lr").get_by_role("button", name="log", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(note(adam, "train/loss")).to_contain_text("not on a log axis")
    chart(adam, "lr").get_by_role("button", name="log", exact=True).click()
    expect(chart(adam, "lr").get_by_role("button", name="log", exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )
    bar.get_by_role("button", name="log x").click()
    expect_hash(adam, "lx=1")
    expect(note(adam, "grad/norm")).to_contain_text("x ≤ 0 not on a log axis")


@pytest.mark.parametrize("axis", ["elapsed", "time", "train/accuracy"])
def test_x_may_be_a_clock_or_a_metric(page, served, painted, axis):
    """The window is asked for by that axis and drawn."""
    page.goto(served.url("/p/text2sign", f="config.lr < 0.5"))
    expect(note(page, "train/loss")).to_contain_text("6 runs")
    with series_request(page, x=axis):
        page.get_by_role("combobox", name="x").select_option(axis)
    expect(note(page, f"train/loss by {axis}")).to_contain_text("6 runs")
    painted(page, 2)


def test_groups_show_how_many_runs_they_are(adam):
    """Grouped by a setting: two curves, n in the legend, and the band can be chosen."""
    adam.get_by_role("combobox", name="group").select_option("config.lr")
    expect(note(adam, "train/loss")).to_contain_text("2 groups of 6 runs")
    legend = chart(adam, "train/loss").get_by_role("list", name="lr")
    expect(legend.locator(".legend-size")).to_have_text([re.compile(r"^n\D*3$")] * 2)
    expect_hash(adam, "g=config.lr")
    adam.get_by_role("combobox", name="Band of a group").select_option("range")
    expect_hash(adam, "gs=range")
    adam.get_by_role("combobox", name="Band of a group").select_option("each")
    expect(chart(adam, "train/loss")).to_be_visible()


def test_nan_and_infinity_are_marked(page, served):
    """The line below says how many there are, and the table of values says where."""
    page.goto(served.url("/p/text2sign", f="unstable"))
    expect(note(page, "train/loss")).to_contain_text("1 NaN")
    expect(note(page, "train/loss")).to_contain_text("1 infinite")


def test_the_robust_range_says_what_is_outside(page, served):
    """It is a choice, and visible on the chart."""
    page.goto(served.url("/p/text2sign"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    page.get_by_role("button", name="robust").click()
    expect(note(page, "grad/norm")).to_contain_text("outside")
    expect(chart(page, "grad/norm").locator(".chart-robust")).to_be_visible()


def test_pointing_shows_values_and_hovers_the_run(adam):
    """The box at the cursor has the runs' values at that step."""
    over = chart(adam, "train/loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    over.hover()
    tip = adam.locator(".chart-tip")
    expect(tip).to_contain_text("step")
    expect(tip).to_contain_text("adam-0.01-s1")
    adam.mouse.move(5, 5)
    expect(tip).to_have_count(0)


def test_the_keyboard_reads_a_chart(adam):
    """Arrow keys move a cursor whose value is told; + zooms."""
    picture = chart(adam, "val/loss").get_by_role("group")
    picture.focus()
    adam.keyboard.press("End")
    expect(picture.locator("[aria-live]")).to_contain_text("199")
    adam.keyboard.press("ArrowLeft")
    expect(picture.locator("[aria-live]")).to_contain_text("179")
    adam.keyboard.press("+")
    expect_hash(adam, "r=")


def test_values_as_a_table(adam):
    """Each row is a step, each column a run."""
    found = values(adam, "val/loss")
    assert [int(step) for step in found] == list(range(19, 200, 20))
    assert all(len(row) == 6 for row in found.values())


def test_a_chart_fills_the_screen_and_is_saved(adam):
    """Full screen stands in the address; PNG and SVG are files."""
    card = chart(adam, "train/loss")
    card.get_by_role("button", name="train/loss in full screen").click()
    expect_hash(adam, "fs=train/loss")
    expect(adam.get_by_role("dialog", name="train/loss")).to_be_visible()
    adam.keyboard.press("Escape")
    expect(adam.get_by_role("dialog")).to_have_count(0)
    for kind, begin in (("PNG", b"\x89PNG"), ("SVG", b"<")):
        card.get_by_role("button", name="More for train/loss").click()
        with adam.expect_download() as download:
            adam.get_by_role("button", name=f"Save as {kind}").click()
        with open(download.value.path(), "rb") as file:
            assert file.read(4).startswith(begin)


def test_every_spike_is_in_the_overview(page, serve, tmp_path):
    """Of 5,000 points about a thousand buckets are drawn, with their extremes."""
    spikes = {100: 50.0, 2500: 60.0, 2501: 70.0, 4900: 80.0}
    with epochal.init(project="p", name="a", dir=tmp_path / "runs", **QUIET) as run:
        for step in range(5000):
            run.log({"loss": spikes.get(step, 1.0)}, step=step)
    served = serve(tmp_path / "runs")
    page.goto(served.url("/p/p"))
    expect(note(page, "loss")).to_contain_text("min/max kept")
    over = chart(page, "loss").locator(".u-over")
    box = over.bounding_box()
    for step, value in spikes.items():
        if step != 2500:  # it shares its bucket with a higher one
            _find(page, box, step / 4999, f"{value:.0f}")


def _find(page, box: dict, share: float, text: str) -> None:
    """Moves over the pixels around a place until the box at the cursor says something."""
    tip = page.locator(".chart-tip")
    for offset in (0, -0.5, 0.5, -1, 1, -1.5, 1.5):
        left = box["x"] + min(max(share * box["width"] + offset, 0), box["width"] - 2)
        page.mouse.move(left, box["y"] + box["height"] / 2)
        with contextlib.suppress(AssertionError):
            return expect(tip).to_contain_text(text, timeout=1500)
    return expect(tip).to_contain_text(text)


def test_saved_charts_come_back(page, serve, runs, new_page):
    """A chart of several metrics is made, drawn, kept with the project, changed and deleted."""
    served = serve(runs)
    page.goto(served.entry)
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    page.goto(served.url("/p/text2sign", f="config.lr < 0.5"))
    page.get_by_role("button", name="chart", exact=True).click()
    editor = page.get_by_role("dialog", name="New chart")
    editor.get_by_label("Title").fill("both losses")
    editor.get_by_label("Metrics").fill("*/loss")
    editor.get_by_role("button", name="Save").click()
    expect(chart(page, "both losses")).to_be_visible()
    expect(note(page, "both losses")).to_contain_text("6 runs")
    other = new_page()
    other.goto(served.url("/p/text2sign"))
    expect(chart(other, "both losses")).to_be_visible()
    assert "both losses" in (runs / "text2sign" / ".dashboard" / "charts.json").read_text()


def test_annotations_stand_on_the_charts(page, serve, runs, run_id):
    """A note at a step is added on the run's page, and drawn as a flag."""
    served = serve(runs)
    page.goto(served.entry)
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    found = run_id("adam-0-001-s0")
    page.goto(served.url(f"/r/{found}/overview"))
    panel = page.get_by_role("region", name="Annotations")
    panel.get_by_role("button", name="Annotate").click()
    panel.get_by_label("What is to be seen").fill("lr was halved here")
    panel.get_by_label("At step").fill("120")
    panel.get_by_role("button", name="Add").click()
    expect(panel).to_contain_text("lr was halved here")
    page.get_by_role("link", name="Charts").click()
    expect(chart(page, "train/loss")).to_contain_text("lr was halved here")
