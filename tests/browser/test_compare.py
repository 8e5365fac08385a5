"""Runs compared: what differs, curves, parallel coordinates, scatter, seeds."""

import re

import pytest
from dashboard_views import expect, expect_hash, note


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
    expect(table).not_to_contain_text("model.depth")
    page.get_by_role("checkbox", name="Only what differs").uncheck()
    expect(table).to_contain_text("model.depth")
    page.get_by_role("searchbox", name="Search the differences").fill("width")
    expect(table).not_to_contain_text("model.depth")
    expect(table).to_contain_text("model.width")


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
    assert shapes.count() >= 6
    page.get_by_role("combobox", name="Color", exact=True).select_option(label="model.width")
    expect(picture).to_be_visible()


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
