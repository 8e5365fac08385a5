"""The panel in a real Chromium: what a person does there, and what the page must not do."""

import json
import re
import signal
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from visits import HOSTILE, field, state_of, tab

import epochal

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

expect = sync_api.expect
expect.set_options(timeout=60_000)  # a machine may be busy


def test_a_form_is_filled_in_checked_saved_and_loaded(visit, start_panel):
    """Messages stand beside the fields and go; presets, saving, loading and removing by name."""
    panel = start_panel()
    page = visit(panel).page
    field(page, "name").fill("lr-{rate}")
    field(page, "tags").fill("clip, a/b")
    expect(page.locator("#field-name")).to_contain_text(
        "In braces may stand: training, steps, learning_rate"
    )
    expect(field(page, "name")).to_have_attribute("aria-invalid", "true")
    page.locator("#saved-name input").fill("mine: ../x")
    page.locator("#saved-name input").press("Enter")
    page.locator("#save").click()
    expect(page.locator("#configuration-message")).to_contain_text("Not saved: correct Experiment.")
    field(page, "name").fill("lr-{learning_rate}")
    field(page, "name").blur()
    expect(field(page, "name")).to_have_attribute("aria-invalid", "false")
    page.locator("#save").click()
    expect(page.locator("#configuration-message")).to_contain_text("Saved as mine: ../x.")
    page.locator("#preset-stability").click()
    expect(page.locator("#configuration-message")).to_contain_text("Numerical Stability Focus")
    expect(field(page, "every.gradients")).to_have_value("1")
    expect(page.get_by_label("Gradients by layer").first).to_be_checked()
    expect(field(page, "name")).to_have_value("lr-{learning_rate}")
    page.locator("#load").click()
    expect(page.locator("#configuration-message")).to_contain_text("Loaded mine: ../x.")
    expect(field(page, "every.gradients")).to_have_value("50")
    page.locator("#remove").click()
    expect(page.locator("#configuration-message")).to_contain_text("Removed")
    assert not list((panel.home / "config" / "epochal" / "control").iterdir())


def test_a_form_goes_to_a_file_and_comes_from_one(visit, start_panel, tmp_path):
    """Download and opening of JSON; the form survives a reload; a bad file says why."""
    page = visit(start_panel(), accept_downloads=True).page
    tab(page, "Training")
    field(page, "steps").fill("321")
    tab(page, "Configuration")
    field(page, "name").fill("to a file")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert download.value.suggested_filename == "to-a-file.json"
    document = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert (document["steps"], document["epochal"]["name"]) == (321, "to a file")

    def opened(text: str) -> None:
        file = tmp_path / "opened.json"
        file.write_text(text, encoding="utf-8")
        with page.expect_file_chooser() as chooser:
            page.locator("#upload").click()
        chooser.value.set_files(file)

    said = page.locator("#configuration-message")
    opened("{")
    expect(said).to_contain_text("Not loaded: the file is no JSON")
    opened('{"a": "' + "x" * 900_000 + '"}')
    expect(said).to_contain_text("too large")
    expect(field(page, "name")).to_have_value("to a file")
    document["epochal"] |= {"name": HOSTILE, "wandb_entity": HOSTILE, "checkpoint_dir": "/etc"}
    opened(json.dumps(document | {"steps": 77}))
    expect(said).to_contain_text("wandb_entity")
    expect(field(page, "name")).to_have_value(HOSTILE)
    expect(page.locator("#field-checkpoint-dir")).to_contain_text("outside of the folder of runs")
    page.reload()
    expect(field(page, "name")).to_have_value(HOSTILE)
    tab(page, "Training")
    expect(field(page, "steps")).to_have_value("77")


def test_a_training_is_started_watched_left_and_stopped(visit, start_panel, until):
    """The training goes on while no tab is open, and is stopped from a second one."""
    panel = start_panel()
    visited = visit(panel)
    page = visited.page
    field(page, "name").fill(HOSTILE)
    tab(page, "Training")
    field(page, "steps").fill("0")
    page.locator("#start").click()
    expect(page.locator("#training-message")).to_contain_text("Not started: correct Steps.")
    field(page, "steps").fill("100000")
    page.locator("#start").click()
    status = page.locator("#status")
    expect(status).to_contain_text("● running")
    expect(status).to_contain_text(HOSTILE)
    expect(status.locator("img")).to_be_visible()
    expect(page.locator("#headline")).to_contain_text("of 100,000")
    expect(page.locator("#start")).to_be_disabled()

    def step(of) -> int:
        found = re.search(r"Step\s*([\d,]+) of", of.inner_text())
        return int(found[1].replace(",", "")) if found else 0

    first = step(status)
    until(lambda: page.wait_for_timeout(100) or step(status) > first)
    last = step(status)
    blank = visited.context.new_page()
    page.close()
    blank.wait_for_timeout(1500)
    second, third = visited.again(), visited.again()
    tab(second, "Training")
    until(lambda: second.wait_for_timeout(100) or step(second.locator("#status")) > last + 20)
    tab(third, "Training")
    third.locator("#stop").click()
    for each in (second, third):
        expect(each.locator("#status")).to_contain_text("■ interrupted")
        expect(each.locator("#start")).to_be_enabled()
        expect(each.locator("#stop")).to_be_disabled()
    assert state_of(panel, HOSTILE) == "interrupted"


