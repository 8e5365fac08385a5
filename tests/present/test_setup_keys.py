"""The key map of the set-up paragraph, as users read it."""

import re
from pathlib import Path

from epochal.present.setup_keys import KEYS
from epochal.present.tables.training import EMA_VAL_LOSS

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "tables.md"


def documented():
    """What → names, in each row of a table with names in code."""
    rows = re.findall(
        r"^\| ([^|]+) \| (`[^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {what: tuple(re.findall(r"`([^`]+)`", names)) for what, names in rows}


def test_every_key_is_documented():
    """The page has the keys of the program, in its order."""
    found = documented()
    assert {what: found.get(what) for what in KEYS} == dict(KEYS)


def test_names_of_the_ema_are_documented():
    """The page has them in the order in which they count."""
    assert documented()["the same with the EMA of the weights"] == EMA_VAL_LOSS
