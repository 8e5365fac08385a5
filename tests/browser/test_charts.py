"""The charts: what is drawn, zoom, smoothing, axes, groups, marks, the cursor."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from dashboard_views import PICTURE, chart, drag, expect, expect_hash, note, picture, values

import epochal
from epochal.analyze.smoothing import half_life_ema

T_OF_THREE = 4.302652729911275
"""The 97.5 % quantile of Student's t distribution with two degrees of freedom."""

RECORDED = {"follow": "off", "sinks": (), "capture_environment": False, "log_system": False}

NUMBER = r"(-?[\d.]+)"
PLOT = f'<clipPath id="plot"><rect x="{NUMBER}" y="{NUMBER}" width="{NUMBER}" height="{NUMBER}"/>'
TRIANGLE = f"M{NUMBER} {NUMBER}L[-\\d.]+ {NUMBER}L[-\\d.]+ [-\\d.]+Z"


def series_request(page, **wanted):
    """Expects a request for series with these fields, for a `with` block."""

    def fits(request):
        if not request.url.endswith("/api/series"):
            return False
        body = json.loads(request.post_data)
        return all(body[key] == value for key, value in wanted.items())

    return page.expect_request(fits)


def copied(page, title):
    """A chart's numbers as it copies them: rows by curve and step."""
    chart(page, title).get_by_role("button", name=f"More for {title}").click()
    page.get_by_role("button", name="Copy as CSV").click()
    expect(page.get_by_role("status").filter(has_text="copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    return {(row["name"], int(row["step"])): row for row in csv.DictReader(io.StringIO(text))}


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
    with adam.expect_request(lambda request: '"range":[' in (request.post_data or "")) as asked:
        drag(adam, "grad/norm", 0.25, 0.5)  # charts that came into view ask for everything
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
    expect(adam.get_by_role("button", name="Reset zoom")).to_be_disabled()
    expect(note(adam, "grad/norm")).to_contain_text("all 200 points")


@pytest.mark.parametrize("width", [1200, 1400])
def test_charts_stay_where_they_are_when_zoomed_or_grouped(adam, width):
    """The bar above them keeps its height: what is not needed yet has its place."""
    adam.set_viewport_size({"width": width, "height": 900})
    first = adam.get_by_role("article").first
    title = first.get_by_role("heading").inner_text()
    expect(note(adam, title)).to_contain_text("point")
    before = first.bounding_box()["y"]
    drag(adam, title, 0.25, 0.5)
    expect(adam.get_by_role("button", name="Reset zoom")).to_be_enabled()
    assert first.bounding_box()["y"] == before
    adam.get_by_role("combobox", name="group").select_option("config.lr")
    expect(adam.get_by_role("combobox", name="Band of a group")).to_be_visible()
    toolbar = adam.get_by_role("toolbar", name="Charts").bounding_box()
    assert (toolbar["height"] < 50) == (width > 1200), "one row where there is room"
    assert first.bounding_box()["y"] == before


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


def test_x_may_be_the_epoch(page, served):
    """What was logged with an epoch is drawn by it; what was not says so."""
    page.goto(served.url("/p/vision"))
    expect(note(page, "loss")).to_contain_text("2 runs")
    with series_request(page, x="epoch"):
        page.get_by_role("combobox", name="x").select_option("epoch")
    expect(note(page, "loss by epoch")).to_have_text(re.compile("^2 runs.*all 40 points"))
    found = values(page, "loss by epoch", of="loss")
    assert [float(x) for x in found] == pytest.approx([step / 10 for step in range(40)])
    page.goto(served.url("/p/speech", x="epoch"))
    expect(chart(page, "wer by epoch")).to_contain_text("No epoch was logged")


def test_an_epoch_is_the_mean_of_its_points(page, serve, tmp_path):
    """Where points share an x, what is drawn is not called all of them."""
    with epochal.init(project="p", dir=tmp_path / "runs", **RECORDED) as run:
        for step in range(60):
            run.log({"loss": step % 10}, step=step, epoch=step // 10)
    page.goto(serve(tmp_path / "runs").url("/p/p", x="epoch"))
    expect(note(page, "loss by epoch")).to_have_text(
        re.compile("^1 run.*6 means of 60 points.*min/max kept$")
    )


def test_samples_of_the_machine_are_drawn_by_time(page, serve, tmp_path):
    """Several of them have the same step; the address may say another x."""
    folder = tmp_path / "runs"
    with epochal.init(project="p", dir=folder, **RECORDED) as run:
        run.log({"loss": 1.0}, step=0)
        for value in range(20):
            run.record_background({"system/cpu_percent": 10.0 + value}, "system")
    page.goto(serve(folder).url(f"/r/{run.id}/system"))
    expect(note(page, "system/cpu_percent")).to_contain_text("20 points")
    axis = page.get_by_role("combobox", name="x")
    expect(axis).to_have_value("elapsed")
    axis.select_option("step")
    expect_hash(page, "x=step")
    expect(note(page, "system/cpu_percent by step")).to_contain_text("1 mean of 20 points")
    axis.select_option("elapsed")
    expect(page).not_to_have_url(re.compile("x="))


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


def test_a_group_is_the_mean_of_its_runs_with_an_interval(adam, recorded):
    """The numbers drawn are those of the runs: mean, 95 % t interval, n."""
    adam.context.grant_permissions(["clipboard-read", "clipboard-write"])
    adam.get_by_role("combobox", name="group").select_option("config.lr")
    expect(note(adam, "val/loss")).to_contain_text("band: 95 % interval")
    rows = copied(adam, "val/loss")
    view = epochal.open(recorded, project="text2sign")
    for lr in (0.001, 0.01):
        runs = [run for run in view.runs() if run.config["lr"] == lr]
        logged = np.array([run.history("val/loss")["val/loss"].to_numpy() for run in runs])
        half = T_OF_THREE * logged.std(axis=0, ddof=1) / np.sqrt(3)
        for i, step in enumerate(range(19, 200, 20)):
            row, mean = rows[str(lr), step], logged[:, i].mean()
            assert row["n"] == "3"
            assert float(row["mean"]) == pytest.approx(mean, abs=1e-3)
            assert float(row["low"]) == pytest.approx(mean - half[i], abs=1e-3)
            assert float(row["high"]) == pytest.approx(mean + half[i], abs=1e-3)


@pytest.mark.parametrize("window", [{}, {"r": "140,160"}])
def test_a_smoothed_group_has_the_interval_of_its_smoothed_runs(page, served, recorded, window):
    """Each run is smoothed first; mean and interval are the same in any window."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(served.url("/p/text2sign", f="adam", g="config.lr", h="10", **window))
    expect(note(page, "grad/norm")).to_contain_text("band: 95 % interval of smoothed runs")
    rows = copied(page, "grad/norm")
    view = epochal.open(recorded, project="text2sign")
    for lr in (0.001, 0.01):
        logged = [run.history("grad/norm") for run in view.runs() if run.config["lr"] == lr]
        smoothed = np.array([half_life_ema(each["step"], each["grad/norm"], 10) for each in logged])
        half = T_OF_THREE * smoothed.std(axis=0, ddof=1) / np.sqrt(3)
        for step in range(145, 156):
            row, mean = rows[str(lr), step], smoothed[:, step].mean()
            # What lies before a window is read in buckets, which costs the third digit.
            close = 5e-3 if window else 1e-4
            assert float(row["smoothed"]) == pytest.approx(mean, abs=close)
            assert float(row["low"]) == pytest.approx(mean - half[step], abs=close)
            assert float(row["high"]) == pytest.approx(mean + half[step], abs=close)


def test_nan_and_infinity_are_marked(page, served):
    """The line below says how many there are; triangles stand at the edges of the picture."""
    page.goto(served.url("/p/text2sign", f="unstable"))
    expect(note(page, "train/loss")).to_contain_text("1 NaN")
    expect(note(page, "train/loss")).to_contain_text("1 infinite")
    chart(page, "train/loss").get_by_role("button", name="More for train/loss").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as SVG").click()
    drawn = Path(download.value.path()).read_text()
    left, top, width, height = map(float, re.search(PLOT, drawn).groups())
    marks = [tuple(map(float, each)) for each in re.findall(TRIANGLE, drawn)]
    ((nan_x, nan_tip, nan_base), (inf_x, inf_tip, _)) = sorted(marks)
    assert nan_base == pytest.approx(top + height, abs=0.02)
    assert nan_tip < nan_base
    assert inf_tip == pytest.approx(top, abs=0.02)
    steps = (inf_x - nan_x) / width * 79 * 1.04  # the picture is 4 % wider than 0 to 79
    assert steps == pytest.approx(60 - 41, rel=0.05)
    assert left < nan_x < inf_x < left + width


def test_the_robust_range_says_what_is_outside(page, served):
    """It is a choice, and visible on the chart."""
    page.goto(served.url("/p/text2sign"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    page.get_by_role("button", name="robust").click()
    expect(note(page, "grad/norm")).to_contain_text("outside")
    expect(chart(page, "grad/norm").locator(".chart-robust")).to_be_visible()


def test_a_log_axis_is_another_picture(adam):
    """What the axis is changes what is drawn, and back."""
    adam.mouse.move(5, 5)
    before = picture(adam, "train/loss")
    button = chart(adam, "train/loss").get_by_role("button", name="log", exact=True)
    button.click()
    expect_hash(adam, "ly=train/loss")
    adam.wait_for_function(f"before => ({PICTURE})('train/loss') !== before", arg=before)
    button.click()
    adam.wait_for_function(f"before => ({PICTURE})('train/loss') === before", arg=before)
