"""A command for each number of a paper."""

import numpy as np
import pytest
from hostile import NAMES

from epochal.core.errors import EvidenceError
from epochal.markup.cells import Number
from epochal.present.macros import defined, macros
from epochal.present.spec import Provenance


def test_commands_for_numbers():
    """Names become commands; value and error are rounded; the exact value is a comment."""
    text = macros({
        "val/loss adamw": Number(3.27837, 0.00142), "seeds": Number(13), "best setting": "a_b",
        "loss": Number(np.float64(0.1)),
    })  # fmt: skip
    assert text.splitlines()[1:] == [
        r"\newcommand{\valLossAdamw}{\ensuremath{3.2784 \pm 0.0014}}% 3.27837 ± 0.00142",
        r"\newcommand{\seeds}{\ensuremath{13}}% 13",
        r"\newcommand{\bestSetting}{a\_b}% a_b",
        r"\newcommand{\loss}{\ensuremath{0.1}}% 0.1",
    ]


def test_provenance_is_in_the_file(tmp_path):
    """It can be read back from the file."""
    from epochal.present.whence import whence

    origin = Provenance(("r1",), {"paper": "x"}, ("3f2a",), "ab" * 32, "Epochal 9")
    (tmp_path / "numbers.tex").write_text(macros({"n": Number(3)}, origin))
    assert whence(tmp_path / "numbers.tex").provenance == origin


def test_names_that_collide_are_an_error():
    """Two names for one command would give one of them the other's number."""
    with pytest.raises(EvidenceError, match=r"'val_loss' and 'val/loss' both give the command"):
        macros({"val/loss": Number(1), "val_loss": Number(2)})


def test_names_that_latex_does_not_allow():
    """No letters, and what begins with the word end."""
    with pytest.raises(EvidenceError, match="no letter and no digit"):
        macros({"%": Number(1)})
    with pytest.raises(EvidenceError, match="keeps"):
        macros({"end loss": Number(1)})


def test_definitions_read_back():
    """Of every kind of value, text made of code included."""
    numbers = {f"n {chr(97 + i // 26)}{chr(97 + i % 26)}": name for i, name in enumerate(NAMES)}
    numbers |= {"x": Number(1.5e-7, 3e-9), "y": Number(float("nan")), "z": Number(2, mark="}%")}
    found = dict(defined(macros(numbers)))
    assert len(found) == len(numbers)
    assert found["x"] == r"\ensuremath{(1.500 \pm 0.030) \times 10^{-7}}"
    assert found["y"] == "NaN"
    assert found["z"] == r"\ensuremath{2}\textsuperscript{\}\%}"
