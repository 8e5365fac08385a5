"""The projects and the table of runs."""

import json
import math
import os
import re
import shutil
from pathlib import Path

from dashboard_views import chart, expect, expect_hash, expect_names, names, note

import epochal

ADAM = [f"adam-{lr}-s{seed}" for lr in ("0.01", "0.001") for seed in (2, 1, 0)]
NEWEST_FIRST = ["unstable", *ADAM]


def test_projects_lead_to_their_runs(page, served):
    """A card says how a project stands, and opens its runs."""
    page.goto(served.url())
    expect(page.get_by_role("heading", name="Projects", level=1)).to_be_visible()
    card = page.get_by_role("link", name=re.compile("text2sign"))
    expect(card).to_contain_text("7 runs")
    expect(card.locator(".project-states")).to_have_text(
        re.compile(r"^\s*1\s+failed\s*6\s+finished\s*$")
    )
    card.click()
    expect_names(page, NEWEST_FIRST)
    expect(page).to_have_title("text2sign · Epochal")


def test_an_empty_folder_says_how_to_begin(page, serve, tmp_path):
    """No runs: the page has the lines that record the first one."""
    (tmp_path / "empty").mkdir()
    page.goto(serve(tmp_path / "empty").url())
    expect(page.locator("main")).to_contain_text("epochal.init(")


def test_a_heading_sorts_and_the_address_remembers(page, served):
    """A click sorts, another one turns it round, Shift adds a second key; Back undoes it."""
    page.goto(served.url("/p/text2sign"))
    expect_names(page, NEWEST_FIRST)
    heading = page.get_by_role("columnheader", name="val/loss")
    heading.get_by_role("button").click()
    expect_hash(page, "so=")
    expect(page.locator("tbody th a.name")).not_to_have_text(NEWEST_FIRST)
    first = names(page)
    assert heading.get_attribute("aria-sort") in ("ascending", "descending")
    before = heading.get_attribute("aria-sort")
    heading.get_by_role("button").click()
    expect(heading).not_to_have_attribute("aria-sort", before)
    page.go_back()
    expect_names(page, first)
    page.reload()
    expect_names(page, first)


def test_the_filter_takes_words_and_expressions(page, served):
    """Words find names and tags, expressions anything; the count says how many passed."""
    page.goto(served.url("/p/text2sign"))
    expect_names(page, NEWEST_FIRST)
    box = page.get_by_role("textbox", name="Filter the runs")
    for text, expected in {
        "0.01": ADAM[:3],
        "config.lr > 0.5": ["unstable"],
        "tag:best": ["adam-0.001-s0"],
        "lr<0.005 s1": ["adam-0.001-s1"],
        'state == "failed"': ["unstable"],
    }.items():
        box.fill(text)
        expect_names(page, expected)
        expect(page.get_by_role("search")).to_contain_text(f"{len(expected)}/7")
    page.get_by_role("button", name="Clear the filter").click()
    expect_names(page, NEWEST_FIRST)


def test_a_wrong_filter_says_what_is_wrong(page, served):
    """The error stands beneath the box, the table stays, and the console is silent."""
    page.goto(served.url("/p/text2sign"))
    expect_names(page, NEWEST_FIRST)
    box = page.get_by_role("textbox", name="Filter the runs")
    box.fill("nonsense < 1 and")
    expect(page.locator("#filter-said")).to_contain_text("cannot be read")
    expect(box).to_have_attribute("aria-invalid", "true")
    expect_names(page, NEWEST_FIRST)
    box.fill("0.01")
    expect_names(page, ADAM[:3])
    expect(box).not_to_have_attribute("aria-invalid", "true")


def test_a_filter_that_nothing_passes_can_be_cleared(page, served):
    """The empty table says so and offers the way out."""
    page.goto(served.url("/p/text2sign", f="config.lr > 1000"))
    main = page.locator("main")
    expect(main).to_contain_text("config.lr > 1000")
    main.get_by_role("button", name=re.compile("[Cc]lear")).last.click()
    expect_names(page, NEWEST_FIRST)


