"""What is made of charts: tables, files, full screen, saved charts, annotations."""

from pathlib import Path

from dashboard_views import chart, expect, expect_hash, note, values


def test_values_as_a_table(adam):
    """Each row is a step, each column a run."""
    found = values(adam, "val/loss")
    assert [int(step) for step in found] == list(range(19, 200, 20))
    assert all(len(row) == 6 for row in found.values())


def test_a_chart_fills_the_screen_and_is_saved(adam):
    """Full screen stands in the address; PNG and SVG are files."""
    card = chart(adam, "train/loss")
    card.get_by_role("button", name="train/loss in full screen").click()
    expect_hash(adam, "fs=train/loss")
    expect(adam.get_by_role("dialog", name="train/loss")).to_be_visible()
    adam.keyboard.press("Escape")
    expect(adam.get_by_role("dialog")).to_have_count(0)
    for kind, begin in (("PNG", b"\x89PNG"), ("SVG", b"<")):
        card.get_by_role("button", name="More for train/loss").click()
        with adam.expect_download() as download:
            adam.get_by_role("button", name=f"Save as {kind}").click()
        assert Path(download.value.path()).read_bytes().startswith(begin)


def test_saved_charts_come_back(editor, writable, new_page, until):
    """A chart of several metrics is made, drawn, kept with the project, changed and deleted."""
    kept = writable.folder / "text2sign" / ".dashboard" / "charts.json"
    editor.goto(writable.url("/p/text2sign", f="config.lr < 0.5"))
    editor.get_by_role("button", name="chart", exact=True).click()
    dialog = editor.get_by_role("dialog", name="New chart")
    dialog.get_by_label("Title").fill("both losses")
    dialog.get_by_label("Metrics").fill("*/loss")
    dialog.get_by_role("button", name="Save").click()
    expect(note(editor, "both losses")).to_contain_text("6 runs")
    expect(chart(editor, "both losses").get_by_role("list", name="Legend")).to_contain_text(
        "val/loss"
    )
    other = new_page()
    other.goto(writable.url("/p/text2sign"))
    expect(chart(other, "both losses")).to_be_visible()
    assert other.get_by_role("button", name="Edit both losses").count() == 0
    until(lambda: "both losses" in kept.read_text())
    _change(editor, "both losses", title="at the end", kind="bar", group="config.lr")
    expect(chart(editor, "at the end")).to_contain_text("last value")
    expect(chart(editor, "at the end")).to_contain_text("bar: mean")
    _change(editor, "at the end", title="cloud", kind="scatter", x="train/accuracy")
    expect(note(editor, "cloud")).to_contain_text("x: train/accuracy")
    other.reload()
    expect(chart(other, "cloud")).to_be_visible()
    editor.get_by_role("button", name="Edit cloud").click()
    editor.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(chart(editor, "cloud")).to_have_count(0)
    until(lambda: "cloud" not in kept.read_text())


def _change(page, name: str, **fields: str) -> None:
    page.get_by_role("button", name=f"Edit {name}").click()
    dialog = page.get_by_role("dialog", name=f"Edit {name}")
    dialog.get_by_label("Title").fill(fields["title"])
    dialog.get_by_label("Drawn as").select_option(fields["kind"])
    dialog.get_by_label("x", exact=True).select_option(fields.get("x", ""))
    dialog.get_by_label("Group").select_option(fields.get("group", ""))
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)


def test_annotations_stand_on_the_charts(editor, writable, run_id):
    """A note at a step is added on the run's page, and drawn as a flag."""
    page, found = editor, run_id("adam-0-001-s0")
    page.goto(writable.url(f"/r/{found}/overview"))
    panel = page.get_by_role("region", name="Annotations")
    panel.get_by_role("button", name="Annotate").click()
    panel.get_by_label("What is to be seen").fill("lr was halved here")
    panel.get_by_label("At step").fill("120")
    panel.get_by_role("button", name="Add").click()
    expect(panel).to_contain_text("lr was halved here")
    page.get_by_role("link", name="Charts").click()
    expect(chart(page, "train/loss")).to_contain_text("lr was halved here")
    page.get_by_role("link", name="Overview").click()
    _edit_by_keyboard(page, panel)
    page.get_by_role("link", name="Charts").click()
    expect(chart(page, "train/loss")).to_contain_text("half the rate")
    page.get_by_role("link", name="Overview").click()
    panel.get_by_role("button", name="Edit “half the rate").click()
    panel.get_by_label("Annotation", exact=True).fill("lr was halved here")
    panel.get_by_role("button", name="Save").click()
    panel.get_by_role("button", name="Remove “lr was halved here”").click()
    panel.get_by_role("button", name="Keep").click()
    expect(panel).to_contain_text("lr was halved here")
    panel.get_by_role("button", name="Remove “lr was halved here”").click()
    panel.get_by_role("button", name="Remove", exact=True).click()
    expect(panel).not_to_contain_text("lr was halved here")
    page.get_by_role("link", name="Charts").click()
    expect(chart(page, "train/loss")).not_to_contain_text("lr was halved here")


def _edit_by_keyboard(page, panel) -> None:
    """Esc leaves the text as it was, Enter saves another; the focus is then where it was."""
    pencil = panel.get_by_role("button", name="Edit “lr was halved here”")
    pencil.focus()
    page.keyboard.press("Enter")
    field = panel.get_by_label("Annotation", exact=True)
    expect(field).to_be_focused()
    page.keyboard.type(" or not")
    expect(field).to_have_value("lr was halved here or not")
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(pencil).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_have_value("lr was halved here")
    field.fill(" ")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("alert")).to_contain_text("It says nothing")
    field.fill("half the rate")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("from here")
    page.keyboard.press("Enter")
    expect(field).to_have_count(0)
    expect(panel.locator(".annotation-text")).to_have_text("half the rate from here ")
    expect(panel.get_by_role("button", name="Edit “half the rate")).to_be_focused()
    expect(panel).to_contain_text("step 120")
