"""An exported page, opened from disk."""

import json
import re
import subprocess
import sys

import pytest
from dashboard_views import chart, drag, expect, expect_hash, expect_names, note, values

import epochal

TITLE = "Runs <b>for</b> a friend"
PROGRAM = "import sys; from epochal.cli.export import export; export(sys.argv[1:])"


@pytest.fixture(scope="module")
def exported(recorded, tmp_path_factory):
    """The recorded runs as one file."""
    return export(tmp_path_factory.mktemp("export") / "runs.html", str(recorded), "--title", TITLE)


def export(target, *arguments):
    """Writes a file; in a process of its own, as an event loop runs in this one."""
    command = [sys.executable, "-c", PROGRAM, "--html", str(target), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return target


@pytest.fixture
def opened(page, exported):
    """Opens a view of the file; nothing but the file itself may be asked for."""
    asked = []
    page.on("request", lambda request: asked.append(request.url.partition("#")[0]))

    def go(where: str = "/"):
        page.goto("about:blank")
        page.goto(f"{exported.as_uri()}#{where}")
        return page

    yield go
    others = {url for url in asked if not url.startswith(("data:", "blob:", "about:"))}
    assert others <= {exported.as_uri()}


def test_the_table_and_charts_are_there(opened, painted):
    """Projects, the table, and every chart with the points that were recorded."""
    page = opened()
    card = page.get_by_role("link", name="text2sign")
    expect(card.get_by_role("img", name="train/loss of the newest run")).to_be_visible()
    card.click()
    expect(page.locator("tbody th a.name")).to_have_count(7)
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    expect(note(page, "grad/norm")).to_contain_text("all 200 points")
    painted(page, 1)
    rows = values(page, "val/loss")
    assert [int(step) for step in rows] == list(range(19, 200, 20))


def test_it_says_what_it_is_and_when_it_was_made(opened):
    """Its title is that of the window and stands on top, with the time of the export."""
    page = opened()
    expect(page).to_have_title(TITLE)
    expect(page.get_by_role("banner")).to_contain_text(TITLE)
    moment = re.compile(r"exported \d{4}-\d\d-\d\d \d\d:\d\d")
    expect(page.get_by_role("banner")).to_contain_text(moment)
    page = opened("/p/vision")
    expect(page).to_have_title(f"vision · {TITLE}")


def test_a_run_that_went_on_and_a_short_one_beside_it(page, tmp_path):
    """What is told to run did so when it was exported; a short run has all its points."""
    quiet = {"follow": "off", "sinks": (), "capture_environment": False, "dir": tmp_path / "runs"}
    with epochal.init(project="p", name="short", **quiet) as run:
        for step in range(300):
            run.log({"loss": 1 / (step + 1)}, step=step)
    with epochal.init(project="p", name="long", **quiet) as run:
        for step in range(20_000):
            run.log({"loss": 1.0}, step=step)
        run.flush()
        file = export(tmp_path / "a.html", str(tmp_path / "runs"))
    page.goto(f"{file.as_uri()}#/p/p")
    expect(page).to_have_title("p · Epochal")
    expect(page.get_by_role("banner")).to_contain_text("1 run still running then")
    rows = values(page, "loss")
    short = [row for row in rows.values() if row[1]]
    assert len(short) == 300
    assert len(rows) > 500


def test_saved_charts_are_in_it(page, tmp_path):
    """Charts that were made for the project stand on top, as in the dashboard."""
    with epochal.init(project="saved", dir=tmp_path, follow="off") as run:
        for step in range(30):
            run.log({"train/loss": 1 / (step + 1), "val/loss": 2 / (step + 1)}, step=step)
    folder = tmp_path / "saved" / ".dashboard"
    folder.mkdir()
    one = {"title": "Both losses", "metrics": ["*/loss"], "x": "", "log": False, "smoothing": 0,
           "group": "", "kind": "line"}  # fmt: skip
    (folder / "charts.json").write_text(json.dumps({"charts": [one]}))
    page.goto(f"{export(tmp_path / 'saved.html', str(tmp_path)).as_uri()}#/p/saved")
    expect(note(page, "Both losses")).to_contain_text("all 30 points")


def test_another_x_falls_back_to_the_steps(opened):
    """Only what the file has is offered, and an address that asks for more is told so."""
    page = opened("/p/text2sign?x=time&r=1,2")
    expect(note(page, "grad/norm")).to_contain_text("all 200 points")
    axis = page.get_by_role("combobox", name="x", exact=True)
    expect(axis.get_by_role("option")).to_have_text(["step"])
    expect(page.get_by_role("toolbar", name="Charts")).to_contain_text("by step: “time”")
    expect(page).not_to_have_url(re.compile("#.*[xr]="))
    assert page.get_by_text("by step only").count() == 0


def test_zoom_group_smooth_and_filter_need_no_server(opened):
    """What the dashboard does on the page, it does here."""
    page = opened("/p/text2sign?f=config.lr%20%3C%200.5&so=name")
    expect(page.locator("tbody th a.name")).to_have_count(6)
    expect(note(page, "grad/norm")).to_contain_text("6 runs")
    drag(page, "grad/norm", 0.25, 0.5)
    expect_hash(page, "r=")
    expect(note(page, "grad/norm")).not_to_contain_text("all 200 points")
    page.get_by_role("button", name="Reset zoom").click()
    page.get_by_role("combobox", name="group").select_option("config.lr")
    expect(note(page, "train/loss")).to_contain_text("2 groups of 6 runs")
    page.get_by_role("slider", name="half-life").focus()
    page.keyboard.press("ArrowRight")
    expect_hash(page, "h=")
    page.get_by_role("textbox", name="Filter the runs").fill("unstable")
    expect_names(page, ["unstable"])


def test_smoothing_is_the_same_in_a_window(opened):
    """Zoomed in, what lies before the window still counts."""
    found = []
    for window in ("", "&r=140,160"):
        page = opened(f"/p/text2sign?f=adam-0.001-s0&h=10{window}")
        expect(note(page, "grad/norm")).to_contain_text("1 run")
        found.append(values(page, "grad/norm"))
    overview, part = found
    for step in range(145, 156):
        assert float(part[str(step)][0]) == pytest.approx(float(overview[str(step)][0]), rel=1e-3)


def test_a_run_and_its_config(opened, run_id):
    """Overview and charts of one run; what was left out is not offered as an error."""
    page = opened(f"/r/{run_id('adam-0-001-s0')}")
    expect(page.get_by_role("heading", name="adam-0.001-s0", level=1)).to_be_visible()
    expect(page.get_by_role("list", name="config")).to_contain_text("depth12")
    expect(page.get_by_role("region", name="Results")).to_contain_text("@199")
    assert page.get_by_role("button", name="Annotate").count() == 0
    page = opened(f"/r/{run_id('adam-0-001-s0')}/charts")
    expect(note(page, "train/loss")).to_contain_text("all 200 points")


def test_differences_are_compared(opened, run_id):
    """Config and results of two runs, side by side."""
    ids = ",".join(run_id(name) for name in ("adam-0-001-s0", "adam-0-01-s0"))
    page = opened(f"/c/text2sign/diff?runs={ids}")
    table = page.get_by_role("group", name="Differences").get_by_role("table")
    expect(table).to_contain_text("model.width")
    expect(table).not_to_contain_text("model.depth")
    page = opened(f"/c/text2sign/scatter?runs={ids}")
    expect(page.locator("main")).to_contain_text("2 runs")


def test_hostile_names_are_text_here_too(opened):
    """Nothing of the hostile project runs."""
    page = opened("/p/hostile?od=0")
    expect(page.locator("tbody th a.name")).to_have_count(8)
    expect(page.locator("main")).to_contain_text("<img src=x onerror=window.__ran=1> run")
    assert page.evaluate("window.__ran") is None
    expect(chart(page, "loss")).to_have_count(1)


def test_without_javascript_there_is_a_table(new_page, exported):
    """The last values of each run."""
    page = new_page(java_script_enabled=False)
    page.goto(exported.as_uri())
    expect(page.get_by_role("row").filter(has_text="adam-0.01-s1")).to_contain_text("finished")
    expect(page.get_by_role("heading", name=TITLE)).to_be_in_viewport()


def test_without_javascript_a_phone_scrolls_the_table_and_not_the_page(new_page, tmp_path):
    """It begins at the top, and the longest name makes nothing wider than the screen."""
    quiet = {"follow": "off", "sinks": (), "capture_environment": False, "dir": tmp_path / "runs"}
    with epochal.init(project="p", name="x" * 300, **quiet) as run:
        run.log({f"metric/{i}": 1.0 for i in range(8)}, step=0)
    page = new_page(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page.goto(export(tmp_path / "a.html", run.dir).as_uri())
    shown = page.locator(".scroll-x").bounding_box()
    assert 0 < shown["x"] < shown["x"] + shown["width"] < 390
    assert shown["y"] < 300
    assert page.get_by_role("table").bounding_box()["width"] > shown["width"]


@pytest.mark.parametrize("where", ["/", "/p/text2sign", "/r/{run}", "/c/text2sign/diff?runs={run}"])
def test_no_serious_finding(opened, accessible, run_id, where):
    """Axe looks at the file's pages too."""
    page = opened(where.format(run=run_id("adam-0-001-s0")))
    expect(page.locator("main h1").first).to_be_attached()
    accessible(page)


def test_its_policy_lets_no_request_out(page, exported, served):
    """Even a script in the page could reach no server."""
    page.watch.expected += ["Content Security Policy", "Refused to connect"]
    page.goto(f"{exported.as_uri()}#/p/text2sign")
    expect(page.locator("tbody th a.name")).to_have_count(7)
    asked = page.evaluate(
        "url => fetch(url, {mode: 'no-cors'}).then(() => 'came', () => 'blocked')",
        f"{served.origin}/health",
    )
    assert asked == "blocked"


def test_dark_mode(new_page, exported):
    """It follows the system like the dashboard."""
    page = new_page(color_scheme="dark")
    page.goto(f"{exported.as_uri()}#/p/text2sign")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
