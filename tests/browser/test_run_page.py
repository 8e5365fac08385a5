"""The page of one run: overview, charts, system, console, files."""

import re
from pathlib import Path

import numpy as np
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
    expect(run).to_contain_text(re.compile(r"Size on disk\s*[\d.]+ [kM]B"))
    notes = first.get_by_role("region", name="Notes and tags")
    expect(notes).to_contain_text("the first of its kind")
    expect(notes.get_by_role("emphasis")).to_have_text("first")
    expect(first.locator("main")).to_contain_text("loss is low")
    expect(first).to_have_title(re.compile("adam-0.001-s0"))


def test_the_code_and_the_surroundings(page, served, run_id):
    """Commit, branch and the change that was not committed; Python, packages and machine."""
    page.goto(served.url(f"/r/{run_id('resnet-16')}"))
    code = page.get_by_role("region", name="Code", exact=True)
    expect(code).to_contain_text(re.compile("Commit[0-9a-f]{40}"))
    expect(code).to_contain_text("main")
    expect(code).to_contain_text("changes that are not committed")
    expect(code).to_contain_text("-WIDTH = 4")
    expect(code).to_contain_text("+WIDTH = 16")
    environment = page.get_by_role("region", name="Environment")
    environment.get_by_role("searchbox", name="Search environment").fill("numpy")
    expect(environment.get_by_role("list", name="environment")).to_contain_text(np.__version__)


def test_tags_and_notes_are_edited_on_the_overview(editor, writable, run_id):
    """What is written there is the run's, also for who looks at the table."""
    found = run_id("adam-0-01-s2")
    editor.goto(writable.url(f"/r/{found}"))
    panel = editor.get_by_role("region", name="Notes and tags")
    panel.get_by_role("button", name="Add a tag").click()
    panel.get_by_role("textbox", name="New tags").fill("promising")
    editor.keyboard.press("Enter")
    expect(panel).to_contain_text("promising")
    panel.get_by_role("button", name="Write notes").click()
    panel.get_by_role("textbox", name="Notes").fill("lower the rate")
    editor.keyboard.press("Control+Enter")
    expect(panel.locator(".notes-text")).to_have_text("lower the rate")
    view = epochal.open(writable.folder).run(found)
    assert (view.tags, view.notes) == (["ablation/lr", "promising"], "lower the rate")
    editor.goto(writable.url("/p/text2sign", f="tag:promising"))
    expect(editor.locator("tbody th a.name")).to_have_text(["adam-0.01-s2"])


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
    first.wait_for_function(
        "async () => (await navigator.clipboard.readText()).includes('\"betas\"')"
    )


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


def test_artifacts_stand_above_the_folder(page, served, run_id):
    """Name, type, size and hash; it is saved from there."""
    page.goto(served.url(f"/r/{run_id('resnet-16')}/files"))
    artifacts = page.get_by_role("region", name="Artifacts")
    row = artifacts.get_by_role("row").filter(has_text="labels.txt")
    expect(row).to_contain_text("dataset")
    expect(row.locator("code").first).to_have_attribute("title", re.compile("^[0-9a-f]{64}$"))
    with page.expect_download() as download:
        row.get_by_role("link", name="Download labels.txt").click()
    assert Path(download.value.path()).read_text() == "cat\ndog\n"


@pytest.mark.torch
def test_checkpoints_stand_above_the_folder(page, serve, tmp_path):
    """Where each was saved, how good it was, which is the best and the final one."""
    import torch

    with epochal.init(project="p", dir=tmp_path / "runs", **QUIET) as run:
        for step, loss in ((10, 0.5), (20, 0.7)):
            run.save_checkpoint(
                torch.nn.Linear(2, 1), epoch=step / 10, step=step, metrics={"val/loss": loss},
                monitor="val/loss", final=step == 20,
            )  # fmt: skip
    page.goto(serve(tmp_path / "runs").url(f"/r/{run.id}/files"))
    table = page.get_by_role("region", name="Checkpoints").get_by_role("table")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(table.get_by_role("columnheader", name="val/loss")).to_be_visible()
    expect(table.get_by_role("columnheader", name="Loss", exact=True)).to_have_count(0)
    expect(rows.filter(has_text="best")).to_contain_text("0.5")
    expect(rows.filter(has_text="final")).to_contain_text("0.7")
    with page.expect_download() as download:
        rows.first.get_by_role("link", name=re.compile("^Download checkpoint_")).click()
    assert torch.load(download.value.path(), weights_only=True)["step"] in {10, 20}


def test_steps_are_not_rounded(page, serve, tmp_path):
    """A step names a place: in the head, the results and the facts it is written in full."""
    with epochal.init(project="p", dir=tmp_path / "runs", **QUIET) as run:
        run.define("loss", goal="minimize")
        for step, loss in ((1999, 0.1), (2999, 0.2)):
            run.log({"loss": loss}, step=step)
    page.goto(serve(tmp_path / "runs").url(f"/r/{run.id}"))
    expect(page.locator(".page-facts")).to_contain_text("step 2,999")
    results = page.get_by_role("region", name="Results")
    expect(results).to_contain_text("@1,999")
    expect(page.get_by_role("region", name="Run", exact=True)).to_contain_text("2,999")


def test_a_run_that_is_not_there(page, served):
    """The page says so and leads back."""
    page.goto(served.url("/r/abcdefghij"))
    expect(page.locator("main")).to_contain_text("no such run")
