"""The panel in a real Chromium: how its tabs lie, what an empty one says, and a real training."""

import base64
import os

import pytest
from visits import field, state_of, tab

import epochal

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

TABS = ("Configuration", "Training", "Monitoring")
expect = sync_api.expect
expect.set_options(timeout=60_000)  # a machine may be busy


@pytest.mark.parametrize("width", [1440, 800])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_tabs_lie_alike(visit, shared, width, scheme):
    """No tab is narrower or further right than another, and none is wider than the window."""
    page = visit(shared, color_scheme=scheme).page
    page.set_viewport_size({"width": width, "height": 900})
    found = set()
    for name in TABS:
        tab(page, name)
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        for part in ("main", "#tabs"):
            box = page.locator(part).first.bounding_box()
            found.add((part, round(box["x"]), round(box["width"])))
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= width, name
    assert len(found) == 2, found
    (_, _, main), _ = sorted(found, key=lambda each: each[0] != "main")
    assert main > 0.88 * width


def test_a_phone_has_all_tabs_and_narrow_margins(visit, shared):
    """At 390 px all three tabs are there, cards have 12 px beside them, and none is cut off."""
    page = visit(shared, viewport={"width": 390, "height": 844}, is_mobile=True).page
    for name in TABS:
        expect(page.get_by_role("tab", name=name)).to_be_visible()
    expect(page.get_by_label("More tabs")).to_be_hidden()
    for name in TABS:
        tab(page, name)
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        box = page.locator(".ep-card:visible").first.bounding_box()
        assert (box["x"], box["width"]) == (12, 366), name
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, name


@pytest.mark.parametrize("width", [1440, 1000, 800])
def test_tables_break_no_word(visit, shared, width):
    """Each head of a column and each label of Monitoring stands on one line, inside its card."""
    page = visit(shared).page
    page.set_viewport_size({"width": width, "height": 900})
    tab(page, "Monitoring")
    expect(page.locator("#details table.summary")).to_contain_text("Loss")
    expect(page.locator("#runs table")).to_contain_text("finished")
    cells = page.locator("#details table.summary :is(th, td), #runs table :is(th, td)")
    heights = cells.evaluate_all(
        "cells => cells.map((cell) => cell.getBoundingClientRect().height)"
    )
    assert heights
    assert max(heights) < 2 * 18  # two lines of 12 px, without the padding, are as high
    for name in ("#details", "#runs"):
        over = page.locator(name).evaluate("card => card.scrollWidth - card.clientWidth")
        assert over <= 0, name


def test_an_empty_folder_says_what_to_do(visit, start_panel):
    """Without a run, and without a name, each button says what is missing and what helps."""
    page = visit(start_panel()).page
    said = page.locator("#configuration-message")
    for button, words in (
        ("#save", "Not saved: Type a name for it first."),
        ("#load", "Not loaded: Choose one under Name first."),
        ("#remove", "Not removed: Choose one under Name first."),
    ):
        page.locator(button).click()
        expect(said).to_contain_text(words)
    page.locator("#saved-name input").fill("mine")
    page.locator("#saved-name input").press("Enter")
    page.locator("#remove").click()
    expect(said).to_contain_text("There is no saved configuration 'mine'")
    page.locator("#save").click()
    expect(said).to_have_text("Saved as mine.")
    page.locator("#save").click()
    expect(said).to_contain_text("It replaces the one of that name.")
    tab(page, "Monitoring")
    expect(page.locator("#runs")).to_contain_text("start one in the tab Training.")
    page.locator("#draw").click()
    expect(page.locator("#figure")).to_contain_text("There is no run to draw yet: start one")
    page.locator("#tensorboard-start").click()
    expect(page.locator("#tensorboard")).to_contain_text("There is no run to show yet: start one")
    expect(page.locator("#tensorboard-start")).to_be_enabled()


def test_a_figure_that_fails_says_what_failed(visit, start_panel, tmp_path, until):
    """With a broken Matplotlib the error and a remedy are in its place, once the trace outside."""
    broken = tmp_path / "broken" / "matplotlib"
    broken.mkdir(parents=True)
    asked_by_gradio = "get_backend = lambda: 'agg'\nuse = lambda *_, **__: None\n"
    (broken / "__init__.py").write_text(asked_by_gradio)
    (broken / "font_manager.py").write_text("raise RuntimeError('no <b>fonts</b>')")
    with epochal.init("p", "a", dir=str(tmp_path / "runs")) as run:
        run.log({"train/loss": 0.5}, 1)
    panel = start_panel(environ={"PYTHONPATH": str(broken.parent)})
    page = visit(panel).page
    tab(page, "Monitoring")
    expect(page.locator("#details table.summary")).to_contain_text("Loss")
    page.locator("#draw").click()
    said = page.locator("#figure .ep-message.wrong")
    expect(said).to_contain_text("failed (RuntimeError: no <b>fonts</b>): try again")
    expect(said).to_contain_text("the traceback in the terminal of epochal control")
    until(lambda: panel.lines.count("RuntimeError: no <b>fonts</b>") == 1)


