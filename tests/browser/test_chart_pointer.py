"""Pointing at charts: the cursor, what it tells, the window that is dragged, spikes."""

import contextlib
import re

import pytest
from dashboard_views import PICTURE, chart, drag, expect, expect_hash, note, picture, values

import epochal

QUIET = {"follow": "off", "sinks": (), "capture_environment": False}


def test_one_cursor_for_all_charts(adam, until):
    """Pointing at one chart puts the line of every other one at the same step."""
    first = chart(adam, "train/loss").locator(".u-over")
    for title in ("train/loss", "train/accuracy"):
        expect(note(adam, title)).to_contain_text("6 runs")
    first.scroll_into_view_if_needed()
    for share in (0.25, 0.75):
        box = first.bounding_box()
        adam.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        expect(adam.locator(".chart-tip")).to_be_visible()
        for title in ("train/loss", "train/accuracy"):
            expect(chart(adam, title).locator(".u-cursor-x")).to_be_visible()
            here = pytest.approx(share, abs=0.02)
            until(lambda title=title, here=here: cursor(adam, title) == here)


def cursor(page, title: str) -> float:
    """Where the line of a chart's cursor stands, as a share of the width."""
    line = chart(page, title).locator(".u-cursor-x").bounding_box()
    over = chart(page, title).locator(".u-over").bounding_box()
    return (line["x"] - over["x"]) / over["width"]


def test_a_run_in_the_table_is_raised_in_the_charts(adam):
    """While the pointer rests on a row, its curve stands out; then all are as before."""
    adam.mouse.move(5, 5)
    before = picture(adam, "train/loss")
    adam.get_by_role("link", name="adam-0.01-s1").hover()
    adam.wait_for_function(f"before => ({PICTURE})('train/loss') !== before", arg=before)
    adam.mouse.move(5, 5)
    adam.wait_for_function(f"before => ({PICTURE})('train/loss') === before", arg=before)


def test_shift_and_the_pointer_move_the_window(adam):
    """Dragging with Shift pans by as much; the address has the new window."""
    drag(adam, "grad/norm", 0.5, 0.75)
    expect_hash(adam, "r=")
    before = window(adam)
    adam.keyboard.down("Shift")
    drag(adam, "grad/norm", 0.25, 0.75)
    adam.keyboard.up("Shift")
    expect(adam).not_to_have_url(re.compile(f"r={before[0]:g},{before[1]:g}"))
    after = window(adam)
    width = before[1] - before[0]
    assert after[1] - after[0] == pytest.approx(width, abs=2)
    assert after[0] == pytest.approx(before[0] - width / 2, abs=3)


def window(page) -> list[float]:
    """The range of x in the address."""
    return [float(end) for end in re.search(r"[?&]r=([^&]*)", page.url)[1].split(",")]


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
    chart(adam, "val/loss").scroll_into_view_if_needed()
    expect(note(adam, "val/loss")).to_contain_text("all 10 points")  # something is drawn
    picture = chart(adam, "val/loss").get_by_role("group")
    picture.focus()
    adam.keyboard.press("End")
    expect(picture.locator("[aria-live]")).to_contain_text("199")
    adam.keyboard.press("ArrowLeft")
    expect(picture.locator("[aria-live]")).to_contain_text("179")
    adam.keyboard.press("+")
    expect_hash(adam, "r=")


def test_every_spike_is_in_the_overview_and_zooming_reads_all_points(page, serve, tmp_path):
    """Of 5,000 points about a thousand buckets are drawn, with their extremes; a part is whole."""
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
    with page.expect_request("**/api/series"):
        drag(page, "loss", 0.48, 0.52)
    expect(note(page, "loss")).to_have_text(re.compile(r"all (1|2)\d\d points"))
    found = values(page, "loss")
    assert (found["2,500"], found["2,501"], found["2,502"]) == (["60"], ["70"], ["1"])


def test_an_extreme_of_a_short_run_is_drawn_and_found(page, serve, tmp_path):
    """60 steps beside 100,000: there is a bar up to the extreme, and the pointer finds it."""
    with epochal.init(project="p", name="long", dir=tmp_path / "runs", **QUIET) as run:
        for step in range(100_000):
            run.log({"loss": 1.0 + step % 7 / 10}, step=step)
    with epochal.init(project="p", name="short", dir=tmp_path / "runs", **QUIET) as run:
        for step in range(60):
            run.log({"loss": 80.0 if step == 30 else 1.0}, step=step)
    page.goto(serve(tmp_path / "runs").url("/p/p"))
    expect(note(page, "loss")).to_contain_text("2 runs")
    box = chart(page, "loss").locator(".u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    tip = page.locator(".chart-tip")
    for beside in (0, 3, 5):
        page.mouse.move(box["x"] + 200, middle)
        expect(tip.locator("tr.near")).to_contain_text("long")
        page.mouse.move(box["x"] + beside, middle)
        expect(tip.locator("tr.near")).to_contain_text("short")
        spread = tip.locator("tr.near .tip-spread")
        expect(spread).to_have_text(re.compile(r"^1(\.0+)? \W 80"))
        expect(tip.locator("strong")).to_have_text(re.compile(r"^steps 0\W\d+$"))
    assert page.evaluate(BAR, [box["x"], middle]), "something is drawn half way up"


BAR = """([left, middle]) => {
  const canvas = document.querySelector("article canvas.chart-layer");
  const place = canvas.getBoundingClientRect();
  const ratio = canvas.width / place.width;
  const [x, y] = [(left - place.x) * ratio, (middle - place.y) * ratio];
  const { data } = canvas.getContext("2d").getImageData(x, y, 4, 1);
  return data.some((value, i) => i % 4 === 3 && value > 60);
}"""


def _find(page, box: dict, share: float, text: str) -> None:
    """Moves over the pixels around a place until the box at the cursor says something."""
    tip = page.locator(".chart-tip")
    for offset in (0, -0.5, 0.5, -1, 1, -1.5, 1.5) * 4:  # again: a machine may be busy
        left = box["x"] + min(max(share * box["width"] + offset, 0), box["width"] - 2)
        page.mouse.move(left, box["y"] + box["height"] / 2)
        with contextlib.suppress(AssertionError):
            return expect(tip).to_contain_text(text, timeout=1500)
    return expect(tip).to_contain_text(text)