def test_a_run_is_looked_at(visit, start_panel, until):
    """The figure in four panels with its files, summary, health and the list of runs."""
    panel = start_panel()
    with epochal.init("p", HOSTILE, {"<b>k": HOSTILE}, dir=str(panel.runs), tags=["<i>"],
                      notes=HOSTILE) as run:  # fmt: skip
        for step in range(50):
            run.log({"train/loss": 1 / (step + 1), "gradients/norm": 2.0}, step)
            run.log({"numerics/nan_count": int(step == 7), "numerics/inf_count": 0}, step)
        run.alert(HOSTILE, "look at it")
    page = visit(panel, accept_downloads=True).page
    tab(page, "Monitoring")
    details = page.locator("#details")
    expect(details).to_contain_text("✓ finished")
    expect(details).to_contain_text(HOSTILE)
    expect(details.locator("tr", has_text="Loss").first).to_contain_text("0.02")
    expect(details.locator("tr", has_text="Numbers")).to_contain_text("1 NaN")
    expect(page.locator("#runs")).to_contain_text(HOSTILE)
    page.locator("#draw").click()
    picture = page.locator("#figure img")
    picture.wait_for(timeout=180_000)  # a machine that is busy draws for long
    until(lambda: picture.evaluate("img => img.naturalWidth") > 500)
    expect(page.locator("#figure figcaption")).to_contain_text("n = 50 steps")
    for words, begins in (("PDF", b"%PDF"), ("SVG", b"<?xml"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.locator("#figure a", has_text=words).click()
        assert Path(download.value.path()).read_bytes().startswith(begins)
    assert not page.locator("#details b:not(.bad)").count()


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_tensorboard_is_started_and_stopped(visit, start_panel):
    """A free port of loopback, a link that answers, and the end of it when it is asked for."""
    panel = start_panel()
    with epochal.init("p", "a", dir=str(panel.runs)) as run:
        run.log({"loss": 0.5}, 1)
    page = visit(panel).page
    tab(page, "Monitoring")
    page.locator("#tensorboard-start").click()
    link = page.locator("#tensorboard a")
    link.wait_for()
    address = link.get_attribute("href")
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert b"TensorBoard" in answer.read()
    page.locator("#tensorboard-stop").click()
    expect(page.locator("#tensorboard")).to_contain_text("Off.")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=60)
    page.locator("#tensorboard-start").click()
    link.wait_for()
    address = link.get_attribute("href")
    page.goto("about:blank")
    panel.stop()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=60)


@pytest.mark.parametrize("goes_on", [False, True])
def test_the_end_of_the_panel_does_to_the_training_what_was_chosen(visit, start_panel, goes_on):
    """It says what becomes of the training; one that goes on is found and stopped by the next."""
    panel = start_panel()
    visited = visit(panel)
    page = visited.page
    field(page, "name").fill("long")
    tab(page, "Training")
    field(page, "steps").fill("100000")
    if goes_on:
        page.locator("#goes-on input").check()
    page.locator("#start").click()
    expect(page.locator("#status")).to_contain_text("● running")
    visited.context.new_page()
    page.close()
    lines = panel.stop(signal.SIGTERM)
    if not goes_on:
        assert "Stopping the training long-" in lines[-1]
        assert state_of(panel, "long") == "interrupted"
        return
    assert re.search(r"The training long-\S+ goes on", lines[-1])
    assert state_of(panel, "long") == "running"
    second = start_panel()
    page = visit(second).page
    tab(page, "Training")
    expect(page.locator("#status")).to_contain_text("● running")
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#stop").click()
    expect(page.locator("#status")).to_contain_text("■ interrupted")
    assert state_of(second, "long") == "interrupted"


def test_the_dashboard_is_one_click_away(visit, shared):
    """With --dashboard there is a link to it in the same tab; without there is none."""
    page = visit(shared).page
    link = page.locator("a#dashboard, #dashboard a")
    expect(link).to_have_attribute("href", "http://127.0.0.1:9/x/")
    assert link.get_attribute("target") in (None, "", "_self")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(visit, shared, scheme):
    """Axe finds nothing serious in any tab, with messages and tables shown, light and dark."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(shared, color_scheme=scheme).page
    field(page, "every.train").fill("often")
    field(page, "every.train").blur()
    expect(page.locator("#field-every-train")).to_contain_text("Write 10")
    page.locator("#save").click()
    for name in ("Configuration", "Training", "Monitoring"):
        tab(page, name)
        page.wait_for_timeout(500)
        found = axe.Axe().run(page).response["violations"]
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in found if each["impact"] in ("serious", "critical")
        ]  # fmt: skip
        assert serious == [], name
    assert page.locator("h1").count() == 1


def test_the_keyboard_is_enough(visit, shared):
    """Tab and Enter reach tabs, fields and buttons."""
    page = visit(shared).page
    page.get_by_role("tab", name="Training").focus()
    page.keyboard.press("Enter")
    expect(field(page, "steps")).to_be_visible()
    page.locator("#start").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Simulated")).to_be_focused()
    field(page, "seed").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#goes-on input")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#goes-on input")).to_be_checked()
