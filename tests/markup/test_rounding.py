"""Numbers rounded for people."""

import math
import random

import numpy as np
import pytest
from uncertainties import ufloat

from epochal.core.errors import EvidenceError
from epochal.markup.cells import Number
from epochal.markup.rounding import fixed, p_value, percent, plain, rounded


@pytest.mark.parametrize(
    ("value", "error", "pdg", "short", "one_digit"),
    [
        (3.27837, 0.00142, "3.2784 ± 0.0014", "3.2784(14)", "3.278 ± 0.001"),
        (79.6849, 0.1828, "79.68 ± 0.18", "79.68(18)", "79.7 ± 0.2"),
        (0.93345, 0.0096, "0.933 ± 0.010", "0.933(10)", "0.93 ± 0.01"),
        (12.345, 0.0998, "12.35 ± 0.10", "12.35(10)", "12.3 ± 0.1"),
        (1234.5, 23.4, "1234 ± 23", "1234(23)", "1230 ± 20"),
    ],
)
def test_reference_numbers(value, error, pdg, short, one_digit):
    """The published rounding of the Particle Data Group, and one digit."""
    found = rounded(value, error)
    assert str(found) == pdg
    assert found.short == short
    assert str(rounded(value, error, "one digit")) == one_digit


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (0.354, "0.35"), (0.3549, "0.35"), (0.355, "0.4"), (0.949, "0.9"), (0.9499, "0.9"),
        (0.95, "1.0"), (0.999, "1.0"), (0.1, "0.10"), (0.0999, "0.10"), (1.0, "1.0"),
        (354.0, "350"), (355.0, "400"), (950.0, "1000"), (999.99, "1000"), (35.4, "35"),
    ],
)  # fmt: skip
def test_steps_of_the_rule(error, shown):
    """Where the number of digits changes, exactly."""
    assert rounded(0.0, error).error == shown


def test_agrees_with_uncertainties():
    """Random values with errors below ten, in both forms (it does not round to tens)."""
    draw = random.Random(0)
    for _ in range(3_000):
        error = 10 ** draw.uniform(-4, 1)
        value = draw.choice([-1, 1]) * error * 10 ** draw.uniform(0.1, 4)
        if abs(value) >= 1e8:
            continue
        number = ufloat(value, error)
        found = rounded(value, error)
        assert str(found).replace(" ± ", "+/-") == f"{number:f}", (value, error)
        assert found.short == f"{number:fS}", (value, error)


def test_values_that_are_no_numbers():
    """NaN and infinity come out by name, with or without an error."""
    assert str(rounded(math.nan, 0.1)) == "NaN"
    assert str(rounded(math.inf, 0.1)) == "Inf"
    assert str(rounded(-math.inf)) == "-Inf"
    assert str(rounded(1.5, math.inf)) == "1.5 ± Inf"
    assert str(rounded(1.5, math.nan)) == str(rounded(1.5)) == "1.5"


def test_zero_never_has_a_minus():
    """Neither a negative zero nor what is rounded to zero."""
    assert str(rounded(-0.0001, 0.01)) == "0.000 ± 0.010"
    assert str(rounded(-1.0, 234.0)) == "0 ± 230"
    assert str(rounded(-0.0, 0.0)) == "0 ± 0"
    assert plain(-0.0) == "0"
    assert percent(-0.0) == "0 %"


def test_no_error_to_speak_of():
    """An error of zero, and one that a float64 cannot hold beside the value."""
    assert str(rounded(3.28, 0.0)) == "3.28 ± 0"
    assert str(rounded(1.0, 1e-300)) == "1 ± 0"
    assert rounded(1.5e-9, 0.0).short == "1.5(0)e-9"


def test_very_large_and_very_small():
    """They share a power of ten, at the ends of a float64 too."""
    assert str(rounded(1.5e-7, 3e-9)) == "(1.500 ± 0.030)e-7"
    assert rounded(1.5e10, 3e8).short == "1.500(30)e10"
    assert str(rounded(1.7e308, 1e307)) == "(1.70 ± 0.10)e308"
    assert str(rounded(5e-324, 5e-324)) == "(5 ± 5)e-324"
    assert str(rounded(0.0, 1e-12)) == "(0.0 ± 1.0)e-12"
    assert plain(10**400) == f"{10**400:,}"
    assert plain(5e-324) == "4.941e-324"