WATCH = """() => {
  window.seen = [];
  let last = "";
  const text = (part) => document.querySelector(`${part} .ep-state`)?.textContent.slice(2) ?? "";
  const look = () => {
    const now = [text("#status"), text("#headline"), start.disabled, stop_.disabled];
    if (String(now) === last) seen.push(now);  // it stood for two frames
    last = String(now);
    requestAnimationFrame(look);
  };
  const start = document.querySelector("#start"), stop_ = document.querySelector("#stop");
  look();
}"""


def long_training(page):
    """Starts one that goes on until it is stopped; returns where its status stands."""
    tab(page, "Training")
    field(page, "steps").fill("100000")
    page.locator("#start").click()
    status = page.locator("#status")
    expect(status).to_contain_text("● running")
    return status


def test_the_status_never_contradicts_itself(visit, start_panel):
    """After a look at the figure and Stop: status, headline and buttons are always of one state."""
    visited = visit(start_panel())
    page, status = visited.page, long_training(visited.page)
    tab(page, "Monitoring")
    expect(page.locator("#details")).to_contain_text("● running")
    page.locator("#draw").click()
    page.locator("#figure img").wait_for(timeout=180_000)  # a busy machine draws for long
    tab(page, "Training")
    page.evaluate(WATCH)
    page.locator("#stop").click()
    expect(status).to_contain_text("■ interrupted")
    expect(page.locator("#start")).to_be_enabled()
    page.wait_for_function("seen.at(-1)[0] === 'interrupted'")  # that has stood for two frames too
    seen = {tuple(each) for each in page.evaluate("seen")}
    assert seen <= {
        ("running", "running", True, False), ("stopping", "stopping", True, True),
        ("interrupted", "", False, True),
    }  # fmt: skip
    assert len(seen) > 1


def test_an_update_that_fails_is_followed_by_others(visit, start_panel):
    """The status goes on when the server could not answer once."""
    visited = visit(start_panel())
    page, status = visited.page, long_training(visited.page)
    with page.expect_response(lambda answer: answer.status == 500):  # the next update may come soon
        page.route("**/run/predict", lambda route: route.fulfill(status=500, body="no"), times=1)
    told = status.inner_text()
    expect(status).not_to_have_text(told, use_inner_text=True)
    page.locator("#stop").click()
    expect(status).to_contain_text("■ interrupted")
    visited.wrong.clear()


@pytest.mark.torch
def test_a_real_training_is_started_left_and_stopped(visit, start_panel, until):
    """The model of PyTorch learns while no tab is open; it is stopped and has a checkpoint."""
    panel = start_panel()
    visited = visit(panel)
    page = visited.page
    field(page, "name").fill("real")
    field(page, "every.checkpoint").fill("5")
    field(page, "every.checkpoint").blur()
    tab(page, "Training")
    page.get_by_label("Real (PyTorch)").check()
    field(page, "steps").fill("100000")
    field(page, "batch_size").fill("4")
    page.locator("#start").click()
    expect(page.locator("#status")).to_contain_text("● running", timeout=90_000)
    blank = visited.context.new_page()
    page.close()
    runs = epochal.open(panel.runs, cache_dir=str(panel.home / "read"))
    until(lambda: blank.wait_for_timeout(200) or (runs.run("real").steps or 0) > 10, 120)
    page = visited.again()
    tab(page, "Training")
    expect(page.locator("#status")).to_contain_text("● running")
    page.locator("#stop").click()
    expect(page.locator("#status")).to_contain_text("■ interrupted")
    expect(page.locator("#start")).to_be_enabled()
    assert state_of(panel, "real") == "interrupted"
    view = runs.run("real")
    assert view.config["training"] == "real"
    assert view.checkpoints
    assert all(os.path.getsize(each.path) for each in view.checkpoints)


def test_a_loss_that_diverges_is_drawn_and_counted(visit, start_panel):
    """The line is there although values left the range, and both tabs say how many were lost."""
    panel = start_panel()
    page = visit(panel).page
    field(page, "name").fill("diverges")
    tab(page, "Training")
    for key, value in (("steps", "150"), ("learning_rate", "0.5"), ("max_gradient_norm", "0")):
        field(page, key).fill(value)
    page.locator("#start").click()
    status = page.locator("#status")
    expect(status).to_contain_text("✓ finished")
    expect(status).to_contain_text("more were NaN or infinite")
    picture = status.locator("img").get_attribute("src")
    drawn = base64.b64decode(picture.partition(",")[2]).decode()
    assert "polyline" in drawn
    assert "nan" not in drawn
    assert "inf" not in drawn
    tab(page, "Monitoring")
    expect(page.locator("#details tr", has_text="points NaN or infinite")).to_contain_text("✕")
