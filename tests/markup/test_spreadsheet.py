"""CSV in which no cell is a formula."""

import csv
import io
import json
import math

import pandas as pd
import pytest
from hostile import NAMES

from epochal.markup.cells import Number
from epochal.markup.spreadsheet import comment, csv_text


def read(text):
    """Rows of a CSV, as Python's reader gives them."""
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_names_are_no_formulas(name):
    """A heading and a cell made of code are the same text, if need be behind an apostrophe."""
    head, row = read(csv_text([name, "b"], [[name, 1]]))
    assert head[0] == row[0]
    seen = head[0]
    assert not seen.lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert seen.removeprefix("'") == name.encode("utf-8", "backslashreplace").decode() or (
        seen == name  # it has an apostrophe of its own
    )


@pytest.mark.parametrize("text", ["-1", "+2.5", "-3e-4", "-inf", "-0"])
def test_numbers_given_as_text_stay_numbers(text):
    """A minus is no formula where a number follows."""
    assert csv_text(["a"], [[text]]) == f"a\n{text}\n"


@pytest.mark.parametrize(
    "text", ["-1_000", "- 1", "-1 ", "=1", "+", "-", "-x", "\uff1d1", "-\u0661"]
)
def test_what_is_almost_a_number_is_text(text):
    """Only what every program reads as a number is one."""
    assert read(csv_text(["a"], [[text]]))[1] == [f"'{text}"]


def test_numbers_are_exact():
    """Floats read back bit for bit; Number gives its value; None and missing are empty."""
    values = [0.1, 1e-300, 2**70, Number(3.27837, 0.00142), None, -5.5]
    row = read(csv_text("abcdef", [values]))[1]
    assert row == ["0.1", "1e-300", str(2**70), "3.27837", "", "-5.5"]


def test_pandas_reads_it():
    """Text with commas, quotes and line breaks, and NaN."""
    text = csv_text(["name", "x"], [['a, "b"\nc', math.nan], ["d", -2.0]])
    frame = pd.read_csv(io.StringIO(text))
    assert frame["name"].tolist() == ['a, "b"\nc', "d"]
    assert frame["x"].isna().tolist() == [True, False]
    assert frame["x"][1] == -2.0


def test_values_that_are_no_numbers():
    """By the names that pandas and R know; a flag is 0 or 1; a lonely empty cell is a line."""
    assert csv_text(["a"], [[math.nan], [math.inf], [-math.inf], [True], [None]]) == (
        'a\nNaN\nInf\n-Inf\n1\n""\n'
    )


def test_a_comment_is_no_formula_in_any_cell():
    """Whatever a spreadsheet takes for a separator, and JSON reads the same facts."""
    facts = {"groups": {"a,=1+1": 3, 'x";=cmd|"': 1, "\t=2": 2}, "runs": ["+1", "@a"]}
    line = comment("mark: " + json.dumps(facts))
    assert json.loads(line.partition("mark: ")[2]) == facts
    assert line.count("\n") == 1
    for separator in ",;\t":
        assert not any(cell.lstrip(' "')[:1] in {*"=@-"} for cell in line.split(separator)[1:-1])
