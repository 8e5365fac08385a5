"""What settings are called."""

import math

import pytest

from epochal.analyze.replicates import names


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.44999999999999996, 0.15], ["off=0.45", "off=0.15"]),
        ([0.30000000000000004, 1e-05], ["off=0.3", "off=1e-05"]),
        ([1.0, 3], ["off=1.0", "off=3"]),
        ([0.1234567, 0.1234568], ["off=0.1234567", "off=0.1234568"]),
        ([0.1, 0.1 + 2**-54], ["off=0.1", "off=0.10000000000000006"]),
        ([math.inf, math.nan], ["off=inf", "off=nan"]),
        ([[0.1 + 0.2, 1], "x"], ["off=[0.3, 1]", "off=x"]),
    ],
)
def test_numbers_are_called_what_people_wrote(values, expected):
    """Binary rounding is not shown, but numbers that differ have names that differ."""
    assert [name for name, _ in names([{"off": value} for value in values])] == expected