def test_columns_can_be_chosen_and_those_alike_left_out(page, served):
    """What is the same in all runs is left out on demand; others are added by name."""
    page.goto(served.url("/p/text2sign", f="0.01"))
    expect_names(page, ADAM[:3])
    head = page.locator("thead")
    page.get_by_role("checkbox", name="Only different").uncheck()
    expect(head).to_contain_text("model.depth")
    page.get_by_role("checkbox", name="Only different").check()
    expect(head).not_to_contain_text("model.depth")
    page.get_by_role("button", name="Choose the columns").click()
    page.get_by_role("group", name="Choose the columns").get_by_text("optimizer.name").click()
    page.keyboard.press("Escape")
    expect_hash(page, "co=")


def test_hiding_and_showing_runs_changes_the_charts(page, served):
    """A run that is hidden is in the table and not in the charts."""
    page.goto(served.url("/p/text2sign"))
    expect(note(page, "grad/norm")).to_contain_text("7 runs")
    page.get_by_role("button", name="Hide unstable in the charts").click()
    expect(note(page, "grad/norm")).to_contain_text("6 runs")
    expect_hash(page, "hide=")
    page.reload()
    expect(note(page, "grad/norm")).to_contain_text("6 runs")
    page.get_by_role("button", name="Hide all runs in the charts").click()
    expect(chart(page, "grad/norm")).to_contain_text("No run is shown")
    page.get_by_role("button", name="Show all runs in the charts").click()
    expect(note(page, "grad/norm")).to_contain_text("7 runs")


def test_selected_runs_are_compared(page, served):
    """Two selected runs open the page that compares them."""
    page.goto(served.url("/p/text2sign"))
    for name in (ADAM[0], ADAM[3]):
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()
    selected = page.get_by_role("group", name="Selected runs")
    expect(selected).to_contain_text("2 runs")
    selected.get_by_role("button", name="Compare").click()
    expect_hash(page, "/c/text2sign")
    expect(page.get_by_role("group", name="Chosen runs")).to_contain_text(ADAM[3])


def test_pinned_runs_stay_on_top(page, served, run_id):
    """A pinned run is first, however the table is sorted, also when the page is loaded again."""
    page.goto(served.url("/p/text2sign", so="name"))
    top = page.locator("tbody th a.name").first
    expect(top).to_have_text("adam-0.001-s0")
    page.get_by_role("button", name="More for unstable").click()
    page.get_by_role("button", name="Pin on top").click()
    expect(top).to_have_text("unstable")
    page.get_by_role("columnheader", name="val/loss").get_by_role("button").click()
    expect(page).not_to_have_url(re.compile("so=name"))
    expect(top).to_have_text("unstable")
    expect_hash(page, f"pin={run_id('unstable')}")
    page.reload()
    expect(top).to_have_text("unstable")
    page.get_by_role("button", name="Unpin unstable").click()
    expect(top).not_to_have_text("unstable")


def test_groups_stand_in_the_table_with_their_mean(page, served):
    """A group's head has the number of its runs and means of its columns; it folds."""
    page.goto(served.url("/p/text2sign", f="config.lr < 0.5", g="config.lr"))
    heads = page.locator("tr.group-row")
    expect(heads).to_have_count(2)
    expect(heads.first).to_contain_text("0.001")
    expect(heads.first).to_contain_text("3")
    expect(page.locator("tbody th a.name")).to_have_count(6)
    heads.first.get_by_role("button").click()
    expect(page.locator("tbody th a.name")).to_have_count(3)
    expect(note(page, "train/loss")).to_contain_text("2 groups of 6 runs")
    page.reload()
    expect(page.locator("tbody th a.name")).to_have_count(3)