def test_the_value_lies_within_the_error_it_is_printed_with():
    """Rounding moves a value by at most half a unit of its last place."""
    draw = random.Random(1)
    for _ in range(2_000):
        value, error = draw.gauss(0, 1) * 10 ** draw.uniform(-12, 12), 10 ** draw.uniform(-12, 12)
        found = rounded(value, error)
        unit = float(f"1e{found.exponent}") * 10.0 ** -len(found.value.partition(".")[2])
        assert abs(float(found.value) * 10.0**found.exponent - value) <= max(
            unit * 0.5001, error * 0.5001, abs(value) * 1e-14
        )
        assert not found.value.startswith("-0") or float(found.value)


def test_numbers_of_other_libraries():
    """NumPy's numbers are as good as Python's."""
    assert str(rounded(np.float32(1.5), np.float32(0.25))) == "1.50 ± 0.25"
    assert str(rounded(np.int64(1500), np.int64(23))) == "1500 ± 23"
    assert plain(np.int64(200_000)) == "200,000"
    assert plain(np.float64(0.1)) == "0.1"


def test_plain_numbers():
    """Whole numbers exactly, others in four digits but never without their whole part."""
    expected = {
        3.14159: "3.142", 0.5: "0.5", 100.0: "100", 1234.56: "1235", 99999.6: "100,000",
        1234567.8: "1,234,568", 999999999.7: "1e9", -1.25e-9: "-1.25e-9", 0.000123456: "0.0001235",
        0.99999: "1", 12345678901234567890: "12,345,678,901,234,567,890",
    }  # fmt: skip
    assert {number: plain(number) for number in expected} == expected
    assert plain(np.int64(1)) == "1"


def test_p_values_never_cross_a_threshold():
    """What is below 0.05 does not read 0.050, and what is above does not either."""
    assert p_value(0.0123) == "0.012"
    assert p_value(0.0009) == p_value(0.0) == "< 0.001"
    assert p_value(0.001) == "0.001"
    assert p_value(0.0496) == "0.0496"
    assert p_value(0.04999999) == "0.04999999"
    assert p_value(0.05) == "0.050"
    assert p_value(0.0504) == "0.050"
    assert p_value(0.9999) == "0.9999"
    assert p_value(1.0) == "1.000"
    assert p_value(math.nan) == "NaN"
    draw = random.Random(2)
    for _ in range(2_000):
        p = draw.random() ** 3
        if p >= 0.001:
            assert (float(p_value(p)) < 0.05) == (p < 0.05)


def test_percentages():
    """Three digits, the sign that it has, and a space."""
    assert [percent(x) for x in (12.3456, -3.0, 0.01234, 100, math.nan)] == [
        "12.3 %", "-3 %", "0.0123 %", "100 %", "NaN %",
    ]  # fmt: skip


def test_what_cannot_be_asked():
    """A negative error, an unknown rule, a p-value out of range: each is named."""
    with pytest.raises(EvidenceError, match=r"error of 1\.0 is -0\.1"):
        rounded(1.0, -0.1)
    with pytest.raises(EvidenceError, match=r"no rounding rule 'pgd' .did you mean 'pdg'"):
        rounded(1.0, 0.1, "pgd")
    with pytest.raises(EvidenceError, match=r"1\.5 is no p-value"):
        p_value(1.5)


def test_fixed_decimals():
    """As many as are asked for, of value and error; a zero has no minus, NaN is NaN."""
    assert str(fixed(3.27837, 0.00142, 2)) == "3.28 ± 0.00"
    assert fixed(3.27837, 0.0142, 3).short == "3.278(14)"
    assert str(fixed(-0.001, None, 2)) == "0.00"
    assert str(fixed(12, float("nan"), 1)) == "12.0"
    assert str(fixed(float("nan"), 1.0, 2)) == "NaN"
    assert str(fixed(2.5, float("inf"), 1)) == "2.5 ± Inf"
    assert str(Number(327.81, decimals=1, unit="%").rounded) == "327.8"
