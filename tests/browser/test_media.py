"""The media of a run, step by step."""

import re

import pytest
from dashboard_views import expect

# A logged page's own script and picture are blocked, which the browser tells.
BLOCKED = ["Content Security Policy", "Blocked a frame", "blocked"]


@pytest.fixture
def media(page, served, run_id):
    """The media of the run that logged ten of each kind."""
    page.watch.expected += BLOCKED
    page.goto(served.url(f"/r/{run_id('adam-0-001-s0')}/media"))
    expect(page.get_by_role("region", name="samples/image")).to_be_visible()
    return page


def image(page):
    """The logged image at the step that is shown."""
    return page.get_by_role("region", name="samples/image").get_by_role("img").first


def loaded(element) -> bool:
    """Says whether an image came whole."""
    element.evaluate("image => image.decode()")
    return element.evaluate("image => image.naturalWidth") == 24


def test_every_kind_is_shown(media):
    """Images, a pair, audio with its waveform, video, histograms, a table, a page, a text."""
    expect(image(media)).to_be_visible()
    assert loaded(image(media))
    expect(media.get_by_role("region", name="samples/pair").get_by_role("img")).to_have_count(2)
    media.get_by_role("region", name="samples/voice").scroll_into_view_if_needed()
    expect(media.get_by_role("img", name=re.compile("Waveform"))).to_be_visible()
    media.get_by_role("region", name="weights").scroll_into_view_if_needed()
    expect(media.get_by_role("img", name=re.compile("Histograms .*10 steps"))).to_be_visible()
    words = media.get_by_role("region", name="words")
    expect(words.get_by_role("cell", name="the", exact=True)).to_be_visible()
    expect(media.get_by_role("region", name="story")).to_contain_text("Once upon step 199")
    media.get_by_role("region", name="page").scroll_into_view_if_needed()
    inside = media.frame_locator("iframe").locator("#inside")
    expect(inside).to_have_text("logged page")


def test_the_slider_and_the_keys_change_the_step(media):
    """Every key follows; the address has the step."""
    steps = media.get_by_role("status").filter(has_text="of 10")
    expect(steps).to_contain_text("199")
    before = image(media).get_attribute("src")
    media.get_by_role("button", name="Step back").click()
    expect(steps).to_contain_text("179")
    expect(image(media)).not_to_have_attribute("src", before)
    expect(media.get_by_role("region", name="story")).to_contain_text("Once upon step 179")
    media.keyboard.press("[")
    expect(steps).to_contain_text("159")
    media.keyboard.press("]")
    expect(steps).to_contain_text("179")
    slider = media.get_by_role("slider", name="Step")
    slider.focus()
    media.keyboard.press("Home")
    expect(steps).to_contain_text("19")
    expect(media).to_have_url(re.compile("st=19"))
    media.reload()
    expect(media.get_by_role("region", name="story")).to_contain_text("Once upon step 19")
    assert loaded(image(media))


def test_one_key_alone(media):
    """The choice of a key leaves the others out."""
    media.get_by_role("combobox", name="Key").select_option(label="story (10)")
    expect(media.get_by_role("region", name="samples/image")).to_have_count(0)
    expect(media.get_by_role("region", name="story")).to_be_visible()


def test_an_image_is_enlarged_and_saved(media):
    """A click shows it large; Escape closes; the link saves it."""
    media.get_by_role("button", name="Enlarge sample at 199").click()
    expect(media.get_by_role("dialog")).to_be_visible()
    media.keyboard.press("Escape")
    expect(media.get_by_role("dialog")).to_have_count(0)
    with media.expect_download() as download:
        media.get_by_role("region", name="samples/image").get_by_role("link", name="Save").click()
    with open(download.value.path(), "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_audio_and_video_can_be_played(media):
    """The browser can decode what it is given."""
    for name, kind in (("samples/voice", "audio"), ("samples/video", "video, img")):
        region = media.get_by_role("region", name=name)
        region.scroll_into_view_if_needed()
        element = region.locator(kind).first
        expect(element).to_be_visible()
        element.scroll_into_view_if_needed()
        if element.evaluate("element => element.tagName") == "IMG":  # a GIF where no encoder was
            assert loaded(element)
            continue
        assert element.evaluate(PLAYED) > 0


PLAYED = """element => {
  element.muted = true;
  return new Promise((done, failed) => {
    element.addEventListener("timeupdate", () => element.currentTime > 0 && done(element.duration));
    element.addEventListener("error", () => failed(element.error.message));
    element.play().catch(failed);
  });
}"""


def test_the_step_is_that_of_histograms_texts_and_tables_too(media):
    """One slider for all kinds; each says the step it shows."""
    weights = media.get_by_role("region", name="weights")
    weights.scroll_into_view_if_needed()
    expect(weights.get_by_role("img", name="Histogram of step 199")).to_be_visible()
    mean = weights.locator(".bars p").inner_text()
    slider = media.get_by_role("slider", name="Step")
    slider.focus()
    media.keyboard.press("Home")
    expect(weights.get_by_role("img", name="Histogram of step 19", exact=True)).to_be_visible()
    assert weights.locator(".bars p").inner_text() != mean
    expect(media.get_by_role("region", name="story")).to_contain_text("Once upon step 19")
    words = media.get_by_role("region", name="words")
    expect(words.get_by_role("cell", name="19", exact=True)).to_be_visible()


def test_two_runs_side_by_side(media, run_id):
    """Another run's media stand beside them, at the same step."""
    media.get_by_role("combobox", name="Beside it").select_option(label="adam-0.001-s1")
    expect(media).to_have_url(re.compile(run_id("adam-0-001-s1")))
    expect(media.get_by_role("group", name="Chosen runs")).to_contain_text("adam-0.001-s1")


def test_a_run_without_media_says_how_to_log_them(page, served, run_id):
    """The empty page has the call."""
    page.goto(served.url(f"/r/{run_id('baseline')}/media"))
    expect(page.locator("main")).to_contain_text("epochal.Image")
