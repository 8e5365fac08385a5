"""An exported page, opened from disk."""

import subprocess
import sys

import pytest
from dashboard_views import chart, drag, expect, expect_hash, expect_names, note, values

PROGRAM = "import sys; from epochal.cli.export import export; export(sys.argv[1:])"


@pytest.fixture(scope="module")
def exported(recorded, tmp_path_factory):
    """The recorded runs as one file."""
    target = tmp_path_factory.mktemp("export") / "runs.html"
    command = [sys.executable, "-c", PROGRAM, "--html", str(target), str(recorded)]
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
    assert chart(page, "loss").count() == 1


def test_without_javascript_there_is_a_table(new_page, exported):
    """The last values of each run."""
    page = new_page(java_script_enabled=False)
    page.goto(exported.as_uri())
    expect(page.get_by_role("row").filter(has_text="adam-0.01-s1")).to_contain_text("finished")


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