def test_a_number_from_before_a_run_diverged_is_marked(page, serve, tmp_path):
    """The best value of a run that ended with NaN has a mark that says so; so has its group."""
    quiet = {"follow": "off", "sinks": (), "capture_environment": False, "dir": tmp_path / "runs"}
    for name, last in (("good", 0.25), ("diverged", math.nan)):
        with epochal.init(project="p", name=name, config={"lr": 0.1}, **quiet) as run:
            run.define("val/loss", goal="minimize", summary="best")
            for value in (0.75, 0.5, last):
                run.log({"val/loss": value})
    page.goto(serve(tmp_path / "runs").url("/p/p", g="config.lr"))
    mark = page.get_by_role("img", name="the last value is NaN")
    expect(mark).to_have_count(1)
    row = page.get_by_role("row").filter(has=mark)
    expect(row).to_contain_text("diverged")
    expect(row).to_contain_text("0.5000")
    head = page.locator("tr.group-row")
    expect(head.get_by_role("img", name="in 1 of 2 the last value is not finite")).to_be_visible()
    expect(head.get_by_title("of 2 runs 1 with NaN or ∞ at the end")).to_be_visible()


def test_who_may_not_write_is_offered_nothing_to_edit(page, served):
    """Without the link that was printed there are no fields."""
    page.goto(served.url("/p/text2sign"))
    expect_names(page, NEWEST_FIRST)
    assert page.get_by_role("button", name="Add a tag").count() == 0
    assert page.get_by_role("button", name="Write notes").count() == 0


def test_tags_notes_and_names_are_edited_in_place(editor, writable):
    """With the link, edits go to the run and are there for every reader."""
    page = editor
    page.goto(writable.url("/p/speech", co="tags,notes"))
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="baseline"))
    row.hover()  # the buttons of a row are shown where the pointer is
    row.get_by_role("button", name="Add a tag").click()
    page.get_by_role("textbox", name="New tags").fill("gpu, first try")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("first try")
    row.get_by_role("button", name="Write notes").click()
    page.get_by_role("textbox", name="Notes").fill("to be repeated")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(row).to_contain_text("to be repeated")
    row.get_by_role("button", name="More for baseline").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="New name of baseline").fill("the baseline")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="the baseline")).to_be_visible()
    (view,) = epochal.open(writable.folder, project="speech").runs()
    assert (view.name, view.tags, view.notes) == (
        "the baseline", ["gpu", "first try"], "to be repeated",
    )  # fmt: skip
    page.get_by_role("link", name="the baseline").hover()
    page.get_by_role("button", name="Remove the tag gpu").click()
    expect(page.get_by_role("button", name="Remove the tag gpu")).to_have_count(0)
    assert view.refresh().tags == ["first try"]


def test_many_runs_are_rows_only_where_they_are_seen(page, serve, recorded, tmp_path):
    """Of several hundred runs only those in sight are in the document; the last can be reached."""
    folder = _many(recorded, tmp_path / "many", 300)
    page.goto(serve(folder).url("/p/speech", so="name"))
    table = page.get_by_role("table").first
    expect(table).to_have_attribute("aria-rowcount", "301")
    expect(page.get_by_role("link", name="copy-000")).to_be_visible()
    assert page.locator("tbody tr").count() < 200
    page.locator(".table-scroller").evaluate("box => { box.scrollTop = box.scrollHeight }")
    expect(page.get_by_role("link", name="copy-299")).to_be_visible()


def _many(runs: Path, folder: Path, count: int) -> Path:
    """Copies a run, giving each copy an id and a name of its own."""
    (original,) = (runs / "speech").iterdir()
    about = json.loads((original / "run.json").read_text())
    for number in range(count):
        mine = {**about, "id": f"copy{number:06d}", "name": f"copy-{number:03d}"}
        copy = folder / "speech" / (original.name.removesuffix(about["id"]) + mine["id"])
        shutil.copytree(original, copy, copy_function=os.link)
        (copy / "run.json").unlink()
        (copy / "run.json").write_text(json.dumps(mine))
    return folder
