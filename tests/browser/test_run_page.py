"""The page of one run: overview, charts, system, console, files."""

import re

import pytest
from dashboard_views import chart, expect, note

import epochal

QUIET = {"follow": "off", "sinks": (), "capture_environment": False}


@pytest.fixture
def first(page, served, run_id):
    """The page of the run that logged everything."""
    page.goto(served.url(f"/r/{run_id('adam-0-001-s0')}"))
    expect(page.get_by_role("heading", name="adam-0.001-s0", level=1)).to_be_visible()
    return page


def tab(page, name: str):
    """Opens a part of the run."""
    page.get_by_role("navigation", name="Parts of the run").get_by_role("link", name=name).click()


def test_the_overview_says_what_was_recorded(first):
    """State, results with best and where, config, notes, tags, alert, seed, folder."""
    results = first.get_by_role("region", name="Results")
    row = results.get_by_role("row").filter(has_text="val/loss")
    expect(row).to_contain_text("nats")
    expect(row).to_contain_text("@199")
    run = first.get_by_role("region", name="Run", exact=True)
    expect(run).to_contain_text("finished")
    expect(run).to_contain_text("lr-0.001")
    expect(run).to_contain_text("nothing lost or refused")
    expect(first.get_by_role("region", name="Notes and tags")).to_contain_text("the *first* of")
    expect(first.locator("main")).to_contain_text("loss is low")
    expect(first).to_have_title(re.compile("adam-0.001-s0"))


def test_a_failed_run_shows_its_error(page, served, run_id):
    """The traceback stands on the overview."""
    page.goto(served.url(f"/r/{run_id('script-window-ran-1-script-run')}"))
    expect(page.locator("main")).to_contain_text("RuntimeError")
    expect(page.locator("main")).to_contain_text("failed")


def test_the_config_is_searched_and_folded(first):
    """The search shows what is found with what is above it; folding hides what is below."""
    tree = first.get_by_role("list", name="config")
    expect(tree).to_contain_text("depth12")
    search = first.get_by_role("searchbox", name="Search config")
    search.fill("betas")
    expect(tree).to_contain_text("[0.9, 0.999]")
    expect(tree).not_to_contain_text("depth")
    search.fill("")
    tree.get_by_role("button", name=re.compile("^model")).click()
    expect(tree).not_to_contain_text("depth")


def test_values_are_copied_as_they_are(first):
    """The button copies JSON."""
    first.context.grant_permissions(["clipboard-read", "clipboard-write"])
    first.get_by_role("button", name="Copy JSON").first.click()
    copied = first.evaluate("navigator.clipboard.readText()")
    assert '"betas"' in copied


def test_the_charts_of_a_run(first, painted):
    """All metrics of one run."""
    tab(first, "Charts")
    expect(note(first, "train/loss")).to_contain_text("all 200 points")
    painted(first, 2)
    expect(chart(first, "val/loss")).to_be_attached()


def test_a_result_leads_to_its_chart(first):
    """The name of a metric is a link to it."""
    results = first.get_by_role("region", name="Results")
    results.get_by_role("link", name="grad/norm").click()
    expect(first.get_by_role("article")).to_have_count(1)
    expect(note(first, "grad/norm")).to_contain_text("200 points")


def test_the_machine_has_charts_of_its_own(page, serve, tmp_path, first):
    """Samples of the machine are under System, and a run without any says why."""
    tab(first, "System")
    expect(first.locator("main")).to_contain_text("not sampled")
    folder = tmp_path / "runs"
    with epochal.init(project="p", dir=folder, log_system=False, **QUIET) as run:
        run.log({"loss": 1.0}, step=0)
        for step in range(20):
            run.record_background({"system/cpu_percent": 10.0 + step}, "system")
    page.goto(serve(folder).url(f"/r/{run.id}/system"))
    expect(chart(page, "system/cpu_percent")).to_be_visible()
    expect(chart(page, "loss")).to_have_count(0)


def test_the_console_is_searched_and_split_by_stream(first):
    """Plain text is found, not regular expressions; streams are apart."""
    tab(first, "Console")
    log = first.get_by_role("log", name="Console")
    expect(log).to_contain_text("step 19: loss")
    expect(log).to_contain_text("a warning on stderr")
    first.get_by_role("button", name="stderr").click()
    expect(log).not_to_contain_text("step 19")
    expect(log).to_contain_text("a warning")
    first.get_by_role("button", name="All").click()
    first.get_by_role("searchbox", name="Search the console").fill("step 1")
    expect(log).not_to_contain_text("step 39")
    expect(log).to_contain_text("step 119")
    first.get_by_role("searchbox", name="Search the console").fill("step .9")
    expect(log).not_to_contain_text("step 19")


def test_a_run_that_printed_nothing_says_so(page, served, run_id):
    """The console of a run without output."""
    page.goto(served.url(f"/r/{run_id('baseline')}/console"))
    expect(page.locator("main")).to_contain_text(re.compile("console=True|[Nn]othing"))


def test_files_are_listed_shown_and_downloaded(first):
    """A text file is shown; any file is saved."""
    tab(first, "Files")
    folder = first.get_by_role("region", name="Folder")
    folder.get_by_role("button", name="run.json").click()
    preview = first.get_by_role("region", name="Preview of run.json")
    expect(preview).to_contain_text('"adam-0.001-s0"')
    with first.expect_download() as download:
        folder.get_by_role("row").get_by_role("link", name="Download run.json").click()
    assert download.value.suggested_filename == "run.json"


def test_a_run_that_is_not_there(page, served):
    """The page says so and leads back."""
    page.watch.expected.append("404")
    page.goto(served.url("/r/abcdefghij"))
    expect(page.locator("main")).to_contain_text("no such run")
