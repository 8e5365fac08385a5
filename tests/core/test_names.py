"""Names: what becomes of metric names, run names and ids."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.core import names

ANY_TEXT = st.text(st.characters(categories=None)) | st.text(max_size=3).map(lambda t: t * 400)


@given(ANY_TEXT)
def test_clean_keys_are_storable(key):
    """Whatever the key, what is stored is 1 to 512 characters of valid Unicode."""
    name, wrong = names.clean_key(key)
    assert 1 <= len(name) <= names.MAX_KEY_CHARS
    name.encode("utf-8")
    assert bool(wrong) == (name != key)


@given(ANY_TEXT)
def test_clean_keys_stay_as_they_are(key):
    """A clean name is not changed again."""
    name, _ = names.clean_key(key)
    assert names.clean_key(name) == (name, "")


@pytest.mark.parametrize("key", ["a", "__proto__", "\x00\x1b[2J", "x" * 512, "日本/🚀", " "])
def test_any_valid_text_is_a_name(key):
    """Control characters, spaces and foreign scripts are names like others."""
    assert names.clean_key(key) == (key, "")


def test_long_keys_stay_different():
    """Keys that differ after 512 characters get different names."""
    made = {names.clean_key("k" * 70_000 + str(n))[0] for n in range(50)}
    assert len(made) == 50


@given(st.text())
def test_slugs_are_safe_in_paths(text):
    """No text makes a slug that leaves its folder, is empty, or is too long."""
    assert re.fullmatch(r"[a-z0-9-]{1,40}", names.slug(text))


@given(st.text(st.characters(categories=None)))
def test_printable_text_moves_no_cursor(text):
    """Nothing of what a terminal obeys is left, and ordinary text is unchanged."""
    shown = names.printable(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", shown)
    assert names.printable(shown) == shown


JOINERS = "\u200c\u200d"
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = f"{JOINERS}{DIRECTIONS}\u200b\u2028\x1b"
SEEN = "\u0645👩\u0915\ufe0f"


@given(st.text(st.sampled_from(f"{UNSEEN}{SEEN}\u3000 a1")))
def test_joiners_stay_where_scripts_need_them(text):
    """Between two visible characters beyond ASCII they stay, elsewhere they and others do not."""

    def is_seen(at: int) -> bool:
        return 0 <= at < len(text) and text[at] in SEEN

    expected = "".join(
        sign if sign in JOINERS and is_seen(at - 1) and is_seen(at + 1)
        else sign.encode("unicode_escape").decode()
        if sign in UNSEEN else sign
        for at, sign in enumerate(text)
    )  # fmt: skip
    assert names.printable(text) == expected


@pytest.mark.parametrize(
    "name",
    [
        "👩\u200d👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "日本",
    ],
)
def test_names_in_any_script_are_shown_as_they_are_written(name):
    """A family, a burning heart, Persian and Hindi keep what joins their characters or does not."""
    assert names.printable(name) == name


def test_ids_are_random():
    """Ids have ten characters and do not come again."""
    made = {names.new_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch(r"[a-z0-9]{10}", each) for each in made)


def test_folder_names_carry_name_time_and_id():
    """A run's folder is named after its slug, the time in UTC, and the id."""
    assert names.folder_name("LR 1e-3", "abcdefghij", 0) == "lr-1e-3-19700101-000000-abcdefghij"
